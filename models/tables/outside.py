"""Reports by anybody: receipts, what is set aside of them; and cases that look like one child's and are not."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Instant, instant, key


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


class PublicWords(SQLModel, table=True):
    """What a report through the public door is known again by for a day: a keyed hash of its words, no word itself.

    ``id``: the report's, taken in or set aside. ``flagged``: it says that the child is in danger now.
    """

    __tablename__ = "public_words"

    id: UUID = key()
    words_hash: str = Field(max_length=64, index=True)
    flagged: bool
    received_at: datetime = instant(index=True)


class SetAside(SQLModel, table=True):
    """A report through the public door that is not a case yet, since it looks like spam or came in a flood.

    ``id`` is the id it has as a report once it was taken in (``taken_in_at``); then its words are in the report alone.
    ``reasons``: why it was set aside, codes with spaces between. ``due_at``: when it goes in by itself. ``decision``:
    what somebody has decided of it, if anybody has: ``let_in`` or, as no report, ``put_away``.
    """

    __tablename__ = "set_aside"
    __table_args__ = (
        Index(
            "ix_set_aside_waiting", "received_at", "id",
            postgresql_where=text("taken_in_at IS NULL AND decision IS DISTINCT FROM 'put_away'"),
        ),
        Index("ix_set_aside_receiver_unit_id_received_at_id", "receiver_unit_id", "received_at", "id"),
    )  # fmt: skip

    id: UUID = key()
    received_at: datetime = instant()
    reasons: str = Field(max_length=100)
    flagged: bool
    receiver_id: UUID = Field(foreign_key="person.id")
    receiver_position_id: UUID = Field(foreign_key="position.id")
    receiver_unit_id: UUID = Field(foreign_key="unit.id")
    sealed: bytes | None = None
    content_hash: str = Field(max_length=64)
    kek: str | None = Field(default=None, max_length=40)
    wrapped: bytes | None = None
    due_at: datetime = instant()
    decision: str | None = Field(default=None, max_length=10)
    decided_by: UUID | None = Field(default=None, foreign_key="person.id")
    decided_position_id: UUID | None = Field(default=None, foreign_key="position.id")
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    put_away_as: str | None = Field(default=None, max_length=20)
    taken_in_at: datetime | None = Field(default=None, sa_type=Instant)


class SetAsideReceipt(SQLModel, table=True):
    """As ``PublicReceipt``, of a report that was set aside; it holds as well once that was taken in."""

    __tablename__ = "set_aside_receipt"

    id: UUID = key()
    code_hash: str = Field(max_length=64, unique=True)
    set_aside_id: UUID = Field(foreign_key="set_aside.id", index=True)
    issued_at: datetime = instant()
