"""Referrals as their readers find them: those of a case they read, and those that were sent to their own unit."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found, unit_columns
from models.access.slices import services_of
from models.lifecycle.referral.states import LIVE
from models.lifecycle.rules import EMERGENCY_SERVICES
from models.records.actor import Acting
from models.records.dated import in_force
from models.records.scope import CASE, REFERRAL, at_agency, readable
from models.records.terms import said, terms
from models.records.vault import living_key_in, unseal
from models.tables import Child, CommandRecord, Deadline, Document, Unit, table

_CHILD, _UNIT, _DEADLINE = table(Child), table(Unit), table(Deadline)
_DOCUMENT, _COMMAND = table(Document), table(CommandRecord)
_COMMUNE = _UNIT.alias("commune")
_RECEIVER = _UNIT.alias("receiver")


_CHILDS: Final = ("full_name", "birth_date", "estimated_age", "sex")
_SEEN: Final = (
    column("id", Uuid()),
    column("age", Integer()),
    column("sex", Text()),
    column("unit_id", Uuid()),
    column("risk", Text()),
    column("full_name", Text()),
    column("birth_date", Date()),
    column("estimated_age", Integer()),
)
"""What ``annhi_slices`` answers."""


def _referrals(role: str, which: ColumnElement[Any] | None = None) -> Select[Any]:
    """Referrals in the scope of a role, with their case and its child.

    An agency finds neither: what it may know of them comes from ``annhi_slices``, of the referral ``which``, or of all.
    """
    reader = terms(role)
    of_case, of_agency = readable(reader), at_agency(reader)
    one = literal(None, Uuid()) if which is None else which
    seen = func.annhi_slices(one).table_valued(*_SEEN, name="seen")
    agency = bool(services_of(role))

    def either(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        return func.coalesce(column, seen.c[name]) if agency else column

    unit_id = either(CASE.c.unit_id, "unit_id")
    statement = (
        select(
            REFERRAL,
            CASE.c.code.label("case_code"),
            either(CASE.c.risk, "risk").label("case_risk"),
            CASE.c.owner_id.label("owner_id"),
            (seen.c.age if agency else null()).label("age"),
            *(either(_CHILD.c[name], name).label(name) for name in _CHILDS),
            _COMMUNE.c.id.label("commune_id"),
            *unit_columns(_COMMUNE, "commune"),
            *unit_columns(_RECEIVER, "receiver"),
            func.coalesce(of_case, false()).label("reads_case"),
        )
        .outerjoin(CASE, CASE.c.id == REFERRAL.c.case_id)
        .outerjoin(_CHILD, _CHILD.c.id == CASE.c.child_id)
    )
    if agency:
        statement = statement.outerjoin(seen, seen.c.id == REFERRAL.c.id)
    return (
        statement.outerjoin(_COMMUNE, _COMMUNE.c.id == unit_id)
        .outerjoin(_RECEIVER, _RECEIVER.c.id == REFERRAL.c.receiver_id)
        .where(or_(of_case, of_agency))
    )


@lru_cache(maxsize=KEPT)
def _one(role: str) -> Select[Any]:
    one = bindparam("referral_id", type_=Uuid())
    return _referrals(role, one).where(REFERRAL.c.id == one)


@lru_cache(maxsize=KEPT)
def _of_case(role: str) -> Select[Any]:
    latest = (REFERRAL.c.created_at.desc(), REFERRAL.c.id.desc())
    return _referrals(role).where(REFERRAL.c.case_id == bindparam("case_id")).order_by(*latest)


@lru_cache(maxsize=KEPT)
def _inbox(role: str, *, emergency: bool) -> Select[Any]:
    """Emergency services first, then those of a high risk, then who waits longest."""
    found = _referrals(role).where(at_agency(terms(role)), REFERRAL.c.state.in_(sorted(LIVE)))
    if emergency:
        found = found.where(REFERRAL.c.service.in_(sorted(EMERGENCY_SERVICES)))
    risk = found.selected_columns.case_risk
    soon = case((REFERRAL.c.service.in_(sorted(EMERGENCY_SERVICES)), 0), (risk.in_(("R1", "R2")), 2), else_=1)
    return found.order_by(soon, REFERRAL.c.sent_at, REFERRAL.c.id).limit(bindparam("most"))


async def find(connection: AsyncConnection, reader: Acting, at: datetime, referral_id: UUID) -> Found | None:
    """One referral in the reader's scope."""
    return (await connection.execute(_one(reader.role), said(reader, at, referral_id=referral_id))).one_or_none()


@lru_cache(maxsize=KEPT)
def _at_own(role: str) -> Select[Any]:
    return select(REFERRAL).where(REFERRAL.c.id == bindparam("referral_id"), at_agency(terms(role)))


async def at_own(connection: AsyncConnection, reader: Acting, at: datetime, referral_id: UUID) -> Found | None:
    """One referral to the reader's unit whose service they give."""
    return (await connection.execute(_at_own(reader.role), said(reader, at, referral_id=referral_id))).one_or_none()


async def of_case(connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID) -> Sequence[Found]:
    """Every referral of a case already found in scope, the latest first."""
    rows: Sequence[Found] = (await connection.execute(_of_case(reader.role), said(reader, at, case_id=case_id))).all()
    return rows


async def inbox(
    connection: AsyncConnection, reader: Acting, at: datetime, most: int, *, emergency: bool
) -> Sequence[Found]:
    """The live referrals to the reader's unit, the most urgent first; of emergency services alone, if asked so."""
    statement = _inbox(reader.role, emergency=emergency)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, most=most))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _counts(role: str) -> Select[Any]:
    late = exists().where(
        _DEADLINE.c.referral_id == REFERRAL.c.id,
        _DEADLINE.c.status == "open",
        _DEADLINE.c.due_at <= bindparam("now", type_=DateTime(timezone=True)),
        _DEADLINE.c.code == any_(bindparam("owed", type_=ARRAY(Text))),
    )
    return (
        select(
            REFERRAL.c.state, func.count().label("referrals"), func.count().filter(late).label("late")
        )
        .where(at_agency(terms(role)), REFERRAL.c.state.in_(sorted(LIVE)))
        .group_by(REFERRAL.c.state)
    )  # fmt: skip


async def counts(connection: AsyncConnection, reader: Acting, at: datetime, owed: Sequence[str]) -> Sequence[Found]:
    """By state, the live referrals to the reader's unit, and those of which one of some clocks has passed its limit."""
    asked = said(reader, at, now=at, owed=list(owed))
    rows: Sequence[Found] = (await connection.execute(_counts(reader.role), asked)).all()
    return rows


async def deadlines(connection: AsyncConnection, referral_ids: Sequence[UUID]) -> dict[UUID, list[Found]]:
    """The clocks of some referrals, in order of start."""
    rows = await connection.execute(
        select(_DEADLINE.c.referral_id, _DEADLINE.c.code, _DEADLINE.c.clock)
        .where(_DEADLINE.c.referral_id.in_(referral_ids))
        .order_by(_DEADLINE.c.started_at, _DEADLINE.c.id)
    )
    found: dict[UUID, list[Found]] = {}
    for row in rows:
        found.setdefault(row.referral_id, []).append(row)
    return found


async def plan_steps(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """The steps of a case's plan as their clocks know them, each by its latest version, the earliest due first."""
    latest = (
        select(_DEADLINE.c.subject, _DEADLINE.c.due_at, _DEADLINE.c.status)
        .where(_DEADLINE.c.case_id == case_id, _DEADLINE.c.referral_id.is_(None), _DEADLINE.c.code == "plan_step")
        .order_by(_DEADLINE.c.subject, _DEADLINE.c.occurrence.desc())
        .ext(distinct_on(_DEADLINE.c.subject))
        .subquery()
    )
    rows = await connection.execute(select(latest).order_by(latest.c.due_at, latest.c.subject))
    return rows.all()


async def request_of(connection: AsyncConnection, row: Found) -> str | None:
    """What was asked for, in words, as far as the reader may read it: also of a need that was passed on."""
    asked = func.annhi_request(row.id).table_valued(
        column("id", Uuid()), column("case_id", Uuid()), "sealed", "content_hash", "key_wrapped", "key_kek"
    )
    for one in await connection.execute(select(*asked.c)):
        key = await living_key_in(connection, one.case_id, one)
        content = unseal(key, _DOCUMENT, one.id, one.sealed, one.content_hash) if key else {}
        if content.get("request"):
            return str(content["request"])
    return None


async def unit_by_code(connection: AsyncConnection, code: str, at: datetime) -> UUID | None:
    """The unit of a code that is in force."""
    unit: UUID | None = (
        await connection.execute(
            select(_UNIT.c.id).where(
                _UNIT.c.code == code,
                in_force(_UNIT, at),
            )
        )
    ).scalar_one_or_none()
    return unit


async def command_result(connection: AsyncConnection, command_id: UUID) -> dict[str, Any] | None:
    """The stored answer of a command."""
    result: dict[str, Any] | None = (
        await connection.execute(select(_COMMAND.c.result).where(_COMMAND.c.command_id == command_id))
    ).scalar_one_or_none()
    return result
