"""Referrals as their readers find them: those of a case they read, and those that were sent to their own unit."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found
from models.lifecycle.referral.states import LIVE
from models.lifecycle.rules import EMERGENCY_SERVICES
from models.records.actor import Acting
from models.records.scope import CASE, REFERRAL, at_agency, readable
from models.records.terms import said, terms
from models.records.vault import key_of, unseal
from models.tables import Child, CommandRecord, Deadline, Document, ReferralEvent, Unit, table

_CHILD, _UNIT, _DEADLINE, _EVENT = table(Child), table(Unit), table(Deadline), table(ReferralEvent)
_DOCUMENT, _COMMAND = table(Document), table(CommandRecord)
_COMMUNE = _UNIT.alias("commune")
_RECEIVER = _UNIT.alias("receiver")


def _referrals(role: str) -> Select[Any]:
    reader = terms(role)
    of_case, of_agency = readable(reader), at_agency(reader)
    return (
        select(
            REFERRAL,
            CASE.c.code.label("case_code"),
            CASE.c.risk.label("case_risk"),
            CASE.c.owner_id.label("owner_id"),
            _CHILD.c.full_name,
            _CHILD.c.birth_date,
            _CHILD.c.estimated_age,
            _CHILD.c.sex,
            *(_COMMUNE.c[name].label(f"commune_{name}") for name in ("id", "code", "name_vi", "name_en")),
            *(_RECEIVER.c[name].label(f"receiver_{name}") for name in ("code", "name_vi", "name_en")),
            of_case.label("reads_case"),
        )
        .join(CASE, CASE.c.id == REFERRAL.c.case_id)
        .join(_CHILD, _CHILD.c.id == CASE.c.child_id)
        .outerjoin(_COMMUNE, _COMMUNE.c.id == CASE.c.unit_id)
        .outerjoin(_RECEIVER, _RECEIVER.c.id == REFERRAL.c.receiver_id)
        .where(or_(of_case, of_agency))
    )


@lru_cache(maxsize=KEPT)
def _one(role: str) -> Select[Any]:
    return _referrals(role).where(REFERRAL.c.id == bindparam("referral_id"))


@lru_cache(maxsize=KEPT)
def _of_case(role: str) -> Select[Any]:
    latest = (REFERRAL.c.created_at.desc(), REFERRAL.c.id.desc())
    return _referrals(role).where(REFERRAL.c.case_id == bindparam("case_id")).order_by(*latest)


@lru_cache(maxsize=KEPT)
def _inbox(role: str) -> Select[Any]:
    """Emergency services first, then those of a high risk, then who waits longest."""
    soon = case((REFERRAL.c.service.in_(sorted(EMERGENCY_SERVICES)), 0), (CASE.c.risk.in_(("R1", "R2")), 2), else_=1)
    return (
        _referrals(role)
        .where(at_agency(terms(role)), REFERRAL.c.state.in_(sorted(LIVE)))
        .order_by(soon, REFERRAL.c.sent_at, REFERRAL.c.id)
        .limit(bindparam("most"))
    )


async def find(connection: AsyncConnection, reader: Acting, at: datetime, referral_id: UUID) -> Found | None:
    """One referral in the reader's scope."""
    return (await connection.execute(_one(reader.role), said(reader, at, referral_id=referral_id))).one_or_none()


async def of_case(connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID) -> Sequence[Found]:
    """Every referral of a case already found in scope, the latest first."""
    rows: Sequence[Found] = (await connection.execute(_of_case(reader.role), said(reader, at, case_id=case_id))).all()
    return rows


async def inbox(connection: AsyncConnection, reader: Acting, at: datetime, most: int) -> Sequence[Found]:
    """The live referrals to the reader's unit, the most urgent first."""
    rows: Sequence[Found] = (await connection.execute(_inbox(reader.role), said(reader, at, most=most))).all()
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


async def request_of(connection: AsyncConnection, row: Found) -> str | None:
    """What was asked for, in words: of the referral whose need this one took up, where it was passed on."""
    root: UUID | None = row.id
    before = row.rerouted_from
    while before is not None:
        root = before
        before = (
            await connection.execute(select(REFERRAL.c.rerouted_from).where(REFERRAL.c.id == root))
        ).scalar_one_or_none()
    asked = await connection.execute(
        select(_EVENT.c.documents).where(_EVENT.c.referral_id == root, _EVENT.c.event == "ask_service")
    )
    ids = [UUID(one["id"]) for documents in asked.scalars() for one in documents]
    rows = (await connection.execute(select(_DOCUMENT).where(_DOCUMENT.c.id.in_(ids)))).all() if ids else []
    if not rows:
        return None
    key = await key_of(connection, row.case_id)
    contents = [unseal(key, _DOCUMENT, one.id, one.sealed, one.content_hash) for one in rows]
    return next((str(one["request"]) for one in contents if one.get("request")), None)


async def unit_by_code(connection: AsyncConnection, code: str, at: datetime) -> UUID | None:
    """The unit of a code that is in force."""
    unit: UUID | None = (
        await connection.execute(
            select(_UNIT.c.id).where(
                _UNIT.c.code == code,
                _UNIT.c.valid_from <= at,
                or_(_UNIT.c.valid_to.is_(None), _UNIT.c.valid_to > at),
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
