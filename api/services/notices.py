"""The inbox, the call list, and the gateway's word on what became of a message."""

import hmac
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import Door, Visit
from api.problems import Problem
from api.queries import notices as queries
from api.shapes.base import Page, PersonRef
from api.shapes.notices import CallOut, CallRecord, GatewayAnswer, GatewayReceipt, NoticeOut
from models.database import Who, transaction
from models.records.audit import audit
from models.records.notices import inbox, mark_seen, open_calls, record_call, record_receipt
from models.records.texts import link, render

GATEWAY = Who(system="gateway")
STRAYS = "NAT"
"""Whose desk makes the calls that fell to no office, because a province has neither duty desk nor hotline."""


async def list_inbox(visit: Visit, *, unseen_only: bool, cursor: str | None, limit: int) -> Page[NoticeOut]:
    """A page of the caller's inbox, the newest first."""
    async with visit.transaction() as connection:
        rows = await inbox(
            connection, visit.caller.person_id, visit.now, unseen_only=unseen_only, before=paging.decode(cursor),
            limit=limit + 1,
        )  # fmt: skip
        shown, after = paging.cut(rows, limit, lambda row: (row.deliver_at, row.id))
        items = await _notices(connection, visit, shown)
        await visit.note(connection, "list", "notice", detail={"count": len(items)})
    return Page[NoticeOut](items=items, next=after)


async def see(visit: Visit, notice_id: UUID) -> NoticeOut:
    """Note that the caller has seen a notice of theirs; the first time counts.

    Raises:
        Problem: ``not-found``, for another's notice as for none.
    """
    async with visit.transaction() as connection:
        await mark_seen(connection, visit.caller.person_id, [notice_id], visit.now)
        row = await queries.own(connection, visit.caller.person_id, notice_id)
        if row is None or row.deliver_at > visit.now:
            raise Problem("not-found")
        await visit.note(connection, "see", "notice", record_id=notice_id, case_id=row.case_id)
        return (await _notices(connection, visit, [row]))[0]


async def list_calls(visit: Visit, cursor: str | None, limit: int) -> Page[CallOut]:
    """The call list of the caller's office, the oldest first."""
    await visit.require("read_calls")
    async with visit.transaction() as connection:
        rows = await open_calls(
            connection, visit.caller.acting.unit_id, reader=visit.caller.person_id, at=visit.now,
            strays=visit.caller.role == STRAYS, after=paging.decode(cursor), limit=limit + 1,
        )  # fmt: skip
        shown, after = paging.cut(rows, limit, lambda row: (row.created_at, row.id))
        items = await _calls(connection, shown)
        await visit.note(connection, "list", "call_task", detail={"calls": [str(row.id) for row in shown]})
    return Page[CallOut](items=items, next=after)


async def record(visit: Visit, call_id: UUID, said: CallRecord) -> CallOut:
    """Record how a call ended.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``call-already-recorded``.
    """
    await visit.require("read_calls")
    async with visit.transaction() as connection:
        row = await queries.call(connection, call_id, visit.caller.person_id, visit.now)
        theirs = {visit.caller.acting.unit_id} | ({None} if visit.caller.role == STRAYS else set())
        if row is None or row.caller_unit_id not in theirs:
            raise Problem("not-found")
        recorded = await record_call(
            connection, call_id, person_id=visit.caller.person_id, outcome=said.outcome, at=visit.now
        )
        if not recorded:
            raise Problem("call-already-recorded", case_id=row.case_id)
        await visit.note(
            connection, "record_call", "call_task", record_id=call_id, case_id=row.case_id,
            detail={"outcome": said.outcome},
        )  # fmt: skip
        after = await queries.call(connection, call_id, visit.caller.person_id, visit.now)
        return (await _calls(connection, [after]))[0]


async def take_receipt(door: Door, token: str, receipt: GatewayReceipt) -> GatewayAnswer:
    """Take the gateway's word on a message.

    Raises:
        Problem: ``gateway-not-known``.
    """
    expected = door.settings.gateway_token.get_secret_value()
    if not expected or not hmac.compare_digest(expected.encode(), token.encode()):
        raise Problem("gateway-not-known", headers={"WWW-Authenticate": 'Bearer realm="gateway"'})
    now = door.clock.now()
    async with transaction(door.engine, GATEWAY, now) as connection:
        recorded = await record_receipt(connection, receipt.reference, receipt.state, now)
        await audit(
            connection, at=now, actor=None, action="gateway_receipt", record="notice",
            outcome="done" if recorded else "unknown", code=receipt.state,
        )  # fmt: skip
        return GatewayAnswer(recorded=recorded)


async def _notices(connection: AsyncConnection, visit: Visit, rows: Sequence[Any]) -> list[NoticeOut]:
    codes = await queries.codes(connection, {row.case_id for row in rows})
    items = []
    for row in rows:
        url = link(visit.door.settings.public_url, row.case_id)
        text = render(row.kind, {"case": codes[row.case_id], **row.values}, visit.language, url)
        items.append(
            NoticeOut(
                id=row.id,
                case_id=row.case_id,
                case_code=codes[row.case_id],
                kind=row.kind,
                deadline_id=row.deadline_id,
                escalation_id=row.escalation_id,
                role=row.role,
                subject=text.subject,
                body=text.body,
                at=row.deliver_at,
                seen_at=row.seen_at,
            )
        )
    return items


async def _calls(connection: AsyncConnection, rows: Sequence[Any]) -> list[CallOut]:
    codes = await queries.codes(connection, {row.case_id for row in rows})
    people = await queries.callees(connection, {row.person_id for row in rows})
    return [
        CallOut(
            id=row.id,
            case_id=row.case_id,
            case_code=codes[row.case_id],
            person=PersonRef(id=row.person_id, name=people[row.person_id].full_name),
            phone=people[row.person_id].phone,
            reason=row.reason,
            state=row.state,
            created_at=row.created_at,
            outcome=row.outcome,
            called_at=row.called_at,
        )
        for row in rows
    ]
