"""Notices to people and the list of calls a human must make. No personal data of a child in either."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none


class Notice(SQLModel, table=True):
    """One message to one person over one channel. Its id is derived, so a retry or replay finds the same row."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_due", "next_attempt_at", postgresql_where=text("state IN ('pending', 'sending')")),
        Index("ix_notice_person", "person_id", "created_at"),
        Index("ix_notice_case", "case_id"),
        Index(
            "uq_notice_rung",
            "deadline_id",
            "ordinal",
            "person_id",
            "channel",
            unique=True,
            postgresql_where=text("deadline_id IS NOT NULL AND ordinal IS NOT NULL"),
        ),
        Index("ix_notice_undelivered", "created_at", postgresql_where=text("state IN ('failed', 'unconfigured')")),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    deadline_id: UUID | None = Field(default=None, foreign_key="deadline.id")
    ordinal: int | None = None
    escalation_id: UUID | None = Field(default=None, foreign_key="escalation.id")
    kind: str = Field(max_length=40)
    person_id: UUID = Field(foreign_key="person.id")
    role: str = Field(max_length=10)
    channel: str = Field(max_length=10)
    values: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    state: str = Field(default="pending", max_length=12)
    deliver_at: datetime = instant()
    next_attempt_at: datetime = instant()
    attempts: int = 0
    message_id: str = Field(max_length=120)
    created_at: datetime = instant()
    sent_at: datetime | None = instant_or_none()
    seen_at: datetime | None = instant_or_none()
    error: str | None = Field(default=None, max_length=60)


class CallTask(SQLModel, table=True):
    """Somebody a human must phone about a case, and how the call ended."""

    __tablename__ = "call_task"
    __table_args__ = (Index("ix_call_task_state", "state", "created_at"),)

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    escalation_id: UUID | None = Field(default=None, foreign_key="escalation.id")
    person_id: UUID = Field(foreign_key="person.id")
    caller_unit_id: UUID | None = Field(default=None, foreign_key="unit.id", index=True)
    reason: str = Field(max_length=40)
    state: str = Field(default="open", max_length=12)
    created_at: datetime = instant()
    outcome: str | None = Field(default=None, max_length=40)
    called_at: datetime | None = instant_or_none()
    called_by: UUID | None = Field(default=None, foreign_key="person.id")
