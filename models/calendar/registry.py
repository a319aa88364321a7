"""The calendar versions that exist side by side, read from JSON files beside this module."""

import json
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.calendar.days import Calendar, CalendarError, DayOff, local_date

DATA = Path(__file__).parent / "data"


class Calendars(BaseModel):
    """Every loaded version, the oldest publication first."""

    model_config = ConfigDict(frozen=True)

    versions: tuple[Calendar, ...]

    def get(self, version: str | None = None) -> Calendar:
        """Return the named version, or the newest published one.

        Raises:
            CalendarError: no such version; the message names those there are.
        """
        if version is None:
            return self.versions[-1]
        for calendar in self.versions:
            if calendar.version == version:
                return calendar
        known = ", ".join(calendar.version for calendar in self.versions)
        raise CalendarError(f"there is no calendar {version!r}; loaded are: {known}")

    def at(self, instant: datetime) -> Calendar:
        """Return the newest version published by the day of `instant`.

        Before the first publication it is the first version: an old case still needs a calendar, and a drill may play
        in any year that some version holds.
        """
        day = local_date(instant)
        published = [calendar for calendar in self.versions if calendar.published <= day]
        return published[-1] if published else self.versions[0]


def read_calendar(path: Path) -> Calendar:
    """Read one JSON data file, as `models.calendar.generate` writes it."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Calendar(
        version=raw["version"],
        jurisdiction=raw["jurisdiction"],
        published=raw["published"],
        source=raw["source"],
        years=tuple(year["year"] for year in raw["years"]),
        provisional=tuple(year["year"] for year in raw["years"] if year["provisional"]),
        days_off={off.day: off for year in raw["years"] for off in map(DayOff.model_validate, year["days_off"])},
        working_weekend_days=frozenset(day for year in raw["years"] for day in year["working_weekend_days"]),
    )


def load_calendars(directory: Path = DATA) -> Calendars:
    """Read every version of a directory.

    Raises:
        CalendarError: none there, or one version or publication date twice, so that "newest" would be a guess.
    """
    versions = sorted(map(read_calendar, directory.glob("*.json")), key=lambda calendar: calendar.published)
    if not versions:
        raise CalendarError(f"no calendar in {directory}; run `python -m models.calendar.generate`")
    for one, other in pairwise(versions):
        if one.published == other.published:
            raise CalendarError(f"calendars {one.version} and {other.version} were both published on {one.published}")
    if len({calendar.version for calendar in versions}) < len(versions):
        raise CalendarError(f"a calendar version stands twice in {directory}")
    return Calendars(versions=tuple(versions))


@lru_cache(maxsize=1)
def _shipped() -> Calendars:
    return load_calendars()


def load_calendar(version: str | None = None) -> Calendar:
    """Return a shipped version, by default the newest published."""
    return _shipped().get(version)


def calendar_at(instant: datetime) -> Calendar:
    """Return the shipped version in force at a timezone-aware instant."""
    return _shipped().at(instant)
