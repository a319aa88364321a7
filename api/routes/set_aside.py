"""What was set aside of the reports by anybody, for the hotline to look at."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.door import TheVisit
from api.paging import Paged
from api.problems import declares
from api.services import set_aside
from api.shapes.base import Page
from api.shapes.set_aside import PutAwayIn, SetAsideOut, SetAsideRead, State

router = APIRouter(prefix="/set-aside", tags=["set-aside"])


class SetAsideFilter(Paged):
    """What to list: what waits, what was put away, or what was taken in after all."""

    state: State = "waiting"


@router.get("", responses=declares("not-permitted"))
async def list_set_aside(visit: TheVisit, wanted: Annotated[SetAsideFilter, Query()]) -> Page[SetAsideOut]:
    """What was set aside, the oldest first: who waits longest is read first."""
    return await set_aside.page(visit, wanted.state, wanted.cursor, wanted.limit)


@router.get("/{item}", responses=declares("not-permitted", "not-found"))
async def read_set_aside(visit: TheVisit, item: UUID) -> SetAsideRead:
    """One of them with what was told; that it was read is on record."""
    return await set_aside.read(visit, item)


@router.post("/{item}/let-in", responses=declares("not-permitted", "not-found"))
async def let_in(visit: TheVisit, item: UUID) -> SetAsideOut:
    """Let it in: a report and a case as every other, received when it was sent. Sent twice it is one."""
    return await set_aside.let_in(visit, item)


@router.post("/{item}/put-away", responses=declares("not-permitted", "not-found", "already-let-in", body=True))
async def put_away(visit: TheVisit, item: UUID, why: PutAwayIn) -> SetAsideOut:
    """Put it away as no report; it is kept, and can be let in after all."""
    return await set_aside.put_away(visit, item, why.reason)
