"""What a change of units moves, and how it is moved: rows end where they were and begin where they go."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Table, Text, and_, bindparam, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.directory import CAPABILITY, NAME, PLACE
from api.queries.organisation import DEPUTY, PARENT, PERSON, POSITION, SHIFT, UNIT
from api.queries.rows import Found
from models.records.dated import not_over
from models.tables import CaseArea, CaseFile, UnitChange, new_id, table

CHANGE, CASE, AREA_OF_CASE = table(UnitChange), table(CaseFile), table(CaseArea)

_DATED: Final = ("id", "valid_from", "valid_to")


@dataclass(frozen=True)
class CaseMove:
    """Where a case goes: its holder, its place of incident and of residence afterwards."""

    case_id: UUID
    code: str
    unit_id: UUID | None
    incident_unit_id: UUID | None
    residence_unit_id: UUID | None


async def lock(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Nothing is written that names these units until the act is over; what is being written is waited for."""
    await connection.execute(select(UNIT.c.id).where(UNIT.c.id.in_(list(ids))).order_by(UNIT.c.id).with_for_update())


async def dated(connection: AsyncConnection, rows: Table, units: Collection[UUID], at: datetime) -> Sequence[Found]:
    """Rows of these units that hold, or will."""
    column = rows.c.parent_id if rows is PARENT else rows.c.unit_id
    statement = select(rows).where(column.in_(list(units)), not_over(rows, at))
    found: Sequence[Found] = (await connection.execute(statement.order_by(rows.c.valid_from, rows.c.id))).all()
    return found


async def positions(connection: AsyncConnection, units: Collection[UUID], at: datetime) -> Sequence[Found]:
    """Positions in these units that hold, or will, with who holds them."""
    statement = (
        select(POSITION, PERSON.c.full_name)
        .join(PERSON, PERSON.c.id == POSITION.c.person_id)
        .where(POSITION.c.unit_id.in_(list(units)), not_over(POSITION, at))
    )
    found: Sequence[Found] = (await connection.execute(statement.order_by(POSITION.c.valid_from, POSITION.c.id))).all()
    return found


async def shifts(connection: AsyncConnection, units: Collection[UUID], at: datetime) -> int:
    """How many turns of these units are not over."""
    statement = select(func.count()).where(SHIFT.c.unit_id.in_(list(units)), SHIFT.c.ends_at > at)
    return (await connection.execute(statement)).scalar_one()


async def cases(connection: AsyncConnection, units: Collection[UUID]) -> Sequence[Found]:
    """Every case that names one of these units, live or ended, with the areas recorded of it, the last of each kind."""
    areas = {
        kind: select(AREA_OF_CASE.c.area_id)
        .where(AREA_OF_CASE.c.case_id == CASE.c.id, AREA_OF_CASE.c.kind == kind)
        .order_by(AREA_OF_CASE.c.recorded_at.desc(), AREA_OF_CASE.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label(f"{kind}_area")
        for kind in ("incident", "residence")
    }
    named = list(units)
    places = (CASE.c.unit_id, CASE.c.incident_unit_id, CASE.c.residence_unit_id)
    statement = select(CASE.c.id, CASE.c.code, *places, *areas.values()).where(or_(*(one.in_(named) for one in places)))
    found: Sequence[Found] = (await connection.execute(statement.order_by(CASE.c.code))).all()
    return found


async def move(
    connection: AsyncConnection, rows: Table, old: Iterable[Found], to: Mapping[UUID, Sequence[UUID]], at: datetime
) -> None:
    """End rows where they are and begin them where they go (``to``: by the row's id; none, and it only ends).

    A row that has not begun yet is called off and planned anew, from when it was to begin.
    """
    column = "parent_id" if rows is PARENT else "unit_id"
    for row in old:
        since = max(row.valid_from, at)
        await connection.execute(update(rows).where(rows.c.id == row.id).values(valid_to=since))
        kept = {one.name: getattr(row, one.name) for one in rows.c if one.name not in (*_DATED, column)}
        for unit in to.get(row.id, ()):
            values = {**kept, column: unit, "valid_from": since, "valid_to": row.valid_to}
            await connection.execute(insert(rows).values(id=new_id(), **values))


async def move_shifts(connection: AsyncConnection, old: Collection[UUID], new: UUID, at: datetime) -> None:
    """The turns to come are those of the new unit; one that is being taken ends here and goes on there."""
    running = and_(SHIFT.c.unit_id.in_(list(old)), SHIFT.c.starts_at < at, SHIFT.c.ends_at > at)
    for row in (await connection.execute(select(SHIFT).where(running))).all():
        await connection.execute(update(SHIFT).where(SHIFT.c.id == row.id).values(ends_at=at))
        await connection.execute(
            insert(SHIFT).values(
                id=new_id(), unit_id=new, role=row.role, person_id=row.person_id, starts_at=at, ends_at=row.ends_at
            )
        )
    to_come = and_(SHIFT.c.unit_id.in_(list(old)), SHIFT.c.starts_at >= at)
    await connection.execute(update(SHIFT).where(to_come).values(unit_id=new))


_FOLLOW = text("SELECT cases_follow(:act, cast(:moves AS jsonb))").bindparams(bindparam("moves", type_=Text()))


# A proposal to a commune that is no more is its heir's to answer.
_PROPOSALS_FOLLOW = text("SELECT transfers_follow(:act)")


async def move_cases(connection: AsyncConnection, act: UUID, moves: Sequence[CaseMove]) -> int:
    """The cases follow: the one way in which the API moves any, and only by an act of this very transaction."""
    said = json.dumps(
        [
            {
                "case_id": str(one.case_id),
                **{
                    name: str(value)
                    for name in ("unit_id", "incident_unit_id", "residence_unit_id")
                    if (value := getattr(one, name)) is not None
                },
            }
            for one in moves
        ]
    )
    moved: int = (await connection.execute(_FOLLOW, {"act": act, "moves": said})).scalar_one()
    await connection.execute(_PROPOSALS_FOLLOW, {"act": act})
    return moved


def history(unit: UUID) -> Select[Any]:
    """What a unit came from and what became of it, the newest first."""
    before, after = UNIT.alias("before"), UNIT.alias("after")
    return (
        select(
            CHANGE,
            before.c.code.label("predecessor_code"),
            after.c.code.label("successor_code"),
            after.c.name_vi.label("successor_vi"),
            after.c.name_en.label("successor_en"),
        )
        .join(before, before.c.id == CHANGE.c.predecessor_id)
        .join(after, after.c.id == CHANGE.c.successor_id)
        .where(or_(CHANGE.c.predecessor_id == unit, CHANGE.c.successor_id == unit))
        .order_by(CHANGE.c.at.desc(), before.c.code, after.c.code)
    )


__all__ = [
    "CAPABILITY", "CHANGE", "DEPUTY", "NAME", "PARENT", "PLACE", "POSITION", "CaseMove", "cases", "dated", "history",
    "lock", "move", "move_cases", "move_shifts", "positions", "shifts",
]  # fmt: skip
