"""Which cases to compare with one, and which were found to be of other children. Their scope is the database's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.cases import opened, shown
from api.queries.rows import Found
from models.records.actor import Acting
from models.tables import NotSameChild, Person, new_id, table
from models.writing import put

_NOT_SAME, _PERSON = table(NotSameChild), table(Person)


async def candidates(connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID) -> Sequence[Found]:
    """The reader's cases whose child may be the one of a case of theirs, as cases are shown; a choice to be scored."""
    return await opened(connection, reader, at, select(func.annhi_alike(case_id)))


async def elsewhere(connection: AsyncConnection, case_id: UUID) -> bool:
    """Whether a unit whose cases the reader does not read has one that may be of the same child."""
    return bool((await connection.execute(select(func.annhi_alike_elsewhere(case_id)))).scalar_one())


_OF_CASE: Final[Select[Any]] = select(_NOT_SAME, _PERSON.c.full_name.label("judge_name")).join(
    _PERSON, _PERSON.c.id == _NOT_SAME.c.decided_by
)


async def not_same(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """What was decided of a case and others, the latest first, from whichever side."""
    statement = _OF_CASE.where(or_(_NOT_SAME.c.case_id == case_id, _NOT_SAME.c.other_id == case_id))
    newest = statement.order_by(_NOT_SAME.c.decided_at.desc(), _NOT_SAME.c.id.desc())
    rows: Sequence[Found] = (await connection.execute(newest)).all()
    return rows


async def decide(
    connection: AsyncConnection, case_id: UUID, other_id: UUID, by: Acting, at: datetime, *, score: int, reasons: str
) -> None:
    """Put on record that two cases are of two children."""
    await put(
        connection, _NOT_SAME, id=new_id(), case_id=case_id, other_id=other_id, decided_by=by.person_id,
        position_id=by.position_id, decided_at=at, score=score, reasons=reasons,
    )  # fmt: skip


__all__ = ("candidates", "decide", "elsewhere", "not_same", "shown")
