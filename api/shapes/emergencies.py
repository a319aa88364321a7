"""Breaking the glass: asking, confirming, reviewing."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.shapes.base import Input, Moment, Output, PersonRef, UnitRef
from models.forms.base import Coded, Text

Standing = Literal["asked", "open", "ended", "lapsed"]


class BreakGlassIn(Input):
    """Why somebody must look into a case that is not theirs, and for how long.

    ``minutes``: at most what the protocol in force allows (``break_glass_longest``), and as much where it is left out.
    """

    reason: Annotated[str, Coded("break_glass_reasons")]
    note: Annotated[Text, Field(description="What happened, in words; read by the holding unit's head of office.")]
    minutes: Annotated[int, Field(ge=5, strict=True)] | None = None


class ReviewIn(Input):
    """What looking at it afterwards found."""

    finding: Annotated[str, Coded("break_glass_findings")]
    note: Text


class BreakGlassOut(Output):
    """One grant, asked for or given. No word of the case but its code.

    ``note`` and ``finding_note`` are null for readers who see codes only. ``standing``: ``asked`` for, ``open`` now,
    ``ended``, or ``lapsed`` because nobody confirmed it in time. ``review_overdue``: nobody has looked at it by then.
    """

    id: UUID
    case_code: str
    unit: UnitRef | None
    person: PersonRef
    role: str
    reason: str
    note: str | None
    minutes: int
    standing: Standing
    asked_at: Moment
    confirmed_by: PersonRef | None
    confirmed_at: Moment | None
    ends_at: Moment | None
    review_due_at: Moment | None
    review_overdue: bool
    reviewed_by: PersonRef | None
    reviewed_at: Moment | None
    finding: str | None
    finding_note: str | None
