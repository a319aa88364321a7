"""Attachments of cases already found in scope."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.records.attachments import ATTACHMENT
from models.tables import Person, table

_PERSON = table(Person)


def _attachments() -> Select[tuple[object, ...]]:
    return select(ATTACHMENT, _PERSON.c.full_name.label("author_name")).join(
        _PERSON, _PERSON.c.id == ATTACHMENT.c.author_id
    )


async def of_case(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """Every attachment of a case, in the order they came."""
    statement = _attachments().where(ATTACHMENT.c.case_id == case_id)
    return (await connection.execute(statement.order_by(ATTACHMENT.c.created_at, ATTACHMENT.c.id))).all()


async def find(connection: AsyncConnection, case_id: UUID, attachment_id: UUID) -> Found | None:
    """One attachment of a case; None where it is another case's."""
    statement = _attachments().where(ATTACHMENT.c.case_id == case_id, ATTACHMENT.c.id == attachment_id)
    return (await connection.execute(statement)).one_or_none()


async def names(connection: AsyncConnection, person_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Names of people by id."""
    statement = select(_PERSON.c.id, _PERSON.c.full_name).where(_PERSON.c.id.in_(sorted(person_ids)))
    return {row.id: row.full_name for row in await connection.execute(statement)}
