"""Endpoints and deliveries as their readers find them; row security says the same once more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.organisation import PERSON, POSITION, UNIT
from api.queries.rows import Found, unit_columns
from models.records.webhooks import DELIVERY, ENDPOINT, SECRET
from models.tables import WebhookAttempt, table

ATTEMPT = table(WebhookAttempt)
_OWNER, _SYSTEM = PERSON.alias("owner"), PERSON.alias("system")


def endpoints() -> Select[Any]:
    """Endpoints, the oldest first."""
    return select(ENDPOINT).order_by(ENDPOINT.c.added_at, ENDPOINT.c.id)


async def secrets(connection: AsyncConnection, endpoints: Collection[UUID], at: datetime) -> dict[UUID, list[Found]]:
    """The secrets of some endpoints that hold at an instant, the newest first; never what is in them."""
    rows = await connection.execute(
        select(SECRET.c.id, SECRET.c.endpoint_id, SECRET.c.issued_at, SECRET.c.expires_at)
        .where(SECRET.c.endpoint_id.in_(list(endpoints)), or_(SECRET.c.expires_at.is_(None), SECRET.c.expires_at > at))
        .order_by(SECRET.c.issued_at.desc(), SECRET.c.id.desc())
    )
    found: dict[UUID, list[Found]] = {}
    for row in rows:
        found.setdefault(row.endpoint_id, []).append(row)
    return found


async def add_secret(connection: AsyncConnection, **values: Any) -> None:
    """A new secret."""
    await connection.execute(insert(SECRET).values(**values))


async def expire_secrets(connection: AsyncConnection, endpoint_id: UUID, until: datetime) -> None:
    """No secret of an endpoint holds longer than until then."""
    await connection.execute(
        update(SECRET)
        .where(SECRET.c.endpoint_id == endpoint_id, or_(SECRET.c.expires_at.is_(None), SECRET.c.expires_at > until))
        .values(expires_at=until)
    )


def deliveries() -> Select[Any]:
    """Deliveries, with the system they go to and whose the dead ones are."""
    return (
        select(
            DELIVERY,
            _SYSTEM.c.full_name.label("system"),
            _OWNER.c.full_name.label("owner_name"),
            *unit_columns(UNIT),
        )
        .join(POSITION, POSITION.c.id == DELIVERY.c.position_id)
        .join(_SYSTEM, _SYSTEM.c.id == POSITION.c.person_id)
        .outerjoin(_OWNER, _OWNER.c.id == DELIVERY.c.owner_id)
        .outerjoin(UNIT, UNIT.c.id == DELIVERY.c.owner_unit_id)
    )


async def of_referral(connection: AsyncConnection, referral_id: UUID) -> Sequence[Found]:
    """Every delivery of a referral, in the order of its events."""
    statement = deliveries().where(DELIVERY.c.referral_id == referral_id)
    rows: Sequence[Found] = (
        await connection.execute(statement.order_by(DELIVERY.c.sequence, DELIVERY.c.endpoint_id))
    ).all()
    return rows


async def attempts(connection: AsyncConnection, deliveries: Collection[UUID]) -> dict[UUID, list[Found]]:
    """What was tried, by delivery."""
    rows = await connection.execute(
        select(ATTEMPT).where(ATTEMPT.c.delivery_id.in_(list(deliveries))).order_by(ATTEMPT.c.number)
    )
    found: dict[UUID, list[Found]] = {}
    for row in rows:
        found.setdefault(row.delivery_id, []).append(row)
    return found


async def send_again(connection: AsyncConnection, delivery_id: UUID, by: UUID, at: datetime) -> bool:
    """Make a dead letter one to be sent; False where it is none (any more)."""
    done = await connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.id == delivery_id, DELIVERY.c.state == "dead")
        .values(state="pending", started_at=None, resent_at=at, resent_by=by)
    )
    return bool(done.rowcount)
