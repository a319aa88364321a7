"""Attachments: what a reader may know of one, and its chain of custody."""

from typing import Annotated, Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output, PersonRef, Text, UnitRef
from models.forms.base import Line, Wording, says

State = Literal["unscanned", "quarantined", "clean", "infected"]


class CustodyOut(Output):
    """One link of the chain of custody. ``to`` and ``note`` are for whoever may open the file.

    ``unit``: the office in which ``by`` did it: the agency, of what an agency did.
    """

    sequence: int
    what: str
    label: Text
    at: Moment
    by: PersonRef | None
    unit: UnitRef | None
    to: str | None
    note: str | None
    hash: str


class OfReferralOut(Output):
    """The referral a file came with, and its agency. ``code``: null where it is at a case one cannot read."""

    id: UUID
    code: str | None
    agency: UnitRef


class ShareOut(Output):
    """A file shared with the agency of a referral; ``ended_at``: since when it is no longer."""

    referral: UUID
    code: str
    agency: UnitRef | None
    shared_by: PersonRef
    shared_at: Moment
    ended_by: PersonRef | None
    ended_at: Moment | None


class AttachmentOut(Output):
    """A file of a case. ``name`` and ``sha256`` are null where it is ``withheld`` or ``erased``.

    ``state``: ``unscanned`` says plainly that nobody looked for harmful content. ``custody`` is null in a list.
    ``referral``: an agency added it to this one. To an agency ``custody`` and ``shares`` are null.
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
    referral: OfReferralOut | None
    shares: list[ShareOut] | None
    custody: list[CustodyOut] | None


class CustodyInput(Input):
    """What was done with the original: handed over to somebody, or put under seal."""

    what: Literal["HANDED_OVER", "SEALED"]
    to: Annotated[Line | None, says("Người, cơ quan nhận", "Handed to")] = None
    note: Annotated[Wording | None, says("Ghi chú", "Note")] = None
