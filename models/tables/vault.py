"""The keys of what is encrypted, and what is kept apart from everything else: who informed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class CaseKey(SQLModel, table=True):
    """The data key of one child's case, wrapped by a key-encryption key that is not in the database.

    ``wrapped`` is emptied when the key is destroyed at the end of retention; the row stays, and says when.
    """

    __tablename__ = "case_key"
    __table_args__ = (
        CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed_is_gone"),
        CheckConstraint("(wrapped IS NULL) = (kek IS NULL)", name="wrapped_by_a_key"),
        Index("ix_case_key_kek", "kek", "case_id", postgresql_where=text("destroyed_at IS NULL")),
    )

    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id")
    wrapped: bytes | None = None
    kek: str | None = Field(default=None, max_length=60)
    created_at: datetime = instant()
    destroyed_at: datetime | None = instant_or_none()


class KeyShare(SQLModel, table=True):
    """The key of something several cases share, wrapped under the key of one of them. Gone with the last of them."""

    __tablename__ = "key_share"

    record_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True, foreign_key="case_file.id", index=True)
    wrapped: bytes
    created_at: datetime = instant()


class Informant(SQLModel, table=True):
    """Part A.3 of Mẫu 01, sealed: who informed. Never part of a report, a document, or anything that is printed."""

    __tablename__ = "informant"

    id: UUID = Field(primary_key=True)
    report_id: UUID = Field(foreign_key="report.id", unique=True)
    sealed: bytes
    created_at: datetime = instant()


class InformantReading(SQLModel, table=True):
    """Somebody looked who the informant is, and why. Append-only; the note is sealed like the informant."""

    __tablename__ = "informant_reading"

    id: UUID = key()
    informant_id: UUID = Field(foreign_key="informant.id", index=True)
    person_id: UUID = Field(foreign_key="person.id")
    position_id: UUID = Field(foreign_key="position.id")
    at: datetime = instant()
    purpose: str = Field(max_length=30)
    note: bytes | None = None
