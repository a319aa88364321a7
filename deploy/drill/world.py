"""Putting a drill's stage into an empty database: units, people, positions, rota, absences, deputies and accounts.

What a drill says of its stage is data that an administrator entered long before; so it is written directly, as
``deploy.seed`` does, and everything after the drill's start goes through the API.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.drill.format import Drill, Office
from models.tables import Absence, Account, Deputy, Person, Position, Shift, Unit, UnitParent, new_id, table

BEFORE = timedelta(days=400)
"""How long before the drill's start everybody was in place."""

ADMINISTRATOR = "quan-tri-dien-tap"
"""The user name of the administrator every drill has, who enters absences as they come."""


@dataclass
class World:
    """Ids of what the drill names."""

    units: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, UUID] = field(default_factory=dict)
    positions: dict[str, UUID] = field(default_factory=dict)
    """Of each person, the position they act from."""


async def build(connection: AsyncConnection, drill: Drill, password_hash: str) -> World:
    """Write the stage.

    Args:
        connection: a transaction of the owner role, on a migrated and empty database.
        drill: whose stage.
        password_hash: of the one password all of the cast sign in with, their user name being their name in the file.
    """
    since = drill.start - BEFORE
    world = World()
    await _units(connection, drill, world, since)
    await _people(connection, drill, world, since)
    await _accounts(connection, world, password_hash, since)
    await _times(connection, drill, world)
    return world


async def _units(connection: AsyncConnection, drill: Drill, world: World, since: datetime) -> None:
    world.units = {unit.code: new_id() for unit in drill.units}
    units = [
        {
            "id": world.units[unit.code],
            "code": unit.code,
            "kind": unit.kind,
            "name_vi": unit.name,
            "name_en": unit.name,
            "is_sample": True,
            "valid_from": since,
        }
        for unit in drill.units
    ]
    parents = [
        {"id": new_id(), "unit_id": world.units[unit.code], "parent_id": world.units[unit.parent], "valid_from": since}
        for unit in drill.units
        if unit.parent is not None
    ]
    await _insert(connection, Unit, units)
    await _insert(connection, UnitParent, parents)


async def _people(connection: AsyncConnection, drill: Drill, world: World, since: datetime) -> None:
    people: list[dict[str, Any]] = []
    positions: list[dict[str, Any]] = []
    for number, (nick, actor) in enumerate(drill.cast.items(), start=1):
        person = world.people[nick] = new_id()
        people.append(
            {
                "id": person,
                "full_name": actor.name,
                "email": f"{nick}@dien-tap.invalid",
                "phone": f"+8490000{number:04}",
                "language": "vi",
                "is_sample": True,
            }
        )
        for office in (actor, *actor.also):
            row = _position(person, office, world, since)
            world.positions.setdefault(nick, row["id"])
            positions.append(row)
    people.append({"id": new_id(), "full_name": "Quản trị diễn tập (mẫu)", "language": "vi", "is_sample": True})
    world.people[ADMINISTRATOR] = people[-1]["id"]
    top = next(unit.code for unit in drill.units if unit.parent is None)
    positions.append(_position(people[-1]["id"], Office(unit=top, role="ADM"), world, since))
    world.positions[ADMINISTRATOR] = positions[-1]["id"]
    await _insert(connection, Person, people)
    await _insert(connection, Position, positions)


def _position(person: UUID, office: Office, world: World, since: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "person_id": person,
        "unit_id": world.units[office.unit],
        "role": office.role,
        "valid_from": since,
    }


async def _accounts(connection: AsyncConnection, world: World, password_hash: str, since: datetime) -> None:
    accounts = [
        {"id": new_id(), "person_id": person, "username": nick, "password_hash": password_hash, "created_at": since}
        for nick, person in world.people.items()
    ]
    await _insert(connection, Account, accounts)


async def _times(connection: AsyncConnection, drill: Drill, world: World) -> None:
    await _insert(
        connection,
        Absence,
        [
            {
                "id": new_id(),
                "person_id": world.people[absence.who],
                "starts_at": absence.start,
                "ends_at": absence.until,
                "reason": absence.reason,
            }
            for absence in drill.absences
        ],
    )
    await _insert(
        connection,
        Deputy,
        [
            {
                "id": new_id(),
                "principal_id": world.people[deputy.who],
                "deputy_id": world.people[deputy.deputy],
                "unit_id": world.units[drill.cast[deputy.who].unit],
                "role": drill.cast[deputy.who].role,
                "valid_from": deputy.start,
                "valid_to": deputy.until,
            }
            for deputy in drill.deputies
        ],
    )
    await _insert(
        connection,
        Shift,
        [
            {
                "id": new_id(),
                "unit_id": world.units[drill.cast[shift.who].unit],
                "role": drill.cast[shift.who].role,
                "person_id": world.people[shift.who],
                "starts_at": shift.start,
                "ends_at": shift.until,
            }
            for shift in drill.rota
        ],
    )


async def _insert(connection: AsyncConnection, model: type[Any], rows: list[dict[str, Any]]) -> None:
    if rows:
        # One shape for all rows, and defaults in Python only where a row leaves a column out of every row.
        names = {name for row in rows for name in row}
        await connection.execute(insert(table(model)), [{name: row.get(name) for name in names} for row in rows])
