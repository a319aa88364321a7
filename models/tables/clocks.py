"""Deadlines, their rungs, what breached, and the escalations that followed. Computed, never edited by a person."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class Deadline(SQLModel, table=True):
    """One occurrence of a deadline on one case, or on one of its referrals, with how it was computed.

    ``code`` is one of the case's deadlines, or, with a ``referral_id``, one of a referral's: both have their names.
    """

    __tablename__ = "deadline"
    __table_args__ = (
        Index(
            "uq_deadline_of_case",
            "case_id",
            "code",
            "occurrence",
            unique=True,
            postgresql_where=text("referral_id IS NULL"),
        ),
        Index(
            "uq_deadline_of_referral",
            "referral_id",
            "code",
            "occurrence",
            unique=True,
            postgresql_where=text("referral_id IS NOT NULL"),
        ),
        Index("ix_deadline_open", "case_id", postgresql_where=text("status = 'open'")),
        Index("ix_deadline_due", "due_at", postgresql_where=text("status = 'open'")),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    referral_id: UUID | None = Field(default=None, foreign_key="referral.id")
    code: str = Field(max_length=40)
    occurrence: int
    subject: str | None = Field(default=None, max_length=80)
    status: str = Field(max_length=12)
    started_at: datetime = instant()
    due_at: datetime = instant()
    met_at: datetime | None = instant_or_none()
    updated_at: datetime = instant()
    clock: dict[str, Any] = Field(sa_type=Json)


class Rung(SQLModel, table=True):
    """One step of a deadline's ladder: fires once, at its instant, to its level."""

    __tablename__ = "rung"
    __table_args__ = (
        Index("ix_rung_planned", "due_at", postgresql_where=text("state = 'planned'")),
        Index("ix_rung_case", "case_id"),
    )

    deadline_id: UUID = Field(primary_key=True, foreign_key="deadline.id")
    ordinal: int = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    level: str = Field(max_length=2)
    due_at: datetime = instant()
    deliver_at: datetime = instant()
    breach: bool = False
    condition: str | None = Field(default=None, max_length=60)
    state: str = Field(default="planned", max_length=12)
    fired_at: datetime | None = instant_or_none()


class Breach(SQLModel, table=True):
    """A limit that passed unmet: rule, versions, the computed deadline and the instant it was recorded."""

    __tablename__ = "breach"
    __table_args__ = (UniqueConstraint("deadline_id", "kind"),)

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    deadline_id: UUID = Field(foreign_key="deadline.id")
    kind: str = Field(max_length=12)
    code: str = Field(max_length=40)
    due_at: datetime = instant()
    recorded_at: datetime = instant()
    protocol_version: str = Field(max_length=60)
    calendar_version: str = Field(max_length=60)
    mark: str | None = Field(default=None, max_length=40)
    met_at: datetime | None = instant_or_none()


class Escalation(SQLModel, table=True):
    """A fired rung as a matter for people: open, acknowledged, resolved. Answering it never stops the ladder."""

    __tablename__ = "escalation"
    __table_args__ = (
        UniqueConstraint("deadline_id", "ordinal"),
        Index("ix_escalation_unit_state", "unit_id", "state"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    deadline_id: UUID = Field(foreign_key="deadline.id")
    ordinal: int
    level: str = Field(max_length=2)
    unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    state: str = Field(default="open", max_length=12)
    nobody: bool = False
    opened_at: datetime = instant()
    acknowledged_at: datetime | None = instant_or_none()
    acknowledged_by: UUID | None = Field(default=None, foreign_key="person.id")
    resolved_at: datetime | None = instant_or_none()
    resolved_by: UUID | None = Field(default=None, foreign_key="person.id")
    resolution: str | None = None


class EscalationRecipient(SQLModel, table=True):
    """Whom a rung reached, in which role, and whether as the one to act or only watching."""

    __tablename__ = "escalation_recipient"

    escalation_id: UUID = Field(primary_key=True, foreign_key="escalation.id")
    person_id: UUID = Field(primary_key=True, foreign_key="person.id", index=True)
    role: str = Field(max_length=10)
    watching: bool = False
