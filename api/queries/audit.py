"""The audit, for those who look after it: by who, which case, what, how it ended and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Select,
    TableValuedAlias,
    Text,
    Uuid,
    all_,
    any_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found, unit_columns
from models.tables import AuditEntry, Person, Position, Unit, table

_AUDIT = table(AuditEntry)
_PERSON, _POSITION, _UNIT = table(Person), table(Position), table(Unit)
_OUT = cast(select(func.annhi_out()).scalar_subquery(), ARRAY(Uuid()))
"""The cases the reader must keep out of, found once a statement."""


@dataclass(frozen=True)
class Wanted:
    """Which entries to find; what is None does not matter."""

    actor_id: UUID | None = None
    case: str | None = None
    action: str | None = None
    record: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(
    connection: AsyncConnection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Found]:
    """A page of entries, the newest first; none of a case the reader must keep out of."""
    statement = (
        select(
            _AUDIT,
            _PERSON.c.full_name.label("actor_name"),
            select(_audited(_AUDIT.c.case_id, null()).c.code).scalar_subquery().label("case_code"),
        )
        .outerjoin(_PERSON, _PERSON.c.id == _AUDIT.c.actor_id)
        .where(or_(_AUDIT.c.case_id.is_(None), _AUDIT.c.case_id != all_(_OUT)))
    )
    for column in ("actor_id", "action", "record", "outcome"):
        if (value := getattr(wanted, column)) is not None:
            statement = statement.where(_AUDIT.c[column] == value)
    if wanted.case is not None:
        statement = statement.where(_AUDIT.c.case_id.in_(select(_named(wanted.case).c.id)))
    if wanted.since is not None:
        statement = statement.where(_AUDIT.c.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(_AUDIT.c.at < wanted.until)
    return await _newest(connection, statement, after, limit)


async def case_named(connection: AsyncConnection, reference: str) -> Found | None:
    """A case's id and code, whoever holds it; None where there is none."""
    return (await connection.execute(select(_named(reference)))).one_or_none()


async def case_to_report(connection: AsyncConnection, reference: str) -> Found | None:
    """As ``case_named``, and None for a case the reader must keep out of: who looked into it is not theirs to know."""
    found = await case_named(connection, reference)
    return None if found is None or found.kept_out else found


async def accesses(
    connection: AsyncConnection, case_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Found]:
    """A page of everything that people read of a case, did with it or were refused, the newest first."""
    statement = (
        select(_AUDIT, _PERSON.c.full_name.label("actor_name"), *_OFFICE)
        .join(_PERSON, _PERSON.c.id == _AUDIT.c.actor_id)
        .outerjoin(_POSITION, _POSITION.c.id == _AUDIT.c.position_id)
        .outerjoin(_UNIT, _UNIT.c.id == _POSITION.c.unit_id)
        .where(_about(case_id))
    )
    return await _newest(connection, statement, after, limit)


async def accessors(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """Everybody who had to do with a case, in each of their positions."""
    per = (_AUDIT.c.actor_id, _AUDIT.c.role, _PERSON.c.full_name, *_OFFICE)
    statement = (
        select(
            *per,
            func.min(_AUDIT.c.at).label("first_at"),
            func.max(_AUDIT.c.at).label("last_at"),
            func.count().label("entries"),
        )
        .join(_PERSON, _PERSON.c.id == _AUDIT.c.actor_id)
        .outerjoin(_POSITION, _POSITION.c.id == _AUDIT.c.position_id)
        .outerjoin(_UNIT, _UNIT.c.id == _POSITION.c.unit_id)
        .where(_about(case_id))
        .group_by(*per)
        .order_by(func.min(_AUDIT.c.at), _AUDIT.c.actor_id)
    )
    return (await connection.execute(statement)).all()


async def cases_of_report(connection: AsyncConnection, report_id: UUID) -> list[str]:
    """The ids of all cases a report is about: whoever reads it reads of all of them, and that is put on record."""
    return [str(case_id) for case_id in (await connection.execute(select(func.annhi_about(report_id)))).scalars()]


_OFFICE = (
    _UNIT.c.id.label("unit_id"),
    *unit_columns(_UNIT),
)


def _about(case_id: UUID) -> ColumnElement[bool]:
    """Entries of a case: its own, those where it was shown among others, and those of before it was a case."""
    went_in = _AUDIT.alias("went_in")
    aside = select(went_in.c.record_id).where(_shows(went_in, case_id), went_in.c.action == "went_in")
    before = (_AUDIT.c.record == "set_aside") & (_AUDIT.c.record_id == any_(func.array(aside.scalar_subquery())))
    return or_(_AUDIT.c.case_id == case_id, _shows(_AUDIT, case_id), before)


def _shows(entries: FromClause, case_id: UUID) -> ColumnElement[bool]:
    detail: Any = entries.c.detail
    shown: ColumnElement[bool] = detail.has_key("cases") & detail["cases"].contains(cast([str(case_id)], JSONB))
    return shown


def _named(reference: str) -> TableValuedAlias:
    try:
        return _audited(literal(UUID(reference), Uuid()), null())
    except ValueError:
        return _audited(null(), literal(reference, Text()))


def _audited(case_id: Any, code: Any) -> TableValuedAlias:
    """A case's id and code, for whoever looks after the audit, who read no case: a function of the database says."""
    return func.annhi_audited(case_id, code).table_valued(
        Column("id", Uuid()), Column("code", Text()), Column("kept_out", Boolean())
    )


async def _newest(
    connection: AsyncConnection,
    statement: Select[Any],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Found]:
    if after is not None:
        statement = statement.where(tuple_(_AUDIT.c.at, _AUDIT.c.id) < tuple_(*after))
    ordered = statement.order_by(_AUDIT.c.at.desc(), _AUDIT.c.id.desc()).limit(limit)
    rows: Sequence[Found] = (await connection.execute(ordered)).all()
    return rows
