"""Breaking the glass, in the scope of those who ask, confirm and review."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, false, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found
from api.scope import CASE, kept_from, not_, under
from models.access import Scope, may, scope
from models.records.actor import Acting
from models.records.terms import Terms, said, terms
from models.records.vault import open_text, seal_text
from models.tables import BreakGlass, Person, Position, Unit, new_id, table
from models.vault import DataKey

_GLASS, _PERSON, _POSITION, _UNIT = table(BreakGlass), table(Person), table(Position), table(Unit)


@lru_cache(maxsize=KEPT)
def _grants(role: str) -> Select[Any]:
    second, reviewer, reader = _PERSON.alias("second"), _PERSON.alias("reviewer"), terms(role)
    return (
        select(
            _GLASS,
            CASE.c.code.label("case_code"),
            CASE.c.unit_id,
            CASE.c.owner_id,
            CASE.c.flagged,
            _POSITION.c.role,
            _PERSON.c.full_name.label("person_name"),
            second.c.full_name.label("second_name"),
            reviewer.c.full_name.label("reviewer_name"),
            _UNIT.c.code.label("unit_code"),
            _UNIT.c.name_vi.label("unit_name_vi"),
            _UNIT.c.name_en.label("unit_name_en"),
            _reviewed_by(reader).label("to_review"),
        )
        .join(CASE, CASE.c.id == _GLASS.c.case_id)
        .join(_PERSON, _PERSON.c.id == _GLASS.c.person_id)
        .join(_POSITION, _POSITION.c.id == _GLASS.c.position_id)
        .outerjoin(second, second.c.id == _GLASS.c.confirmed_by)
        .outerjoin(reviewer, reviewer.c.id == _GLASS.c.reviewed_by)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .where(not_(kept_from(reader)))
    )


def _reviewed_by(reader: Terms) -> ColumnElement[bool]:
    """The clause: it is the reader's to look at afterwards, as the holding unit's head or data-protection officer."""
    match scope(reader.role, "review_break_glass"):
        case Scope.UNIT:
            return CASE.c.unit_id == reader.unit
        case Scope.PROVINCE:
            return or_(CASE.c.unit_id.in_(under(reader)), CASE.c.unit_id.is_(None))
        case _:
            return false()


def _seen(role: str, *, named: bool) -> tuple[Select[Any], Any]:
    """The grants a role sees, and where their columns stand.

    ``named``: one that is named exactly is seen by whoever may confirm it.
    """
    of = _grants(role).subquery("grants")
    own = or_(of.c.person_id == terms(role).person, of.c.confirmed_by == terms(role).person)
    seen = true() if named and may(role, "confirm_break_glass") else or_(own, of.c.to_review)
    return select(of).where(seen), of


async def listed(connection: AsyncConnection, reader: Acting, at: datetime, limit: int) -> Sequence[Found]:
    """What the reader asked for or confirmed, and what is theirs to review; the newest first."""
    rows: Sequence[Found] = (await connection.execute(_listed(reader.role), said(reader, at, limit=limit))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _listed(role: str) -> Select[Any]:
    statement, of = _seen(role, named=False)
    return statement.order_by(of.c.asked_at.desc(), of.c.id).limit(bindparam("limit"))


async def find(connection: AsyncConnection, reader: Acting, at: datetime, grant: UUID) -> Found | None:
    """One of them; for whoever may confirm, also one that was asked for and is named exactly."""
    return (await connection.execute(_one(reader.role), said(reader, at, grant=grant))).one_or_none()


@lru_cache(maxsize=KEPT)
def _one(role: str) -> Select[Any]:
    statement, of = _seen(role, named=True)
    return statement.where(of.c.id == bindparam("grant"))


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
