"""Where a setting came from: one that is wrong is looked for there, not in the file it overrode."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeGuard

NESTING = "__"  # in a variable's name


@dataclass(frozen=True, slots=True)
class Sources:
    """What each source says, nested like the settings.

    Args:
        file: the path of the file, which has said what no other source says.
        flags: win over all.
        environment: as it was read from the variables; wins over the file.
        prefix: of the variables' names.
    """

    file: Path
    flags: Mapping[str, object]
    environment: Mapping[str, object]
    prefix: str

    def of(self, location: Sequence[int | str]) -> str:
        """Name the source of a setting; of a group of them, the file and whatever overrides it.

        `location` is as pydantic tells it: `("listen", "peer")`, `("members", 0, "name")`, empty
        for all settings together.
        """
        path = tuple(part for part in takewhile(_is_name, location) if isinstance(part, str))
        by_flag, by_variable = _at(self.flags, path), _at(self.environment, path)
        if by_flag is not None and not _is_group(by_flag):
            return _flag(path)
        variables = [] if by_variable is None else self._variables(path)
        if by_variable is not None and not _is_group(by_variable):
            return f"environment {max(variables, key=len)}"  # the most specific one wins
        overriding = [_flag(leaf) for leaf in _leaves(self.flags) if leaf[: len(path)] == path]
        overriding += [f"environment {name}" for name in sorted(variables)]
        return f"{self.file} with {', '.join(overriding)}" if overriding else str(self.file)

    def _variables(self, path: tuple[str, ...]) -> list[str]:
        """Return the variables that say something at `path`, below it, or with it."""
        found: list[str] = []
        for variable in os.environ:
            if variable.lower().startswith(self.prefix.lower()):
                own = tuple(variable.lower()[len(self.prefix) :].split(NESTING))
                shared = min(len(own), len(path))
                if own[:shared] == path[:shared] and own[0] in self.environment:
                    found.append(variable)
        return found


def _is_name(part: int | str) -> bool:
    return isinstance(part, str)


def _is_group(said: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(said, Mapping)


def _flag(path: Sequence[str]) -> str:
    return f"--{'-'.join(path)}".replace("_", "-")


def _at(said: object, path: Sequence[str]) -> object:
    """Return what a source says at `path`; None: nothing. A list is one setting."""
    for part in path:
        if not _is_group(said):
            break
        said = said.get(part)
    return said


def _leaves(said: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in said.items():
        if _is_group(value):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)
