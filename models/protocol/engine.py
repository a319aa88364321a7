"""The deadline engine: what recorded events do to a case's clocks. Pure. The rule: lifecycle.md, "Deadlines of a case".

For every event, in order: clocks are met, then cancelled, then started; special rules of one row have a module of
their own (`emergency`, `plan`). After all events the running clocks are compared with the terms the case now gives
them and re-planned where those changed. Clocks are computed, never edited: what moved is returned with the reason.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from models.calendar import Calendar
from models.lifecycle.states import ENDED, LIVE
from models.protocol import emergency, plan
from models.protocol.arithmetic import ProtocolError, after_night, limit_instant
from models.protocol.attach import ATTACHED
from models.protocol.book import Book
from models.protocol.overrides import Overrides
from models.protocol.planning import Terms
from models.protocol.rules import DeadlineRule, Met, Protocol, Requirement, Start
from models.protocol.types import CaseView, Changes, Clock, Happened

_ANY_EVENT = "*"
_NONE_LOADED: Mapping[str, Protocol] = {}


class EngineError(ProtocolError):
    """The engine was asked for what cannot be: `code` is stable and kebab-case."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def replan(
    clocks: Sequence[Clock],
    happened: Sequence[Happened],
    view: CaseView,
    protocol: Protocol,
    calendar: Calendar,
    *,
    overrides: Overrides | None = None,
    known: Mapping[str, Protocol] | None = None,
    final: frozenset[str] = ENDED,
) -> Changes:
    """Return what a sequence of events of one transaction does to a case's clocks, or a referral's.

    A referral's are asked with the protocol as it holds for its service (`Protocol.for_service`), its own state as the
    process and its own final states.

    Args:
        clocks: every clock of the case, finished ones too, with what fired filled in.
        happened: the events in order, the cause before what it implies.
        view: the case after them.
        protocol: the version in force for what starts now.
        calendar: the version in force.
        overrides: local limits.
        known: other protocol versions by name, for clocks that started under them.
        final: states of the process in which nothing runs on.

    Raises:
        EngineError: an event lacks what the engine needs, or a pause is not allowed.
        ProtocolError: a clock's protocol version was not handed in.
        CalendarError: the calendar lacks a year that has to be counted.
    """
    if not happened:
        return Changes()
    book = Book(clocks, view, protocol, calendar, overrides=overrides or Overrides(), known=known or _NONE_LOADED)
    for event in happened:
        _one(book, event)
    now = happened[-1].recorded_at
    plan.keep_up(book, now)
    _final(book, now, final)
    _pass(book, now)
    return book.changes()


def _one(book: Book, happened: Happened) -> None:
    if happened.report is None and happened.event in ("receive_report", "add_report", "reopen"):
        raise EngineError("report-missing", f"{happened.event} says nothing about the report it brings")
    met = _meet(book, happened)
    for clock in book.running():
        if happened.event in book.rule_of(clock).cancelled_by:
            book.cancel(clock, happened.recorded_at, happened.event)
    _start(book, happened, met)
    plan.on_event(book, happened)
    if happened.event == emergency.RAISE:
        emergency.raised(book, happened)
    elif happened.event == "suspend":
        _suspend(book, happened)
    elif happened.event == "resume":
        for clock in book.running():
            if clock.status == "paused":
                book.go_on(clock, happened.occurred_at, happened.recorded_at)
    elif happened.event == "pause_clock":
        _pause(book, happened)


def _meet(book: Book, happened: Happened) -> set[str]:
    """Meet what the event meets and return the codes met."""
    codes = set()
    for clock in _met_by(book, happened, book.running()):
        book.meet(clock, happened)
        codes.add(clock.code)
    return codes


def _met_by(book: Book, happened: Happened, among: list[Clock], *, at_start: bool = False) -> list[Clock]:
    """Return which of some running clocks an event meets, each judged by the protocol version it runs under."""
    chosen: list[Clock] = []
    groups: dict[tuple[str, str], list[Clock]] = {}
    for clock in among:
        groups.setdefault((clock.protocol_version, clock.code), []).append(clock)
    for group in groups.values():
        rule = book.rule_of(group[0])
        met = _rule_for(rule, happened, at_start=at_start)
        if met is not None and all(_holds(name, book, happened, set()) for name in met.requires):
            chosen += _select(rule, met, happened, group)
    return chosen


def _rule_for(rule: DeadlineRule, happened: Happened, *, at_start: bool) -> Met | None:
    for met in rule.met_by:
        by_role = not met.roles or happened.role in met.roles
        if met.event == happened.event and by_role and (met.at_start or not at_start):
            return met
    return None


def _select(rule: DeadlineRule, met: Met, happened: Happened, group: list[Clock]) -> list[Clock]:
    if met.after_start or met.every:
        group = [clock for clock in group if clock.started_at <= happened.occurred_at]
    if met.every or rule.meets == "all" or not group:
        return group
    if rule.meets == "subject":
        subject = _subject(rule, happened)
        if subject is not None:
            named = [clock for clock in group if clock.subject == subject]
            if named or not met.else_earliest:
                return named
        elif rule.per == "step":
            return []
    return [min(group, key=lambda clock: clock.due_at)]


def _subject(rule: DeadlineRule, happened: Happened) -> str | None:
    if rule.per == "report":
        return str(happened.report.id) if happened.report is not None else None
    if rule.per == "step":
        return happened.values.step
    if rule.per == "order":
        return happened.values.order
    if rule.per == "person":
        return happened.values.person
    if rule.per == "grant":
        return happened.values.grant
    return happened.values.recused if rule.per == "role" else None


def _start(book: Book, happened: Happened, met: set[str]) -> None:
    for rule in book.protocol.rows:
        for start in rule.starts:
            if start.event in (happened.event, _ANY_EVENT) and _may_start(book, rule, start, happened, met):
                started = _start_row(book, rule, start, happened)
                for clock in _met_by(book, happened, started, at_start=True):
                    book.meet(clock, happened)


def _may_start(book: Book, rule: DeadlineRule, start: Start, happened: Happened, met: set[str]) -> bool:
    own = {rule.code} & met
    if not all(_holds(name, book, happened, own) for name in start.requires):
        return False
    if rule.per == "report":
        # One occurrence per report, ever: an attached case's report is not a new one where it arrives.
        subject = _subject(rule, happened)
        return not any(clock.code == rule.code and clock.subject == subject for clock in book.all)
    if rule.running != "keep":
        return True
    subject = _subject(rule, happened)
    return not any(clock.subject == subject for clock in book.running(rule.code))


def _start_row(book: Book, rule: DeadlineRule, start: Start, happened: Happened) -> list[Clock]:
    at = _started_at(book, rule, start, happened)
    if rule.running == "replace":
        for clock in book.running(rule.code):
            book.cancel(clock, happened.recorded_at, "next_version", replaced=True)
    flagged = happened.report is not None and happened.report.flagged
    if rule.per == "step":
        steps = happened.values.steps
        return [book.start(rule, happened.event, at, subject=step.key, cap=step.due) for step in steps]
    if rule.series:
        return [book.start(rule, happened.event, at, subject=str(amount)) for amount in rule.series]
    cap = _cap(book, rule, happened)
    return [book.start(rule, happened.event, at, subject=_subject(rule, happened), cap=cap, flagged=flagged)]


def _started_at(book: Book, rule: DeadlineRule, start: Start, happened: Happened) -> datetime:
    if start.at == "after_night" and book.protocol.referrals is not None:
        return after_night(
            happened.occurred_at, book.protocol.referrals.night_from, book.protocol.referrals.night_until
        )
    if start.at == "kept":
        return min((clock.started_at for clock in book.running(rule.code)), default=happened.occurred_at)
    if start.at == "occurred" or happened.report is None:
        return happened.occurred_at
    if start.at == "written_report_start" and book.protocol.parameters.written_report_start == "event":
        return happened.report.happened_at or happened.report.received_at
    return happened.report.received_at


def _cap(book: Book, rule: DeadlineRule, happened: Happened) -> date | None:
    if rule.cap == "review_on":
        return happened.values.review_on
    if rule.cap == "until":
        return happened.values.until
    return book.view.ground_end if rule.cap == "ground_end" else None


def _holds(name: Requirement, book: Book, happened: Happened, met: set[str]) -> bool:
    now, before = book.view.standing, book.view.before
    answers = {
        "enters_protected": now.protection == "protected" and (before is None or before.protection != "protected"),
        "enters_isolated": now.protection == "isolated" and (before is None or before.protection != "isolated"),
        "ground": happened.values.ground,
        "ground_ends": happened.values.ground and book.view.ground_end is not None,
        "decider_recused": happened.values.recused is not None,
        "spoken": happened.values.spoken,
        "unrouted": now.custody == "unrouted",
        "into_review": now.process == "review",
        "contact_possible": book.view.closure_reason not in book.protocol.parameters.no_contact_after,
        "child_died": book.view.closure_reason == "DEATH",
        "closed_within_window": _closed_within_window(book, happened),
        "met_one": bool(met),
        "said_no": happened.values.emergency is False,
        "no_emergency": not book.unanswered_emergency,
        "without_consent": happened.values.without_consent,
    }
    return answers[name]


def _closed_within_window(book: Book, happened: Happened) -> bool:
    """Return whether the new report came within the window after a closing (not after another kind of end)."""
    closed_at, before = book.view.closed_at, book.view.before
    if closed_at is None or happened.report is None or before is None or before.process != "closed":
        return False
    window = book.protocol.parameters.quality_review_window
    return happened.report.received_at <= limit_instant(closed_at, window, book.calendar)


def _suspend(book: Book, happened: Happened) -> None:
    """Stop the design clocks of the process. One whose limit has passed runs on: lateness is chased until it is met."""
    for clock in book.running():
        stops = clock.kind == "design" and book.rule_of(clock).stops_when_suspended
        if stops and clock.status == "open" and clock.due_at > happened.recorded_at:
            book.stop(clock, happened.occurred_at, "suspend")


def why_not_pause(clock: Clock, rule: DeadlineRule, working_days: int, protocol: Protocol, now: datetime) -> str | None:
    """Return the code of why a clock may not be paused for so many working days, or None where it may.

    Codes: clock-not-open; clock-not-pausable (statutory, local, or one that guards the child's first look);
    clock-overdue; pause-too-long.
    """
    if clock.status != "open":
        return "clock-not-open"
    if clock.kind != "design" or not rule.pausable:
        return "clock-not-pausable"
    if clock.due_at <= now:
        return "clock-overdue"
    in_all = clock.paused_days + working_days
    return None if working_days >= 1 and in_all <= protocol.parameters.longest_pause.value else "pause-too-long"


def _pause(book: Book, happened: Happened) -> None:
    wanted, days = happened.values.clock_id, happened.values.pause_days or 0
    clock = next((clock for clock in book.running() if clock.id == wanted), None)
    if clock is None:
        raise EngineError("clock-not-open", f"no running clock {wanted}")
    code = why_not_pause(clock, book.rule_of(clock), days, book.protocol, happened.recorded_at)
    if code is not None:
        raise EngineError(code, f"{clock.code} may not be paused for {days} working days: {code}")
    book.pause(clock, happened.occurred_at, days, happened.recorded_at)


def _final(book: Book, now: datetime, final: frozenset[str]) -> None:
    """In a final state nothing runs on but what outlives it; the reason is the state.

    An attached case keeps nothing that moves: it runs on in the other case (`attach.carry`), and never in both.
    """
    process = book.view.standing.process
    if process in final:
        for clock in book.running():
            rule = book.rule_of(clock)
            if not rule.survives_final or (process == ATTACHED and rule.moves):
                book.cancel(clock, now, process)


def _pass(book: Book, now: datetime) -> None:
    """Give every running clock the terms the case now has for it.

    Flagged once is flagged for good. A date of the plan or a ground only ever brings a limit forward. A lower risk
    may lengthen
    a design clock, which is said, but not one whose limit has passed: a lower score does not undo lateness.
    """
    for clock in book.running():
        rule = book.rule_of(clock)
        flagged = clock.flagged or book.view.flagged
        cap = clock.cap
        # The 15 days are not cut short by a ground; the clock that runs until the ground's end has its cap already.
        capped = rule.cap == "ground_end" and (cap is not None or not rule.maximum)
        if capped and book.view.ground_end is not None:
            cap = min(cap or book.view.ground_end, book.view.ground_end)
        terms = book.terms(rule, clock, flagged=flagged, cap=cap)
        if clock.status == "paused" and terms.kind != "design":
            book.forced_on(clock, terms, now)
            continue
        why = _difference(clock, terms, flagged=flagged)
        if why is None:
            if flagged != clock.flagged:
                book.put(clock.model_copy(update={"flagged": True}))
            continue
        marked = clock.model_copy(update={"flagged": flagged})
        if why != "risk":
            book.replan(marked, terms, now, why)
            continue
        moved = book.replan(marked, terms, now, "risk_raised")
        if moved.due_at > clock.due_at:
            book.put(clock)
            if clock.due_at > now:
                book.replan(marked, terms, now, "risk_lowered")


def _difference(clock: Clock, terms: Terms, *, flagged: bool) -> str | None:
    """Return why a clock's terms are no longer those it runs under, or None."""
    if flagged != clock.flagged and str(terms.variant.when) != clock.variant:
        return "flagged"
    if terms.kind != clock.kind:
        return "emergency" if terms.kind == "design" else "emergency_over"
    if str(terms.variant.when) != clock.variant:
        return "risk" if terms.variant.when.risk or "R" in clock.variant else "flagged"
    return "ground_ends" if terms.cap != clock.cap else None


def recompute(
    clocks: Sequence[Clock],
    view: CaseView,
    now: datetime,
    calendar: Calendar,
    known: Mapping[str, Protocol],
    *,
    to_protocol: Protocol | None = None,
    overrides: Overrides | None = None,
) -> Changes:
    """Re-plan every running clock under a changed calendar, or migrate it to another protocol, and say what moved.

    For an operator's command, never by itself. Clocks whose limit has passed stay as they are: their breach is on
    record.

    Args:
        clocks: every clock of the case.
        view: the case as it stands.
        now: when the command is recorded.
        calendar: the version to compute with.
        known: protocol versions by name.
        to_protocol: the version to go over to; without it every clock keeps its own.
        overrides: local limits.

    Raises:
        ProtocolError: a version is missing, or the new one lacks a deadline that is running.
    """
    protocol = to_protocol or next(iter(known.values()))
    book = Book(clocks, view, protocol, calendar, overrides=overrides or Overrides(), known=known)
    for clock in book.running():
        if clock.due_at <= now:
            continue
        moving = clock if to_protocol is None else clock.model_copy(update={"protocol_version": to_protocol.version})
        terms = book.terms_kept(moving)
        again = book.replan(moving, terms, now, "recomputed")
        if _same_instants(clock, again):
            book.put(clock)
    return book.changes()


def _same_instants(one: Clock, other: Clock) -> bool:
    return (one.due_at, one.statutory_due_at, one.rungs, one.protocol_version) == (
        other.due_at,
        other.statutory_due_at,
        other.rungs,
        other.protocol_version,
    )


def uncovered(view: CaseView, clocks: Sequence[Clock], protocol: Protocol) -> tuple[str, ...]:
    """Return the states, as region.state, that should have a running deadline and have none (invariant 11).

    Every live state of the process is asked about, and every other state some row of the protocol answers for.
    """
    if view.standing.process in ENDED:
        return ()
    open_codes = {clock.code for clock in clocks if clock.status == "open"}
    answering: dict[str, set[str]] = {f"process.{state}": set() for state in LIVE}
    for rule in protocol.rows:
        for state in rule.covers:
            answering.setdefault(state, set()).add(rule.code)
    states = (f"{region}.{getattr(view.standing, region)}" for region in ("process", "protection", "ban", "custody"))
    return tuple(state for state in states if state in answering and not answering[state] & open_codes)
