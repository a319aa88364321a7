"""Reading cases."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field

from api.door import TheVisit
from api.paging import Paged
from api.problems import declares
from api.queries.cases import Wanted
from api.services import cases
from api.shapes.base import Input, Page
from api.shapes.cases import CaseOut, DeadlineOut, DocumentOut, TimelineEntry
from models.forms.base import Line

router = APIRouter(prefix="/cases", tags=["cases"])
searching = APIRouter(tags=["cases"])

CaseRef = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$", description="The case's id or its code.")]
Codes = Annotated[tuple[Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9_]+$")], ...], Field(max_length=20)]


class CaseFilter(Paged):
    """Which cases to list. ``overdue`` and ``due_before`` look at running deadlines."""

    process: Codes = ()
    protection: Codes = ()
    risk: Codes = ()
    unit: Annotated[str | None, Field(max_length=40, pattern=r"^[A-Za-z0-9._-]+$")] = None
    owner: UUID | None = None
    due_before: AwareDatetime | None = None
    overdue: bool = False


class NameSearch(Input):
    """A child's name, or part of it."""

    name: Line


@router.get("", responses=declares("not-permitted"))
async def list_cases(visit: TheVisit, chosen: Annotated[CaseFilter, Query()]) -> Page[CaseOut]:
    """The cases in the reader's scope, the newest receipt first."""
    await visit.require("read_case")
    wanted = Wanted(
        process=chosen.process,
        protection=chosen.protection,
        risk=chosen.risk,
        unit_code=chosen.unit,
        owner_id=chosen.owner,
        due_before=visit.now if chosen.overdue else chosen.due_before,
    )
    return await cases.list_cases(visit, wanted, chosen.cursor, chosen.limit)


@searching.post("/search", responses=declares("not-permitted", body=True))
async def search(visit: TheVisit, asked: NameSearch) -> Page[CaseOut]:
    """The reader's cases by a child's name, the likest first. In the body: an address is written down everywhere."""
    await visit.require("search")
    return await cases.search(visit, asked.name)


@router.get("/{case}", responses=declares("not-found", "declaration-required"))
async def read_case(visit: TheVisit, case: CaseRef) -> CaseOut:
    """One case, with what the reader may do now and the schema each of these needs."""
    return await cases.read(visit, case)


@router.get("/{case}/timeline", responses=declares("not-found", "declaration-required"))
async def read_timeline(visit: TheVisit, case: CaseRef) -> list[TimelineEntry]:
    """Events, rungs that fired and breaches, in order of recording."""
    return await cases.timeline(visit, case)


@router.get("/{case}/deadlines", responses=declares("not-found", "declaration-required"))
async def read_deadlines(visit: TheVisit, case: CaseRef) -> list[DeadlineOut]:
    """Deadlines past and present: how each was computed, its rungs, who was told, and its breaches."""
    return await cases.deadlines(visit, case)


@router.get("/{case}/household", responses=declares("not-found", "declaration-required"))
async def read_household(visit: TheVisit, case: CaseRef) -> Page[CaseOut]:
    """The household's other cases, as far as the reader may read them."""
    return await cases.household(visit, case)


@router.get("/{case}/documents", responses=declares("not-found", "declaration-required"))
async def list_documents(
    visit: TheVisit,
    case: CaseRef,
    kind: Annotated[str | None, Query(max_length=30, pattern=r"^[A-Za-z0-9_]+$")] = None,
    version: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> Page[DocumentOut]:
    """The case's documents by kind and version, without their content."""
    return await cases.documents(visit, case, kind, version)


@router.get("/{case}/documents/{document}", responses=declares("not-found", "declaration-required"))
async def read_document(visit: TheVisit, case: CaseRef, document: UUID) -> DocumentOut:
    """One document with its content."""
    return await cases.document(visit, case, document)
