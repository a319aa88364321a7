"""What systems of agencies are told of their referrals: written with each event, sent by ``activities.webhooks``."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.referral.services import providers_of
from models.records.dated import in_force
from models.records.vault import bound_to, provider
from models.tables import Position, WebhookDelivery, WebhookEndpoint, WebhookSecret, table
from models.vault import Wrapped
from models.webhooks import UNTOLD, described
from models.writing import put

if TYPE_CHECKING:
    from models.records.referrals import ReferralRow

ENDPOINT, SECRET, DELIVERY = table(WebhookEndpoint), table(WebhookSecret), table(WebhookDelivery)
_POSITION = table(Position)

STATES: Final = ("pending", "delivered", "dead")


def open_endpoint(at: Any) -> ColumnElement[bool]:
    """The clause on ``webhook_endpoint`` joined with ``position``: neither has ended."""
    return and_(ENDPOINT.c.ended_at.is_(None), in_force(_POSITION, at))


async def announce(
    connection: AsyncConnection, referral: "ReferralRow", event: str, *, occurred_at: datetime, at: datetime
) -> None:
    """Write one delivery for each endpoint of the agency a referral is at, in the transaction of the event.

    Args:
        connection: the transaction of the event, which works on the referral's case.
        referral: its row after the event.
        event: the event's code; of one that implies another, the last.
        occurred_at: when it happened.
        at: domain instant of recording.
    """
    if event in UNTOLD or referral.sent_at is None or referral.receiver_id is None:
        return
    endpoints = await connection.execute(
        select(ENDPOINT.c.id, ENDPOINT.c.position_id)
        .join(_POSITION, _POSITION.c.id == ENDPOINT.c.position_id)
        .where(
            _POSITION.c.unit_id == referral.receiver_id,
            _POSITION.c.role.in_(sorted(providers_of(referral.service))),
            open_endpoint(at),
        )
        .order_by(ENDPOINT.c.id)
    )
    for endpoint in endpoints.all():
        await put(
            connection,
            DELIVERY,
            id=uuid5(endpoint.id, f"{referral.id}/{referral.sequence}"),
            endpoint_id=endpoint.id,
            position_id=endpoint.position_id,
            referral_id=referral.id,
            case_id=referral.case_id,
            sequence=referral.sequence,
            event=event,
            data=described(
                str(referral.id), referral.code, referral.service, event, referral.state, referral.sequence, occurred_at
            ),
            created_at=at,
            state="pending",
            attempts=0,
        )


# --- secrets ----------------------------------------------------------------------------------------------------------


async def seal_secret(connection: AsyncConnection, secret_id: UUID, secret: bytes) -> Wrapped:
    """A secret as it is stored: bound to its row, under the key-encryption key of the cases' keys.

    Raises:
        KeysAwayError: not now.
    """
    return await provider(connection).wrap(secret, bound_to(SECRET, secret_id))


async def secrets_of(connection: AsyncConnection, endpoint_id: UUID, at: datetime) -> Sequence[bytes]:
    """The secrets of an endpoint that hold at an instant, the newest first.

    Args:
        connection: a transaction of the worker, at work on a case of which something is sent there.
        endpoint_id: whose.
        at: domain instant.

    Raises:
        KeysAwayError: one cannot be opened now.
    """
    rows = await connection.execute(
        select(SECRET.c.id, SECRET.c.kek, SECRET.c.wrapped)
        .where(SECRET.c.endpoint_id == endpoint_id, or_(SECRET.c.expires_at.is_(None), SECRET.c.expires_at > at))
        .order_by(SECRET.c.issued_at.desc(), SECRET.c.id.desc())
    )
    keys = provider(connection)
    return [await keys.unwrap(Wrapped(row.kek, row.wrapped), bound_to(SECRET, row.id)) for row in rows.all()]
