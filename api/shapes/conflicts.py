"""Conflicts of interest: relatives declared, declarations on first opening, and possible matches."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.shapes.base import Input, Moment, Output, PersonRef
from models.forms.base import Coded, Line, refused

Kin = Annotated[str, Coded("kin")]
BirthYear = Annotated[int, Field(ge=1900, le=2100, strict=True)]


class RelativeIn(Input):
    """A close relative of one's own, or oneself under another name (``BAN_THAN``)."""

    name: Line
    relation: Kin
    birth_year: BirthYear | None = None


class RelativeOut(Output):
    """A relative as declared; ``until`` is when the declaration was taken back."""

    id: UUID
    name: str
    relation: str
    birth_year: int | None
    declared_at: Moment
    until: Moment | None


class DeclarationIn(Input):
    """On first opening a case: no relation to it (``none``), or one (``related``), which recuses."""

    answer: Annotated[str, Coded("declarations")]
    relation: Kin | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.answer == "related") != (self.relation is not None):
            raise refused("relation-missing", "A relation is named where there is one, and only there.")
        return self


class DeclarationOut(Output):
    """What was declared.

    ``standing`` says what it did: ``open`` to be read, ``recused``, ``kept_out`` until an officer records the recusal.
    """

    case_code: str
    answer: str
    relation: str | None
    declared_at: Moment
    standing: Literal["open", "recused", "kept_out"]


class ThroughOut(Output):
    """The relative through whom a conflict is possible."""

    name: str
    relation: str


class ConflictOut(Output):
    """A person who may be in conflict with the case. ``reasons`` are codes of ``conflict_reasons``.

    It is confirmed by ``record_recusal`` and cleared by ``clear_conflict``, both with a reason.
    """

    id: UUID
    person: PersonRef
    through: ThroughOut | None
    score: int
    reasons: list[str]
    state: str
    found_at: Moment
    decided_at: Moment | None
    decided_by: PersonRef | None
