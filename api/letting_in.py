"""Letting in what was set aside and nobody has looked at in time, for as long as this process runs.

What waits stands in PostgreSQL; every API process looks at it again and again, and a new one goes on where the last one
ended. It is the API's to do, since it alone opens cases, and waits for Temporal no more than any other report does.
"""

import asyncio
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.door import Door
from api.services.set_aside import let_in_due

EVERY_SECONDS = 15.0
"""Between two looks."""
_LOG = structlog.get_logger("api.letting_in")


class LettingIn:
    """The task of one API process.

    Args:
        door: its adapters.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look from now on; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def settle(self) -> None:
        """Look no more. What is being taken in this moment is taken back whole, and is another process's."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await let_in_due(self._door)
            except (SQLAlchemyError, OSError) as error:
                _LOG.warning("what is set aside was not looked at", error=type(error).__name__)
