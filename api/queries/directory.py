"""The directory of services: what is there, what planning has to know, and what it writes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.organisation import UNIT, of_units
from api.queries.rows import Found
from models.directory.dated import Add, End, Held, Write
from models.directory.planning import HeldArea, HeldProvider, Known
from models.records.dated import in_force, not_over
from models.tables import (
    METADATA,
    AreaPlace,
    Capability,
    Collaborator,
    Contact,
    Provider,
    ProviderName,
    ResidentialArea,
    new_id,
    table,
)
from models.vocabulary import fold

PROVIDER, NAME, CAPABILITY, CONTACT = table(Provider), table(ProviderName), table(Capability), table(Contact)
AREA, PLACE, COLLABORATOR = table(ResidentialArea), table(AreaPlace), table(Collaborator)

_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "provider_name": ("provider_id", "unit_id", "name_vi", "name_en"),
    "capability": ("provider_id", "service", "unit_id", "hours", "duty", "capacity"),
    "contact": ("provider_id", "kind", "address"),
    "area_place": ("area_id", "unit_id", "name"),
    "collaborator": ("area_id", "full_name", "phone"),
}
"""What is said in a row, beside when it holds."""

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtext('annhi.directory'))")


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Whoever changes the directory waits for whoever is changing it: what was read stays true until it is written."""
    await connection.execute(_ONE_AT_A_TIME)


def providers(at: datetime, *, ended: bool = False) -> Select[Any]:
    """Providers that are not over at an instant (``ended``: or are), with their name and their office then."""
    return (
        select(PROVIDER, NAME.c.unit_id, NAME.c.name_vi, NAME.c.name_en, UNIT.c.code.label("unit_code"))
        .join(NAME, (NAME.c.provider_id == PROVIDER.c.id) & in_force(NAME, at))
        .join(UNIT, UNIT.c.id == NAME.c.unit_id)
        .where(true() if ended else not_over(PROVIDER, at))
    )


def gives(service: str, at: datetime) -> ColumnElement[bool]:
    """The clause on ``provider``: it gives the service at an instant."""
    return exists().where(
        CAPABILITY.c.provider_id == PROVIDER.c.id, CAPABILITY.c.service == service, in_force(CAPABILITY, at)
    )


def areas(at: datetime, *, ended: bool = False) -> Select[Any]:
    """Residential areas that are not over at an instant (``ended``: or are), with their name and commune then."""
    return (
        select(AREA, PLACE.c.unit_id, PLACE.c.name, UNIT.c.code.label("unit_code"))
        .join(PLACE, (PLACE.c.area_id == AREA.c.id) & in_force(PLACE, at))
        .join(UNIT, UNIT.c.id == PLACE.c.unit_id)
        .where(true() if ended else not_over(AREA, at))
    )


def covered(at: datetime) -> ColumnElement[bool]:
    """The clause on ``residential_area``: somebody looks after it at an instant."""
    return exists().where(COLLABORATOR.c.area_id == AREA.c.id, in_force(COLLABORATOR, at))


def coverage(at: datetime) -> Select[Any]:
    """Of each commune, how many residential areas it has, and how many nobody looks after."""
    alone = func.count().filter(~covered(at)).label("without")
    return (
        select(UNIT.c.id, UNIT.c.code, UNIT.c.name_vi, UNIT.c.name_en, func.count().label("areas"), alone)
        .select_from(AREA)
        .join(PLACE, (PLACE.c.area_id == AREA.c.id) & in_force(PLACE, at))
        .join(UNIT, UNIT.c.id == PLACE.c.unit_id)
        .where(in_force(AREA, at))
        .group_by(UNIT.c.id, UNIT.c.code, UNIT.c.name_vi, UNIT.c.name_en)
        .order_by(UNIT.c.code)
    )


async def details(
    connection: AsyncConnection, of: str, owners: Collection[UUID], at: datetime, *, planned: bool = True
) -> Mapping[UUID, Sequence[Found]]:
    """The rows of ``capability``, ``contact`` or ``collaborator`` that are not over, by what they belong to.

    ``planned``: those too that have not begun.
    """
    rows = METADATA.tables[of]
    owner = rows.c[_VALUES[of][0]]
    statement = select(rows).where(owner.in_(list(owners)), (not_over if planned else in_force)(rows, at))
    if of == "capability":
        statement = statement.add_columns(UNIT.c.code.label("territory_code")).join(UNIT, UNIT.c.id == rows.c.unit_id)
    found: dict[UUID, list[Found]] = defaultdict(list)
    for row in await connection.execute(statement.order_by(rows.c.valid_from, rows.c.id)):
        found[getattr(row, owner.name)].append(row)
    return found


async def known(
    connection: AsyncConnection,
    administrator_unit: UUID,
    at: datetime,
    *,
    provider_codes: Collection[str] = (),
    area_codes: Collection[str] = (),
) -> Known:
    """What planning has to know of these codes, for an administrator of this office."""
    mine = of_units(UNIT.c.id, administrator_unit, at)
    units = (
        await connection.execute(select(UNIT.c.id, UNIT.c.code, UNIT.c.kind).where(in_force(UNIT, at), mine))
    ).all()
    own = {row.id for row in units}
    held_providers, foreign = await _held_providers(connection, provider_codes, own, at)
    held_areas, foreign_areas = await _held_areas(connection, area_codes, own, at)
    return Known(
        units={row.code: row.id for row in units},
        communes=frozenset(row.id for row in units if row.kind == "commune"),
        providers=held_providers,
        areas=held_areas,
        foreign=foreign | foreign_areas,
    )


async def _held_providers(
    connection: AsyncConnection, codes: Collection[str], own: set[UUID], at: datetime
) -> tuple[dict[str, HeldProvider], frozenset[UUID]]:
    rows = (await connection.execute(select(PROVIDER).where(PROVIDER.c.code.in_(list(codes))))).all()
    ids = [row.id for row in rows]
    names, contacts, capabilities = [
        await _held(connection, name, ids, at) for name in ("provider_name", "contact", "capability")
    ]
    made = {
        row.code: HeldProvider(
            id=row.id,
            kind=row.kind,
            over=row.valid_to is not None,
            names=names[row.id],
            contacts=_by(contacts[row.id], lambda one: one.values["kind"]),
            capabilities=_by(capabilities[row.id], lambda one: (one.values["service"], one.values["unit_id"])),
        )
        for row in rows
    }
    return made, frozenset(row.id for row in rows if not _mine(names[row.id], own))


async def _held_areas(
    connection: AsyncConnection, codes: Collection[str], own: set[UUID], at: datetime
) -> tuple[dict[str, HeldArea], frozenset[UUID]]:
    rows = (await connection.execute(select(AREA).where(AREA.c.code.in_(list(codes))))).all()
    ids = [row.id for row in rows]
    places, people = [await _held(connection, name, ids, at) for name in ("area_place", "collaborator")]
    made = {
        row.code: HeldArea(
            id=row.id,
            over=row.valid_to is not None,
            places=places[row.id],
            collaborators=_by(people[row.id], lambda one: fold(one.values["full_name"])),
        )
        for row in rows
    }
    return made, frozenset(row.id for row in rows if not _mine(places[row.id], own))


async def _held(
    connection: AsyncConnection, name: str, owners: Collection[UUID], at: datetime
) -> Mapping[UUID, list[Held]]:
    found: dict[UUID, list[Held]] = defaultdict(list)
    for owner, rows in (await details(connection, name, owners, at)).items():
        for row in rows:
            values = {column: getattr(row, column) for column in _VALUES[name]}
            found[owner].append(Held(row.id, values, row.valid_from, row.valid_to))
    return found


def _by(rows: Iterable[Held], key: Any) -> dict[Any, list[Held]]:
    found: dict[Any, list[Held]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _mine(rows: Sequence[Held], own: set[UUID]) -> bool:
    return bool(rows) and all(one.values["unit_id"] in own for one in rows)


async def apply(connection: AsyncConnection, writes: Sequence[Write]) -> list[UUID]:
    """Write what was planned; gives the providers and areas it was about, each once."""
    about: dict[UUID, None] = {}
    for one in writes:
        rows = METADATA.tables[one.table]
        owner = _VALUES.get(one.table, ("id",))[0]
        match one:
            case End():
                ended = update(rows).where(rows.c.id == one.id).values(valid_to=one.at).returning(rows.c[owner])
                about[(await connection.execute(ended)).scalar_one()] = None
            case Add():
                row_id = one.id or new_id()
                marked = {"is_sample": False} if "is_sample" in rows.c else {}
                await connection.execute(
                    insert(rows).values(
                        id=row_id, valid_from=one.valid_from, valid_to=one.valid_to, **marked, **one.values
                    )
                )
                about[row_id if owner == "id" else one.values[owner]] = None
    return list(about)
