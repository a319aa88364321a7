"""Escalations in the reader's scope."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from api.scope import CASE, ESCALATION, readable, readable_escalation, sent_to
from models.records.actor import Acting
from models.tables import Deadline, EscalationRecipient, Person, Rung, Unit, table

_UNIT, _PERSON, _DEADLINE = table(Unit), table(Person), table(Deadline)
_RUNG, _RECIPIENT = table(Rung), table(EscalationRecipient)


@dataclass(frozen=True)
class Wanted:
    """Which escalations to list; what is None does not matter."""

    mine: bool = False
    person_id: UUID | None = None
    unit_code: str | None = None
    states: Collection[str] = ()
    levels: Collection[str] = ()
    opened_before: datetime | None = None
    case_id: UUID | None = None


def _escalations(reader: Acting, at: datetime) -> Select[Any]:
    case = readable(reader, at)
    acknowledger, resolver = _PERSON.alias("acknowledger"), _PERSON.alias("resolver")
    return (
        select(
            ESCALATION,
            CASE.c.code.label("case_code"),
            _DEADLINE.c.code.label("deadline"),
            _DEADLINE.c.due_at.label("deadline_due_at"),
            _RUNG.c.due_at.label("rung_due_at"),
            _UNIT.c.code.label("unit_code"),
            _UNIT.c.name_vi.label("unit_name_vi"),
            _UNIT.c.name_en.label("unit_name_en"),
            acknowledger.c.full_name.label("acknowledger_name"),
            resolver.c.full_name.label("resolver_name"),
            case.label("case_readable"),
        )
        .select_from(ESCALATION)
        .join(CASE, CASE.c.id == ESCALATION.c.case_id)
        .join(_DEADLINE, _DEADLINE.c.id == ESCALATION.c.deadline_id)
        .outerjoin(_RUNG, (_RUNG.c.deadline_id == ESCALATION.c.deadline_id) & (_RUNG.c.ordinal == ESCALATION.c.ordinal))
        .outerjoin(_UNIT, _UNIT.c.id == ESCALATION.c.unit_id)
        .outerjoin(acknowledger, acknowledger.c.id == ESCALATION.c.acknowledged_by)
        .outerjoin(resolver, resolver.c.id == ESCALATION.c.resolved_by)
        .where(readable_escalation(reader, at, case))
    )


async def page(
    connection: AsyncConnection,
    reader: Acting,
    at: datetime,
    wanted: Wanted,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Found]:
    """A page of escalations, the oldest first: who waits longest is read first."""
    statement = _escalations(reader, at)
    if wanted.mine:
        statement = statement.where(sent_to(reader.person_id))
    if wanted.person_id is not None:
        statement = statement.where(sent_to(wanted.person_id))
    if wanted.unit_code is not None:
        statement = statement.where(_UNIT.c.code == wanted.unit_code)
    if wanted.states:
        statement = statement.where(ESCALATION.c.state.in_(sorted(wanted.states)))
    if wanted.levels:
        statement = statement.where(ESCALATION.c.level.in_(sorted(wanted.levels)))
    if wanted.opened_before is not None:
        statement = statement.where(ESCALATION.c.opened_at <= wanted.opened_before)
    if wanted.case_id is not None:
        statement = statement.where(ESCALATION.c.case_id == wanted.case_id)
    if after is not None:
        statement = statement.where(tuple_(ESCALATION.c.opened_at, ESCALATION.c.id) > tuple_(*after))
    ordered = statement.order_by(ESCALATION.c.opened_at, ESCALATION.c.id).limit(limit)
    rows: Sequence[Found] = (await connection.execute(ordered)).all()
    return rows


async def find(connection: AsyncConnection, reader: Acting, at: datetime, escalation_id: UUID) -> Found | None:
    """One escalation, None where it is unknown or out of scope."""
    statement = _escalations(reader, at).where(ESCALATION.c.id == escalation_id)
    return (await connection.execute(statement)).one_or_none()


async def recipients(connection: AsyncConnection, escalation_ids: Collection[UUID]) -> Sequence[Found]:
    """Whom these escalations went to, with their names."""
    statement = (
        select(_RECIPIENT, _PERSON.c.full_name)
        .join(_PERSON, _PERSON.c.id == _RECIPIENT.c.person_id)
        .where(_RECIPIENT.c.escalation_id.in_(sorted(escalation_ids)))
        .order_by(_RECIPIENT.c.watching, _RECIPIENT.c.person_id)
    )
    return (await connection.execute(statement)).all()
