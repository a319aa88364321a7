"""Answer links as the door finds them: by what somebody holds, and of a referral."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, Uuid, bindparam, column, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.records.answer_links import LINK
from models.records.dated import in_force
from models.tables import Position, Provider, ProviderName, Unit, table

_POSITION, _UNIT = table(Position), table(Unit)
_PROVIDER, _NAME = table(Provider), table(ProviderName)
_OFFICE: Final = _UNIT.alias("office")
_HELD: Final[Select[Any]] = (
    select(
        LINK, _POSITION.c.person_id, _POSITION.c.unit_id, _POSITION.c.role, _UNIT.c.name_vi, _UNIT.c.name_en,
        _OFFICE.c.name_vi.label("office_vi"), _OFFICE.c.name_en.label("office_en"),
    )
    .join(_POSITION, _POSITION.c.id == LINK.c.position_id)
    .join(_UNIT, _UNIT.c.id == _POSITION.c.unit_id)
    .join(_OFFICE, _OFFICE.c.id == LINK.c.office_id)
)  # fmt: skip


async def by_id(connection: AsyncConnection, link_id: UUID) -> Found | None:
    """A link with the names of the office it is for and of the one it is from."""
    return (await connection.execute(_HELD.where(LINK.c.id == link_id))).one_or_none()


async def by_token(connection: AsyncConnection, token_hash: str, *, lock: bool = False) -> Found | None:
    """The link of a token; locked for whoever tries to open it, so that no two tries count as one."""
    statement = _HELD.where(LINK.c.token_hash == token_hash)
    return (await connection.execute(statement.with_for_update(of=LINK) if lock else statement)).one_or_none()


async def by_session(connection: AsyncConnection, session_hash: str, at: datetime) -> Found | None:
    """The link that a browser opened, while it may still answer and its technical position is in force."""
    alive = (
        LINK.c.session_hash == session_hash,
        LINK.c.session_until > at,
        LINK.c.ended_at.is_(None),
        in_force(_POSITION, at),
    )
    return (await connection.execute(_HELD.where(*alive))).one_or_none()


async def of_referral(connection: AsyncConnection, referral_id: UUID) -> Sequence[Found]:
    """Every link of a referral, the newest first."""
    statement = select(LINK).where(LINK.c.referral_id == referral_id).order_by(LINK.c.issued_at.desc(), LINK.c.id)
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


async def position_for(connection: AsyncConnection, referral_id: UUID, role: str) -> Found | None:
    """The technical position in which a referral's agency answers by links, and its e-mail address; made if need be."""
    asked = func.annhi_link_position(bindparam("of", type_=Uuid()), bindparam("in_role", type_=Text())).table_valued(
        column("position_id", Uuid()), column("person_id", Uuid()), column("address", Text())
    )
    return (await connection.execute(select(asked), {"of": referral_id, "in_role": role})).one_or_none()


async def kinds_of(connection: AsyncConnection, unit_id: UUID, at: datetime) -> Sequence[str]:
    """The kinds of provider a unit is in the directory: it may be several, or none."""
    statement = (
        select(_PROVIDER.c.kind)
        .join(_NAME, _NAME.c.provider_id == _PROVIDER.c.id)
        .where(_NAME.c.unit_id == unit_id, in_force(_NAME, at))
        .order_by(_PROVIDER.c.code)
    )
    return (await connection.execute(statement)).scalars().all()


async def change(connection: AsyncConnection, link_id: UUID, **values: Any) -> None:
    """Write what became of a link."""
    await connection.execute(update(LINK).where(LINK.c.id == link_id).values(**values))
