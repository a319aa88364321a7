"""What the audit says of itself: codes, ids and instants; no case content."""

from datetime import datetime
from uuid import UUID

from api.shapes.base import Output, PersonRef, Text, UnitRef


class TimerOut(Output):
    """By what rule a clock acted: its code, the limit, and the versions it was computed with."""

    rule: str
    limit: datetime
    protocol: str
    calendar: str


class AuditOut(Output):
    """One entry. ``actor`` is null for an act of a clock and for a sign-in of nobody known.

    ``link`` is its place in its case's chain. ``reason_given`` says that there are words, which are not shown here.
    """

    id: UUID
    at: datetime
    actor: PersonRef | None
    role: str
    action: str
    label: Text
    record: str
    record_id: UUID | None
    case_code: str | None
    outcome: str
    code: str | None
    purpose: str | None
    reason_given: bool
    origin: str | None
    timer: TimerOut | None
    link: int | None


class AccessPersonOut(Output):
    """Somebody who read a file or acted on it, in one position."""

    person: PersonRef
    role: str
    role_label: Text
    unit: UnitRef | None
    first_at: datetime
    last_at: datetime
    entries: int


class AccessOut(Output):
    """One time somebody read a file, acted on it, or was refused."""

    at: datetime
    person: PersonRef
    role: str
    unit: UnitRef | None
    action: str
    label: Text
    record: str
    outcome: str
    purpose: Text | None
    reason: str | None


class AccessReportOut(Output):
    """Who had to do with one child's file: everybody once, and a page of every single time, the newest first."""

    case_code: str
    at: datetime
    people: list[AccessPersonOut]
    items: list[AccessOut]
    next: str | None
