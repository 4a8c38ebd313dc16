"""A made-up run of realistic size, to try the report with: the same seed, the same run."""

import random
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace

from chaos.records import NOT_DONE, UNKNOWN, Fault, Kind, NodeFinal, Op, Run, Verdict

NODES = ("n1", "n2", "n3", "n4", "n5")
GENTLE = (
    "kill-follower",
    "kill-leader",
    "pause-leader",
    "partition-leader",
    "partition-one-way",
    "flapping-follower",
    "packet-loss",
    "latency",
    "clock-jump",
    "slow-disk",
    "rolling-restart",
    "leader-transfer",
    "power-cut-in-snapshot",
)
HARSH = ("kill-majority", "kill-all", "power-cut-all", "power-cut-in-snapshot")
ANSWERS: Mapping[Kind, str] = {
    "cast": "COUNTED",
    "check": "COUNTED",
    "results": "ELECTION_OPEN",
    "election": "OPEN",
    "create": "CREATED",
    "extend": "EXTENDED",
    "register": "REGISTERED",
}
PROCESSES = 24
PATIENCE_S = 10.0
VERDICT = Verdict(lost=0, doubled=0, unresolved=0, histories=312, undecided=0, violations=())


def made_up_run(
    *, seed: int = 7, seconds: float = 600, faults: int = 100, ops: int = 20_000
) -> Run:
    """Make a run in which every promise was kept."""
    dice = random.Random(seed)  # noqa: S311 - the same each time
    done = _faults(dice, seconds, faults)
    outages = _outages(dice, done)
    calls: list[Op] = []
    think_s = PROCESSES * seconds / ops
    for number in range(PROCESSES):
        calls += _process(dice, f"p{number}", seconds, think_s, outages)
    calls.sort(key=lambda op: op.end_s)
    return Run(
        seed=seed,
        nodes=NODES,
        seconds=seconds,
        machine="2 cores, 8 GB, Linux, a made-up machine",
        faults=tuple(done),
        ops=tuple(calls),
        finals=_finals(calls),
        left_out={"full-disk": "not root: no tmpfs can be mounted", "clock-skew": "no faketime"},
        command=f"make chaos SECONDS={seconds:g} SEED={seed}",
    )


def _faults(dice: random.Random, seconds: float, count: int) -> list[Fault]:
    done: list[Fault] = []
    for number in range(count):
        harsh = dice.random() < 0.2
        start_s = seconds * (number + 0.3) / count
        lasts_s = dice.uniform(0.05, 1.3) * min(6.0, seconds / count)
        done.append(
            Fault(
                kind=dice.choice(HARSH if harsh else GENTLE),
                target=dice.choice(NODES),
                start_s=start_s,
                end_s=start_s + lasts_s,
                majority=not harsh,
            )
        )
    return done


def _outages(dice: random.Random, faults: list[Fault]) -> list[tuple[float, float]]:
    """Tell when nothing works: after a leader is lost, and until a majority is back."""
    outages: list[tuple[float, float]] = []
    for fault in faults:
        if not fault.majority:
            outages.append((fault.start_s, fault.end_s + dice.uniform(0.5, 1.5)))
        elif "leader" in fault.kind:
            outages.append((fault.start_s, fault.start_s + dice.uniform(0.3, 1.2)))
    return outages


def _process(
    dice: random.Random,
    process: str,
    seconds: float,
    think_s: float,
    outages: list[tuple[float, float]],
) -> list[Op]:
    calls: list[Op] = []
    now = dice.random() * think_s
    again: Op | None = None
    while now < seconds:
        wanted = again or _wanted(dice, process, len(calls))
        op = _call(dice, wanted, now, outages)
        calls.append(op)
        again = op if op.outcome == UNKNOWN and op.request_id else None
        now = op.end_s + dice.expovariate(1 / think_s)
    return calls


def _wanted(dice: random.Random, process: str, number: int) -> Op:
    kind = dice.choices(tuple(ANSWERS), (80, 5, 4, 4, 2, 2, 3))[0]
    outcome = ANSWERS[kind]
    if kind == "cast":
        outcome = dice.choices(("COUNTED", "ALREADY_CAST", "ELECTION_CLOSED"), (94, 4, 2))[0]
    return Op(
        process=process,
        kind=kind,
        start_s=0,
        end_s=0,
        outcome=outcome,
        election=f"e{number // 50}",
        voter=f"{process}-v{number}",
        request_id=f"{dice.getrandbits(128):032x}" if kind in {"cast", "create", "extend"} else "",
        choice=dice.choice(("yes", "no")) if kind == "cast" else "",
    )


def _call(dice: random.Random, wanted: Op, now: float, outages: list[tuple[float, float]]) -> Op:
    after = bisect_right(outages, (now, 1e9))
    back_s = max((end_s for _, end_s in outages[max(0, after - 3) : after]), default=0.0)
    waits_s = max(0.0, back_s - now) + dice.lognormvariate(-4.5, 0.5)
    outcome = "COUNTED" if wanted.outcome == UNKNOWN else wanted.outcome
    if waits_s > PATIENCE_S or (back_s > now and dice.random() < 0.2):
        waits_s = min(waits_s, PATIENCE_S)
        outcome = UNKNOWN if dice.random() < 0.5 else NOT_DONE
    return replace(wanted, start_s=now, end_s=now + waits_s, outcome=outcome)


def _finals(calls: list[Op]) -> tuple[NodeFinal, ...]:
    results: dict[str, dict[str, int]] = {}
    for op in calls:
        if op.kind == "cast" and op.acknowledged:
            counts = results.setdefault(op.election, {})
            counts[op.choice] = counts.get(op.choice, 0) + 1
    digest = "5f3a9c0d" * 8
    return tuple(
        NodeFinal(node=node, applied_index=len(calls), digest=digest, results=results)
        for node in NODES
    )
