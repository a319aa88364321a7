"""What was agreed to or refused for a child, what it rests on without that, and what must not be told to whom."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key


class Consent(SQLModel, table=True):
    """One answer of one giver on one scope, or a ground for going without one. Never changed, only withdrawn.

    What was said in words, the giver's name among it, is sealed under the case's key.
    """

    __tablename__ = "consent"
    __table_args__ = (
        CheckConstraint("(answer = 'ground') = (ground IS NOT NULL)", name="ground"),
        CheckConstraint("(answer = 'ground') = (giver IS NULL)", name="giver"),
        CheckConstraint("answer <> 'ground' OR best_interest_sealed IS NOT NULL", name="best_interest"),
        CheckConstraint("(withdrawn_at IS NULL) = (stops IS NULL)", name="withdrawn"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    scope: str = Field(max_length=20)
    services: list[str] = Field(sa_type=Json)
    answer: str = Field(max_length=10)
    giver: str | None = Field(default=None, max_length=20)
    giver_sealed: bytes | None = None
    means: str | None = Field(default=None, max_length=20)
    ground: str | None = Field(default=None, max_length=30)
    best_interest_sealed: bytes | None = None
    child_view_sealed: bytes | None = None
    said_at: datetime = instant()
    expires_at: datetime | None = instant_or_none()
    recorded_at: datetime = instant()
    recorded_by: UUID = Field(foreign_key="person.id")
    position_id: UUID = Field(foreign_key="position.id")
    decided_by: UUID | None = Field(default=None, foreign_key="person.id")
    withdrawn_at: datetime | None = instant_or_none()
    withdrawn_by: UUID | None = Field(default=None, foreign_key="person.id")
    withdrawal_sealed: bytes | None = None
    stops: Any | None = Field(default=None, sa_type=Json)


class Withholding(SQLModel, table=True):
    """Something the team has found must not be told to somebody: to whom, which part (empty: everything), and why."""

    __tablename__ = "withholding"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    reader: str = Field(max_length=20)
    part: str = Field(max_length=20)
    reason: str = Field(max_length=20)
    recorded_at: datetime = instant()
    recorded_by: UUID = Field(foreign_key="person.id")
    until: datetime | None = instant_or_none()
