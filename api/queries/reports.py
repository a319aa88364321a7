"""Reports, in the reader's scope."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.cases import declared_for
from api.queries.rows import KEPT, Found, unit_columns
from models.records.actor import Acting
from models.records.dated import in_force
from models.records.scope import CASE, REPORT, readable, readable_report
from models.records.terms import said, terms
from models.tables import CaseReport, Informant, InformantReading, Person, Position, Unit, new_id, table
from models.vault import DataKey
from models.writing import binary, put

INFORMANT, _READING = table(Informant), table(InformantReading)
_LINK, _PERSON, _UNIT, _POSITION = table(CaseReport), table(Person), table(Unit), table(Position)


async def find(connection: AsyncConnection, reader: Acting, at: datetime, report_id: UUID) -> Found | None:
    """One report, None where it is unknown or out of scope."""
    return (await connection.execute(_one(reader.role), said(reader, at, report_id=report_id))).one_or_none()


async def cases_of(connection: AsyncConnection, reader: Acting, at: datetime, report_id: UUID) -> Sequence[Found]:
    """Id and code of the report's cases the reader may read, and whether they have declared for it."""
    rows: Sequence[Found] = (
        await connection.execute(_cases_of(reader.role), said(reader, at, report_id=report_id))
    ).all()
    return rows


async def is_whole(connection: AsyncConnection, report_id: UUID) -> bool:
    """Whether the reader reads every case the report opened or joined: else it tells of a child not theirs.

    Asked of a function of the database, since a case they do not read is not there for them to count.
    """
    return bool((await connection.execute(select(func.annhi_whole_report(report_id)))).scalar_one())


_REPORT_ID = bindparam("report_id", type_=Uuid())


@lru_cache(maxsize=KEPT)
def _one(role: str) -> Select[Any]:
    return (
        select(
            REPORT,
            _PERSON.c.full_name.label("receiver_name"),
            _POSITION.c.kind.label("receiver_kind"),
            *unit_columns(_UNIT),
        )
        .join(_PERSON, _PERSON.c.id == REPORT.c.receiver_id)
        .join(_POSITION, _POSITION.c.id == REPORT.c.receiver_position_id)
        .join(_UNIT, _UNIT.c.id == REPORT.c.receiver_unit_id)
        .where(REPORT.c.id == _REPORT_ID, readable_report(terms(role)))
    )


@lru_cache(maxsize=KEPT)
def _cases_of(role: str) -> Select[Any]:
    return (
        select(CASE.c.id, CASE.c.code, declared_for(CASE.c.id, terms(role)).label("declared"))
        .join(_LINK, _LINK.c.case_id == CASE.c.id)
        .where(_LINK.c.report_id == _REPORT_ID, _LINK.c.until.is_(None), readable(terms(role)))
        .order_by(CASE.c.id)
    )


async def informant(connection: AsyncConnection, report_id: UUID) -> Found | None:
    """Who informed, sealed, of a report already found in scope; None where nobody is named."""
    statement = select(INFORMANT.c.id, INFORMANT.c.sealed).where(INFORMANT.c.report_id == report_id)
    return (await connection.execute(statement)).one_or_none()


async def note_reading(
    connection: AsyncConnection,
    informant_id: UUID,
    reader: Acting,
    *,
    purpose: str,
    note: str | None,
    key: DataKey,
    at: datetime,
) -> UUID:
    """Keep who opened an informant's identity and why; the words of it sealed as the identity is."""
    reading = new_id()
    await put(
        connection,
        _READING,
        id=reading,
        informant_id=informant_id,
        person_id=reader.person_id,
        position_id=reader.position_id,
        at=at,
        purpose=purpose,
        note=None if note is None else binary(key.seal(note.encode(), f"{_READING.name}/note/{reading}")),
    )
    return reading


async def holders(connection: AsyncConnection, unit_id: UUID, role: str, at: datetime) -> Sequence[UUID]:
    """Who holds a role in an office at an instant."""
    statement = (
        select(_POSITION.c.person_id)
        .distinct()
        .where(
            _POSITION.c.unit_id == unit_id,
            _POSITION.c.role == role,
            in_force(_POSITION, at),
        )
    )
    return (await connection.execute(statement)).scalars().all()
