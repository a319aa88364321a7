"""The directory of services: who gives what, where, when and for how many; and who looks after which area.

Whoever is signed in reads it; an administrator keeps what belongs to their own offices, one by one or as a file.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response, status
from pydantic import AwareDatetime

from api import sheets
from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares, not_taken
from api.queries import directory as q
from api.services import directory as service
from api.services.organisation import etag
from api.shapes.base import Page
from api.shapes.directory import (
    AreaChange,
    AreaIn,
    AreaOut,
    CandidateOut,
    CoverageOut,
    FileFormat,
    ImportOut,
    ProviderChange,
    ProviderIn,
    ProviderOut,
    SheetName,
)
from api.shapes.organisation import Ending

router = APIRouter(prefix="/directory", tags=["directory"])

IfMatch = Annotated[str | None, Header(max_length=80, description="The ETag of what was read.")]
Word = Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_]+$")]
At = Annotated[
    AwareDatetime | None, Query(description="As it was, or will be, at this instant; now if nothing is said.")
]

_READ = declares("not-permitted")
_ONE = declares("not-permitted", "not-found")
_ADD = declares("not-permitted", "code-taken", body=True)
_CHANGE = declares("not-permitted", "not-found", "precondition-required", "precondition-failed", body=True)
_END = declares("not-permitted", "not-found", "already-ended", body=True)
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FILES = dict.fromkeys(sheets.FORMATS, _FILE)


@router.get("/providers", responses=_READ)
async def list_providers(  # noqa: PLR0917 - FastAPI reads them by name
    visit: TheVisit,
    unit: Annotated[UUID | None, Query(description="Only of this office.")] = None,
    kind: Word = None,
    gives: Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_]+$", description="A service.")] = None,
    at: At = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> Page[ProviderOut]:
    """Providers of services."""
    when: datetime = at or visit.now
    statement = q.providers(when)
    if unit is not None:
        statement = statement.where(q.NAME.c.unit_id == unit)
    if kind is not None:
        statement = statement.where(q.PROVIDER.c.kind == kind)
    if gives is not None:
        statement = statement.where(q.gives(gives, when))
    return await service.list_providers(visit, statement, at, cursor=cursor, limit=limit)


@router.post("/providers", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_provider(visit: TheVisit, given: ProviderIn) -> ProviderOut:
    """A new provider."""
    return await service.add_provider(visit, given.code, given)


@router.get("/providers/{provider}", responses=_ONE)
async def read_provider(visit: TheVisit, response: Response, provider: UUID, at: At = None) -> ProviderOut:
    """One provider, with the ETag that changing it needs."""
    shown = await service.read_provider(visit, provider, at)
    response.headers["ETag"] = etag(shown)
    return shown


@router.put("/providers/{provider}", responses=_CHANGE)
async def change_provider(
    visit: TheVisit, response: Response, provider: UUID, given: ProviderChange, if_match: IfMatch = None
) -> ProviderOut:
    """All that is to hold of a provider from now on; what held before stays on record."""
    shown = await service.change_provider(visit, provider, given, if_match)
    response.headers["ETag"] = etag(shown)
    return shown


@router.post("/providers/{provider}/end", responses=_END)
async def end_provider(visit: TheVisit, provider: UUID, ending: Ending) -> ProviderOut:
    """A provider ends, and all it gives."""
    return await service.end_provider(visit, provider, ending.at)


@router.get("/candidates", responses=_READ)
async def list_candidates(
    visit: TheVisit,
    gives: Annotated[str, Query(max_length=40, pattern=r"^[a-z_]+$", description="The service asked for.")],
    unit: Annotated[UUID, Query(description="The commune of the child.")],
    at: At = None,
) -> list[CandidateOut]:
    """Who would be asked for a service, best first: open before closed in an emergency, then the nearest."""
    return await service.candidates(visit, gives, unit, at or visit.now)


@router.get("/areas", responses=_READ)
async def list_areas(
    visit: TheVisit,
    unit: Annotated[UUID | None, Query(description="Only of this commune.")] = None,
    covered: Annotated[bool | None, Query(description="Whether somebody looks after it.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> Page[AreaOut]:
    """Residential areas and who looks after them."""
    statement = q.areas(visit.now)
    if unit is not None:
        statement = statement.where(q.PLACE.c.unit_id == unit)
    if covered is not None:
        statement = statement.where(q.covered(visit.now) if covered else ~q.covered(visit.now))
    return await service.list_areas(visit, statement, cursor=cursor, limit=limit)


@router.post("/areas", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_area(visit: TheVisit, given: AreaIn) -> AreaOut:
    """A new residential area."""
    return await service.add_area(visit, given.code, given)


@router.get("/areas/{area}", responses=_ONE)
async def read_area(visit: TheVisit, response: Response, area: UUID) -> AreaOut:
    """One residential area, with the ETag that changing it needs."""
    shown = await service.read_area(visit, area)
    response.headers["ETag"] = etag(shown)
    return shown


@router.put("/areas/{area}", responses=_CHANGE)
async def change_area(
    visit: TheVisit, response: Response, area: UUID, given: AreaChange, if_match: IfMatch = None
) -> AreaOut:
    """All that is to hold of a residential area from now on: its name, its commune, who looks after it."""
    shown = await service.change_area(visit, area, given, if_match)
    response.headers["ETag"] = etag(shown)
    return shown


@router.post("/areas/{area}/end", responses=_END)
async def end_area(visit: TheVisit, area: UUID, ending: Ending) -> AreaOut:
    """A residential area ends."""
    return await service.end_area(visit, area, ending.at)


@router.get("/coverage", responses=_READ)
async def read_coverage(
    visit: TheVisit, unit: Annotated[UUID | None, Query(description="Only the communes of this office.")] = None
) -> list[CoverageOut]:
    """Commune by commune, how many residential areas nobody looks after."""
    return await service.coverage(visit, unit)


@router.post(
    "/imports",
    responses=declares(
        "not-permitted", "media-type-not-supported", "body-too-large", "body-too-slow", "malformed-json",
        "text-not-storable",
    ),
    openapi_extra={"requestBody": {"required": True, "content": _FILES}},
)  # fmt: skip
async def bring_in(
    visit: TheVisit,
    request: Request,
    sheet: Annotated[SheetName, Query(description="Which sheet it is.")],
    dry_run: Annotated[bool, Query(description="Only say what it would come to.")] = True,
) -> ImportOut:
    """Bring a file in (CSV or XLSX, its columns: docs/guides/directory.md): every row of it, or none.

    A dry run unless said otherwise; ``applied`` says whether it was written.
    """
    await visit.require("administer")
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in _FILES:
        raise not_taken(_FILES)
    return await service.bring_in(visit, sheet, media_type, await request.body(), dry_run=dry_run)


@router.get(
    "/exports",
    responses=declares("not-permitted") | {200: {"content": _FILES, "description": "The file."}},
    response_class=Response,
)
async def take_out(
    visit: TheVisit,
    sheet: Annotated[SheetName, Query(description="Which sheet.")],
    kind: Annotated[FileFormat, Query(description="CSV or XLSX.")] = "csv",
) -> Response:
    """The administrator's own entries as a file, which can be brought in again."""
    media_type, body = await service.take_out(visit, sheet, kind)
    return Response(
        body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{sheet}.{kind}"'}
    )
