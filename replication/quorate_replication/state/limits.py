"""How much of everything the state takes; what exceeds it is rejected, never truncated."""

NAME_BYTES = 256
"""UTF-8 length of any name: of a voter, a group, an election, a choice, a member."""

REQUEST_ID_BYTES = 64
"""A request id has 1 to this many bytes (the native API asks clients for at least 16)."""

PUBLIC_KEY_BYTES = 32
"""A raw Ed25519 public key (RFC 8032)."""

GROUPS_PER_ELECTION = 200
CHOICES_PER_ELECTION = 200
ELECTIONS = 10_000
EXTENSIONS_PER_ELECTION = 100

ROLL_NAMES = 2_000_000
"""Names that were ever on the roll, unregistered ones included."""

ANSWERS_PER_VOTER = 16
"""Latest changes of one voter's registration whose requests may still be repeated."""

MEMBERS = 15

EARLIEST_US = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z in microseconds since 1970, as in google.protobuf.Timestamp."""

LATEST_US = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z in microseconds since 1970."""


def is_name(text: str) -> bool:
    """Tell whether `text` may name something: any UTF-8, not empty, not too long."""
    return 0 < len(text.encode()) <= NAME_BYTES


def is_time(moment_us: int) -> bool:
    """Tell whether `moment_us` (microseconds since 1970 UTC) is a time that we can print."""
    return EARLIEST_US <= moment_us <= LATEST_US
