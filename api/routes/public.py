"""Reports by anybody, without signing in."""

from fastapi import APIRouter, Request, status

from api.door import TheDoor
from api.language import DEFAULT, preferred
from api.problems import declares
from api.routes.sessions import Address
from api.services import public
from api.services.keys import IdempotencyKey
from api.shapes.public import PublicReceiptOut, PublicReportIn, ReceiptIn, StandingOut

router = APIRouter(prefix="/public/reports", tags=["public"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=declares(
        "public-intake-closed", "idempotency-key-reused", "too-many-reports", body=True, signed_in=False
    ),
)
async def report_publicly(
    request: Request, door: TheDoor, key: IdempotencyKey, given: PublicReportIn, address: Address
) -> PublicReceiptOut:
    """Report a child in need of protection, anonymously if one wishes; the receipt's code is shown this once."""
    language = preferred(request.headers.get("accept-language")) or DEFAULT
    return await public.receive(door, key, given, language, address)


@router.post("/standing", responses=declares("receipt-unknown", "too-many-requests", body=True, signed_in=False))
async def ask_standing(door: TheDoor, address: Address, asked: ReceiptIn) -> StandingOut:
    """Ask with a receipt whether a report was taken up. In the body: an address is written down everywhere."""
    return await public.standing(door, asked.code, address)
