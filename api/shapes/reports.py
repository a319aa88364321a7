"""Reports: the receipt of one, and one as it was taken down."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import model_validator

from api.shapes.base import Input, Moment, Output, PersonRef, UnitRef
from api.shapes.cases import DeadlineOut, StateOut
from models.forms.base import Coded, Wording, refused, says


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
    """A report as it was taken down, without the informant.

    ``by_system``: the receiver is an agency's system; what it calls the report stands in ``content.reference``.
    ``informant``: who informed is on record, and the reader may open it (``POST …/informant/readings``).
    ``erased``: its key was destroyed, nobody can read it any more.
    """

    id: UUID
    code: str
    received_at: Moment
    recorded_at: Moment
    channel: str
    flagged: bool
    trigger: str | None
    receiver: PersonRef
    by_system: bool
    receiver_unit: UnitRef
    content_hash: str
    content: dict[str, Any] | None
    withheld: bool
    erased: bool
    informant: bool
    cases: list[LinkedCase]


class InformantOut(Output):
    """Who informed. For the eyes of whoever gave a reason, and nobody else."""

    report_id: UUID
    reading_id: UUID
    name: str | None
    phone: str | None
    address: str | None
    relation: str | None
    note: str | None
    sealed: bool


class InformantReadingInput(Input):
    """Why somebody has to know who informed: a code, and in words where the code is no answer."""

    purpose: Annotated[Annotated[str, Coded("informant_purposes")], says("Lý do xem", "Why it is opened")]
    note: Annotated[Wording | None, says("Giải thích", "In words")] = None

    @model_validator(mode="after")
    def _other_needs_words(self) -> Self:
        if self.purpose == "OTHER" and self.note is None:
            raise refused("reason-missing", "Another reason has to be given in words.")
        return self
