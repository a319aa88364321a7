"""The keys of what is encrypted, who informed, kept apart from everything else, and the end of keeping."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


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


class LegalHold(SQLModel, table=True):
    """Somebody ordered that a file be kept whatever its retention says: who, why (sealed), until when."""

    __tablename__ = "legal_hold"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    ordered_by: UUID = Field(foreign_key="person.id")
    why: bytes
    since: datetime = instant()
    until: date | None = None
    lifted_at: datetime | None = instant_or_none()
    lifted_by: UUID | None = Field(default=None, foreign_key="person.id")


class Erasure(SQLModel, table=True):
    """The certificate that a file was erased: what, when, by which rule and decision, by whom. Append-only.

    ``hash``: SHA-256 of the certificate's canonical JSON, which names the hash of the one before it.
    """

    __tablename__ = "erasure"

    id: UUID = key()
    number: int = Field(unique=True)
    case_id: UUID = Field(foreign_key="case_file.id", unique=True)
    at: datetime = instant()
    certificate: dict[str, Any] = Field(sa_type=Json)
    hash: str = Field(max_length=64)
