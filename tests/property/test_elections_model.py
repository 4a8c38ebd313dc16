"""The state machine does what the model says, whatever happens in whatever order."""

from collections import defaultdict

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.clock import NEVER_US
from quorate_replication.state.elections import Elections, FrozenElections
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import digest, dump, load

from .model import Model
from .strategies import (
    GROUPS,
    MEMBERS,
    NOON,
    VOTERS,
    ballots,
    beginning,
    commands,
    drifts,
    extensions,
    memberships,
    papers,
    with_tokens,
)

ANSWERS_KEPT = 16

proposers = st.sampled_from(MEMBERS)


class ElectionsAgainstModel(RuleBasedStateMachine):
    """Gives the same batches to both and compares what they say and what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Elections()
        self.model = Model()
        self.true_us = NOON - 5
        self.sent: list[tuple[pb.Command, Outcome]] = []
        self.counted: defaultdict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.results: dict[str, list[int]] = {}
        self.latest_us = NEVER_US
        self.frozen: list[tuple[FrozenElections, bytes]] = []

    def propose(self, proposer: str, reading_us: int, *wishes: pb.Command) -> list[Outcome]:
        ready = [with_tokens(wish, self.model.key_version_of) for wish in wishes]
        batch = pb.Batch(version=1, proposer=proposer, clock_us=reading_us, commands=ready)
        outcomes = self.state.apply(batch)
        assert outcomes == self.model.apply(batch)
        for command, outcome in zip(ready, outcomes, strict=True):
            event(f"{command.WhichOneof('kind')}: {outcome.name}")
            self.sent.append((command, outcome))
            ballot = command.cast_ballot
            if command.HasField("cast_ballot") and outcome is Outcome.ACCEPTED:
                self.counted[ballot.election_name, ballot.bearer.voter_name].add(ballot.request_id)
        return outcomes

    # ------------------------------------------------------------------ what happens

    @initialize(size=st.sampled_from([1, 3, 3, 4, 5, 5]))
    def begin(self, size: int) -> None:
        first = beginning(size)
        outcomes = self.propose(first.proposer, first.clock_us, *first.commands)
        assert set(outcomes) == {Outcome.ACCEPTED}

    @rule(proposer=proposers, drift_us=drifts, wishes=st.lists(ballots, min_size=1, max_size=9))
    def ballots_are_cast(self, proposer: str, drift_us: int, wishes: list[pb.Command]) -> None:
        self.propose(proposer, self.true_us + drift_us, *wishes)

    @rule(
        proposer=proposers,
        drift_us=drifts,
        wish=papers,
        ends_in_us=st.none() | st.integers(-1, 1),
    )
    def an_election_is_called(
        self, proposer: str, drift_us: int, wish: pb.Command, ends_in_us: int | None
    ) -> None:
        reading_us = self.true_us + drift_us
        if ends_in_us is not None:
            wish.create_election.end_us = reading_us + ends_in_us
        self.propose(proposer, reading_us, wish)

    @rule(proposer=proposers, drift_us=drifts, wishes=st.lists(extensions, min_size=1, max_size=3))
    def ends_are_moved(self, proposer: str, drift_us: int, wishes: list[pb.Command]) -> None:
        self.propose(proposer, self.true_us + drift_us, *wishes)

    @rule(proposer=proposers, drift_us=drifts, wishes=st.lists(commands, max_size=9))
    def a_mixed_batch_is_proposed(
        self, proposer: str, drift_us: int, wishes: list[pb.Command]
    ) -> None:
        self.propose(proposer, self.true_us + drift_us, *wishes)

    @rule(
        proposer=proposers,
        drift_us=drifts,
        which=st.lists(st.integers(0), min_size=1, max_size=3),
    )
    def requests_are_repeated(self, proposer: str, drift_us: int, which: list[int]) -> None:
        for number in which:
            command, first = self.sent[number % len(self.sent)]
            names = command.register_voter.name, command.unregister_voter.name
            kept = all(len(self.model.changes_of(name)) <= ANSWERS_KEPT for name in names)
            (outcome,) = self.propose(proposer, self.true_us + drift_us, command)
            if first.is_acceptance and kept:
                assert outcome is first

    @rule(
        voter=st.sampled_from(VOTERS), times=st.integers(1, ANSWERS_KEPT + 2), serial=st.integers(1)
    )
    def a_voter_registers_again_and_again(self, voter: str, times: int, serial: int) -> None:
        for number in range(times):
            joining = pb.RegisterVoter(
                request_id=b"%d.%d" % (serial % 1000, number),
                name=voter,
                group=GROUPS[0],
                public_key=b"k" * 32,
            )
            self.propose(MEMBERS[0], self.true_us, pb.Command(register_voter=joining))

    @rule(by_us=st.integers(1, 12), absent=st.sets(proposers, max_size=2))
    def time_passes(self, by_us: int, absent: set[str]) -> None:
        self.true_us += by_us
        for member in MEMBERS:
            if member not in absent:
                self.propose(member, self.true_us)

    @rule(membership=memberships, drift_us=st.integers(-2, 2))
    def members_change(self, membership: pb.Command, drift_us: int) -> None:
        """One who is to be a member proposes it, as the leader always is.

        (The state machine looks at the clock when a reading comes, the model after every fact.)
        """
        proposer = next(iter(membership.set_members.members), MEMBERS[0])
        self.propose(proposer, self.true_us + drift_us, membership)

    @rule()
    def a_node_goes_on_from_a_snapshot(self) -> None:
        before = digest(self.state)
        self.state = load(dump(self.state))
        assert digest(self.state) == before

    @rule()
    def a_snapshot_begins(self) -> None:
        self.frozen.append((self.state.freeze(), digest(self.state)))

    @rule()
    def a_snapshot_is_done(self) -> None:
        if self.frozen:
            frozen, then = self.frozen.pop(0)
            assert digest(load(dump(frozen))) == then
            for _ in frozen.dismantle():
                pass

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def what_is_frozen_never_changes(self) -> None:
        for frozen, then in self.frozen[-3:]:
            assert digest(frozen) == then

    @invariant()
    def the_clock_is_the_models_and_never_goes_back(self) -> None:
        now_us = self.model.clock_us()
        assert self.state.clock.now_us == (NEVER_US if now_us is None else now_us)
        assert self.state.clock.now_us >= self.latest_us
        self.latest_us = self.state.clock.now_us

    @invariant()
    def the_roll_is_the_models(self) -> None:
        for name in VOTERS:
            voter, group = self.state.roll.get(name), self.model.group_of(name)
            assert (voter and voter.group) == group
            if voter is not None:
                assert voter.key_version == self.model.key_version_of(name)
        listed = [voter.name for voter in self.state.roll.page("", 99)]
        assert listed == sorted(n for n in (*VOTERS, "nobody") if self.model.group_of(n))

    @invariant()
    def the_elections_are_the_models(self) -> None:
        called = self.model.elections()
        assert [(e.name, e.creator, e.end_us) for e in self.state.in_order()] == [
            (c.election, c.by, self.model.end_us(c)) for c in called
        ]
        for theirs, ours in zip(called, self.state.in_order(), strict=True):
            assert ours.tally == self.model.counts(theirs)
            assert self.state.is_closed(ours) == self.model.is_over(theirs)
        assert self.state.next_end_us() == self.model.next_end_us()

    @invariant()
    def every_accepted_ballot_is_counted_exactly_once(self) -> None:
        for election in self.state.in_order():
            voters = {voter for name, voter in self.counted if name == election.name}
            assert sum(election.tally) == len(election.participation) == len(voters)
            assert set(election.participation) == voters
        assert {name for name, _ in self.counted} <= self.state.elections.keys()

    @invariant()
    def nobody_has_two_ballots(self) -> None:
        assert all(len(request_ids) == 1 for request_ids in self.counted.values())

    @invariant()
    def a_closed_result_never_changes(self) -> None:
        for election in self.state.in_order():
            if self.state.is_closed(election):
                assert (
                    self.results.setdefault(election.name, list(election.tally)) == election.tally
                )
            else:
                assert election.name not in self.results


TestElectionsAgainstModel = ElectionsAgainstModel.TestCase
TestElectionsAgainstModel.settings = settings(max_examples=3 * settings().max_examples)
