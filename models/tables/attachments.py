"""Photos, sound, film and papers of a case, and who had them in hand."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class Attachment(SQLModel, table=True):
    """A file of a case. The row is written when the sealed bytes are stored; before that there is no attachment.

    ``object_name``: of the sealed bytes. ``sealed``: its name and the SHA-256 of its clear bytes, encrypted under the
    case's key. ``content_hash``: that SHA-256, keyed. ``state``: ``unscanned`` (no scanner is configured),
    ``quarantined`` (until it is scanned), ``clean``, ``infected``.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_unscanned", "created_at", postgresql_where=text("state IN ('unscanned', 'quarantined')")),
        CheckConstraint("state IN ('unscanned', 'quarantined', 'clean', 'infected')", name="state"),
        CheckConstraint("data_class IN ('P1', 'P2', 'P3')", name="data_class"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    object_name: str = Field(unique=True, max_length=40)
    kind: str = Field(max_length=20)
    data_class: str = Field(max_length=2)
    media_type: str = Field(max_length=60)
    size: int
    sealed: bytes
    content_hash: str = Field(max_length=64)
    author_id: UUID = Field(foreign_key="person.id")
    created_at: datetime = instant()
    state: str = Field(max_length=12)
    scanned_at: datetime | None = instant_or_none()


class CustodyEntry(SQLModel, table=True):
    """One link of an attachment's chain of custody: who did what with it. Append-only.

    ``hash`` is the SHA-256 over the entry and the hash of the one before it; words are sealed, and the chain goes over
    the sealed words, so that it can be proven without them.
    """

    __tablename__ = "custody_entry"
    __table_args__ = (UniqueConstraint("attachment_id", "sequence"),)

    id: UUID = key()
    attachment_id: UUID = Field(foreign_key="attachment.id")
    sequence: int
    what: str = Field(max_length=20)
    at: datetime = instant()
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    position_id: UUID | None = Field(default=None, foreign_key="position.id")
    words: bytes | None = None
    hash: str = Field(max_length=64)
