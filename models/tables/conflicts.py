"""Conflict of interest: alleged persons as matched, relatives people have declared, matches, and declarations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class AllegedPerson(SQLModel, table=True):
    """Somebody a case's document alleges to have caused the harm, for comparing. P1: read by nobody as such.

    Sealed under the case's key, all of it. The same description twice is one row: the id is a keyed hash of it.
    """

    __tablename__ = "alleged_person"

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    sealed: bytes
    named_at: datetime = instant()


class Relative(SQLModel, table=True):
    """A close relative somebody has declared. P1 of the declarer: read by them, and by whoever judges their conflicts.

    ``relation`` ``BAN_THAN`` is the declarer themselves: their year of birth, or another name they go by.
    """

    __tablename__ = "relative"

    id: UUID = key()
    person_id: UUID = Field(foreign_key="person.id", index=True)
    name: str = Field(max_length=200)
    relation: str = Field(max_length=30)
    birth_year: int | None = None
    declared_at: datetime = instant()
    until: datetime | None = instant_or_none()


class Conflict(SQLModel, table=True):
    """A person who may be the alleged one, or a close relative of theirs: possible, then confirmed or cleared.

    While it is possible the case is kept from them by a provisional recusal (``recusal.reason`` ``POSSIBLE``).
    """

    __tablename__ = "conflict"
    __table_args__ = (
        Index("ix_conflict_case_person", "case_id", "person_id"),
        Index("ix_conflict_possible", "found_at", postgresql_where=text("state = 'possible'")),
        CheckConstraint("state IN ('possible', 'confirmed', 'cleared')", name="state"),
        CheckConstraint("(state = 'possible') = (decided_at IS NULL)", name="decided"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    alleged_id: UUID | None = Field(default=None, foreign_key="alleged_person.id")
    relative_id: UUID | None = Field(default=None, foreign_key="relative.id")
    score: int
    reasons: str = Field(max_length=200)
    state: str = Field(max_length=12)
    found_at: datetime = instant()
    decided_at: datetime | None = instant_or_none()
    decided_by: UUID | None = Field(default=None, foreign_key="person.id")
    command_id: UUID | None = None


class CaseDeclaration(SQLModel, table=True):
    """What somebody declared on first opening a case: no relation to it, or one that keeps them out."""

    __tablename__ = "case_declaration"
    __table_args__ = (UniqueConstraint("case_id", "person_id"),)

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    position_id: UUID = Field(foreign_key="position.id")
    answer: str = Field(max_length=10)
    relation: str | None = Field(default=None, max_length=30)
    declared_at: datetime = instant()
