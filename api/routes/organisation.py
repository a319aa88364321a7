"""Administering the organisation.

Whoever is signed in reads offices, positions and rota; the rest is the administrator's.
"""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response, status
from sqlalchemy import func, literal

from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares, declares_refusals
from api.queries import organisation as q
from api.services import hand_over as handing_over
from api.services import organisation as service
from api.services.keys import IdempotencyKey
from api.shapes.base import Page
from api.shapes.cases import HandedOverOut
from api.shapes.organisation import (
    AbsenceIn,
    AbsenceOut,
    DeputyIn,
    DeputyOut,
    Ending,
    HandOverIn,
    HeldPosition,
    PersonIn,
    PersonOut,
    PositionIn,
    ShiftIn,
    ShiftOut,
    UnitIn,
    UnitNames,
    UnitOut,
)
from models.records.dated import in_force

router = APIRouter(tags=["organisation"])

UnitFilter = Annotated[UUID | None, Query(description="Only of this office.")]
RoleFilter = Annotated[str | None, Query(max_length=10, pattern=r"^[A-Z0-9]+$", description="Only of this role.")]
PersonFilter = Annotated[UUID | None, Query(description="Only of this person.")]
IfMatch = Annotated[str | None, Header(max_length=80, description="The ETag of what was read.")]

_NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
"""People have no instant of their own; one for all of them keeps the cursor's shape."""

_READ = declares("not-permitted")
_ADD = declares("not-permitted", "not-for-yourself", "not-yours-to-grant", "not-found", body=True)
_END = declares("not-permitted", "not-yours-to-grant", "not-found", "already-ended", body=True)
_CHANGE = declares("not-permitted", "not-found", "precondition-required", "precondition-failed", body=True)


@router.get("/units", responses=_READ)
async def list_units(visit: TheVisit, cursor: Cursor = None, limit: Limit = DEFAULT) -> Page[UnitOut]:
    """Every office in force and its place in the tree."""
    await visit.require("read_directory")
    statement = q.units(visit.now).where(in_force(q.UNIT, visit.now))
    order = (q.UNIT.c.valid_from, q.UNIT.c.id)
    return await service.listing(visit, statement, order, service.unit, record="unit", cursor=cursor, limit=limit)


@router.get("/units/{unit}", responses=declares("not-permitted", "not-found"))
async def read_unit(visit: TheVisit, response: Response, unit: UUID) -> UnitOut:
    """One office, with the ETag that changing it needs."""
    shown = await service.read_unit(visit, unit)
    response.headers["ETag"] = service.etag(shown)
    return shown


@router.post(
    "/units",
    status_code=status.HTTP_201_CREATED,
    responses=declares("not-permitted", "not-found", "code-taken", body=True),
)
async def add_unit(visit: TheVisit, given: UnitIn) -> UnitOut:
    """A new office."""
    return await service.add_unit(visit, given)


@router.patch("/units/{unit}", responses=_CHANGE)
async def rename_unit(
    visit: TheVisit, response: Response, unit: UUID, names: UnitNames, if_match: IfMatch = None
) -> UnitOut:
    """Other names for an office."""
    shown = await service.rename_unit(visit, unit, names, if_match)
    response.headers["ETag"] = service.etag(shown)
    return shown


@router.post(
    "/units/{unit}/end",
    responses=declares("not-permitted", "not-found", "already-ended", "unit-in-use", body=True),
)
async def end_unit(visit: TheVisit, unit: UUID, ending: Ending) -> UnitOut:
    """An office ends, now, once no case, referral, person or office is left with it.

    A commune that still holds something is merged by `/unit-changes`; its cases, deadlines and people go along.
    """
    return await service.end_unit(visit, unit, ending.at)


@router.get("/people", responses=_READ)
async def list_people(visit: TheVisit, cursor: Cursor = None, limit: Limit = DEFAULT) -> Page[PersonOut]:
    """The administrator's people."""
    await visit.require("administer")
    since = literal(_NO_INSTANT, q.UNIT.c.valid_from.type).label("since")
    statement = service.people(visit).add_columns(since)
    order = (since, q.PERSON.c.id)
    return await service.listing(visit, statement, order, _person, record="person", cursor=cursor, limit=limit)


@router.get("/people/{person}", responses=declares("not-permitted", "not-found"))
async def read_person(visit: TheVisit, response: Response, person: UUID) -> PersonOut:
    """One person, with the ETag that changing them needs."""
    shown = await service.read_person(visit, person)
    response.headers["ETag"] = service.etag(shown)
    return shown


@router.post("/people", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_person(visit: TheVisit, given: PersonIn) -> PersonOut:
    """A new person."""
    return await service.add_person(visit, given)


@router.put("/people/{person}", responses=_CHANGE)
async def change_person(
    visit: TheVisit, response: Response, person: UUID, given: PersonIn, if_match: IfMatch = None
) -> PersonOut:
    """Other particulars of a person."""
    shown = await service.change_person(visit, person, given, if_match)
    response.headers["ETag"] = service.etag(shown)
    return shown


@router.post("/people/{person}/hand-over", responses=declares(*declares_refusals(), body=True))
async def hand_over(visit: TheVisit, person: UUID, key: IdempotencyKey, given: HandOverIn) -> list[HandedOverOut]:
    """Give every live case of somebody who leaves to a successor, in one act; each has a result of its own.

    The same request with the same key goes on where it was broken off, and gives no case twice.
    """
    return await handing_over.hand_over(visit, person, key, given)


@router.get("/positions", responses=_READ)
async def list_positions(  # noqa: PLR0917 - FastAPI reads them by name
    visit: TheVisit,
    unit: UnitFilter = None,
    role: RoleFilter = None,
    person: PersonFilter = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> Page[HeldPosition]:
    """Positions in force: who holds which role where."""
    await visit.require("read_directory")
    statement = q.positions().where(in_force(q.POSITION, visit.now))
    for column, value in ((q.POSITION.c.unit_id, unit), (q.POSITION.c.role, role), (q.POSITION.c.person_id, person)):
        if value is not None:
            statement = statement.where(column == value)
    order = (q.POSITION.c.valid_from, q.POSITION.c.id)
    return await service.listing(visit, statement, order, service.held, record="position", cursor=cursor, limit=limit)


@router.post("/positions", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_position(visit: TheVisit, given: PositionIn) -> HeldPosition:
    """A role for a person."""
    return await service.add_position(visit, given)


@router.post("/positions/{position}/end", responses=_END)
async def end_position(visit: TheVisit, position: UUID, ending: Ending) -> HeldPosition:
    """A position ends; whoever signed in with it is refused at the next request."""
    return await service.end(visit, q.POSITION, q.positions(), "unit_id", position, ending.at, service.held, "position")


@router.get("/shifts", responses=_READ)
async def list_shifts(
    visit: TheVisit,
    unit: UnitFilter = None,
    role: RoleFilter = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> Page[ShiftOut]:
    """The rota from now on."""
    await visit.require("read_directory")
    statement = q.shifts().where(q.SHIFT.c.ends_at > visit.now)
    for column, value in ((q.SHIFT.c.unit_id, unit), (q.SHIFT.c.role, role)):
        if value is not None:
            statement = statement.where(column == value)
    order = (q.SHIFT.c.starts_at, q.SHIFT.c.id)
    return await service.listing(visit, statement, order, service.shift, record="shift", cursor=cursor, limit=limit)


@router.post("/shifts", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_shift(visit: TheVisit, given: ShiftIn) -> ShiftOut:
    """A turn on the rota."""
    return await service.add_shift(visit, given)


@router.post("/shifts/{shift}/end", responses=_END)
async def end_shift(visit: TheVisit, shift: UUID, ending: Ending) -> ShiftOut:
    """A turn ends early."""
    return await service.end(visit, q.SHIFT, q.shifts(), "unit_id", shift, ending.at, service.shift, "shift")


@router.get("/absences", responses=_READ)
async def list_absences(
    visit: TheVisit, person: PersonFilter = None, cursor: Cursor = None, limit: Limit = DEFAULT
) -> Page[AbsenceOut]:
    """Absences of the administrator's people from now on."""
    await visit.require("administer")
    clause = q.of_people(q.ABSENCE.c.person_id, visit.caller.acting.unit_id, visit.now)
    statement = q.absences().where(q.ABSENCE.c.ends_at > visit.now, clause)
    if person is not None:
        statement = statement.where(q.ABSENCE.c.person_id == person)
    order = (q.ABSENCE.c.starts_at, q.ABSENCE.c.id)
    return await service.listing(visit, statement, order, service.absence, record="absence", cursor=cursor, limit=limit)


@router.post("/absences", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_absence(visit: TheVisit, given: AbsenceIn) -> AbsenceOut:
    """A time in which somebody cannot be reached."""
    return await service.add_absence(visit, given)


@router.post("/absences/{absence}/end", responses=_END)
async def end_absence(visit: TheVisit, absence: UUID, ending: Ending) -> AbsenceOut:
    """Somebody is back early."""
    return await service.end(visit, q.ABSENCE, q.absences(), None, absence, ending.at, service.absence, "absence")


@router.get("/deputies", responses=_READ)
async def list_deputies(
    visit: TheVisit, unit: UnitFilter = None, cursor: Cursor = None, limit: Limit = DEFAULT
) -> Page[DeputyOut]:
    """Who stands in for whom, from now on."""
    await visit.require("read_directory")
    ends = func.coalesce(q.DEPUTY.c.valid_to, visit.now)
    statement = q.deputies().where(ends >= visit.now)
    if unit is not None:
        statement = statement.where(q.DEPUTY.c.unit_id == unit)
    order = (q.DEPUTY.c.valid_from, q.DEPUTY.c.id)
    return await service.listing(visit, statement, order, service.deputy, record="deputy", cursor=cursor, limit=limit)


@router.post("/deputies", status_code=status.HTTP_201_CREATED, responses=_ADD)
async def add_deputy(visit: TheVisit, given: DeputyIn) -> DeputyOut:
    """Somebody stands in for somebody."""
    return await service.add_deputy(visit, given)


@router.post("/deputies/{deputy}/end", responses=_END)
async def end_deputy(visit: TheVisit, deputy: UUID, ending: Ending) -> DeputyOut:
    """Somebody no longer stands in."""
    return await service.end(visit, q.DEPUTY, q.deputies(), "unit_id", deputy, ending.at, service.deputy, "deputy")


def _person(row: object) -> PersonOut:
    fields = {name: getattr(row, name) for name in PersonOut.model_fields}
    return PersonOut(**fields)
