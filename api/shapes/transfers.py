"""Cases on their way from one commune to another, and who held one from when to when."""

from typing import Literal
from uuid import UUID

from api.shapes.base import Moment, Output, PersonRef, Text, UnitRef

Kind = Literal["incoming", "outgoing", "refused", "requested", "unrouted"]


class TransferOut(Output):
    """One case on its way, as it stands to the reader's unit; to the department, as it stands to any unit below it.

    ``incoming``: proposed to it · ``outgoing``: proposed by it · ``refused``: it holds the case, for another would not
    take it · ``requested``: another asks for it · ``unrouted``: nobody holds it. ``due_at``: by when it has to be
    answered.
    """

    kind: Kind
    case_id: UUID
    case_code: str
    from_unit: UnitRef | None
    to_unit: UnitRef | None
    risk: str | None
    since: Moment
    due_at: Moment | None


class FormerCaseOut(Output):
    """A case the reader's unit held from ``since`` until ``until``, and another holds now."""

    case_code: str
    since: Moment
    until: Moment


class CustodyIntervalOut(Output):
    """One unit's time with a case. ``event`` gave it to the unit; ``until`` is null for the one that holds it now."""

    unit: UnitRef
    since: Moment
    until: Moment | None
    event: str
    label: Text
    by: PersonRef | None
