"""What the public door reads before anybody is known, and the receipts it gives."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.records.dated import in_force
from models.tables import Person, Position, PublicReceipt, SetAsideReceipt, Unit, new_id, table
from models.writing import put

_UNIT, _POSITION, _PERSON, _RECEIPT = table(Unit), table(Position), table(Person), table(PublicReceipt)
_OF_ASIDE = table(SetAsideReceipt)


async def communes(connection: AsyncConnection, at: datetime) -> Sequence[Found]:
    """The communes in force, by name."""
    statement = (
        select(_UNIT.c.code, _UNIT.c.name_vi, _UNIT.c.name_en)
        .where(_UNIT.c.kind == "commune", in_force(_UNIT, at))
        .order_by(_UNIT.c.name_vi)
    )
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


async def desk(connection: AsyncConnection, position_id: UUID, at: datetime) -> Found | None:
    """A system's position in force, with its name; None for a person's."""
    statement = (
        select(_POSITION, _PERSON.c.full_name)
        .join(_PERSON, _PERSON.c.id == _POSITION.c.person_id)
        .where(
            _POSITION.c.id == position_id,
            _POSITION.c.kind == "service",
            in_force(_POSITION, at),
        )
    )
    return (await connection.execute(statement)).one_or_none()


async def issue(connection: AsyncConnection, report_id: UUID, code_hash: str, at: datetime) -> None:
    """Keep the hash of a receipt's code."""
    await put(connection, _RECEIPT, id=new_id(), code_hash=code_hash, report_id=report_id, issued_at=at)


async def issue_aside(connection: AsyncConnection, set_aside_id: UUID, code_hash: str, at: datetime) -> None:
    """The same for a report that was set aside."""
    await put(connection, _OF_ASIDE, id=new_id(), code_hash=code_hash, set_aside_id=set_aside_id, issued_at=at)


async def standing(connection: AsyncConnection, code_hash: str) -> str | None:
    """Where the report of a receipt stands; None where there is no such receipt."""
    found: str | None = (await connection.execute(select(func.annhi_standing(code_hash)))).scalar_one()
    return found
