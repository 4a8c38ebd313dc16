"""Each kind of violation, made by hand: a checker that can't fail finds nothing."""

from collections.abc import Callable

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from simulation import facts
from simulation.checker import Applied, Final, check
from simulation.history import Fact, Fate, History

KEY = bytes(32)
CREATED = facts.created("budget", b"create")
ANNA = facts.key("anna", 1)
BALLOT = facts.ballot("budget", "anna", b"cast")


def _batch(*commands: pb.Command) -> bytes:
    batch = pb.Batch(version=1, proposer="n1", clock_us=10, commands=commands)
    return batch.SerializeToString()


REGISTER = pb.Command(
    register_voter=pb.RegisterVoter(
        request_id=b"register", name="anna", group="staff", public_key=KEY
    )
)
CREATE = pb.Command(
    create_election=pb.CreateElection(
        request_id=b"create",
        bearer=pb.Bearer(voter_name="anna", key_version=1),
        name="budget",
        groups=["staff"],
        choices=["yes", "no"],
        end_us=100,
    )
)
CAST = pb.Command(
    cast_ballot=pb.CastBallot(
        request_id=b"cast",
        bearer=pb.Bearer(voter_name="anna", key_version=1),
        election_name="budget",
        choice="yes",
    )
)
ENTRIES = (_batch(REGISTER), _batch(CREATE), _batch(CAST))


class Run:
    """A run in which all went well; tests spoil it."""

    def __init__(self) -> None:
        self.history, self.applied = History(), Applied()
        for index, entry in enumerate(ENTRIES, 2):
            for node in ("n1", "n2"):
                self.applied.apply(node, index, 1, entry)
        self.applied.leads("n1", 1)
        self.finals = [self.final(node, ENTRIES) for node in ("n1", "n2")]
        for request_id, fact in ((b"register", ANNA), (b"cast", BALLOT)):
            call = self.history.begin("n1", request_id, fact)
            self.history.finish(call, Fate.ANSWERED, Outcome.ACCEPTED)

    @staticmethod
    def final(node: str, entries: tuple[bytes, ...]) -> Final:
        state = Elections()
        for entry in entries:
            state.apply(pb.Batch.FromString(entry))
        return Final(node, 4, ready=True, state=state)

    def read(self, *seen: Fact, closed: tuple[int, ...] | None = None) -> None:
        history = self.history
        history.saw("n2", "budget", history.tick(), seen, closed)

    def verdict(self) -> str:
        return "\n".join(check(self.history, self.applied, self.finals))


def test_a_good_run_is_good() -> None:
    run = Run()
    run.history.begin("n1", b"create", CREATED)
    run.read(CREATED, BALLOT)
    assert run.verdict() == ""


def _lose(run: Run) -> None:
    run.finals[1] = run.final("n2", ENTRIES[:2])


def _double(run: Run) -> None:
    state = run.finals[0].state
    assert state is not None
    state.elections["budget"].tally[0] += 1


def _call_definite(run: Run) -> None:
    run.history.calls[1].fate, run.history.calls[1].outcome = Fate.DEFINITE, None


def _reject(run: Run) -> None:
    run.history.calls[1].outcome = Outcome.ELECTION_CLOSED


def _read_stale(run: Run) -> None:
    run.read()


def _read_back(run: Run) -> None:
    run.history.calls[1].fate, run.history.calls[1].outcome = Fate.UNKNOWN, None
    run.read(BALLOT)
    run.read()


def _read_what_nobody_asked(run: Run) -> None:
    run.read(BALLOT, facts.ballot("budget", "zoe", b"from nowhere"))


def _reopen(run: Run) -> None:
    run.read(BALLOT, closed=(0, 1))
    run.read(BALLOT, closed=(1, 0))


def _apply_another(run: Run) -> None:
    run.applied.apply("n2", 3, 2, ENTRIES[1])


def _lead_twice(run: Run) -> None:
    run.applied.leads("n2", 1)


def _stay_behind(run: Run) -> None:
    run.finals[1].applied_index = 3


def _not_come_back(run: Run) -> None:
    run.finals[1].state = None


def _not_get_ready(run: Run) -> None:
    run.finals[1].ready = False


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_lose, "lost on n2: budget: anna has voted (cast), acknowledged by n1"),
        (_lose, "the nodes' states differ at the same index"),
        (_lose, "n2 has another state than its log makes"),
        (_double, "budget on n1: 2 votes of 1 voters"),
        (_call_definite, "definitely not done, and done"),
        (_reject, "told ELECTION_CLOSED for budget: anna has voted (cast); the log: ACCEPTED"),
        (_reject, "and done: budget: anna has voted (cast)"),
        (_read_stale, "stale read from n2: it lacks budget: anna has voted (cast), acknowledged"),
        (_read_back, "stale read from n2: it lacks budget: anna has voted (cast), read from n2"),
        (_read_what_nobody_asked, "showed budget: zoe has voted (from nowhere), which nobody"),
        (_reopen, "budget was closed with (0, 1), then (1, 0)"),
        (_apply_another, "n2 applied another entry at 3: term 2 after term 1"),
        (_lead_twice, "n2 leads in term 1, and so does n1"),
        (_stay_behind, "did not get equally far: n1 4, n2 3"),
        (_not_come_back, "n2 did not come back"),
        (_not_get_ready, "n2 did not become ready"),
    ],
)
def test_the_checker_finds(spoil: Callable[[Run], None], complaint: str) -> None:
    run = Run()
    spoil(run)
    assert complaint in run.verdict()
