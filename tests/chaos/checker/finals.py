"""Results are the same on every node and for ever after, and in the end all nodes are equal.

The finals are taken in calm, when every node has applied all there is.
"""

from collections.abc import Hashable, Iterator, Mapping

from chaos.checker.history import ElectionHistory, History
from chaos.checker.sights import Sight
from chaos.checker.words import say
from chaos.records import NodeFinal, Op, Violation


def check_finals(history: History) -> Iterator[Violation]:
    """Compare the nodes' last words with each other, and results with results."""
    run = history.run
    silent = sorted(set(run.nodes) - {final.node for final in run.finals})
    if silent:
        yield Violation("not-converged", f"no last word of {', '.join(silent)}")
    indexes = _nodes_by({final.node: final.applied_index for final in run.finals})
    if len(indexes) > 1:
        yield Violation("not-converged", f"the nodes did not get equally far: {_words(indexes)}")
    yield from _digests(run.finals)
    for name in sorted({name for final in run.finals for name in final.results}):
        found = _nodes_by({f.node: _counts(f.results.get(name)) for f in run.finals})
        if len(found) > 1:
            yield Violation("results-differ", f"{name}: {_words(found)}")
    for election in history.elections.values():
        yield from _changed(history, election)


def _digests(finals: tuple[NodeFinal, ...]) -> Iterator[Violation]:
    by_index: dict[int, dict[str, str]] = {}
    for final in finals:
        by_index.setdefault(final.applied_index, {})[final.node] = final.digest
    for index, digests in by_index.items():
        found = _nodes_by(digests)
        if len(found) > 1:
            yield Violation("digests-differ", f"at index {index}: {_words(found)}")


def _changed(history: History, election: ElectionHistory) -> Iterator[Violation]:
    """Compare results, whenever and wherever they were read, with the first and with the last."""
    variants: dict[str, Op] = {}
    for sight, op in election.sights:
        if sight is Sight.CLOSED and op.kind == "results":
            variants.setdefault(_counts(op.counts), op)
    if not variants:
        return
    known, *others = variants.items()
    for counts, op in others:
        what = f"{say(known[1])}: {known[0]}; then {say(op)}: {counts}"
        yield Violation("results-changed", f"{election.name}: {what}")
    for final in history.run.finals:
        counts = _counts(final.results.get(election.name))
        if counts != known[0]:
            what = f"{say(known[1])}: {known[0]}; {final.node} in the end: {counts}"
            yield Violation("results-changed", f"{election.name}: {what}")


def _counts(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return "none"
    return ", ".join(f"{choice} {count}" for choice, count in sorted(counts.items()))


def _nodes_by(said: Mapping[str, Hashable]) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for node, word in said.items():
        found.setdefault(word, []).append(node)
    return found


def _words(found: Mapping[Hashable, list[str]]) -> str:
    return "; ".join(f"{', '.join(nodes)}: {word}" for word, nodes in found.items())
