"""What crosses Temporal: frozen, ids and codes only.

No name, no free text, nothing about a child: content stands in PostgreSQL and a message points at it by id and hash.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Means = Literal["phone", "paper", "in_person"]


class Message(BaseModel):
    """Base of every message: immutable, and strict about unknown fields of the future (they are ignored)."""

    model_config = ConfigDict(frozen=True)


class ContentRef(Message):
    """Points at content stored by the API: the document's id, its kind (``M02``, ``act`` …) and its SHA-256."""

    id: UUID
    kind: str
    hash: str


class Command(Message):
    """One person's act on one case, or on one of its referrals (``referral_id``).

    ``command_id`` is the update id and unique in the database. ``recorded_at`` is when the API took it in;
    ``occurred_at`` when it happened, the same unless the act is recorded later. ``origin`` is a keyed hash of the
    address it came from, for the audit.
    """

    command_id: UUID
    case_id: UUID
    event: str
    person_id: UUID
    position_id: UUID
    recorded_at: datetime
    occurred_at: datetime
    on_behalf_person: UUID | None = None
    on_behalf_role: str | None = None
    means: Means | None = None
    content: tuple[ContentRef, ...] = ()
    origin: str | None = None
    referral_id: UUID | None = None


class OpenDeadline(Message):
    """A running deadline as the workflow remembers it: its next rung and when that is due (domain time)."""

    id: UUID
    code: str
    ordinal: int
    at: datetime


class Snapshot(Message):
    """What a workflow keeps of its case or referral: sequence, deadlines with a rung to come, whether it may end."""

    case_id: UUID
    sequence: int
    deadlines: tuple[OpenDeadline, ...] = ()
    ended: bool = False
    referral_id: UUID | None = None


class CommandResult(Message):
    """The answer to a command, refusals included, as its caller gets it."""

    command_id: UUID
    accepted: bool
    code: str | None = None
    detail: dict[str, str] = {}
    allowed: tuple[str, ...] = ()
    sequence: int


class Recorded(CommandResult):
    """The answer as it is stored, with what the workflow must know now.

    ``wake``, ``wake_referrals``: other cases and referrals whose workflows are now behind. Neither goes to the caller:
    every byte of an answer is sealed, stored and opened again.
    """

    snapshot: Snapshot
    wake: tuple[UUID, ...] = ()
    wake_referrals: tuple[UUID, ...] = ()

    @property
    def answer(self) -> CommandResult:
        """What the caller gets."""
        return CommandResult(
            command_id=self.command_id,
            accepted=self.accepted,
            code=self.code,
            detail=self.detail,
            allowed=self.allowed,
            sequence=self.sequence,
        )


class RungDue(Message):
    """A rung whose instant has come: which one, and the domain time at which the workflow saw it."""

    case_id: UUID
    deadline_id: UUID
    ordinal: int
    at: datetime
    referral_id: UUID | None = None


class CaseInput(Message):
    """Starts the workflow of one case. ``offset_seconds`` is domain time minus platform time.

    ``recent`` carries the last results across a continue-as-new, where the server forgets update ids. ``locally``: its
    rungs are tried by local activities first (docs/decisions/0005); a run begun without it fires as it always did.
    """

    case_id: UUID
    offset_seconds: float = 0.0
    snapshot: Snapshot | None = None
    recent: tuple[CommandResult, ...] = ()
    locally: bool = False


class ReferralRef(Message):
    """Names a referral and its case."""

    case_id: UUID
    referral_id: UUID


class ReferralInput(Message):
    """Starts the workflow of one referral; see ``CaseInput``."""

    case_id: UUID
    referral_id: UUID
    offset_seconds: float = 0.0
    snapshot: Snapshot | None = None
    recent: tuple[CommandResult, ...] = ()


class DeliveryInput(Message):
    """Starts the workflow that brings one endpoint the events of one referral, in their order."""

    endpoint_id: UUID
    referral_id: UUID
    case_id: UUID


class DeliveryRef(Message):
    """Names one event that is to be sent, and its case."""

    delivery_id: UUID
    case_id: UUID


class NextDelivery(Message):
    """The earliest event that waits, None where none does, and for how long it is tried."""

    next: DeliveryRef | None = None
    seconds: float = 0.0


class SweepReport(Message):
    """What one sweep found and did, by case id, by referral id, and of webhooks by delivery id."""

    started: tuple[UUID, ...] = ()
    resynced: tuple[UUID, ...] = ()
    differences: tuple[str, ...] = ()
    checked: int = 0
    referrals_started: tuple[UUID, ...] = ()
    referrals_resynced: tuple[UUID, ...] = ()
    referrals_checked: int = 0
    deliveries_started: tuple[UUID, ...] = ()


def workflow_id(case_id: UUID) -> str:
    """The workflow id of a case: opaque, so it may stand in clear in Temporal."""
    return f"case/{case_id}"


def referral_workflow_id(referral_id: UUID) -> str:
    """The workflow id of a referral: opaque like a case's."""
    return f"referral/{referral_id}"


def delivery_workflow_id(endpoint_id: UUID, referral_id: UUID) -> str:
    """The id of the workflow that brings an endpoint the events of a referral: opaque like a case's."""
    return f"delivery/{endpoint_id}/{referral_id}"
