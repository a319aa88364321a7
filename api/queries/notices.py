"""What the inbox and the call list show beside the notice itself."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.records.people import is_recused
from models.tables import CallTask, Notice, Person, table

_PERSON, _CALL, _NOTICE = table(Person), table(CallTask), table(Notice)


async def codes(connection: AsyncConnection, case_ids: Collection[UUID]) -> dict[UUID, str]:
    """Case codes by id, of cases the reader was told of or is to phone about; a code says nothing about a child."""
    rows = await connection.execute(_CODES, {"asked": sorted(case_ids)})
    return {row.id: row.code for row in rows}


_ASKED = func.unnest(bindparam("asked", type_=ARRAY(Uuid))).column_valued("asked")
_CODES = select(_ASKED.label("id"), func.annhi_code_of(_ASKED).label("code"))


async def callees(connection: AsyncConnection, person_ids: Collection[UUID]) -> dict[UUID, Found]:
    """Names and telephone numbers of the officers to be called."""
    rows = await connection.execute(
        select(_PERSON.c.id, _PERSON.c.full_name, _PERSON.c.phone).where(_PERSON.c.id.in_(sorted(person_ids)))
    )
    return {row.id: row for row in rows}


async def call(connection: AsyncConnection, call_id: UUID, reader: UUID, at: datetime) -> Found | None:
    """One task of the call list; None where its case is one the reader is recused from."""
    statement = select(_CALL).where(_CALL.c.id == call_id, ~is_recused(_CALL.c.case_id, reader, at))
    return (await connection.execute(statement)).one_or_none()


async def own(connection: AsyncConnection, person_id: UUID, notice_id: UUID) -> Found | None:
    """One notice of somebody's own inbox."""
    statement = select(_NOTICE).where(
        _NOTICE.c.id == notice_id, _NOTICE.c.person_id == person_id, _NOTICE.c.channel == "inbox"
    )
    return (await connection.execute(statement)).one_or_none()
