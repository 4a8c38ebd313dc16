"""Whether the cluster kept its promise: what the voters were told against what the nodes say.

Rule 1. Pure, and apart from the workload: it sees the ledger's numbers and the nodes' answers.
Rule 2. Every acknowledged ballot is in the result, and nothing else is: per choice, on every node.
Rule 3. What is not known is a failure: an unresolved ballot, a node that does not answer, a
        state that could not be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CLOSED = "ELECTION_CLOSED"  # the one rejection that an honest voter can meet: she was late


@dataclass(frozen=True, slots=True)
class Told:
    """What the voters were told: counts per choice, per reason and per error."""

    acknowledged: Mapping[str, int]
    rejected: Mapping[str, int]
    not_cast: Mapping[str, int]
    unknown: int


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What one node says by itself: the counts, and the hash of its state at an index.

    `error` is empty, or why there are no counts.
    """

    counts: Mapping[str, int]
    applied_index: int = 0
    digest: bytes = b""
    error: str = ""


def problems(told: Told, answers: Mapping[str, NodeAnswer]) -> list[str]:
    """Everything that is wrong, a sentence each; nothing if the promise was kept."""
    found = _in_the_answers_of_voters(told)
    for name, answer in answers.items():
        found += [f"{name}: {problem}" for problem in _in_one_node(told.acknowledged, answer)]
    found += _between_nodes({name: a for name, a in answers.items() if not a.error})
    return found


def _in_the_answers_of_voters(told: Told) -> list[str]:
    found: list[str] = []
    if not sum(told.acknowledged.values()):
        found.append("no ballot was acknowledged")
    if told.unknown:
        found.append(f"{told.unknown} ballots never got an answer: counted or not, who knows")
    found += [
        f"{count} ballots were rejected as {reason}"
        for reason, count in sorted(told.rejected.items())
        if reason != CLOSED
    ]
    found += [
        f"{count} ballots were not cast ({error})" for error, count in sorted(told.not_cast.items())
    ]
    return found


def _in_one_node(acknowledged: Mapping[str, int], answer: NodeAnswer) -> list[str]:
    if answer.error:
        return [answer.error]
    return [
        f"{answer.counts.get(choice, 0)} ballots for {choice}, but {acknowledged.get(choice, 0)} "
        "were acknowledged"
        for choice in sorted(acknowledged.keys() | answer.counts.keys())
        if answer.counts.get(choice, 0) != acknowledged.get(choice, 0)
    ]


def _between_nodes(answers: Mapping[str, NodeAnswer]) -> list[str]:
    if any(not answer.digest for answer in answers.values()):
        missing = [name for name, answer in answers.items() if not answer.digest]
        return [f"{', '.join(missing)}: the state could not be compared"]
    found: list[str] = []
    if len({tuple(sorted(answer.counts.items())) for answer in answers.values()}) > 1:
        found.append("the nodes give different results")
    if len({answer.applied_index for answer in answers.values()}) > 1:
        indices = ", ".join(f"{name} {answer.applied_index}" for name, answer in answers.items())
        found.append(f"the nodes did not arrive at the same entry of the log: {indices}")
    elif len({answer.digest for answer in answers.values()}) > 1:
        found.append("the nodes are at the same entry of the log in different states")
    return found
