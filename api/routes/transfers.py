"""Cases on their way from one commune to another. Each step is an event of the case: ``/cases/{case}/actions``."""

from fastapi import APIRouter

from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import transfers
from api.shapes.base import Page
from api.shapes.transfers import CustodyIntervalOut, FormerCaseOut, TransferOut

router = APIRouter(tags=["transfers"])


@router.get("/transfers", responses=declares("not-permitted"))
async def list_transfers(visit: TheVisit, cursor: Cursor = None, limit: Limit = DEFAULT) -> Page[TransferOut]:
    """What waits for an answer and what was asked of others; the soonest due first."""
    return await transfers.under_way(visit, cursor, limit)


@router.get("/transfers/handed-over", responses=declares("not-permitted"))
async def list_handed_over(visit: TheVisit, cursor: Cursor = None, limit: Limit = DEFAULT) -> Page[FormerCaseOut]:
    """What the unit held once and another holds now, by code; the latest first."""
    return await transfers.handed_over(visit, cursor, limit)


@router.get("/cases/{case}/custody", responses=declares("not-found", "declaration-required"))
async def read_custody(visit: TheVisit, case: CaseRef) -> list[CustodyIntervalOut]:
    """Which unit held the case from when to when, the first one first."""
    return await transfers.custody(visit, case)
