"""Administering the organisation: within the administrator's own units, by ending instead of deleting, all on record.

An administrator gives nothing to themselves: no position, no deputising, no account. Otherwise the role that sees no
case could make itself one that does. Nor do they give a role the office does not have, nor one that watches them
(``models.access.grantable``); what they may not give they may not take away either.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import organisation as q
from api.queries.rows import Found
from api.services import conflicts
from api.shapes.base import Output, Page, PersonRef
from api.shapes.organisation import (
    AbsenceIn,
    AbsenceOut,
    DeputyIn,
    DeputyOut,
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
from models import access
from models.records.dated import in_force, not_over

Shown = TypeVar("Shown", bound=Output)


def etag(shown: Output) -> str:
    """The ETag of what was read."""
    return '"' + hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:32] + '"'


def held(row: Found) -> HeldPosition:
    """A position as it is shown."""
    return HeldPosition(
        id=row.id, person=PersonRef(id=row.person_id, name=row.full_name), unit_id=row.unit_id, role=row.role,
        valid_from=row.valid_from, valid_to=row.valid_to,
    )  # fmt: skip


def shift(row: Found) -> ShiftOut:
    """A turn on the rota as it is shown."""
    return ShiftOut(
        id=row.id, unit_id=row.unit_id, role=row.role, person=PersonRef(id=row.person_id, name=row.full_name),
        starts_at=row.starts_at, ends_at=row.ends_at,
    )  # fmt: skip


def absence(row: Found) -> AbsenceOut:
    """An absence as it is shown."""
    return AbsenceOut(
        id=row.id, person=PersonRef(id=row.person_id, name=row.full_name), starts_at=row.starts_at,
        ends_at=row.ends_at, reason=row.reason,
    )  # fmt: skip


def deputy(row: Found) -> DeputyOut:
    """A deputising as it is shown."""
    return DeputyOut(
        id=row.id,
        principal=PersonRef(id=row.principal_id, name=row.principal_name),
        deputy=PersonRef(id=row.deputy_id, name=row.deputy_name),
        unit_id=row.unit_id,
        role=row.role,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def unit(row: Found) -> UnitOut:
    """An office as it is shown."""
    return UnitOut.model_validate(row)


def person(row: Found) -> PersonOut:
    """A person as they are shown."""
    return PersonOut.model_validate(row)


async def listing(
    visit: Visit,
    statement: Select[Any],
    order: tuple[Any, Any],
    show: Callable[[Found], Shown],
    *,
    record: str,
    cursor: str | None,
    limit: int,
) -> Page[Any]:
    """A page of rows, in order of an instant column and an id column."""
    async with visit.transaction() as connection:
        rows = await q.many(connection, statement, order, paging.decode(cursor), limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (getattr(row, order[0].name), row.id))
        await visit.note(connection, "list", record)
    return Page[Any](items=[show(row) for row in shown], next=after)


async def read_unit(visit: Visit, unit_id: UUID) -> UnitOut:
    """One office."""
    await visit.require("read_directory")
    async with visit.transaction() as connection:
        shown = unit(await found(connection, q.units(visit.now).where(q.UNIT.c.id == unit_id)))
        await visit.note(connection, "read", "unit", record_id=unit_id)
        return shown


async def add_unit(visit: Visit, given: UnitIn) -> UnitOut:
    """A new office under one of the administrator's."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await administers(connection, visit, given.parent_id, "parent_id")
        since = given.valid_from or visit.now
        try:
            unit_id = await q.add(
                connection, q.UNIT, code=given.code, kind=given.kind, name_vi=given.name_vi, name_en=given.name_en,
                is_sample=False, valid_from=since,
            )  # fmt: skip
        except IntegrityError:
            raise Problem("code-taken") from None
        await q.add(connection, q.PARENT, unit_id=unit_id, parent_id=given.parent_id, valid_from=since)
        await visit.note(connection, "add", "unit", record_id=unit_id)
        return unit(await found(connection, q.units(max(since, visit.now)).where(q.UNIT.c.id == unit_id)))


async def rename_unit(visit: Visit, unit_id: UUID, names: UnitNames, if_match: str | None) -> UnitOut:
    """Other names for an office; what it was called until now stays with it."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        statement = q.units(visit.now).where(
            q.UNIT.c.id == unit_id, q.of_units(q.UNIT.c.id, visit.caller.acting.unit_id, visit.now)
        )
        before = unit(await found(connection, statement.with_for_update(of=q.UNIT)))
        _matches(before, if_match)
        await q.rename(connection, unit_id, name_vi=names.name_vi, name_en=names.name_en, at=visit.now)
        await visit.note(connection, "change", "unit", record_id=unit_id)
        return unit(await found(connection, statement))


async def end_unit(visit: Visit, unit_id: UUID, at: datetime | None) -> UnitOut:
    """An office that holds nothing any more ends, and its place in the tree with it, in one act.

    It ends now and on no day to come: what it will hold then, nobody can say.

    Raises:
        Problem: ``unit-in-use`` while cases, referrals, people or offices are left with it; else as ``end``.
    """
    await visit.require("administer")
    if at is not None and at > visit.now:
        raise fault("in-the-future", "body", "at")
    async with visit.transaction() as connection:
        # Locked before it is looked at: whatever is just being written to this office is waited for, and counted.
        shown = await _ended(connection, visit, q.UNIT, q.units(visit.now), "id", unit_id, at, unit, "unit")
        left = await q.left_with(connection, unit_id, visit.now)
        if any(left.values()):
            raise Problem("unit-in-use", extra={"about": left})
        await q.end_link_positions(connection, unit_id, visit.now)
        await q.end_parents(connection, unit_id, visit.now)
    return shown


async def read_person(visit: Visit, person_id: UUID) -> PersonOut:
    """One person, with where notices reach them."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        shown = person(await found(connection, people(visit).where(q.PERSON.c.id == person_id)))
        await visit.note(connection, "read", "person", record_id=person_id)
        return shown


async def add_person(visit: Visit, given: PersonIn) -> PersonOut:
    """A new person, without a position yet."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        person_id = await q.add(connection, q.PERSON, **given.model_dump(), is_sample=False)
        await visit.note(connection, "add", "person", record_id=person_id)
        return person(await found(connection, people(visit).where(q.PERSON.c.id == person_id)))


async def change_person(visit: Visit, person_id: UUID, given: PersonIn, if_match: str | None) -> PersonOut:
    """Other particulars of a person."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        statement = people(visit).where(q.PERSON.c.id == person_id)
        _matches(person(await found(connection, statement.with_for_update())), if_match)
        await q.change(connection, q.PERSON, person_id, **given.model_dump())
        await visit.note(connection, "change", "person", record_id=person_id)
        kept = await conflicts.keep_from(connection, visit, person_id)
        shown = person(await found(connection, statement))
    conflicts.wake(visit, kept)
    return shown


async def add_position(visit: Visit, given: PositionIn) -> HeldPosition:
    """A role for a person in one of the administrator's offices."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        not_oneself(visit, given.person_id)
        may_give(visit, await administers(connection, visit, given.unit_id, "unit_id"), given.role)
        await _known_person(connection, given.person_id, "person_id")
        since = given.valid_from or visit.now
        _forward(since, given.valid_to)
        row_id = await q.add(
            connection, q.POSITION, person_id=given.person_id, unit_id=given.unit_id, role=given.role,
            valid_from=since, valid_to=given.valid_to,
        )  # fmt: skip
        await visit.note(connection, "add", "position", record_id=row_id, detail={"role": given.role})
        # Whoever takes office is kept from the cases they may be in conflict with before they can open one.
        kept = await conflicts.keep_from(connection, visit, given.person_id, in_office=since)
        shown = held(await found(connection, q.positions().where(q.POSITION.c.id == row_id)))
    conflicts.wake(visit, kept)
    return shown


async def add_shift(visit: Visit, given: ShiftIn) -> ShiftOut:
    """A turn on the rota of one of the administrator's offices."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        may_give(visit, await administers(connection, visit, given.unit_id, "unit_id"), given.role)
        await _known_person(connection, given.person_id, "person_id")
        row_id = await q.add(connection, q.SHIFT, **given.model_dump())
        await visit.note(connection, "add", "shift", record_id=row_id)
        return shift(await found(connection, q.shifts().where(q.SHIFT.c.id == row_id)))


async def add_absence(visit: Visit, given: AbsenceIn) -> AbsenceOut:
    """An absence of one of the administrator's people."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        await found(connection, people(visit).where(q.PERSON.c.id == given.person_id))
        row_id = await q.add(connection, q.ABSENCE, **given.model_dump())
        await visit.note(connection, "add", "absence", record_id=row_id)
        return absence(await found(connection, q.absences().where(q.ABSENCE.c.id == row_id)))


async def add_deputy(visit: Visit, given: DeputyIn) -> DeputyOut:
    """Somebody stands in for somebody in one of the administrator's offices."""
    await visit.require("administer")
    async with visit.transaction() as connection:
        not_oneself(visit, given.deputy_id)
        may_give(visit, await administers(connection, visit, given.unit_id, "unit_id"), given.role)
        await _known_person(connection, given.principal_id, "principal_id")
        await _known_person(connection, given.deputy_id, "deputy_id")
        if given.principal_id == given.deputy_id:
            raise fault("same-person", "body", "deputy_id")
        since = given.valid_from or visit.now
        _forward(since, given.valid_to)
        row_id = await q.add(
            connection, q.DEPUTY, principal_id=given.principal_id, deputy_id=given.deputy_id, unit_id=given.unit_id,
            role=given.role, valid_from=since, valid_to=given.valid_to,
        )  # fmt: skip
        await visit.note(connection, "add", "deputy", record_id=row_id, detail={"role": given.role})
        kept = await conflicts.keep_from(connection, visit, given.deputy_id, in_office=since)
        shown = deputy(await found(connection, q.deputies().where(q.DEPUTY.c.id == row_id)))
    conflicts.wake(visit, kept)
    return shown


async def end(  # noqa: PLR0917 - what is ended, in the order one says it
    visit: Visit,
    rows: Table,
    statement: Select[Any],
    unit_column: str | None,
    row_id: UUID,
    at: datetime | None,
    show: Callable[[Found], Shown],
    record: str,
) -> Shown:
    """End a row now or at a later instant; what has ended stays ended.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``already-ended`` or ``invalid-request``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        return await _ended(connection, visit, rows, statement, unit_column, row_id, at, show, record)


async def _ended(  # noqa: PLR0917 - as ``end``
    connection: AsyncConnection,
    visit: Visit,
    rows: Table,
    statement: Select[Any],
    unit_column: str | None,
    row_id: UUID,
    at: datetime | None,
    show: Callable[[Found], Shown],
    record: str,
) -> Shown:
    starts, ends = ("valid_from", "valid_to") if "valid_to" in rows.c else ("starts_at", "ends_at")
    when = at or visit.now
    own = visit.caller.acting.unit_id
    clause = (
        q.of_units(rows.c[unit_column], own, visit.now)
        if unit_column is not None
        else q.of_people(rows.c.person_id, own, visit.now)
    )
    chosen = statement.where(rows.c.id == row_id, clause)
    before = await found(connection, chosen.with_for_update(of=rows))
    if rows is q.POSITION and _watches(visit, before.role, before.unit_id):
        raise Problem("not-yours-to-grant")
    ended = getattr(before, ends)
    if ended is not None and ended <= visit.now:
        raise Problem("already-ended")
    if when <= getattr(before, starts):
        raise fault("ends-before-it-starts", "body", "at")
    if at is not None and at < visit.now:
        raise fault("in-the-past", "body", "at")
    await q.change(connection, rows, row_id, **{ends: when})
    await visit.note(connection, "end", record, record_id=row_id)
    return show(await found(connection, statement.where(rows.c.id == row_id)))


def people(visit: Visit) -> Select[Any]:
    """The administrator's people."""
    return select(q.PERSON).where(q.of_people(q.PERSON.c.id, visit.caller.acting.unit_id, visit.now))


def not_oneself(visit: Visit, person_id: UUID) -> None:
    """Nobody gives anything to themselves.

    Raises:
        Problem: ``not-for-yourself``.
    """
    if person_id == visit.caller.person_id:
        raise Problem("not-for-yourself")


def _matches(before: Output, if_match: str | None) -> None:
    if if_match is None:
        raise Problem("precondition-required")
    if if_match.strip() != etag(before):
        raise Problem("precondition-failed", headers={"ETag": etag(before)})


def _forward(since: datetime, until: datetime | None) -> None:
    if until is not None and until <= since:
        raise fault("ends-before-it-starts", "body", "valid_to")


def may_give(visit: Visit, office: Found, role: str) -> None:
    """The caller may give this role in this office of theirs.

    Raises:
        Problem: ``not-yours-to-grant``.
    """
    if not access.grantable(role, office.kind, own_unit=office.id == visit.caller.acting.unit_id):
        raise Problem("not-yours-to-grant")


async def theirs(connection: AsyncConnection, visit: Visit, person_id: UUID) -> Found:
    """Somebody over whose account the caller has power: another, of theirs, in no role that watches the caller.

    Raises:
        Problem: ``not-for-yourself``, ``not-found`` or ``not-yours-to-grant``.
    """
    not_oneself(visit, person_id)
    row = await found(connection, people(visit).where(q.PERSON.c.id == person_id))
    current = q.positions().where(q.POSITION.c.person_id == person_id, not_over(q.POSITION, visit.now))
    if any(_watches(visit, one.role, one.unit_id) for one in await q.every(connection, current)):
        raise Problem("not-yours-to-grant")
    return row


def _watches(visit: Visit, role: str, unit_id: UUID) -> bool:
    return role in access.OVERSIGHT and unit_id == visit.caller.acting.unit_id


async def administers(connection: AsyncConnection, visit: Visit, unit_id: UUID, field: str) -> Found:
    """An office in force within the caller's reach.

    Raises:
        Problem: ``invalid-request``, naming the field.
    """
    clause = q.of_units(q.UNIT.c.id, visit.caller.acting.unit_id, visit.now)
    statement = q.units(visit.now).where(q.UNIT.c.id == unit_id, in_force(q.UNIT, visit.now), clause)
    office = await q.one(connection, statement)
    if office is None:
        raise fault("not-one-of-yours", "body", field)
    return office


async def _known_person(connection: AsyncConnection, person_id: UUID, field: str) -> Found:
    row = await q.one(connection, select(q.PERSON).where(q.PERSON.c.id == person_id))
    if row is None:
        raise fault("unknown", "body", field)
    return row


async def found(connection: AsyncConnection, statement: Select[Any]) -> Found:
    """The only row.

    Raises:
        Problem: ``not-found``.
    """
    row = await q.one(connection, statement)
    if row is None:
        raise Problem("not-found")
    return row
