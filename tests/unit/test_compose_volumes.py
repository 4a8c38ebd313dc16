"""What the volumes of a cluster of containers are given: each its own, once."""

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quorate_client.compose import Volumes
from quorate_client.errors import LocalError
from quorate_client.profile import Profile
from quorate_client.provision import plan_hosts, provision
from quorate_node.config import load_config
from quorate_node.credentials import load_credentials
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from support.cluster import eventually

PLAN = plan_hosts(3)
NODE_FILES = {"node.toml", "cluster.secret", "ca.pem", "node.pem", "node.key"}
OFFICER_FILES = {
    f"officers/{role}.{end}" for role in ("registrar", "operator") for end in ("pem", "key")
}


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    places = Volumes(tmp_path / "vault", tmp_path / "officers", tmp_path / "nodes")
    for folder in (places.vault, places.officers, *(places.nodes / n for n in ("n1", "n2", "n3"))):
        folder.mkdir(parents=True)
    return places


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def state(volumes: Volumes) -> dict[str, tuple[int, int]]:
    """Every file there is: which one it is, and when it changed."""
    root = volumes.vault.parent
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in root.rglob("*")
    }


def lose(volumes: Volumes, name: str) -> None:
    subprocess.run(["rm", "-r", volumes.nodes / name / "node"], check=True)


def start_once(volumes: Volumes, name: str) -> Membership:
    """Do to a node's disk what its first start does."""
    config = load_config(volumes.nodes / name / "node/node.toml", {})
    return Membership.open(
        OsDisk(config.data_dir),
        cluster_id=config.cluster_id,
        name=name,
        others={member.name for member in config.members} - {name},
        fresh_incarnation=os.urandom(16),
        replace=False,
    )


def test_a_nodes_volume_holds_its_own_files_and_nobody_elses(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    for name in ("n1", "n2", "n3"):
        volume = volumes.nodes / name
        assert files(volume) == {f"node/{file}" for file in (*NODE_FILES, "data/newborn.json")}
        config = load_config(volume / "node/node.toml", {})
        assert load_credentials(config.tls, name)
    keys = {(volumes.nodes / name / "node/node.key").read_bytes() for name in ("n1", "n2", "n3")}
    assert len(keys) == 3


def test_the_officers_have_no_key_but_their_own(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    assert files(volumes.officers) == {
        f"cluster/{file}" for file in ("cluster.toml", "ca.pem", *OFFICER_FILES)
    }
    profile = Profile.load(volumes.officers / "cluster")
    assert [node.client for node in profile.nodes] == ["n1:7400", "n2:7400", "n3:7400"]


def test_the_cas_key_is_in_the_vault_alone(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    held = [path for path in volumes.vault.parent.rglob("*") if path.name == "ca.key"]
    assert held == [volumes.vault / "cluster/ca.key"]


def test_what_is_in_the_volumes_is_their_owners_only(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    for volume in (volumes.vault, volumes.officers, *volumes.nodes.iterdir()):
        for path in volume.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            if path.is_dir():
                assert mode == 0o700, path
            elif path.suffix in {".key", ".secret"}:
                assert mode == 0o600, path


def test_a_node_listens_everywhere_and_finds_the_others_by_name(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    config = load_config(volumes.nodes / "n2/node/node.toml", {})
    listen = config.listen
    assert (listen.client, listen.officer, listen.peer) == (
        "0.0.0.0:7400",
        "0.0.0.0:7500",
        "0.0.0.0:7600",
    )
    assert [(member.client, member.peer) for member in config.members] == [
        (f"n{number}:7400", f"n{number}:7600") for number in (1, 2, 3)
    ]


def test_filling_them_again_changes_nothing(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    before = state(volumes)
    assert volumes.fill(PLAN, []) == ["everything is in its place: nothing was changed"]
    assert state(volumes) == before


def test_two_that_fill_them_at_once_make_one_cluster(volumes: Volumes) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(volumes.fill, PLAN, []) for _ in range(2)]
        said = [each.result() for each in both]
    assert sum("made a cluster" in lines[0] for lines in said) == 1
    made = {load_config(p / "node/node.toml", {}).cluster_id for p in volumes.nodes.iterdir()}
    assert made == {Profile.load(volumes.officers / "cluster").cluster_id}


@pytest.mark.parametrize("moment", ["vault/.cluster.*", "vault/cluster", "nodes/n*/node"])
def test_whoever_is_killed_while_filling_them_leaves_what_the_next_one_completes(
    volumes: Volumes, moment: str
) -> None:
    root = volumes.vault.parent
    command = (
        "import sys; from pathlib import Path; from quorate_client.compose import Volumes;"
        "from quorate_client.provision import plan_hosts;"
        "Volumes(*map(Path, sys.argv[1:])).fill(plan_hosts(3), [])"
    )
    places = (volumes.vault, volumes.officers, volumes.nodes)
    with subprocess.Popen([sys.executable, "-c", command, *places]) as process:
        eventually(lambda: any(root.glob(moment)) or process.poll() is not None, moment)
        process.send_signal(signal.SIGKILL)
    volumes.fill(PLAN, [])
    assert not [path for path in root.rglob(".*") if path.is_dir()]
    for name in ("n1", "n2", "n3"):
        assert files(volumes.nodes / name) >= {f"node/{file}" for file in NODE_FILES}
        config = load_config(volumes.nodes / name / "node/node.toml", {})
        assert load_credentials(config.tls, name)


def test_a_cluster_that_was_made_and_not_handed_out_is_handed_out(volumes: Volumes) -> None:
    provision(volumes.vault / "cluster", PLAN)
    volumes.fill(PLAN, [])
    for name in ("n1", "n2", "n3"):
        assert (volumes.nodes / name / "node/data/newborn.json").is_file()
    assert not list(volumes.vault.rglob("newborn.json"))


def test_a_volume_that_was_lost_gets_the_same_keys_and_is_not_new_again(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    key = (volumes.nodes / "n2/node/node.key").read_bytes()
    lose(volumes, "n2")
    (line,) = volumes.fill(PLAN, [])
    assert "docker compose run --rm init --replace n2" in line
    assert (volumes.nodes / "n2/node/node.key").read_bytes() == key
    assert files(volumes.nodes / "n2") == {f"node/{file}" for file in NODE_FILES}
    assert not start_once(volumes, "n2").counts


def test_a_volume_lost_before_its_node_ever_ran_is_not_new_again_either(volumes: Volumes) -> None:
    """Nobody can tell that it never ran; the others can, and are asked."""
    volumes.fill(PLAN, [])
    lose(volumes, "n1")
    volumes.fill(PLAN, [])
    assert not (volumes.nodes / "n1/node/data/newborn.json").exists()


@pytest.mark.parametrize("filled_before", [True, False])
def test_a_lost_disk_is_replaced_when_it_is_said(volumes: Volumes, filled_before: bool) -> None:
    volumes.fill(PLAN, [])
    lose(volumes, "n2")
    if filled_before:
        volumes.fill(PLAN, [])
        start_once(volumes, "n2")
    for _ in range(2):  # saying it again does no harm
        (line,) = volumes.fill(PLAN, ["n2"])
        assert line == "n2 has a new disk: it will catch up before it votes"
    member = json.loads((volumes.nodes / "n2/node/data/member.json").read_text())
    assert member["standing"] == "replacing"


def test_a_disk_with_a_vote_on_it_is_not_replaced(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    assert start_once(volumes, "n2").counts
    before = (volumes.nodes / "n2/node/data/member.json").read_bytes()
    with pytest.raises(LocalError, match="holds what n2 votes with; nothing was changed"):
        volumes.fill(PLAN, ["n2"])
    assert (volumes.nodes / "n2/node/data/member.json").read_bytes() == before


def test_a_new_disk_is_not_replaced(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    with pytest.raises(LocalError, match="is new, no replacement"):
        volumes.fill(PLAN, ["n2"])
    assert start_once(volumes, "n2").counts


def test_nodes_are_not_added_to_a_cluster(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    for name in ("n4", "n5"):
        (volumes.nodes / name).mkdir()
    before = state(volumes)
    with pytest.raises(LocalError, match="made with 3 nodes, not 5, and takes no more; nothing"):
        volumes.fill(plan_hosts(5), [])
    assert state(volumes) == before


def test_a_volume_with_something_else_in_it_is_left_alone(volumes: Volumes) -> None:
    (volumes.nodes / "n3/holiday.jpg").touch()
    with pytest.raises(LocalError, match=r"the volume of n3 is not ours: it holds holiday.jpg"):
        volumes.fill(PLAN, [])
    assert not any(volumes.vault.iterdir())
    assert not any((volumes.nodes / "n1").iterdir())


def test_what_a_file_system_puts_into_a_new_volume_does_no_harm(volumes: Volumes) -> None:
    (volumes.nodes / "n3/lost+found").mkdir()
    volumes.fill(PLAN, [])
    assert (volumes.nodes / "n3/node/node.toml").is_file()


def test_a_volume_of_another_cluster_is_left_alone(volumes: Volumes, tmp_path: Path) -> None:
    volumes.fill(PLAN, [])
    lose(volumes, "n1")
    other = provision(tmp_path / "other", PLAN)
    (tmp_path / "other/nodes/n1").rename(volumes.nodes / "n1/node")
    with pytest.raises(LocalError, match="the volume of n1 is another cluster's"):
        volumes.fill(PLAN, [])
    assert load_config(volumes.nodes / "n1/node/node.toml", {}).cluster_id == other.cluster_id


def test_a_cluster_without_its_vault_runs_on(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    subprocess.run(["rm", "-r", volumes.vault / "cluster"], check=True)
    before = state(volumes)
    (line,) = volumes.fill(PLAN, [])
    assert "the vault is empty: the cluster runs" in line
    assert state(volumes) == before


def test_no_second_cluster_is_made_beside_what_is_left_of_one(volumes: Volumes) -> None:
    volumes.fill(PLAN, [])
    subprocess.run(["rm", "-r", volumes.vault / "cluster"], check=True)
    lose(volumes, "n2")
    with pytest.raises(LocalError, match="the vault is empty, but the volume of n1"):
        volumes.fill(PLAN, [])
    assert not any(volumes.vault.iterdir())


def test_a_volume_that_is_not_mounted_is_named(volumes: Volumes) -> None:
    volumes.officers.rmdir()
    with pytest.raises(LocalError, match=f"no volume is mounted at {volumes.officers}"):
        volumes.fill(PLAN, [])
    assert not any(volumes.vault.iterdir())


def test_a_node_that_does_not_exist_is_not_replaced(volumes: Volumes) -> None:
    with pytest.raises(LocalError, match="there is no node 'n4'; there are n1, n2, n3"):
        volumes.fill(PLAN, ["n4"])
    assert not any(volumes.vault.iterdir())
