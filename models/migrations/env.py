"""Alembic's entry: runs the migrations over asyncpg, with timeouts so that a busy table fails fast."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import METADATA

# Whoever waits for a lock makes everybody behind it wait; whoever works too long has forgotten an index.
TIMEOUTS = ("SET lock_timeout = '5s'", "SET statement_timeout = '10min'")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        for timeout in TIMEOUTS:
            connection.execute(text(timeout))
        context.run_migrations()


async def _online() -> None:
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url") or "")
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


def _offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        for timeout in TIMEOUTS:
            context.execute(timeout)
        context.run_migrations()


if context.is_offline_mode():
    _offline()
else:
    asyncio.run(_online())
