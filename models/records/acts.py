"""Carrying out one act on a case: everything that follows from the lifecycle's yes, in one transaction.

Intake, the commands of people and the acts of a clock all pass here, so that a case can move in one way only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access import COMMUNE
from models.calendar import local_date
from models.lifecycle.events import EVENTS
from models.lifecycle.facts import Actor, CaseFacts, ClockFact, ExceptionFact, Facts, ReportFact
from models.lifecycle.rules import ISOLATION_MAX_DAYS, ITEM_CLOCKS, NO_END
from models.lifecycle.states import ENDED
from models.lifecycle.types import Decision, Memory, Standing
from models.messages import ContentRef, OpenDeadline, Snapshot
from models.protocol import replan, with_changes
from models.protocol.arithmetic import end_of
from models.protocol.types import MARKS, CaseView, Changes, Clock, Happened, PlanStep, Values
from models.protocol.types import Report as ReportView
from models.protocol.types import Standing as Codes
from models.records.actor import SYSTEM_ROLE, Acting
from models.records.audit import audit, of_clock
from models.records.cases import CaseRow, Surroundings, offices_of, surroundings
from models.records.conflicts import (
    Judgement,
    Named,
    Suspected,
    alleged_of,
    compare,
    decide,
    described,
    keep_out,
    look,
    undecided,
)
from models.records.content import REPORTING, Said, StoredReport, plan_of
from models.records.deadlines import store_changes
from models.records.notices import tell
from models.records.people import OWNER, CasePlace, resolve
from models.records.reach import in_reach
from models.records.reference import Reference
from models.records.transfers import Destination
from models.records.vault import WITH_KEY, key_in, unseal
from models.tables import (
    BreakGlass,
    CaseEvent,
    CaseFile,
    CaseKey,
    CaseReport,
    Delegate,
    Document,
    Recusal,
    new_id,
    table,
)
from models.tables.cases import LIFECYCLE_COLUMNS
from models.vault import AlteredError
from models.writing import Write, change, put, write

_CASE, _REPORT_OF, _EVENT = table(CaseFile), table(CaseReport), table(CaseEvent)
_DOCUMENT, _RECUSAL, _DELEGATE, _CASE_KEY = table(Document), table(Recusal), table(Delegate), table(CaseKey)
_GLASS = table(BreakGlass)

_ACKNOWLEDGES = frozenset({"acknowledge", "acknowledge_report"})
_ON_THE_CASE = frozenset({"CPO", "SUP"})
"""Who may own a case: whoever works on it."""
_CLOSES = frozenset({"approve_closure", "confirm_not_substantiated", "confirm_redirect"})
_PROPOSES_CLOSURE = frozenset({"propose_closure", "propose_early_closure"})
_NEW_PLAN = frozenset({"continue_plan", "reopen"})
_ABOUT_CONFLICT = frozenset({"record_recusal", "clear_conflict"})

_FREEZE = Write(
    """
    UPDATE document d
       SET version = 1 + (SELECT coalesce(max(e.version), 0) FROM document e
                           WHERE e.case_id = d.case_id AND e.kind = d.kind),
           plan_version = r.plan_version, frozen_at = r.frozen_at, sequence = r.sequence
      FROM said, {rows} r WHERE d.id = r.id AND d.frozen_at IS NULL
    """,
    "document",
    ("id",),
)
_ACKNOWLEDGE = Write(
    """
    UPDATE case_report c SET acknowledged_at = r.acknowledged_at FROM said, {rows} r
     WHERE c.case_id = r.case_id AND c.report_id = r.report_id
       AND (c.acknowledged_at IS NULL OR c.acknowledged_at > r.acknowledged_at)
    """,
    "case_report",
    ("case_id", "report_id"),
)


@dataclass(frozen=True)
class Act:
    """One act, from whoever it comes.

    Attributes:
        event: its code.
        command_id: the command's id; a clock's act has one derived from its rung.
        actor: whose act it is; None for a clock.
        recorder: who typed it in, where that is somebody else.
        on_behalf_role: the role of whoever it is recorded for, where only that is known: informative, no authority.
        means: how they were told.
        said: what the act's documents say.
        refs: the documents, as the event's record names them.
        occurred_at: when it happened.
        recorded_at: when the service took it in.
        written_at: when it is really written down, where that is later than the caller waited for; clocks are judged
            by it.
        brings: the attached case whose arrival this act is.
        origin: a keyed hash of the address it came from.
        clock: the clock that makes it happen by itself.
    """

    event: str
    command_id: UUID
    actor: Acting | None
    said: Said
    occurred_at: datetime
    recorded_at: datetime
    refs: tuple[ContentRef, ...] = ()
    recorder: Acting | None = None
    on_behalf_role: str | None = None
    means: str | None = None
    written_at: datetime | None = None
    brings: UUID | None = None
    origin: str | None = None
    clock: Clock | None = None

    @property
    def written(self) -> datetime:
        """The instant at which the record really has it."""
        return self.written_at or self.recorded_at


@dataclass(frozen=True)
class SubmittedPlan:
    """The Mẫu 04 that waits for approval, as the record has it: content, its hash proven anew, who wrote it down."""

    content: Mapping[str, Any]
    hash: str
    authors: frozenset[str]


@dataclass(frozen=True)
class Matter:
    """An act on a case, with everything that was read to judge it, under the case's lock.

    Attributes:
        case: the case's row before the act.
        act: the act.
        around: the people around it.
        clocks: every clock of the case before the act.
        plan: the plan an approval is about.
        involved: person ids of those with a hand in the closure a review is about.
        judgement: of the conflict a clearing is about.
        destination: the unit the case is to go to.
    """

    case: CaseRow
    act: Act
    around: Surroundings
    clocks: Sequence[Clock]
    plan: SubmittedPlan | None = None
    involved: frozenset[str] = frozenset()
    judgement: Judgement = field(default_factory=Judgement)
    destination: Destination = field(default_factory=Destination)


def facts_of(matter: Matter) -> Facts:
    """Everything the lifecycle may ask about an act, as one object."""
    act, case, around, clocks = matter.act, matter.case, matter.around, matter.clocks
    said = act.said
    paused = _paused_clock(act, clocks)
    ground, ground_end = _ground(case, act)
    person = said.identifier("person_id")
    second = around.posts.get(said.second_approver) if said.second_approver else None
    report = said.report
    sender = act.recorder or act.actor
    items = said.items(act.command_id)
    return Facts(
        actor=actor_of(act.actor, around),
        recorded_by=actor_of(act.recorder, around) if act.recorder else None,
        means=act.means,
        in_reach=sender is None or in_reach(sender, act.event, case, around),
        recused=frozenset(map(str, around.recused)),
        receipt=case.receipt_at,
        occurred_at=act.occurred_at,
        recorded_at=act.recorded_at,
        documents=said.document_facts,
        given=said.given,
        authors=matter.plan.authors if matter.plan else matter.involved,
        owner=_text(said.identifier("owner_id")),
        owner_serves=_owner_serves(case, act, around),
        person_known=(person is None or person in (around.in_office if act.event == "name_delegate" else around.known))
        and around.known.issuperset(said.invited),
        target_case=_text(said.identifier("target_case")),
        match_confirmed=said.act("confirmed") is True,
        risk=said.risk,
        emergency_decision=said.emergency,
        trigger=said.trigger,
        closure_reason=said.closure_reason,
        end_ground=said.act("end_ground"),
        isolation_days=said.isolation_days(_isolation_began(case, clocks), act.occurred_at),
        isolation_until=said.isolation_until,
        ground=ground,
        ground_end=ground_end,
        ban_days=said.ban_days(act.occurred_at),
        ban_requester=said.ban_requester,
        approved_hash=said.act("content_hash"),
        submitted_hash=(matter.plan.hash if matter.plan else "") if act.event == "approve_plan" else None,
        spoken=said.spoken,
        destination_receipt=said.act("received_by") is not None,
        exception=ExceptionFact(approver=_actor_of_post(second.person_id, second.role, second.unit_id, around))
        if second
        else None,
        clock=paused,
        pause_days=said.act("working_days"),
        delegate=_text(person) if act.event == "name_delegate" else None,
        recused_person=_text(person) if act.event in _ABOUT_CONFLICT else None,
        item=said.item,
        assignees_serve=all(_works_on(one.assignee, around) for one in items if one.assignee),
        due_passed=any(one.due < local_date(act.occurred_at) for one in items),
        to_unit=_text(matter.destination.unit_id) or said.act("to_unit"),
        to_residence=said.act("transfer_to_residence") is True,
        to_unit_allowed=matter.destination.allowed,
        across=matter.destination.across,
        conflict_open=matter.judgement.open,
        judge_outside=matter.judgement.outside,
        report=ReportFact(receipt=report.received_at, flagged=report.flagged, trigger=report.trigger)
        if report
        else None,
        case=CaseFacts(
            id=str(case.id),
            risk=case.risk,
            flagged=case.flagged,
            live_referrals=around.live_referrals,
            live_proceedings=around.live_proceedings,
            not_prosecuted=around.not_prosecuted,
            open_deadlines=frozenset(clock.code for clock in clocks if clock.status in ("open", "paused")),
            open_items=_open_items(clocks),
            unit=_text(case.unit_id) or "",
            transfer_to=_text(case.transfer_to_id) or "",
            incident_unit=_text(case.incident_unit_id) or "",
            residence_unit=_text(case.residence_unit_id) or "",
            owner=_text(case.owner_id),
            recused_roles=around.recused_roles,
            delegates=frozenset(map(str, around.delegates)),
        ),
    )


@dataclass(frozen=True)
class Outcome:
    """What an accepted act did: the case's new row, its clocks, what changed in them, and who else must look.

    ``paced``: the risk that sets the pace of others changed, or the case began or ceased to set one.
    ``wake_referrals``: referrals that went to another case with this one, or came back with it.
    """

    case: CaseRow
    changes: Changes
    clocks: tuple[Clock, ...]
    wake: tuple[UUID, ...]
    paced: bool = False
    wake_referrals: tuple[UUID, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        """What the workflow must know now."""
        return snapshot_of(self.case, self.clocks)


async def carry_out(connection: AsyncConnection, reference: Reference, matter: Matter, decision: Decision) -> Outcome:
    """Write an accepted act: the case, its documents, its clocks, its event and its audit entry.

    Args:
        connection: the transaction that holds the case's row lock.
        reference: protocols, calendars, overrides.
        matter: the act and what was read to judge it.
        decision: the lifecycle's yes.
    """
    act, case, around, clocks = matter.act, matter.case, matter.around, matter.clocks
    after = _row_after(matter, decision)
    protocol = reference.protocol_at(act.recorded_at)
    after = replace(after, protocol_version=protocol.version)
    if act.event == "reopen" and act.said.identifier("owner_id") is None:
        after = replace(after, owner_id=await _on_duty(connection, after, act.written))
    report = _report_of(act, around)
    view = _view(after, case, around, act.written)
    said, suspected = await _look(connection, case, after, act)
    happened = [_happened(event, matter, report) for event in decision.events]
    happened += conflicts_found(suspected, act.occurred_at, act.written)
    changes = replan(
        clocks,
        happened,
        view,
        protocol,
        reference.calendar_at(act.recorded_at),
        overrides=reference.overrides,
        known=reference.known,
    )
    await _store_case(connection, after, act.recorded_at)
    await _store_people(connection, case, act)
    await keep_out(connection, case.id, said, suspected, act.recorded_at)
    await _store_report(connection, case, act, report)
    await freeze(connection, case, act, after.sequence)
    await store_changes(connection, case.id, changes, act.recorded_at)
    await record_event(connection, after, decision, act)
    await tell_lengthened(connection, after, changes, reference=act.command_id, at=act.recorded_at)
    paced = after.risk != case.risk or (after.process in ENDED) != (case.process in ENDED)
    return Outcome(after, changes, with_changes(clocks, changes), around.siblings if paced else (), paced)


async def _look(
    connection: AsyncConnection, case: CaseRow, after: CaseRow, act: Act
) -> tuple[list[Named], list[Suspected]]:
    """Whom the case must be kept from because of what the act says, who comes with it, or where the case now stands.

    Whoever it recuses is not suspected by the same act.
    """
    said = [one for document in act.said.documents for one in described(document.kind, document.content)]
    if act.brings:
        said += await alleged_of(connection, act.brings)
    if offices_of(after) != offices_of(case):
        said += await alleged_of(connection, case.id)
    return await look(connection, after, said, act.recorded_at)


def conflicts_found(suspected: Sequence[Suspected], occurred_at: datetime, recorded_at: datetime) -> list[Happened]:
    """What the deadline engine is told of people newly kept out: each waits for a decision."""
    return [
        Happened(
            event="find_conflict", occurred_at=occurred_at, recorded_at=recorded_at,
            values=Values(person=str(one.person_id)),
        )
        for one in suspected
    ]  # fmt: skip


async def tell_lengthened(
    connection: AsyncConnection, case: CaseRow, changes: Changes, *, reference: UUID, at: datetime
) -> None:
    """Tell the owner where a limit was put off: no clock is lengthened silently (lifecycle.md, ``update_risk``).

    Args:
        connection: the transaction in which it moved.
        case: whose clock.
        changes: what moved.
        reference: the act it came with.
        at: domain instant.
    """
    if any(move.lengthened for move in changes.moved):
        await tell(connection, place_of(case), "told", reference=reference, at=at, roles=[OWNER])


async def _on_duty(connection: AsyncConnection, case: CaseRow, at: datetime) -> UUID | None:
    """Who owns a reopened case where nobody was named: the CPO on duty where it was routed to, else nobody yet."""
    found = await resolve(connection, case=place_of(case), roles=["CPO"], at=at, clock_unit="H")
    return next((one.person_id for one in found.acting), None)


def place_of(case: CaseRow) -> CasePlace:
    """What telling people of a case needs of it."""
    return CasePlace(id=case.id, code=case.code, unit_id=case.unit_id, owner_id=case.owner_id, flagged=case.flagged)


async def meet_step(  # noqa: PLR0917 - one step, whole
    connection: AsyncConnection,
    reference: Reference,
    case: CaseRow,
    around: Surroundings,
    step: str,
    referral: UUID,
    at: datetime,
) -> bool:
    """Meet the clock of a step of the plan that a referral has done, its outcome being confirmed.

    Args:
        connection: the transaction of the confirmation, which holds the case's lock.
        reference: protocols, calendars, overrides.
        case: the locked case.
        around: the people around it, and its clocks.
        step: key of the step.
        referral: which one did it.
        at: domain instant.

    Returns:
        Whether a clock ran for the step: the case's workflow is then behind.
    """
    changes = replan(
        around.clocks,
        [Happened(event="record_step", occurred_at=at, recorded_at=at, values=Values(step=step))],
        view_of(case, around, at),
        reference.protocol_at(at),
        reference.calendar_at(at),
        overrides=reference.overrides,
        known=reference.known,
    )
    if not changes.touched:
        return False
    await store_changes(connection, case.id, changes, at)
    await audit(
        connection,
        at=at,
        actor=None,
        action="step_served",
        record="case",
        record_id=case.id,
        case_id=case.id,
        outcome="done",
        chained=True,
        detail={"step": step, "referral": str(referral)},
    )
    return True


async def keep_pace(
    connection: AsyncConnection, reference: Reference, case: CaseRow, at: datetime
) -> tuple[Clock, ...]:
    """Give a case's clocks the terms it now has by its household: the highest risk in it sets the pace.

    What happened beside the case's own acts gets its clock here: somebody declared a relative or took office and may be
    in conflict with the case, or looked into it in an emergency, and that was reviewed.

    Args:
        connection: a transaction that holds the case's row lock.
        reference: protocols, calendars, overrides.
        case: the locked case.
        at: domain instant.

    Returns:
        Every clock of the case.
    """
    around = await surroundings(connection, case, positions=[], persons=[], at=at)
    clocks = around.clocks
    beside = await _beside(connection, case.id, clocks, at) if case.process not in ENDED else []
    if not beside and not any(clock.running for clock in clocks):
        return clocks
    paced = [Happened(event="update_household_risk", occurred_at=at, recorded_at=at), *beside]
    changes = replan(
        clocks,
        paced,
        view_of(case, around, at),
        reference.protocol_at(at),
        reference.calendar_at(at),
        overrides=reference.overrides,
        known=reference.known,
    )
    if changes.touched:
        await store_changes(connection, case.id, changes, at)
        await audit(
            connection,
            at=at,
            actor=None,
            action="update_household_risk",
            record="case",
            record_id=case.id,
            case_id=case.id,
            outcome="done",
            chained=True,
            detail={
                "moved": [
                    {"deadline": str(move.after.id), "code": move.after.code, "why": move.why,
                     "from": move.before.due_at.isoformat(), "to": move.after.due_at.isoformat()}
                    for move in changes.moved
                ]
            },
        )  # fmt: skip
        await tell_lengthened(connection, case, changes, reference=uuid5(case.id, f"pace/{at.isoformat()}"), at=at)
    return with_changes(clocks, changes)


async def _beside(connection: AsyncConnection, case_id: UUID, clocks: Sequence[Clock], at: datetime) -> list[Happened]:
    """What the clocks have not heard of yet."""
    running = {(clock.code, clock.subject) for clock in clocks if clock.running}
    waiting = [
        Suspected(person, None, None, 0, ())
        for person in await undecided(connection, case_id)
        if ("conflict_decision", str(person)) not in running
    ]
    happened = conflicts_found(waiting, at, at)
    known = {clock.subject for clock in clocks if clock.code == "break_glass_review"}
    grants = await connection.execute(
        select(_GLASS.c.id, _GLASS.c.confirmed_at, _GLASS.c.reviewed_at)
        .where(_GLASS.c.case_id == case_id, _GLASS.c.confirmed_at.is_not(None))
        .order_by(_GLASS.c.confirmed_at, _GLASS.c.id)
    )
    for grant in grants:
        subject = Values(grant=str(grant.id))
        if str(grant.id) not in known:
            happened.append(_aside("break_glass", grant.confirmed_at, at, subject))
        if grant.reviewed_at and (str(grant.id) not in known or ("break_glass_review", str(grant.id)) in running):
            happened.append(_aside("review_break_glass", grant.reviewed_at, at, subject))
    return happened


def _aside(event: str, occurred_at: datetime, at: datetime, values: Values) -> Happened:
    return Happened(event=event, occurred_at=occurred_at, recorded_at=at, values=values)


def snapshot_of(case: CaseRow, clocks: Sequence[Clock]) -> Snapshot:
    """What the workflow of a case must know, from its row and all its clocks; see ``deadlines.snapshot``."""
    pending = []
    for clock in clocks:
        rung = min(clock.pending, key=lambda each: (each.due_at, each.ordinal), default=None)
        if rung is not None:
            pending.append(OpenDeadline(id=clock.id, code=clock.code, ordinal=rung.ordinal, at=rung.due_at))
    running = any(clock.status in ("open", "paused") for clock in clocks)
    return Snapshot(
        case_id=case.id,
        sequence=case.sequence,
        deadlines=tuple(sorted(pending, key=lambda due: due.id)),
        ended=case.process in ENDED and not running,
    )


async def record_event(connection: AsyncConnection, after: CaseRow, decision: Decision, act: Act) -> None:
    """Append the event and its audit entry."""
    actor = act.actor
    by_clock = of_clock(act.clock) if act.clock is not None else {}
    await put(
        connection,
        _EVENT,
        id=new_id(),
        case_id=after.id,
        sequence=after.sequence,
        command_id=act.command_id,
        event=act.event,
        implied=list(decision.events[1:]),
        before=decision.before.codes if decision.before else {},
        after=decision.after.codes,
        actor_id=(act.recorder or actor).person_id if actor else None,
        position_id=(act.recorder or actor).position_id if actor else None,
        role=(act.recorder or actor).role if actor else SYSTEM_ROLE,
        on_behalf_person=actor.person_id if actor and act.recorder else None,
        on_behalf_role=actor.role if actor and act.recorder else act.on_behalf_role,
        means=act.means,
        occurred_at=act.occurred_at,
        recorded_at=act.recorded_at,
        documents=[{"id": str(ref.id), "kind": ref.kind, "hash": ref.hash} for ref in act.refs],
        facts=_codes_of(act),
        protocol_version=after.protocol_version,
    )
    await audit(
        connection,
        at=act.recorded_at,
        actor=act.recorder or actor,
        action=act.event,
        record="case",
        record_id=after.id,
        case_id=after.id,
        command_id=act.command_id,
        outcome="done",
        detail={"sequence": after.sequence, "occurred_at": act.occurred_at.isoformat(), **by_clock},
        origin=act.origin,
        chained=True,
    )


async def freeze(connection: AsyncConnection, case: CaseRow, act: Act, sequence: int) -> None:
    """Make the act's documents part of the record: each gets the next version of its kind, and never changes again."""
    frozen = {"plan_version": case.plan_version, "frozen_at": act.recorded_at, "sequence": sequence}
    await write(connection, _FREEZE, [{"id": ref.id, **frozen} for ref in act.refs])


def actor_of(acting: Acting | None, around: Surroundings) -> Actor:
    """Somebody in a position as the lifecycle takes them; None is the clock."""
    if acting is None:
        return Actor(person="", role=SYSTEM_ROLE)
    return _actor_of_post(acting.person_id, acting.role, acting.unit_id, around)


def _actor_of_post(person: UUID, role: str, unit: UUID, around: Surroundings) -> Actor:
    return Actor(
        person=str(person),
        role=role,
        unit=str(unit),
        deputises=around.deputises.get(person, frozenset()),
        stands_in=frozenset(map(str, around.stands_in.get(person, ()))),
        is_delegate=person in around.delegates,
    )


def _paused_clock(act: Act, clocks: Sequence[Clock]) -> ClockFact | None:
    wanted = act.said.identifier("deadline_id")
    clock = next((clock for clock in clocks if clock.id == wanted and clock.status == "open"), None)
    if clock is None:
        return None
    overdue = clock.due_at <= act.written
    return ClockFact(code=clock.code, mark=MARKS[clock.kind], paused_days=clock.paused_days, overdue=overdue)


def _open_items(clocks: Sequence[Clock]) -> dict[str, frozenset[str]]:
    """Ids of the tasks, conferences and flags that are open, by the code of their clock."""
    open_ = [clock for clock in clocks if clock.status in ("open", "paused")]
    return {
        code: frozenset(one.subject for one in open_ if one.code == code and one.subject)
        for code in ITEM_CLOCKS.values()
    }


def _works_on(person: UUID, around: Surroundings) -> bool:
    """Whether somebody is of the case team where the act is done, and need not keep out of the case."""
    return bool(around.serving.get(person, frozenset()) & COMMUNE) and person not in around.recused


def _owner_serves(case: CaseRow, act: Act, around: Surroundings) -> bool:
    """The owner named is or deputises CPO or SUP at an office of the case; where it has none, holds a position.

    Of a case that is taken over, at the office that takes it.
    """
    owner = act.said.identifier("owner_id")
    if owner is None:
        return True
    if act.event == "accept_transfer":
        there = case.transfer_to_id in around.stands_in.get(owner, ())
        deputised = around.deputises.get(owner, frozenset()) if there else frozenset()
        return bool((around.serving.get(owner, frozenset()) | deputised) & _ON_THE_CASE)
    if not {*offices_of(case), *places_of(act.said.report)}:
        return owner in around.in_office
    # A commune that was asked has no say before it has agreed, nor has whoever stands in for its people.
    stands_in = around.stands_in.get(owner, frozenset()) - {case.transfer_to_id}
    deputised = around.deputises.get(owner, frozenset()) if stands_in else frozenset()
    return bool((around.serving.get(owner, frozenset()) | deputised) & _ON_THE_CASE)


def places_of(report: StoredReport | None) -> tuple[UUID, ...]:
    """The communes a report names, which a case it reopens goes to."""
    return tuple(unit for unit in (report.incident_unit_id, report.residence_unit_id) if unit) if report else ()


def _ground(case: CaseRow, act: Act) -> tuple[bool, date | None]:
    """Whether the act brings a ground for isolating longer, and its last day; one within the 15 days is none."""
    end = act.said.ground_end
    began = datetime.fromisoformat(case.memory.get(Memory.ISOLATED_SINCE) or act.occurred_at.isoformat())
    longer = end is None or end > local_date(began) + timedelta(days=ISOLATION_MAX_DAYS)
    return (True, end) if act.said.ground and longer else (False, None)


def _isolation_began(case: CaseRow, clocks: Sequence[Clock]) -> datetime | None:
    if (since := case.memory.get(Memory.ISOLATED_SINCE)) is not None:
        return datetime.fromisoformat(since)
    running = [clock for clock in clocks if clock.code == "isolation_max" and clock.status in ("open", "paused")]
    return min((clock.started_at for clock in running), default=None)


def _row_after(matter: Matter, decision: Decision) -> CaseRow:
    """The case's row after an accepted act. Columns not named here stay as they are."""
    case, act = matter.case, matter.act
    said, event, standing = act.said, act.event, decision.after
    after = replace(
        case,
        process=standing.process,
        protection=standing.protection,
        ban=standing.ban,
        custody=standing.custody,
        memory=dict(standing.memory),
        sequence=case.sequence + 1,
        flagged=case.flagged or "raise_emergency" in decision.events or _brings_emergency(standing, act),
        risk=_risk_after(case, decision, said),
        plan_version=case.plan_version + (1 if event in _NEW_PLAN else 0),
    )
    if (owner := said.identifier("owner_id")) is not None and event != "attach":
        after = replace(after, owner_id=owner)
    if event == "record_recusal" and said.identifier("person_id") == case.owner_id:
        after = replace(after, owner_id=None)
    if event in _PROPOSES_CLOSURE:
        after = replace(after, closure_reason=said.closure_reason)
    if event == "return_closure":
        after = replace(after, closure_reason=None)
    if event in _CLOSES:
        reason = case.closure_reason if event == "approve_closure" else standing.process
        after = replace(after, closed_at=act.occurred_at, closure_reason=reason)
    after = _held_after(after, matter, decision)
    if event == "reopen" and said.report is not None:
        unit = said.report.incident_unit_id or said.report.residence_unit_id or case.unit_id
        after = replace(
            after,
            receipt_at=said.report.received_at,
            unit_id=unit,
            former_unit_id=case.unit_id if unit != case.unit_id else case.former_unit_id,
            incident_unit_id=said.report.incident_unit_id or case.incident_unit_id,
            residence_unit_id=said.report.residence_unit_id or case.residence_unit_id,
            flagged=_brings_emergency(standing, act),
        )
    return after


def _held_after(case: CaseRow, matter: Matter, decision: Decision) -> CaseRow:
    """Who holds the case and who is asked to: the sender until another has it (lifecycle.md, custody)."""
    to_unit = matter.destination.unit_id
    if "propose_transfer" in decision.events:
        return replace(case, transfer_to_id=to_unit)
    if decision.events[0] == "accept_transfer":
        case = replace(case, unit_id=case.transfer_to_id)
    elif decision.events[0] == "assign_transfer" and to_unit != case.unit_id:
        # Whoever owned it works elsewhere; until somebody is named, it is the officer's on duty.
        case = replace(case, unit_id=to_unit, owner_id=None)
    return case if case.custody == "transfer_pending" else replace(case, transfer_to_id=None)


def _brings_emergency(after: Standing, act: Act) -> bool:
    """A report that was flagged, or an attached case in whose emergency nothing has to be raised anew."""
    flagged = act.event in REPORTING and act.said.report is not None and act.said.report.flagged
    return flagged or after.protection == "emergency"


def _risk_after(case: CaseRow, decision: Decision, said: Said) -> str | None:
    if decision.events[0] in ("complete_initial_assessment", "update_risk") and said.risk is not None:
        return said.risk
    return case.risk


def _report_of(act: Act, around: Surroundings) -> ReportView | None:
    """The report an event is about: the one it brings, or the oldest that nobody has acknowledged yet."""
    brought: StoredReport | None = act.said.report
    if brought is not None:
        return ReportView(id=brought.id, received_at=brought.received_at, flagged=brought.flagged)
    if act.event == "send_written_report":
        return None  # the clocks know which report still waits for one: the earliest open
    waiting = next((report for report in around.reports if report[3] is None), None)
    first = waiting or (around.reports[0] if around.reports else None)
    if first is None:
        return None
    return ReportView(id=first[0], received_at=first[1], flagged=first[2])


def _view(after: CaseRow, before: CaseRow, around: Surroundings, at: datetime) -> CaseView:
    risks = [risk for risk in (after.risk if after.process not in ENDED else None, around.siblings_risk) if risk]
    return CaseView(
        id=after.id,
        standing=view_codes(after.standing),
        before=view_codes(before.standing),
        receipt=after.receipt_at,
        unit=around.unit_code,
        risk=after.risk,
        household_risk=max(risks, default=None),
        flagged=after.flagged,
        has_owner=after.owner_id is not None,
        ground_end=_ground_in_force(after, at),
        closed_at=after.closed_at,
        closure_reason=after.closure_reason,
    )


def view_of(case: CaseRow, around: Surroundings, at: datetime) -> CaseView:
    """A case as it stands at an instant, with nothing having happened, as the deadline engine takes it."""
    return _view(case, case, around, at)


def _ground_in_force(case: CaseRow, at: datetime) -> date | None:
    kept = case.memory.get(Memory.GROUND_END, NO_END)
    end = None if kept == NO_END else date.fromisoformat(kept)
    return end if end is not None and end_of(end) > at else None


def view_codes(standing: Standing) -> Codes:
    """The four codes of a standing, as the deadline engine takes them."""
    return Codes(process=standing.process, protection=standing.protection, ban=standing.ban, custody=standing.custody)


def _happened(event: str, matter: Matter, report: ReportView | None) -> Happened:
    act, around = matter.act, matter.around
    said = act.said
    person = said.identifier("person_id") if event in _ABOUT_CONFLICT else None
    steps, review_on = plan_of(matter.plan.content) if matter.plan is not None else ((), None)
    return Happened(
        event=event,
        occurred_at=act.occurred_at,
        recorded_at=act.written,
        role=_counts_as(act, around),
        report=report,
        values=Values(
            emergency=said.emergency,
            steps=steps or tuple(PlanStep(key=str(one.id), due=one.due) for one in said.items(act.command_id)),
            review_on=review_on,
            step=said.step or said.item,
            ground=_ground(matter.case, act)[0],
            spoken=said.spoken,
            order=str(act.command_id) if said.spoken else said.act("order"),
            clock_id=said.identifier("deadline_id"),
            pause_days=said.act("working_days"),
            recused=_decider_recused(act, around) if event == "record_recusal" else said.act("for_role"),
            person=_text(person),
        ),
    )


_DECIDERS = frozenset({"CHAIR", "VCH", "SUP"})


def _decider_recused(act: Act, around: Surroundings) -> str | None:
    """The role whose place a delegate must take; None where the person recused decides nothing here.

    The CPO decides nothing, but where one who decides is recused too, a second delegate keeps author and approver
    apart.
    """
    person = act.said.identifier("person_id")
    post = around.posts.get(person) if person else None
    if post is None or post.role in _DECIDERS:
        return post.role if post else None
    return "CPO" if post.role == "CPO" and around.recused_roles & _DECIDERS else None


def _counts_as(act: Act, around: Surroundings) -> str | None:
    """The role an act counts as for the clocks: a deputy's or delegate's act counts as that of whom they stand for."""
    if act.actor is None:
        return SYSTEM_ROLE
    spec = EVENTS.get(act.event)
    deputised = around.deputises.get(act.actor.person_id, frozenset())
    if spec is not None and act.actor.role not in spec.roles:
        stands_for = sorted(deputised & spec.roles)
        return stands_for[0] if stands_for else act.actor.role
    return act.actor.role


async def submitted_plan(connection: AsyncConnection, case: CaseRow) -> SubmittedPlan | None:
    """The Mẫu 04 that was submitted, by the hash the chart remembers; None where the record has no such plan."""
    rows = (
        await connection.execute(
            select(_DOCUMENT.c.id, _DOCUMENT.c.sealed, _DOCUMENT.c.content_hash, _DOCUMENT.c.author_id, *WITH_KEY)
            .join(_CASE_KEY, _CASE_KEY.c.case_id == _DOCUMENT.c.case_id)
            .where(
                _DOCUMENT.c.case_id == case.id,
                _DOCUMENT.c.kind == "M04",
                _DOCUMENT.c.content_hash == case.memory.get("plan_hash"),
                _DOCUMENT.c.frozen_at.is_not(None),
            )
            .order_by(_DOCUMENT.c.version.desc())
        )
    ).all()
    if not rows:
        return None
    plan = rows[0]
    try:
        content = unseal(await key_in(connection, case.id, plan), _DOCUMENT, plan.id, plan.sealed, plan.content_hash)
    except AlteredError:
        return None
    return SubmittedPlan(content, plan.content_hash, frozenset(str(row.author_id) for row in rows))


async def had_a_hand_in_closing(connection: AsyncConnection, case: CaseRow) -> frozenset[str]:
    """Person ids of whoever owned the case at some time, or proposed or approved a closure, or typed that in."""
    owned = _EVENT.c.facts["owner_id"].astext
    rows = await connection.execute(
        select(_EVENT.c.event, _EVENT.c.actor_id, _EVENT.c.on_behalf_person, owned.label("owned")).where(
            _EVENT.c.case_id == case.id,
            or_(_EVENT.c.event.in_(sorted(_PROPOSES_CLOSURE | {"approve_closure"})), owned.is_not(None)),
        )
    )
    people: set[str | None] = set()
    for row in rows:
        people.add(row.owned)
        if row.owned is None:
            people |= {_text(row.actor_id), _text(row.on_behalf_person)}
    return frozenset(person for person in people if person is not None)


async def _store_case(connection: AsyncConnection, after: CaseRow, at: datetime) -> None:
    row = {name: getattr(after, name) for name in LIFECYCLE_COLUMNS if name not in ("workflow_seen_at", "updated_at")}
    await change(connection, _CASE, [{"id": after.id, **row, "updated_at": at}])


async def _store_people(connection: AsyncConnection, case: CaseRow, act: Act) -> None:
    person = act.said.identifier("person_id")
    if act.event == "record_recusal" and person is not None:
        await connection.execute(
            insert(_RECUSAL).values(
                id=new_id(),
                case_id=case.id,
                person_id=person,
                reason=act.said.act("ground") or "unspecified",
                since=act.recorded_at,
            )
        )
        # Whoever is recused decides nothing here, from now on.
        await connection.execute(
            update(_DELEGATE)
            .where(_DELEGATE.c.case_id == case.id, _DELEGATE.c.person_id == person, _DELEGATE.c.until.is_(None))
            .values(until=act.recorded_at)
        )
    if act.event in _ABOUT_CONFLICT and person is not None:
        await decide(
            connection,
            case.id,
            person,
            confirmed=act.event == "record_recusal",
            actor=act.actor,
            command_id=act.command_id,
            at=act.recorded_at,
        )
    if act.event == "name_delegate" and person is not None:
        await connection.execute(
            insert(_DELEGATE).values(id=new_id(), case_id=case.id, person_id=person, since=act.recorded_at)
        )
        # Named from anywhere, so nobody has compared them yet. Kept out, they are no decider in force.
        await compare(connection, case.id, person, act.recorded_at)


async def _store_report(connection: AsyncConnection, case: CaseRow, act: Act, report: ReportView | None) -> None:
    if act.brings:
        return  # with the other reports of the attached case
    if act.event in REPORTING and act.said.report is not None:
        await put(
            connection,
            _REPORT_OF,
            id=new_id(),
            case_id=case.id,
            report_id=act.said.report.id,
            how="further" if act.event == "add_report" else "reopening",
            received_at=act.said.report.received_at,
            flagged=act.said.report.flagged,
            acknowledged_at=act.occurred_at if _acknowledges_own(act) else None,
        )
    elif act.event in _ACKNOWLEDGES and report is not None:
        acknowledged = {"case_id": case.id, "report_id": report.id, "acknowledged_at": act.occurred_at}
        await write(connection, _ACKNOWLEDGE, [acknowledged])


def _acknowledges_own(act: Act) -> bool:
    """Reopening counts as acknowledging, unless it is the hotline that reopens (lifecycle.md)."""
    return act.event == "reopen" and act.actor is not None and act.actor.role in ("CPO", "SUP", "DOHD")


def _codes_of(act: Act) -> dict[str, Any]:
    """What the event's record keeps of what was said: codes and ids, so that a timeline can tell without content."""
    said = act.said
    values = {
        "risk": said.risk,
        "emergency": said.emergency,
        "trigger": said.trigger,
        "closure_reason": said.closure_reason if act.event in _PROPOSES_CLOSURE else None,
        "owner_id": _text(said.identifier("owner_id")),
        "target_case": _text(said.identifier("target_case")),
        "deadline_id": _text(said.identifier("deadline_id")),
        "working_days": said.act("working_days"),
        "person_id": _text(said.identifier("person_id")),
        "report_id": _text(said.report.id) if said.report else None,
        "to_unit": said.act("to_unit"),
        "step": said.step,
        "spoken": said.spoken or None,
        "item_id": said.item,
        "invited": [str(one) for one in said.invited] or None,
        "flag": said.flag_code,
        "items": [
            {"id": str(one.id), "due": one.due.isoformat(), "assignee_id": _text(one.assignee)}
            for one in said.items(act.command_id)
        ]
        or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
