"""Working days of Viet Nam: versioned data with a publication date, and the questions deadlines ask of it."""

from models.calendar.days import TZ, Calendar, CalendarError, DayOff, local_date
from models.calendar.registry import Calendars, calendar_at, load_calendar, load_calendars

__all__ = [
    "TZ",
    "Calendar",
    "CalendarError",
    "Calendars",
    "DayOff",
    "calendar_at",
    "load_calendar",
    "load_calendars",
    "local_date",
]
