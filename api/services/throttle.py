"""How often something may be tried: by user name, by account, by address. A locked account is locked for everything.

Six tries a minute under one key; six failures in a row lock an account for 30 minutes. What is counted is a keyed hash,
and an address whose tries were right is not used up.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Door
from api.problems import Problem
from api.queries import identity
from api.queries.rows import Found
from models.records.audit import audit

WINDOW: Final = timedelta(minutes=1)
TRIES: Final = 6
FAILURES: Final = 6
LOCKED_FOR: Final = timedelta(minutes=30)


def key(door: Door, kind: str, value: object) -> str:
    """What is counted under: keyed, so that nobody who holds the table can try which name or address it was."""
    return door.keys.origins.keyed(f"{kind}:{str(value).strip().lower()}")


async def too_many(
    connection: AsyncConnection, keys: list[str], now: datetime, *, action: str, origin: str | None
) -> Problem | None:
    """Count one try under each key; the problem where that is one too many. The first such is on record.

    ``origin``, here and below, is from where: ``Origins.of`` the caller's address.
    """
    counts = [await identity.count_attempt(connection, one, now, WINDOW) for one in keys]
    if max(counts) <= TRIES:
        return None
    if TRIES + 1 in counts:
        await audit(
            connection, at=now, actor=None, action=action, record="session", outcome="refused",
            code="too-many-sign-ins", origin=origin,
        )  # fmt: skip
    return Problem("too-many-sign-ins", headers={"Retry-After": str(int(WINDOW.total_seconds()))}, audited=True)


def is_locked(account: Found, now: datetime) -> bool:
    """Whether an account takes nothing at present, right or wrong."""
    return account.locked_until is not None and account.locked_until > now


async def failed(
    connection: AsyncConnection,
    account: Found | None,
    now: datetime,
    code: str,
    action: str = "sign_in",
    *,
    origin: str | None,
) -> Problem:
    """Count and record a failure; the problem to answer with."""
    if account is not None and not is_locked(account, now):
        await identity.record_failure(connection, account.id, now, limit=FAILURES, locked_for=LOCKED_FOR)
    await audit(
        connection, at=now, actor=None, action=action, record="session", outcome="refused", code=code,
        record_id=account.id if account else None, origin=origin,
    )  # fmt: skip
    return Problem(code, audited=True)
