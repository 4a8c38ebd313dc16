"""Judges a chaos run by its record alone: it knows nothing of the workload, nodes or client.

What it holds a cluster to, and the rules by which a violation goes:

1. An acknowledged ballot is counted exactly once, on every node: `lost-ballot`, `doubled-ballot`,
   `two-ballots-of-one-voter`; and nothing else is: `ballot-from-nowhere` (`counts`).
2. Whoever repeats a request gets the true first answer: `first-answer`, `rejected-then-counted`,
   `stale-check`, `check-contradicted`; and asking again ends in an answer: `unresolved`
   (`answers`).
3. An election closes once, not before its end, and takes nothing after: `cast-after-close`,
   `reopened`, `closed-early` (`closing`).
4. It is there from its creation on, once and for ever: `spooky-election` (`existence`).
5. Results are the same everywhere and for ever after, and in the end all nodes are equal:
   `results-changed`, `results-differ`, `digests-differ`, `not-converged` (`finals`).
6. Service is back soon after each fault: `service-not-back` (`service`).
7. Changes and reads are linearizable: `not-linearizable` (`orders`).

A NOT_DONE is taken at its word: what was only ever told so is not counted. So is a rejection.
Elections must be created, and everything asked again, within the record.
"""

from chaos.checker.answers import check_answers, unresolved
from chaos.checker.closing import check_closing
from chaos.checker.counts import check_counts
from chaos.checker.existence import check_existence
from chaos.checker.finals import check_finals
from chaos.checker.history import History
from chaos.checker.orders import check_orders
from chaos.checker.service import check_service
from chaos.records import Run, Verdict

__all__ = ["check"]


def check(run: Run) -> Verdict:
    """Return everything that is wrong with a run."""
    history = History.of(run)
    counted = check_counts(history)
    orders = check_orders(history)
    return Verdict(
        lost=counted.lost,
        doubled=counted.doubled,
        unresolved=unresolved(history),
        histories=orders.histories,
        undecided=orders.undecided,
        violations=(
            *counted.violations,
            *check_answers(history),
            *check_closing(history),
            *check_existence(history),
            *check_finals(history),
            *check_service(history),
            *orders.violations,
        ),
    )
