"""One clock from its rule: the limit, the law's limit beside it, every rung's instants, and how all that was computed.

Everything the engine shows is computed here and only here, from what stands on the clock: start, amount, cap and
pauses. Computing twice gives the same; nothing is edited.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models.calendar import TZ, Calendar, local_date
from models.protocol.arithmetic import (
    Amount,
    delivery,
    end_of,
    last_day_of,
    limit_instant,
    skipped_days,
)
from models.protocol.overrides import Override
from models.protocol.rules import DeadlineRule, RungRule, Variant
from models.protocol.types import Explanation, Kind, Pause, Rung

BY_DATE = "date"
"""The `amount` of a clock whose limit is a day of the plan."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which limit and ladder a clock runs."""

    rule: DeadlineRule
    variant: Variant
    amount: Amount | None
    override: Override | None
    cap: date | None

    @property
    def kind(self) -> Kind:
        """Return the mark of this variant."""
        return self.variant.kind or self.rule.kind

    @property
    def shown_amount(self) -> str:
        """Return the amount that decides here, in words of the protocol."""
        if self.override is not None:
            return str(self.override.limit)
        return BY_DATE if self.amount is None else str(self.amount)


@dataclass(frozen=True, slots=True)
class Planned:
    """What was computed; the rungs have no lasting ordinals yet (see `merge_ladder`)."""

    due_at: datetime
    statutory_due_at: datetime | None
    rungs: tuple[Rung, ...]
    explanation: Explanation


def plan_clock(
    terms: Terms,
    start_event: str,
    started_at: datetime,
    pauses: tuple[Pause, ...],
    calendar: Calendar,
    *,
    moved_why: str | None = None,
) -> Planned:
    """Compute a clock.

    Args:
        terms: the rule, the variant that holds, the override, the date that caps it.
        start_event: what started it.
        started_at: when; it may lie ahead (the plan's clock in an emergency).
        pauses: of a design clock; those still going on do not count yet.
        calendar: the one in force.
        moved_why: the reason code, when this is a re-planning.

    Raises:
        CalendarError: a year is missing.
    """
    capped = end_of(terms.cap) if terms.cap is not None else None
    base_due = _due(terms, terms.amount, started_at, pauses, calendar)
    statutory = terms.kind == "statutory"
    if terms.override is None:
        due, amount = base_due, terms.amount
        rungs = _ladder(terms.variant.rungs, due, amount, calendar, statutory=statutory)
    else:
        amount = terms.override.limit
        # Shorter by amount, but pauses and caps could still bring the other limit first: the earlier one holds.
        due = min(base_due, _due(terms, amount, started_at, pauses, calendar))
        rungs = _ladder(terms.override.rungs, due, amount, calendar, statutory=statutory and due == base_due)
        if statutory and due < base_due:
            # The law's limit passing is another matter than the unit's own; what stood there or after it still stands.
            law = _ladder(terms.variant.rungs, base_due, terms.amount, calendar, statutory=True)
            rungs += [rung for rung in law if rung.due_at >= base_due]
    floor = [rung.model_copy(update=_not_before(rung, started_at)) for rung in rungs]
    ordered = sorted(floor, key=lambda rung: rung.due_at)
    counted = last_day_of(due) if amount is None or amount.elapsed is None else None
    first = local_date(started_at)
    explanation = Explanation(
        start_event=start_event,
        amount=terms.shown_amount,
        variant=str(terms.variant.when),
        first_counted=_first_counted(first, amount, calendar) if counted is not None and counted > first else None,
        last_counted=counted,
        skipped=skipped_days(started_at, counted, calendar) if amount and amount.unit == "WD" and counted else (),
        rolls=terms.rule.rolls,
        provisional=counted is not None and any(calendar.is_provisional(day) for day in (first, counted)),
        capped_by=terms.cap if capped is not None and capped == due else None,
        pauses=pauses,
        moved_why=moved_why,
    )
    return Planned(due, base_due if statutory else None, tuple(ordered), explanation)


def _due(
    terms: Terms,
    amount: Amount | None,
    started_at: datetime,
    pauses: tuple[Pause, ...],
    calendar: Calendar,
) -> datetime:
    capped = end_of(terms.cap) if terms.cap is not None else None
    if amount is None and capped is None:
        raise AssertionError(f"{terms.rule.code} has neither an amount nor a date")  # the rules refuse it on loading
    limits = [] if capped is None else [capped]
    if amount is not None:
        limits.append(limit_instant(started_at, amount, calendar, rolls=terms.rule.rolls))
    due = min(limits)
    # A pause was refused to a statutory or local clock; one that became statutory since runs by the law alone.
    for pause in pauses if terms.kind == "design" else ():
        due = _after_pause(due, pause, amount, calendar)
    # A plan may name a day that has passed when it is approved: the limit is then the start, not an instant before it.
    return max(due, started_at)


def _after_pause(due: datetime, pause: Pause, amount: Amount | None, calendar: Calendar) -> datetime:
    """Return a limit after a pause: what was left when it began is left when it ends."""
    if pause.until is None or pause.since >= due:
        return due
    if amount is not None and amount.elapsed is not None:
        return due + (pause.until - pause.since)
    last, until = last_day_of(due), local_date(pause.until)
    left = days_left(pause.since, last, amount, calendar)
    if amount is None or amount.unit != "WD":
        return end_of(until + timedelta(days=left))
    # With nothing but the day itself left, the day on which it goes on is the last, if it is worked.
    return end_of(calendar.add_working_days(until, left) if left else calendar.on_or_after(until))


def days_left(since: datetime, last: date, amount: Amount | None, calendar: Calendar) -> int:
    """Return the counted days after the day of `since` up to and with `last`."""
    day, left = local_date(since), 0
    while day < last:
        day += timedelta(days=1)
        left += amount is None or amount.unit != "WD" or calendar.is_working_day(day)
    return left


def remaining(since: datetime, due: datetime, amount: Amount | None, calendar: Calendar) -> str:
    """Return what is left of a clock at an instant, in the protocol's words: "95 min", "2 WD"."""
    if amount is not None and amount.elapsed is not None:
        return f"{int((due - since).total_seconds()) // 60} min"
    unit = "WD" if amount is not None and amount.unit == "WD" else "CD"
    return f"{days_left(since, last_day_of(due), amount, calendar)} {unit}"


def pause_end(since: datetime, working_days: int, calendar: Calendar) -> datetime:
    """Return when a pause of so many working days ends: the same time of day, that many working days on."""
    local = since.astimezone(TZ)
    return datetime.combine(calendar.add_working_days(local.date(), working_days), local.time(), TZ)


def _first_counted(first: date, amount: Amount | None, calendar: Calendar) -> date:
    if amount is not None and amount.unit == "WD":
        return calendar.next_working_day(first)
    return first + timedelta(days=1)


def _ladder(
    rules: tuple[RungRule, ...],
    due: datetime,
    amount: Amount | None,
    calendar: Calendar,
    *,
    statutory: bool,
) -> list[Rung]:
    in_days = amount is None or amount.elapsed is None
    rungs = []
    for ordinal, rule in enumerate(rules):
        at = rule.at.instant(due, amount, calendar)
        ends_a_day = in_days and rule.at.is_limit(amount) and at == end_of(last_day_of(at))
        rungs.append(
            Rung(
                ordinal=ordinal,
                level=rule.level,
                at=rule.at.text,
                due_at=at,
                deliver_at=delivery(rule.level, at, calendar, ends_a_day=ends_a_day),
                breach=rule.breach,
                statutory=rule.breach and statutory,
                condition=rule.condition,
                then=rule.then,
                also=rule.also,
                asks=rule.asks,
            ),
        )
    return rungs


def _not_before(rung: Rung, started_at: datetime) -> dict[str, datetime]:
    return {"due_at": max(rung.due_at, started_at), "deliver_at": max(rung.deliver_at, started_at)}


def merge_ladder(
    old: tuple[Rung, ...],
    fired: tuple[int, ...],
    new: tuple[Rung, ...],
    now: datetime,
    *,
    again: bool = False,
) -> tuple[Rung, ...]:
    """Return the ladder of a re-planned clock: rungs that fired stay, ordinals are never used twice.

    A planned rung that is still in the new ladder keeps its ordinal and gets the new instants. One that fired is not
    planned again, and a rung of another ladder that is due already and whose level was told by a fired rung without a
    counterpart is not told again. What is left gets fresh ordinals, and where its instant has passed it fires at
    once. A breach rung is never dropped unless it fired.

    Args:
        old: the clock's ladder.
        fired: what of it fired or was passed over.
        new: the ladder as computed now.
        now: when the re-planning is recorded.
        again: a rung that fired and whose new instant lies ahead comes again (a longer limit by a lower risk: the
            reminder before the old limit is none before the new one).
    """
    kept = [rung for rung in old if rung.ordinal in fired]
    loose = list(old)
    counterparts: list[Rung | None] = []
    for rung in new:
        same = next((one for one in loose if _same_place(one, rung)), None)
        if same is not None:
            loose.remove(same)
        counterparts.append(same)
    told = [rung for rung in loose if rung.ordinal in fired]
    ordinal = max((rung.ordinal for rung in old), default=-1)
    result = list(kept)
    for rung, same in zip(new, counterparts, strict=True):
        if same is not None and same.ordinal not in fired:
            result.append(rung.model_copy(update={"ordinal": same.ordinal}))
            continue
        if same is not None and not (again and rung.due_at > now):
            continue
        covered = next((one for one in told if one.level == rung.level), None)
        if same is None and covered is not None and not rung.breach and rung.due_at <= now:
            told.remove(covered)
            continue
        ordinal += 1
        result.append(rung.model_copy(update={"ordinal": ordinal}))
    return tuple(sorted(result, key=lambda rung: (rung.due_at, rung.ordinal)))


def _same_place(one: Rung, other: Rung) -> bool:
    return (one.level, one.at, one.breach, one.statutory, one.then) == (
        other.level,
        other.at,
        other.breach,
        other.statutory,
        other.then,
    )
