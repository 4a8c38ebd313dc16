"""A ballot's file: first what is needed to repeat its casting, and once it is counted its receipt.

Rule 1. The request id is in it, and synced, before the first try: whatever ends the program, the
        same ballot can be cast again under the same id.
Rule 2. The choice is in it only until the ballot is counted, and nowhere else: a receipt proves no
        choice to anyone.
Rule 3. It is its owner's only (mode 0600), and one program's at a time.
Rule 4. A ballot that is definitely not cast leaves no file.
"""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from quorate_client.errors import LocalError
from quorate_client.fields import MAX_REQUEST_ID_BYTES, REQUEST_ID_BYTES, new_request_id
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
    except (ValueError, RecursionError):
        kept = None
    if kept is None:
        raise LocalError(f"{path}: not a ballot file of `quorate vote`; name another")
    return kept


class HeldBallot:
    """A ballot's file while this program has it; `new`: nobody can have sent its id before."""

    def __init__(self, path: Path, kept: KeptBallot, *, new: bool) -> None:
        self.path = path
        self.kept = kept
        self.new = new

    def keep_receipt(self, cluster_time: str) -> None:
        """Make a receipt of it, as a whole or not at all. Raises LocalError."""
        ballot = self.kept
        receipt = KeptBallot(ballot.election, ballot.voter, ballot.ballot_id, None, cluster_time)
        folder = self.path.parent
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=folder)
            try:
                _write(descriptor, receipt)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)
            _sync_folder(folder)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def discard(self) -> None:
        """Take the file away: the ballot is definitely not cast."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@contextmanager
def hold_ballot(path: Path, election: str, voter: str, choice: str) -> Generator[HeldBallot]:
    """Make a ballot's file, or take up the one that is there; nobody else can meanwhile.

    Raises LocalError if that one is for something else, in use, or cannot be read or written.
    """
    target = Path(os.path.realpath(path))  # a link would be replaced, and what it names would stay
    try:
        descriptor = _open_alone(target)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield _take_up(path, target, descriptor, KeptBallot(election, voter, b"", choice))
    finally:
        os.close(descriptor)


def _take_up(path: Path, target: Path, descriptor: int, wanted: KeptBallot) -> HeldBallot:
    if os.fstat(descriptor).st_size == 0:  # just made; or left so by a crash, before the first try
        kept = KeptBallot(wanted.election, wanted.voter, new_request_id(), wanted.choice)
        try:
            _write(descriptor, kept)
            _sync_folder(target.parent)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise _unwritable(path, error) from error
        return HeldBallot(target, kept, new=True)
    kept = read_ballot(target)
    if (kept.election, kept.voter) != (wanted.election, wanted.voter):
        raise LocalError(
            f"{path}: the file of another ballot (voter or election differ); name another file"
        )
    if not kept.counted and kept.choice != wanted.choice:
        raise LocalError(
            f"{path}: this ballot was begun with another choice, and may be counted with it; "
            "repeat it as it was, and see"
        )
    return HeldBallot(target, kept, new=False)


def _open_alone(path: Path) -> int:
    """Open the file, made if need be, and lock it. Raises OSError, and LocalError if in use."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            _check_regular(path, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise LocalError(f"{path}: another `quorate vote` is using it; wait for that") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was replaced, or taken away, between the two steps


def _check_regular(path: Path, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise LocalError(f"{path}: not a regular file; name another")


def _write(descriptor: int, kept: KeptBallot) -> None:
    document = {k: v for k, v in asdict(kept).items() if v is not None}
    document["ballot_id"] = kept.ballot_id.hex()
    os.pwrite(descriptor, (json.dumps(document, indent=2) + "\n").encode(), 0)
    os.fsync(descriptor)


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
    sized = REQUEST_ID_BYTES <= len(kept.ballot_id) <= MAX_REQUEST_ID_BYTES
    return kept if complete and sized else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> LocalError:
    return LocalError(f"{path}: cannot be written: {error.strerror or error}")
