"""When a provider is open: windows by day of the week and on public holidays, or day and night.

Written as an officer writes it: ``T2-T6 07:30-11:30, 13:30-17:00; T7 07:30-11:30``. ``T2`` is Monday, ``CN`` Sunday,
``L`` a public holiday; ``Mon`` to ``Sun`` and ``PH`` are read as well. A window may run over midnight
(``22:00-06:00``): it belongs to the day on which it begins. Times are those of Asia/Ho_Chi_Minh, which has no daylight
saving.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Final, Self

from models.calendar import TZ, Calendar, local_date

DAYS: Final = ("T2", "T3", "T4", "T5", "T6", "T7", "CN", "L")
"""The days as they are written: Monday to Sunday, and the public holiday."""

_ENGLISH: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "PH")
_DAY_OF: Final = {name.casefold(): day for names in (DAYS, _ENGLISH) for day, name in enumerate(names)}
_FRIDAY, _HOLIDAY = 4, 7
_MIDNIGHT: Final = 24 * 60
_WINDOW: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d) ?- ?([01]\d|2[0-4]):([0-5]\d)")
_LONGEST: Final = 400
_DAYS_AHEAD: Final = 60
"""How far an opening is looked for: longer than any run of days off."""


class HoursError(ValueError):
    """Opening hours that cannot be read. ``code`` says why, and never repeats what was typed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From when to when, in minutes of the day; ``end`` is past 1,440 where it runs over midnight."""

    start: int
    end: int

    def __str__(self) -> str:
        end = self.end if self.end <= _MIDNIGHT else self.end - _MIDNIGHT
        return f"{_clock(self.start)}-{_clock(end)}"


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours: for each of ``DAYS``, its windows in order, none over another."""

    days: tuple[tuple[Window, ...], ...] = ((),) * len(DAYS)

    def __post_init__(self) -> None:
        if len(self.days) != len(DAYS):
            raise HoursError("hours-day")
        for windows in self.days:
            for one, other in pairwise(windows):
                if other.start < one.end:
                    raise HoursError("hours-overlap")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what was written.

        Raises:
            HoursError: ``hours-format``, ``hours-day``, ``hours-window``, ``hours-overlap`` or ``hours-day-twice``.
        """
        if len(text) > _LONGEST:
            raise HoursError("hours-format")
        days: list[tuple[Window, ...]] = [()] * len(DAYS)
        for group in filter(None, (part.strip() for part in text.split(";"))):
            named, _, windows = group.partition(" ")
            read = tuple(sorted(_windows(windows)))
            for day in _days(named):
                if days[day]:
                    raise HoursError("hours-day-twice")
                days[day] = read
        return cls(tuple(days))

    def __str__(self) -> str:
        groups = []
        for windows, run in groupby(range(len(DAYS)), lambda day: (self.days[day], day == _HOLIDAY)):
            named = [DAYS[day] for day in run]
            if windows[0]:
                first_to_last = named[0] if len(named) == 1 else f"{named[0]}-{named[-1]}"
                groups.append(f"{first_to_last} {', '.join(map(str, windows[0]))}")
        return "; ".join(groups)

    def __bool__(self) -> bool:
        return any(self.days)

    def open_at(self, at: datetime, calendar: Calendar) -> bool:
        """Whether it is open at an instant: the first minute of a window is in, its end is not.

        Args:
            at: timezone-aware.
            calendar: the working calendar in force. A public holiday, a day in lieu and a day swapped off have the
                hours of ``L``; a weekend day worked instead has Friday's. In a year it does not hold, every day is an
                ordinary one: whoever looks for help is given an answer.
        """
        day = local_date(at)
        minute = _minute(at)
        today = self._of(day.toordinal(), calendar)
        yesterday = self._of(day.toordinal() - 1, calendar)
        return any(one.start <= minute < one.end for one in today) or any(
            minute < one.end - _MIDNIGHT for one in yesterday
        )

    def next_opening(self, at: datetime, calendar: Calendar) -> datetime | None:
        """The first instant from ``at`` on at which it is open; None where that is not within 60 days."""
        if self.open_at(at, calendar):
            return at
        first = local_date(at)
        for ahead in range(_DAYS_AHEAD):
            day = first + timedelta(days=ahead)
            for window in self._of(day.toordinal(), calendar):
                begins = datetime.combine(day, time(), TZ) + timedelta(minutes=window.start)
                if begins >= at:
                    return begins
        return None

    def _of(self, ordinal: int, calendar: Calendar) -> tuple[Window, ...]:
        day = datetime.fromordinal(ordinal).date()
        if not calendar.covers(day):
            return self.days[day.weekday()]
        if day in calendar.working_weekend_days:
            return self.days[_FRIDAY]
        return self.days[day.weekday() if calendar.day_off(day) is None else _HOLIDAY]


def _days(named: str) -> Iterator[int]:
    for part in named.split("/"):
        first, dash, last = part.partition("-")
        try:
            begin, end = _DAY_OF[first.casefold()], _DAY_OF[(last if dash else first).casefold()]
        except KeyError:
            raise HoursError("hours-day") from None
        if end < begin or (end == _HOLIDAY and begin != _HOLIDAY):
            raise HoursError("hours-day")
        yield from range(begin, end + 1)


def _windows(text: str) -> Iterator[Window]:
    for part in text.split(","):
        read = _WINDOW.fullmatch(part.strip())
        if read is None:
            raise HoursError("hours-format")
        hour, minute, to_hour, to_minute = map(int, read.groups())
        start, end = hour * 60 + minute, to_hour * 60 + to_minute
        if start >= _MIDNIGHT or end > _MIDNIGHT or start == end:
            raise HoursError("hours-window")
        yield Window(start, end if end > start else end + _MIDNIGHT)


def _minute(at: datetime) -> int:
    local = at.astimezone(TZ)
    return local.hour * 60 + local.minute


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
