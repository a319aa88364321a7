"""Signing in and out.

Six tries a minute for one user name and six failures a minute from one address; six failures in a row lock an account
for 30 minutes. Nobody learns whether a user name exists: an unknown one costs the same work, counts the same and is
answered the same, and so is a locked one.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from api.door import SYSTEM, Door, Visit, token_hash
from api.passwords import is_one_time
from api.problems import Problem
from api.queries import identity
from api.queries.rows import Found
from api.shapes.base import UnitRef
from api.shapes.sessions import MeOut, PositionOut, SessionOut, SignIn
from models.database import Who, transaction
from models.records.actor import Acting
from models.records.audit import audit

WINDOW: Final = timedelta(minutes=1)
TRIES: Final = 6
FAILURES: Final = 6
LOCKED_FOR: Final = timedelta(minutes=30)
LASTS: Final = timedelta(hours=12)
"""How long a token holds: one shift."""

_NOBODY: Final = Who(system=SYSTEM)


async def sign_in(door: Door, given: SignIn, address: str) -> SessionOut:
    """Open a session.

    Raises:
        Problem: ``too-many-sign-ins``, ``sign-in-failed``, ``password-change-required`` or ``no-position``.
    """
    now = door.clock.now()
    account = await _begin(door, given.username, address, now)
    right = await door.passwords.check(account.password_hash if account else None, given.password.get_secret_value())
    locked = account is not None and account.locked_until is not None and account.locked_until > now
    if account is None or not right or locked:
        await _failed(door, account, address, now, count=not locked)
        raise Problem("sign-in-failed", audited=True)
    new_hash = await _new_password(door, account, given)
    return await _open(door, account, given, new_hash=new_hash, address=address, now=now)


async def sign_out(visit: Visit) -> None:
    """End the session."""
    async with visit.transaction() as connection:
        await identity.revoke(connection, visit.now, token_id=visit.caller.token_id)
        await visit.note(connection, "sign_out", "session", record_id=visit.caller.token_id)


async def me(visit: Visit) -> MeOut:
    """Who is signed in."""
    async with visit.transaction() as connection:
        held = await identity.positions_of(connection, visit.caller.person_id, visit.now)
    positions = [_position(row) for row in held]
    return MeOut(
        person_id=visit.caller.person_id,
        name=visit.caller.name,
        language=visit.caller.language,
        position=next(one for one in positions if one.id == visit.caller.acting.position_id),
        positions=positions,
        roles=sorted({one.role for one in positions}),
    )


async def _begin(door: Door, username: str, address: str, now: datetime) -> Found | None:
    """Count the try and look the account up."""
    async with transaction(door.engine, _NOBODY, now) as connection:
        by_name = await identity.count_attempt(connection, _key("user", username), now, WINDOW)
        by_address = await identity.count_attempt(connection, _key("address", address), now, WINDOW)
        account = await identity.account_named(connection, username)
    if by_name > TRIES or by_address > TRIES:
        raise Problem("too-many-sign-ins", headers={"Retry-After": str(int(WINDOW.total_seconds()))})
    return account


async def _failed(door: Door, account: Found | None, address: str, now: datetime, *, count: bool) -> None:
    async with transaction(door.engine, _NOBODY, now) as connection:
        if account is not None and count:
            await identity.record_failure(connection, account.id, now, limit=FAILURES, locked_for=LOCKED_FOR)
        await audit(
            connection, at=now, actor=None, action="sign_in", record="session", outcome="refused",
            code="sign-in-failed", record_id=account.id if account else None,
            detail={"address": _key("address", address)[:16]},
        )  # fmt: skip


async def _new_password(door: Door, account: Found, given: SignIn) -> str | None:
    if given.new_password is None:
        if is_one_time(account.password_hash):
            raise Problem("password-change-required")
        return None
    return await door.passwords.hash(given.new_password.get_secret_value())


async def _open(
    door: Door, account: Found, given: SignIn, *, new_hash: str | None, address: str, now: datetime
) -> SessionOut:
    token, until = secrets.token_urlsafe(32), now + LASTS
    async with transaction(door.engine, Who(person_id=account.person_id, system=SYSTEM), now) as connection:
        held = [_position(row) for row in await identity.positions_of(connection, account.person_id, now)]
        position = next((one for one in held if given.position_id in (None, one.id)), None)
        if position is None:
            raise Problem("no-position")
        await identity.record_success(connection, account.id, new_hash)
        await identity.forget_attempts(connection, [_key("user", given.username), _key("address", address)])
        if new_hash is not None:
            await identity.revoke(connection, now, account_id=account.id)
        await identity.store_token(
            connection,
            account_id=account.id,
            position_id=position.id,
            token_hash=token_hash(token),
            at=now,
            until=until,
        )
        acting = Acting(account.person_id, position.id, position.unit.id, position.role)
        detail = {"new_password": True} if new_hash is not None else {}
        await audit(
            connection, at=now, actor=acting, action="sign_in", record="session", outcome="done", detail=detail,
            record_id=account.id,
        )  # fmt: skip
    return SessionOut(token=token, expires_at=until, position=position, positions=held)


def _position(row: Found) -> PositionOut:
    return PositionOut(
        id=row.id,
        role=row.role,
        unit=UnitRef(id=row.unit_id, code=row.unit_code, name_vi=row.unit_name_vi, name_en=row.unit_name_en),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _key(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value.strip().lower()}".encode()).hexdigest()
