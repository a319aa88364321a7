"""The directory of services: read by officers, kept by administrators within their own offices.

Every change goes the same way, whether it comes as a form or as a file: rows are read, what they change is planned
(``models.directory.planning``), and what was planned is written with its audit entry in one transaction.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging, sheets
from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import directory as q
from api.queries import organisation as units
from api.queries.rows import Found
from api.services.organisation import etag, found
from api.shapes.base import Output, Page, Text, UnitRef
from api.shapes.directory import (
    AreaChange,
    AreaOut,
    CandidateOut,
    CapabilityOut,
    CollaboratorOut,
    ContactOut,
    CoverageOut,
    FileFormat,
    ImportOut,
    ProviderChange,
    ProviderOut,
    RowError,
    RowResult,
    SheetName,
)
from models import access
from models.calendar import TZ, Calendar
from models.directory import CONTACT_KINDS, SERVICES, Hours
from models.directory.dated import DirectoryError, End, Write, cease
from models.directory.planning import Known, Plan, plan_areas, plan_providers
from models.directory.sheets import COLUMNS, Fault, Read, read
from models.records.directory import capable
from models.tables import new_id
from models.vocabulary import fold, term

Fields = dict[str, Any]


# --- reading ---------------------------------------------------------------------------------------------------------


_MOST_ERRORS: Final = 500
"""Faults of a file that are told: whoever has more of them corrects the first ones first."""


async def list_providers(
    visit: Visit, statement: Select[Any], at: datetime | None, *, cursor: str | None, limit: int
) -> Page[ProviderOut]:
    """A page of providers as they are now, with what is planned; or as they are at an instant."""
    await visit.require("read_directory")
    order = (q.PROVIDER.c.valid_from, q.PROVIDER.c.id)
    async with visit.transaction() as connection:
        rows = await units.many(connection, statement, order, paging.decode(cursor), limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (row.valid_from, row.id))
        items = await _providers(connection, shown, visit, at)
        await visit.note(connection, "list", "provider")
    return Page[ProviderOut](items=items, next=after)


async def read_provider(visit: Visit, provider: UUID, at: datetime | None) -> ProviderOut:
    """One provider as it is now, with what is planned; or as it is at an instant."""
    await visit.require("read_directory")
    async with visit.transaction() as connection:
        shown = await _provider(connection, provider, visit, at)
        await visit.note(connection, "read", "provider", record_id=provider)
        return shown


async def candidates(visit: Visit, service: str, unit: UUID, at: datetime) -> list[CandidateOut]:
    """Who would be asked for a service for a child of a commune, best first."""
    await visit.require("read_directory")
    if service not in SERVICES:
        raise fault("unknown", "query", "service")
    async with visit.transaction() as connection:
        ranked = await capable(
            connection, service=service, unit_id=unit, at=at, without=(), calendar=_calendar(visit, at)
        )
        statement = q.providers(at).where(q.PROVIDER.c.id.in_([one.provider_id for one in ranked]))
        named = {row.id: row for row in await units.every(connection, statement)}
        await visit.note(connection, "list", "provider", detail={"service": service, "unit": str(unit)})
    return [
        CandidateOut(
            provider_id=one.provider_id,
            code=named[one.provider_id].code,
            name_vi=named[one.provider_id].name_vi,
            name_en=named[one.provider_id].name_en,
            unit_id=one.unit_id,
            role=one.role,
            on_duty=one.on_duty,
            opens_at=one.opens_at,
            contact=one.contact,
            distance=one.distance,
            capacity=one.capacity,
        )
        for one in ranked
    ]


async def list_areas(visit: Visit, statement: Select[Any], *, cursor: str | None, limit: int) -> Page[AreaOut]:
    """A page of residential areas with who looks after them."""
    await visit.require("read_directory")
    order = (q.AREA.c.valid_from, q.AREA.c.id)
    async with visit.transaction() as connection:
        rows = await units.many(connection, statement, order, paging.decode(cursor), limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (row.valid_from, row.id))
        items = await _areas(connection, visit, shown)
        await visit.note(connection, "list", "residential_area")
    return Page[AreaOut](items=items, next=after)


async def read_area(visit: Visit, area: UUID) -> AreaOut:
    """One residential area."""
    await visit.require("read_directory")
    async with visit.transaction() as connection:
        shown = await _area(connection, visit, area)
        await visit.note(connection, "read", "residential_area", record_id=area)
        return shown


async def coverage(visit: Visit, unit: UUID | None) -> list[CoverageOut]:
    """Commune by commune, how many residential areas nobody looks after; of one office's communes, or of all."""
    await visit.require("read_directory")
    async with visit.transaction() as connection:
        statement = q.coverage(visit.now)
        if unit is not None:
            statement = statement.where(units.of_units(units.UNIT.c.id, unit, visit.now))
        rows = await units.every(connection, statement)
        await visit.note(connection, "list", "residential_area")
    return [
        CoverageOut(
            unit=UnitRef(id=row.id, code=row.code, name_vi=row.name_vi, name_en=row.name_en),
            areas=row.areas,
            without=row.without,
        )
        for row in rows
    ]


# --- one entry -------------------------------------------------------------------------------------------------------


async def add_provider(visit: Visit, code: str, given: ProviderChange) -> ProviderOut:
    """A new provider."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        known = await _known(connection, visit, "providers", [code])
        if code in known.providers:
            raise Problem("code-taken")
        (provider,) = await q.apply(connection, _planned("providers", _provider_fields(code, given), known, visit))
        await visit.note(connection, "add", "provider", record_id=provider)
        return await _provider(connection, provider, visit)


async def change_provider(visit: Visit, provider: UUID, given: ProviderChange, if_match: str | None) -> ProviderOut:
    """Other particulars of a provider: what is the same goes on, what is another begins, what is not there ends."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        before = await _provider(connection, provider, visit)
        known = await _known(connection, visit, "providers", [before.code])
        _may_change(provider, known, before, if_match)
        writes = _planned("providers", _provider_fields(before.code, given), known, visit)
        wanted = {(one.service, known.units.get(one.territory_code)) for one in given.capabilities}
        for key, rows in known.providers[before.code].capabilities.items():
            if key not in wanted:
                writes += _ceased("capability", rows, visit)
        await q.apply(connection, writes)
        await visit.note(connection, "change", "provider", record_id=provider)
        return await _provider(connection, provider, visit)


async def end_provider(visit: Visit, provider: UUID, at: datetime | None) -> ProviderOut:
    """A provider ends, now or later, and all that holds of it."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        row = await found(connection, q.providers(visit.now, ended=True).where(q.PROVIDER.c.id == provider))
        known = await _known(connection, visit, "providers", [row.code])
        when = _ending(visit, row, known, at)
        held = known.providers[row.code]
        writes = [one for rows in held.capabilities.values() for one in _ceased("capability", rows, visit, when)]
        writes += [one for rows in held.contacts.values() for one in _ceased("contact", rows, visit, when)]
        await q.apply(connection, [*writes, End("provider", provider, when)])
        await visit.note(connection, "end", "provider", record_id=provider)
        row = await found(connection, q.providers(visit.now, ended=True).where(q.PROVIDER.c.id == provider))
        return (await _providers(connection, [row], visit))[0]


async def add_area(visit: Visit, code: str, given: AreaChange) -> AreaOut:
    """A new residential area."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        known = await _known(connection, visit, "areas", [code])
        if code in known.areas:
            raise Problem("code-taken")
        (area,) = await q.apply(connection, _planned("areas", _area_fields(code, given), known, visit))
        await visit.note(connection, "add", "residential_area", record_id=area)
        return await _area(connection, visit, area)


async def change_area(visit: Visit, area: UUID, given: AreaChange, if_match: str | None) -> AreaOut:
    """Other particulars of a residential area, and who looks after it."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        before = await _area(connection, visit, area)
        known = await _known(connection, visit, "areas", [before.code])
        _may_change(area, known, before, if_match)
        writes = _planned("areas", _area_fields(before.code, given), known, visit)
        wanted = {fold(one.name) for one in given.collaborators}
        for name, rows in known.areas[before.code].collaborators.items():
            if name not in wanted:
                writes += _ceased("collaborator", rows, visit)
        await q.apply(connection, writes)
        await visit.note(connection, "change", "residential_area", record_id=area)
        return await _area(connection, visit, area)


async def end_area(visit: Visit, area: UUID, at: datetime | None) -> AreaOut:
    """A residential area ends, now or later, and nobody looks after it any more."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        row = await found(connection, q.areas(visit.now, ended=True).where(q.AREA.c.id == area))
        known = await _known(connection, visit, "areas", [row.code])
        when = _ending(visit, row, known, at)
        people = known.areas[row.code].collaborators
        writes = [one for rows in people.values() for one in _ceased("collaborator", rows, visit, when)]
        await q.apply(connection, [*writes, End("residential_area", area, when)])
        await visit.note(connection, "end", "residential_area", record_id=area)
        row = await found(connection, q.areas(visit.now, ended=True).where(q.AREA.c.id == area))
        return (await _areas(connection, visit, [row]))[0]


# --- files -----------------------------------------------------------------------------------------------------------


async def bring_in(visit: Visit, sheet: SheetName, media_type: str, body: bytes, *, dry_run: bool) -> ImportOut:
    """Take a file in: all of it, or nothing where one row is wrong.

    Raises:
        Problem: ``not-permitted``, or ``invalid-request`` where the file cannot be read at all.
    """
    await visit.require("administer")
    try:
        lines = await asyncio.to_thread(sheets.read, media_type, body)
    except sheets.SheetError as error:
        raise fault(error.code, "body") from None
    told = _with_formulas(sheet, read(sheet, lines.cells), lines)
    async with visit.transaction() as connection:
        await q.one_at_a_time(connection)
        key = COLUMNS[sheet][0].code
        known = await _known(connection, visit, sheet, sorted({row.values[key] for row in told.rows}))
        plan = _plan(sheet, told, known, visit)
        applied = not dry_run and not plan.faults
        about = await q.apply(connection, plan.writes) if applied else []
        counts = Counter(one.outcome for one in plan.results)
        await visit.note(
            connection, "import_directory", "directory", detail={
                "sheet": sheet, "dry_run": dry_run, "applied": applied, "outcomes": dict(counts),
                "records": [str(one) for one in about],
            },
        )  # fmt: skip
    return ImportOut(
        dry_run=dry_run,
        applied=applied,
        outcomes={code: counts[code] for code in ("added", "changed", "unchanged", "refused")},
        rows=[RowResult(row=one.row, outcome=one.outcome) for one in plan.results],
        errors=[_row_error(one) for one in plan.faults[:_MOST_ERRORS]],
        errors_in_all=len(plan.faults),
    )


async def take_out(visit: Visit, sheet: SheetName, kind: FileFormat) -> tuple[str, bytes]:
    """The administrator's own entries as a file that can be brought in again; its media type and its bytes."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        clause_of = units.of_units
        own, at = visit.caller.acting.unit_id, visit.now
        if sheet == "providers":
            statement = q.providers(at).where(clause_of(q.NAME.c.unit_id, own, at), q.PROVIDER.c.valid_to.is_(None))
            rows = await units.every(connection, statement.order_by(q.PROVIDER.c.code))
            lines = [line async for line in _provider_lines(connection, rows, at)]
        else:
            statement = q.areas(at).where(clause_of(q.PLACE.c.unit_id, own, at), q.AREA.c.valid_to.is_(None))
            rows = await units.every(connection, statement.order_by(q.AREA.c.code))
            lines = [line async for line in _area_lines(connection, rows, at)]
        await visit.note(connection, "export_directory", "directory", detail={"sheet": sheet, "rows": len(lines)})
    titles = [one.vi if visit.language == "vi" else one.en for one in COLUMNS[sheet]]
    media_type = sheets.XLSX if kind == "xlsx" else sheets.CSV
    return media_type, await asyncio.to_thread(sheets.write, media_type, [titles, *lines])


# --- how it is done --------------------------------------------------------------------------------------------------


def _calendar(visit: Visit, at: datetime) -> Calendar:
    return visit.door.reference.calendars.at(at)


async def _known(connection: AsyncConnection, visit: Visit, sheet: SheetName, codes: Sequence[str]) -> Known:
    return await q.known(
        connection,
        visit.caller.acting.unit_id,
        visit.now,
        provider_codes=codes if sheet == "providers" else (),
        area_codes=codes if sheet == "areas" else (),
    )


def _plan(sheet: SheetName, told: Read, known: Known, visit: Visit) -> Plan:
    planning = plan_providers if sheet == "providers" else plan_areas
    return planning(told, known, at=visit.now, new_id=new_id)


def _planned(sheet: SheetName, lines: list[Fields], known: Known, visit: Visit) -> list[Write]:
    """What one entry's lines change; the first fault is the request's."""
    columns = [one.code for one in COLUMNS[sheet]]
    told = read(sheet, [columns, *([_said(line.get(code)) for code in columns] for line in lines)])
    plan = _plan(sheet, told, known, visit)
    if plan.faults:
        one = plan.faults[0]
        raise fault(one.code, "body", *([one.column] if one.column else []))
    return list(plan.writes)


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def _provider_fields(code: str, given: ProviderChange) -> list[Fields]:
    own = {
        "provider_code": code, "kind": given.kind, "unit_code": given.unit_code, "name_vi": given.name_vi,
        "name_en": given.name_en, **given.contacts.model_dump(),
    }  # fmt: skip
    return [own | one.model_dump() for one in given.capabilities] or [own]


def _area_fields(code: str, given: AreaChange) -> list[Fields]:
    own = {"area_code": code, "name": given.name, "unit_code": given.unit_code}
    return [own | {"collaborator": one.name, "phone": one.phone} for one in given.collaborators] or [own]


def _may_change(row_id: UUID, known: Known, before: Output, if_match: str | None) -> None:
    if row_id in known.foreign:
        raise Problem("not-found")
    if if_match is None:
        raise Problem("precondition-required")
    if if_match.strip() != etag(before):
        raise Problem("precondition-failed", headers={"ETag": etag(before)})


def _ending(visit: Visit, row: Found, known: Known, at: datetime | None) -> datetime:
    """When one of the administrator's entries ends.

    Raises:
        Problem: ``not-found``, ``already-ended`` or ``invalid-request``.
    """
    if row.id in known.foreign:
        raise Problem("not-found")
    if row.valid_to is not None:
        raise Problem("already-ended")
    when = at or visit.now
    if when < visit.now:
        raise fault("in-the-past", "body", "at")
    if when <= row.valid_from:
        raise fault("ends-before-it-starts", "body", "at")
    return when


def _ceased(table: str, rows: Any, visit: Visit, when: datetime | None = None) -> list[Write]:
    try:
        return cease(table, rows, at=when or visit.now)
    except DirectoryError as error:
        raise fault(error.code, "body") from None


def _with_formulas(sheet: SheetName, told: Read, lines: sheets.Lines) -> Read:
    if not lines.formulas:
        return told
    heads = lines.cells[0] if lines.cells else []
    of = {fold(name): one.code for one in COLUMNS[sheet] for name in (one.code, one.vi, one.en)}
    places = {place: of.get(" ".join(fold(head).split())) for place, head in enumerate(heads)}
    wrong = {(row, places.get(place) or f"#{place + 1}") for row, place in lines.formulas}
    faults = [one for one in told.faults if (one.row, one.column) not in wrong]
    faults += [Fault(row, column, "formula") for row, column in wrong]
    rows = tuple(one for one in told.rows if one.number not in {row for row, _ in wrong})
    return Read(told.columns, rows, tuple(faults))


def _row_error(one: Fault) -> RowError:
    words = term("import_errors", one.code)
    return RowError(row=one.row, column=one.column, code=one.code, message=Text(vi=words.vi, en=words.en))


async def _provider(
    connection: AsyncConnection, provider: UUID, visit: Visit, at: datetime | None = None
) -> ProviderOut:
    row = await found(connection, q.providers(at or visit.now).where(q.PROVIDER.c.id == provider))
    return (await _providers(connection, [row], visit, at))[0]


async def _providers(
    connection: AsyncConnection, rows: Sequence[Found], visit: Visit, at: datetime | None = None
) -> list[ProviderOut]:
    ids, when = [row.id for row in rows], at or visit.now
    calendar = _calendar(visit, when)
    contacts = await q.details(connection, "contact", ids, when, planned=at is None)
    capabilities = await q.details(connection, "capability", ids, when, planned=at is None)
    return [
        ProviderOut(
            **{name: getattr(row, name) for name in _PROVIDER},
            contacts=[ContactOut.model_validate(one) for one in contacts.get(row.id, ())],
            capabilities=[_capability(one, when, calendar) for one in capabilities.get(row.id, ())],
        )
        for row in rows
    ]


_PROVIDER = ("id", "code", "kind", "unit_id", "unit_code", "name_vi", "name_en", "is_sample", "valid_from", "valid_to")
_AREA = ("id", "code", "name", "unit_id", "unit_code", "is_sample", "valid_from", "valid_to")


def _capability(row: Found, at: datetime, calendar: Calendar) -> CapabilityOut:
    begun = row.valid_from <= at
    return CapabilityOut(
        service=row.service,
        territory_id=row.unit_id,
        territory_code=row.territory_code,
        hours=row.hours,
        duty=row.duty,
        capacity=row.capacity,
        open=begun and (row.duty or Hours.parse(row.hours).open_at(at, calendar)),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


async def _area(connection: AsyncConnection, visit: Visit, area: UUID) -> AreaOut:
    row = await found(connection, q.areas(visit.now).where(q.AREA.c.id == area))
    return (await _areas(connection, visit, [row]))[0]


async def _areas(connection: AsyncConnection, visit: Visit, rows: Sequence[Found]) -> list[AreaOut]:
    people = await q.details(connection, "collaborator", [row.id for row in rows], visit.now)
    may_call = visit.caller.role in access.CALLS_COLLABORATORS
    return [
        AreaOut(
            **{name: getattr(row, name) for name in _AREA},
            covered=any(one.valid_from <= visit.now for one in people.get(row.id, ())),
            collaborators=[
                CollaboratorOut(
                    name=one.full_name,
                    phone=one.phone if may_call else None,
                    valid_from=one.valid_from,
                    valid_to=one.valid_to,
                )
                for one in people.get(row.id, ())
            ],
        )
        for row in rows
    ]


async def _provider_lines(connection: AsyncConnection, rows: Sequence[Found], at: datetime) -> Any:
    ids = [row.id for row in rows]
    contacts = await q.details(connection, "contact", ids, at)
    capabilities = await q.details(connection, "capability", ids, at)
    for row in rows:
        reached = {one.kind: one for one in contacts.get(row.id, ())}
        own = {"provider_code": row.code, **{name: getattr(row, name) for name in ("kind", "unit_code", *_NAMES)}}
        own |= {kind: _said(getattr(reached.get(kind), "address", None)) for kind in CONTACT_KINDS}
        own["account"] = "yes" if "account" in reached else "no"
        given = [
            {name: getattr(one, name) for name in ("service", "territory_code", "hours", "duty", "capacity", *_WHEN)}
            for one in capabilities.get(row.id, ())
        ]
        for line in _lines("providers", own, given):
            yield line


async def _area_lines(connection: AsyncConnection, rows: Sequence[Found], at: datetime) -> Any:
    people = await q.details(connection, "collaborator", [row.id for row in rows], at)
    for row in rows:
        own = {"area_code": row.code, "name": row.name, "unit_code": row.unit_code}
        given = [
            {"collaborator": one.full_name, "phone": one.phone, **{name: getattr(one, name) for name in _WHEN}}
            for one in people.get(row.id, ())
        ]
        for line in _lines("areas", own, given):
            yield line


_NAMES = ("name_vi", "name_en")
_WHEN = ("valid_from", "valid_to")


def _lines(sheet: SheetName, own: Fields, given: list[Fields]) -> Iterator[list[str]]:
    show: Callable[[Any], str] = lambda value: _said(  # noqa: E731 - the only place that shows an instant at Hà Nội
        value.astimezone(TZ) if isinstance(value, datetime) else value
    )
    for one in given or [{}]:
        line = own | one
        yield [show(line.get(column.code)) for column in COLUMNS[sheet]]
