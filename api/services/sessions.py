"""Signing in and out, one's sessions, one's password, and the position one acts in.

Nobody learns whether a user name exists: an unknown one costs the same work, counts the same and is answered the same,
and so are a locked account and one that has ended. What is decided and what is put on record happen in one
transaction; the problem is raised after it, so that a failure is counted for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import SYSTEM, Door, Visit
from api.identity.tokens import new_token, token_hash
from api.problems import Problem
from api.queries import factors as q
from api.queries import identity
from api.queries.rows import Found
from api.services import factors, throttle
from api.shapes.base import UnitRef
from api.shapes.sessions import (
    MeOut,
    OpenSession,
    PasskeyQuestion,
    PasswordChange,
    PositionOut,
    SecondFactor,
    SessionOut,
    SetUp,
    SignIn,
)
from models.database import Who, transaction
from models.records.actor import Acting
from models.records.audit import audit

STEP: Final = "sign_in"
STEP_LASTS: Final = timedelta(minutes=5)
STEP_TRIES: Final = 5
NOBODY: Final = Who(system=SYSTEM)


@dataclass(frozen=True)
class Opened:
    """A session that was opened, and its token, which is not to be shown where a cookie keeps it."""

    token: str
    shown: SessionOut


@dataclass(frozen=True)
class Entry:
    """Somebody who proved their first factor and asks to be let in.

    ``keys`` are the tries that were counted and are given back once they are in; ``origin`` is from where they come.
    """

    account: Found
    position_id: UUID | None
    cookie: bool
    keys: tuple[str, ...]
    origin: str | None


async def sign_in(door: Door, given: SignIn, address: str, *, cookie: bool = False) -> Opened:
    """Open a session.

    Raises:
        Problem: ``too-many-sign-ins``, ``sign-in-failed``, ``second-factor-required``, ``person-suspended`` or
            ``no-position``.
    """
    now = door.clock.now()
    keys = [throttle.key(door, "user", given.username), throttle.key(door, "address", address)]
    origin = door.keys.origins.of(address)
    async with transaction(door.engine, NOBODY, now) as connection:
        problem = await throttle.too_many(connection, keys, now, action="sign_in", origin=origin)
        account = await identity.account(connection, username=given.username)
    if problem is not None:
        raise problem
    right = await door.passwords.check(account.password_hash if account else None, given.password.get_secret_value())
    if account is None or not right or throttle.is_locked(account, now) or account.ended_at is not None:
        async with transaction(door.engine, NOBODY, now) as connection:
            problem = await throttle.failed(connection, account, now, "sign-in-failed", origin=origin)
        raise problem
    return await admit(door, Entry(account, given.position_id, cookie, tuple(keys), origin), now)


async def admit(door: Door, entry: Entry, now: datetime) -> Opened:
    """Let somebody in whose first factor is proven, or ask for the second.

    Raises:
        Problem: ``second-factor-required``, ``person-suspended`` or ``no-position``.
    """
    async with transaction(door.engine, NOBODY, now) as connection:
        methods = await factors.methods(connection, entry.account.id)
        if methods:
            outcome: Opened | Problem = await _ask_for_more(connection, entry, methods, now)
        else:
            outcome = await _open(connection, door, entry, None, now)
    return _raised(outcome)


async def second_factor(door: Door, given: SecondFactor, address: str) -> Opened:
    """The second step of a sign-in.

    Raises:
        Problem: ``sign-in-step-ended``, ``too-many-sign-ins``, ``second-factor-failed``, ``person-suspended`` or
            ``no-position``.
    """
    now = door.clock.now()
    async with transaction(door.engine, NOBODY, now) as connection:
        outcome = await _second_factor(connection, door, given, address, now)
    return _raised(outcome)


async def ask_passkey(door: Door, step: str, address: str) -> PasskeyQuestion:
    """What a browser is asked, to take the second step with a passkey.

    Raises:
        Problem: ``sign-in-step-ended``.
    """
    now = door.clock.now()
    async with transaction(door.engine, NOBODY, now) as connection:
        waiting = await q.step(connection, STEP, token_hash(step), now)
        if waiting is None:
            raise Problem("sign-in-step-ended")
        options = await factors.ask_to_sign(connection, door, waiting)
        await audit(
            connection, at=now, actor=None, action="ask_passkey", record="account", outcome="done",
            record_id=waiting.account_id, origin=door.keys.origins.of(address),
        )  # fmt: skip
    return PasskeyQuestion(step=step, options=options)


async def sign_out(visit: Visit) -> None:
    """End the session."""
    async with visit.transaction() as connection:
        await identity.revoke(connection, visit.now, account_id=account_of(visit), token_id=visit.caller.token_id)
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
        second_factor=visit.caller.second_factor,
        session_expires_at=visit.caller.expires_at,
    )


async def open_sessions(visit: Visit) -> list[OpenSession]:
    """One's own open sessions."""
    async with visit.transaction() as connection:
        rows = await identity.sessions_of(connection, account_of(visit), visit.now, visit.door.idle)
        await visit.note(connection, "list", "session")
    return [
        OpenSession(
            id=row.id, current=row.id == visit.caller.token_id, role=row.role, unit_id=row.unit_id,
            in_browser=row.cookie, second_factor=row.second_factor, issued_at=row.issued_at, seen_at=row.seen_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]  # fmt: skip


async def end_session(visit: Visit, session_id: UUID) -> None:
    """End one of one's own sessions.

    Raises:
        Problem: ``not-found``, for somebody else's as for none.
    """
    async with visit.transaction() as connection:
        ended = await identity.revoke(connection, visit.now, account_id=account_of(visit), token_id=session_id)
        if not ended:
            raise Problem("not-found")
        await visit.note(connection, "end", "session", record_id=session_id)


async def end_others(visit: Visit) -> None:
    """End every session of one's own but this one."""
    async with visit.transaction() as connection:
        await _only_this_one(connection, visit)
        await visit.note(connection, "end_others", "session", record_id=visit.caller.token_id)


async def switch_position(visit: Visit, position_id: UUID) -> Opened:
    """Act in another of one's positions: a new session takes the place of this one, for as long as this one held.

    Raises:
        Problem: ``no-position``.
    """
    async with visit.transaction() as connection:
        held = [_position(row) for row in await identity.positions_of(connection, visit.caller.person_id, visit.now)]
        position = next((one for one in held if one.id == position_id), None)
        if position is None:
            raise Problem("no-position")
        account_id, token = account_of(visit), new_token()
        await identity.revoke(connection, visit.now, account_id=account_id, token_id=visit.caller.token_id)
        session_id = await identity.store_token(
            connection, account_id=account_id, position_id=position.id, token_hash=token_hash(token),
            cookie=visit.caller.cookie, second_factor=visit.caller.second_factor, at=visit.now,
            until=visit.caller.expires_at,
        )  # fmt: skip
        await visit.note(
            connection, "switch_position", "session", record_id=session_id, detail={"position": str(position.id)}
        )
    return Opened(token, _shown(token, visit.caller.cookie, visit.caller.expires_at, position, held))


async def change_password(visit: Visit, given: PasswordChange) -> None:
    """A new password in place of the present one; every other session ends, and a set-up link is void.

    Raises:
        Problem: ``too-many-sign-ins`` or ``password-wrong``.
    """
    door, now, account_id = visit.door, visit.now, account_of(visit)
    keys = [throttle.key(visit.door, "password", account_id)]
    async with visit.transaction(SYSTEM) as connection:
        problem = await throttle.too_many(connection, keys, now, action="change_password", origin=visit.whence.origin)
        account = await identity.account(connection, account_id=account_id)
    if problem is not None:
        raise problem
    assert account is not None
    right = await door.passwords.check(account.password_hash, given.current_password.get_secret_value())
    if not right or throttle.is_locked(account, now):
        async with visit.transaction(SYSTEM) as connection:
            await throttle.failed(
                connection, account, now, "password-wrong", "change_password", origin=visit.whence.origin
            )
        raise Problem("password-wrong", audited=True)
    stored = await door.passwords.hash(given.new_password.get_secret_value())
    async with visit.transaction(SYSTEM) as connection:
        await identity.set_password(connection, account_id, stored)
        await identity.forget_attempts(connection, keys)
        await q.end_links(connection, account_id, now)
        await _only_this_one(connection, visit)
        await visit.note(connection, "change_password", "account", record_id=account_id)


async def set_up(door: Door, given: SetUp, address: str) -> None:
    """Set a password by a link of an administrator's: it is used up, and whatever was signed in ends.

    Raises:
        Problem: ``too-many-sign-ins`` or ``link-ended``.
    """
    now, digest = door.clock.now(), token_hash(given.link.get_secret_value())
    origin, keys = door.keys.origins.of(address), [throttle.key(door, "address", address)]
    async with transaction(door.engine, NOBODY, now) as connection:
        problem = await throttle.too_many(connection, keys, now, action="set_up", origin=origin)
        found = await q.link(connection, digest, now) if problem is None else None
    if problem is not None:
        raise problem
    if found is None:
        async with transaction(door.engine, NOBODY, now) as connection:
            problem = await throttle.failed(connection, None, now, "link-ended", "set_up", origin=origin)
        raise problem
    stored = await door.passwords.hash(given.password.get_secret_value())
    async with transaction(door.engine, NOBODY, now) as connection:
        # Asked again under its lock: of two who use it at once, one succeeds.
        found = await q.link(connection, digest, now)
        account = await identity.account(connection, account_id=found.account_id) if found is not None else None
        used = account is not None and account.ended_at is None
        if used and account is not None:
            await identity.set_password(connection, account.id, stored)
            await q.end_links(connection, account.id, now)
            await identity.revoke(connection, now, account_id=account.id)
            await identity.forget_attempts(connection, keys)
            await audit(
                connection, at=now, actor=None, action="set_up", record="account", outcome="done",
                record_id=account.id, origin=origin,
            )  # fmt: skip
        else:
            problem = await throttle.failed(connection, None, now, "link-ended", "set_up", origin=origin)
    if problem is not None:
        raise problem


def account_of(visit: Visit) -> UUID:
    """The caller's account; whoever reaches what is about oneself has one."""
    assert visit.caller.account_id is not None
    return visit.caller.account_id


async def _second_factor(
    connection: AsyncConnection, door: Door, given: SecondFactor, address: str, now: datetime
) -> Opened | Problem:
    origin = door.keys.origins.of(address)
    step = await q.step(connection, STEP, token_hash(given.step.get_secret_value()), now)
    account = await identity.account(connection, account_id=step.account_id) if step is not None else None
    if step is None or account is None or account.ended_at is not None:
        # Nobody known asks: counted first, or whoever likes could fill the record.
        keys = [throttle.key(door, "address", address)]
        problem = await throttle.too_many(connection, keys, now, action="second_factor", origin=origin)
        return problem or await throttle.failed(connection, None, now, "sign-in-step-ended", origin=origin)
    keys = [throttle.key(door, "factor", account.id), throttle.key(door, "address", address)]
    problem = await throttle.too_many(connection, keys, now, action="second_factor", origin=origin)
    if problem is not None:
        return problem
    locked = throttle.is_locked(account, now)
    proven = None if locked else await factors.prove(connection, door, account.id, given, step.state, now)
    if proven is None:
        tries = step.tries + 1
        await q.change_step(connection, step.id, tries=tries, used_at=now if tries >= STEP_TRIES else None)
        return await throttle.failed(connection, account, now, "second-factor-failed", "second_factor", origin=origin)
    await q.change_step(connection, step.id, used_at=now)
    wanted = step.state.get("position")
    entry = Entry(account, UUID(wanted) if wanted else None, step.state["cookie"], tuple(keys), origin)
    return await _open(connection, door, entry, proven, now)


async def _ask_for_more(connection: AsyncConnection, entry: Entry, methods: list[str], now: datetime) -> Problem:
    token, until = new_token(), now + STEP_LASTS
    state: dict[str, Any] = {
        "position": str(entry.position_id) if entry.position_id else None,
        "cookie": entry.cookie,
    }
    # The password was right; what is tried from here on counts by itself.
    await identity.forget_attempts(connection, list(entry.keys))
    await q.add_step(
        connection, kind=STEP, account_id=entry.account.id, token_hash=token_hash(token), state=state, at=now,
        until=until,
    )  # fmt: skip
    await audit(
        connection, at=now, actor=None, action="sign_in", record="account", outcome="refused",
        code="second-factor-required", record_id=entry.account.id, origin=entry.origin,
    )  # fmt: skip
    step = {"token": token, "methods": methods, "expires_at": until.isoformat()}
    return Problem("second-factor-required", extra={"step": step}, audited=True)


async def _open(
    connection: AsyncConnection, door: Door, entry: Entry, proven: str | None, now: datetime
) -> Opened | Problem:
    account = entry.account
    if await identity.suspended(connection, account.person_id, now):
        return await _turn_away(connection, entry, "person-suspended", now)
    held = [_position(row) for row in await identity.positions_of(connection, account.person_id, now)]
    position = next((one for one in held if entry.position_id in (None, one.id)), None)
    if position is None:
        return await _turn_away(connection, entry, "no-position", now)
    token, until = new_token(), now + timedelta(hours=door.settings.session_hours)
    await identity.record_success(connection, account.id)
    await identity.forget_attempts(connection, list(entry.keys))
    await identity.store_token(
        connection, account_id=account.id, position_id=position.id, token_hash=token_hash(token), cookie=entry.cookie,
        second_factor=proven, at=now, until=until,
    )  # fmt: skip
    acting = Acting(account.person_id, position.id, position.unit.id, position.role)
    detail = {"second_factor": proven} if proven is not None else {}
    await audit(
        connection, at=now, actor=acting, action="sign_in", record="session", outcome="done", detail=detail,
        record_id=account.id, origin=entry.origin,
    )  # fmt: skip
    return Opened(token, _shown(token, entry.cookie, until, position, held))


async def _turn_away(connection: AsyncConnection, entry: Entry, code: str, now: datetime) -> Problem:
    await audit(
        connection, at=now, actor=None, action="sign_in", record="session", outcome="refused", code=code,
        record_id=entry.account.id, origin=entry.origin,
    )  # fmt: skip
    return Problem(code, audited=True)


async def _only_this_one(connection: AsyncConnection, visit: Visit) -> None:
    await identity.revoke(connection, visit.now, account_id=account_of(visit), but=visit.caller.token_id)


def _raised(outcome: Opened | Problem) -> Opened:
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def _shown(token: str, cookie: bool, until: datetime, position: PositionOut, held: list[PositionOut]) -> SessionOut:
    return SessionOut(token=None if cookie else token, expires_at=until, position=position, positions=held)


def _position(row: Found) -> PositionOut:
    return PositionOut(
        id=row.id,
        role=row.role,
        unit=UnitRef(id=row.unit_id, code=row.unit_code, name_vi=row.unit_name_vi, name_en=row.unit_name_en),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )
