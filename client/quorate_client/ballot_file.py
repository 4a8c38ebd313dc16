"""A ballot's file: first what is needed to repeat its casting, and once it is counted its receipt.

Rule 1. The request id is in it, and synced, before the first try: whatever ends the program, the
        same ballot can be cast again under the same id.
Rule 2. The choice is in it only until the ballot is counted: a receipt proves no choice to anyone.
Rule 3. It is its owner's only (mode 0600), and replaced as a whole or not at all.
Rule 4. A ballot that is definitely not cast leaves no file.
"""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from quorate_client.errors import LocalError
from quorate_client.fields import REQUEST_ID_BYTES, new_request_id
from quorate_client.files import read_file


@dataclass(frozen=True, slots=True)
class KeptBallot:
    """What the file holds. `choice` until it is counted, `cluster_time` (ISO 8601) from then on."""

    election: str
    voter: str
    ballot_id: bytes
    choice: str | None = None
    cluster_time: str | None = None

    @property
    def counted(self) -> bool:
        """Whether it is a receipt."""
        return self.cluster_time is not None


def read_ballot(path: Path) -> KeptBallot:
    """Read a ballot's file. Raises LocalError."""
    try:
        kept = _parsed(json.loads(read_file(path, missing="no such ballot file")))
    except ValueError:
        kept = None
    if kept is None:
        raise LocalError(f"{path}: not a ballot file of `quorate vote`; name another")
    return kept


def _parsed(document: object) -> KeptBallot | None:
    if not isinstance(document, dict):
        return None
    table = cast("dict[str, object]", document)
    needed = [table.get(name) for name in ("election", "voter", "ballot_id")]
    choice, cluster_time = table.get("choice"), table.get("cluster_time")
    election, voter, ballot_id = (text if isinstance(text, str) else "" for text in needed)
    choice = choice if isinstance(choice, str) else None
    cluster_time = cluster_time if isinstance(cluster_time, str) else None
    kept = KeptBallot(election, voter, bytes.fromhex(ballot_id), choice, cluster_time)
    complete = election and voter and (choice or cluster_time)
    return kept if complete and len(kept.ballot_id) >= REQUEST_ID_BYTES else None


def begin_ballot(path: Path, election: str, voter: str, choice: str) -> tuple[KeptBallot, bool]:
    """Make a ballot's file, or take up the one that is there; tell whether it is new.

    Raises LocalError if that one is for something else, or cannot be read or written.
    """
    if not path.exists():
        new = KeptBallot(election, voter, new_request_id(), choice)
        if _write(path, new, replace=False):
            return new, True
    kept = read_ballot(path)
    if (kept.election, kept.voter) != (election, voter):
        raise LocalError(
            f"{path}: the file of another ballot (voter or election differ); name another file"
        )
    if not kept.counted and kept.choice != choice:
        raise LocalError(
            f"{path}: this ballot was begun with another choice, and may be counted with it; "
            "repeat it as it was, and see"
        )
    return kept, False


def keep_receipt(path: Path, counted: KeptBallot, cluster_time: str) -> None:
    """Make a receipt of the file. Raises LocalError."""
    receipt = KeptBallot(counted.election, counted.voter, counted.ballot_id, None, cluster_time)
    _write(path, receipt, replace=True)


def discard_ballot(path: Path) -> None:
    """Take away the file of a ballot that is definitely not cast."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _write(path: Path, kept: KeptBallot, *, replace: bool) -> bool:
    """Write the file, synced; False if there is one already that must not be replaced."""
    document: dict[str, str] = {
        "election": kept.election,
        "voter": kept.voter,
        "ballot_id": kept.ballot_id.hex(),
    }
    if kept.choice is not None:
        document["choice"] = kept.choice
    if kept.cluster_time is not None:
        document["cluster_time"] = kept.cluster_time
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "w") as stream:  # noqa: PTH123  a descriptor, not a path
                stream.write(json.dumps(document, indent=2) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            if replace:
                os.replace(name, path)  # noqa: PTH105 - beside link, which takes the same
            else:
                os.link(name, path)
            _sync_folder(path.parent)
        except FileExistsError:
            return False
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108 - as above
    except OSError as error:
        raise LocalError(f"{path}: cannot be written: {error.strerror}") from error
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
