"""How much may come through the door: a bucket of requests for every session, and one for every address.

Whoever this process has let in lately is limited by the bucket of their own session or service alone; everybody else,
right or wrong, shares the bucket of the address they come from. So a crowd of strangers behind an office's address
cannot shut out the officers at work there. A bucket holds a minute's worth and fills evenly. Reports and the events of
an emergency have buckets of their own, larger ones: a screen that asks too often never costs a child its report.
The buckets are this process's own: why, and what that means for several, is in docs/decisions/0012-the-door.md.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from api.identity.tokens import token_hash
from models.lifecycle.events import EVENTS
from models.settings import Settings

URGENT_EVENTS: Final = frozenset(code for code, event in EVENTS.items() if event.region == "protection") | {
    "add_report"
}
"""Events that go by the larger bucket: what is done about danger, and a further report about the same child."""

_INTAKE: Final = frozenset({"/api/v1/reports", "/api/v1/public/reports", "/bao-tin"})
_ACTIONS: Final = "/actions/"
_EXEMPT: Final = frozenset({"/health/live", "/health/ready", "/metrics", "/api/v1/gateway/receipts"})
"""What watches the service, and what says whether a message has arrived: never refused for being frequent."""

_MOST: Final = 20_000
"""Buckets kept of each kind; the one longest unused goes first, and was full again long before."""
_LEFT_AFTER: Final = 600.0
"""Seconds without a request after which a session counts as a stranger again."""
_NETWORK: Final = 64
"""Whoever has one IPv6 address has all of its network's."""


def is_exempt(path: str) -> bool:
    """Whether requests to this path are never counted."""
    return path in _EXEMPT


def is_urgent(method: str, path: str) -> bool:
    """Whether it is a report, or an event of an emergency."""
    if method != "POST":
        return False
    return path in _INTAKE or (
        path.startswith("/api/v1/") and _ACTIONS in path and path.rpartition(_ACTIONS)[2] in URGENT_EVENTS
    )


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class _Buckets:
    """Buckets of one size by key."""

    def __init__(self, a_minute: int) -> None:
        self._size = float(a_minute)
        self._held: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one out; 0, or the seconds until there is one again. A size of 0 sets no limit."""
        if not self._size:
            return 0.0
        each = self._size / 60
        bucket = self._held.setdefault(key, _Bucket(self._size, now))
        self._held.move_to_end(key)
        bucket.left = min(self._size, bucket.left + (now - bucket.at) * each)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / each
        bucket.left -= 1
        if len(self._held) > _MOST:
            self._held.popitem(last=False)
        return 0.0


class Flood:
    """The buckets of one process.

    Args:
        settings: ``requests_per_minute`` and ``urgent_per_minute``; 0 sets no limit.
        clock: seconds that only grow; not domain time, which drills move.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        sizes = {False: settings.requests_per_minute, True: settings.urgent_per_minute}
        self._clock = clock
        self._own = {urgent: _Buckets(size) for urgent, size in sizes.items()}
        self._strangers = {urgent: _Buckets(size) for urgent, size in sizes.items()}
        self._known: OrderedDict[str, float] = OrderedDict()

    def wait(self, token: str | None, address: str, *, urgent: bool) -> int:
        """Count a request.

        Args:
            token: of the session or service it came with, if any.
            address: where it came from.
            urgent: it is one of ``is_urgent``.

        Returns:
            0 where it may go on, else the whole seconds to wait.
        """
        now, key = self._clock(), None if token is None else token_hash(token)
        if key is not None and now - self._known.get(key, -math.inf) <= _LEFT_AFTER:
            return math.ceil(self._own[urgent].take(key, now))
        return math.ceil(self._strangers[urgent].take(network(address), now))

    def let_in(self, token: str) -> None:
        """Remember that this token was found to be good."""
        key = token_hash(token)
        self._known[key] = self._clock()
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def network(address: str) -> str:
    """What is counted as one address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _NETWORK), strict=False))
    return address
