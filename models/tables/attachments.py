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
    ``quarantined`` (until it is scanned), ``clean``, ``infected``. ``referral_id`` and ``agency_id``: the referral an
    agency added it to, and the agency; the file stays with the case it was recorded on wherever the referral goes.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_unscanned", "created_at", postgresql_where=text("state IN ('unscanned', 'quarantined')")),
        CheckConstraint("state IN ('unscanned', 'quarantined', 'clean', 'infected')", name="state"),
        CheckConstraint("data_class IN ('P1', 'P2', 'P3')", name="data_class"),
        CheckConstraint("(referral_id IS NULL) = (agency_id IS NULL)", name="agency"),
        Index("ix_attachment_referral_id", "referral_id", postgresql_where=text("referral_id IS NOT NULL")),
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
    referral_id: UUID | None = Field(default=None, foreign_key="referral.id")
    agency_id: UUID | None = Field(default=None, foreign_key="unit.id")


class AttachmentShare(SQLModel, table=True):
    """A file of a case that its people share with the agency of one referral, until it is taken back.

    ``case_id``: the case the referral was at. Only the end is ever added.
    """

    __tablename__ = "attachment_share"
    __table_args__ = (
        Index(
            "uq_attachment_share_live", "attachment_id", "referral_id", unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL) AND (ended_at IS NULL) = (ended_position_id IS NULL)", name="end"
        ),
    )  # fmt: skip

    id: UUID = key()
    attachment_id: UUID = Field(foreign_key="attachment.id", index=True)
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    shared_by: UUID = Field(foreign_key="person.id")
    position_id: UUID = Field(foreign_key="position.id")
    shared_at: datetime = instant()
    ended_by: UUID | None = Field(default=None, foreign_key="person.id")
    ended_position_id: UUID | None = Field(default=None, foreign_key="position.id")
    ended_at: datetime | None = instant_or_none()


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
