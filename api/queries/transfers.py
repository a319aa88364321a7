"""Cases on their way, and the intervals of their custody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import AFTER, KEPT, Found, Place, placed, unit_columns
from models.lifecycle.states import LIVE
from models.lifecycle.types import Memory
from models.records.actor import Acting
from models.records.dated import not_over
from models.records.people import keeps_out
from models.records.scope import CASE, readable
from models.records.terms import said, terms
from models.tables import CaseEvent, CustodyInterval, Deadline, Person, Unit, table

_INTERVAL, _EVENT, _DEADLINE, _PERSON = table(CustodyInterval), table(CaseEvent), table(Deadline), table(Person)
_UNIT = table(Unit)
_FROM, _TO = _UNIT.alias("from_unit"), _UNIT.alias("to_unit")
_CLOCKS: Final = ("transfer_acceptance", "transfer_request", "route")
NO_DAY: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Where a case stands in the list that nobody has to answer by a day."""


async def under_way(
    connection: AsyncConnection, reader: Acting, at: datetime, *, after: Place | None, limit: int
) -> Sequence[Found]:
    """The reader's live cases that are proposed, were refused, are asked for or are nobody's; the soonest due first.

    ``clock``, ``due_at``: by when the proposal, the request or the routing is answered. ``place``: that, or ``NO_DAY``.
    """
    statement = _under_way(reader.role, after is not None)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, limit=limit, **placed(after)))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _under_way(role: str, goes_on: bool) -> Select[Any]:
    clock = (
        select(_DEADLINE.c.code, _DEADLINE.c.due_at, _DEADLINE.c.started_at)
        .where(
            _DEADLINE.c.case_id == CASE.c.id,
            _DEADLINE.c.code.in_(_CLOCKS),
            _DEADLINE.c.status.in_(("open", "paused")),
        )
        .order_by(_DEADLINE.c.due_at)
        .limit(1)
        .lateral("clock")
    )
    place = func.coalesce(clock.c.due_at, NO_DAY)
    statement = (
        select(
            CASE.c.id, CASE.c.code, CASE.c.risk, CASE.c.custody, CASE.c.unit_id, CASE.c.transfer_to_id,
            CASE.c.updated_at, clock.c.code.label("clock"), clock.c.due_at, clock.c.started_at, place.label("place"),
            *unit_columns(_FROM, "from"), *unit_columns(_TO, "to"),
        )
        .select_from(CASE)
        .outerjoin(_FROM, _FROM.c.id == CASE.c.unit_id)
        .outerjoin(_TO, _TO.c.id == CASE.c.transfer_to_id)
        .outerjoin(clock, clock.c.code.is_not(None))
        .where(
            readable(terms(role)),
            CASE.c.process.in_(sorted(LIVE)),
            or_(
                CASE.c.custody != "held",
                CASE.c.memory.has_key(Memory.TRANSFER_REFUSED),
                clock.c.code == "transfer_request",
            ),
        )
        .order_by(place, CASE.c.id)
        .limit(bindparam("limit"))
    )  # fmt: skip
    return statement.where(tuple_(place, CASE.c.id) > AFTER) if goes_on else statement


async def handed_over(
    connection: AsyncConnection, reader: Acting, at: datetime, *, after: Place | None, limit: int
) -> Sequence[Found]:
    """What the reader's unit held once and another holds since, the latest first."""
    statement = _handed_over(reader.role, after is not None)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, limit=limit, **placed(after)))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _handed_over(role: str, goes_on: bool) -> Select[Any]:
    reader, later = terms(role), _INTERVAL.alias("later")
    statement = (
        select(_INTERVAL.c.id, _INTERVAL.c.case_code, _INTERVAL.c.since, _INTERVAL.c.until)
        .where(
            _INTERVAL.c.unit_id == reader.unit,
            _INTERVAL.c.until.is_not(None),
            ~select(later.c.id)
            .where(
                later.c.case_id == _INTERVAL.c.case_id,
                later.c.unit_id == reader.unit,
                not_over(later, _INTERVAL.c.until),
            )
            .exists(),
            ~keeps_out(_INTERVAL.c.case_id, reader),
        )
        .order_by(_INTERVAL.c.until.desc(), _INTERVAL.c.id.desc())
        .limit(bindparam("limit"))
    )
    return statement.where(tuple_(_INTERVAL.c.until, _INTERVAL.c.id) < AFTER) if goes_on else statement


async def intervals(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """Who held a case already found in scope, the first one first, with the event that gave it to them."""
    statement = (
        select(
            _INTERVAL.c.since, _INTERVAL.c.until, _EVENT.c.event, _EVENT.c.actor_id, _PERSON.c.full_name,
            _UNIT.c.id.label("unit_id"), *unit_columns(_UNIT),
        )
        .join(_UNIT, _UNIT.c.id == _INTERVAL.c.unit_id)
        .outerjoin(
            _EVENT, and_(_EVENT.c.case_id == _INTERVAL.c.case_id, _EVENT.c.sequence == _INTERVAL.c.sequence)
        )
        .outerjoin(_PERSON, _PERSON.c.id == _EVENT.c.actor_id)
        .where(_INTERVAL.c.case_id == case_id)
        .order_by(_INTERVAL.c.since, _INTERVAL.c.sequence)
    )  # fmt: skip
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows
