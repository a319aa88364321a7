"""Searching the audit, and saying who had to do with one child's file. Both are themselves put on record."""

from contextlib import suppress
from dataclasses import fields

from cryptography.exceptions import InvalidTag

from api import paging
from api.door import Visit
from api.problems import Problem
from api.queries import audit as queries
from api.queries.rows import Found
from api.shapes.audit import AccessOut, AccessPersonOut, AccessReportOut, AuditOut, TimerOut
from api.shapes.base import Page, PersonRef, Text, unit_ref
from models.lifecycle import EVENTS
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS
from models.records.audit import open_reason
from models.vault import UnknownKeyError
from models.vocabulary import codes, term


async def search(visit: Visit, wanted: queries.Wanted, cursor: str | None, limit: int) -> Page[AuditOut]:
    """A page of the audit, the newest first, without what was done in a case the reader must keep out of.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("search_audit")
    async with visit.transaction() as connection:
        rows = await queries.page(connection, wanted, after=paging.decode(cursor), limit=limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (row.at, row.id))
        case = await queries.case_named(connection, wanted.case) if wanted.case is not None else None
        await visit.note(
            connection, "search_audit", "audit", case_id=case.id if case is not None else None,
            detail={"by": [one.name for one in fields(wanted) if getattr(wanted, one.name) is not None]},
        )  # fmt: skip
    return Page[AuditOut](items=[_entry(row) for row in shown], next=after)


async def access_report(visit: Visit, reference: str, cursor: str | None, limit: int) -> AccessReportOut:
    """Everybody who read a case, acted on it or was refused: when, in which position, and why.

    Raises:
        Problem: ``not-permitted``, ``purpose-required`` or ``not-found``.
    """
    await visit.require("report_access")
    async with visit.transaction() as connection:
        case = await queries.case_to_report(connection, reference)
        if case is None:
            raise Problem("not-found")
        people = await queries.accessors(connection, case.id)
        rows = await queries.accesses(connection, case.id, after=paging.decode(cursor), limit=limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (row.at, row.id))
        await visit.note(connection, "report_access", "case", record_id=case.id, case_id=case.id)
    return AccessReportOut(
        case_code=case.code,
        at=visit.now,
        people=[_person(row) for row in people],
        items=[_access(visit, row) for row in shown],
        next=after,
    )


def action_label(action: str) -> Text:
    """What an entry's action is called: an event of the lifecycle, or a word of the vocabulary ``audit_actions``."""
    spec = EVENTS.get(action) or REFERRAL_EVENTS.get(action)
    if spec is not None:
        return Text(vi=spec.label_vi, en=spec.label_en)
    return _word("audit_actions", action) or Text(vi=action, en=action)


def _word(vocabulary: str, code: str) -> Text | None:
    if code not in codes(vocabulary):
        return None
    found = term(vocabulary, code)
    return Text(vi=found.vi, en=found.en)


def _entry(row: Found) -> AuditOut:
    detail = row.detail
    return AuditOut(
        id=row.id,
        at=row.at,
        actor=PersonRef(id=row.actor_id, name=row.actor_name or "") if row.actor_id else None,
        role=row.role,
        action=row.action,
        label=action_label(row.action),
        record=row.record,
        record_id=row.record_id,
        case_code=row.case_code,
        outcome=row.outcome,
        code=row.code,
        purpose=row.purpose,
        reason_given=row.reason is not None,
        origin=row.origin,
        timer=TimerOut(
            rule=detail["rule"], limit=detail["limit"], protocol=detail["protocol"], calendar=detail["calendar"]
        )
        if "rule" in detail
        else None,
        link=row.chain_seq,
    )


def _person(row: Found) -> AccessPersonOut:
    return AccessPersonOut(
        person=PersonRef(id=row.actor_id, name=row.full_name),
        role=row.role,
        role_label=_word("roles", row.role) or Text(vi=row.role, en=row.role),
        unit=unit_ref(row, row.unit_id),
        first_at=row.first_at,
        last_at=row.last_at,
        entries=row.entries,
    )


def _access(visit: Visit, row: Found) -> AccessOut:
    reason = None
    if row.reason is not None:
        # A key that was destroyed, or words that were altered: the verification names these, the report goes on.
        with suppress(UnknownKeyError, InvalidTag):
            reason = open_reason(visit.door.keys.ring, row.reason_key, bytes(row.reason))
    return AccessOut(
        at=row.at,
        person=PersonRef(id=row.actor_id, name=row.actor_name),
        role=row.role,
        unit=unit_ref(row, row.unit_id),
        action=row.action,
        label=action_label(row.action),
        record=row.record,
        outcome=row.outcome,
        purpose=_word("purposes", row.purpose) if row.purpose else None,
        reason=reason,
    )
