"""Domain time: platform time plus an offset fixed per environment.

Production runs with offset 0. A drill runs on Temporal's time-skipping server, which starts at wall time and only goes
forward, so the offset lets it play in any year. No code decides anything by ``datetime.now()``: it asks a clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the domain's present instant, timezone-aware UTC."""

    def now(self) -> datetime:
        """The present instant in domain time."""
        ...


class PlatformClock:
    """A clock that adds a fixed offset to a platform's time.

    Args:
        offset: what is added to platform time; 0 in production.
        platform: where platform time comes from; the machine's own clock unless a drill gives the test server's.
    """

    def __init__(self, offset: timedelta = timedelta(0), platform: Callable[[], datetime] | None = None) -> None:
        self._offset = offset
        self._platform = platform or _machine_time

    def now(self) -> datetime:
        """The present instant in domain time."""
        return self._platform() + self._offset


def _machine_time() -> datetime:
    return datetime.now(UTC)
