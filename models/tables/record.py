"""The audit record and the reference versions the service ran with."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class AuditEntry(SQLModel, table=True):
    """Who did or tried what, on which record, with what outcome. Append-only; written with what it tells of.

    ``turn``, ``chain_seq`` and ``chain_hash`` are PostgreSQL's to fill in (migration 0006): when it is sealed, and its
    place in its case's chain. ``models.audit.COLUMNS`` names every column: each of them is sealed.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_case", "case_id", "at"),
        Index("ix_audit_entry_actor", "actor_id", "at"),
        Index("ix_audit_entry_at", "at", "id"),
        Index("ix_audit_entry_turn", "turn", "id"),
        Index(
            "uq_audit_entry_chain", "case_id", "chain_seq", unique=True, postgresql_where=text("chain_seq IS NOT NULL")
        ),
        Index(
            "ix_audit_entry_cases",
            text("(detail -> 'cases')"),
            postgresql_using="gin",
            postgresql_where=text("detail ? 'cases'"),
        ),
        Index("ix_audit_entry_set_aside", "record_id", postgresql_where=text("record = 'set_aside'")),
    )

    id: UUID = key()
    at: datetime = instant()
    actor_id: UUID | None = None
    position_id: UUID | None = None
    role: str = Field(max_length=10)
    action: str = Field(max_length=60)
    record: str = Field(max_length=40)
    record_id: UUID | None = None
    case_id: UUID | None = None
    command_id: UUID | None = None
    outcome: str = Field(max_length=20)
    code: str | None = Field(default=None, max_length=60)
    detail: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    purpose: str | None = Field(default=None, max_length=40)
    reason_key: str | None = Field(default=None, max_length=40)
    reason: bytes | None = Field(default=None, sa_type=LargeBinary)
    origin: str | None = Field(default=None, max_length=32)
    turn: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": text("audit_turn()")})
    chain_seq: int | None = Field(default=None, sa_type=Integer)
    chain_hash: bytes | None = Field(default=None, sa_type=LargeBinary)


class AuditSeal(SQLModel, table=True):
    """A seal over audit entries (``models.audit.Seal``). Append-only, and kept outside the database as well."""

    __tablename__ = "audit_seal"

    number: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = instant()
    upto_turn: int = Field(sa_type=BigInteger)
    upto_id: UUID
    count: int
    root: bytes = Field(sa_type=LargeBinary)
    previous: bytes = Field(sa_type=LargeBinary)
    key_id: str = Field(max_length=16)
    leaves: bytes = Field(sa_type=LargeBinary)
    signature: bytes = Field(sa_type=LargeBinary)


class ReferenceVersion(SQLModel, table=True):
    """A protocol or calendar version this service has loaded, with the hash of its content."""

    __tablename__ = "reference_version"

    kind: str = Field(primary_key=True, max_length=20)
    version: str = Field(primary_key=True, max_length=60)
    valid_from: date
    content_hash: str = Field(max_length=64)
    content: dict[str, Any] = Field(sa_type=Json)
    loaded_at: datetime = instant()


class SweepRun(SQLModel, table=True):
    """What one sweep found between PostgreSQL and Temporal, and what it repaired."""

    __tablename__ = "sweep_run"

    id: UUID = key()
    started_at: datetime = instant(index=True)
    ended_at: datetime | None = instant_or_none()
    report: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
