"""The cluster clock: time for closing elections that no single machine's clock can bend.

Every batch carries its proposer's clock reading. The cluster clock is the highest value that
the lower median of the members' newest readings has ever had. A member that never proposed
counts as infinitely slow. So the clock passes a moment only when a majority has read it, and a
minority of mad clocks, fast or slow, closes nothing early and keeps nothing open.
"""

from dataclasses import dataclass, field, replace

from quorate_replication.state.limits import is_time

NEVER_US = -(2**63)
"""Before any time that a clock can read."""


@dataclass(slots=True)
class ClusterClock:
    """Microseconds since 1970 UTC; it never goes back."""

    members: tuple[str, ...] = ()
    readings: dict[str, int] = field(default_factory=dict[str, int])
    now_us: int = NEVER_US

    def copy(self) -> "ClusterClock":
        """Return one that goes on apart from this one."""
        return replace(self, readings=self.readings.copy())

    def set_members(self, members: tuple[str, ...]) -> None:
        """Replace the members; readings of those that stay are kept."""
        self.members = members
        self.readings = {m: self.readings[m] for m in members if m in self.readings}
        self._advance()

    def observe(self, member: str, reading_us: int) -> None:
        """Take a member's newest reading; strangers and impossible times are ignored."""
        if member not in self.members or not is_time(reading_us):
            return
        self.readings[member] = reading_us
        self._advance()

    def _advance(self) -> None:
        in_order = sorted(self.readings.get(m, NEVER_US) for m in self.members)
        lower_median = in_order[(len(in_order) - 1) // 2]
        self.now_us = max(self.now_us, lower_median)
