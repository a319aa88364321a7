"""Units, people, positions, rota, absences and deputies: time-bounded data, never overwritten, ended instead."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class Unit(SQLModel, table=True):
    """An office: a commune, a province's department, the hotline, the nation, an agency."""

    __tablename__ = "unit"

    id: UUID = key()
    code: str = Field(unique=True, max_length=40)
    kind: str = Field(max_length=20)
    name_vi: str
    name_en: str
    is_sample: bool = False
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class UnitName(SQLModel, table=True):
    """What a unit was called before, from when until when: written as it is renamed, and never changed.

    What it is called now stands in ``unit``.
    """

    __tablename__ = "unit_name"
    __table_args__ = (CheckConstraint("valid_to >= valid_from", name="forward"),)

    id: UUID = key()
    unit_id: UUID = Field(foreign_key="unit.id", index=True)
    name_vi: str
    name_en: str
    valid_from: datetime = instant()
    valid_to: datetime = instant()


class UnitParent(SQLModel, table=True):
    """A unit's place in the tree for a time: a commune under its province."""

    __tablename__ = "unit_parent"

    id: UUID = key()
    unit_id: UUID = Field(foreign_key="unit.id", index=True)
    parent_id: UUID = Field(foreign_key="unit.id", index=True)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class Person(SQLModel, table=True):
    """Somebody who works with the system. ``email`` and ``phone`` are where notices go."""

    __tablename__ = "person"

    id: UUID = key()
    full_name: str
    email: str | None = None
    phone: str | None = None
    language: str = Field(default="vi", max_length=2)
    is_sample: bool = False


class Position(SQLModel, table=True):
    """A person's role in a unit for a time. Roles are those of the lifecycle.

    ``kind`` is ``person``; ``service`` for an agency's system, which acts through its tokens; or ``link`` for whoever
    answers a referral by a one-time link. Nobody signs in with the latter two, and no escalation goes to them.
    """

    __tablename__ = "position"
    __table_args__ = (Index("ix_position_unit_role", "unit_id", "role"),)

    id: UUID = key()
    person_id: UUID = Field(foreign_key="person.id", index=True)
    unit_id: UUID = Field(foreign_key="unit.id")
    role: str = Field(max_length=10)
    kind: str = Field(default="person", max_length=10, sa_column_kwargs={"server_default": "person"})
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class Shift(SQLModel, table=True):
    """A turn on the rota: who can be reached in this role of this unit between two instants."""

    __tablename__ = "shift"
    __table_args__ = (
        Index("ix_shift_unit_role", "unit_id", "role", "starts_at"),
        CheckConstraint("ends_at > starts_at", name="forward"),
    )

    id: UUID = key()
    unit_id: UUID = Field(foreign_key="unit.id")
    role: str = Field(max_length=10)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    starts_at: datetime = instant()
    ends_at: datetime = instant()


class Absence(SQLModel, table=True):
    """A time in which a person cannot be reached (leave, illness). The reason is a code, never a text."""

    __tablename__ = "absence"
    __table_args__ = (CheckConstraint("ends_at > starts_at", name="forward"),)

    id: UUID = key()
    person_id: UUID = Field(foreign_key="person.id", index=True)
    starts_at: datetime = instant()
    ends_at: datetime = instant()
    reason: str = Field(default="leave", max_length=20)


class Deputy(SQLModel, table=True):
    """Who stands in for whom, in which role of which unit, from when to when."""

    __tablename__ = "deputy"

    id: UUID = key()
    principal_id: UUID = Field(foreign_key="person.id", index=True)
    deputy_id: UUID = Field(foreign_key="person.id", index=True)
    unit_id: UUID = Field(foreign_key="unit.id")
    role: str = Field(max_length=10)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()
