"""Cases that may be of the same child."""

from api.shapes.base import Moment, Output, PersonRef, Text
from api.shapes.cases import CaseOut


class ReasonOut(Output):
    """One thing that speaks for one child or for two: its code (vocabulary ``alike_reasons``), what it counts."""

    code: str
    label: Text
    counts: int


class NotSameOut(Output):
    """Who found that the two are not the same child, and when."""

    by: PersonRef
    at: Moment


class AlikeOut(Output):
    """A case that may be of the same child.

    ``score``: 0 to 100. ``not_the_same``: it was found to be another child's, for no fewer reasons than now.
    """

    case: CaseOut
    score: int
    reasons: list[ReasonOut]
    not_the_same: NotSameOut | None


class AlikePage(Output):
    """What there is to compare a case with.

    ``elsewhere``: another unit has a case that may be of this child; nothing more is told of it, the province knows.
    """

    items: list[AlikeOut]
    threshold: int
    elsewhere: bool
