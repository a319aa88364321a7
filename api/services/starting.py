"""Starting workflows without making anybody wait: best effort, the sweep does the rest."""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from api.door import Door
from models.messages import workflow_id
from workflows.client import TemporalAwayError

_AT_ONCE: Final = 50
_WAITING: Final = 1000
"""More than this many cases not yet started are left to the sweep."""

_LOG = structlog.get_logger("api.starting")
_tasks: set[asyncio.Task[None]] = set()
_turns = asyncio.Semaphore(_AT_ONCE)


def start_soon(door: Door, case_id: UUID) -> None:
    """Start the workflow of a case that was just committed; returns at once."""
    if len(_tasks) >= _WAITING:
        return
    task = asyncio.create_task(_start(door, case_id))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def settle() -> None:
    """Wait for the starts under way; each is bounded by the desk's own timeout."""
    await asyncio.gather(*_tasks, return_exceptions=True)


async def _start(door: Door, case_id: UUID) -> None:
    async with _turns:
        try:
            await door.desk.start(case_id)
        except TemporalAwayError:
            _LOG.warning("workflow not started yet", workflow_id=workflow_id(case_id))
