"""The residential areas of a case."""

from fastapi import APIRouter, status

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import case_areas as service
from api.shapes.directory import CaseAreaIn, CaseAreaOut

router = APIRouter(prefix="/cases", tags=["cases"])


@router.post(
    "/{case}/areas",
    status_code=status.HTTP_201_CREATED,
    responses=declares("not-permitted", "not-found", "declaration-required", body=True),
)
async def record_area(visit: TheVisit, case: CaseRef, given: CaseAreaIn) -> CaseAreaOut:
    """Record in which residential area it happened, or the child lives; the last of each kind holds."""
    return await service.record(visit, case, given)
