"""Webhooks: where systems of agencies take events, and what became of what was sent to them."""

from uuid import UUID

from fastapi import APIRouter, status

from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares
from api.services import webhooks
from api.shapes.base import Page
from api.shapes.webhooks import DeliveryOut, EndpointIn, EndpointOut, LoggedDelivery, NewEndpoint, SecretRotation

router = APIRouter(tags=["organisation"])
log = APIRouter(tags=["referrals"])

_REACH = ("not-permitted", "not-found")


@router.get("/services/{position}/endpoints", responses=declares(*_REACH))
async def list_endpoints(visit: TheVisit, position: UUID) -> list[EndpointOut]:
    """Where a system takes events, and which secrets sign."""
    return await webhooks.listed(visit, position)


@router.post(
    "/services/{position}/endpoints", status_code=status.HTTP_201_CREATED, responses=declares(*_REACH, body=True)
)
async def add_endpoint(visit: TheVisit, position: UUID, given: EndpointIn) -> NewEndpoint:
    """A system takes events of the referrals to its office from now on; the secret is shown this once."""
    return await webhooks.add(visit, position, given)


@router.put("/webhook-endpoints/{endpoint}", responses=declares(*_REACH, "already-ended", body=True))
async def move_endpoint(visit: TheVisit, endpoint: UUID, given: EndpointIn) -> EndpointOut:
    """Another address; what waits to be sent goes there as well."""
    return await webhooks.move(visit, endpoint, given)


@router.post(
    "/webhook-endpoints/{endpoint}/secrets",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_REACH, "already-ended", body=True),
)
async def rotate_secret(visit: TheVisit, endpoint: UUID, given: SecretRotation) -> NewEndpoint:
    """A new secret; the one before signs beside it for a while."""
    return await webhooks.rotate(visit, endpoint, given)


@router.post(
    "/webhook-endpoints/{endpoint}/end",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=declares(*_REACH, "already-ended"),
)
async def end_endpoint(visit: TheVisit, endpoint: UUID) -> None:
    """Nothing is sent there any more."""
    await webhooks.end(visit, endpoint)


@router.get("/webhook-endpoints/{endpoint}/deliveries", responses=declares(*_REACH))
async def list_deliveries(
    visit: TheVisit, endpoint: UUID, cursor: Cursor = None, limit: Limit = DEFAULT
) -> Page[DeliveryOut]:
    """What was and is to be sent there, the oldest first."""
    return await webhooks.of_endpoint(visit, endpoint, cursor=cursor, limit=limit)


@log.get("/referrals/{referral}/deliveries", responses=declares(*_REACH))
async def read_deliveries(visit: TheVisit, referral: UUID) -> list[LoggedDelivery]:
    """What the agency's systems were told of a referral, with every attempt."""
    return await webhooks.of_referral(visit, referral)


@log.post("/referrals/{referral}/deliveries/{delivery}/resend", responses=declares(*_REACH, "not-a-dead-letter"))
async def resend_delivery(visit: TheVisit, referral: UUID, delivery: UUID) -> DeliveryOut:
    """Send a dead letter again."""
    return await webhooks.resend(visit, referral, delivery)
