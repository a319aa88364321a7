"""Webhooks at the door: the administrator keeps endpoints and secrets, the sender's office reads what became of them.

A secret is shown once and stored sealed. Rotation gives a new one while the old one signs beside it for some hours, so
that the receiver's system never stands without.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import organisation as org
from api.queries import referrals
from api.queries import webhooks as q
from api.queries.rows import Found
from api.services.organisation import found
from api.services.service_tokens import service_of
from api.shapes.base import Page, PersonRef, Text, unit_ref
from api.shapes.webhooks import (
    AttemptOut,
    DeliveryOut,
    EndpointIn,
    EndpointOut,
    LoggedDelivery,
    NewEndpoint,
    SecretOut,
    SecretRotation,
)
from models.records.webhooks import DELIVERY, ENDPOINT, seal_secret
from models.tables import new_id
from models.vocabulary import term
from models.webhooks import BadDestinationError, event_type, new_secret, shown

# --- endpoints and their secrets --------------------------------------------------------------------------------------


async def add(visit: Visit, position_id: UUID, given: EndpointIn) -> NewEndpoint:
    """Where a system takes events.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``invalid-request``.
    """
    await visit.require("administer")
    _open(visit, given.url)
    async with visit.transaction() as connection:
        await service_of(connection, visit, position_id)
        endpoint = await org.add(
            connection, ENDPOINT, position_id=position_id, url=given.url, added_by=visit.caller.person_id,
            added_at=visit.now,
        )  # fmt: skip
        secret = await _issue(connection, visit, endpoint)
        await visit.note(
            connection, "add", "webhook_endpoint", record_id=endpoint, detail={"position": str(position_id)}
        )
        return NewEndpoint(secret=secret, endpoint=await _shown(connection, visit, endpoint))


async def listed(visit: Visit, position_id: UUID) -> list[EndpointOut]:
    """The endpoints of a system, those that ended included.

    Raises:
        Problem: ``not-permitted`` or ``not-found``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        await service_of(connection, visit, position_id)
        rows = await org.every(connection, q.endpoints().where(ENDPOINT.c.position_id == position_id))
        secrets = await q.secrets(connection, [row.id for row in rows], visit.now)
        await visit.note(connection, "list", "webhook_endpoint", record_id=position_id)
    return [_endpoint(row, secrets.get(row.id, [])) for row in rows]


async def move(visit: Visit, endpoint_id: UUID, given: EndpointIn) -> EndpointOut:
    """The system takes events elsewhere, those too that wait to be sent.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``already-ended`` or ``invalid-request``.
    """
    await visit.require("administer")
    _open(visit, given.url)
    async with visit.transaction() as connection:
        await _living(connection, visit, endpoint_id)
        await org.change(connection, ENDPOINT, endpoint_id, url=given.url)
        await visit.note(connection, "change", "webhook_endpoint", record_id=endpoint_id)
        return await _shown(connection, visit, endpoint_id)


async def rotate(visit: Visit, endpoint_id: UUID, given: SecretRotation) -> NewEndpoint:
    """A new secret; what held before signs beside it until the overlap has passed.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``already-ended``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        await _living(connection, visit, endpoint_id)
        await q.expire_secrets(connection, endpoint_id, visit.now + timedelta(hours=given.overlap_hours))
        secret = await _issue(connection, visit, endpoint_id)
        await visit.note(connection, "issue_secret", "webhook_endpoint", record_id=endpoint_id)
        return NewEndpoint(secret=secret, endpoint=await _shown(connection, visit, endpoint_id))


async def end(visit: Visit, endpoint_id: UUID) -> None:
    """Nothing is sent there any more; what waits to be sent becomes a dead letter.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``already-ended``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        await _living(connection, visit, endpoint_id)
        await org.change(connection, ENDPOINT, endpoint_id, ended_at=visit.now)
        await visit.note(connection, "end", "webhook_endpoint", record_id=endpoint_id)


async def _issue(connection: AsyncConnection, visit: Visit, endpoint_id: UUID) -> str:
    secret, secret_id = new_secret(), new_id()
    sealed = await seal_secret(connection, secret_id, secret)
    await q.add_secret(
        connection, id=secret_id, endpoint_id=endpoint_id, wrapped=sealed.key, kek=sealed.kek,
        issued_by=visit.caller.person_id, issued_at=visit.now,
    )  # fmt: skip
    return shown(secret)


async def _living(connection: AsyncConnection, visit: Visit, endpoint_id: UUID) -> Found:
    """An endpoint of a system of the administrator's that takes events, locked."""
    row = await _theirs(connection, visit, endpoint_id, lock=True)
    if row.ended_at is not None:
        raise Problem("already-ended")
    return row


async def _theirs(connection: AsyncConnection, visit: Visit, endpoint_id: UUID, *, lock: bool = False) -> Found:
    statement = select(ENDPOINT).where(
        ENDPOINT.c.id == endpoint_id,
        ENDPOINT.c.position_id.in_(
            select(org.POSITION.c.id).where(
                org.of_units(org.POSITION.c.unit_id, visit.caller.acting.unit_id, visit.now)
            )
        ),
    )
    return await found(connection, statement.with_for_update() if lock else statement)


async def _shown(connection: AsyncConnection, visit: Visit, endpoint_id: UUID) -> EndpointOut:
    row = await found(connection, q.endpoints().where(ENDPOINT.c.id == endpoint_id))
    return _endpoint(row, (await q.secrets(connection, [endpoint_id], visit.now)).get(endpoint_id, []))


def _endpoint(row: Found, secrets: list[Found]) -> EndpointOut:
    return EndpointOut(
        id=row.id,
        position_id=row.position_id,
        url=row.url,
        added_at=row.added_at,
        ended_at=row.ended_at,
        secrets=[SecretOut.model_validate(_some(one)) for one in secrets],
    )


def _some(row: Found) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SecretOut.model_fields}


def _open(visit: Visit, url: str) -> None:
    try:
        visit.door.settings.destinations.check_url(url)
    except BadDestinationError as error:
        raise fault(error.code, "body", "url") from None


# --- what became of it ------------------------------------------------------------------------------------------------


async def of_endpoint(visit: Visit, endpoint_id: UUID, *, cursor: str | None, limit: int) -> Page[DeliveryOut]:
    """What was and is to be sent to an endpoint: for the administrator, who sees of a referral its code alone.

    Raises:
        Problem: ``not-permitted`` or ``not-found``.
    """
    await visit.require("administer")
    order = (DELIVERY.c.created_at, DELIVERY.c.id)
    async with visit.transaction() as connection:
        await _theirs(connection, visit, endpoint_id)
        statement = q.deliveries().where(DELIVERY.c.endpoint_id == endpoint_id)
        rows = await org.many(connection, statement, order, paging.decode(cursor), limit + 1)
        shown_rows, after = paging.cut(rows, limit, lambda row: (row.created_at, row.id))
        await visit.note(connection, "list", "webhook_delivery", record_id=endpoint_id)
    return Page[DeliveryOut](items=[_delivery(row) for row in shown_rows], next=after)


async def of_referral(visit: Visit, referral_id: UUID) -> list[LoggedDelivery]:
    """What the agency's systems were told of a referral, and every attempt: for the office that works on the case.

    Raises:
        Problem: ``not-permitted`` or ``not-found``.
    """
    await visit.require("read_deliveries")
    async with visit.transaction() as connection:
        referral = await _sent(connection, visit, referral_id)
        rows = await q.of_referral(connection, referral_id)
        tried = await q.attempts(connection, [row.id for row in rows])
        await visit.note(connection, "list", "webhook_delivery", record_id=referral_id, case_id=referral.case_id)
    return [
        LoggedDelivery(
            delivery=_delivery(row),
            attempts=[
                AttemptOut(number=one.number, at=one.at, answer=one.answer, milliseconds=one.milliseconds)
                for one in tried.get(row.id, [])
            ],
        )
        for row in rows
    ]


async def resend(visit: Visit, referral_id: UUID, delivery_id: UUID) -> DeliveryOut:
    """A dead letter is sent again, under its own id, for as long as any other.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``not-a-dead-letter``.
    """
    await visit.require("resend_delivery")
    async with visit.transaction() as connection:
        referral = await _sent(connection, visit, referral_id)
        one = q.deliveries().where(DELIVERY.c.id == delivery_id, DELIVERY.c.referral_id == referral_id)
        await found(connection, one)
        if not await q.send_again(connection, delivery_id, visit.caller.person_id, visit.now):
            raise Problem("not-a-dead-letter", case_id=referral.case_id)
        await visit.note(
            connection, "resend_webhook", "webhook_delivery", record_id=delivery_id, case_id=referral.case_id
        )
        return _delivery(await found(connection, one))


async def _sent(connection: AsyncConnection, visit: Visit, referral_id: UUID) -> Found:
    """A referral of a case the reader reads: whoever finds it only as its agency has no part in this."""
    row = await referrals.find(connection, visit.caller.acting, visit.now, referral_id)
    if row is None or not row.reads_case:
        raise Problem("not-found")
    return row


def _delivery(row: Found) -> DeliveryOut:
    state = term("delivery_states", row.state)
    unit = row.owner_unit_id
    return DeliveryOut(
        id=row.id,
        system=row.system,
        referral_id=row.referral_id,
        referral_code=row.data["code"],
        service=row.data["service"],
        type=event_type(row.event),
        event=row.event,
        sequence=row.sequence,
        state=row.state,
        state_label=Text(vi=state.vi, en=state.en),
        created_at=row.created_at,
        attempts=row.attempts,
        last_attempt_at=row.last_attempt_at,
        last_answer=row.last_answer,
        delivered_at=row.delivered_at,
        dead_at=row.dead_at,
        owner=PersonRef(id=row.owner_id, name=row.owner_name) if row.owner_id else None,
        owner_unit=unit_ref(row, unit),
        resent_at=row.resent_at,
    )
