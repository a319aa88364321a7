"""The way to PostgreSQL. Every transaction says who it is for and what time it is.

``set_config(…, true)`` lasts for the transaction only. Row security (``models.security``) goes by what was said: a
transaction that said nothing finds nothing.
"""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
from pydantic_core import from_json
from sqlalchemy import ColumnElement, event, func, text
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models import writing
from models.vault import KeyProvider

KEYS: Final = "annhi_keys"
"""Execution option of an engine's connections: the keys its process was given (``models.records.vault``)."""

_LOCK_TIMEOUT: Final = "5s"
_AT_WORK: Final = "annhi.at_work"
_FRESH_SECONDS: Final = 2.0
"""A connection that worked so recently is used without asking whether it still does."""


@dataclass(frozen=True)
class Who:
    """On whose behalf a transaction runs: a person in a position, or a named part of the system.

    ``system`` is a part of ``models.security.PARTS``, or only a name for the record. ``case_id`` is the case it is
    about. The worker's role finds that one only. To the API's role it gives nothing: whether the person announced reads
    that case is then looked up once a statement, instead of for every row below it. ``work_on`` adds another.
    """

    person_id: UUID | None = None
    position_id: UUID | None = None
    system: str | None = None
    case_id: UUID | None = None


class _Announcing(asyncpg.Connection):  # type: ignore[misc]
    """A connection that says for whom a transaction is in the same message that begins it, not in a second one."""

    __slots__ = ("annhi_announcement",)

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's
        announcement, self.annhi_announcement = getattr(self, "annhi_announcement", ""), ""
        if announcement and query.startswith("BEGIN"):
            query += announcement
        status: str = await super().execute(query, *args, timeout=timeout)
        return status


def connect(url: str, *, pool_size: int = 20, plan_once: bool = False, keys: KeyProvider | None = None) -> AsyncEngine:
    """An engine for one role's URL (``postgresql+asyncpg://…``). A dead connection is noticed before it is used.

    Args:
        url: SQLAlchemy URL.
        pool_size: connections kept; no more are opened, callers wait up to 5 s for one.
        plan_once: plan each statement once a connection, whatever its values. For a process whose statements are all
            about one case at a time: who is to be told costs half of what it does when planned anew each time.
        keys: what wraps the cases' data keys, for a process that stores or reads what is about a child.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        # The connection used last has its statements prepared and its caches warm.
        pool_use_lifo=True,
        json_deserializer=from_json,
        # What was to be written is about a child; an error that quotes it would end up in a log.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "connection_class": _Announcing,
            "server_settings": {
                "jit": "off",
                "timezone": "UTC",
                # Whoever waits longer for somebody's lock is told so: a locked audit is an answer, not a hang.
                "lock_timeout": _LOCK_TIMEOUT,
                "plan_cache_mode": "force_generic_plan" if plan_once else "auto",
            },
        },
    )
    engine.update_execution_options(**{KEYS: keys})
    _ask_after_a_pause(engine)
    writing.write_before_reading(engine)
    return engine


def _ask_after_a_pause(engine: AsyncEngine) -> None:
    """Ask a connection whether it still works, but not one that did a moment ago: that is three round trips each time.

    One whose server has gone is known without asking.
    """

    def taken(dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        if dbapi_connection.driver_connection.is_closed():
            raise DisconnectionError
        if time.monotonic() - record.info.get("annhi.worked_at", 0.0) > _FRESH_SECONDS:
            try:
                engine.dialect.do_ping(dbapi_connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error

    def given_back(_dbapi_connection: Any, record: Any) -> None:
        record.info["annhi.worked_at"] = time.monotonic()

    event.listen(engine.sync_engine, "checkout", taken)
    event.listen(engine.sync_engine, "checkin", given_back)


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, who: Who, at: datetime, *, plan_once: bool = False
) -> AsyncIterator[AsyncConnection]:
    """One transaction for somebody at a domain instant; committed at the end, rolled back on any exception.

    Args:
        engine: where.
        who: for whom.
        at: the domain instant, timezone-aware; policies and defaults that need a time read it from ``annhi.now``.
        plan_once: plan its statements once a connection, as ``connect`` can for all of them.
    """
    async with engine.begin() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.annhi_announcement = _announcement(who, at, plan_once=plan_once)
        info = connection.info  # of a connection that was lost on the way it can no longer be asked for
        info[_AT_WORK] = [who.case_id] if who.case_id is not None else []
        try:
            with writing.gathering(connection):
                yield connection
                await writing.write_out(connection)
        finally:
            driver.annhi_announcement = ""
            info.pop(_AT_WORK, None)


async def work_on(connection: AsyncConnection, case_ids: Collection[UUID]) -> None:
    """Say that a transaction is about other cases too, until it ends: whoever attaches a case moves two.

    Args:
        connection: a transaction of ``transaction``.
        case_ids: which cases.
    """
    at_work: list[UUID] = connection.info.setdefault(_AT_WORK, [])
    if new := [one for one in case_ids if one not in at_work]:
        at_work += new
        cases = ",".join(map(str, at_work))
        await connection.execute(text("SELECT set_config('annhi.case', :cases, true)"), {"cases": cases})


def about(case_ids: ColumnElement[Any]) -> ColumnElement[Any]:
    """In what a statement returns: from then on the transaction is about the cases this statement found.

    As ``work_on``, without a message of its own; in place of what it was about before.

    Args:
        case_ids: their ids as text, with commas between them.
    """
    return func.set_config("annhi.case", func.coalesce(case_ids, ""), True)


@asynccontextmanager
async def as_part(connection: AsyncConnection, part: str) -> AsyncIterator[None]:
    """For a stretch of a person's transaction, a part of the system (``models.security.PARTS``) works beside them.

    What they are answered is asked outside of it. What was written in it is written out before it ends: row security
    asks who is announced when a row is written. It ends with an exception as well: whoever catches one and goes on in
    the same transaction goes on as the person. Where PostgreSQL has given the transaction up nothing can be said any
    more, and nothing be asked; going back to a savepoint of before this takes back what was announced since.

    Args:
        connection: a transaction of ``transaction``, on behalf of a person.
        part: the part's name.
    """
    await writing.write_out(connection)
    before = (await connection.execute(_PART_NOW)).scalar_one()
    await connection.execute(_AS_PART, {"part": part})
    try:
        yield
    except BaseException:
        # Of a connection that was lost SQLAlchemy says so in an exception of another kind: the first one counts.
        with suppress(SQLAlchemyError):
            await connection.execute(_AS_PART, {"part": before})
        raise
    await writing.write_out(connection)
    await connection.execute(_AS_PART, {"part": before})


_PART_NOW: Final = text("SELECT current_setting('annhi.system', true)")
_AS_PART: Final = text("SELECT set_config('annhi.system', :part, true)")


def _announcement(who: Who, at: datetime, *, plan_once: bool) -> str:
    said = {
        "person": _text(who.person_id),
        "position": _text(who.position_id),
        "system": who.system or "",
        "case": _text(who.case_id),
        "now": at.isoformat(),
    }
    quoted = (
        f"set_config('annhi.{name}', '{value.replace(chr(39), chr(39) * 2)}', true)" for name, value in said.items()
    )
    planning = ", set_config('plan_cache_mode', 'force_generic_plan', true)" if plan_once else ""
    return f"; SELECT {', '.join(quoted)}{planning}"


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)
