"""Starting and waking workflows without making anybody wait: best effort, the sweep does the rest."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from api.door import Door
from models.messages import workflow_id
from workflows.client import TemporalAwayError

_AT_ONCE: Final = 50
_WAITING: Final = 1000
"""More than this many cases not yet reached are left to the sweep."""

_LOG = structlog.get_logger("api.starting")
_tasks: set[asyncio.Task[None]] = set()
_turns = asyncio.Semaphore(_AT_ONCE)


def start_soon(door: Door, case_id: UUID) -> None:
    """Start the workflow of a case that was just committed; returns at once."""
    _soon(door.desk.start, case_id)


def wake_soon(door: Door, case_id: UUID) -> None:
    """Tell the workflow of a case that something was committed beside it; returns at once."""
    _soon(door.desk.wake, case_id)


def _soon(call: Callable[[UUID], Awaitable[None]], case_id: UUID) -> None:
    if len(_tasks) >= _WAITING:
        return
    task = asyncio.create_task(_call(call, case_id))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def settle() -> None:
    """Wait for the calls under way; each is bounded by the desk's own timeout."""
    await asyncio.gather(*_tasks, return_exceptions=True)


async def _call(call: Callable[[UUID], Awaitable[None]], case_id: UUID) -> None:
    async with _turns:
        try:
            await call(case_id)
        except TemporalAwayError:
            _LOG.warning("workflow not reached yet", workflow_id=workflow_id(case_id))
