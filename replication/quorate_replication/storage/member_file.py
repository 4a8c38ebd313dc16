"""The member file: who this member is and whom it knows, as JSON that is read strictly."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import MEMBER, WAY_OUT, read_whole
from quorate_replication.storage.files import replace as replace_file
from quorate_replication.wire.messages import Standing

FORMAT_VERSION = 1
MAX_BYTES = 1 << 20
INCARNATION_BYTES = 16


class MemberFileError(ValueError):
    """The member file can't be used; says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the file says."""

    cluster_id: str
    name: str
    incarnation: bytes
    standing: Standing
    known: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Other members' incarnations."""

    def met(self, peer: str, incarnation: bytes) -> "Member":
        """Return this with a peer known."""
        return replace(self, known={**self.known, peer: incarnation})

    def standing_as(self, standing: Standing) -> "Member":
        """Return this with another standing."""
        return replace(self, standing=standing)


def read(disk: Disk) -> Member:
    """Return what the file says. Raises MemberFileError, OSError."""
    try:
        content: object = json.loads(read_whole(disk, MEMBER, MAX_BYTES))
        member = _parse(cast(dict[str, Any], content)) if isinstance(content, dict) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        member = None
    if member is None:
        raise MemberFileError(f"{disk.path}/{MEMBER} can't be read: it is damaged. {WAY_OUT}")
    if isinstance(member, int):
        raise MemberFileError(
            f"{disk.path}/{MEMBER} has format version {member}, which is newer than this program"
            f" (it knows {FORMAT_VERSION}); update it"
        )
    return member


def _parse(content: dict[str, Any]) -> Member | int:
    """Return what it says, or its format version if that is another."""
    version = content["version"]
    if not isinstance(version, int):
        raise TypeError("not a version")
    if version != FORMAT_VERSION:
        return version
    return Member(
        cluster_id=_text(content["cluster_id"]),
        name=_text(content["name"]),
        incarnation=_incarnation(content["incarnation"]),
        standing=Standing[_text(content["standing"]).upper()],
        known={peer: _incarnation(value) for peer, value in content["known"].items()},
    )


def write(disk: Disk, member: Member) -> None:
    """Replace the file; durable when this returns. Raises OSError."""
    content = {
        "version": FORMAT_VERSION,
        "cluster_id": member.cluster_id,
        "name": member.name,
        "incarnation": member.incarnation.hex(),
        "standing": member.standing.name.lower(),
        "known": {peer: member.known[peer].hex() for peer in sorted(member.known)},
    }
    replace_file(disk, MEMBER, (json.dumps(content, indent=2) + "\n").encode())


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _incarnation(value: object) -> bytes:
    incarnation = bytes.fromhex(_text(value))
    if len(incarnation) != INCARNATION_BYTES:
        raise ValueError("not an incarnation")
    return incarnation
