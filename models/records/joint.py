"""Who was given what, read again from the event that set it: a task's assignee, those invited to a conference."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import CaseEvent, table

_EVENT = table(CaseEvent)


async def assignee(connection: AsyncConnection, case_id: UUID, item: str | None) -> UUID | None:
    """Whoever was given a task; None where it is nobody's, as a conference or a flag is.

    Args:
        connection: any transaction that reads the case.
        case_id: the case.
        item: id of the task, the subject of its clock.
    """
    facts = await _set_by(connection, case_id, item)
    found = next((one["assignee_id"] for one in facts.get("items", ()) if one["id"] == item), None)
    return UUID(found) if found else None


async def invited(connection: AsyncConnection, case_id: UUID, item: str | None) -> tuple[UUID, ...]:
    """People of the system who were invited to a conference, by its id."""
    return tuple(UUID(one) for one in (await _set_by(connection, case_id, item)).get("invited", ()))


async def _set_by(connection: AsyncConnection, case_id: UUID, item: str | None) -> dict[str, Any]:
    statement = select(_EVENT.c.facts).where(
        _EVENT.c.case_id == case_id, _EVENT.c.facts["items"].contains([{"id": item}])
    )
    found: dict[str, Any] | None = (await connection.execute(statement)).scalar()
    return found or {}
