"""Looking after the audit: for the data-protection officer and the auditor."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit, Paged
from api.problems import declares
from api.queries.audit import Wanted
from api.routes.cases import CaseRef
from api.services import audit
from api.shapes.audit import AccessReportOut, AuditOut
from api.shapes.base import Page

router = APIRouter(tags=["audit"])

_Code: Any = Annotated[str | None, Field(max_length=60, pattern=r"^[A-Za-z0-9_]+$")]


class AuditFilter(Paged):
    """Which entries to find. ``case`` is a code or an id; ``until`` is the first instant that is too late."""

    actor: UUID | None = None
    case: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")] = None
    action: _Code = None
    record: _Code = None
    outcome: _Code = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


@router.get("/audit", responses=declares("not-permitted"))
async def search_audit(visit: TheVisit, chosen: Annotated[AuditFilter, Query()]) -> Page[AuditOut]:
    """Who did or tried what, on which record, with what outcome, the newest first. No case content."""
    wanted = Wanted(chosen.actor, chosen.case, chosen.action, chosen.record, chosen.outcome, chosen.since, chosen.until)
    return await audit.search(visit, wanted, chosen.cursor, chosen.limit)


@router.get("/cases/{case}/access-report", responses=declares("not-permitted", "purpose-required", "not-found"))
async def read_access_report(
    visit: TheVisit, case: CaseRef, cursor: Cursor = None, limit: Limit = DEFAULT
) -> AccessReportOut:
    """Who read one child's file or acted on it: when, in which position, why. Asks for `X-Purpose`."""
    return await audit.access_report(visit, case, cursor, limit)
