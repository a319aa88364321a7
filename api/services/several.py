"""Many acts asked for in one request, each with a result of its own: one that fails keeps no other back."""

from collections.abc import Awaitable
from typing import Any, TypeVar

import structlog

from api.door import Visit
from api.problems import Problem

T = TypeVar("T")


async def tried(act: Awaitable[T]) -> tuple[T | None, Problem | None]:
    """What an act came to: its answer, or the problem that kept it."""
    try:
        return await act, None
    except Problem as problem:
        return None, problem


def told(visit: Visit, problem: Problem | None) -> dict[str, Any] | None:
    """The problem of one of several as its result has it: the members of an RFC 9457 problem."""
    if problem is None:
        return None
    return problem.body(visit.language, str(structlog.contextvars.get_contextvars().get("trace_id", "")))
