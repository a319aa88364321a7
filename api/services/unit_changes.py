"""Units are merged, split and renamed: one act, with its history, and what they hold follows (process.md §4.1).

First it is found out what moves where; a dry run tells that and ends there, the act itself writes just that, in one
transaction with its audit entry. Deadlines are not touched: a case has the same clocks, and whoever is told when
one of them is due is looked up in the unit that holds the case then.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.queries import directory
from api.queries import organisation as units
from api.queries import unit_changes as q
from api.queries.rows import Found
from api.services.organisation import found
from api.shapes.base import UnitRef
from api.shapes.unit_changes import Left, MergeIn, RenameIn, SplitIn, UnitChangeOut, UnitHistoryEntry
from models.calendar import local_date
from models.database import as_part
from models.records.dated import in_force
from models.tables import new_id

_ONE_EACH = ("SUP", "CHAIR")
"""Roles of which a commune has one: whoever is in it stays, and nobody is put beside them."""

Targets = Mapping[UUID, Sequence[UUID]]


@dataclass
class Act:
    """What is to be done.

    Attributes:
        before, after: predecessors and successors, in the order they were named.
        heir: where what nobody assigned goes.
        positions, others: rows that move, with where to (by row id), and those of ``positions`` that only end.
        cases: where each case goes.
        undecided: codes of cases that went to the heir for want of a recorded area.
    """

    before: Sequence[Found]
    after: Sequence[Found]
    heir: Found
    positions: Sequence[Found] = ()
    places_of: dict[UUID, Sequence[UUID]] = field(default_factory=dict)
    left: list[Found] = field(default_factory=list)
    others: dict[str, Sequence[Found]] = field(default_factory=dict)
    shifts: int = 0
    cases: list[q.CaseMove] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


_TABLES = {
    "deputies": q.DEPUTY, "offices": q.PARENT, "providers": q.NAME, "capabilities": q.CAPABILITY, "areas": q.PLACE,
}  # fmt: skip


async def change(visit: Visit, given: MergeIn | SplitIn | RenameIn) -> UnitChangeOut:
    """Carry an act out, or tell what it would come to.

    Raises:
        Problem: ``not-permitted``, or ``invalid-request`` naming the field.
    """
    await visit.require("administer")
    if given.decided_on > local_date(visit.now):
        raise fault("in-the-future", "body", given.kind, "decided_on")
    act_id = new_id()
    async with visit.transaction() as connection:
        await directory.one_at_a_time(connection)
        match given:
            case RenameIn():
                act = await _rename(connection, visit, given)
            case MergeIn():
                act = await _merge(connection, visit, given)
            case SplitIn():
                act = await _split(connection, visit, given)
        if not given.dry_run:
            await _carry_out(connection, visit, act, act_id, given)
        shown = _shown(visit, act, act_id, given)
        await visit.note(
            connection, "change_units", "unit_change", record_id=None if given.dry_run else act_id, detail={
                "kind": given.kind, "dry_run": given.dry_run, "moved": shown.moved,
                "from": [str(one.id) for one in act.before], "to": [str(one.id) for one in act.after],
            },
        )  # fmt: skip
    return shown


async def history(visit: Visit, unit: UUID) -> list[UnitHistoryEntry]:
    """What a unit came from and what became of it."""
    await visit.require("read_directory")
    async with visit.transaction() as connection:
        await found(connection, units.units(visit.now).where(units.UNIT.c.id == unit))
        rows = await units.every(connection, q.history(unit))
        await visit.note(connection, "read", "unit", record_id=unit)
    return [
        UnitHistoryEntry(
            act_id=row.act_id,
            kind=row.kind,
            predecessor=UnitRef(
                id=row.predecessor_id, code=row.predecessor_code, name_vi=row.name_vi, name_en=row.name_en
            ),
            successor=UnitRef(
                id=row.successor_id, code=row.successor_code, name_vi=row.successor_vi, name_en=row.successor_en
            ),
            heir=row.heir,
            decision=row.decision,
            decided_on=row.decided_on,
            at=row.at,
        )
        for row in rows
    ]


# --- what moves where ------------------------------------------------------------------------------------------------


async def _merge(connection: AsyncConnection, visit: Visit, given: MergeIn) -> Act:
    before = [
        await _unit(connection, visit, code, given.kind, "predecessors", place)
        for place, code in enumerate(given.predecessors)
    ]
    heir = await _unit(connection, visit, given.successor, given.kind, "successor")
    if len({one.id for one in (*before, heir)}) <= len(before):
        raise fault("same-unit", "body", given.kind, "successor")
    act = Act(before, [heir], heir)
    await _organisation(connection, visit, act, {})
    gone = {one.id for one in before}
    for row in await _cases(connection, gone):
        unit, incident, residence = (
            heir.id if one in gone else one for one in (row.unit_id, row.incident_unit_id, row.residence_unit_id)
        )
        act.cases.append(q.CaseMove(row.id, row.code, unit, incident, residence))
    return act


async def _split(connection: AsyncConnection, visit: Visit, given: SplitIn) -> Act:
    gone = await _unit(connection, visit, given.predecessor, given.kind, "predecessor")
    after = [
        await _unit(connection, visit, code, given.kind, "successors", place)
        for place, code in enumerate(given.successors)
    ]
    by_code = {one.code: one for one in after}
    if len(by_code) < len(after) or gone.code in by_code:
        raise fault("same-unit", "body", given.kind, "successors")
    if given.heir not in by_code:
        raise fault("unknown", "body", given.kind, "heir")
    act = Act([gone], after, by_code[given.heir])
    areas = {}
    known = await units.every(connection, directory.areas(visit.now).where(directory.PLACE.c.unit_id == gone.id))
    ids = {row.code: row.id for row in known}
    for code, unit in given.areas.items():
        if code not in ids or unit not in by_code:
            raise fault("unknown", "body", given.kind, "areas")
        areas[ids[code]] = by_code[unit].id
    await _organisation(connection, visit, act, areas)
    for row in await _cases(connection, [gone.id]):
        act.cases.append(_placed(row, gone.id, act, areas))
    return act


async def _cases(connection: AsyncConnection, units: Collection[UUID]) -> Sequence[Found]:
    # An administrator reads no case; ids, codes and places of those that move are found by this part.
    async with as_part(connection, "succession"):
        return await q.cases(connection, units)


def _placed(row: Found, gone: UUID, act: Act, areas: Mapping[UUID, UUID]) -> q.CaseMove:
    """Where a case of a split unit goes: by the area of each place; held where the child lives, else where it was."""
    incident, residence = areas.get(row.incident_area), areas.get(row.residence_area)
    holder = residence or incident
    if holder is None:
        act.undecided.append(row.code)

    def go(unit: UUID | None, to: UUID | None) -> UUID | None:
        return (to or holder or act.heir.id) if unit == gone else unit

    return q.CaseMove(
        row.id, row.code, go(row.unit_id, holder), go(row.incident_unit_id, incident),
        go(row.residence_unit_id, residence),
    )  # fmt: skip


async def _organisation(connection: AsyncConnection, visit: Visit, act: Act, areas: Mapping[UUID, UUID]) -> None:
    """Find the rows of the predecessors that move, and where each goes."""
    gone = [one.id for one in act.before]
    await q.lock(connection, [*gone, *(one.id for one in act.after)])
    taken = {row.role for row in await q.positions(connection, [act.heir.id], visit.now)} & set(_ONE_EACH)
    order = {unit: place for place, unit in enumerate(gone)}
    held = sorted(await q.positions(connection, gone, visit.now), key=lambda row: order[row.unit_id])
    act.positions = held
    first: dict[str, UUID] = {}
    for row in held:
        alone = row.role in _ONE_EACH and (row.role in taken or first.setdefault(row.role, row.unit_id) != row.unit_id)
        if alone or row.kind != "person":
            act.left.append(row)
        else:
            act.places_of[row.id] = [act.heir.id]
    act.shifts = await q.shifts(connection, gone, visit.now)
    there = {
        (row.provider_id, row.service, row.unit_id)
        for row in await q.dated(connection, q.CAPABILITY, [one.id for one in act.after], visit.now)
    }
    for name, rows in _TABLES.items():
        act.others[name] = await q.dated(connection, rows, gone, visit.now)
        for row in act.others[name]:
            if rows is q.CAPABILITY:
                # A territory that is divided is served as a whole, and nothing is served twice.
                to = [one.id for one in act.after if (row.provider_id, row.service, one.id) not in there]
                there |= {(row.provider_id, row.service, unit) for unit in to}
            elif rows is q.PLACE:
                to = [areas.get(row.area_id, act.heir.id)]
            else:
                to = [act.heir.id]
            act.places_of[row.id] = to


async def _unit(connection: AsyncConnection, visit: Visit, code: str, *path: str | int) -> Found:
    """A commune in force that is the administrator's.

    Raises:
        Problem: ``invalid-request``, naming the field.
    """
    statement = units.units(visit.now).where(
        units.UNIT.c.code == code,
        in_force(units.UNIT, visit.now),
        units.of_units(units.UNIT.c.id, visit.caller.acting.unit_id, visit.now),
    )
    row = await units.one(connection, statement)
    if row is None:
        raise fault("not-one-of-yours", "body", *path)
    if row.kind != "commune":
        raise fault("not-a-commune", "body", *path)
    return row


# --- how it is carried out -------------------------------------------------------------------------------------------


async def _carry_out(
    connection: AsyncConnection, visit: Visit, act: Act, act_id: UUID, given: MergeIn | SplitIn | RenameIn
) -> None:
    at = visit.now
    for old in act.before:
        for new in act.after:
            await units.add(
                connection, q.CHANGE, act_id=act_id, kind=given.kind, predecessor_id=old.id, successor_id=new.id,
                heir=new.id == act.heir.id, name_vi=old.name_vi, name_en=old.name_en, decision=given.decision,
                decided_on=given.decided_on, at=at, made_by=visit.caller.person_id,
            )  # fmt: skip
    if isinstance(given, RenameIn):
        await units.rename(connection, act.heir.id, name_vi=given.name_vi, name_en=given.name_en, at=at)
        return
    await q.move(connection, units.POSITION, act.positions, act.places_of, at)
    await q.move_shifts(connection, [one.id for one in act.before], act.heir.id, at)
    for name, rows in _TABLES.items():
        await q.move(connection, rows, act.others[name], act.places_of, at)
    for old in act.before:
        await units.change(connection, units.UNIT, old.id, valid_to=at)
        await units.end_parents(connection, old.id, at)
    await q.move_cases(connection, act_id, act.cases)


async def _rename(connection: AsyncConnection, visit: Visit, given: RenameIn) -> Act:
    unit = await _unit(connection, visit, given.unit, given.kind, "unit")
    return Act([unit], [unit], unit)


def _shown(visit: Visit, act: Act, act_id: UUID, given: Any) -> UnitChangeOut:
    codes = {one.id: one.code for one in act.before}
    moved = Counter({name: len(rows) for name, rows in act.others.items()})
    moved |= Counter(
        cases=len(act.cases), positions=len(act.positions) - len(act.left), shifts=act.shifts,
    )  # fmt: skip
    return UnitChangeOut(
        id=act_id,
        kind=given.kind,
        dry_run=given.dry_run,
        at=visit.now,
        moved=dict(sorted(moved.items())),
        positions_ended=[Left(name=one.full_name, role=one.role, unit_code=codes[one.unit_id]) for one in act.left],
        for_a_person=act.undecided,
    )
