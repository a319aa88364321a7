"""Breaking the glass, in the scope of those who ask, confirm and review."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found, unit_columns
from models.records.vault import open_text, seal_text
from models.tables import BreakGlass, Person, Position, Unit, new_id, table
from models.vault import DataKey

_GLASS, _PERSON, _POSITION, _UNIT = table(BreakGlass), table(Person), table(Position), table(Unit)


_CASE = func.annhi_grants(bindparam("grant", type_=Uuid())).table_valued(
    Column("grant_id", Uuid()), Column("code", Text()), Column("unit_id", Uuid()), Column("owner_id", Uuid()),
    Column("flagged", Boolean()), Column("to_review", Boolean()), Column("key_wrapped", LargeBinary()),
    Column("key_kek", Text()), name="seen",
)  # fmt: skip


def _grants() -> Select[Any]:
    """What the reader sees of broken glass, with what it needs of a case they may not read.

    Which those are is asked of a function of the database; one that is named exactly is seen by whoever may confirm it.
    """
    second, reviewer = _PERSON.alias("second"), _PERSON.alias("reviewer")
    return (
        select(
            _GLASS,
            _CASE.c.code.label("case_code"),
            _CASE.c.unit_id,
            _CASE.c.owner_id,
            _CASE.c.flagged,
            _CASE.c.to_review,
            _CASE.c.key_wrapped,
            _CASE.c.key_kek,
            _POSITION.c.role,
            _PERSON.c.full_name.label("person_name"),
            second.c.full_name.label("second_name"),
            reviewer.c.full_name.label("reviewer_name"),
            *unit_columns(_UNIT),
        )
        .select_from(_CASE)
        .join(_GLASS, _GLASS.c.id == _CASE.c.grant_id)
        .join(_PERSON, _PERSON.c.id == _GLASS.c.person_id)
        .join(_POSITION, _POSITION.c.id == _GLASS.c.position_id)
        .outerjoin(second, second.c.id == _GLASS.c.confirmed_by)
        .outerjoin(reviewer, reviewer.c.id == _GLASS.c.reviewed_by)
        .outerjoin(_UNIT, _UNIT.c.id == _CASE.c.unit_id)
    )


_ONE: Final = _grants()
_LISTED: Final = _grants().order_by(_GLASS.c.asked_at.desc(), _GLASS.c.id).limit(bindparam("limit", type_=Integer()))


async def listed(connection: AsyncConnection, limit: int) -> Sequence[Found]:
    """What the reader asked for or confirmed, and what is theirs to review; the newest first."""
    rows: Sequence[Found] = (await connection.execute(_LISTED, {"grant": None, "limit": limit})).all()
    return rows


async def find(connection: AsyncConnection, grant: UUID) -> Found | None:
    """One of them; for whoever may confirm, also one that was asked for and is named exactly."""
    return (await connection.execute(_ONE, {"grant": grant})).one_or_none()


async def lock(connection: AsyncConnection, grant: UUID) -> None:
    """Wait for whoever is saying something to it now."""
    await connection.execute(select(_GLASS.c.id).where(_GLASS.c.id == grant).with_for_update())


async def ask(connection: AsyncConnection, key: DataKey, *, note: str, **values: Any) -> UUID:
    """Put an asking on record; what was said is sealed with the case's key."""
    row_id = new_id()
    sealed = seal_text(key, _GLASS.c.note_sealed, row_id, note)
    await connection.execute(insert(_GLASS).values(id=row_id, note_sealed=sealed, **values))
    return row_id


def found(key: DataKey, grant: UUID, note: str) -> dict[str, Any]:
    """What a review found, in words, as ``say`` stores it."""
    return {"finding_sealed": seal_text(key, _GLASS.c.finding_sealed, grant, note)}


def words(key: DataKey | None, row: Found) -> tuple[str | None, str | None]:
    """What was said when it was asked for, and when it was reviewed. None once it is erased."""
    return (
        open_text(key, _GLASS.c.note_sealed, row.id, row.note_sealed),
        open_text(key, _GLASS.c.finding_sealed, row.id, row.finding_sealed),
    )


async def say(connection: AsyncConnection, grant: UUID, **values: Any) -> None:
    """Put on record what was said to it."""
    await connection.execute(update(_GLASS).where(_GLASS.c.id == grant).values(**values))
