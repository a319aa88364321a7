"""Reading cases: what a reader sees, and what they may do now. Every read is put on record in its own transaction."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import cases
from api.queries.rows import Found
from api.services.deadlines import deadlines_of
from api.shapes.base import Page, PersonRef, Text, unit_ref
from api.shapes.cases import (
    AllowedAction,
    CaseOut,
    ChildOut,
    DeadlineOut,
    DocumentOut,
    NextDue,
    StateOut,
    TimelineEntry,
)
from models.access import HOTLINE, DataClass, Reach, reach, sees, sees_document
from models.forms import INPUTS, schema
from models.lifecycle import EVENTS, Actor, CaseFacts, Facts, Standing, allowed_events
from models.records.vault import key_of, unseal
from models.tables import Document, table
from models.vault import ErasedError
from models.vocabulary import codes, fold, term

LEAST = 2
"""Of how many letters a name that is searched for has to be at least."""

_DOCUMENT = table(Document)


async def find(connection: AsyncConnection, visit: Visit, reference: str) -> Found:
    """The row of one case in the reader's scope, to be read.

    Raises:
        Problem: ``not-found``, for an unknown case as for one out of scope; ``declaration-required`` where the reader
            opens it for the first time.
    """
    return _opened(await locate(connection, visit, reference))


def _opened(row: Found) -> Found:
    if not row.declared:
        raise declaration_required(row.id, row.code)
    return row


def declaration_required(case_id: UUID, code: str) -> Problem:
    """The problem of somebody who has not declared yet whether they are related to the case, and where they do."""
    return Problem(
        "declaration-required", extra={"about": {"post": f"/api/v1/cases/{code}/declaration"}}, case_id=case_id
    )


async def locate(connection: AsyncConnection, visit: Visit, reference: str) -> Found:
    """One case in the reader's scope, to be acted on or declared for: nothing of it is shown.

    Raises:
        Problem: ``not-found``.
    """
    return _found(visit, await cases.find(connection, visit.caller.acting, visit.now, reference))


async def to_write(connection: AsyncConnection, visit: Visit, row: Found) -> Found:
    """A case the reader found, to be written to: broken glass lends no writing.

    Raises:
        Problem: ``not-found`` for a case that is read by broken glass alone.
    """
    if not await owns(connection, visit, row):
        raise Problem("not-found", case_id=row.id)
    return row


async def owns(connection: AsyncConnection, visit: Visit, row: Found) -> bool:
    """Whether a case somebody reads is theirs to act on, and not shown to them by broken glass or to look on alone."""
    shown_only = row.glass_id is not None or visit.caller.acting.unit_id in (row.transfer_to_id, row.former_unit_id)
    return not shown_only or await cases.is_ones_own(connection, visit.caller.acting, visit.now, row.id)


def _found(visit: Visit, row: Found | None) -> Found:
    if row is None:
        raise Problem("not-found")
    structlog.contextvars.bind_contextvars(case_code=row.code)
    visit.case_id = row.id
    if row.glass_id is not None:
        visit.glass = (row.id, row.glass_id)
    return row


async def list_cases(visit: Visit, wanted: cases.Wanted, cursor: str | None, limit: int) -> Page[CaseOut]:
    """A page of the reader's cases."""
    async with visit.transaction() as connection:
        rows = await cases.page(
            connection, visit.caller.acting, visit.now, wanted, after=paging.decode(cursor), limit=limit + 1
        )
        shown, after = paging.cut(rows, limit, lambda row: (row.receipt_at, row.id))
        await visit.note(connection, "list", "case", detail={"cases": [str(row.id) for row in shown]})
    return Page[CaseOut](items=[case_out(visit, row, None) for row in shown], next=after)


async def search(visit: Visit, name: str) -> Page[CaseOut]:
    """The reader's cases by a child's name, the likest first. On record stands how many were found, not the name.

    Raises:
        Problem: ``invalid-request`` where too little of the name is given.
    """
    folded = fold(name).replace("\\", "").replace("%", "").replace("_", "").strip()
    if len(folded) < LEAST:
        raise fault("too-short", "body", "name")
    async with visit.transaction() as connection:
        rows = await cases.named_like(connection, visit.caller.acting, visit.now, folded, paging.MOST)
        await visit.note(connection, "search", "case", detail={"found": len(rows)})
    return Page[CaseOut](items=[case_out(visit, row, None) for row in rows], next=None)


async def read(visit: Visit, reference: str) -> CaseOut:
    """One case, with what the reader may do now."""
    async with visit.transaction(about=reference) as connection:
        row = _opened(_found(visit, await cases.find_whole(connection, visit.caller.acting, visit.now, reference)))
        await visit.note(connection, "read", "case", record_id=row.id, case_id=row.id)
        own = await owns(connection, visit, row)
    return whole(visit, row, own=own)


def whole(visit: Visit, row: Found, *, own: bool) -> CaseOut:
    """A row of ``api.queries.cases.find_whole`` as a case is shown alone; ``own``: see ``owns``."""
    return case_out(visit, row, _allowed(visit, row, own=own))


async def household(visit: Visit, reference: str) -> Page[CaseOut]:
    """The household's other cases, as far as they are in the reader's own scope."""
    async with visit.transaction() as connection:
        row = await find(connection, visit, reference)
        linked = await cases.page(
            connection, visit.caller.acting, visit.now, cases.Wanted(household_id=row.household_id), after=None,
            limit=paging.MOST,
        )  # fmt: skip
        others = [each for each in linked if each.id != row.id]
        await visit.note(
            connection, "read_household", "case", record_id=row.id, case_id=row.id,
            detail={"cases": [str(each.id) for each in others]},
        )  # fmt: skip
    return Page[CaseOut](items=[case_out(visit, each, None) for each in others], next=None)


async def deadlines(visit: Visit, reference: str) -> list[DeadlineOut]:
    """Every deadline of a case, past and present."""
    async with visit.transaction() as connection:
        row = await find(connection, visit, reference)
        await visit.note(connection, "read_deadlines", "case", record_id=row.id, case_id=row.id)
        return await deadlines_of(connection, row.id)


async def timeline(visit: Visit, reference: str) -> list[TimelineEntry]:
    """What happened in a case: events, rungs that fired and breaches, in the order of their recording."""
    async with visit.transaction() as connection:
        row = await find(connection, visit, reference)
        await visit.note(connection, "read_timeline", "case", record_id=row.id, case_id=row.id)
        events = await cases.events(connection, row.id)
        limits = await cases.deadlines(connection, row.id)
    entries = [_event_entry(event) for event in events]
    entries += [
        _plain_entry("rung", one.code, rung["due_at"], rung["fired_at"], level=rung["level"], told=rung["told"])
        for one in limits
        for rung in one.rungs
        if rung["state"] == "fired"
    ]
    entries += [
        _plain_entry("breach", one.code, breach["due_at"], breach["recorded_at"], level=None, told=[])
        for one in limits
        for breach in one.breaches
    ]
    return sorted(entries, key=lambda entry: (entry.recorded_at, entry.sequence or 0))


async def documents(visit: Visit, reference: str, kind: str | None, version: int | None) -> Page[DocumentOut]:
    """The documents of a case, without their content."""
    async with visit.transaction() as connection:
        row = await find(connection, visit, reference)
        await visit.note(connection, "list_documents", "case", record_id=row.id, case_id=row.id)
        found = await cases.documents(connection, visit.caller.acting, row.id, kind=kind, version=version)
    return Page[DocumentOut](items=[_document(visit, one) for one in found], next=None)


async def document(visit: Visit, reference: str, document_id: UUID) -> DocumentOut:
    """One document with its content, as far as the reader's role sees it."""
    async with visit.transaction() as connection:
        row = await find(connection, visit, reference)
        found = await cases.documents(connection, visit.caller.acting, row.id, document_id=document_id)
        if not found:
            raise Problem("not-found", case_id=row.id)
        shown = _document(visit, found[0])
        if not shown.withheld:
            shown = await _with_content(connection, found[0], shown)
        await visit.note(
            connection, "read", "document", record_id=document_id, case_id=row.id,
            detail={"kind": shown.kind, "withheld": shown.withheld, "erased": shown.erased},
        )  # fmt: skip
    return shown


async def contents_of(
    connection: AsyncConnection, visit: Visit, case_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any] | None]:
    """What stands in documents of a case already found in scope, by id; None where the reader does not see that."""
    if not ids:
        return {}
    found: dict[UUID, dict[str, Any] | None] = {}
    for row in await cases.documents(connection, visit.caller.acting, case_id, ids=ids):
        shown = _document(visit, row)
        seen = shown if shown.withheld else await _with_content(connection, row, shown)
        found[row.id] = seen.content
    return found


def case_out(visit: Visit, row: Found, allowed: list[AllowedAction] | None) -> CaseOut:
    """A row as the reader sees it."""
    identified = (row.declared and sees(visit.caller.role, DataClass.P1)) and (
        visit.caller.role not in HOTLINE
        or row.glass_id is not None
        or (row.process == "received" and brought(visit, row.receiver_id, row.receiver_unit_id))
    )
    unit = unit_ref(row, row.unit_id)
    return CaseOut(
        id=row.id,
        code=row.code,
        state=StateOut(process=row.process, protection=row.protection, ban=row.ban, custody=row.custody),
        risk=row.risk,
        flagged=row.flagged,
        child=ChildOut(
            id=row.child_id,
            full_name=row.full_name,
            birth_date=row.birth_date,
            estimated_age=row.estimated_age,
            sex=row.sex,
        )
        if identified
        else None,
        household_id=row.household_id,
        report_id=row.report_id,
        unit=unit,
        transfer_to=unit_ref(row, row.transfer_to_id, "receiver"),
        owner=PersonRef(id=row.owner_id, name=row.owner_name) if row.owner_id else None,
        received_at=row.receipt_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        sequence=row.sequence,
        plan_version=row.plan_version,
        protocol_version=row.protocol_version,
        attached_to=row.attached_to,
        closed_at=row.closed_at,
        closure_reason=row.closure_reason,
        next_due=NextDue(code=row.next_code, due_at=row.next_due_at) if row.next_code else None,
        overdue=row.overdue,
        allowed_actions=allowed,
    )


def brought(visit: Visit, receiver_id: UUID, receiver_unit_id: UUID) -> bool:
    """Whether a report was taken in by the reader, or by the shift the reader leads."""
    caller = visit.caller
    return receiver_id == caller.person_id or (caller.role == "H111S" and receiver_unit_id == caller.acting.unit_id)


def standing_of(row: Found) -> Standing:
    """Where a case stands, with the chart's memory."""
    return Standing(process=row.process, protection=row.protection, ban=row.ban, custody=row.custody, memory=row.memory)


def _allowed(visit: Visit, row: Found, *, own: bool) -> list[AllowedAction]:
    acting = visit.caller.acting
    asked = row.transfer_to_id is not None and row.transfer_to_id == acting.unit_id
    if not own and not asked:
        return []
    facts = Facts(
        actor=Actor(
            person=str(acting.person_id),
            role=acting.role,
            unit=str(acting.unit_id),
            deputises=frozenset(row.deputises or ()),
            stands_in=frozenset({str(row.unit_id)} if row.deputises else ()),
            is_delegate=row.named,
        ),
        receipt=min(row.receipt_at, visit.now),
        occurred_at=visit.now,
        recorded_at=visit.now,
        case=CaseFacts(
            id=str(row.id),
            risk=row.risk,
            flagged=row.flagged,
            unit=str(row.unit_id or ""),
            transfer_to=str(row.transfer_to_id or ""),
            open_deadlines=frozenset(row.running or ()),
            not_prosecuted=row.not_prosecuted,
            incident_unit=str(row.incident_unit_id or ""),
            residence_unit=str(row.residence_unit_id or ""),
        ),
    )
    events = [event for event in allowed_events(standing_of(row), facts) if event in INPUTS]
    if not own:
        # Until it has taken the case over, a commune reads it, and answers.
        events = [event for event in events if Reach.ASKED in reach(acting.role, event)]
    return [action(event) for event in events]


@cache
def action(event: str) -> AllowedAction:
    """An event as something that may be done, with the schema of what it needs."""
    spec = EVENTS[event]
    return AllowedAction(event=event, label=Text(vi=spec.label_vi, en=spec.label_en), input=schema(event))


def _label(vocabulary: str, code: str) -> Text:
    if code not in codes(vocabulary):
        return Text(vi=code, en=code)
    found = term(vocabulary, code)
    return Text(vi=found.vi, en=found.en)


def event_label(event: str) -> Text:
    """An event in words."""
    spec = EVENTS.get(event)
    # What is no event of the lifecycle has its words where the audit has them: a case that followed its unit.
    return Text(vi=spec.label_vi, en=spec.label_en) if spec else _label("audit_actions", event)


def _state(codes_by_region: dict[str, Any] | None) -> StateOut | None:
    if not codes_by_region or "process" not in codes_by_region:
        return None
    return StateOut(**{region: codes_by_region[region] for region in ("process", "protection", "ban", "custody")})


def _event_entry(row: Found) -> TimelineEntry:
    return TimelineEntry(
        at=row.occurred_at,
        recorded_at=row.recorded_at,
        kind="event",
        event=row.event,
        label=event_label(row.event),
        sequence=row.sequence,
        by=PersonRef(id=row.actor_id, name=row.actor_name) if row.actor_id else None,
        role=row.role,
        on_behalf_of=PersonRef(id=row.on_behalf_person, name=row.principal_name) if row.on_behalf_person else None,
        on_behalf_role=row.on_behalf_role,
        means=row.means,
        before=_state(row.before),
        after=_state(row.after),
        implied=list(row.implied),
        documents=list(row.documents),
        level=None,
        told=[],
    )


def _plain_entry(kind: Any, deadline: str, at: Any, recorded_at: Any, *, level: str | None, told: Any) -> TimelineEntry:
    return TimelineEntry(
        at=at,
        recorded_at=recorded_at,
        kind=kind,
        event=deadline,
        label=_label("deadlines", deadline),
        sequence=None,
        by=None,
        role=None,
        on_behalf_of=None,
        on_behalf_role=None,
        means=None,
        before=None,
        after=None,
        implied=[],
        documents=[],
        level=level,
        told=told,
    )


def _document(visit: Visit, row: Found) -> DocumentOut:
    role, own = visit.caller.role, row.author_id == visit.caller.person_id
    # The hotline follows up by codes; through broken glass it reads what its role may see at all.
    follows_up = role in HOTLINE and visit.glass is None
    by_role = role == "H111S" and row.colleague if follows_up else sees_document(role, row.kind)
    seen = own or by_role
    return DocumentOut(
        id=row.id,
        kind=row.kind,
        label=_label("document_kinds", row.kind),
        version=row.version,
        plan_version=row.plan_version,
        content_hash=row.content_hash,
        author=PersonRef(id=row.author_id, name=row.author_name),
        created_at=row.created_at,
        frozen_at=row.frozen_at,
        sequence=row.sequence,
        command_id=row.command_id,
        withheld=not seen,
        erased=False,
        content=None,
    )


async def _with_content(connection: AsyncConnection, row: Found, shown: DocumentOut) -> DocumentOut:
    try:
        key = await key_of(connection, row.case_id)
    except ErasedError:
        return shown.model_copy(update={"erased": True})
    return shown.model_copy(update={"content": unseal(key, _DOCUMENT, row.id, row.sealed, row.content_hash)})


__all__: Sequence[str] = (
    "action", "brought", "case_out", "contents_of", "deadlines", "declaration_required", "document", "documents",
    "event_label", "find", "household", "list_cases", "locate", "owns", "read", "search", "standing_of", "timeline",
    "to_write", "whole",
)  # fmt: skip
