"""The volumes of a cluster of containers: what each of them is given, once.

Rule 1: the vault is what `quorate init` makes, and only whoever fills the volumes sees it: the CA's
key is nowhere else. It is there complete, or not at all.
Rule 2: a node's volume holds that node's folder; the officers' volume the profile, the CA's
certificate and the officers' keys. Each appears by one rename.
Rule 3: what is there stays as it is. Filling them again changes nothing.
Rule 4: a node is new once. The marker that says so leaves the vault before it goes into the node's
volume: a volume that was lost is filled again without it, and its node counts only when all the
others have agreed to that, or when it was told that it replaces a lost disk.
"""

import fcntl
import os
import shutil
import subprocess
import tomllib
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quorate_client.compose.putting import put, remove_leftovers
from quorate_client.errors import LocalError
from quorate_client.processes import replace_command
from quorate_client.profile import Profile
from quorate_client.provision import PROFILE, Plan, provision
from quorate_client.provision.folder import sync_folder
from quorate_client.provision.layout import NEWBORN

CLUSTER, NODE = "cluster", "node"
"""The folders inside the volumes: of the vault and the officers, and of a node."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """Where the volumes are mounted: the vault, the officers', and the nodes' by their names."""

    vault: Path
    officers: Path
    nodes: Path

    def fill(self, plan: Plan, replaced: Collection[str]) -> list[str]:
        """Make the cluster of `plan` if there is none, and give every volume what it lacks.

        Returns what there is to say, a line each. `replaced`: nodes whose disks were lost for good.
        Raises LocalError: something is not as it should be; then the vault and the nodes' data are
        as they were.
        """
        names = [node.name for node in plan.nodes]
        if unknown := sorted(set(replaced) - set(names)):
            raise LocalError(f"there is no node {unknown[0]!r}; there are {', '.join(names)}")
        for folder in (self.vault, self.officers, *(self.nodes / name for name in names)):
            if not folder.is_dir():
                raise LocalError(f"no volume is mounted at {folder}")
        try:
            with _locked(self.vault):
                return self._fill(plan, names, replaced)
        except OSError as error:
            raise LocalError(f"{error.filename}: {error.strerror}") from error

    def _fill(self, plan: Plan, names: Sequence[str], replaced: Collection[str]) -> list[str]:
        cluster = self.vault / CLUSTER
        for volume in (self.vault, self.officers, *(self.nodes / name for name in names)):
            remove_leftovers(volume)
        filled = {name: found for name in names if (found := self._cluster_of(name))}
        if not cluster.is_dir():
            if filled:
                return [_without_vault(filled, names, replaced)]
            provision(cluster, plan)
            said = [f"made a cluster of {len(names)} nodes: {', '.join(names)}"]
        else:
            said = []
        profile = Profile.load(cluster)
        _check_same(profile, names, filled)
        self._give_officers(cluster)
        for name in names:
            said += self._give_node(cluster, name, replaced=name in replaced)
        return said or ["everything is in its place: nothing was changed"]

    def _cluster_of(self, name: str) -> str:
        """Return the cluster that a node's volume belongs to, or nothing if it is empty."""
        volume = self.nodes / name
        settings = volume / NODE / "node.toml"
        if settings.is_file():
            try:
                return str(tomllib.loads(settings.read_text())["cluster_id"])
            except (ValueError, KeyError):
                raise LocalError(f"{settings}: not a node's settings") from None
        if strange := sorted(p.name for p in volume.iterdir() if p.name != "lost+found"):
            raise LocalError(f"the volume of {name} is not ours: it holds {strange[0]}")
        return ""

    def _give_officers(self, cluster: Path) -> None:
        target = self.officers / CLUSTER
        if not target.exists():
            with put(target) as staging:
                for name in (PROFILE, "ca.pem"):
                    shutil.copy2(cluster / name, staging)
                shutil.copytree(cluster / "officers", staging / "officers")
        elif Profile.load(target).cluster_id != Profile.load(cluster).cluster_id:
            raise LocalError("the officers' volume is another cluster's: remove it")

    def _give_node(self, cluster: Path, name: str, *, replaced: bool) -> list[str]:
        target = self.nodes / name / NODE
        if target.exists():
            return [_replace(target)] if replaced else []
        original = cluster / "nodes" / name
        newborn = _take(original / "data" / NEWBORN)
        with put(target) as staging:
            shutil.copytree(original, staging, dirs_exist_ok=True)
            if newborn is not None:
                (staging / "data" / NEWBORN).write_bytes(newborn)
            elif replaced:
                return [_replace(staging)]
        if newborn is not None:
            return []
        lost = f"the volume of {name} was empty, and has its settings again"
        way_out = f"docker compose stop {name} && docker compose run --rm init --replace {name}"
        return [f"{lost}; if its disk is lost for good: {way_out}"]


def _check_same(profile: Profile, names: Sequence[str], filled: dict[str, str]) -> None:
    made = [node.name for node in profile.nodes]
    if made != list(names):
        raise LocalError(
            f"this cluster was made with {len(made)} nodes, not {len(names)}, and takes no more; "
            "nothing was changed"
        )
    for name, cluster_id in filled.items():
        if cluster_id != profile.cluster_id:
            raise LocalError(f"the volume of {name} is another cluster's: nothing was changed")


def _without_vault(filled: dict[str, str], names: Sequence[str], replaced: Collection[str]) -> str:
    """Let a cluster run on whose vault is lost, if it is complete."""
    if replaced or set(filled) != set(names) or len(set(filled.values())) > 1:
        raise LocalError(
            f"the vault is empty, but the volume of {next(iter(filled))} is a cluster's: bring the "
            "vault back from a copy, or remove the volumes of all nodes; nothing was changed"
        )
    return "the vault is empty: the cluster runs, but lost volumes can't be filled again"


def _take(marker: Path) -> bytes | None:
    """Remove a marker for good, and return it; None: it was taken before."""
    try:
        content = marker.read_bytes()
    except FileNotFoundError:
        return None
    marker.unlink()
    sync_folder(marker.parent)
    return content


def _replace(folder: Path) -> str:
    """Have a node's data folder marked as a replacement; see `quorate-node replace`."""
    ran = subprocess.run(  # noqa: S603  no shell
        replace_command(folder / "node.toml"), check=False, capture_output=True, text=True
    )
    if ran.returncode != 0:
        raise LocalError(ran.stderr.strip().removeprefix("error: ") or "quorate-node failed")
    return ran.stdout.strip()


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """One at a time: a lock that ends with its process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
