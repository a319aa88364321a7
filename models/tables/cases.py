"""Cases, the reports that opened them, the documents in them and the events that moved them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Instant, Json, instant, instant_or_none, key


class Household(SQLModel, table=True):
    """Children reported together, or known to live together. Holds nothing of its own but the link."""

    __tablename__ = "household"

    id: UUID = key()
    created_at: datetime = instant()


class Child(SQLModel, table=True):
    """A child as known so far; every field may be unknown. P1 data: never in a log, a notice or a message."""

    __tablename__ = "child"
    __table_args__ = (
        Index(
            "ix_child_folded_name",
            "folded_name",
            postgresql_using="gin",
            postgresql_ops={"folded_name": "gin_trgm_ops"},
        ),
    )

    id: UUID = key()
    household_id: UUID | None = Field(default=None, foreign_key="household.id", index=True)
    full_name: str | None = None
    folded_name: str | None = None
    birth_date: date | None = Field(default=None, index=True)
    estimated_age: int | None = None
    sex: str | None = Field(default=None, max_length=20)
    created_at: datetime = instant()


class Report(SQLModel, table=True):
    """What one informant told one receiver at one instant: Mẫu 01 as taken down, without the informant. Never changed.

    ``sealed``: encrypted under a key shared by the cases the report belongs to (``models.records.vault``).
    """

    __tablename__ = "report"

    id: UUID = key()
    code: str = Field(unique=True, max_length=20)
    received_at: datetime = instant()
    recorded_at: datetime = instant()
    channel: str = Field(max_length=30)
    flagged: bool = False
    trigger: str | None = Field(default=None, max_length=30)
    incident_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    residence_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    receiver_id: UUID = Field(foreign_key="person.id", index=True)
    receiver_position_id: UUID = Field(foreign_key="position.id")
    receiver_unit_id: UUID = Field(foreign_key="unit.id")
    sealed: bytes
    content_hash: str = Field(max_length=64)


class CaseFile(SQLModel, table=True):
    """One child's case. The columns named in ``LIFECYCLE_COLUMNS`` are written by the worker role only.

    ``transfer_to_id``: the commune it was proposed to, which reads it until that is answered. ``former_unit_id``: the
    commune that held it before it was reopened elsewhere, which reads on.
    """

    __tablename__ = "case_file"
    __table_args__ = (
        Index("ix_case_file_unit_process", "unit_id", "process"),
        Index("ix_case_file_unstarted", "created_at", postgresql_where=text("workflow_seen_at IS NULL")),
        Index("ix_case_file_transfer_to_id", "transfer_to_id", postgresql_where=text("transfer_to_id IS NOT NULL")),
        Index("ix_case_file_former_unit_id", "former_unit_id", postgresql_where=text("former_unit_id IS NOT NULL")),
    )

    id: UUID = key()
    code: str = Field(unique=True, max_length=20)
    child_id: UUID = Field(foreign_key="child.id", index=True)
    household_id: UUID = Field(foreign_key="household.id", index=True)
    report_id: UUID = Field(foreign_key="report.id", index=True)
    created_at: datetime = instant()
    receipt_at: datetime = instant()

    unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    incident_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    residence_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    owner_id: UUID | None = Field(default=None, foreign_key="person.id", index=True)
    process: str = Field(max_length=30)
    protection: str = Field(max_length=20)
    ban: str = Field(max_length=20)
    custody: str = Field(max_length=20)
    memory: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    risk: str | None = Field(default=None, max_length=2)
    flagged: bool = False
    plan_version: int = 1
    sequence: int = 0
    protocol_version: str = Field(max_length=60)
    attached_to: UUID | None = Field(default=None, foreign_key="case_file.id", index=True)
    closed_at: datetime | None = instant_or_none()
    closure_reason: str | None = Field(default=None, max_length=40)
    transfer_to_id: UUID | None = Field(default=None, foreign_key="unit.id")
    former_unit_id: UUID | None = Field(default=None, foreign_key="unit.id")
    workflow_seen_at: datetime | None = instant_or_none()
    updated_at: datetime = instant(index=True)


LIFECYCLE_COLUMNS = (
    "receipt_at",
    "unit_id",
    "incident_unit_id",
    "residence_unit_id",
    "owner_id",
    "process",
    "protection",
    "ban",
    "custody",
    "memory",
    "risk",
    "flagged",
    "plan_version",
    "sequence",
    "protocol_version",
    "attached_to",
    "closed_at",
    "closure_reason",
    "transfer_to_id",
    "former_unit_id",
    "workflow_seen_at",
    "updated_at",
)


class CustodyInterval(SQLModel, table=True):
    """Which commune held a case from when to when: one row a stretch, written by the database whenever that changes.

    ``sequence``: of the case's event that gave it to this unit. ``case_code``: so that whoever held it finds what
    became of it, when the case itself is theirs to read no more.
    """

    __tablename__ = "custody_interval"
    __table_args__ = (
        Index("uq_custody_interval_now", "case_id", unique=True, postgresql_where=text("until IS NULL")),
        Index("ix_custody_interval_case_id", "case_id"),
        Index("ix_custody_interval_unit_id_until", "unit_id", "until"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    case_code: str = Field(max_length=20)
    unit_id: UUID = Field(foreign_key="unit.id")
    sequence: int
    since: datetime = instant()
    until: datetime | None = instant_or_none()


class CaseReport(SQLModel, table=True):
    """A report's place in a case, with its own receipt and its own acknowledgement.

    ``brought_by``: the attached case it came with; empty for the case's own. ``until``: that case was detached again,
    and the report is this case's no longer.
    """

    __tablename__ = "case_report"
    __table_args__ = (UniqueConstraint("case_id", "report_id"),)

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    report_id: UUID = Field(foreign_key="report.id", index=True)
    how: str = Field(max_length=20)
    received_at: datetime = instant()
    flagged: bool = False
    acknowledged_at: datetime | None = instant_or_none()
    brought_by: UUID | None = None
    until: datetime | None = instant_or_none()


class CaseEvent(SQLModel, table=True):
    """One move of a case, accepted and recorded. Append-only. ``facts`` holds codes and ids, never text."""

    __tablename__ = "case_event"
    __table_args__ = (UniqueConstraint("case_id", "sequence"), UniqueConstraint("command_id", "case_id"))

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    sequence: int
    command_id: UUID
    event: str = Field(max_length=40)
    implied: list[str] = Field(sa_type=Json, default_factory=list)
    before: dict[str, Any] = Field(sa_type=Json)
    after: dict[str, Any] = Field(sa_type=Json)
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


class CommandRecord(SQLModel, table=True):
    """The stored answer to one command, refusals included; the worker writes it once.

    ``referral_id``: it was about that referral of the case, made by it or not.
    """

    __tablename__ = "command_record"

    command_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    referral_id: UUID | None = None
    event: str = Field(max_length=40)
    person_id: UUID = Field(foreign_key="person.id")
    accepted: bool
    code: str | None = Field(default=None, max_length=60)
    result: dict[str, Any] = Field(sa_type=Json)
    recorded_at: datetime = instant()


class Submission(SQLModel, table=True):
    """What a person asked of the API under one idempotency key, bound to the request's hash.

    ``confirmed_at`` stays empty while nobody has heard Temporal's answer: the sweep looks there first.
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("person_id", "key", "target"),
        Index("ix_submission_unconfirmed", "created_at", postgresql_where=text("confirmed_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    key: UUID
    target: str = Field(max_length=120)
    request_hash: str = Field(max_length=64)
    case_id: UUID | None = Field(default=None, foreign_key="case_file.id", index=True)
    created_at: datetime = instant()
    confirmed_at: datetime | None = instant_or_none()
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json, nullable=True)


class Document(SQLModel, table=True):
    """A form or note as somebody wrote it. Stored by the API; frozen, with its version, by the worker.

    ``sealed``: its content, encrypted under the case's key (``models.records.vault``). ``content_hash`` is keyed too.
    """

    __tablename__ = "document"
    __table_args__ = (
        Index("ix_document_case_kind", "case_id", "kind"),
        CheckConstraint("(frozen_at IS NULL) = (version IS NULL)", name="frozen_has_version"),
    )

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id")
    command_id: UUID = Field(index=True)
    kind: str = Field(max_length=30)
    sealed: bytes
    content_hash: str = Field(max_length=64)
    author_id: UUID = Field(foreign_key="person.id")
    created_at: datetime = instant()
    version: int | None = None
    plan_version: int | None = None
    frozen_at: datetime | None = Field(default=None, sa_type=Instant, nullable=True)
    sequence: int | None = None


class Recusal(SQLModel, table=True):
    """A person who must have nothing to do with one case, and since when. The reason is a code."""

    __tablename__ = "recusal"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    reason: str = Field(max_length=40)
    since: datetime = instant()
    until: datetime | None = instant_or_none()


class Delegate(SQLModel, table=True):
    """The decider (DEL) DOH named for one case because CHAIR, VCH or SUP is recused."""

    __tablename__ = "delegate"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    since: datetime = instant()
    until: datetime | None = instant_or_none()
