"""The inbox and the call list."""

from typing import Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output, PersonRef


class NoticeOut(Output):
    """A notice to the reader: the sentence in their language, and the codes it was made of."""

    id: UUID
    case_id: UUID
    case_code: str
    kind: str
    deadline_id: UUID | None
    escalation_id: UUID | None
    role: str
    subject: str
    body: str
    at: Moment
    seen_at: Moment | None


class CallOut(Output):
    """Somebody a human must phone, and how the last try ended. ``phone`` is the officer's, for whoever is to call."""

    id: UUID
    case_id: UUID
    case_code: str
    person: PersonRef
    phone: str | None
    reason: str
    state: str
    created_at: Moment
    outcome: str | None
    called_at: Moment | None


class CallRecord(Input):
    """How a call ended."""

    outcome: Literal["reached", "no_answer", "wrong_number"]


class GatewayReceipt(Input):
    """What the gateway says became of a message; ``reference`` is the one it was sent with."""

    reference: UUID
    state: Literal["delivered", "failed"]


class GatewayAnswer(Output):
    """Whether there was something to record."""

    recorded: bool
