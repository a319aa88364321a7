"""Breaking the glass: reading a case that is not one's own, for a short time, with a second person's word."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class BreakGlass(SQLModel, table=True):
    """One asking, what a second person said to it, and what the review found.

    It gives access from ``confirmed_at`` to ``ends_at``, which every clause of scope compares with the present domain
    instant: it ends on time whatever else is running. ``reason`` is a code; ``note_sealed`` what was said, which may
    speak of the child and is sealed under its case's key, as is what the review found.
    """

    __tablename__ = "break_glass"
    __table_args__ = (
        Index("ix_break_glass_case_person", "case_id", "person_id"),
        Index("ix_break_glass_unreviewed", "review_due_at", postgresql_where=text("reviewed_at IS NULL")),
        CheckConstraint("confirmed_by <> person_id", name="second_person"),
        CheckConstraint("ends_at > confirmed_at AND ends_at <= confirmed_at + interval '3 hours'", name="short"),
        CheckConstraint(
            "num_nonnulls(confirmed_by, confirmed_at, ends_at, review_due_at) IN (0, 4)", name="confirmed_whole"
        ),
        CheckConstraint("note_sealed IS NOT NULL", name="said"),
        CheckConstraint("reviewed_by <> person_id AND reviewed_by <> confirmed_by", name="reviewed_by_another"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    position_id: UUID = Field(foreign_key="position.id")
    reason: str = Field(max_length=30)
    note_sealed: bytes | None = None
    minutes: int
    asked_at: datetime = instant()
    confirmed_by: UUID | None = Field(default=None, foreign_key="person.id")
    confirmed_at: datetime | None = instant_or_none()
    ends_at: datetime | None = instant_or_none()
    review_due_at: datetime | None = instant_or_none()
    reviewed_by: UUID | None = Field(default=None, foreign_key="person.id")
    reviewed_at: datetime | None = instant_or_none()
    finding: str | None = Field(default=None, max_length=20)
    finding_sealed: bytes | None = None
