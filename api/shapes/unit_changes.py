"""Units merged, split and renamed, as an administrator says it and as it is told afterwards."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from api.shapes.base import Code, Input, Moment, Output, UnitRef
from models.forms.base import Line


class _Decided(Input):
    """By which decision, of which day. A dry run unless said otherwise."""

    decision: Line
    decided_on: date
    dry_run: StrictBool = True


class MergeIn(_Decided):
    """Units become part of one that is there; what they hold, their people and their cases follow.

    The order of ``predecessors`` says whose head and chair go over where there can be one only.
    """

    kind: Literal["merge"]
    predecessors: Annotated[list[Code], Field(min_length=1, max_length=50)]
    successor: Code


class SplitIn(_Decided):
    """A unit becomes several that are there. ``areas``: where each of its residential areas goes, by code.

    What nobody assigned goes to ``heir``, one of ``successors``; a case goes by its recorded areas.
    """

    kind: Literal["split"]
    predecessor: Code
    successors: Annotated[list[Code], Field(min_length=2, max_length=20)]
    heir: Code
    areas: Annotated[dict[Code, Code], Field(default_factory=dict)]


class RenameIn(_Decided):
    """A unit is called something else; it is the same unit, and nothing moves."""

    kind: Literal["rename"]
    unit: Code
    name_vi: Line
    name_en: Line


UnitChangeIn = Annotated[MergeIn | SplitIn | RenameIn, Field(discriminator="kind")]


class Left(Output):
    """A position that ends and goes over nowhere: the successor has somebody in that role, or it is a system's."""

    name: str
    role: str
    unit_code: str


class UnitChangeOut(Output):
    """What an act moves, or would. ``for_a_person``: cases no rule could place; the heir holds them until one does."""

    id: UUID
    kind: str
    dry_run: bool
    at: Moment
    moved: dict[str, int]
    positions_ended: list[Left]
    for_a_person: list[str]


class UnitHistoryEntry(Output):
    """What became of a unit. ``predecessor`` is called what it was called until then."""

    act_id: UUID
    kind: str
    predecessor: UnitRef
    successor: UnitRef
    heir: bool
    decision: str
    decided_on: date
    at: Moment
