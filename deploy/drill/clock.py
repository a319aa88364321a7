"""The drill's clock: it stands still while people act, and jumps from instant to instant between.

Temporal's time-skipping server keeps wall time unless it is told to skip, and a timer that fires while a command is
being recorded breaks that workflow on this server (docs/decisions/0004-drill-clock.md). So people act while the server
still stands a little *before* the instant they act at: API and worker are given the instant itself, and no timer of
that instant can fire until the clock is told to reach it.
"""

import time
from datetime import UTC, datetime, timedelta

from google.protobuf.empty_pb2 import Empty
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client
from temporalio.service import RPCError

LEAD = timedelta(seconds=60)
"""How far before an instant the server waits while people act at it. What they do takes real seconds, not minutes."""

GRACE = timedelta(seconds=5)
"""How far the server's time may run on while the drill still stands at its instant."""

ROOM = timedelta(seconds=3)
"""The least distance to the next rung at which a command is still sent."""


class DrillFailureError(Exception):
    """The stage failed, not the drill: a server did not start, did not answer or did not come to rest."""


class StageClock:
    """Domain time for everything in the drill, tied to the test server's time.

    Args:
        client: of the time-skipping server.
        platform_start: the platform time that stands for the drill's first instant.
        start: the drill's first instant.
    """

    def __init__(self, client: Client, platform_start: datetime, start: datetime) -> None:
        self._client = client
        self.offset = start.astimezone(UTC) - platform_start
        self._stands_at = platform_start
        self._server = platform_start - LEAD
        self._read = time.monotonic()

    @classmethod
    async def open(cls, client: Client, start: datetime) -> "StageClock":
        """A clock whose present is ``start``.

        Raises:
            DrillFailureError: the test server does not answer.
        """
        # As if it had begun a little earlier, so that the first instant too can be stood at with the server before it.
        return cls(client, await _server_time(client) + LEAD, start)

    def platform(self) -> datetime:
        """Platform time: the instant the drill stands at, or the server's own time once that has got clearly further.

        A little further is expected: timers fire some milliseconds late, and what they record belongs to the instant
        itself. Much further means that people took longer than the clock could wait, and then the later time holds.
        """
        server = self._server_now()
        return server if server > self._stands_at + GRACE else self._stands_at

    def now(self) -> datetime:
        """The present instant in domain time."""
        return self.platform() + self.offset

    async def stand(self, at: datetime) -> None:
        """Let the present be ``at``, with the server before it if it can be. Every rung due earlier must have fired.

        Args:
            at: domain instant, not before the present one.

        Raises:
            DrillFailureError: the server does not get there.
        """
        self._stands_at = at.astimezone(UTC) - self.offset
        await self._skip_to(self._stands_at - LEAD)

    async def reach(self, at: datetime) -> None:
        """Let the present be ``at`` and the server get there, so that what is due at ``at`` fires.

        Raises:
            DrillFailureError: the server does not get there.
        """
        self._stands_at = at.astimezone(UTC) - self.offset
        await self._skip_to(self._stands_at)

    def room_before(self, due: datetime) -> timedelta:
        """How long the server's time still has to run before a domain instant."""
        return due.astimezone(UTC) - self.offset - self._server_now()

    def _server_now(self) -> datetime:
        return self._server + timedelta(seconds=time.monotonic() - self._read)

    async def _skip_to(self, target: datetime) -> None:
        distance = target - await self._look()
        if distance <= timedelta(0):
            return
        request = SleepRequest()
        request.duration.FromTimedelta(distance)
        try:
            await self._client.test_service.unlock_time_skipping_with_sleep(request, timeout=timedelta(seconds=60))
        except RPCError as error:
            raise DrillFailureError(
                f"the time-skipping server does not reach {target + self.offset}: {error}"
            ) from error
        await self._look()

    async def _look(self) -> datetime:
        self._server, self._read = await _server_time(self._client), time.monotonic()
        return self._server


async def _server_time(client: Client) -> datetime:
    try:
        answer = await client.test_service.get_current_time(Empty())
    except RPCError as error:
        raise DrillFailureError(f"the time-skipping server does not answer: {error}") from error
    return answer.time.ToDatetime(tzinfo=UTC)
