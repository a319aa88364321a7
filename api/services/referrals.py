"""Referrals at the door: asking for services, acting on them, and showing each reader what is theirs to see.

An act goes the way of a case's (``api.services.actions``): content is stored in a short transaction, ids and codes go
through the referral's own workflow, the answer is read from PostgreSQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.problems import PROBLEMS, Problem
from api.queries import cases, submissions
from api.queries import referrals as q
from api.queries.rows import Found
from api.services import keys
from api.services.cases import find
from api.services.referral_files import sight
from api.services.several import told, tried
from api.shapes.base import Text, unit_ref
from api.shapes.cases import AllowedAction
from api.shapes.referrals import (
    CaseRefOut,
    CountOut,
    DeliveredOut,
    MinimumOut,
    NeedOut,
    ReferralDeadlineOut,
    ReferralOut,
    ReferralsOut,
    ResultOut,
    SliceOut,
    StepOut,
    WindowOut,
)
from models.access import COMMUNE, DataClass, sees
from models.access.consent import age_of
from models.access.slices import CHILD_FIELDS, Slice, age_band, urgency
from models.calendar import local_date
from models.forms import Part, parts
from models.forms.referral import REFERRAL_INPUTS, UNSAID, AskedService, ReferralAct, ReferralsInput
from models.lifecycle.facts import Actor
from models.lifecycle.referral import (
    FINAL,
    LIVE,
    SERVICES,
    STATES,
    Facts,
    Memory,
    Standing,
    allowed_events,
    allowed_in,
)
from models.lifecycle.referral.rules import MET
from models.messages import Command, CommandResult, ContentRef, referral_workflow_id
from models.protocol.types import MARKS, Clock
from models.vocabulary import term
from workflows.client import RunEndedError, TemporalAwayError

_LOG = structlog.get_logger("api.referrals")
MOST = 200
"""Referrals an inbox shows at once: the most urgent ones."""


@dataclass(frozen=True)
class _Sending:
    """One command to be made: of which referral, what, with what content."""

    case_id: UUID
    referral_id: UUID
    event: str
    target: str
    parts: tuple[Part, ...]
    said: Any


# --- asking and acting ----------------------------------------------------------------------------------------------


async def ask(visit: Visit, reference: str, key: UUID, body: ReferralsInput) -> list[ResultOut]:
    """Ask for one service or many, each with a result of its own: one that fails keeps no other back.

    Raises:
        Problem: ``not-found`` for a case that is not theirs to act on.
    """
    async with visit.transaction() as connection:
        case_id = await _addressed(connection, visit, reference, key)
    return [await _asked(visit, case_id, key, index, one) for index, one in enumerate(body.referrals)]


async def _addressed(connection: AsyncConnection, visit: Visit, reference: str, key: UUID) -> UUID:
    """The case services are asked for on: one's own, or, of an emergency, one that one may report about."""
    acting = visit.caller.acting
    row = await cases.find(connection, acting, visit.now, reference)
    if row is None:
        row = await cases.address(connection, reference, "add_report", key)
    if row is None:
        raise Problem("not-found")
    structlog.contextvars.bind_contextvars(case_code=row.code)
    return UUID(str(row.id))


async def _asked(visit: Visit, case_id: UUID, key: UUID, index: int, one: AskedService) -> ResultOut:
    target = f"cases/{case_id}/referrals/{index}"
    referral_id = uuid5(keys.command_id(visit.caller.person_id, key, target), "referral")
    said = one.model_dump(mode="json", exclude={"receiver", "occurred_at"}, exclude_none=True)
    asking = _Sending(case_id, referral_id, "ask_service", target, (Part("act", said),), one)
    _, problem = await tried(_ask_and_send(visit, key, asking, one.receiver))
    async with visit.transaction() as connection:
        row = await q.find(connection, visit.caller.acting, visit.now, referral_id)
        shown = await _one(connection, visit, row) if row is not None else None
        await visit.note(
            connection, "read_referral", "referral", "done" if shown else "refused", record_id=referral_id,
            case_id=case_id, code=problem.code if problem else None,
        )  # fmt: skip
    return ResultOut(service=one.service, referral=shown, problem=told(visit, problem))


async def _ask_and_send(visit: Visit, key: UUID, asking: _Sending, code: str | None) -> None:
    async with visit.transaction() as connection:
        receiver = await _receiver(connection, visit, code)
    await _carry_out(visit, key, asking)
    if receiver is not None:
        to = (Part("act", {"receiver_id": str(receiver)}),)
        sending = _Sending(asking.case_id, asking.referral_id, "send", f"{asking.target}/send", to, asking.said)
        await _carry_out(visit, key, sending)


async def act(visit: Visit, referral_id: UUID, key: UUID, body: ReferralAct) -> ReferralOut:
    """Carry out an event on a referral.

    Raises:
        Problem: ``not-found``, ``idempotency-key-reused``, ``command-not-confirmed``, or the lifecycle's refusal.
    """
    async with visit.transaction() as connection:
        row = await _located(connection, visit, referral_id)
        receiver = await _receiver(connection, visit, getattr(body, "receiver", None))
    content = parts(body, apart=UNSAID)
    if receiver is not None:
        content = (Part("act", {**(content[0].content if content else {}), "receiver_id": str(receiver)}),)
    target = f"referrals/{referral_id}/{body.event}"
    await _carry_out(visit, key, _Sending(row.case_id, referral_id, body.event, target, content, body))
    return await read(visit, referral_id)


async def _receiver(connection: AsyncConnection, visit: Visit, code: str | None) -> UUID | None:
    if code is None:
        return None
    unit = await q.unit_by_code(connection, code, visit.now)
    if unit is None:
        raise fault("unknown-unit", "body", "receiver")
    return unit


async def _carry_out(visit: Visit, key: UUID, sending: _Sending) -> CommandResult:
    """Store what was said, send it through the referral's workflow, and give the answer.

    Raises:
        Problem: as ``act``.
    """
    command, before = await _store(visit, key, sending)
    structlog.contextvars.bind_contextvars(
        command_id=str(command.command_id), workflow_id=referral_workflow_id(sending.referral_id),
        event_code=sending.event,
    )  # fmt: skip
    result = before or await _send(visit, command)
    visit.door.metrics.commands.labels(sending.event, "accepted" if result.accepted else "refused").inc()
    _LOG.info("command", outcome="accepted" if result.accepted else "refused", code=result.code)
    visit.door.confirmations.note(result.command_id)
    if not result.accepted:
        raise _refusal(command, result)
    return result


async def _store(visit: Visit, key: UUID, sending: _Sending) -> tuple[Command, CommandResult | None]:
    person = visit.caller.person_id
    command_id = keys.command_id(person, key, sending.target)
    behalf = getattr(sending.said, "on_behalf_of", None)
    async with visit.transaction() as connection:
        digest = await keys.request_hash(connection, sending.said)
        before = await submissions.claim(
            connection, submission_id=command_id, person_id=person, key=key, target=sending.target,
            request_hash=digest, case_id=sending.case_id, at=visit.now,
        )  # fmt: skip
        stored: dict[str, Any] | None = None
        content: tuple[ContentRef, ...]
        if before is None:
            taken_in = visit.now
            content = await submissions.store_documents(
                connection, case_id=sending.case_id, command_id=command_id, author_id=person, parts=sending.parts,
                at=visit.now,
            )  # fmt: skip
        else:
            keys.check_same(before, digest)
            taken_in, stored = before.created_at, await q.command_result(connection, command_id)
            content = await submissions.references(connection, command_id)
    command = Command(
        command_id=command_id,
        case_id=sending.case_id,
        referral_id=sending.referral_id,
        event=sending.event,
        person_id=person,
        position_id=visit.caller.acting.position_id,
        recorded_at=taken_in,
        occurred_at=sending.said.occurred_at or taken_in,
        on_behalf_person=behalf.person_id if behalf else None,
        on_behalf_role=behalf.role if behalf else None,
        means=behalf.means if behalf else None,
        content=content,
        origin=visit.whence.origin,
    )
    return command, CommandResult.model_validate(stored) if stored is not None else None


async def _send(visit: Visit, command: Command) -> CommandResult:
    try:
        try:
            return await visit.door.desk.send(command, may_start=command.event == "ask_service")
        except RunEndedError:
            # A live referral whose workflow was lost is started with its next command; an ended one says no there.
            return await visit.door.desk.send(command, may_start=True)
    except (TemporalAwayError, RunEndedError):
        _LOG.warning("command not confirmed", exc_info=True)
        visit.door.metrics.commands.labels(command.event, "unconfirmed").inc()
        problem = Problem("command-not-confirmed", case_id=command.case_id)
        await visit.deny(problem)
        raise problem from None


def _refusal(command: Command, result: CommandResult) -> Problem:
    code = result.code or "internal"
    if code == "recused" and command.on_behalf_person is None and command.on_behalf_role is None:
        return Problem("not-found", audited=True)
    if code not in PROBLEMS:
        _LOG.error("refusal without a sentence", code=code)
        code = "internal"
    return Problem(code, extra={"allowed": list(result.allowed), "about": result.detail}, audited=True)


# --- reading --------------------------------------------------------------------------------------------------------


async def of_case(visit: Visit, reference: str) -> ReferralsOut:
    """A case's referrals, their clocks, and what they leave of each need."""
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        rows = await q.of_case(connection, visit.caller.acting, visit.now, case.id)
        await visit.note(connection, "list_referrals", "case", record_id=case.id, case_id=case.id)
        steps = await q.plan_steps(connection, case.id)
        clocks = await q.deadlines(connection, [row.id for row in rows])
        items = [await _shown(connection, visit, row, clocks.get(row.id, []), whole=False) for row in rows]
    return ReferralsOut(
        needs=_needs(rows),
        steps=[_step(one, [row for row in rows if row.step == one.subject]) for one in steps],
        delivered=[_delivered(row) for row in rows if row.outcome is not None],
        items=items,
    )


async def inbox(visit: Visit, *, emergency: bool) -> list[ReferralOut]:
    """The live referrals to the reader's unit, the most urgent first; for its duty desk emergencies alone."""
    async with visit.transaction() as connection:
        rows = await q.inbox(connection, visit.caller.acting, visit.now, MOST, emergency=emergency)
        detail = {"cases": [str(row.case_id) for row in rows]}
        await visit.note(connection, "list_inbox", "referral", detail=detail)
        clocks = await q.deadlines(connection, [row.id for row in rows])
        return [await _shown(connection, visit, row, clocks.get(row.id, []), whole=False) for row in rows]


async def counts(visit: Visit) -> list[CountOut]:
    """How many live referrals the reader's unit has in each state, and how many of them it is late with."""
    said = visit.door.reference.protocol_at(visit.now).referrals
    owed = [one.code for one in said.clocks if one.owed_by == "agency"] if said is not None else []
    async with visit.transaction() as connection:
        rows = await q.counts(connection, visit.caller.acting, visit.now, owed)
        await visit.note(connection, "count_inbox", "referral")
    found = {row.state: row for row in rows}
    return [
        CountOut(
            state=state,
            label=Text(vi=STATES[state].vi, en=STATES[state].en),
            referrals=found[state].referrals if state in found else 0,
            late=found[state].late if state in found else 0,
        )
        for state in STATES
        if state in LIVE and state != "draft"
    ]


async def read(visit: Visit, referral_id: UUID) -> ReferralOut:
    """One referral, with what the reader may do now.

    Raises:
        Problem: ``not-found``.
    """
    async with visit.transaction() as connection:
        row = await _located(connection, visit, referral_id)
        await visit.note(connection, "read_referral", "referral", record_id=row.id, case_id=row.case_id)
        return await _one(connection, visit, row)


async def _located(connection: AsyncConnection, visit: Visit, referral_id: UUID) -> Found:
    row = await q.find(connection, visit.caller.acting, visit.now, referral_id)
    if row is None:
        raise Problem("not-found")
    return row


def _needs(rows: Any) -> list[NeedOut]:
    """By service, what its latest referral leaves: the rows come the latest first."""
    needs: list[NeedOut] = []
    for service in dict.fromkeys(row.service for row in rows):
        of_it = [row for row in rows if row.service == service]
        standing, met_by = _left(of_it)
        needs.append(
            NeedOut(service=service, label=_label(service), standing=standing, referrals=len(of_it), met_by=met_by)
        )
    return needs


def _left(rows: Sequence[Found]) -> tuple[str, UUID | None]:
    """What some referrals leave of what they were asked for, and which one met it: the latest that did."""
    met_by = next((row.id for row in rows if row.state == "closed" and row.outcome in MET), None)
    if any(row.state in LIVE for row in rows):
        return "open", met_by
    return ("met" if met_by else "unmet"), met_by


def _step(clock: Found, rows: Sequence[Found]) -> StepOut:
    standing, met_by = _left(rows) if rows else ("none", None)
    return StepOut(step=clock.subject, due_at=clock.due_at, status=clock.status, standing=standing, met_by=met_by)


def _delivered(row: Found) -> DeliveredOut:
    return DeliveredOut(
        referral=row.id,
        code=row.code,
        service=row.service,
        label=_label(row.service),
        step=row.step,
        receiver=unit_ref(row, row.receiver_id, "receiver"),
        outcome=row.outcome,
        confirmed_at=row.ended_at if row.state == "closed" else None,
    )


async def _one(connection: AsyncConnection, visit: Visit, row: Found) -> ReferralOut:
    """One referral, whole, as its reader may see it."""
    clocks = (await q.deadlines(connection, [row.id])).get(row.id, [])
    return await _shown(connection, visit, row, clocks, whole=True)


async def _shown(
    connection: AsyncConnection, visit: Visit, row: Found, clocks: Sequence[Found], *, whole: bool
) -> ReferralOut:
    """A referral as its reader may see it."""
    reads_case = bool(row.reads_case)
    names, words = sees(visit.caller.role, DataClass.P1), sees(visit.caller.role, DataClass.P2)
    if not reads_case:
        names = words = sight(visit, row) is Slice.SLICE
    deadlines = _deadlines(visit, clocks)
    running = [one.due_at for one in deadlines if one.status == "open"]
    request = await q.request_of(connection, row) if whole and words else None
    return ReferralOut(
        id=row.id,
        code=row.code,
        service=row.service,
        label=_label(row.service),
        emergency=SERVICES[row.service].emergency,
        state=row.state,
        state_label=Text(vi=STATES[row.state].vi, en=STATES[row.state].en),
        awaits=row.memory.get(Memory.AWAITED),
        extensions=int(row.memory.get(Memory.EXTENSIONS, "0")),
        receiver=unit_ref(row, row.receiver_id, "receiver"),
        rerouted_from=row.rerouted_from if reads_case else None,
        step=row.step if reads_case else None,
        created_at=row.created_at,
        sent_at=row.sent_at,
        accepted_at=row.accepted_at,
        appointment_at=row.appointment_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        decline_reason=row.decline_reason,
        consent_lost_at=row.consent_lost_at,
        sequence=row.sequence,
        windows=_windows(visit, row),
        minimum=MinimumOut(
            age_band=age_band(_age(visit, row)),
            sex=row.sex,
            commune=unit_ref(row, row.commune_id, "commune"),
            urgency=urgency(row.service, row.case_risk),
            warnings=list(row.warnings),
        ),
        slice=_slice(row, request, names=names) if names or words else None,
        case=CaseRefOut(id=row.case_id, code=row.case_code) if reads_case else None,
        due_at=min(running, default=None),
        late=any(due <= visit.now for due in running),
        deadlines=deadlines,
        allowed_actions=_allowed(visit, row, reads_case=reads_case) if whole else None,
    )


def _age(visit: Visit, row: Found) -> int | None:
    return row.age if row.age is not None else age_of(row.birth_date, row.estimated_age, local_date(visit.now))


def _slice(row: Found, request: str | None, *, names: bool) -> SliceOut:
    fields = CHILD_FIELDS[row.service] if names else ()
    return SliceOut(
        child={name: getattr(row, name) for name in fields}, request=request,
        office=unit_ref(row, row.commune_id, "commune"),
    )  # fmt: skip


def _windows(visit: Visit, row: Found) -> list[WindowOut]:
    """The windows from the event, counted down to now; none where nobody said when it happened."""
    said = visit.door.reference.protocol_at(visit.now).referrals
    if said is None or row.event_at is None:
        return []
    amounts = next((one.windows for one in said.services if one.code == row.service), ())
    found = []
    for amount in amounts:
        ends = row.event_at + (amount.elapsed or timedelta())
        left = max(0, int((ends - visit.now).total_seconds()) // 60)
        found.append(WindowOut(window=str(amount), ends_at=ends, minutes_left=left))
    return found


def _deadlines(visit: Visit, rows: Sequence[Found]) -> list[ReferralDeadlineOut]:
    """The clocks in the order they started; of those that started together, in the protocol's."""
    said = visit.door.reference.protocol_at(visit.now).referrals
    owed = {one.code: one.owed_by for one in said.clocks} if said is not None else {}
    order = {code: index for index, code in enumerate(owed)}
    clocks = [Clock.model_validate(row.clock) for row in rows]
    clocks.sort(key=lambda one: (one.started_at, order.get(one.code, len(order))))
    return [_deadline(one, owed.get(one.code)) for one in clocks]


def _deadline(clock: Clock, owed_by: str | None) -> ReferralDeadlineOut:
    name = term("referral_deadlines", clock.code)
    return ReferralDeadlineOut(
        code=clock.code,
        name=Text(vi=name.vi, en=name.en),
        mark=MARKS[clock.kind],
        status=clock.status,
        owed_by=owed_by,
        started_at=clock.started_at,
        due_at=clock.due_at,
        met_at=clock.met_at,
    )


def _allowed(visit: Visit, row: Found, *, reads_case: bool) -> list[AllowedAction]:
    acting, at = visit.caller.acting, visit.now
    facts = Facts(
        actor=Actor(person=str(acting.person_id), role=acting.role, unit=str(acting.unit_id)),
        in_reach=reads_case and (acting.role not in COMMUNE or acting.unit_id == row.commune_id),
        at_agency=acting.unit_id == row.receiver_id,
        is_sender=row.sent_by == acting.person_id or row.sent_unit_id == acting.unit_id,
        earliest=row.created_at,
        occurred_at=at,
        recorded_at=at,
        service=row.service,
    )
    standing = Standing(state=row.state, memory=row.memory)
    events = allowed_events(standing, facts) if row.state not in FINAL else ()
    return [
        AllowedAction(
            event=event,
            label=Text(vi=REFERRAL_INPUTS[event].VI, en=REFERRAL_INPUTS[event].EN),
            input=REFERRAL_INPUTS[event].model_json_schema(mode="validation"),
        )
        for event in events
        if event in allowed_in(standing)
    ]


def _label(service: str) -> Text:
    return Text(vi=SERVICES[service].label_vi, en=SERVICES[service].label_en)
