"""Units, people, positions, rota, absences and deputies, as an administrator reads and writes them."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from api.shapes.base import Code, Input, Moment, Output, PersonRef
from models.forms.base import Line, LongText, Role

UnitKind = Literal["commune", "province", "committee", "department", "hotline", "national", "agency"]
Email = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]
Absent = Literal["leave", "illness", "training", "other"]


class FormerName(Output):
    """What an office was called, from when until before when."""

    name_vi: str
    name_en: str
    valid_from: Moment
    valid_to: Moment


class UnitOut(Output):
    """An office and its place in the tree now. ``former_names``: the newest first."""

    id: UUID
    code: str
    kind: str
    name_vi: str
    name_en: str
    former_names: list[FormerName]
    parent_id: UUID | None
    is_sample: bool
    valid_from: Moment
    valid_to: Moment | None


class UnitIn(Input):
    """A new office under ``parent_id``, which is one of the administrator's."""

    code: Code
    kind: UnitKind
    name_vi: Line
    name_en: Line
    parent_id: UUID
    valid_from: AwareDatetime | None = None


class UnitNames(Input):
    """The names of an office, changed."""

    name_vi: Line
    name_en: Line


class HandOverIn(Input):
    """Who takes over the cases of somebody who leaves. Nobody is suggested: who may, the answer says of each case."""

    to: UUID
    reason: LongText | None = None


class PersonOut(Output):
    """A person who works with the system, and where notices reach them."""

    id: UUID
    full_name: str
    email: str | None
    phone: str | None
    language: str
    is_sample: bool


class PersonIn(Input):
    """A person, new or changed."""

    full_name: Line
    email: Email | None = None
    phone: Phone | None = None
    language: Literal["vi", "en"] = "vi"


class PositionIn(Input):
    """A role of a person in an office for a time."""

    person_id: UUID
    unit_id: UUID
    role: Role
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


class HeldPosition(Output):
    """A position with who holds it."""

    id: UUID
    person: PersonRef
    unit_id: UUID
    role: str
    valid_from: Moment
    valid_to: Moment | None


class Span(Input):
    """From when to when."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends before it starts")
        return self


class ShiftIn(Span):
    """A turn on the rota."""

    unit_id: UUID
    role: Role
    person_id: UUID


class ShiftOut(Output):
    """A turn on the rota: who can be reached in a role of an office."""

    id: UUID
    unit_id: UUID
    role: str
    person: PersonRef
    starts_at: Moment
    ends_at: Moment


class AbsenceIn(Span):
    """A time in which a person cannot be reached. The reason is a code."""

    person_id: UUID
    reason: Absent = "leave"


class AbsenceOut(Output):
    """A time in which a person cannot be reached."""

    id: UUID
    person: PersonRef
    starts_at: Moment
    ends_at: Moment
    reason: str


class DeputyIn(Input):
    """Who stands in for whom, in which role of which office."""

    principal_id: UUID
    deputy_id: UUID
    unit_id: UUID
    role: Role
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


class DeputyOut(Output):
    """Who stands in for whom."""

    id: UUID
    principal: PersonRef
    deputy: PersonRef
    unit_id: UUID
    role: str
    valid_from: Moment
    valid_to: Moment | None


class Ending(Input):
    """When something ends; now, if nothing is said. Nothing is deleted."""

    at: AwareDatetime | None = None
