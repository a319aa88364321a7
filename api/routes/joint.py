"""Work in common on a case: tasks, conferences, flags, notes. Each step is an event: ``/cases/{case}/actions``."""

from typing import Annotated

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime, Field

from api.door import TheVisit
from api.paging import Paged
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import joint
from api.services.keys import IdempotencyKey
from api.shapes.base import Page
from api.shapes.joint import Kind, NoteIn, NoteOut, WorkListed, WorkOut

router = APIRouter(tags=["work"])

_CASE = ("not-found", "declaration-required")


class WorkFilter(Paged):
    """What to list; ``mine``: given to oneself."""

    mine: bool = False
    kind: Annotated[tuple[Kind, ...], Field(max_length=3)] = ()
    due_before: AwareDatetime | None = None


@router.get("/work", responses=declares("not-permitted"))
async def list_work(visit: TheVisit, wanted: Annotated[WorkFilter, Query()]) -> Page[WorkListed]:
    """Open tasks, conferences and flags of one's cases, the soonest due first."""
    return await joint.listed(
        visit, wanted.kind, mine=wanted.mine, due_before=wanted.due_before, cursor=wanted.cursor, limit=wanted.limit
    )


@router.get("/cases/{case}/work", responses=declares(*_CASE))
async def read_work(visit: TheVisit, case: CaseRef) -> list[WorkOut]:
    """Every task, conference and flag of a case, with what became of it."""
    return await joint.of_case(visit, case)


@router.get("/cases/{case}/notes", responses=declares(*_CASE))
async def read_notes(visit: TheVisit, case: CaseRef) -> list[NoteOut]:
    """The notes of a case, the first one first."""
    return await joint.notes(visit, case)


@router.post(
    "/cases/{case}/notes",
    status_code=status.HTTP_201_CREATED,
    responses=declares("not-permitted", *_CASE, "content-erased", "idempotency-key-reused", body=True),
)
async def write_note(visit: TheVisit, case: CaseRef, key: IdempotencyKey, given: NoteIn) -> NoteOut:
    """Write a note: for those who read the case and may not edit it, and for those who may. Sent twice it is one."""
    return await joint.write_note(visit, case, key, given)
