"""One calendar version: which days are worked, and why the others are not.

Working days are Monday to Friday, minus public holidays and days in lieu, minus days swapped off, plus the Saturdays
worked instead (process.md §6.6.3 and §4.3). Days are days at Asia/Ho_Chi_Minh, where there is no daylight saving.
"""

from datetime import date, datetime, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_serializer, model_validator

TZ = ZoneInfo("Asia/Ho_Chi_Minh")
_DAY = timedelta(days=1)
_SATURDAY = 5


class CalendarError(ValueError):
    """A calendar was asked about a year it does not hold, or its data contradicts itself."""


class DayOff(BaseModel):
    """A weekday or weekend day that is off by decision; `why` is `holiday`, `in_lieu` or `swapped`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    why: Literal["holiday", "in_lieu", "swapped"]
    name_vi: str
    name_en: str


class Calendar(BaseModel):
    """The working days of one jurisdiction, as published on one day.

    `provisional` are the years whose swap decisions may still change; a limit that counts their days says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    jurisdiction: str
    published: date
    source: str
    years: tuple[int, ...]
    provisional: tuple[int, ...]
    days_off: dict[date, DayOff]
    working_weekend_days: frozenset[date]

    @field_serializer("working_weekend_days")
    def _in_order(self, days: frozenset[date]) -> list[date]:
        # A set's order changes from process to process, and what is stored of a calendar is compared by its hash.
        return sorted(days)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for day in (*self.days_off, *self.working_weekend_days):
            if day.year not in self.years:
                raise CalendarError(f"calendar {self.version} names {day} but does not hold the year {day.year}")
        both = self.working_weekend_days & self.days_off.keys()
        if both:
            raise CalendarError(f"calendar {self.version} calls {min(both)} a working day and a day off")
        for day in self.working_weekend_days:
            if day.weekday() < _SATURDAY:
                raise CalendarError(
                    f"calendar {self.version}: {day} is a weekday, so it cannot be a swapped weekend day"
                )
        return self

    def covers(self, day: date) -> bool:
        """Return whether this version holds the year of `day`."""
        return day.year in self.years

    def is_provisional(self, day: date) -> bool:
        """Return whether the year of `day` may still change."""
        return day.year in self.provisional

    def is_working_day(self, day: date) -> bool:
        """Return whether `day` is worked.

        Raises:
            CalendarError: the year is not in this version.
        """
        self._must_cover(day)
        if day in self.working_weekend_days:
            return True
        return day.weekday() < _SATURDAY and day not in self.days_off

    def day_off(self, day: date) -> DayOff | None:
        """Return the decision by which `day` is off, or None: a working day or an ordinary weekend day.

        Raises:
            CalendarError: the year is not in this version.
        """
        self._must_cover(day)
        return self.days_off.get(day)

    def on_or_after(self, day: date) -> date:
        """Return `day` if it is worked, else the first working day after it."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def next_working_day(self, day: date) -> date:
        """Return the first working day after `day`, whatever `day` itself is."""
        return self.on_or_after(day + _DAY)

    def add_working_days(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day`; before it, for a negative count; `day` itself for 0."""
        step = _DAY if count > 0 else -_DAY
        for _ in range(abs(count)):
            day += step
            while not self.is_working_day(day):
                day += step
        return day

    def _must_cover(self, day: date) -> None:
        if not self.covers(day):
            raise CalendarError(
                f"calendar {self.version} holds {min(self.years)} to {max(self.years)} and was asked about {day}: "
                f"the year {day.year} is missing. Add it to models/calendar/overrides.toml, run "
                "`python -m models.calendar.generate`, and load the new version",
            )


def local_date(instant: datetime) -> date:
    """Return the day at Asia/Ho_Chi_Minh in which a timezone-aware instant lies."""
    if instant.tzinfo is None:
        raise CalendarError("an instant without a timezone has no day")
    return instant.astimezone(TZ).date()
