"""What stands in PostgreSQL about one case, as plain rows in the words of the drill's format."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import (
    Breach,
    CallTask,
    CaseEvent,
    CaseFile,
    Deadline,
    Document,
    Escalation,
    EscalationRecipient,
    Notice,
    Referral,
    Rung,
    table,
)

Row = dict[str, Any]

_CASE, _DEADLINE, _RUNG, _NOTICE = table(CaseFile), table(Deadline), table(Rung), table(Notice)
_BREACH, _ESCALATION, _RECIPIENT = table(Breach), table(Escalation), table(EscalationRecipient)
_EVENT, _DOCUMENT, _CALL = table(CaseEvent), table(Document), table(CallTask)
_REFERRAL = table(Referral)
_Codes = Mapping[UUID, tuple[str, int, UUID | None]]


@dataclass
class Seen:
    """One case with everything around it at the moment of reading."""

    case: Row
    deadlines: list[Row] = field(default_factory=list)
    rungs: list[Row] = field(default_factory=list)
    notices: list[Row] = field(default_factory=list)
    breaches: list[Row] = field(default_factory=list)
    escalations: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    documents: list[Row] = field(default_factory=list)
    referrals: list[Row] = field(default_factory=list)
    same_child: list[UUID] = field(default_factory=list)
    same_household: list[UUID] = field(default_factory=list)


async def look(connection: AsyncConnection, case_id: UUID, units: Mapping[UUID, str]) -> Seen:
    """Read a case and everything around it.

    Args:
        connection: a transaction that may read every table.
        case_id: which case.
        units: codes of units by id.
    """
    case = (await connection.execute(select(_CASE).where(_CASE.c.id == case_id))).one()._asdict()
    case |= {"unit": units.get(case["unit_id"]), "transfer_to": units.get(case["transfer_to_id"])}
    seen = Seen(case=case)
    seen.deadlines = await _deadlines(connection, case_id)
    codes: _Codes = {row["id"]: (row["code"], row["occurrence"], row["referral_id"]) for row in seen.deadlines}
    seen.rungs = [
        {
            **row._asdict(),
            "deadline": codes[row.deadline_id][0],
            "occurrence": codes[row.deadline_id][1],
            "referral": codes[row.deadline_id][2],
            "at": row.fired_at or row.due_at,
        }
        for row in await connection.execute(
            select(_RUNG).where(_RUNG.c.case_id == case_id).order_by(_RUNG.c.due_at, _RUNG.c.level, _RUNG.c.ordinal)
        )
    ]
    levels = {(row["deadline_id"], row["ordinal"]): row["level"] for row in seen.rungs}
    seen.notices = [
        {
            **row._asdict(),
            "who": row.person_id,
            "at": row.created_at,
            "level": levels.get((row.deadline_id, row.ordinal), "receipt"),
            "deadline": codes[row.deadline_id][0] if row.deadline_id else None,
            "referral": codes[row.deadline_id][2] if row.deadline_id else _told_of(row),
        }
        for row in await connection.execute(
            select(_NOTICE).where(_NOTICE.c.case_id == case_id).order_by(_NOTICE.c.created_at, _NOTICE.c.id)
        )
    ]
    seen.breaches = [
        row._asdict() | {"due": row.due_at, "referral": codes[row.deadline_id][2]}
        for row in await connection.execute(select(_BREACH).where(_BREACH.c.case_id == case_id))
    ]
    seen.escalations = await _escalations(connection, case_id, codes)
    seen.calls = [
        {**row._asdict(), "who": row.person_id, "by": row.called_by, "at": row.created_at}
        for row in await connection.execute(
            select(_CALL).where(_CALL.c.case_id == case_id).order_by(_CALL.c.created_at)
        )
    ]
    seen.events = [
        {**row._asdict(), "by": row.actor_id, "on_behalf_of": row.on_behalf_person}
        for row in await connection.execute(
            select(_EVENT).where(_EVENT.c.case_id == case_id).order_by(_EVENT.c.sequence)
        )
    ]
    seen.documents = await _documents(connection, case_id)
    seen.referrals = [
        {**row._asdict(), "referral": row.id, "unit": units.get(row.receiver_id)}
        for row in await connection.execute(
            select(_REFERRAL).where(_REFERRAL.c.case_id == case_id).order_by(_REFERRAL.c.created_at, _REFERRAL.c.id)
        )
    ]
    seen.same_child = await _others(connection, case, "child_id")
    seen.same_household = await _others(connection, case, "household_id")
    return seen


async def _deadlines(connection: AsyncConnection, case_id: UUID) -> list[Row]:
    rows = await connection.execute(
        select(_DEADLINE).where(_DEADLINE.c.case_id == case_id).order_by(_DEADLINE.c.started_at, _DEADLINE.c.id)
    )
    return [
        {**row._asdict(), "due": row.due_at, "started": row.started_at, "referral": row.referral_id} for row in rows
    ]


def _told_of(row: Any) -> UUID | None:
    """Of a notice that no rung brought: the referral it tells its agency of."""
    said = (row.values or {}).get("referral")
    return UUID(said) if said else None


async def _escalations(connection: AsyncConnection, case_id: UUID, codes: _Codes) -> list[Row]:
    to: dict[UUID, list[UUID]] = defaultdict(list)
    watching: dict[UUID, list[UUID]] = defaultdict(list)
    recipients = select(_RECIPIENT).join(_ESCALATION, _ESCALATION.c.id == _RECIPIENT.c.escalation_id)
    for row in await connection.execute(recipients.where(_ESCALATION.c.case_id == case_id)):
        (watching if row.watching else to)[row.escalation_id].append(row.person_id)
    rows = await connection.execute(
        select(_ESCALATION).where(_ESCALATION.c.case_id == case_id).order_by(_ESCALATION.c.opened_at)
    )
    return [
        {
            **row._asdict(),
            "deadline": codes[row.deadline_id][0],
            "referral": codes[row.deadline_id][2],
            "at": row.opened_at,
            "to": to[row.id],
            "watching": watching[row.id],
        }
        for row in rows
    ]


async def _documents(connection: AsyncConnection, case_id: UUID) -> list[Row]:
    """One row per kind: how many count (are frozen), and the newest one's plan version and author."""
    rows = await connection.execute(
        select(_DOCUMENT)
        .where(_DOCUMENT.c.case_id == case_id, _DOCUMENT.c.frozen_at.is_not(None))
        .order_by(_DOCUMENT.c.sequence)
    )
    kinds: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        kinds[row.kind].append(row)
    return [
        {"kind": kind, "count": len(found), "plan_version": found[-1].plan_version, "author": found[-1].author_id}
        for kind, found in kinds.items()
    ]


async def _others(connection: AsyncConnection, case: Row, column: str) -> list[UUID]:
    same = select(_CASE.c.id).where(_CASE.c[column] == case[column], _CASE.c.id != case["id"])
    return list((await connection.execute(same)).scalars())
