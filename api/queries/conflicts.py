"""Relatives one has declared, declarations on cases, and the conflicts of a case already found in scope."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.tables import CaseDeclaration, Conflict, Person, Relative, new_id, table
from models.writing import put

_RELATIVE, _DECLARATION, _CONFLICT, _PERSON = table(Relative), table(CaseDeclaration), table(Conflict), table(Person)


async def relatives(connection: AsyncConnection, person_id: UUID) -> Sequence[Found]:
    """What somebody has declared, what they took back included."""
    statement = select(_RELATIVE).where(_RELATIVE.c.person_id == person_id).order_by(_RELATIVE.c.declared_at)
    return (await connection.execute(statement)).all()


async def add_relative(connection: AsyncConnection, **values: Any) -> UUID:
    """Declare one."""
    row_id = new_id()
    await put(connection, _RELATIVE, id=row_id, **values)
    return row_id


async def end_relative(connection: AsyncConnection, person_id: UUID, relative_id: UUID, at: datetime) -> Found | None:
    """Take a declaration of one's own back; None where there is none in force."""
    of = _RELATIVE.c
    statement = (
        update(_RELATIVE)
        .where(of.id == relative_id, of.person_id == person_id, of.until.is_(None))
        .values(until=at)
        .returning(_RELATIVE)
    )
    return (await connection.execute(statement)).one_or_none()


async def declare(connection: AsyncConnection, **values: Any) -> Found:
    """Put a declaration on record; the first one stays. Gives the one that counts."""
    await connection.execute(insert(_DECLARATION).values(id=new_id(), **values).on_conflict_do_nothing())
    of = _DECLARATION.c
    statement = select(_DECLARATION).where(of.case_id == values["case_id"], of.person_id == values["person_id"])
    return (await connection.execute(statement)).one()


async def of_case(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """The conflicts of a case with the names of those they are about, of who decided, and of the relative."""
    judge = _PERSON.alias("judge")
    statement = (
        select(
            _CONFLICT,
            _PERSON.c.full_name.label("person_name"),
            judge.c.full_name.label("judge_name"),
            _RELATIVE.c.name.label("relative_name"),
            _RELATIVE.c.relation.label("kin"),
        )
        .join(_PERSON, _PERSON.c.id == _CONFLICT.c.person_id)
        .outerjoin(judge, judge.c.id == _CONFLICT.c.decided_by)
        .outerjoin(_RELATIVE, _RELATIVE.c.id == _CONFLICT.c.relative_id)
        .where(_CONFLICT.c.case_id == case_id)
        .order_by(_CONFLICT.c.found_at, _CONFLICT.c.id)
    )
    return (await connection.execute(statement)).all()
