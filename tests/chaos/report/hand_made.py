"""Small runs made by hand, for tests that know the answer."""

from collections.abc import Iterable, Mapping

from chaos.records import Fault, Kind, NodeFinal, Op, Run, Verdict

GOOD = Verdict(lost=0, doubled=0, unresolved=0, histories=1, undecided=0, violations=())
NODES = ("n1", "n2", "n3")


def call(
    start_s: float,
    end_s: float,
    outcome: str = "COUNTED",
    kind: Kind = "cast",
    request_id: str = "",
) -> Op:
    """Make a call; whoever calls at one time is one voter."""
    return Op(
        process="p",
        kind=kind,
        start_s=start_s,
        end_s=end_s,
        outcome=outcome,
        election="e",
        voter=f"v{start_s}",
        request_id=request_id,
    )


def steady(start_s: float, end_s: float, every_s: float = 0.25) -> list[Op]:
    """Make ballots that are acknowledged one after the other, without a break."""
    count = round((end_s - start_s) / every_s)
    return [call(start_s + every_s * at, start_s + every_s * (at + 1)) for at in range(count)]


def fault(
    start_s: float, end_s: float, kind: str = "kill-leader", *, majority: bool = True
) -> Fault:
    """Make a fault."""
    return Fault(kind=kind, target="n1", start_s=start_s, end_s=end_s, majority=majority)


def final(node: str, digest: str = "ab" * 32) -> NodeFinal:
    """Make a node's last word."""
    return NodeFinal(node=node, applied_index=9, digest=digest, results={"e": {"yes": 2, "no": 1}})


def run(
    ops: Iterable[Op] = (),
    faults: Iterable[Fault] = (),
    *,
    finals: Iterable[NodeFinal] | None = None,
    left_out: Mapping[str, str] | None = None,
    stopped: str = "",
) -> Run:
    """Make a run of ten seconds on three nodes."""
    return Run(
        seed=3,
        nodes=NODES,
        seconds=10,
        machine="a machine",
        faults=tuple(faults),
        ops=tuple(ops),
        finals=tuple(map(final, NODES) if finals is None else finals),
        left_out=left_out or {},
        command="make chaos SEED=3",
        stopped=stopped,
    )
