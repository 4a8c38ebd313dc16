"""What the wire allows. Sender and receiver refuse alike what is beyond."""

PROTOCOL_VERSION = 1
"""Said in each `Hello`; a member hangs up on one that is newer than its own."""
MAX_FRAME_BYTES = 2 << 20
"""A frame without the four bytes of its length."""
MAX_PROPOSAL_BYTES = 256 << 10
MAX_ENTRY_BYTES = MAX_PROPOSAL_BYTES + 1
"""A log entry's command: its type byte, then the proposal."""
ENTRY_OVERHEAD_BYTES = 12
"""What each log entry takes up in a frame besides its command."""
MAX_CHUNK_BYTES = 256 << 10
"""A snapshot chunk's data."""
MAX_NAME_BYTES = 64
"""A member's name or a cluster's id, in UTF-8."""
INCARNATION_BYTES = 16
MAX_NUMBER = 1 << 62
"""A term, an index, an id: no cluster lives to count further, and one more must fit, too."""
MAX_SNAPSHOT_BYTES = 8 << 30


class WireError(ValueError):
    """These bytes are no message, or this message may not be sent. Never quotes content."""
