"""Escalations."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from api.door import TheVisit
from api.paging import Paged
from api.problems import declares
from api.queries.escalations import Wanted
from api.routes.cases import CaseRef
from api.services import escalations
from api.shapes.base import Input, Page
from api.shapes.cases import EscalationOut
from models.forms.base import Text

router = APIRouter(tags=["escalations"])

State = Literal["open", "acknowledged", "resolved"]
Level = Literal["E0", "E1", "E2", "E3", "E4"]


class EscalationFilter(Paged):
    """Which escalations to list; ``person`` asks for whom they went to, ``opened_before`` for age."""

    mine: bool = False
    person: UUID | None = None
    unit: Annotated[str | None, Field(max_length=40, pattern=r"^[A-Za-z0-9._-]+$")] = None
    state: Annotated[tuple[State, ...], Field(max_length=3)] = ()
    level: Annotated[tuple[Level, ...], Field(max_length=5)] = ()
    opened_before: AwareDatetime | None = None


class Resolution(Input):
    """What was done about an escalation."""

    resolution: Text


@router.get("/escalations", responses=declares("not-permitted"))
async def list_escalations(visit: TheVisit, chosen: Annotated[EscalationFilter, Query()]) -> Page[EscalationOut]:
    """Escalations sent to the reader or of the reader's cases, the oldest first."""
    await visit.require("read_escalations")
    wanted = Wanted(chosen.mine, chosen.person, chosen.unit, chosen.state, chosen.level, chosen.opened_before)
    return await escalations.list_escalations(visit, wanted, chosen.cursor, chosen.limit)


@router.get("/cases/{case}/escalations", responses=declares("not-found", "declaration-required"))
async def list_of_case(visit: TheVisit, case: CaseRef) -> Page[EscalationOut]:
    """The escalations of one case."""
    return await escalations.of_case(visit, case)


@router.post(
    "/escalations/{escalation}/acknowledge",
    responses=declares("not-found", "not-permitted", "escalation-not-open"),
)
async def acknowledge(visit: TheVisit, escalation: UUID) -> EscalationOut:
    """Take an escalation upon oneself."""
    return await escalations.answer(visit, escalation, None)


@router.post(
    "/escalations/{escalation}/resolve",
    responses=declares("not-found", "not-permitted", "escalation-not-open", body=True),
)
async def resolve(visit: TheVisit, escalation: UUID, said: Resolution) -> EscalationOut:
    """Say what was done about an escalation."""
    return await escalations.answer(visit, escalation, said.resolution)
