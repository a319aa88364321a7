"""Units are merged, split and renamed, as on 1 July 2025; what they hold follows, and their history stays."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from api.door import TheVisit
from api.problems import declares
from api.services import unit_changes as service
from api.shapes.unit_changes import UnitChangeIn, UnitChangeOut, UnitHistoryEntry

router = APIRouter(tags=["organisation"])


@router.post("/unit-changes", responses=declares("not-permitted", body=True))
async def change_units(visit: TheVisit, given: Annotated[UnitChangeIn, Body()]) -> UnitChangeOut:
    """Merge, split or rename communes, by a decision; a dry run, which tells what would move, unless said otherwise.

    Cases keep their ids, their clocks and their people in charge; escalations go to the people of the new unit.
    """
    return await service.change(visit, given)


@router.get("/units/{unit}/history", responses=declares("not-permitted", "not-found"))
async def read_history(visit: TheVisit, unit: UUID) -> list[UnitHistoryEntry]:
    """What an office came from and what became of it, the newest first."""
    return await service.history(visit, unit)
