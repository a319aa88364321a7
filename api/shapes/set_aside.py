"""What was set aside of the reports by anybody, as whoever judges it is shown it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output, PersonRef
from models.forms.base import Coded

State = Literal["waiting", "put_away", "taken_in"]


class SetAsideOut(Output):
    """One of them, without a word of it. As a report it has the same ``id``.

    ``state``: ``waiting``; ``let_in`` for the moment until it is taken in; ``put_away``; ``taken_in``. ``goes_in_at``:
    when it goes in by itself, while it waits. ``decided_by`` is null where it went in by itself.
    """

    id: UUID
    state: Literal["waiting", "let_in", "put_away", "taken_in"]
    received_at: Moment
    reasons: list[str]
    flagged: bool
    goes_in_at: Moment | None
    decided_by: PersonRef | None
    decided_at: Moment | None
    put_away_as: str | None
    taken_in_at: Moment | None


class SetAsideRead(SetAsideOut):
    """One of them with what was told; null once it is a report, where it is read from then on.

    ``informant``: somebody gave a name or number. It is shown to nobody before it is a report.
    """

    content: dict[str, Any] | None
    informant: bool


class PutAwayIn(Input):
    """Why something is no report."""

    reason: Annotated[str, Coded("put_away_reasons")]
