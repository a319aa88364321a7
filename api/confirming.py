"""Noting that a caller has heard the answer to a command: gathered, because nothing is lost with a note that is lost.

A submission without ``confirmed_at`` only makes the sweep tell the case's workflow to look again, once. A transaction
of its own for each command cost as much as everything else the caller's side does (docs/performance.md).
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.queries import submissions
from models.clock import Clock
from models.database import Who, transaction

TOGETHER_SECONDS: Final = 0.5
"""How long notes are gathered: far less than what the sweep waits before it looks (``activities.upkeep``)."""
_LOG = structlog.get_logger("api.confirming")


class Confirmations:
    """What has been answered and is not noted yet.

    Args:
        engine: of the API's database role.
        clock: domain time.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._heard: list[UUID] = []
        self._writing: asyncio.Task[None] | None = None

    def note(self, command_id: UUID) -> None:
        """Its caller has the answer; returns at once."""
        self._heard.append(command_id)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    async def settle(self) -> None:
        """Write down what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            await self._write()

    async def _write_soon(self) -> None:
        await asyncio.sleep(TOGETHER_SECONDS)
        self._writing = None
        await self._write()

    async def _write(self) -> None:
        heard: Sequence[UUID]
        heard, self._heard = self._heard, []
        now = self._clock.now()
        try:
            async with transaction(self._engine, Who(system="answers"), now) as connection:
                await submissions.confirm(connection, heard, at=now)
        except (SQLAlchemyError, OSError) as error:
            # The sweep finds them; to hold on to them would be a list that grows while PostgreSQL is away.
            _LOG.warning("confirmations not noted", count=len(heard), error=type(error).__name__)
