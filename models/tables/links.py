"""One-time links with which an agency that has nobody in the system answers a referral."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


class AnswerLink(SQLModel, table=True):
    """One link, for one referral and one opening: shown or sent once, opened with a code phrase, then spent.

    ``position_id``: the technical position (kind ``link``) at the agency in which its answers are recorded.
    ``office_id``: whose the link is, and who is phoned about it. ``how``: ``email`` or ``paper``. Token and phrase are
    kept as hashes, and wrapped by the vault for whoever sends or prints them. ``session_hash``: of the cookie of the
    one browser that opened it, until ``session_until``. ``ended_why``: ``replaced``, ``taken_back`` or ``locked``.
    """

    __tablename__ = "answer_link"
    __table_args__ = (
        CheckConstraint("how IN ('email', 'paper')", name="how"),
        CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ended"),
        CheckConstraint("(session_hash IS NULL) OR (opened_at IS NOT NULL)", name="opened"),
        # One that still opens, for one referral: the newest.
        Index("uq_answer_link_alive", "referral_id", unique=True,
              postgresql_where=text("opened_at IS NULL AND ended_at IS NULL")),
    )  # fmt: skip

    id: UUID = key()
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    position_id: UUID = Field(foreign_key="position.id")
    how: str = Field(max_length=10)
    token_hash: str = Field(unique=True, max_length=64)
    phrase_hash: str = Field(max_length=64)
    kek: str = Field(max_length=40)
    wrapped: bytes
    issued_by: UUID = Field(foreign_key="person.id")
    office_id: UUID = Field(foreign_key="unit.id")
    issued_at: datetime = instant()
    expires_at: datetime = instant()
    tries: int = 0
    opened_at: datetime | None = instant_or_none()
    session_hash: str | None = Field(default=None, unique=True, max_length=64)
    session_until: datetime | None = instant_or_none()
    ended_at: datetime | None = instant_or_none()
    ended_why: str | None = Field(default=None, max_length=20)
