"""Receipts for reports by anybody, and cases that look like one child's and were found not to be."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.tables.columns import instant, key


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


class PublicReceipt(SQLModel, table=True):
    """A receipt somebody was given for a report through the public door: a hash of its code, and of which report."""

    __tablename__ = "public_receipt"

    id: UUID = key()
    code_hash: str = Field(max_length=64, unique=True)
    report_id: UUID = Field(foreign_key="report.id", index=True)
    issued_at: datetime = instant()
