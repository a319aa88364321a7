"""What was set aside of the reports by anybody, for the office whose system took it in."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found, Place
from models.records.actor import Acting
from models.records.set_aside import PUT_AWAY, SET_ASIDE, WAITING
from models.tables import Person, table

_PERSON = table(Person)
_STATES: Final[dict[str, ColumnElement[bool]]] = {
    "waiting": WAITING,
    "put_away": SET_ASIDE.c.decision == PUT_AWAY,
    "taken_in": SET_ASIDE.c.taken_in_at.is_not(None),
}


def _of(reader: Acting) -> Select[Any]:
    return (
        select(SET_ASIDE, _PERSON.c.full_name.label("decided_name"))
        .outerjoin(_PERSON, _PERSON.c.id == SET_ASIDE.c.decided_by)
        .where(SET_ASIDE.c.receiver_unit_id == reader.unit_id)
    )


async def page(
    connection: AsyncConnection, reader: Acting, state: str, *, after: Place | None, limit: int
) -> Sequence[Found]:
    """A page of what stands so at the reader's office, the oldest first."""
    statement = _of(reader).where(_STATES[state])
    if after is not None:
        statement = statement.where(tuple_(SET_ASIDE.c.received_at, SET_ASIDE.c.id) > after)
    ordered = statement.order_by(SET_ASIDE.c.received_at, SET_ASIDE.c.id).limit(limit)
    rows: Sequence[Found] = (await connection.execute(ordered)).all()
    return rows


async def find(connection: AsyncConnection, reader: Acting, report_id: UUID, *, lock: bool) -> Found | None:
    """One of them, locked where the reader decides on it; None where there is none at their office."""
    statement = _of(reader).where(SET_ASIDE.c.id == report_id)
    if lock:
        statement = statement.with_for_update(of=SET_ASIDE)
    return (await connection.execute(statement)).one_or_none()


async def one(connection: AsyncConnection, report_id: UUID) -> Found | None:
    """In whose name one was taken in, for the part that takes it in."""
    statement = select(SET_ASIDE.c.receiver_position_id).where(SET_ASIDE.c.id == report_id)
    return (await connection.execute(statement)).one_or_none()
