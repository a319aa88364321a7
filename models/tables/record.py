"""The audit record and the reference versions the service ran with."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class AuditEntry(SQLModel, table=True):
    """Who did or tried what, on which record, with what outcome. Append-only; written with what it tells of."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_case", "case_id", "at"), Index("ix_audit_entry_actor", "actor_id", "at"))

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
