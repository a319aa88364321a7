"""Escalations: listing and answering them. Answering one never stops the ladder."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import Visit
from api.problems import Problem
from api.queries import escalations
from api.queries.rows import Found
from api.services.cases import find
from api.shapes.base import Page, PersonRef, unit_ref
from api.shapes.cases import EscalationOut, RecipientOut
from models.access import HOTLINE, DataClass, sees
from models.records.escalations import NotAnswered, acknowledge, settle


async def list_escalations(
    visit: Visit, wanted: escalations.Wanted, cursor: str | None, limit: int
) -> Page[EscalationOut]:
    """A page of the escalations the reader was sent, or whose cases they may read."""
    async with visit.transaction() as connection:
        rows = await escalations.page(
            connection, visit.caller.acting, visit.now, wanted, after=paging.decode(cursor), limit=limit + 1
        )
        shown, after = paging.cut(rows, limit, lambda row: (row.opened_at, row.id))
        items = await _items(connection, visit, shown)
        await visit.note(
            connection, "list", "escalation",
            detail={
                "escalations": [str(row.id) for row in shown],
                "cases": sorted({str(row.case_id) for row in shown}),
            },
        )  # fmt: skip
    return Page[EscalationOut](items=items, next=after)


async def of_case(visit: Visit, reference: str) -> Page[EscalationOut]:
    """The escalations of one case.

    Raises:
        Problem: ``not-found`` or ``declaration-required``.
    """
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        wanted = escalations.Wanted(case_id=case.id)
        rows = await escalations.page(connection, visit.caller.acting, visit.now, wanted, after=None, limit=paging.MOST)
        items = await _items(connection, visit, rows)
        await visit.note(connection, "read_escalations", "case", record_id=case.id, case_id=case.id)
    return Page[EscalationOut](items=items, next=None)


async def answer(visit: Visit, escalation_id: UUID, resolution: str | None) -> EscalationOut:
    """Acknowledge an escalation, or with a resolution resolve it.

    Raises:
        Problem: ``not-found``, ``not-permitted`` or ``escalation-not-open``.
    """
    refused: Problem | None = None
    async with visit.transaction() as connection:
        if await escalations.find(connection, visit.caller.acting, visit.now, escalation_id) is None:
            raise Problem("not-found")
        actor = visit.caller.acting
        if resolution is None:
            said = await acknowledge(connection, escalation_id, actor=actor, at=visit.now, origin=visit.whence.origin)
        else:
            said = await settle(
                connection, escalation_id, actor=actor, resolution=resolution, at=visit.now,
                origin=visit.whence.origin,
            )  # fmt: skip
        row = await escalations.find(connection, visit.caller.acting, visit.now, escalation_id)
        if isinstance(said, NotAnswered):
            refused = _refusal(said, row)
        items = await _items(connection, visit, [row]) if row is not None else []
    # Raised only now: the refusal's audit entry stands in the transaction that has just been committed.
    if refused is not None:
        raise refused
    return items[0]


def _refusal(said: NotAnswered, row: Any) -> Problem:
    if said.code == "unknown" or row is None:
        return Problem("not-found", audited=True)
    if said.code == "not-yours":
        return Problem("not-permitted", audited=True)
    return Problem("escalation-not-open", extra={"about": {"state": row.state}}, audited=True)


async def _items(connection: AsyncConnection, visit: Visit, rows: Sequence[Found]) -> list[EscalationOut]:
    went_to: dict[UUID, list[RecipientOut]] = {}
    for row in await escalations.recipients(connection, [row.id for row in rows]):
        went_to.setdefault(row.escalation_id, []).append(
            RecipientOut(person=PersonRef(id=row.person_id, name=row.full_name), role=row.role, watching=row.watching)
        )
    return [_item(visit, row, went_to.get(row.id, [])) for row in rows]


def _item(visit: Visit, row: Found, went_to: list[RecipientOut]) -> EscalationOut:
    unread = row.unread or {}
    return EscalationOut(
        id=row.id,
        case_id=row.case_id,
        case_code=row.case_code or unread["case"],
        deadline_id=row.deadline_id,
        deadline=row.deadline or unread["deadline"],
        referral_id=row.referral_id,
        level=row.level,
        ordinal=row.ordinal,
        state=row.state,
        nobody=row.nobody,
        unit=unit_ref(row, row.unit_id),
        due_at=row.rung_due_at or row.deadline_due_at or unread["due_at"],
        opened_at=row.opened_at,
        age_seconds=max(0, int((visit.now - row.opened_at).total_seconds())),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=_person(row.acknowledged_by, row.acknowledger_name),
        resolved_at=row.resolved_at,
        resolved_by=_person(row.resolved_by, row.resolver_name),
        resolution=row.resolution if _reads_words(visit, row) else None,
        went_to=went_to,
    )


def _reads_words(visit: Visit, row: Found) -> bool:
    """Whether the reader may read what was done, in words that will name the child: their own, or a case of theirs."""
    caller = visit.caller
    content = row.case_readable and caller.role not in HOTLINE and sees(caller.role, DataClass.P2)
    return row.resolved_by == caller.person_id or content


def _person(person_id: UUID | None, name: str | None) -> PersonRef | None:
    return PersonRef(id=person_id, name=name or "") if person_id is not None else None
