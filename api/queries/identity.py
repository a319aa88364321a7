"""Accounts, sessions and the throttle."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found, unit_columns
from models.records.dated import in_force
from models.records.people import is_suspended
from models.tables import (
    NO_PASSWORD,
    AccessToken,
    Account,
    Person,
    Position,
    ServiceToken,
    SignInThrottle,
    Unit,
    new_id,
    table,
)

ACCOUNT, TOKEN, SERVICE = table(Account), table(AccessToken), table(ServiceToken)
_THROTTLE = table(SignInThrottle)
_PERSON, _POSITION, _UNIT = table(Person), table(Position), table(Unit)


def _held(at: datetime) -> tuple[ColumnElement[Any], ...]:
    return (
        _POSITION.c.id.label("position_id"),
        _POSITION.c.person_id,
        _POSITION.c.unit_id,
        _POSITION.c.role,
        _POSITION.c.valid_from,
        _POSITION.c.valid_to,
        _PERSON.c.full_name,
        _PERSON.c.language,
        is_suspended(_POSITION.c.person_id, at).label("suspended"),
    )


def _sessions(at: datetime) -> Select[Any]:
    return (
        select(
            TOKEN.c.id.label("token_id"),
            TOKEN.c.account_id,
            TOKEN.c.cookie,
            TOKEN.c.second_factor,
            TOKEN.c.issued_at,
            TOKEN.c.seen_at,
            TOKEN.c.expires_at,
            case((ACCOUNT.c.ended_at <= at, ACCOUNT.c.ended_at), else_=TOKEN.c.revoked_at).label("revoked_at"),
            *_held(at),
        )
        .join(ACCOUNT, ACCOUNT.c.id == TOKEN.c.account_id)
        .join(_POSITION, _POSITION.c.id == TOKEN.c.position_id)
        .join(_PERSON, _PERSON.c.id == _POSITION.c.person_id)
    )


def _services(at: datetime) -> Select[Any]:
    return (
        select(
            SERVICE.c.id.label("token_id"),
            SERVICE.c.scopes,
            SERVICE.c.issued_at,
            SERVICE.c.seen_at,
            SERVICE.c.expires_at,
            SERVICE.c.revoked_at,
            *_held(at),
        )
        .join(_POSITION, _POSITION.c.id == SERVICE.c.position_id)
        .join(_PERSON, _PERSON.c.id == _POSITION.c.person_id)
    )


async def session(
    connection: AsyncConnection, at: datetime, *, token_hash: str | None = None, token_id: UUID | None = None
) -> Found | None:
    """Who holds a session, in which position, and until when both hold; None for a token never given."""
    chosen = TOKEN.c.token_hash == token_hash if token_id is None else TOKEN.c.id == token_id
    return (await connection.execute(_sessions(at).where(chosen))).one_or_none()


async def service(
    connection: AsyncConnection, at: datetime, *, token_hash: str | None = None, token_id: UUID | None = None
) -> Found | None:
    """Which system holds a service's token, in which position; None for a token never given."""
    chosen = SERVICE.c.token_hash == token_hash if token_id is None else SERVICE.c.id == token_id
    return (await connection.execute(_services(at).where(chosen))).one_or_none()


async def seen(connection: AsyncConnection, at: datetime, token_id: UUID, *, of_service: bool) -> None:
    """Note that a token was used."""
    rows = SERVICE if of_service else TOKEN
    await connection.execute(update(rows).where(rows.c.id == token_id).values(seen_at=at))


async def sessions_of(connection: AsyncConnection, account_id: UUID, at: datetime, idle: timedelta) -> list[Found]:
    """The sessions of an account that hold at an instant, the newest first."""
    statement = (
        select(TOKEN, _POSITION.c.role, _POSITION.c.unit_id)
        .join(_POSITION, _POSITION.c.id == TOKEN.c.position_id)
        .where(
            TOKEN.c.account_id == account_id,
            TOKEN.c.revoked_at.is_(None),
            TOKEN.c.expires_at > at,
            func.coalesce(TOKEN.c.seen_at, TOKEN.c.issued_at) > at - idle,
        )
        .order_by(TOKEN.c.issued_at.desc(), TOKEN.c.id)
    )
    return list(await connection.execute(statement))


async def account(
    connection: AsyncConnection,
    *,
    username: str | None = None,
    account_id: UUID | None = None,
    person_id: UUID | None = None,
) -> Found | None:
    """An account, by its user name, its id or its person, with that person's name and language."""
    chosen = (
        ACCOUNT.c.username == username
        if username is not None
        else ACCOUNT.c.id == account_id
        if account_id is not None
        else ACCOUNT.c.person_id == person_id
    )
    statement = (
        select(ACCOUNT, _PERSON.c.full_name, _PERSON.c.language)
        .join(_PERSON, _PERSON.c.id == ACCOUNT.c.person_id)
        .where(chosen)
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
            *unit_columns(_UNIT),
        )
        .join(_UNIT, _UNIT.c.id == _POSITION.c.unit_id)
        .where(
            _POSITION.c.person_id == person_id,
            _POSITION.c.kind == "person",
            in_force(_POSITION, at),
        )
        .order_by(_POSITION.c.valid_from, _POSITION.c.id)
    )
    return list(await connection.execute(statement))


async def suspended(connection: AsyncConnection, person_id: UUID, at: datetime) -> bool:
    """Whether a person is suspended at an instant."""
    return bool((await connection.execute(select(is_suspended(person_id, at)))).scalar_one())


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
    """What was right gives its attempt back."""
    await connection.execute(
        update(_THROTTLE).where(_THROTTLE.c.key.in_(keys)).values(attempts=func.greatest(_THROTTLE.c.attempts - 1, 0))
    )


async def record_failure(
    connection: AsyncConnection, account_id: UUID, at: datetime, *, limit: int, locked_for: timedelta
) -> None:
    """Count a wrong password or code; the ``limit``-th in a row locks the account."""
    failures = case((ACCOUNT.c.locked_until <= at, 1), else_=ACCOUNT.c.failures + 1)
    await connection.execute(
        update(ACCOUNT)
        .where(ACCOUNT.c.id == account_id)
        .values(
            failures=failures,
            locked_until=case((failures >= limit, at + locked_for), else_=ACCOUNT.c.locked_until),
        )
    )


async def record_success(connection: AsyncConnection, account_id: UUID) -> None:
    """Forget the failures."""
    await connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(failures=0, locked_until=None))


async def set_password(connection: AsyncConnection, account_id: UUID, password_hash: str) -> None:
    """A new password; what was failed or locked before no longer counts."""
    await connection.execute(
        update(ACCOUNT)
        .where(ACCOUNT.c.id == account_id)
        .values(password_hash=password_hash, failures=0, locked_until=None)
    )


async def store_token(
    connection: AsyncConnection,
    *,
    account_id: UUID,
    position_id: UUID,
    token_hash: str,
    cookie: bool,
    second_factor: str | None,
    at: datetime,
    until: datetime,
) -> UUID:
    """Remember a session that was opened; its id."""
    token_id = new_id()
    await connection.execute(
        insert(TOKEN).values(
            id=token_id,
            account_id=account_id,
            position_id=position_id,
            token_hash=token_hash,
            cookie=cookie,
            second_factor=second_factor,
            issued_at=at,
            seen_at=at,
            expires_at=until,
        )
    )
    return token_id


async def prove(connection: AsyncConnection, token_id: UUID, second_factor: str) -> None:
    """A session is proven by a second factor from now on."""
    await connection.execute(update(TOKEN).where(TOKEN.c.id == token_id).values(second_factor=second_factor))


async def revoke(
    connection: AsyncConnection,
    at: datetime,
    *,
    account_id: UUID,
    token_id: UUID | None = None,
    but: UUID | None = None,
) -> int:
    """End one session of an account, all of them, or all but one. Returns how many."""
    statement = update(TOKEN).where(TOKEN.c.revoked_at.is_(None), TOKEN.c.account_id == account_id)
    if token_id is not None:
        statement = statement.where(TOKEN.c.id == token_id)
    if but is not None:
        statement = statement.where(TOKEN.c.id != but)
    return int((await connection.execute(statement.values(revoked_at=at))).rowcount)


async def set_account(connection: AsyncConnection, *, person_id: UUID, username: str, at: datetime) -> UUID | None:
    """Make or reset the account of a person, without a password; None where the name belongs to somebody else.

    What they were signed in with ends.
    """
    taken = exists().where(ACCOUNT.c.username == username, ACCOUNT.c.person_id != person_id)
    if (await connection.execute(select(taken))).scalar_one():
        return None
    held = (await connection.execute(select(ACCOUNT.c.id).where(ACCOUNT.c.person_id == person_id))).scalar_one_or_none()
    values = {"username": username, "password_hash": NO_PASSWORD, "failures": 0, "locked_until": None, "ended_at": None}
    if held is None:
        held = new_id()
        await connection.execute(insert(ACCOUNT).values(id=held, person_id=person_id, created_at=at, **values))
    else:
        await connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == held).values(**values))
        await revoke(connection, at, account_id=held)
    return held


async def end_account(connection: AsyncConnection, account_id: UUID, at: datetime) -> None:
    """An account ends, and its sessions with it."""
    await connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(ended_at=at))
    await revoke(connection, at, account_id=account_id)
