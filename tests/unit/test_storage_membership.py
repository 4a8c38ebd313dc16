"""Membership: which disk may speak under a member's name."""

import json
from pathlib import Path

import pytest

from quorate_replication.errors import EngineStartError
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.messages import Hello, Refusal, Standing, TurnedAway, Welcome

OWN, NEW, OTHER, THIRD = b"o" * 16, b"n" * 16, b"p" * 16, b"t" * 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def member(  # noqa: PLR0913 - what `open` takes
    folder: Path,
    *,
    name: str = "n1",
    cluster: str = "c",
    others: tuple[str, ...] = ("n2", "n3"),
    fresh: bytes = OWN,
    replace: bool = False,
) -> Membership:
    opened = Membership.open(
        OsDisk(folder),
        cluster_id=cluster,
        name=name,
        others=others,
        fresh_incarnation=fresh,
        replace=replace,
    )
    Journal.open(OsDisk(folder)).close()  # as a node does next
    return opened


def newborn(folder: Path, name: str = "n1", cluster: str = "c") -> None:
    (folder / "newborn.json").write_text(json.dumps({"cluster_id": cluster, "name": name}))


def hello(
    name: str = "n2", incarnation: bytes = OTHER, standing: Standing = Standing.VOTER
) -> Hello:
    return Hello("c", name, incarnation, standing)


def test_it_is_a_greeter(folder: Path) -> None:
    greeter: Greeter = member(folder)
    assert greeter.hello() == Hello("c", "n1", OWN, Standing.ASKING)


# ------------------------------------------------------------------ how it begins


def test_a_folder_that_init_made_is_a_voters_once(folder: Path) -> None:
    newborn(folder)
    assert member(folder).counts
    assert not (folder / "newborn.json").exists()
    assert (folder / "member.json").stat().st_mode & 0o777 == 0o600


def test_an_empty_folder_asks(folder: Path) -> None:
    asking = member(folder)
    assert asking.standing is Standing.ASKING
    assert not asking.counts


def test_a_member_without_others_need_not_ask(folder: Path) -> None:
    assert member(folder, others=()).counts


def test_an_empty_folder_of_a_replaced_disk_does_not_count_even_alone(folder: Path) -> None:
    assert member(folder, replace=True).standing is Standing.REPLACING


def test_what_it_is_survives_a_restart(folder: Path) -> None:
    member(folder, replace=True)
    again = member(folder, fresh=NEW)
    assert again.hello() == Hello("c", "n1", OWN, Standing.REPLACING)


def test_replace_changes_nothing_where_there_is_a_member(folder: Path) -> None:
    newborn(folder)
    member(folder)
    assert member(folder, replace=True, fresh=NEW).hello() == Hello("c", "n1", OWN, Standing.VOTER)


def test_one_who_was_turned_away_when_it_asked_can_still_be_told_to_replace(folder: Path) -> None:
    assert member(folder).standing is Standing.ASKING
    again = member(folder, replace=True, fresh=NEW)
    assert again.hello() == Hello("c", "n1", OWN, Standing.REPLACING)
    assert member(folder).standing is Standing.REPLACING


@pytest.mark.parametrize(("name", "cluster"), [("n9", "c"), ("n1", "other")])
def test_another_members_folder_is_refused(folder: Path, name: str, cluster: str) -> None:
    newborn(folder)
    member(folder)
    with pytest.raises(EngineStartError, match="belongs to another node or cluster"):
        member(folder, name=name, cluster=cluster)


@pytest.mark.parametrize(("name", "cluster"), [("n9", "c"), ("n1", "other")])
def test_another_members_marker_is_refused(folder: Path, name: str, cluster: str) -> None:
    newborn(folder, name, cluster)
    with pytest.raises(EngineStartError, match="belongs to another node or cluster"):
        member(folder)
    assert [path.name for path in folder.iterdir()] == ["newborn.json"]


def test_a_marker_that_cannot_be_read_is_refused(folder: Path) -> None:
    for content in (b"", b"\xff", b"[" * 100_000):
        (folder / "newborn.json").write_bytes(content)
        with pytest.raises(EngineStartError, match=r"newborn\.json can't be read"):
            member(folder)


@pytest.mark.parametrize("left", [f"journal-{1:020}", "snapshot"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_log_without_a_member_file_is_refused(folder: Path, left: str, marked: bool) -> None:
    if marked:
        newborn(folder)
    (folder / left).touch()
    for replace in (True, False):
        with pytest.raises(EngineStartError, match=r"member\.json is missing.*--replace"):
            member(folder, replace=replace)


def test_the_log_of_an_older_version_is_refused(folder: Path) -> None:
    (folder / "raft.journal").touch()
    with pytest.raises(EngineStartError, match="older version"):
        member(folder)


def test_a_member_that_has_met_others_is_refused_without_its_journal(folder: Path) -> None:
    newborn(folder)
    member(folder).greet(hello())
    (folder / f"journal-{1:020}").unlink()
    with pytest.raises(EngineStartError, match=r"journal .* is missing.*--replace"):
        member(folder)


def test_every_file_cut_short_and_every_form_but_its_own_is_refused(folder: Path) -> None:
    newborn(folder)
    member(folder).greet(hello())
    whole = (folder / "member.json").read_text()
    fields = json.loads(whole)
    wrong = [whole[:length] for length in range(len(whole) - 1)]
    others: list[object] = [None, 7.5, ["x"], "x"]
    for key in fields:
        of_another_type = others[:3] if key in {"cluster_id", "name"} else others
        wrong += [json.dumps({**fields, key: value}) for value in of_another_type]
    wrong += [json.dumps({k: v for k, v in fields.items() if k != key}) for key in fields]
    wrong += ["[" * 100_000, "[]", "\0", " " * (2 << 20)]
    for content in wrong:
        (folder / "member.json").write_text(content)
        with pytest.raises(EngineStartError, match=r"member\.json can't be read"):
            member(folder)


def test_a_newer_member_file_asks_for_a_newer_program(folder: Path) -> None:
    member(folder)
    fields = json.loads((folder / "member.json").read_text())
    (folder / "member.json").write_text(json.dumps({**fields, "version": 2, "name": 5}))
    with pytest.raises(EngineStartError, match=r"newer than this program.*update it"):
        member(folder)


@pytest.mark.parametrize("replace", [True, False])
def test_a_folder_that_is_used_for_something_else_is_refused(folder: Path, replace: bool) -> None:
    (folder / "lock").touch()
    (folder / ".keep").touch()
    (folder / "DESIGN.md").touch()
    with pytest.raises(EngineStartError, match=r"is not empty: it holds DESIGN\.md"):
        member(folder, replace=replace)
    assert not (folder / "member.json").exists()


def test_a_disk_that_cannot_be_written_is_one_clear_line(folder: Path) -> None:
    (folder / "member.json.partial").mkdir()
    with pytest.raises(EngineStartError, match=r"cannot use .*member\.json: Is a directory"):
        member(folder)


# ------------------------------------------------------------------ greeting


def test_a_new_acquaintance_is_welcomed_and_remembered(folder: Path) -> None:
    newborn(folder)
    assert member(folder).greet(hello()) == Welcome(OWN, Standing.VOTER)
    again = member(folder)
    assert again.greet(hello()) == Welcome(OWN, Standing.VOTER)
    assert again.greet(hello(incarnation=NEW)) == TurnedAway(Refusal.OTHER_INCARNATION)


@pytest.mark.parametrize("standing", [Standing.VOTER, Standing.ASKING])
def test_a_wiped_disk_is_turned_away(folder: Path, standing: Standing) -> None:
    own = member(folder)
    own.greet(hello())
    away = own.greet(hello(incarnation=NEW, standing=standing))
    assert away == TurnedAway(Refusal.OTHER_INCARNATION)
    assert not own.welcomed("n2", Welcome(NEW, standing))


def test_a_replaced_disk_takes_the_place_of_the_lost_one_which_never_comes_back(
    folder: Path,
) -> None:
    own = member(folder)
    own.greet(hello())
    assert isinstance(own.greet(hello(incarnation=NEW, standing=Standing.REPLACING)), Welcome)
    assert own.greet(hello()) == TurnedAway(Refusal.OTHER_INCARNATION)
    assert isinstance(member(folder).greet(hello(incarnation=NEW)), Welcome)


def test_a_replaced_disk_says_so_until_every_other_member_has_met_it(folder: Path) -> None:
    own = member(folder, replace=True)
    own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    own.caught_up()
    assert own.counts
    assert own.hello().standing is Standing.REPLACED  # n3 was down, and knows the lost disk
    again = member(folder)
    assert again.counts
    again.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    assert again.hello().standing is Standing.REPLACED
    again.welcomed("n3", Welcome(THIRD, Standing.VOTER))
    assert member(folder).hello().standing is Standing.VOTER


def test_a_replaced_disk_that_all_have_met_is_a_voters_at_once(folder: Path) -> None:
    own = member(folder, replace=True)
    own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    own.welcomed("n3", Welcome(THIRD, Standing.VOTER))
    own.caught_up()
    assert own.standing is Standing.VOTER


def test_one_who_was_down_meanwhile_accepts_the_replaced_disk(folder: Path) -> None:
    own = member(folder)
    own.greet(hello())
    assert isinstance(own.greet(hello(incarnation=NEW, standing=Standing.REPLACED)), Welcome)
    assert own.greet(hello()) == TurnedAway(Refusal.OTHER_INCARNATION)


def test_strangers_are_turned_away(folder: Path) -> None:
    own = member(folder)
    assert own.greet(Hello("other", "n2", OTHER, Standing.VOTER)) == TurnedAway(
        Refusal.WRONG_CLUSTER
    )
    for name in ("n9", "n1", ""):
        assert own.greet(hello(name)) == TurnedAway(Refusal.NOT_A_MEMBER)
    assert not own.welcomed("n9", Welcome(OTHER, Standing.VOTER))


def test_meeting_again_writes_nothing(folder: Path) -> None:
    own = member(folder)
    own.greet(hello())
    inode = (folder / "member.json").stat().st_ino
    own.greet(hello())
    own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    assert (folder / "member.json").stat().st_ino == inode


# ------------------------------------------------------------------ coming to count


def test_one_who_asks_counts_once_every_other_member_has_welcomed_it(folder: Path) -> None:
    own = member(folder)
    assert own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    assert own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    own.greet(hello("n3", THIRD))  # it calls, but has not said whether it knows us
    assert not own.counts
    assert own.welcomed("n3", Welcome(THIRD, Standing.ASKING))
    assert own.counts
    assert member(folder).counts


def test_welcomes_do_not_make_a_replaced_disk_count(folder: Path) -> None:
    own = member(folder, replace=True)
    assert own.welcomed("n2", Welcome(OTHER, Standing.VOTER))
    assert own.welcomed("n3", Welcome(THIRD, Standing.VOTER))
    assert not own.counts


def test_a_replaced_disk_counts_once_it_has_caught_up(folder: Path) -> None:
    member(folder, replace=True).caught_up()
    assert member(folder).counts


def test_catching_up_is_no_way_round_asking(folder: Path) -> None:
    own = member(folder)
    own.caught_up()
    assert not own.counts
