"""Cases on their way from one commune to another. Each step is an event of the case: ``/cases/{case}/actions``."""

from fastapi import APIRouter

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import transfers
from api.shapes.transfers import CustodyIntervalOut, TransferOut

router = APIRouter(tags=["transfers"])


@router.get("/transfers", responses=declares("not-permitted"))
async def list_transfers(visit: TheVisit) -> list[TransferOut]:
    """What waits for an answer, what was asked of others, and what the unit has handed over; the most urgent first."""
    return await transfers.listed(visit)


@router.get("/cases/{case}/custody", responses=declares("not-found", "declaration-required"))
async def read_custody(visit: TheVisit, case: CaseRef) -> list[CustodyIntervalOut]:
    """Which unit held the case from when to when, the first one first."""
    return await transfers.custody(visit, case)
