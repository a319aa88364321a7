"""Starting workflows without making anybody wait: best effort, the sweep does the rest.

Whoever reports comes first. Starting a workflow costs Temporal and the worker more processor time than taking the
report in, and nothing hangs on it for minutes: a command starts the workflow it needs, and the first rung is far off.
So when many reports come at once their workflows are started a few at a time, with a rest between.
"""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from models.messages import workflow_id
from workflows.client import CaseDesk, TemporalAwayError

_AT_ONCE: Final = 2
_REST_SECONDS: Final = 0.2
"""How long a turn lasts beside the start itself: ten starts a second at most."""
_WAITING: Final = 1000
"""More than this many cases not yet started are left to the sweep."""

_LOG = structlog.get_logger("api.starting")


class Starts:
    """The starts of one API process.

    Args:
        desk: the way to the workflows.
    """

    def __init__(self, desk: CaseDesk) -> None:
        self._desk = desk
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._ending = asyncio.Event()

    def soon(self, case_id: UUID) -> None:
        """Start the workflow of a case that was just committed; returns at once."""
        if len(self._tasks) >= _WAITING:
            return
        task = asyncio.create_task(self._start(case_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for the starts under way, each bounded by the desk's own timeout; the others are left to the sweep."""
        self._ending.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, case_id: UUID) -> None:
        async with self._turns:
            if self._ending.is_set():
                return
            try:
                await self._desk.start(case_id)
            except TemporalAwayError:
                _LOG.warning("workflow not started yet", workflow_id=workflow_id(case_id))
            try:
                await asyncio.wait_for(self._ending.wait(), _REST_SECONDS)
            except TimeoutError:
                return
