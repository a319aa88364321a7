"""The rows of referrals, and carrying out one act on one: everything that follows from the lifecycle's yes.

Commands of people, the acts of a clock and what is passed on by itself all pass here, so that a referral can move in
one way only. As for a case: one transaction, under the case's lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.facts import Actor
from models.lifecycle.referral import FINAL, LIVE, SERVICES, Decision, Memory, Standing, is_emergency
from models.lifecycle.referral.facts import ConsentFact, Facts
from models.lifecycle.referral.services import providers_of
from models.lifecycle.states import LIVE as CASE_LIVE
from models.messages import Snapshot
from models.protocol import replan, with_changes
from models.protocol.rules import Protocol
from models.protocol.types import CaseView, Changes, Clock, Happened, Values
from models.protocol.types import Standing as Codes
from models.records.actor import SYSTEM_ROLE, Acting
from models.records.acts import Act, actor_of, freeze
from models.records.audit import audit, of_clock
from models.records.cases import CaseRow, Surroundings, lock_cases
from models.records.consents import known, put_ground
from models.records.deadlines import referral_snapshot, store_changes
from models.records.reach import in_reach
from models.records.reference import Reference
from models.records.routing import provides
from models.records.webhooks import announce
from models.tables import Consent, Referral, ReferralEvent, new_id, table
from models.tables.referrals import REFERRAL_LIFECYCLE_COLUMNS
from models.writing import change, put

_REFERRAL, _EVENT, _CONSENT = table(Referral), table(ReferralEvent), table(Consent)


@dataclass(frozen=True)
class ReferralRow:
    """One row of ``referral``, as read under its case's lock."""

    id: UUID
    code: str
    case_id: UUID
    service: str
    need: str
    step: str | None
    rerouted_from: UUID | None
    created_at: datetime
    event_at: datetime | None
    warnings: list[str]
    came_through: list[str]
    receiver_id: UUID | None
    state: str
    memory: dict[str, Any]
    sequence: int
    sent_by: UUID | None
    sent_unit_id: UUID | None
    sent_at: datetime | None
    accepted_at: datetime | None
    appointment_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    decline_reason: str | None
    consent_lost_at: datetime | None
    protocol_version: str

    @property
    def standing(self) -> Standing:
        """Where the referral stands, with the chart's memory."""
        return Standing(state=self.state, memory=self.memory)


_COLUMNS = tuple(_REFERRAL.c[name] for name in ReferralRow.__dataclass_fields__)


async def read_referral(connection: AsyncConnection, referral_id: UUID) -> ReferralRow | None:
    """A referral's row; its case's lock is what keeps it as it is."""
    row = (await connection.execute(select(*_COLUMNS).where(_REFERRAL.c.id == referral_id))).one_or_none()
    return None if row is None else ReferralRow(*row)


async def read_where_it_is(
    connection: AsyncConnection, case: CaseRow, referral_id: UUID
) -> tuple[CaseRow, ReferralRow | None]:
    """A referral of a locked case, or of the case it has gone to since, which is then locked too.

    Whoever knows of a referral may know it of the case it was at: one that was attached to another, or detached, since.

    Args:
        connection: a transaction of the worker that holds the case's lock.
        case: where the referral is, or was.
        referral_id: which.

    Returns:
        The case it is at, and its row; the case given, and None, where there is none of that id.
    """
    at, found = case, await read_referral(connection, referral_id)
    while found is None:
        gone = (await connection.execute(select(func.annhi_case_of_referral(referral_id)))).scalar_one()
        if gone is None or gone == at.id:
            return case, None
        at = (await lock_cases(connection, [gone]))[gone]
        found = await read_referral(connection, referral_id)
    return at, found


async def referrals_of(connection: AsyncConnection, case_id: UUID, service: str | None = None) -> list[ReferralRow]:
    """Every referral of a case, of one service if given, the oldest first."""
    statement = select(*_COLUMNS).where(_REFERRAL.c.case_id == case_id).order_by(_REFERRAL.c.created_at, _REFERRAL.c.id)
    if service is not None:
        statement = statement.where(_REFERRAL.c.service == service)
    return [ReferralRow(*row) for row in await connection.execute(statement)]


@dataclass(frozen=True)
class ReferralMatter:
    """An act on a referral, with everything that was read to judge it, under the case's lock.

    Attributes:
        case: the case's row.
        referral: the referral's row before the act, None where the act makes it.
        id: the referral's id.
        act: the act.
        around: the people around it.
        clocks: every clock of the referral before the act.
        agency: the role for which somebody records an answer of an agency that has nobody in the system.
        rerouted_from: the referral whose need this one takes up.
        receiver: where it is to go, where the act says so; else where it is.
    """

    case: CaseRow
    referral: ReferralRow | None
    id: UUID
    act: Act
    around: Surroundings
    clocks: Sequence[Clock] = ()
    agency: str | None = None
    rerouted_from: ReferralRow | None = None
    receiver: UUID | None = None

    @property
    def service(self) -> str:
        """The service asked for."""
        if self.referral is not None:
            return self.referral.service
        if self.rerouted_from is not None:
            return self.rerouted_from.service
        return str(self.act.said.act("service") or "")

    @property
    def came_through(self) -> tuple[UUID, ...]:
        """The cases the referral, or the one whose need it takes up, came from."""
        one = self.referral or self.rerouted_from
        return tuple(UUID(each) for each in one.came_through) if one else ()

    @property
    def to(self) -> UUID | None:
        """The unit the referral is at, or is to go to."""
        return self.receiver or (self.referral.receiver_id if self.referral else None)


async def facts_of(connection: AsyncConnection, matter: ReferralMatter) -> Facts:
    """Everything the lifecycle of a referral may ask about an act, as one object."""
    act, case, around, referral = matter.act, matter.case, matter.around, matter.referral
    said, service = act.said, matter.service
    sends = act.event in ("send", "reroute")
    asks = sends or act.event in ("lose_consent", "regain_consent")
    at_agency = matter.agency is not None or (act.actor is not None and act.actor.unit_id == matter.to)
    who = act.actor or act.recorder
    return Facts(
        actor=_actor(matter),
        recorded_by=actor_of(act.recorder, around) if act.recorder else None,
        means=act.means,
        in_reach=who is None or _placed(who, matter),
        at_agency=at_agency and matter.to is not None,
        recorder_placed=act.recorder is None or act.recorder.unit_id == matter.to or _placed(act.recorder, matter),
        is_sender=act.actor is not None
        and referral is not None
        and (referral.sent_by == act.actor.person_id or referral.sent_unit_id == act.actor.unit_id),
        recused=frozenset(map(str, around.recused)),
        earliest=_earliest(matter),
        occurred_at=act.occurred_at,
        recorded_at=act.recorded_at,
        given=said.given,
        service=service or None,
        receiver=str(matter.to) if matter.to else None,
        receiver_provides=not sends
        or matter.to is None
        or service not in SERVICES
        or await provides(connection, matter.to, service, act.recorded_at),
        case_at_work=case.process in CASE_LIVE,
        consent=await _consent(connection, matter, act.written) if asks and service in SERVICES else ConsentFact(),
        consent_lost=referral is not None and referral.consent_lost_at is not None,
        authors=_authors(matter.rerouted_from),
        decline_reason=said.act("decline_reason"),
        outcome=said.act("outcome"),
        order_awaited=said.act("order_awaited"),
    )


def _actor(matter: ReferralMatter) -> Actor:
    if matter.agency is not None:
        return Actor(person="", role=matter.agency, unit=str(matter.to or ""))
    return actor_of(matter.act.actor, matter.around)


def _placed(who: Acting, matter: ReferralMatter) -> bool:
    """Whether somebody stands where the case is worked on; an emergency service is asked by whoever may report."""
    event = matter.act.event
    first = event in ("ask_service", "send") and is_emergency(matter.service)
    return in_reach(who, "add_report" if first else event, matter.case, matter.around)


def _earliest(matter: ReferralMatter) -> datetime:
    referral = matter.referral
    if referral is None:
        return matter.case.receipt_at
    return referral.sent_at or referral.created_at


def _authors(referral: ReferralRow | None) -> frozenset[str]:
    return frozenset(referral.memory.get(Memory.AUTHOR, "").split()) if referral else frozenset()


async def _consent(connection: AsyncConnection, matter: ReferralMatter, at: datetime) -> ConsentFact:
    """What was agreed to: passing on what this service needs, with no refusal of the service itself.

    Of a referral that came from another case of the child, what was said there counts as well.
    """
    case, need = matter.case, SERVICES[matter.service].need
    record = await known(connection, case.id, at, also=matter.came_through)
    sharing, itself = record.allows("SHARING", need, at), record.allows("SERVICE", need, at)
    heads: frozenset[str] = frozenset()
    if overrides := sharing.overrides_refusal or itself.overrides_refusal:
        by = [UUID(entry) for entry in (*sharing.by, *itself.by)]
        rows = await connection.execute(
            select(_CONSENT.c.decided_by).where(_CONSENT.c.id.in_(by), _CONSENT.c.answer == "ground")
        )
        heads = frozenset(str(one) for one in rows.scalars() if one is not None)
    return ConsentFact(
        allowed=sharing.allowed and itself.why != "refused", overrides_refusal=overrides, decided_by=heads
    )


@dataclass(frozen=True)
class ReferralOutcome:
    """What an accepted act did: the referral's new row, its clocks, and what changed in them."""

    referral: ReferralRow
    changes: Changes
    clocks: tuple[Clock, ...]

    @property
    def snapshot(self) -> Snapshot:
        """What the referral's workflow must know now."""
        return snapshot_of(self.referral, self.clocks)


def snapshot_of(referral: ReferralRow, clocks: Sequence[Clock]) -> Snapshot:
    """What a referral's workflow must know, from its row and all its clocks."""
    final = referral.state in FINAL
    return referral_snapshot(referral.case_id, referral.id, referral.sequence, clocks, final=final)


async def carry_out(
    connection: AsyncConnection, reference: Reference, matter: ReferralMatter, decision: Decision, facts: Facts
) -> ReferralOutcome:
    """Write an accepted act: the referral, its documents, its clocks, its event and its audit entry.

    Args:
        connection: the transaction that holds the case's row lock.
        reference: protocols, calendars.
        matter: the act and what was read to judge it.
        decision: the lifecycle's yes.
        facts: what it was judged by.
    """
    act, case = matter.act, matter.case
    protocol = reference.protocol_at(act.recorded_at)
    after = replace(_row_after(matter, decision), protocol_version=protocol.version)
    happened = [_happened(event, matter, after, facts) for event in decision.events]
    clocks = matter.clocks
    changes = replan_referral(
        reference, after, case, matter.around, clocks=clocks, happened=happened, at=act.recorded_at
    )
    await _store(connection, matter, after)
    await freeze(connection, case, act, case.sequence)
    await store_changes(connection, case.id, changes, act.recorded_at, referral_id=after.id)
    await _record_event(connection, matter, after, decision)
    if act.event == "record_ground":
        said = act.said
        await put_ground(
            connection, case.id, after.need, act, ground=str(said.act("ground")), note=str(said.act("reason"))
        )
    await announce(connection, after, decision.events[-1], occurred_at=act.occurred_at, at=act.recorded_at)
    return ReferralOutcome(after, changes, with_changes(clocks, changes))


def replan_referral(
    reference: Reference,
    referral: ReferralRow,
    case: CaseRow,
    around: Surroundings,
    *,
    clocks: Sequence[Clock],
    happened: Sequence[Happened],
    at: datetime,
) -> Changes:
    """What some events do to a referral's clocks, under the protocol as it holds for its service.

    The case's risk, or a higher one in the household, sets their pace.
    """
    return replan(
        clocks,
        happened,
        view_of(referral, case, around),
        reference.protocol_at(at).for_service(referral.service),
        reference.calendar_at(at),
        known=protocols_of(reference, referral.service),
        final=FINAL,
    )


def view_of(referral: ReferralRow, case: CaseRow, around: Surroundings) -> CaseView:
    """A referral as the engine of deadlines sees it."""
    risks = [risk for risk in (case.risk if case.process in CASE_LIVE else None, around.siblings_risk) if risk]
    return CaseView(
        id=referral.id,
        standing=Codes(process=referral.state),
        receipt=referral.created_at,
        risk=case.risk,
        household_risk=max(risks, default=None),
    )


def protocols_of(reference: Reference, service: str) -> dict[str, Protocol]:
    """Every protocol that says something of a service, as it holds for it, by version."""
    return {name: one.for_service(service) for name, one in reference.known.items() if service in one.by_service}


def _happened(event: str, matter: ReferralMatter, after: ReferralRow, facts: Facts) -> Happened:
    act = matter.act
    again = event == "extend_decision" and after.memory.get(Memory.EXTENSIONS) == "2"
    until = act.said.act("until")
    return Happened(
        event="extend_decision_again" if again else event,
        occurred_at=act.occurred_at,
        recorded_at=act.written,
        role=facts.actor.role,
        values=Values(
            without_consent=event == "send" and not facts.consent.allowed,
            until=date.fromisoformat(until) if until and event == "extend_decision" else None,
        ),
    )


def _row_after(matter: ReferralMatter, decision: Decision) -> ReferralRow:
    act, said, standing = matter.act, matter.act.said, decision.after
    before = matter.referral or _new_row(matter)
    after = replace(
        before, state=standing.state, memory=dict(standing.memory), sequence=before.sequence + 1, receiver_id=matter.to
    )
    if "send" in decision.events:
        who = act.actor
        origin = matter.rerouted_from
        after = replace(
            after,
            sent_at=act.occurred_at,
            sent_by=who.person_id if who else origin.sent_by if origin else None,
            sent_unit_id=who.unit_id if who else origin.sent_unit_id if origin else None,
        )
    if act.event == "accept":
        after = replace(after, accepted_at=act.occurred_at)
    if act.event in ("schedule", "miss_appointment"):
        when = said.act("when")
        after = replace(after, appointment_at=datetime.fromisoformat(when) if when else None)
    if act.event == "decline":
        after = replace(after, decline_reason=said.act("decline_reason"))
    if act.event == "deliver":
        after = replace(after, outcome=said.act("outcome"))
    if act.event == "dispute":
        after = replace(after, outcome=None)
    if act.event == "lose_consent":
        after = replace(after, consent_lost_at=act.occurred_at)
    if act.event in ("regain_consent", "record_ground"):
        after = replace(after, consent_lost_at=None)
    if standing.state in FINAL and before.state not in FINAL:
        after = replace(after, ended_at=act.occurred_at)
    return after


def _new_row(matter: ReferralMatter) -> ReferralRow:
    act, origin = matter.act, matter.rerouted_from
    event_at = act.said.act("event_at")
    return ReferralRow(
        id=matter.id,
        code=code_of(matter.id),
        case_id=matter.case.id,
        service=matter.service,
        need=SERVICES[matter.service].need,
        step=origin.step if origin else act.said.act("step"),
        rerouted_from=origin.id if origin else None,
        created_at=act.occurred_at,
        event_at=origin.event_at if origin else datetime.fromisoformat(event_at) if event_at else None,
        warnings=list(origin.warnings if origin else act.said.act("warnings") or ()),
        came_through=list(origin.came_through) if origin else [],
        receiver_id=None,
        state="draft",
        memory={},
        sequence=0,
        sent_by=None,
        sent_unit_id=None,
        sent_at=None,
        accepted_at=None,
        appointment_at=None,
        ended_at=None,
        outcome=None,
        decline_reason=None,
        consent_lost_at=None,
        protocol_version="",
    )


_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def code_of(referral_id: UUID) -> str:
    """A referral's code, made from its id so that a retry makes the same: people can say it over the phone."""
    number = uuid5(referral_id, "code").int
    letters = "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(8))
    return f"CG-{letters[:4]}-{letters[4:]}"


async def _store(connection: AsyncConnection, matter: ReferralMatter, after: ReferralRow) -> None:
    at = matter.act.recorded_at
    if matter.referral is None:
        # What is asked for comes through its own workflow; one that takes a need up has yet to be given one.
        seen = at if matter.rerouted_from is None else None
        values = {name: getattr(after, name) for name in _FIELDS}
        await put(connection, _REFERRAL, **values, updated_at=at, workflow_seen_at=seen)
        return
    moved = [name for name in REFERRAL_LIFECYCLE_COLUMNS if name not in ("workflow_seen_at", "updated_at")]
    await change(
        connection, _REFERRAL, [{"id": after.id, **{name: getattr(after, name) for name in moved}, "updated_at": at}]
    )


_FIELDS = tuple(ReferralRow.__dataclass_fields__)


async def _record_event(
    connection: AsyncConnection, matter: ReferralMatter, after: ReferralRow, decision: Decision
) -> None:
    act = matter.act
    actor, sender = act.actor, act.recorder or act.actor
    await put(
        connection,
        _EVENT,
        id=new_id(),
        referral_id=after.id,
        case_id=after.case_id,
        sequence=after.sequence,
        command_id=act.command_id,
        event=act.event,
        implied=list(decision.events[1:]),
        before=decision.before.state if decision.before else None,
        after=decision.after.state,
        actor_id=sender.person_id if sender else None,
        position_id=sender.position_id if sender else None,
        role=sender.role if sender else SYSTEM_ROLE,
        on_behalf_person=actor.person_id if actor and act.recorder else None,
        on_behalf_role=matter.agency or (actor.role if actor and act.recorder else act.on_behalf_role),
        means=act.means,
        occurred_at=act.occurred_at,
        recorded_at=act.recorded_at,
        documents=[{"id": str(ref.id), "kind": ref.kind, "hash": ref.hash} for ref in act.refs],
        facts=_codes_of(matter),
        protocol_version=after.protocol_version,
    )
    await audit(
        connection,
        at=act.recorded_at,
        actor=sender,
        action=act.event,
        record="referral",
        record_id=after.id,
        case_id=after.case_id,
        command_id=act.command_id,
        outcome="done",
        detail={
            "sequence": after.sequence,
            "service": after.service,
            "occurred_at": act.occurred_at.isoformat(),
            **(of_clock(act.clock) if act.clock is not None else {}),
        },
        origin=act.origin,
        chained=True,
    )


def _codes_of(matter: ReferralMatter) -> Mapping[str, Any]:
    """What the event's record keeps of what was said: codes, ids and instants."""
    said = matter.act.said
    values = {
        "service": matter.service if matter.referral is None else None,
        "receiver_id": str(matter.receiver) if matter.receiver else None,
        "rerouted_from": str(matter.rerouted_from.id) if matter.rerouted_from else None,
        **{name: said.act(name) for name in ("decline_reason", "outcome", "order_awaited", "when", "until", "ground")},
    }
    return {name: value for name, value in values.items() if value is not None}


def agency_role(service: str, role: str | None) -> str | None:
    """The role an answer is recorded for, where it is one of an agency of the service."""
    return role if role in providers_of(service) else None


def live_services(referrals: Sequence[ReferralRow]) -> frozenset[str]:
    """The services of those that live: what a case's closing asks."""
    return frozenset(one.service for one in referrals if one.state in LIVE)
