"""What anybody may tell without signing in, and what they are told about it."""

from typing import Annotated, Literal

from pydantic import Field

from api.shapes.base import Input, Moment, Output
from models.forms.base import Count, Flag, Line, LongText, UnitCode


class PublicReportIn(Input):
    """A report by anybody. Only what happened is needed; without name and phone it is taken in anonymously.

    ``danger``: the child is in danger now; it is taken in as an emergency.
    """

    happened: LongText
    danger: Flag = False
    commune: UnitCode | None = None
    place: Line | None = None
    child_name: Line | None = None
    child_age: Annotated[Count, Field(ge=0, le=18)] | None = None
    name: Line | None = None
    phone: Line | None = None


class PublicReceiptOut(Output):
    """The receipt: the code is shown this once, and only a hash of it is kept."""

    code: str
    received_at: Moment


class ReceiptIn(Input):
    """A receipt's code, however it is typed."""

    code: Annotated[str, Field(min_length=1, max_length=80)]


class StandingOut(Output):
    """Where a report stands, and nothing else of it: received, taken up by somebody, handled."""

    standing: Literal["received", "taken_up", "handled"]
