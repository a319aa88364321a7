"""The way to PostgreSQL. Every transaction says who it is for and what time it is.

``set_config(…, true)`` lasts for the transaction only, so row security can be switched on without touching a caller.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine


@dataclass(frozen=True)
class Who:
    """On whose behalf a transaction runs: a person in a position, or a named part of the system.

    ``case_id`` narrows the worker's policy to the one case it works on.
    """

    person_id: UUID | None = None
    position_id: UUID | None = None
    system: str | None = None
    case_id: UUID | None = None


_SAY = select(
    func.set_config("annhi.person", bindparam("person"), True),
    func.set_config("annhi.position", bindparam("position"), True),
    func.set_config("annhi.system", bindparam("system"), True),
    func.set_config("annhi.case", bindparam("case"), True),
    func.set_config("annhi.now", bindparam("now"), True),
)


def connect(url: str, *, pool_size: int = 20) -> AsyncEngine:
    """An engine for one role's URL (``postgresql+asyncpg://…``). A dead connection is noticed before it is used.

    Args:
        url: SQLAlchemy URL.
        pool_size: connections kept; no more are opened, callers wait up to 5 s for one.
    """
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"timeout": 5, "server_settings": {"jit": "off", "timezone": "UTC"}},
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine, who: Who, at: datetime) -> AsyncIterator[AsyncConnection]:
    """One transaction for somebody at a domain instant; committed at the end, rolled back on any exception.

    Args:
        engine: where.
        who: for whom.
        at: the domain instant, timezone-aware; policies and defaults that need a time read it from ``annhi.now``.
    """
    async with engine.begin() as connection:
        await connection.execute(
            _SAY,
            {
                "person": _text(who.person_id),
                "position": _text(who.position_id),
                "system": who.system or "",
                "case": _text(who.case_id),
                "now": at.isoformat(),
            },
        )
        yield connection


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)
