"""The clocks of one case while a command is worked through: a working copy that in the end says what changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from models.calendar import Calendar
from models.protocol.arithmetic import Amount, ProtocolError
from models.protocol.overrides import Overrides
from models.protocol.planning import BY_DATE, Terms, merge_ladder, pause_end, plan_clock, remaining
from models.protocol.rules import DeadlineRule, Protocol
from models.protocol.types import CaseView, Changes, Clock, Explanation, Happened, Move, Pause, Risk, clock_id

_EMERGENCY = "emergency_12h"


class Book:
    """All clocks of a case, finished ones too, with the case's view and the rules in force.

    Every clock is judged by the protocol version it started under; new ones start under the version in force.
    """

    def __init__(
        self,
        clocks: Iterable[Clock],
        view: CaseView,
        protocol: Protocol,
        calendar: Calendar,
        *,
        overrides: Overrides,
        known: Mapping[str, Protocol],
    ) -> None:
        self.view = view
        self.protocol = protocol
        self.calendar = calendar
        self.overrides = overrides
        self._known = {**known, protocol.version: protocol}
        self._before = {clock.id: clock for clock in clocks}
        self._now = dict(self._before)
        self._why: dict[UUID, str] = {}

    @property
    def all(self) -> tuple[Clock, ...]:
        """Return every clock as it stands now."""
        return tuple(self._now.values())

    def running(self, code: str | None = None) -> list[Clock]:
        """Return the open and paused clocks, of one code if given."""
        return [clock for clock in self._now.values() if clock.running and code in (None, clock.code)]

    def rule_of(self, clock: Clock) -> DeadlineRule:
        """Return the row a clock runs under, in its own protocol version.

        Raises:
            ProtocolError: that version was not handed in.
        """
        if clock.protocol_version not in self._known:
            raise ProtocolError(
                f"clock {clock.code} runs under protocol {clock.protocol_version!r}, which is not loaded"
            )
        return self._known[clock.protocol_version].rule(clock.code)

    @property
    def in_emergency(self) -> bool:
        """Return whether the child is under emergency protection: raised, protected or isolated."""
        return self.view.standing.protection != "none"

    @property
    def unanswered_emergency(self) -> bool:
        """Return whether an emergency was raised that no measure, order or standing down has answered.

        Raised inside `isolated` the protection region stays where it is; then the clock itself remembers.
        """
        return self.view.standing.protection == "emergency" or any(clock.raised for clock in self.running(_EMERGENCY))

    @property
    def risk(self) -> Risk | None:
        """Return the risk that sets the pace: the highest in the household."""
        return max((risk for risk in (self.view.risk, self.view.household_risk) if risk is not None), default=None)

    def terms(self, rule: DeadlineRule, clock: Clock, *, flagged: bool, cap: date | None) -> Terms:
        """Return the terms a clock should run under as the case stands now; `clock` says its start and subject."""
        variant = rule.variant(
            flagged=flagged,
            emergency=self.in_emergency,
            risk=self.risk,
            start=clock.start_event,
        )
        amount = Amount.parse(clock.subject) if rule.per == "month" and clock.subject else variant.limit
        own = self.overrides.get(clock.override)
        if clock.rungs and clock.variant == str(variant.when):
            # A transfer to a unit with other limits neither restarts nor moves what is running.
            return Terms(rule, variant, amount, own, cap)
        if own is None or not own.applies_to(variant):
            own = self.overrides.find(self.view.unit, rule.code, variant, clock.started_at)
        return Terms(rule, variant, amount, own, cap)

    def start(
        self,
        rule: DeadlineRule,
        start_event: str,
        started_at: datetime,
        *,
        subject: str | None = None,
        cap: date | None = None,
        flagged: bool = False,
    ) -> Clock:
        """Start one occurrence and return it."""
        occurrence = 1 + max((clock.occurrence for clock in self._now.values() if clock.code == rule.code), default=0)
        blank = Clock(
            id=clock_id(self.view.id, rule.code, occurrence),
            code=rule.code,
            occurrence=occurrence,
            subject=subject,
            kind=rule.kind,
            start_event=start_event,
            started_at=started_at,
            due_at=started_at,
            amount=BY_DATE,
            flagged=flagged or self.view.flagged,
            protocol_version=self.protocol.version,
            calendar_version=self.calendar.version,
            explanation=Explanation(start_event=start_event, amount=BY_DATE, variant=""),
        )
        terms = self.terms(rule, blank, flagged=blank.flagged, cap=cap)
        clock = self._computed(blank, terms, started_at)
        self._now[clock.id] = clock
        return clock

    def _computed(self, clock: Clock, terms: Terms, now: datetime, why: str | None = None) -> Clock:
        planned = plan_clock(terms, clock.start_event, clock.started_at, clock.pauses, self.calendar, moved_why=why)
        new = why is None and not clock.rungs
        rungs = planned.rungs if new else clock.rungs
        if new:
            rungs = tuple(rung.model_copy(update={"ordinal": index}) for index, rung in enumerate(rungs))
        else:
            rungs = merge_ladder(rungs, clock.fired, planned.rungs, now, again=why == "risk_lowered")
        return clock.model_copy(
            update={
                "kind": terms.kind,
                "due_at": planned.due_at,
                "statutory_due_at": planned.statutory_due_at,
                "amount": terms.shown_amount,
                "variant": str(terms.variant.when),
                "cap": terms.cap,
                "rungs": rungs,
                "override": None if terms.override is None else terms.override.id,
                "protocol_version": clock.protocol_version,
                "calendar_version": self.calendar.version,
                "explanation": planned.explanation,
            },
        )

    def replan(self, clock: Clock, terms: Terms, now: datetime, why: str) -> Clock:
        """Compute a running clock again under other terms, and remember why."""
        moved = self._computed(clock, terms, now, why)
        self._now[clock.id] = moved
        self._why[clock.id] = why
        return moved

    def put(self, clock: Clock) -> None:
        """Keep a clock in a form of which people need not be told (a mark)."""
        self._now[clock.id] = clock

    def meet(self, clock: Clock, by: Happened) -> None:
        """Meet a running clock; in time by when it occurred, recorded in time by when it was recorded."""
        met_late = by.occurred_at > clock.due_at
        self._now[clock.id] = clock.model_copy(
            update={
                "status": "met",
                "met_at": by.occurred_at,
                "met_by": by.event,
                "ended_at": by.recorded_at,
                "met_late": met_late,
                "recorded_late": not met_late and (by.recorded_at > clock.due_at or _limit_fired(clock)),
                "remaining": None,
            },
        )

    def cancel(self, clock: Clock, at: datetime, reason: str, *, replaced: bool = False) -> None:
        """End a running clock unmet, with the reason as a code."""
        status = "replaced" if replaced else "cancelled"
        update = {"status": status, "ended_at": at, "cancel_reason": reason, "remaining": None}
        self._now[clock.id] = clock.model_copy(update=update)

    def open_again(self, clock: Clock) -> Clock:
        """Open a met clock again with its own limit; what fired stays fired."""
        again = clock.model_copy(
            update={
                "status": "open",
                "met_at": None,
                "met_by": None,
                "ended_at": None,
                "met_late": False,
                "recorded_late": False,
            },
        )
        self._now[clock.id] = again
        return again

    def stop(self, clock: Clock, since: datetime, reason: str) -> None:
        """Stop a design clock until `go_on`."""
        left = remaining(since, clock.due_at, self._amount(clock), self.calendar)
        pauses = (*clock.pauses, Pause(since=since, reason=reason))
        self._now[clock.id] = clock.model_copy(update={"status": "paused", "pauses": pauses, "remaining": left})

    def go_on(self, clock: Clock, until: datetime, now: datetime) -> None:
        """Let a stopped clock go on with what was left."""
        last = clock.pauses[-1].model_copy(update={"until": until})
        open_ = clock.model_copy(update={"status": "open", "pauses": (*clock.pauses[:-1], last), "remaining": None})
        self._now[clock.id] = self._computed(open_, self.terms_kept(open_), now, "resume")

    def forced_on(self, clock: Clock, terms: Terms, now: datetime) -> None:
        """Let a stopped clock run again because it may stand still no longer; its pauses no longer count."""
        last = clock.pauses[-1].model_copy(update={"until": now})
        update = {"status": "open", "pauses": (*clock.pauses[:-1], last), "remaining": None}
        self._now[clock.id] = self._computed(clock.model_copy(update=update), terms, now, "emergency_over")

    def pause(self, clock: Clock, since: datetime, working_days: int, now: datetime) -> None:
        """Pause a design clock for some working days: its end is known, so its limit moves at once."""
        pause = Pause(
            since=since,
            until=pause_end(since, working_days, self.calendar),
            reason="pause_clock",
            working_days=working_days,
        )
        paused = clock.model_copy(update={"pauses": (*clock.pauses, pause)})
        self.replan(paused, self.terms_kept(paused), now, "pause_clock")

    def terms_kept(self, clock: Clock) -> Terms:
        """Return the terms a clock has, as the case stands; what else changed is seen by the re-planning pass."""
        rule = self.rule_of(clock)
        return self.terms(rule, clock, flagged=clock.flagged, cap=clock.cap)

    def _amount(self, clock: Clock) -> Amount | None:
        return None if clock.amount == BY_DATE else Amount.parse(clock.amount)

    def changes(self) -> Changes:
        """Return what is different from the beginning."""
        sorted_out: dict[str, list[Clock]] = {}
        moved: list[Move] = []
        for clock in self._now.values():
            before = self._before.get(clock.id)
            if before == clock:
                continue
            if before is None:
                sorted_out.setdefault("started", []).append(clock)
            kind = _kind_of_change(before, clock)
            if kind is not None:
                sorted_out.setdefault(kind, []).append(clock)
            elif before is not None:
                why = self._why.get(clock.id, "emergency")
                lengthened = clock.due_at > before.due_at
                moved.append(Move(before=before, after=clock, why=why, lengthened=lengthened))
        ended = (*sorted_out.get("met", ()), *sorted_out.get("cancelled", ()))
        return Changes(
            moved=tuple(moved),
            breaches_met_late=tuple(clock for clock in ended if clock.breached),
            **{name: tuple(clocks) for name, clocks in sorted_out.items()},
        )


def _limit_fired(clock: Clock) -> bool:
    """The rung at the limit fired before the act that meets the clock was recorded."""
    return any(rung.breach and rung.ordinal in clock.fired and rung.due_at <= clock.due_at for rung in clock.rungs)


def _kind_of_change(before: Clock | None, after: Clock) -> str | None:
    """Return the field of `Changes` an existing clock belongs to, or None where it only moved (or only started)."""
    if before is None or before.running:
        if after.status == "met":
            return "met"
        if not after.running:
            return "cancelled"
    if before is None:
        return None
    if not before.running:
        return "reopened" if after.running else None
    return {("open", "paused"): "paused", ("paused", "open"): "resumed"}.get((before.status, after.status))


def with_changes(clocks: Sequence[Clock], changes: Changes) -> tuple[Clock, ...]:
    """Return a case's clocks after some changes, in the order they had, new ones last."""
    new = {clock.id: clock for clock in changes.touched}
    kept = tuple(new.pop(clock.id, clock) for clock in clocks)
    return (*kept, *new.values())
