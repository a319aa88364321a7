"""Reports from outside: what was held back, the receipts people were given, and who is not the same child."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class NotSameChild(SQLModel, table=True):
    """Somebody looked at two cases and found that they are of two children. Append-only.

    ``reasons``: what spoke for one child then, as codes; with a new one the two are shown again.
    """

    __tablename__ = "not_same_child"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    other_id: UUID = Field(foreign_key="case_file.id", index=True)
    decided_by: UUID = Field(foreign_key="person.id")
    position_id: UUID = Field(foreign_key="position.id")
    decided_at: datetime = instant()
    score: int
    reasons: str = Field(max_length=300)


class HeldReport(SQLModel, table=True):
    """A report through the public door that is not taken in yet: somebody has to look at it first.

    ``sealed``: the report as it came, encrypted with the ring of the door (``api.whence.DoorKeys``). ``why``: a code of
    ``held_reasons``. ``source``: from where, as a keyed hash. It is released, and ``report_id`` says as what, or it is
    dismissed, for a reason that is sealed as well. Nothing of it is ever deleted.
    """

    __tablename__ = "held_report"
    __table_args__ = (
        Index("ix_held_report_waiting", "received_at", postgresql_where=text("decided_at IS NULL")),
        CheckConstraint("(decided_at IS NULL) = (decision IS NULL)", name="decided"),
        CheckConstraint("decision IN ('released', 'dismissed')", name="decision"),
    )

    id: UUID = Field(primary_key=True)
    received_at: datetime = instant()
    received_by: UUID = Field(foreign_key="person.id")
    why: str = Field(max_length=20)
    flagged: bool = False
    source: str | None = Field(default=None, max_length=64)
    sealed: bytes
    decided_at: datetime | None = instant_or_none()
    decided_by: UUID | None = Field(default=None, foreign_key="person.id")
    decision: str | None = Field(default=None, max_length=10)
    reason: bytes | None = None
    report_id: UUID | None = Field(default=None, foreign_key="report.id", index=True)


class PublicReceipt(SQLModel, table=True):
    """A receipt somebody was given for a report through the public door: a keyed hash of its code, and of which report.

    ``report_id`` or ``held_id``: one of the two.
    """

    __tablename__ = "public_receipt"
    __table_args__ = (CheckConstraint("(report_id IS NULL) <> (held_id IS NULL)", name="of_one"),)

    id: UUID = key()
    code_hash: str = Field(max_length=64, unique=True)
    report_id: UUID | None = Field(default=None, foreign_key="report.id", index=True)
    held_id: UUID | None = Field(default=None, foreign_key="held_report.id", index=True)
    issued_at: datetime = instant()
