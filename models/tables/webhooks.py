"""Systems of agencies that are told of their referrals: where, under which secrets, what was sent, what came back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class WebhookEndpoint(SQLModel, table=True):
    """Where an agency's system (a position of kind ``service``) takes events. Ended, never deleted."""

    __tablename__ = "webhook_endpoint"

    id: UUID = key()
    position_id: UUID = Field(foreign_key="position.id", index=True)
    url: str = Field(max_length=400)
    added_by: UUID = Field(foreign_key="person.id")
    added_at: datetime = instant()
    ended_at: datetime | None = instant_or_none()


class WebhookSecret(SQLModel, table=True):
    """One secret an endpoint's events are signed with, sealed; two while one follows the other.

    ``wrapped`` is sealed by the key-encryption key ``kek``; the API may write it and never read it back.
    """

    __tablename__ = "webhook_secret"
    __table_args__ = (Index("ix_webhook_secret_kek", "kek"),)

    id: UUID = key()
    endpoint_id: UUID = Field(foreign_key="webhook_endpoint.id", index=True)
    wrapped: bytes
    kek: str = Field(max_length=60)
    issued_by: UUID = Field(foreign_key="person.id")
    issued_at: datetime = instant()
    expires_at: datetime | None = instant_or_none()


class WebhookDelivery(SQLModel, table=True):
    """One event of a referral for one endpoint, written in the transaction of the event.

    The id is the message's ``webhook-id``, the same however often it is sent. ``data``: codes, ids and instants, never
    anything about a child. ``state``: ``pending``, ``delivered``, ``dead``. ``started_at``: when a workflow was last
    told of it. ``owner_id``, ``owner_unit_id``: whose a dead letter is. ``last_answer``: a status, or a code of ours.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "referral_id", "sequence"),
        Index("ix_webhook_delivery_pending", "started_at", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_delivery_endpoint_id_created_at", "endpoint_id", "created_at", "id"),
    )

    id: UUID = Field(primary_key=True)
    endpoint_id: UUID = Field(foreign_key="webhook_endpoint.id")
    position_id: UUID = Field(foreign_key="position.id")
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    sequence: int
    event: str = Field(max_length=40)
    data: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    created_at: datetime = instant()

    state: str = Field(default="pending", max_length=10)
    started_at: datetime | None = instant_or_none()
    attempts: int = 0
    last_attempt_at: datetime | None = instant_or_none()
    last_answer: str | None = Field(default=None, max_length=40)
    delivered_at: datetime | None = instant_or_none()
    dead_at: datetime | None = instant_or_none()
    owner_id: UUID | None = Field(default=None, foreign_key="person.id")
    owner_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    resent_at: datetime | None = instant_or_none()
    resent_by: UUID | None = Field(default=None, foreign_key="person.id")


class WebhookAttempt(SQLModel, table=True):
    """One sending and what came of it, by status or code: never what the receiver wrote. Append-only."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: UUID = key()
    delivery_id: UUID = Field(foreign_key="webhook_delivery.id")
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    number: int
    at: datetime = instant()
    answer: str = Field(max_length=40)
    milliseconds: int
