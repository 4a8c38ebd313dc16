"""Log lines about what strangers do: a few, then only how many more there were."""

import logging
from collections.abc import Callable


class QuietLog:
    """Logs at most `burst` lines at once and one more each `every_s`; the rest is counted."""

    def __init__(
        self,
        log: logging.Logger,
        now: Callable[[], float],
        burst: int = 10,
        every_s: float = 5.0,
    ) -> None:
        self._log = log
        self._now = now
        self._burst = burst
        self._every_s = every_s
        self._allowed = float(burst)
        self._last = now()
        self._unsaid = 0

    def warning(self, text: str) -> None:
        """Log or count a line."""
        now = self._now()
        self._allowed = min(self._burst, self._allowed + (now - self._last) / self._every_s)
        self._last = now
        if self._allowed < 1:
            self._unsaid += 1
            return
        self._allowed -= 1
        more = f" (and {self._unsaid} such lines before)" if self._unsaid else ""
        self._unsaid = 0
        self._log.warning("%s%s", text, more)
