"""Reports: the receipt of one, and one as it was taken down."""

from typing import Any
from uuid import UUID

from api.shapes.base import Moment, Output, PersonRef, UnitRef
from api.shapes.cases import DeadlineOut, StateOut


class OpenedCase(Output):
    """One case a report opened: for which of its children, where it stands, and every deadline that runs."""

    id: UUID
    code: str
    child_index: int
    state: StateOut
    deadlines: list[DeadlineOut]


class ReceiptOut(Output):
    """The receipt of a report. The same request answers with the same receipt, whenever it is sent again."""

    id: UUID
    code: str
    received_at: Moment
    recorded_at: Moment
    flagged: bool
    cases: list[OpenedCase]


class LinkedCase(Output):
    """A case the report belongs to and the reader may read."""

    id: UUID
    code: str


class ReportOut(Output):
    """A report as it was taken down. The informant's identity is for the receiver and the Chair only."""

    id: UUID
    code: str
    received_at: Moment
    recorded_at: Moment
    channel: str
    flagged: bool
    trigger: str | None
    receiver: PersonRef
    receiver_unit: UnitRef
    content_hash: str
    content: dict[str, Any] | None
    withheld: bool
    cases: list[LinkedCase]
