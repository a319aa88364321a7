"""Reports, in the reader's scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import false, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.cases import declared_for
from api.queries.rows import Found
from api.scope import CASE, REPORT, readable, readable_report
from models.records.actor import Acting
from models.tables import CaseReport, Person, Position, Unit, table

_LINK, _PERSON, _UNIT, _POSITION = table(CaseReport), table(Person), table(Unit), table(Position)


async def find(connection: AsyncConnection, reader: Acting, at: datetime, report_id: UUID) -> Found | None:
    """One report, None where it is unknown or out of scope."""
    statement = (
        select(
            REPORT,
            _PERSON.c.full_name.label("receiver_name"),
            _UNIT.c.code.label("unit_code"),
            _UNIT.c.name_vi.label("unit_name_vi"),
            _UNIT.c.name_en.label("unit_name_en"),
        )
        .join(_PERSON, _PERSON.c.id == REPORT.c.receiver_id)
        .join(_UNIT, _UNIT.c.id == REPORT.c.receiver_unit_id)
        .where(REPORT.c.id == report_id, readable_report(reader, at))
    )
    return (await connection.execute(statement)).one_or_none()


async def cases_of(connection: AsyncConnection, reader: Acting, at: datetime, report_id: UUID) -> Sequence[Found]:
    """Id and code of the report's cases the reader may read, and whether they have declared for it."""
    statement = (
        select(CASE.c.id, CASE.c.code, declared_for(CASE.c.id, reader).label("declared"))
        .join(_LINK, _LINK.c.case_id == CASE.c.id)
        .where(_LINK.c.report_id == report_id, _LINK.c.until.is_(None), readable(reader, at))
        .order_by(CASE.c.id)
    )
    return (await connection.execute(statement)).all()


async def has_unreadable_case(connection: AsyncConnection, reader: Acting, at: datetime, report_id: UUID) -> bool:
    """Whether the report opened or joined a case the reader may not read: then it tells of a child not theirs."""
    statement = (
        select(CASE.c.id)
        .join(_LINK, _LINK.c.case_id == CASE.c.id)
        .where(_LINK.c.report_id == report_id, not_(func.coalesce(readable(reader, at), false())))
        .limit(1)
    )
    return (await connection.execute(statement)).first() is not None


async def holders(connection: AsyncConnection, unit_id: UUID, role: str, at: datetime) -> Sequence[UUID]:
    """Who holds a role in an office at an instant."""
    statement = (
        select(_POSITION.c.person_id)
        .distinct()
        .where(
            _POSITION.c.unit_id == unit_id,
            _POSITION.c.role == role,
            _POSITION.c.valid_from <= at,
            (_POSITION.c.valid_to.is_(None)) | (_POSITION.c.valid_to > at),
        )
    )
    return (await connection.execute(statement)).scalars().all()
