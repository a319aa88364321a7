"""The seals in PostgreSQL: which entries may be sealed, in what order, and the seals themselves.

Entries are sealed in the order of (turn, id), and only those of transactions below the horizon: all of them have ended,
so nothing can appear there any more, and every entry comes under one seal exactly (docs/decisions/0006-audit.md).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.audit import Seal
from models.audit.seals import instant
from models.tables import AuditSeal, table

_SEAL = table(AuditSeal)

_LOCK: Final = 0x616E6E6869
"""One sealer at a time, however many workers run."""

_FIRST: Final = (-1, UUID(int=0))
_LAST: Final = UUID(int=(1 << 128) - 1)

_TRY = text("SELECT pg_try_advisory_xact_lock(:lock)")
_HORIZON = text("SELECT audit_horizon()")
_LEAVES = text(
    """
    SELECT e.id, e.turn, audit_leaf(e) AS leaf FROM audit_entry e
     WHERE (e.turn, e.id) > (CAST(:turn AS bigint), CAST(:id AS uuid)) AND e.turn < :horizon
     ORDER BY e.turn, e.id LIMIT :most
    """
)


async def my_turn(connection: AsyncConnection) -> bool:
    """Whether this transaction is the sealer's, until it ends."""
    return bool((await connection.execute(_TRY, {"lock": _LOCK})).scalar_one())


async def last_seal(connection: AsyncConnection) -> Seal | None:
    """The newest seal, without its leaves."""
    columns = [column for column in _SEAL.c if column.name != "leaves"]
    row = (await connection.execute(select(*columns).order_by(_SEAL.c.number.desc()).limit(1))).one_or_none()
    return _seal(row, b"") if row is not None else None


async def next_seal(connection: AsyncConnection, *, at: datetime, key_id: str, most: int) -> Seal | None:
    """The unsigned seal over what can be sealed now; None where there is nothing.

    Args:
        connection: a transaction that has its turn.
        at: domain instant.
        key_id: who will sign.
        most: entries at most.
    """
    before = await last_seal(connection)
    turn, identity = (before.upto_turn, before.upto_id) if before else _FIRST
    horizon = int((await connection.execute(_HORIZON)).scalar_one())
    asked = {"turn": turn, "id": identity, "horizon": horizon, "most": most}
    rows = (await connection.execute(_LEAVES, asked)).all()
    if not rows:
        return None
    upto = (rows[-1].turn, rows[-1].id) if len(rows) == most else (horizon - 1, _LAST)
    leaves = [(row.id, bytes(row.leaf)) for row in rows]
    return Seal.over(leaves, after=before, at=instant(at), upto=upto, key_id=key_id)


async def store_seal(connection: AsyncConnection, seal: Seal) -> None:
    """Put a signed seal on record."""
    await connection.execute(
        insert(_SEAL).values(
            number=seal.number,
            at=datetime.fromisoformat(seal.at),
            upto_turn=seal.upto_turn,
            upto_id=seal.upto_id,
            count=seal.count,
            root=seal.root,
            previous=seal.previous,
            key_id=seal.key_id,
            leaves=seal.leaves,
            signature=seal.signature,
        )
    )


async def seals_after(connection: AsyncConnection, number: int, limit: int) -> list[Seal]:
    """The next seals after a number, with their leaves."""
    statement = select(_SEAL).where(_SEAL.c.number > number).order_by(_SEAL.c.number).limit(limit)
    return [_seal(row, bytes(row.leaves)) for row in (await connection.execute(statement)).all()]


async def seals_among(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, Seal]:
    """Those of these seals that are on record, by number, without their leaves."""
    columns = [column for column in _SEAL.c if column.name != "leaves"]
    rows = await connection.execute(select(*columns).where(_SEAL.c.number.in_(numbers)))
    return {row.number: _seal(row, b"") for row in rows}


def _seal(row: Row[Any], leaves: bytes) -> Seal:
    return Seal(
        number=row.number,
        at=instant(row.at),
        upto_turn=row.upto_turn,
        upto_id=row.upto_id,
        count=row._mapping["count"],  # noqa: SLF001 - Row has a method of that name
        root=bytes(row.root),
        previous=bytes(row.previous),
        key_id=row.key_id,
        leaves=leaves,
        signature=bytes(row.signature),
    )
