"""Runs that a flawless cluster could have left behind: a real state machine behind slow callers.

Each call takes effect at one moment between its start and its end, in the real `Elections`, in a
batch whose proposer's clock may be off. Calls overlap, repeat each other's request ids, and may
get no answer: then they take effect at any later time, or never.
"""

import heapq
from dataclasses import dataclass, field, replace
from random import Random

from chaos.legal_machine import BEGAN_US, CHOICES, NODES, Machine
from chaos.records import NOT_DONE, UNKNOWN, Fault, Kind, Op, Run

SECONDS = 20.0
LATE_S = 60.0  # when everything is asked again


def dice(seed: int) -> Random:
    """Return dice that fall the same way again for the same seed."""
    return Random(seed)  # noqa: S311 - dice, not keys


@dataclass(slots=True, kw_only=True)
class Size:
    """How much goes on; the chances are of one call."""

    elections: int = 2
    voters: int = 4
    calls: int = 60
    unknown: float = 0.15
    not_done: float = 0.05
    bent: bool = False
    """One node's clock is far off for a while, and nobody notices."""


@dataclass(order=True, slots=True)
class _Planned:
    """A call without its answer, and when it takes effect."""

    at_s: float
    place: int
    op: Op = field(compare=False)
    fate: str = field(compare=False)  # NOT_DONE, UNKNOWN, or empty: answered


def legal_run(random: Random, size: Size) -> Run:
    """Make a run; the same dice make the same one."""
    faults = (_bend(random),) if size.bent else ()
    machine = Machine(random, faults)
    planned = _plan(random, size)
    ops: list[Op] = []
    heapq.heapify(planned)
    while planned:
        each = heapq.heappop(planned)
        if each.fate == NOT_DONE:
            ops.append(replace(each.op, outcome=NOT_DONE))
            continue
        answered = machine.answer(each.op, each.at_s)
        ops.append(replace(each.op, outcome=UNKNOWN) if each.fate else answered)
    ops += _ask_again(machine, ops, random, size)
    ops += _heartbeats()
    random.shuffle(ops)
    return Run(
        seed=0,
        nodes=NODES,
        seconds=SECONDS,
        machine="none",
        faults=faults,
        ops=tuple(ops),
        finals=machine.finals(),
        began_us=BEGAN_US,
    )


def _ask_again(machine: Machine, ops: list[Op], random: Random, size: Size) -> list[Op]:
    """Close everything, ask every ballot again until it is answered, and read all results."""
    machine.send_clocks(LATE_S)
    casts = {(op.election, op.voter, op.request_id): op for op in ops if op.kind == "cast"}
    again = [replace(op, start_s=LATE_S, end_s=LATE_S + 1) for op in casts.values()]
    reads = [
        Op(
            process="last",
            kind="results",
            start_s=LATE_S + random.random(),
            end_s=LATE_S + 2,
            outcome="",
            election=f"e{number}",
            node=node,
        )
        for number in range(size.elections)
        for node in NODES
    ]
    return [machine.answer(op, LATE_S) for op in (*again, *reads)]


def _bend(random: Random) -> Fault:
    start_s = random.uniform(0.0, SECONDS)
    return Fault(
        kind="clock-jump",
        target=random.choice(NODES),
        start_s=start_s,
        end_s=start_s + 5.0,
        majority=True,
    )


def _heartbeats() -> list[Op]:
    """A voter is registered every second, and every time it is answered at once."""
    return [
        Op(
            process="registrar",
            kind="register",
            start_s=second,
            end_s=second + 0.1,
            outcome="REGISTERED",
            voter=f"new-{second}",
            request_id=f"{second:02x}",
        )
        for second in range(int(4 * SECONDS))
    ]


def _plan(random: Random, size: Size) -> list[_Planned]:
    planned: list[_Planned] = []
    used: list[Op] = []
    for place in range(size.calls):
        start_s = round(random.uniform(0.0, SECONDS), 2)  # a grid: some calls touch
        end_s = round(start_s + random.choice((0.0, 0.05, 0.5, 4.0)), 2)
        asked = _repeat(random, used) if used and random.random() < 0.3 else _ask(random, size)
        op = replace(asked, process=f"p{place}", start_s=start_s, end_s=end_s)
        used.append(op)
        at_s, dice = random.uniform(start_s, end_s), random.random()
        fate = ""
        if dice < size.not_done:
            fate = NOT_DONE
        elif dice < size.not_done + size.unknown:
            fate = UNKNOWN
            at_s = start_s + random.choice((0.0, 0.1, 2.0, 1e9))
        planned.append(_Planned(at_s, place, op, fate))
    return planned


def _repeat(random: Random, used: list[Op]) -> Op:
    """Ask something again, or what became of it."""
    op = random.choice(used)
    if op.kind == "cast" and random.random() < 0.5:
        return replace(op, kind="check", choice="")
    return op


def _ask(random: Random, size: Size) -> Op:
    kinds: tuple[Kind, ...]
    kinds = ("create", "extend", "cast", "cast", "cast", "cast", "check", "results", "election")
    kind = random.choice(kinds)
    op = Op(process="", kind=kind, start_s=0, end_s=0, outcome="", election=_election(random, size))
    request_id = random.randbytes(8).hex()
    voter = f"v{random.randrange(size.voters)}"
    match kind:
        case "create" | "extend":
            end_us = BEGAN_US + random.randrange(-1, int(SECONDS)) * 1_000_000
            creator = f"v{random.randrange(min(2, size.voters))}"
            return replace(op, voter=creator, request_id=request_id, end_us=end_us)
        case "cast":
            choice = random.choice((*CHOICES, "nonsense"))
            return replace(op, voter=voter, request_id=request_id, choice=choice)
        case "check":
            return replace(op, voter=voter, request_id=request_id)
        case _:
            return replace(op, node=random.choice(NODES))


def _election(random: Random, size: Size) -> str:
    return f"e{random.randrange(size.elections)}"
