"""Escalations in the reader's scope."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    false,
    func,
    select,
    tuple_,
)
from sqlalchemy import case as sa_case
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import AFTER, KEPT, Found, Place, placed, unit_columns
from models.records.actor import Acting
from models.records.scope import CASE, ESCALATION, readable, readable_escalation, sent_to
from models.records.terms import said, terms
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


def _escalations(role: str) -> Select[Any]:
    reader = terms(role)
    case = readable(reader)
    acknowledger, resolver = _PERSON.alias("acknowledger"), _PERSON.alias("resolver")
    return (
        select(
            ESCALATION,
            CASE.c.code.label("case_code"),
            _DEADLINE.c.code.label("deadline"),
            _DEADLINE.c.referral_id,
            _DEADLINE.c.due_at.label("deadline_due_at"),
            _RUNG.c.due_at.label("rung_due_at"),
            *unit_columns(_UNIT),
            acknowledger.c.full_name.label("acknowledger_name"),
            resolver.c.full_name.label("resolver_name"),
            func.coalesce(case, false()).label("case_readable"),
            # What went to somebody who does not read the case is about a row that is not there for them.
            sa_case((CASE.c.id.is_(None), func.annhi_escalated(ESCALATION.c.id, type_=JSONB))).label("unread"),
        )
        .select_from(ESCALATION)
        .outerjoin(CASE, CASE.c.id == ESCALATION.c.case_id)
        .outerjoin(_DEADLINE, _DEADLINE.c.id == ESCALATION.c.deadline_id)
        .outerjoin(_RUNG, (_RUNG.c.deadline_id == ESCALATION.c.deadline_id) & (_RUNG.c.ordinal == ESCALATION.c.ordinal))
        .outerjoin(_UNIT, _UNIT.c.id == ESCALATION.c.unit_id)
        .outerjoin(acknowledger, acknowledger.c.id == ESCALATION.c.acknowledged_by)
        .outerjoin(resolver, resolver.c.id == ESCALATION.c.resolved_by)
        .where(readable_escalation(reader, case))
    )


_FILTERS: Final[Mapping[str, ColumnElement[bool]]] = {
    "person_id": sent_to(bindparam("person_id", type_=Uuid())),
    "unit_code": _UNIT.c.code == bindparam("unit_code"),
    "states": ESCALATION.c.state == any_(bindparam("states", type_=ARRAY(Text))),
    "levels": ESCALATION.c.level == any_(bindparam("levels", type_=ARRAY(Text))),
    "opened_before": ESCALATION.c.opened_at <= bindparam("opened_before"),
    "case_id": ESCALATION.c.case_id == bindparam("case_id"),
    "after_at": tuple_(ESCALATION.c.opened_at, ESCALATION.c.id) > AFTER,
}


async def page(
    connection: AsyncConnection,
    reader: Acting,
    at: datetime,
    wanted: Wanted,
    *,
    after: Place | None,
    limit: int,
) -> Sequence[Found]:
    """A page of escalations, the oldest first: who waits longest is read first."""
    values: dict[str, Any] = {
        "person_id": wanted.person_id,
        "unit_code": wanted.unit_code,
        "states": sorted(wanted.states) or None,
        "levels": sorted(wanted.levels) or None,
        "opened_before": wanted.opened_before,
        "case_id": wanted.case_id,
    }
    asked = {name: value for name, value in values.items() if value is not None} | placed(after)
    statement = _page(reader.role, frozenset(asked), mine=wanted.mine)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, limit=limit, **asked))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _page(role: str, asked: frozenset[str], *, mine: bool) -> Select[Any]:
    statement = _escalations(role).where(*(clause for name, clause in _FILTERS.items() if name in asked))
    if mine:
        statement = statement.where(sent_to(terms(role).person))
    return statement.order_by(ESCALATION.c.opened_at, ESCALATION.c.id).limit(bindparam("limit", type_=Integer))


async def find(connection: AsyncConnection, reader: Acting, at: datetime, escalation_id: UUID) -> Found | None:
    """One escalation, None where it is unknown or out of scope."""
    return (await connection.execute(_one(reader.role), said(reader, at, escalation_id=escalation_id))).one_or_none()


@lru_cache(maxsize=KEPT)
def _one(role: str) -> Select[Any]:
    return _escalations(role).where(ESCALATION.c.id == bindparam("escalation_id"))


async def recipients(connection: AsyncConnection, escalation_ids: Collection[UUID]) -> Sequence[Found]:
    """Whom these escalations went to, with their names."""
    statement = (
        select(_RECIPIENT, _PERSON.c.full_name)
        .join(_PERSON, _PERSON.c.id == _RECIPIENT.c.person_id)
        .where(_RECIPIENT.c.escalation_id.in_(sorted(escalation_ids)))
        .order_by(_RECIPIENT.c.watching, _RECIPIENT.c.person_id)
    )
    return (await connection.execute(statement)).all()
