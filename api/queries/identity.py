"""Accounts, tokens and the throttle."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.tables import AccessToken, Account, Person, Position, SignInThrottle, Unit, new_id, table

_ACCOUNT, _TOKEN, _THROTTLE = table(Account), table(AccessToken), table(SignInThrottle)
_PERSON, _POSITION, _UNIT = table(Person), table(Position), table(Unit)


async def by_token(connection: AsyncConnection, token_hash: str) -> Found | None:
    """Who holds a token, in which position, and until when both hold; None for a token never given."""
    return (await connection.execute(_BY_TOKEN, {"token_hash": token_hash})).one_or_none()


_BY_TOKEN: Final = (
    select(
        _TOKEN.c.id.label("token_id"),
        _TOKEN.c.account_id,
        _TOKEN.c.expires_at,
        _TOKEN.c.revoked_at,
        _POSITION.c.id.label("position_id"),
        _POSITION.c.person_id,
        _POSITION.c.unit_id,
        _POSITION.c.role,
        _POSITION.c.valid_from,
        _POSITION.c.valid_to,
        _PERSON.c.full_name,
        _PERSON.c.language,
    )
    .join(_POSITION, _POSITION.c.id == _TOKEN.c.position_id)
    .join(_PERSON, _PERSON.c.id == _POSITION.c.person_id)
    .where(_TOKEN.c.token_hash == bindparam("token_hash"))
)


async def account_named(connection: AsyncConnection, username: str) -> Found | None:
    """The account of a user name, and its person's language."""
    statement = (
        select(_ACCOUNT, _PERSON.c.full_name, _PERSON.c.language)
        .join(_PERSON, _PERSON.c.id == _ACCOUNT.c.person_id)
        .where(_ACCOUNT.c.username == username)
    )
    return (await connection.execute(statement)).one_or_none()


async def positions_of(connection: AsyncConnection, person_id: UUID, at: datetime) -> list[Found]:
    """The positions a person holds at an instant, the longest held first."""
    statement = (
        select(
            _POSITION.c.id,
            _POSITION.c.role,
            _POSITION.c.unit_id,
            _POSITION.c.valid_from,
            _POSITION.c.valid_to,
            _UNIT.c.code.label("unit_code"),
            _UNIT.c.name_vi.label("unit_name_vi"),
            _UNIT.c.name_en.label("unit_name_en"),
        )
        .join(_UNIT, _UNIT.c.id == _POSITION.c.unit_id)
        .where(
            _POSITION.c.person_id == person_id,
            _POSITION.c.valid_from <= at,
            or_(_POSITION.c.valid_to.is_(None), _POSITION.c.valid_to > at),
        )
        .order_by(_POSITION.c.valid_from, _POSITION.c.id)
    )
    return list(await connection.execute(statement))


async def count_attempt(connection: AsyncConnection, key: str, at: datetime, window: timedelta) -> int:
    """Count one attempt under a key and return how many the present window has seen, this one included."""
    stale = _THROTTLE.c.window_start <= at - window
    statement = (
        upsert(_THROTTLE)
        .values(key=key, window_start=at, attempts=1)
        .on_conflict_do_update(
            index_elements=[_THROTTLE.c.key],
            set_={
                "window_start": case((stale, at), else_=_THROTTLE.c.window_start),
                "attempts": case((stale, 1), else_=_THROTTLE.c.attempts + 1),
            },
        )
        .returning(_THROTTLE.c.attempts)
    )
    return int((await connection.execute(statement)).scalar_one())


async def forget_attempts(connection: AsyncConnection, keys: list[str]) -> None:
    """A right password gives its attempt back."""
    await connection.execute(
        update(_THROTTLE).where(_THROTTLE.c.key.in_(keys)).values(attempts=func.greatest(_THROTTLE.c.attempts - 1, 0))
    )


async def record_failure(
    connection: AsyncConnection, account_id: UUID, at: datetime, *, limit: int, locked_for: timedelta
) -> None:
    """Count a wrong password; the ``limit``-th in a row locks the account."""
    failures = case((_ACCOUNT.c.locked_until <= at, 1), else_=_ACCOUNT.c.failures + 1)
    await connection.execute(
        update(_ACCOUNT)
        .where(_ACCOUNT.c.id == account_id)
        .values(
            failures=failures,
            locked_until=case((failures >= limit, at + locked_for), else_=_ACCOUNT.c.locked_until),
        )
    )


async def record_success(connection: AsyncConnection, account_id: UUID, password_hash: str | None) -> None:
    """Forget the failures; with ``password_hash`` a new password is set."""
    values: dict[str, Any] = {"failures": 0, "locked_until": None}
    if password_hash is not None:
        values["password_hash"] = password_hash
    await connection.execute(update(_ACCOUNT).where(_ACCOUNT.c.id == account_id).values(**values))


async def store_token(
    connection: AsyncConnection, *, account_id: UUID, position_id: UUID, token_hash: str, at: datetime, until: datetime
) -> None:
    """Remember a token that was given."""
    await connection.execute(
        insert(_TOKEN).values(
            id=new_id(),
            account_id=account_id,
            position_id=position_id,
            token_hash=token_hash,
            issued_at=at,
            expires_at=until,
        )
    )


async def revoke(
    connection: AsyncConnection, at: datetime, *, token_id: UUID | None = None, account_id: UUID | None = None
) -> None:
    """End one token, or every token of an account."""
    statement = update(_TOKEN).where(_TOKEN.c.revoked_at.is_(None)).values(revoked_at=at)
    if token_id is not None:
        statement = statement.where(_TOKEN.c.id == token_id)
    if account_id is not None:
        statement = statement.where(_TOKEN.c.account_id == account_id)
    await connection.execute(statement)


async def set_account(
    connection: AsyncConnection, *, person_id: UUID, username: str, password_hash: str, at: datetime
) -> UUID | None:
    """Make or reset the account of a person; None where the user name belongs to somebody else."""
    held = (
        await connection.execute(select(_ACCOUNT.c.id).where(_ACCOUNT.c.person_id == person_id))
    ).scalar_one_or_none()
    taken = select(_ACCOUNT.c.id).where(_ACCOUNT.c.username == username, _ACCOUNT.c.person_id != person_id)
    if (await connection.execute(taken)).first() is not None:
        return None
    if held is None:
        held = new_id()
        await connection.execute(
            insert(_ACCOUNT).values(
                id=held, person_id=person_id, username=username, password_hash=password_hash, failures=0, created_at=at
            )
        )
    else:
        await connection.execute(
            update(_ACCOUNT)
            .where(_ACCOUNT.c.id == held)
            .values(username=username, password_hash=password_hash, failures=0, locked_until=None)
        )
        await revoke(connection, at, account_id=held)
    return held
