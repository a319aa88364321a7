"""The way the database's shape moves forward. Run as the owner role, never by the service's own roles."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.records.vault import WRAPPING

HERE = Path(__file__).parent
Answer = TypeVar("Answer")


def config(url: str = "") -> Config:
    """Alembic's configuration, without an ini file. ``url`` is the owner's ``postgresql+asyncpg://`` URL."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def upgrade(url: str) -> None:
    """Bring the database at ``url`` (the owner's) to the newest revision. Blocks; not for use inside an event loop.

    A database that was restored from a dump into another server goes on counting the audit's turns where it left off.
    """
    command.upgrade(config(url), "head")
    asyncio.run(_ask(url, lambda connection: connection.execute(text("SELECT audit_go_on()"))))


def check(url: str) -> None:
    """Raise ``alembic.util.CommandError`` where the tables in code differ from the migrated database."""
    command.check(config(url))


def head() -> str:
    """The newest revision this code knows."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise RuntimeError("no migration is shipped with this code")
    return revision


def known(revision: str) -> bool:
    """Whether this code knows ``revision``; a database at an unknown one was written by newer code."""
    return any(step.revision == revision for step in ScriptDirectory.from_config(config()).walk_revisions())


async def revision_of(connection: AsyncConnection) -> str | None:
    """The revision the connected database is at, None where it was never migrated."""

    def read(sync: Connection) -> str | None:
        return MigrationContext.configure(sync).get_current_revision()

    return await connection.run_sync(read)


def current(url: str) -> str | None:
    """The revision the database at ``url`` is at, None where it was never migrated. Blocks, as ``upgrade`` does."""
    return asyncio.run(_ask(url, revision_of))


def keys_needed(url: str) -> set[str]:
    """The ids of the key-encryption keys without which something at ``url`` cannot be read. Blocks, as ``upgrade``."""
    return asyncio.run(_ask(url, _keys_needed))


async def _keys_needed(connection: AsyncConnection) -> set[str]:
    found: set[str] = set()
    for of in WRAPPING:
        # One of older code may have it not yet.
        if await connection.scalar(text("SELECT to_regclass(:name)"), {"name": of.name}) is not None:
            found.update(await connection.scalars(select(of.c.kek).distinct().where(of.c.kek.is_not(None))))
    return found


async def _ask(url: str, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
    engine: AsyncEngine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await question(connection)
    finally:
        await engine.dispose()
