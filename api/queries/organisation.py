"""The organisation: time-bounded rows, ended and never deleted."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Uuid,
    and_,
    bindparam,
    column,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found, unit_columns
from models.records.dated import in_force, not_over
from models.records.scope import below
from models.tables import (
    Absence,
    Deputy,
    Person,
    Position,
    Shift,
    Suspension,
    Unit,
    UnitName,
    UnitParent,
    new_id,
    table,
)

UNIT, PERSON, POSITION = table(Unit), table(Person), table(Position)
SHIFT, ABSENCE, DEPUTY, PARENT = table(Shift), table(Absence), table(Deputy), table(UnitParent)
SUSPENSION = table(Suspension)
UNIT_NAME: Final = table(UnitName)
_SAID_OF_A_NAME: Final = ("name_vi", "name_en", "valid_from", "valid_to")
_FORMER: Final = [UNIT_NAME.c[name] for name in _SAID_OF_A_NAME]


def units(at: datetime) -> Select[Any]:
    """Units with their parent at an instant, and what they were called before, the newest first."""
    names: list[ColumnElement[Any]] = [literal_column(f"'{name}'") for name in _SAID_OF_A_NAME]
    each = func.jsonb_build_object(*(one for pair in zip(names, _FORMER, strict=True) for one in pair))
    listed = func.jsonb_agg(aggregate_order_by(each, UNIT_NAME.c.valid_to.desc(), UNIT_NAME.c.id.desc()))
    former = (
        select(func.coalesce(listed, literal_column("'[]'::jsonb"), type_=JSONB))
        .where(UNIT_NAME.c.unit_id == UNIT.c.id)
        .correlate(UNIT)
        .scalar_subquery()
    )
    return select(UNIT, PARENT.c.parent_id, former.label("former_names")).outerjoin(
        PARENT, and_(PARENT.c.unit_id == UNIT.c.id, in_force(PARENT, at))
    )


async def rename(connection: AsyncConnection, unit_id: UUID, *, name_vi: str, name_en: str, at: datetime) -> None:
    """Other names for a unit; what it was called until now is kept.

    Nothing is kept of a unit that has not begun: nobody ever called it so.
    """
    was = (await connection.execute(select(UNIT).where(UNIT.c.id == unit_id).with_for_update())).one()
    if (was.name_vi, was.name_en) == (name_vi, name_en):
        return
    last = select(func.max(UNIT_NAME.c.valid_to)).where(UNIT_NAME.c.unit_id == unit_id)
    since = (await connection.execute(last)).scalar_one() or was.valid_from
    if since <= at:
        await add(
            connection, UNIT_NAME, unit_id=unit_id, name_vi=was.name_vi, name_en=was.name_en, valid_from=since,
            valid_to=at,
        )  # fmt: skip
    await change(connection, UNIT, unit_id, name_vi=name_vi, name_en=name_en)


def positions() -> Select[Any]:
    """Positions with who holds them."""
    return select(POSITION, PERSON.c.full_name).join(PERSON, PERSON.c.id == POSITION.c.person_id)


def shifts() -> Select[Any]:
    """Turns on the rota with who takes them."""
    return select(SHIFT, PERSON.c.full_name).join(PERSON, PERSON.c.id == SHIFT.c.person_id)


def absences() -> Select[Any]:
    """Absences with whose they are."""
    return select(ABSENCE, PERSON.c.full_name).join(PERSON, PERSON.c.id == ABSENCE.c.person_id)


def deputies() -> Select[Any]:
    """Deputies with both names."""
    deputy = PERSON.alias("deputy_person")
    return (
        select(DEPUTY, PERSON.c.full_name.label("principal_name"), deputy.c.full_name.label("deputy_name"))
        .join(PERSON, PERSON.c.id == DEPUTY.c.principal_id)
        .join(deputy, deputy.c.id == DEPUTY.c.deputy_id)
    )


def of_units(column: Any, administrator_unit: UUID, at: datetime) -> ColumnElement[bool]:
    """The clause on a unit's id: it is one of the administrator's."""
    clause: ColumnElement[bool] = column.in_(_below(administrator_unit, at))
    return clause


def of_people(column: Any, administrator_unit: UUID, at: datetime) -> ColumnElement[bool]:
    """The clause on a person's id: every position they hold is in the administrator's units, or they hold none."""
    elsewhere = exists().where(
        POSITION.c.person_id == column,
        not_over(POSITION, at),
        ~POSITION.c.unit_id.in_(_below(administrator_unit, at)),
    )
    return ~elsewhere


def _below(administrator_unit: UUID, at: datetime) -> Select[Any]:
    return below(literal(administrator_unit, UNIT.c.id.type), literal(at, PARENT.c.valid_from.type))


async def ever_served(connection: AsyncConnection, person_id: UUID, unit_id: UUID) -> bool:
    """Whether somebody has, or had, a position in a unit."""
    statement = select(POSITION.c.id).where(POSITION.c.person_id == person_id, POSITION.c.unit_id == unit_id).limit(1)
    return (await connection.execute(statement)).first() is not None


async def one(connection: AsyncConnection, statement: Select[Any]) -> Found | None:
    """The only row, or None."""
    return (await connection.execute(statement)).one_or_none()


async def every(connection: AsyncConnection, statement: Select[Any]) -> Sequence[Found]:
    """Every row, where they are few by nature."""
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


async def many(
    connection: AsyncConnection, statement: Select[Any], order: tuple[Any, Any], after: Any, limit: int
) -> Sequence[Found]:
    """A page in order of an instant and an id."""
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(*after))
    rows: Sequence[Found] = (await connection.execute(statement.order_by(*order).limit(limit))).all()
    return rows


async def ids(connection: AsyncConnection, statement: Select[Any]) -> Collection[UUID]:
    """The first column of every row."""
    return list((await connection.execute(statement)).scalars())


async def add(connection: AsyncConnection, into: Table, **values: Any) -> UUID:
    """A new row; its id."""
    row_id = new_id()
    await connection.execute(insert(into).values(id=row_id, **values))
    return row_id


async def change(connection: AsyncConnection, row_of: Table, row_id: UUID, **values: Any) -> None:
    """Other values for a row."""
    await connection.execute(update(row_of).where(row_of.c.id == row_id).values(**values))


_LEFT_WITH = ("open_cases", "ended_cases", "referrals")


async def left_with(connection: AsyncConnection, unit_id: UUID, at: datetime) -> dict[str, int]:
    """How much is left with a unit: cases and referrals by a bare count, whoever asks; people and offices below it."""
    held = func.annhi_left_with(bindparam("of", type_=Uuid())).table_valued(*(column(name) for name in _LEFT_WITH))
    row = (await connection.execute(select(held), {"of": unit_id})).one()
    people = select(func.count()).where(
        POSITION.c.unit_id == unit_id, POSITION.c.kind != "link", not_over(POSITION, at)
    )
    below_it = select(func.count()).where(PARENT.c.parent_id == unit_id, not_over(PARENT, at))
    return {
        **{name: getattr(row, name) for name in _LEFT_WITH},
        "positions": (await connection.execute(people)).scalar_one(),
        "units": (await connection.execute(below_it)).scalar_one(),
    }


async def end_link_positions(connection: AsyncConnection, unit_id: UUID, at: datetime) -> None:
    """The technical positions in which a unit answers by one-time links end with it; nobody else could end them."""
    await connection.execute(
        update(POSITION)
        .where(POSITION.c.unit_id == unit_id, POSITION.c.kind == "link", not_over(POSITION, at))
        .values(valid_to=at)
    )


async def end_parents(connection: AsyncConnection, unit_id: UUID, at: datetime) -> None:
    """A unit that ends has no place in the tree any more."""
    await connection.execute(
        update(PARENT).where(PARENT.c.unit_id == unit_id, not_over(PARENT, at)).values(valid_to=at)
    )


async def names(connection: AsyncConnection, people: Collection[UUID]) -> dict[UUID, str]:
    """Names of people by id."""
    statement = select(PERSON.c.id, PERSON.c.full_name).where(PERSON.c.id.in_(sorted(people)))
    return {row.id: row.full_name for row in await connection.execute(statement)}


async def offices(connection: AsyncConnection, positions: Collection[UUID]) -> dict[UUID, Found]:
    """The offices of positions, by the position's id, as ``unit_ref`` reads them."""
    statement = (
        select(POSITION.c.id, POSITION.c.unit_id, *unit_columns(UNIT))
        .join(UNIT, UNIT.c.id == POSITION.c.unit_id)
        .where(POSITION.c.id.in_(sorted(positions)))
    )
    return {row.id: row for row in await connection.execute(statement)}
