"""The inbox, the call list, and the gateway's receipts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.door import TheDoor, TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares
from api.services import notices
from api.shapes.base import Page
from api.shapes.notices import CallOut, CallRecord, GatewayAnswer, GatewayReceipt, NoticeOut

router = APIRouter(tags=["notices"])

_GATEWAY = HTTPBearer(auto_error=False, scheme_name="GatewayToken", description="The gateway's own token.")


@router.get("/inbox", responses=declares())
async def list_inbox(
    visit: TheVisit, *, unseen_only: bool = False, cursor: Cursor = None, limit: Limit = DEFAULT
) -> Page[NoticeOut]:
    """The caller's notices, the newest first."""
    return await notices.list_inbox(visit, unseen_only=unseen_only, cursor=cursor, limit=limit)


@router.post("/inbox/{notice}/seen", responses=declares("not-found"))
async def see(visit: TheVisit, notice: UUID) -> NoticeOut:
    """The caller has seen this notice."""
    return await notices.see(visit, notice)


@router.get("/calls", responses=declares("not-permitted"))
async def list_calls(visit: TheVisit, cursor: Cursor = None, limit: Limit = DEFAULT) -> Page[CallOut]:
    """Whom the caller's office must phone, the longest waiting first."""
    return await notices.list_calls(visit, cursor, limit)


@router.post(
    "/calls/{call}/record", responses=declares("not-permitted", "not-found", "call-already-recorded", body=True)
)
async def record_call(visit: TheVisit, call: UUID, said: CallRecord) -> CallOut:
    """How a call ended."""
    return await notices.record(visit, call, said)


@router.post("/gateway/receipts", responses=declares("gateway-not-known", body=True, signed_in=False))
async def take_receipt(
    door: TheDoor,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_GATEWAY)],
    receipt: GatewayReceipt,
) -> GatewayAnswer:
    """What became of a message, from the SMS or voice gateway."""
    return await notices.take_receipt(door, credentials.credentials if credentials else "", receipt)
