"""A flawless cluster: the real state machine, which nodes with clocks of their own propose to.

An election is created only by nodes whose clock is not bent: one that is created with an end which
is past by its proposer's clock is closed from the start, and that is what the checker complains of.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from chaos.records import Fault, NodeFinal, Op
from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome

BEGAN_US = 1_700_000_000_000_000
NODES = ("n1", "n2", "n3")
CHOICES = ("yes", "no", "abstain")
SKEW_S = 0.9  # each way, so two nodes are never further apart than the cluster allows
GROUP, KEY = "staff", bytes(32)


class Machine:
    """The state that all nodes share, and their clocks."""

    def __init__(self, random: Random, faults: Sequence[Fault]) -> None:
        self._random = random
        self._bent_us = random.choice((-1, 1)) * 1_000_000_000
        self._faults = faults
        self._elections = Elections()
        self._skew_us = {node: int(random.uniform(-SKEW_S, SKEW_S) * 1e6) for node in NODES}
        self._apply(0.0, pb.Command(set_members=pb.SetMembers(members=NODES)))
        self._registered: set[str] = set()

    def _apply(self, at_s: float, *commands: pb.Command) -> list[Outcome]:
        # an election that is created by a bent clock may be closed from the start
        creates = any(command.HasField("create_election") for command in commands)
        bent = [f.target for f in self._faults if f.start_s <= at_s <= f.end_s]
        node = self._random.choice([n for n in NODES if not creates or n not in bent])
        reading_us = BEGAN_US + int(at_s * 1e6) + self._skew_us[node]
        if node in bent:
            reading_us += self._bent_us
        batch = pb.Batch(version=1, proposer=node, clock_us=reading_us, commands=commands)
        return self._elections.apply(batch)

    def _bearer(self, voter: str) -> pb.Bearer:
        if voter not in self._registered:
            self._registered.add(voter)
            register = pb.RegisterVoter(
                request_id=voter.encode(), name=voter, group=GROUP, public_key=KEY
            )
            self._apply(0.0, pb.Command(register_voter=register))
        return pb.Bearer(voter_name=voter, key_version=1)

    def answer(self, op: Op, at_s: float) -> Op:
        """Let a call take effect at a second of the run; return it with its answer."""
        if op.kind in {"create", "extend", "cast"}:
            return replace(op, outcome=self._change(op, at_s))
        if self._random.random() < 0.5:
            self._apply(at_s)  # a node sends its clock
        return self._look(op)

    def _change(self, op: Op, at_s: float) -> str:
        bearer, request_id = self._bearer(op.voter), bytes.fromhex(op.request_id)
        match op.kind:
            case "create":
                create = pb.CreateElection(
                    request_id=request_id,
                    bearer=bearer,
                    name=op.election,
                    groups=[GROUP],
                    choices=CHOICES,
                    end_us=op.end_us,
                )
                command, done = pb.Command(create_election=create), "CREATED"
            case "extend":
                extend = pb.ExtendElection(
                    request_id=request_id, bearer=bearer, name=op.election, end_us=op.end_us
                )
                command, done = pb.Command(extend_election=extend), "EXTENDED"
            case _:
                cast = pb.CastBallot(
                    request_id=request_id,
                    bearer=bearer,
                    election_name=op.election,
                    choice=op.choice,
                )
                command, done = pb.Command(cast_ballot=cast), "COUNTED"
        [outcome] = self._apply(at_s, command)
        return done if outcome is Outcome.ACCEPTED else outcome.name

    def _look(self, op: Op) -> Op:
        election = self._elections.elections.get(op.election)
        if election is None:
            missing = "NOT_FOUND" if op.kind == "election" else "ELECTION_NOT_FOUND"
            return replace(op, outcome=missing)
        closed = self._elections.is_closed(election)
        if op.kind == "check":
            if election.participation.get(op.voter) == bytes.fromhex(op.request_id):
                return replace(op, outcome="COUNTED")
            return replace(op, outcome="NOT_COUNTED" if closed else "NOT_COUNTED_YET")
        if op.kind == "election":
            return replace(op, outcome="CLOSED" if closed else "OPEN", end_us=election.end_us)
        if not closed:
            return replace(op, outcome="ELECTION_OPEN")
        return replace(op, outcome="AVAILABLE", counts=self._counts(op.election))

    def _counts(self, name: str) -> dict[str, int]:
        election = self._elections.elections[name]
        return dict(zip(election.choices, election.tally, strict=True))

    def send_clocks(self, at_s: float) -> None:
        """Let every node, by all odds, send its clock."""
        for _ in range(20):
            self._apply(at_s)

    def finals(self) -> tuple[NodeFinal, ...]:
        """Return every node's last word."""
        results = {name: self._counts(name) for name in self._elections.elections}
        return tuple(
            NodeFinal(node=node, applied_index=9, digest="d1", results=results) for node in NODES
        )
