"""Endpoints of agencies' systems, their secrets, and the log of what was sent to them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.shapes.accounts import LONGEST_OVERLAP
from api.shapes.base import Input, Moment, Output, PersonRef, Text, UnitRef
from models.webhooks.destination import LONGEST


class EndpointIn(Input):
    """Where a system takes events: https, without parameters or password."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class SecretRotation(Input):
    """A new secret; the one before signs beside it for ``overlap_hours`` more."""

    overlap_hours: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = 24


class SecretOut(Output):
    """A secret that signs, without itself. ``expires_at`` is null for the one that follows no other yet."""

    id: UUID
    issued_at: Moment
    expires_at: Moment | None


class EndpointOut(Output):
    """Where a system takes events, and which secrets sign now."""

    id: UUID
    position_id: UUID
    url: str
    added_at: Moment
    ended_at: Moment | None
    secrets: list[SecretOut]


class NewEndpoint(Output):
    """An endpoint with a new secret, which is shown this once."""

    secret: str
    endpoint: EndpointOut


class DeliveryOut(Output):
    """One event for one system. ``id`` is the ``webhook-id``; ``last_answer`` an HTTP status, or why there was none.

    ``state``: ``pending``, ``delivered``, or ``dead``: then ``owner`` and ``owner_unit`` say whose it is.
    """

    id: UUID
    system: str
    referral_id: UUID
    referral_code: str
    service: str
    type: str
    event: str
    sequence: int
    state: str
    state_label: Text
    created_at: Moment
    attempts: int
    last_attempt_at: Moment | None
    last_answer: str | None
    delivered_at: Moment | None
    dead_at: Moment | None
    owner: PersonRef | None
    owner_unit: UnitRef | None
    resent_at: Moment | None


class AttemptOut(Output):
    """One sending, and what came of it."""

    number: int
    at: Moment
    answer: str
    milliseconds: int


class LoggedDelivery(Output):
    """A delivery with every attempt."""

    delivery: DeliveryOut
    attempts: list[AttemptOut]
