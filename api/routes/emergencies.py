"""Breaking the glass: a reason, a second person, three hours at most, a review afterwards."""

from uuid import UUID

from fastapi import APIRouter, status

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import emergencies
from api.shapes.emergencies import BreakGlassIn, BreakGlassOut, ReviewIn

router = APIRouter(tags=["break-glass"])

_ANSWER = ("not-permitted", "not-found", "second-person-needed", "break-glass-not-open")


@router.post(
    "/cases/{case}/break-glass",
    status_code=status.HTTP_201_CREATED,
    responses=declares("not-permitted", "not-found", "already-readable", body=True),
)
async def ask_break_glass(visit: TheVisit, case: CaseRef, given: BreakGlassIn) -> BreakGlassOut:
    """Ask to look into a case that is not one's own. Nothing opens until a second person has confirmed it."""
    return await emergencies.ask(visit, case, given)


@router.get("/break-glass", responses=declares())
async def list_break_glass(visit: TheVisit) -> list[BreakGlassOut]:
    """What the caller asked for or confirmed, and what is theirs to review, the newest first."""
    return await emergencies.listed(visit)


@router.post("/break-glass/{grant}/confirm", responses=declares(*_ANSWER))
async def confirm_break_glass(visit: TheVisit, grant: UUID) -> BreakGlassOut:
    """Confirm it as the second person: access begins, supervisor and data-protection officer are told at once."""
    return await emergencies.confirm(visit, grant)


@router.post("/break-glass/{grant}/review", responses=declares(*_ANSWER, body=True))
async def review_break_glass(visit: TheVisit, grant: UUID, given: ReviewIn) -> BreakGlassOut:
    """Say afterwards whether it was right."""
    return await emergencies.review(visit, grant, given)
