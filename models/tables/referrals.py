"""Referrals: one service asked for, and the events that moved it. Written by the worker role only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class Referral(SQLModel, table=True):
    """One service asked for one child of one agency, from its draft to its end.

    ``need``: code of the vocabulary ``services``; ``step``: the step of the plan it serves. ``rerouted_from``: the
    referral whose need it takes up. ``warnings``: safety warnings, by code. ``event_at``: when what it is about
    happened, from which windows count down.
    ``sent_unit_id``: the office it was sent from. ``came_through``: the cases it left as each was attached to another,
    the last one last. ``consent_lost_at``: since when nothing carries any more what it was sent with.
    """

    __tablename__ = "referral"
    __table_args__ = (
        Index("ix_referral_receiver_state", "receiver_id", "state"),
        Index("ix_referral_unstarted", "created_at", postgresql_where=text("workflow_seen_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    code: str = Field(unique=True, max_length=20)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    service: str = Field(max_length=40)
    need: str = Field(max_length=20)
    step: str | None = Field(default=None, max_length=32)
    rerouted_from: UUID | None = Field(default=None, foreign_key="referral.id", index=True)
    created_at: datetime = instant()
    event_at: datetime | None = instant_or_none()
    warnings: list[str] = Field(sa_type=Json, default_factory=list)
    came_through: list[str] = Field(
        sa_type=Json, default_factory=list, sa_column_kwargs={"server_default": text("'[]'::jsonb")}
    )

    receiver_id: UUID | None = Field(default=None, foreign_key="unit.id")
    state: str = Field(max_length=20)
    memory: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    sequence: int = 0
    sent_by: UUID | None = Field(default=None, foreign_key="person.id")
    sent_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    sent_at: datetime | None = instant_or_none()
    accepted_at: datetime | None = instant_or_none()
    appointment_at: datetime | None = instant_or_none()
    ended_at: datetime | None = instant_or_none()
    outcome: str | None = Field(default=None, max_length=30)
    decline_reason: str | None = Field(default=None, max_length=30)
    consent_lost_at: datetime | None = instant_or_none()
    protocol_version: str = Field(max_length=60)
    workflow_seen_at: datetime | None = instant_or_none()
    updated_at: datetime = instant()


REFERRAL_LIFECYCLE_COLUMNS = (
    "receiver_id",
    "state",
    "memory",
    "sequence",
    "sent_by",
    "sent_unit_id",
    "sent_at",
    "accepted_at",
    "appointment_at",
    "ended_at",
    "outcome",
    "decline_reason",
    "consent_lost_at",
    "protocol_version",
    "workflow_seen_at",
    "updated_at",
)


REFERRAL_PLACE_COLUMNS = ("case_id", "came_through")
"""Changed only where a case is attached to another, or detached (``models.records.carrying``)."""


class ReferralEvent(SQLModel, table=True):
    """One move of a referral, accepted and recorded. Append-only. ``facts`` holds codes and ids, never text."""

    __tablename__ = "referral_event"
    __table_args__ = (UniqueConstraint("referral_id", "sequence"), UniqueConstraint("command_id", "referral_id"))

    id: UUID = key()
    referral_id: UUID = Field(foreign_key="referral.id")
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    sequence: int
    command_id: UUID
    event: str = Field(max_length=40)
    implied: list[str] = Field(sa_type=Json, default_factory=list)
    before: str | None = Field(default=None, max_length=20)
    after: str = Field(max_length=20)
    actor_id: UUID | None = Field(default=None, foreign_key="person.id")
    position_id: UUID | None = Field(default=None, foreign_key="position.id")
    role: str = Field(max_length=10)
    on_behalf_person: UUID | None = Field(default=None, foreign_key="person.id")
    on_behalf_role: str | None = Field(default=None, max_length=10)
    means: str | None = Field(default=None, max_length=10)
    occurred_at: datetime = instant()
    recorded_at: datetime = instant()
    documents: list[dict[str, str]] = Field(sa_type=Json, default_factory=list)
    facts: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    protocol_version: str = Field(max_length=60)
