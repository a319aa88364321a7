"""From a start and an amount to an instant: the clock rules of process.md §6.6, and nothing else.

Hours and minutes are elapsed time, day and night. Days are counted at Asia/Ho_Chi_Minh; the first day is not counted
(Civil Code, process.md [V55]) and the last one ends at 24:00, which is the next day's 00:00. All results are in UTC.
"""

import calendar as gregorian
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Self, cast

from models.calendar import TZ, Calendar, local_date
from models.protocol.types import Level, SkippedDay

Unit = Literal["min", "H", "WD", "CD", "MONTH"]
"""Minutes and hours elapsed, working days, calendar days, months."""

MORNING = time(8)
"""When a day's rungs fire and the office reads its notices (lifecycle.md, "Deadlines of a case")."""

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_HUNDRED = 100
_AMOUNT = re.compile(r"(\d+) (min|H|WD|CD|MONTH)")
_AT = re.compile(r"(?P<sign>[+-]?)(?P<value>\d+) (?P<unit>min|H|WD|CD|%)")
_TOLD_AT_ONCE = ("E3", "E4")


class ProtocolError(ValueError):
    """A protocol, an override or a request to the engine that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A length of time: a positive whole number and its unit."""

    value: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ProtocolError(f"an amount of {self.value} {self.unit} is no length of time")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "30 min", "12 H", "5 WD", "15 CD" or "6 MONTH"."""
        found = _AMOUNT.fullmatch(text)
        if found is None:
            raise ProtocolError(f"{text!r} is no amount; write a number, a space, and min, H, WD, CD or MONTH")
        return cls(int(found[1]), cast("Unit", found[2]))

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"

    @property
    def elapsed(self) -> timedelta | None:
        """Return the length in elapsed time, or None for days and months."""
        if self.unit == "min":
            return timedelta(minutes=self.value)
        return timedelta(hours=self.value) if self.unit == "H" else None

    @property
    def span(self) -> timedelta:
        """Return the length in elapsed time.

        Raises:
            ProtocolError: it is one of days or months.
        """
        if self.elapsed is None:
            raise ProtocolError(f"{self} is not counted in hours or minutes")
        return self.elapsed

    def never_longer_than(self, other: "Amount") -> bool:
        """Return whether this amount ends no later than `other`, whatever the start and the calendar.

        What cannot be shown for every start (working days against calendar days, at Tết) counts as longer.
        """
        mine, others = self.elapsed, other.elapsed
        if mine is not None:
            # n days end at least n whole days after the start, because the first one is not counted.
            return mine <= (others if others is not None else timedelta(days=other.at_least_days))
        if others is not None:
            return False
        if self.unit == other.unit:
            return self.value <= other.value
        # A working day is never shorter than a calendar day; a month has at least 28 days.
        return self.unit == "CD" and self.value <= other.at_least_days

    @property
    def at_least_days(self) -> int:
        """Return the fewest whole days this amount of days can take."""
        return self.value * 28 if self.unit == "MONTH" else self.value


def end_of(day: date) -> datetime:
    """Return 24:00 of a day at Asia/Ho_Chi_Minh."""
    return datetime.combine(day + _DAY, time(), TZ).astimezone(UTC)


def morning_of(day: date) -> datetime:
    """Return 08:00 of a day at Asia/Ho_Chi_Minh."""
    return datetime.combine(day, MORNING, TZ).astimezone(UTC)


def after_night(at: datetime, begins: time, ends: time) -> datetime:
    """Return an instant, or the end of the night it lies in (lifecycle.md, `forensic_examination`).

    Args:
        at: timezone-aware.
        begins: time of day at Asia/Ho_Chi_Minh from which it is night; it lasts over midnight.
        ends: time of day at which it is over.
    """
    local = at.astimezone(TZ)
    if local.time() >= begins:
        return datetime.combine(local.date() + _DAY, ends, TZ).astimezone(UTC)
    return datetime.combine(local.date(), ends, TZ).astimezone(UTC) if local.time() < ends else at


def last_day_of(due: datetime) -> date:
    """Return the day in which a limit lies; a limit at 24:00 lies in the day that ends there."""
    return local_date(due - _MICROSECOND)


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, gregorian.monthrange(year, month + 1)[1]))


def last_counted(start: datetime, amount: Amount, calendar: Calendar) -> date:
    """Return the last day of an amount in days or months from `start`, the first day not counted."""
    first = local_date(start)
    if amount.unit == "WD":
        return calendar.add_working_days(first, amount.value)
    if amount.unit == "CD":
        return first + timedelta(days=amount.value)
    if amount.unit == "MONTH":
        return add_months(first, amount.value)
    raise ProtocolError(f"{amount} has no counted days")


def limit_instant(start: datetime, amount: Amount, calendar: Calendar, *, rolls: bool = False) -> datetime:
    """Return the instant at which `amount` from `start` ends.

    Args:
        start: timezone-aware.
        amount: elapsed for min and H; counted days, ended at 24:00, for the others.
        calendar: asked for working days only.
        rolls: a limit in calendar days or months that ends on a rest day ends on the next working day instead. Never
            for a maximum on liberty or a ban, and not for the case's own clocks (process.md §6.6.4).

    Raises:
        CalendarError: the calendar does not hold a year that has to be counted.
    """
    if start.tzinfo is None:
        raise ProtocolError("an instant without a timezone cannot start a clock")
    if amount.elapsed is not None:
        return start.astimezone(UTC) + amount.elapsed
    last = last_counted(start, amount, calendar)
    return end_of(calendar.on_or_after(last) if rolls else last)


def skipped_days(start: datetime, last: date, calendar: Calendar) -> tuple[SkippedDay, ...]:
    """Return the days after `start` up to `last` that are not working days, each with its reason."""
    skipped = []
    day = local_date(start) + _DAY
    while day <= last:
        if not calendar.is_working_day(day):
            off = calendar.day_off(day)
            if off is None:
                skipped.append(SkippedDay(day=day, why="weekend"))
            else:
                skipped.append(SkippedDay(day=day, why="holiday", name_vi=off.name_vi, name_en=off.name_en))
        day += _DAY
    return tuple(skipped)


@dataclass(frozen=True, slots=True)
class At:
    """Where a rung stands on its clock.

    "limit"; "8 H", "4 WD", "10 CD" from the start; "75 %" of the limit; "+2 WD" after it; "-24 H" before it.
    """

    text: str
    sign: Literal["", "+", "-"]
    value: int
    unit: Literal["min", "H", "WD", "CD", "%", "limit"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one of the forms above.

        Raises:
            ProtocolError: none of them.
        """
        if text == "limit":
            return cls(text, "", 0, "limit")
        found = _AT.fullmatch(text)
        if found is None or (found["unit"] == "%" and found["sign"]):
            raise ProtocolError(
                f"{text!r} is no place for a rung; write e.g. 'limit', '8 H', '75 %', '+2 WD' or '-24 H'"
            )
        return cls(text, found["sign"], int(found["value"]), found["unit"])  # type: ignore[arg-type]

    def is_limit(self, amount: Amount | None) -> bool:
        """Return whether this is the limit itself."""
        if self.unit == "limit" or (self.unit == "%" and self.value == _HUNDRED):
            return True
        return amount is not None and not self.sign and self.from_start(amount) == amount

    def is_after(self, amount: Amount | None) -> bool:
        """Return whether this lies after the limit of a clock of `amount`."""
        if self.sign or self.unit == "limit":
            return self.sign == "+"
        return amount is not None and _is_positive(_behind(self.from_start(amount), amount))

    def check(self, amount: Amount | None) -> None:
        """Refuse a place that means nothing on a clock of `amount`; None is a clock whose limit is a date.

        Raises:
            ProtocolError: saying which and why.
        """
        if self.unit == "limit" or self.sign:
            return
        if amount is None or amount.unit == "MONTH":
            raise ProtocolError(f"rung {self.text!r}: a clock in months, or up to a date, has rungs by its limit only")
        _behind(self.from_start(amount), amount)

    def instant(self, due: datetime, amount: Amount | None, calendar: Calendar) -> datetime:
        """Return when this rung fires on a clock of `amount` that ends at `due`.

        Counted back and forth from the limit, which is the same as from the start until a pause moves the limit: then
        the rungs keep their distance to it. Day rungs fire at 08:00 of their day, before the limit and after it.
        """
        if self.is_limit(amount):
            return due
        if self.sign:
            return self._beside(due, self.value if self.sign == "+" else -self.value, amount, calendar)
        if amount is None:
            raise ProtocolError(f"rung {self.text!r} needs an amount")
        behind = _behind(self.from_start(amount), amount)
        if isinstance(behind, timedelta):
            return due + behind
        return _morning(last_day_of(due), behind, amount.unit, calendar)

    def _beside(self, due: datetime, count: int, amount: Amount | None, calendar: Calendar) -> datetime:
        if self.unit in ("min", "H"):
            return due + (timedelta(minutes=count) if self.unit == "min" else timedelta(hours=count))
        if count < 0 and self.unit == "CD" and amount is not None and amount.elapsed is not None:
            # The day before the end of an hour clock is 24 hours before it, not the morning of the day before.
            return due + timedelta(days=count)
        return _morning(last_day_of(due), count, self.unit, calendar)

    def from_start(self, amount: Amount) -> Amount:
        """Return the distance from the start of a clock of `amount`, for a place given that way or in percent."""
        if self.unit != "%":
            return Amount(self.value, cast("Unit", self.unit))
        if amount.elapsed is not None:
            # Whole minutes: 90 % of 24 H is 21 h 36 min.
            return _same(Amount(int(amount.elapsed.total_seconds()) * self.value // (60 * _HUNDRED), "min"), amount)
        days, rest = divmod(amount.value * self.value, _HUNDRED)
        if rest:
            raise ProtocolError(f"rung {self.text!r} of {amount} falls between two days")
        return Amount(days, amount.unit)


def _same(part: Amount, whole: Amount) -> Amount:
    return whole if part.elapsed == whole.elapsed else part


def _behind(place: Amount, limit: Amount) -> timedelta | int:
    """Return how far `place` lies behind `limit`, in elapsed time or in days; negative before it."""
    mine, whole = place.elapsed, limit.elapsed
    if mine is not None and whole is not None:
        return mine - whole
    if mine is None and whole is None and place.unit == limit.unit:
        return place.value - limit.value
    raise ProtocolError(f"a rung at {place} cannot be placed on a clock of {limit}")


def _morning(day: date, count: int, unit: str, calendar: Calendar) -> datetime:
    if unit == "WD":
        return morning_of(calendar.add_working_days(day, count))
    return morning_of(day + timedelta(days=count))


def delivery(level: Level, at: datetime, calendar: Calendar, *, ends_a_day: bool) -> datetime:
    """Return when a rung is delivered: what falls at 24:00 of a day waits for the next office morning below E3.

    Args:
        level: E3 and E4 are told at midnight too.
        at: when the rung fires.
        calendar: for the next working day.
        ends_a_day: the rung is the limit of a clock in days; rungs of hour clocks never wait.
    """
    if not ends_a_day or level in _TOLD_AT_ONCE:
        return at
    return morning_of(calendar.on_or_after(local_date(at)))


def _is_positive(behind: timedelta | int) -> bool:
    return behind > timedelta() if isinstance(behind, timedelta) else behind > 0
