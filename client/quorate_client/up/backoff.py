"""How long a node that died stays down before it is started again. Pure."""

FIRST_S = 1.0
LONGEST_S = 30.0
LIVED_LONG_S = 30.0


class Backoff:
    """The pauses of one node: 1 s, doubled to 30 s as long as it keeps dying quickly."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def pause_s(self, lived_s: float) -> float:
        """Tell how many seconds to wait, now that it died after `lived_s` seconds."""
        if lived_s >= LIVED_LONG_S:
            self._next_s = FIRST_S
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, LONGEST_S)
        return pause_s
