"""Cases on their way from one commune to another, and who held one from when to when."""

from typing import Literal
from uuid import UUID

from api.shapes.base import Moment, Output, PersonRef, Text, UnitRef

Kind = Literal["incoming", "outgoing", "refused", "requested", "unrouted", "handed_over"]


class TransferOut(Output):
    """One case on its way, as it stands to the reader's unit; to the department, as it stands to any unit below it.

    ``incoming``: proposed to it · ``outgoing``: proposed by it · ``refused``: it holds the case, for another would not
    take it · ``requested``: another asks for it · ``unrouted``: nobody holds it · ``handed_over``: it held the case
    once; then ``case_id`` is null, for the case is another's. ``due_at``: by when it has to be answered.
    """

    kind: Kind
    case_id: UUID | None
    case_code: str
    from_unit: UnitRef | None
    to_unit: UnitRef | None
    risk: str | None
    since: Moment
    due_at: Moment | None


class CustodyIntervalOut(Output):
    """One unit's time with a case. ``event`` gave it to the unit; ``until`` is null for the one that holds it now."""

    unit: UnitRef
    since: Moment
    until: Moment | None
    event: str
    label: Text
    by: PersonRef | None
