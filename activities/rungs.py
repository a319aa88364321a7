"""Firing one rung of a ladder: whom it reaches, what they are told, what breached. One transaction, once for ever.

Rules of lifecycle.md, "Ladder": a rung is (deadline occurrence, ordinal) and fires once; it resolves to people when it
fires; where nobody can be reached that is recorded and the next rung fires at once; silence escalates, it never
decides.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from models.clock import Clock as DomainClock
from models.database import Who, transaction
from models.messages import RungDue, Snapshot, workflow_id
from models.protocol.conditions import RungFacts, rung_applies, rung_facts
from models.protocol.types import Clock
from models.protocol.types import Rung as Step
from models.records.audit import audit, of_clock
from models.records.cases import CaseRow, lock_cases
from models.records.deadlines import breached_limits, load_clocks, snapshot
from models.records.following import agency_of, agency_place
from models.records.joint import assignee
from models.records.notices import Occasion, ask_to_call, unit_of, write_notices
from models.records.people import CasePlace, ClockUnit, Recipient, Resolution, resolve, together
from models.records.referrals import ReferralRow, read_referral, read_where_it_is, snapshot_of
from models.tables import Breach, CaseEvent, Deadline, Escalation, EscalationRecipient, Rung, new_id, table
from models.writing import change, put_all

_DEADLINE, _RUNG, _EVENT, _BREACH = table(Deadline), table(Rung), table(CaseEvent), table(Breach)
_ESCALATION, _RECIPIENT = table(Escalation), table(EscalationRecipient)

# Asked with every rung that fires, so made once.
_LADDER = (
    select(_RUNG, _DEADLINE.c.status, _DEADLINE.c.clock, _DEADLINE.c.referral_id)
    .join_from(_RUNG, _DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
    .where(_RUNG.c.deadline_id == bindparam("of_deadline"))
    .order_by(_RUNG.c.due_at, _RUNG.c.ordinal)
)

_HIGH = frozenset({"E3", "E4"})
"""Levels that are told at once at any hour, and phoned by a human for hour clocks."""

FIRED = Counter("annhi_rungs_fired", "Rungs fired or passed over.", ["level", "outcome"])
LATENESS = Histogram(
    "annhi_rung_lateness_seconds",
    "Domain seconds between a rung's instant and its firing.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 180, 600, 3600, 86400),
)
ALERTS = Counter("annhi_operator_alerts", "Something a human who runs the service must look at.", ["reason"])

Then = Callable[[AsyncConnection, CaseRow, str, Clock, datetime], Awaitable[None]]
"""Records an event a clock makes happen (``ban_ends``): transaction, locked case, event, clock, instant."""

_log = structlog.get_logger(__name__)

ThenReferral = Callable[[AsyncConnection, CaseRow, ReferralRow, str, Clock, datetime], Awaitable[tuple[UUID, ...]]]
"""The same for a clock of a referral; gives the referrals that must be woken."""

Wake = Callable[[UUID, UUID], Awaitable[None]]
"""Tells a referral's workflow that PostgreSQL is ahead, or starts it: case, referral."""

Outcome = Literal["fired", "not_needed", "not_yet", "nothing"]


@dataclass(frozen=True)
class Told:
    """One rung as it fired: whom it reached. ``pulled``: before its instant, as the one before reached nobody."""

    ordinal: int
    level: str
    due_at: datetime
    resolution: Resolution
    pulled: bool


@dataclass(frozen=True)
class FiredRung:
    """What became of a due rung.

    ``nothing``: it had fired already, or its deadline is no longer open. ``not_yet``: its instant was moved and lies
    ahead. ``not_needed``: its condition does not hold. ``told`` holds one entry for each rung that fired. ``case_code``
    is for the log. ``woken``: referrals that were made, or moved, by it.
    """

    outcome: Outcome
    told: tuple[Told, ...] = ()
    breaches: tuple[str, ...] = ()
    case_code: str | None = None
    woken: tuple[UUID, ...] = ()

    @property
    def alerts(self) -> tuple[str, ...]:
        """What the operator must hear, as codes."""
        found = [
            *("nobody-reached" for one in self.told[-1:] if one.resolution.nobody),
            *("province-not-reached" for one in self.told if one.resolution.alert),
        ]
        return tuple(dict.fromkeys(found))


class RungActivities:
    """The activity that fires a rung.

    Args:
        engine: of the worker role.
        clock: domain time.
        then: records the events a clock itself makes happen; without it a rung that has one is refused.
        then_referral: the same for clocks of referrals.
        wake: the way to the workflows of referrals; what it misses, the sweep makes good.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        clock: DomainClock,
        then: Then | None = None,
        then_referral: ThenReferral | None = None,
        wake: Wake | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._then = then
        self._then_referral = then_referral
        self._wake = wake

    @activity.defn(name="fire_rung")
    async def fire_rung(self, due: RungDue) -> Snapshot:
        """Fire what is due, and say what the case's workflow has to wait for next. May be run any number of times."""
        # The workflow saw the instant come; a worker whose clock is a little behind must not doubt it.
        at = max(due.at, self._clock.now())
        async with transaction(self._engine, Who(system="rung", case_id=due.case_id), at) as connection:
            fired = await fire(connection, due, at=at, then=self._then, then_referral=self._then_referral)
            after = await _after(connection, due)
        report(fired, due, at)
        if self._wake is not None:
            for referral in fired.woken:
                # Committed already: the sweep starts what this does not reach.
                with suppress(Exception):
                    await self._wake(due.case_id, referral)
        return after


async def fire(
    connection: AsyncConnection,
    due: RungDue,
    *,
    at: datetime,
    then: Then | None = None,
    then_referral: ThenReferral | None = None,
) -> FiredRung:
    """Fire one rung, and those after it for as long as nobody can be reached.

    Args:
        connection: a transaction of the worker role; the case is locked in it.
        due: which rung.
        at: the domain instant at which it fires.
        then: see ``RungActivities``.
        then_referral: see there.
    """
    case = (await lock_cases(connection, [due.case_id])).get(due.case_id)
    referral = None
    if case is not None and due.referral_id is not None:
        case, referral = await read_where_it_is(connection, case, due.referral_id)
    rungs = await _rungs(connection, due.deadline_id) if case is not None else []
    row = next((one for one in rungs if one.ordinal == due.ordinal), None)
    if case is None or row is None or row.status != "open" or row.state != "planned":
        return FiredRung("nothing")
    if row.due_at > at:
        return FiredRung("not_yet")
    firing = _Firing(connection, case, Clock.model_validate(row.clock), at, then, then_referral, referral)
    if not await firing.applies(row):
        await firing.pass_over(row)
        return FiredRung("not_needed", case_code=case.code)
    await firing.climb(row, [one for one in rungs if one.state == "planned" and _order(one) > _order(row)])
    return FiredRung("fired", tuple(firing.told), tuple(firing.breaches), case.code, tuple(firing.woken))


async def _after(connection: AsyncConnection, due: RungDue) -> Snapshot:
    """What the workflow that asked has to wait for next."""
    if due.referral_id is None:
        return await snapshot(connection, due.case_id)
    referral = await read_referral(connection, due.referral_id)
    if referral is None:
        return Snapshot(case_id=due.case_id, referral_id=due.referral_id, sequence=0, ended=True)
    return snapshot_of(referral, await load_clocks(connection, referral.case_id, referral.id))


def report(fired: FiredRung, due: RungDue, at: datetime) -> None:
    """Count and log a firing, after its transaction has committed. Ids and codes only."""
    log = _log.bind(case_code=fired.case_code, workflow_id=workflow_id(due.case_id), deadline_id=str(due.deadline_id))
    if fired.outcome in ("not_needed", "nothing", "not_yet"):
        FIRED.labels(level="", outcome=fired.outcome).inc()
        log.info("rung_passed", ordinal=due.ordinal, outcome=fired.outcome)
    for one in fired.told:
        FIRED.labels(level=one.level, outcome="nobody" if one.resolution.nobody else "fired").inc()
        if not one.pulled:
            LATENESS.observe((at - one.due_at).total_seconds())
        log.info(
            "rung_fired",
            ordinal=one.ordinal,
            rung=one.level,
            told=len(one.resolution.recipients),
            why=one.resolution.why,
            national=one.level == "E4",
            breaches=fired.breaches,
        )
    for reason in fired.alerts:
        ALERTS.labels(reason=reason).inc()
        log.error("operator_alert", reason=reason)


@dataclass
class _Firing:
    """One transaction's work on one deadline."""

    connection: AsyncConnection
    case: CaseRow
    clock: Clock
    at: datetime
    then: Then | None
    then_referral: ThenReferral | None = None
    referral: ReferralRow | None = None
    woken: list[UUID] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    facts: RungFacts | None = None

    @property
    def place(self) -> CasePlace:
        return CasePlace(self.case.id, self.case.code, self.case.unit_id, self.case.owner_id, self.case.flagged)

    async def applies(self, row: Row[Any]) -> bool:
        if row.condition is None:
            return True
        if self.facts is None:
            self.facts = await _facts(self.connection, self.case, self.clock)
        return rung_applies(row.condition, self.clock, self.facts)

    async def pass_over(self, row: Row[Any]) -> None:
        await self._mark(row, "not_needed")
        await self._audit(row, "not_needed", {"condition": row.condition})

    async def climb(self, first: Row[Any], later: list[Row[Any]]) -> None:
        """Fire the first rung; while nobody is reached, the next that applies."""
        await self._tell(first, before=None)
        before = first
        for row in later:
            if not self.told[-1].resolution.nobody:
                return
            if not await self.applies(row):
                await self.pass_over(row)
                continue
            await self._tell(row, before=before)
            before = row

    async def _found(self, level: str, step: Step | None, unit: ClockUnit) -> Resolution:
        """Whom a level means: at the unit that holds the case, at the one it was proposed to, at both; or by name."""
        if step is not None and step.asks == "assignee":
            named = await assignee(self.connection, self.case.id, self.clock.subject)
            persons = [named] if named is not None else []
            found = await resolve(self.connection, case=self.place, persons=persons, at=self.at, clock_unit=unit)
            if not found.nobody:
                return found
        asks = step.asks if step is not None and self.case.transfer_to_id is not None else "holder"
        units: dict[str, tuple[UUID | None, ...]] = {
            "receiver": (self.case.transfer_to_id,),
            "both": (None, self.case.transfer_to_id),
        }
        answers = [
            await resolve(self.connection, case=self.place, level=level, at=self.at, clock_unit=unit, unit_id=one)
            for one in units.get(asks, (None,))
        ]
        return together(answers)

    async def _tell(self, row: Row[Any], before: Row[Any] | None) -> None:
        step = next((one for one in self.clock.rungs if one.ordinal == row.ordinal), None)
        unit = clock_unit(self.clock, step)
        found = await self._found(row.level, step, unit)
        escalation = uuid5(self.clock.id, str(row.ordinal))
        pulled = before is not None
        deliver_at = self._deliver_at(row, before, unit)
        await self._escalate(row, escalation, found)
        occasion = Occasion(
            kind=self._kind(step, deliver_at),
            values={
                "deadline": self.clock.code,
                "due_at": self.clock.due_at.isoformat(),
                "level": row.level,
                "unit": "H" if unit == "H" else "day",
                **({"service": self.referral.service} if self.referral is not None else {}),
            },
            clock_unit=unit,
            deliver_at=deliver_at,
            deadline_id=self.clock.id,
            ordinal=row.ordinal,
            escalation_id=escalation,
            by_voice=row.level in _HIGH,
        )
        await write_notices(self.connection, self.place, found.addressed, occasion, self.at)
        if self.referral is not None and step is not None and "agency" in step.also:
            agency = await agency_of(self.connection, self.case, self.referral, self.at)
            others = [one for one in agency.recipients if one.person_id not in found.persons]
            await write_notices(self.connection, agency_place(self.case, self.referral), others, occasion, self.at)
        if found.informed:
            logged = replace(occasion, kind="logged_nationally")
            await write_notices(self.connection, self.place, found.informed, logged, self.at)
        if unit == "H" and row.level in _HIGH:
            await self._ask_to_call(row, found, escalation)
        breaches = await self._record_breaches(row)
        # A limit is a limit at its own instant: told early, its rung stays planned, to record there what it must.
        keeps_its_instant = (
            pulled and row.due_at > self.at and (row.breach or (step is not None and step.then is not None))
        )
        if not keeps_its_instant:
            await self._mark(row, "fired", pulled=pulled)
        self.told.append(Told(row.ordinal, row.level, row.due_at, found, pulled))
        await self._audit(
            row,
            "told_early" if keeps_its_instant else "fired",
            {
                "recipients": [
                    {"person": str(one.person_id), "role": one.role, "watching": one.watching}
                    for one in found.recipients
                ],
                "nobody": found.nobody,
                "why": list(found.why),
                "breaches": breaches,
                **({"pulled_by": before.ordinal} if before is not None else {}),
                **(
                    {"logged_nationally": any(one.role == "NAT" for one in found.recipients)}
                    if row.level == "E4"
                    else {}
                ),
            },
        )
        if step is not None and step.then is not None and not keeps_its_instant:
            if self.referral is not None and self.then_referral is not None:
                self.woken += await self.then_referral(
                    self.connection, self.case, self.referral, step.then, self.clock, self.at
                )
                return
            if self.then is None or self.referral is not None:
                raise RuntimeError(f"nothing is there to record {step.then}")
            await self.then(self.connection, self.case, step.then, self.clock, self.at)

    def _kind(self, step: Step | None, deliver_at: datetime) -> str:
        if deliver_at < self.clock.due_at:
            return "rung_before"
        if step is not None and step.then is not None and self.referral is not None:
            return "referral_unanswered"
        # What ends by itself at its limit is over, not late.
        return "rung_ends" if step is not None and step.then is not None else "rung_after"

    def _deliver_at(self, row: Row[Any], before: Row[Any] | None, unit: ClockUnit) -> datetime:
        own: datetime = row.deliver_at
        if before is None:
            return max(self.at, own)
        if unit == "H" or row.level in _HIGH:
            return self.at
        # It takes the place of the rung that reached nobody, at the hour that one would have been read.
        instead: datetime = before.deliver_at
        return max(self.at, min(own, instead))

    async def _escalate(self, row: Row[Any], escalation: UUID, found: Resolution) -> None:
        opened = {
            "id": escalation,
            "case_id": self.case.id,
            "deadline_id": self.clock.id,
            "ordinal": row.ordinal,
            "level": row.level,
            "unit_id": self.case.unit_id,
            "state": "open",
            "nobody": found.nobody,
            "opened_at": self.at,
        }
        await put_all(self.connection, _ESCALATION, [opened], once=True)
        reached = [
            {"escalation_id": escalation, "person_id": one.person_id, "role": one.role, "watching": one.watching}
            for one in found.recipients
        ]
        await put_all(self.connection, _RECIPIENT, reached, once=True)

    async def _ask_to_call(self, row: Row[Any], found: Resolution, escalation: UUID) -> None:
        """Hour clocks, E3 and E4: a human phones, because nobody reads mail at midnight on Tết."""
        caller = found.hotline_unit or found.duty_unit if row.level == "E3" else found.duty_unit or found.hotline_unit
        await self._call([one for one in found.acting if one.phone], "escalation", row, escalation, caller)
        if any(other.level == row.level and other.ordinal != row.ordinal for other in self._earlier(row)):
            # Telling the same level again has not helped: the shift lead phones the commune's police (scenario S2).
            police = await resolve(self.connection, case=self.place, roles=["POL"], at=self.at, clock_unit="H")
            await self._call(police.acting, "police", row, escalation, caller)

    async def _call(
        self,
        people: tuple[Recipient, ...] | list[Recipient],
        reason: str,
        row: Row[Any],
        escalation: UUID,
        caller: UUID | None,
    ) -> None:
        await ask_to_call(
            self.connection,
            case_id=self.case.id,
            persons=[one.person_id for one in people],
            reason=reason,
            occasion=f"{self.clock.id}/{row.ordinal}",
            escalation_id=escalation,
            caller_unit_id=caller,
            at=self.at,
        )

    def _earlier(self, row: Row[Any]) -> list[Step]:
        return [step for step in self.clock.rungs if (step.due_at, step.ordinal) < (row.due_at, row.ordinal)]

    async def _record_breaches(self, row: Row[Any]) -> list[str]:
        if not row.breach:
            return []
        limits = breached_limits(self.clock, self.at)
        breaches = [
            {
                "id": new_id(),
                "case_id": self.case.id,
                "deadline_id": self.clock.id,
                "kind": kind,
                "code": self.clock.code,
                "due_at": due_at,
                "recorded_at": self.at,
                "protocol_version": self.clock.protocol_version,
                "calendar_version": self.clock.calendar_version,
            }
            for kind, due_at in limits
        ]
        await put_all(self.connection, _BREACH, breaches, once=True)
        kinds = [kind for kind, _ in limits]
        self.breaches += kinds
        return kinds

    async def _mark(self, row: Row[Any], state: str, *, pulled: bool = False) -> None:
        values: dict[str, Any] = {"state": state, "fired_at": self.at}
        if pulled and row.due_at > self.at:
            values |= {"due_at": self.at, "deliver_at": min(row.deliver_at, self.at)}
        await change(self.connection, _RUNG, [{"deadline_id": self.clock.id, "ordinal": row.ordinal, **values}])

    async def _audit(self, row: Row[Any], outcome: str, detail: dict[str, Any]) -> None:
        await audit(
            self.connection,
            at=self.at,
            actor=None,
            action="fire_rung",
            record="deadline",
            record_id=self.clock.id,
            case_id=self.case.id,
            outcome=outcome,
            code=self.clock.code,
            detail={
                **of_clock(self.clock),
                "ordinal": row.ordinal,
                "level": row.level,
                "due_at": row.due_at.isoformat(),
                **detail,
            },
            chained=True,
        )


def clock_unit(clock: Clock, step: Step | None) -> ClockUnit:
    """Whether a rung is one of hours, by its own wording ("8 H", "+2 WD"), else by its deadline's limit ("12 H")."""
    return unit_of(step.at if step is not None else "", clock.amount)


def _order(row: Row[Any]) -> tuple[datetime, int]:
    return (row.due_at, row.ordinal)


async def _rungs(connection: AsyncConnection, deadline_id: UUID) -> list[Row[Any]]:
    """The ladder of a deadline in the order of its instants, each row with the deadline's status and clock."""
    rows = await connection.execute(_LADDER, {"of_deadline": deadline_id})
    return list(rows.all())


async def _facts(connection: AsyncConnection, case: CaseRow, clock: Clock) -> RungFacts:
    """What the conditions ask, as the record has it now."""
    events = await connection.execute(
        select(_EVENT.c.event, _EVENT.c.implied, _EVENT.c.occurred_at).where(_EVENT.c.case_id == case.id)
    )
    acts = [(name, event.occurred_at) for event in events for name in (event.event, *event.implied)]
    clocks = await load_clocks(connection, case.id)
    return rung_facts(clock, clocks, acts, has_owner=case.owner_id is not None)
