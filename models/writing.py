"""Writes of one transaction, gathered and sent together: one statement where there were a dozen round trips.

A write is put down here instead of being executed; before anything is read through the same connection, and before the
commit, what was gathered is written by one statement. So whoever reads sees what was written, as before, and an act
that writes to eight tables waits for PostgreSQL once. What it gains: docs/performance.md.

The rows travel as one JSON parameter; PostgreSQL turns them into the tables' own types. Foreign keys are checked when
the statement ends, so the order of the tables does not matter. Two writes to the same row do not meet in one
statement: the second one has the first written out before it.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, Table, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_GATHERED = "annhi.gathered"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """One kind of write.

    Attributes:
        sql: reads its rows ``FROM said, {rows}``, where they have the table's columns, or as JSON from ``{json}``.
        table: whose rows it writes.
        key: the columns that tell those rows apart.
    """

    sql: str
    table: str
    key: tuple[str, ...]


@dataclass
class _Gathered:
    rows: dict[Write, list[Row]] = field(default_factory=dict)
    touched: set[Hashable] = field(default_factory=set)

    def add(self, write: Write, rows: Sequence[Row]) -> bool:
        """Take rows in; False where one of them was written to already, and has to be written out first."""
        marks = {(write.table, *(str(row[name]) for name in write.key)) for row in rows}
        if not marks.isdisjoint(self.touched):
            return False
        self.touched |= marks
        self.rows.setdefault(write, []).extend(rows)
        return True

    def take(self) -> tuple[str, str]:
        """The statement and its parameter; nothing is gathered afterwards."""
        rows, self.rows, self.touched = self.rows, {}, set()
        return _statement(tuple(rows)), to_json(list(rows.values())).decode()


async def put(connection: AsyncConnection, table: Table, /, **values: Any) -> None:
    """Insert a row.

    Args:
        connection: a transaction of ``models.database.transaction``.
        table: where.
        values: by column name; a column left out stays empty.
    """
    await _add(connection, _insert(table, tuple(values), once=False), [values])


async def put_all(connection: AsyncConnection, table: Table, rows: Sequence[Row], *, once: bool = False) -> None:
    """Insert rows, all with the same columns.

    Args:
        connection: a transaction of ``models.database.transaction``.
        table: where.
        rows: by column name.
        once: leave a row alone that is there already, by whatever unique key.
    """
    if rows:
        await _add(connection, _insert(table, tuple(rows[0]), once=once), rows)


async def change(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Give rows new values, all for the same columns; each is found by its primary key, which it holds as well.

    Args:
        connection: a transaction of ``models.database.transaction``.
        table: where.
        rows: by column name.
    """
    if rows:
        await _add(connection, _update(table, tuple(rows[0])), rows)


async def write(connection: AsyncConnection, how: Write, rows: Sequence[Row]) -> None:
    """Write rows by SQL of one's own.

    Args:
        connection: a transaction of ``models.database.transaction``.
        how: the SQL.
        rows: what ``{rows}`` holds, by column name of its table.
    """
    if rows:
        await _add(connection, how, rows)


async def _add(connection: AsyncConnection, how: Write, rows: Sequence[Row]) -> None:
    gathered: _Gathered = connection.info[_GATHERED]
    if not gathered.add(how, rows):
        await connection.run_sync(_write_out)
        gathered.add(how, rows)


def binary(value: bytes) -> str:
    """Bytes as a row that is gathered holds them: rows travel as JSON."""
    return f"\\x{value.hex()}"


@contextmanager
def gathering(connection: AsyncConnection) -> Iterator[None]:
    """While this lasts, writes are gathered on a connection; what has not been written out by then is not to be."""
    about = connection.info
    about[_GATHERED] = _Gathered()
    try:
        yield
    finally:
        about.pop(_GATHERED, None)


async def write_out(connection: AsyncConnection) -> None:
    """Write what was gathered."""
    await connection.run_sync(_write_out)


APART: Final = {"annhi_apart": True}
"""Execution options of a statement that reads nothing a transaction may have gathered: it does not wait for that."""


def write_before_reading(engine: AsyncEngine) -> None:
    """Have an engine's connections write out what was gathered before any other statement."""

    def about_to_execute(
        connection: Connection, _cursor: Any, _statement: str, _values: Any, context: Any, _: Any
    ) -> None:
        if context is None or not context.execution_options.get("annhi_apart"):
            _write_out(connection)

    event.listen(engine.sync_engine, "before_cursor_execute", about_to_execute)


def _write_out(connection: Connection) -> None:
    gathered: _Gathered | None = connection.info.get(_GATHERED)
    if gathered is not None and gathered.rows:
        statement, parameter = gathered.take()
        connection.exec_driver_sql(statement, (parameter,))


@lru_cache(maxsize=512)
def _statement(writes: tuple[Write, ...]) -> str:
    parts = []
    for index, one in enumerate(writes):
        json = f"said.rows->{index}"
        sql = one.sql.replace("{rows}", f"jsonb_populate_recordset(NULL::{one.table}, {json})")
        parts.append(f"w{index} AS ({sql.replace('{json}', json)})")
    return f"WITH said AS (SELECT $1::jsonb AS rows), {', '.join(parts)} SELECT"


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], *, once: bool) -> Write:
    names = _names(columns)
    conflict = " ON CONFLICT DO NOTHING" if once else ""
    # Names of our own tables and columns, never a value.
    sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM said, {{rows}}{conflict}"  # noqa: S608
    return Write(sql, table.name, tuple(column.name for column in table.primary_key))


@lru_cache(maxsize=256)
def _update(table: Table, columns: tuple[str, ...]) -> Write:
    key = tuple(column.name for column in table.primary_key)
    values = ", ".join(f'"{name}" = r."{name}"' for name in columns if name not in key)
    found = " AND ".join(f't."{name}" = r."{name}"' for name in key)
    sql = f"UPDATE {table.name} t SET {values} FROM said, {{rows}} r WHERE {found}"  # noqa: S608
    return Write(sql, table.name, key)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
