"""Conflict of interest: one's relatives, the declaration on first opening a case, and the conflicts to decide on.

A conflict is confirmed by ``POST /cases/{case}/actions/record_recusal``, cleared by ``…/actions/clear_conflict``.
"""

from uuid import UUID

from fastapi import APIRouter, status

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import conflicts
from api.shapes.conflicts import ConflictOut, DeclarationIn, DeclarationOut, RelativeIn, RelativeOut

router = APIRouter(tags=["conflicts"])


@router.get("/me/relatives", responses=declares())
async def list_relatives(visit: TheVisit) -> list[RelativeOut]:
    """The close relatives the caller has declared; nobody but those who decide on a conflict sees them besides."""
    return await conflicts.relatives(visit)


@router.post("/me/relatives", status_code=status.HTTP_201_CREATED, responses=declares(body=True))
async def add_relative(visit: TheVisit, given: RelativeIn) -> RelativeOut:
    """Declare a close relative, so that cases about them are kept from the caller."""
    return await conflicts.add_relative(visit, given)


@router.post("/me/relatives/{relative}/end", responses=declares("not-found"))
async def end_relative(visit: TheVisit, relative: UUID) -> RelativeOut:
    """Take a declaration back, from now on."""
    return await conflicts.end_relative(visit, relative)


@router.post("/cases/{case}/declaration", responses=declares("not-found", body=True))
async def declare(visit: TheVisit, case: CaseRef, given: DeclarationIn) -> DeclarationOut:
    """Say whether one is related to the case: asked of everybody on first opening it. Being related recuses."""
    return await conflicts.declare(visit, case, given)


@router.get("/cases/{case}/conflicts", responses=declares("not-permitted", "not-found", "declaration-required"))
async def list_conflicts(visit: TheVisit, case: CaseRef) -> list[ConflictOut]:
    """Who may be in conflict with the case, with what was decided."""
    return await conflicts.of_case(visit, case)
