"""Attachments: what a reader may know of one, and its chain of custody."""

from typing import Annotated, Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output, PersonRef, Text
from models.forms.base import Line, Wording, says

State = Literal["unscanned", "quarantined", "clean", "infected"]


class CustodyOut(Output):
    """One link of the chain of custody. ``to`` and ``note`` are for whoever may open the file."""

    sequence: int
    what: str
    label: Text
    at: Moment
    by: PersonRef | None
    to: str | None
    note: str | None
    hash: str


class AttachmentOut(Output):
    """A file of a case. ``name`` and ``sha256`` are null where it is ``withheld`` or ``erased``.

    ``state``: ``unscanned`` says plainly that nobody looked for harmful content. ``custody`` is null in a list.
    """

    id: UUID
    kind: str
    label: Text
    data_class: str
    media_type: str
    size: int
    state: State
    author: PersonRef
    created_at: Moment
    withheld: bool
    erased: bool
    name: str | None
    sha256: str | None
    custody: list[CustodyOut] | None


class CustodyInput(Input):
    """What was done with the original: handed over to somebody, or put under seal."""

    what: Literal["HANDED_OVER", "SEALED"]
    to: Annotated[Line | None, says("Người, cơ quan nhận", "Handed to")] = None
    note: Annotated[Wording | None, says("Ghi chú", "Note")] = None
