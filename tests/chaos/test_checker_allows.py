"""What the promises leave free is no violation: each run here is odd, and lawful."""

import pytest

from chaos.made_runs import CLOSES, Change, ask, cast, create, extend, look, op, spoil, stuck, wall
from chaos.records import NOT_DONE, UNKNOWN

DORA = cast("dora", "yes", "COUNTED", 13, 14)
DORA_UNKNOWN = cast("dora", "yes", UNKNOWN, 11, 12)
DORA_CLOSED = cast("dora", "yes", "ELECTION_CLOSED", 39.5, 39.6)
REFUSED = cast("anna", "no", "ALREADY_CAST", 16, 17, request_id="other")

LAWFUL: dict[str, Change] = {
    "a good run": spoil(),
    "unknown, told closed, and not counted": spoil(DORA_UNKNOWN, DORA_CLOSED),
    "one of two unknown, told closed by one clock, and counted": spoil(
        DORA_UNKNOWN,
        DORA_CLOSED,
        cast("dora", "no", "ELECTION_CLOSED", 39.5, 39.7, request_id="other"),
        yes=2,
    ),
    "unknown, then counted": spoil(DORA_UNKNOWN, DORA, yes=2),
    "unknown, then seen counted": spoil(DORA_UNKNOWN, ask("dora", "COUNTED", 13, 14), yes=2),
    "one ballot through two processes at once": spoil(
        DORA, cast("dora", "yes", "COUNTED", 13.5, 14.5, process="p2"), yes=2
    ),
    "repeated after the close": spoil(cast("anna", "yes", "COUNTED", 50, 51)),
    "sent before the close, answered after": spoil(cast("dora", "yes", "COUNTED", 39, 46), yes=2),
    "not done, and not counted": spoil(cast("dora", "yes", NOT_DONE, 11, 12)),
    "a second ballot refused": spoil(REFUSED),
    "refused while the first is being counted": spoil(
        cast("anna", "no", "ALREADY_CAST", 1.5, 2.05, request_id="other")
    ),
    "two casts without an id": spoil(
        cast("dora", "yes", "COUNTED", 11, 12, request_id=""),
        cast("dora", "yes", "ALREADY_CAST", 13, 14, request_id=""),
        yes=2,
    ),
    "one of two refused by one clock, counted by another": spoil(
        DORA_CLOSED,
        cast("dora", "no", "ELECTION_CLOSED", 39.5, 39.7, request_id="other"),
        cast("dora", "yes", "COUNTED", 39.7, 39.9),
        yes=2,
    ),
    "late by a bent clock, and told so again": spoil(
        cast("dora", "yes", UNKNOWN, 11, 12),
        cast("dora", "yes", "ELECTION_CLOSED", 14, 15),
        faults=[("clock-jump", 11.5, 13)],
    ),
    "late before the extension, and told so after": spoil(
        cast("dora", "yes", "ELECTION_CLOSED", 38.5, 38.6),
        extend(60, "EXTENDED", 38.7, 38.8),
        cast("dora", "yes", "ELECTION_CLOSED", 45, 46),
        look("CLOSED", 61, 62, 60),
        without=[*CLOSES, ("cast", "ELECTION_CLOSED")],
    ),
    "an extension refused by one clock, made by another": spoil(
        extend(60, "ELECTION_CLOSED", 39.5, 39.6),
        extend(60, "EXTENDED", 39.7, 39.8),
        without=[*CLOSES, ("cast", "ELECTION_CLOSED")],
    ),
    "cast too early, and again": spoil(
        cast("dora", "yes", "ELECTION_NOT_FOUND", 0.4, 0.5), DORA, yes=2
    ),
    "in another group, and again": spoil(
        cast("dora", "yes", "GROUP_NOT_ALLOWED", 11, 12), DORA, yes=2
    ),
    "no such choice": spoil(cast("dora", "maybe", "CHOICE_NOT_FOUND", 11, 12)),
    "another choice under the same id": spoil(DORA, cast("dora", "no", "COUNTED", 15, 16), yes=2),
    "counted a little late by one clock": spoil(
        cast("dora", "yes", "COUNTED", 41.5, 41.9), without=CLOSES, yes=2
    ),
    "the old end in a look that overlaps the extension": spoil(look("OPEN", 7.9, 8.5, 30)),
    "checked while it is being counted": spoil(
        DORA, ask("dora", "NOT_COUNTED_YET", 13.5, 15), yes=2
    ),
    "open in a look that overlaps the close": spoil(look("OPEN", 40.9, 42, 40)),
    "closed a little early by one clock": spoil(cast("dora", "yes", "ELECTION_CLOSED", 38.5, 38.6)),
    "closed by a bent clock": spoil(
        cast("dora", "yes", "ELECTION_CLOSED", 11.5, 12.5), faults=[("clock-jump", 11, 12)]
    ),
    "a token refused by a bent clock": spoil(
        cast("anna", "yes", "INVALID_TOKEN", 11.5, 11.6), faults=[("clock-jump", 11, 12)]
    ),
    "an extension to an earlier end": spoil(extend(35, "END_TIME_NOT_LATER", 11, 12)),
    "an extension unknown, and shown": spoil(
        extend(41, UNKNOWN, 9.2, 9.3),
        look("OPEN", 11, 12, 41),
        look("CLOSED", 46, 47, 41),
        without=[("election", "CLOSED")],
    ),
    "created again": spoil(create("carl", "CREATED", 50, 51)),
    "a name that is taken": spoil(create("zoe", "NAME_TAKEN", 11, 12)),
    "looked for while it is being created": spoil(look("NOT_FOUND", 0.3, 1.05, 0)),
    "created with an end that is past": spoil(
        op("create", "CREATED", 5, 6, voter="carl", request_id="x", end_us=wall(4), election="old"),
        op("election", "CLOSED", 7, 8, end_us=wall(4), election="old"),
        also={"old": {"yes": 0, "no": 0}},
    ),
    "a voter registered anew": spoil(
        op("register", "REPLACED", 11, 12, voter="anna", request_id="r2", election=""),
        op("register", "REGISTERED", 13, 14, voter="anna", request_id="r1", election=""),
    ),
    "nobody calls after the first": spoil(*stuck(2), DORA_CLOSED, faults=[("kill-all", 11, 12.4)]),
    "service back in time": spoil(*stuck(3), REFUSED, DORA_CLOSED, faults=[("kill-all", 11, 12.4)]),
    "nobody calls": spoil(faults=[("kill-leader", 11, 40)]),
    "the next fault comes": spoil(
        *stuck(9), DORA_CLOSED, faults=[("kill-all", 11, 12.4), ("kill-all", 21, 25)]
    ),
    "no majority for long": spoil(*stuck(20), DORA_CLOSED, faults=[("halves", 12.4, 39.4)]),
}


@pytest.mark.parametrize("change", LAWFUL.values(), ids=LAWFUL.keys())
def test_what_is_lawful_passes(change: Change) -> None:
    verdict = change().check()
    assert verdict.violations == ()
    assert (verdict.lost, verdict.doubled, verdict.unresolved, verdict.undecided) == (0, 0, 0, 0)
