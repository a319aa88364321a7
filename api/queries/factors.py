"""What proves an account besides its password, and the steps of a sign-in that wait for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.tables import (
    ExternalIdentity,
    Passkey,
    RecoveryCode,
    SetUpLink,
    SignInStep,
    Totp,
    new_id,
    table,
)

TOTP, PASSKEY, RECOVERY = table(Totp), table(Passkey), table(RecoveryCode)
STEP, LINK, EXTERNAL = table(SignInStep), table(SetUpLink), table(ExternalIdentity)
_LEFT_LYING = timedelta(days=1)


async def totp_of(connection: AsyncConnection, account_id: UUID, *, confirmed: bool = True) -> Found | None:
    """The time-based codes of an account, locked, so that one code is judged at a time."""
    is_confirmed = TOTP.c.confirmed_at.isnot(None) if confirmed else TOTP.c.confirmed_at.is_(None)
    statement = (
        select(TOTP)
        .where(TOTP.c.account_id == account_id, TOTP.c.ended_at.is_(None), is_confirmed)
        .order_by(TOTP.c.created_at.desc(), TOTP.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    return (await connection.execute(statement)).one_or_none()


async def add_totp(connection: AsyncConnection, account_id: UUID, *, key_id: str, secret: bytes, at: datetime) -> UUID:
    """A secret that waits to be confirmed; one that waited before is given up."""
    await connection.execute(
        update(TOTP)
        .where(TOTP.c.account_id == account_id, TOTP.c.ended_at.is_(None), TOTP.c.confirmed_at.is_(None))
        .values(ended_at=at)
    )
    row_id = new_id()
    await connection.execute(
        insert(TOTP).values(id=row_id, account_id=account_id, key_id=key_id, secret=secret, created_at=at, last_step=0)
    )
    return row_id


async def took_code(connection: AsyncConnection, totp_id: UUID, step: int, *, confirmed_at: datetime) -> None:
    """A code was taken; neither it nor an older one is taken again."""
    await connection.execute(update(TOTP).where(TOTP.c.id == totp_id).values(last_step=step, confirmed_at=confirmed_at))


async def passkeys_of(connection: AsyncConnection, account_id: UUID) -> list[Found]:
    """The passkeys of an account, locked."""
    statement = (
        select(PASSKEY)
        .where(PASSKEY.c.account_id == account_id, PASSKEY.c.ended_at.is_(None))
        .order_by(PASSKEY.c.created_at, PASSKEY.c.id)
        .with_for_update()
    )
    return list(await connection.execute(statement))


async def add_passkey(connection: AsyncConnection, account_id: UUID, *, at: datetime, **values: Any) -> UUID | None:
    """A new passkey; None where that credential is known already, whoever's it is."""
    statement = upsert(PASSKEY).values(id=new_id(), account_id=account_id, created_at=at, **values)
    made = await connection.execute(statement.on_conflict_do_nothing().returning(PASSKEY.c.id))
    row_id: UUID | None = made.scalar_one_or_none()
    return row_id


async def used_passkey(connection: AsyncConnection, passkey_id: UUID, sign_count: int, at: datetime) -> None:
    """A passkey signed; its counter is where it says."""
    await connection.execute(
        update(PASSKEY).where(PASSKEY.c.id == passkey_id).values(sign_count=sign_count, used_at=at)
    )


async def end_factors(connection: AsyncConnection, account_id: UUID, at: datetime) -> None:
    """Every second factor of an account ends."""
    for rows in (TOTP, PASSKEY, RECOVERY):
        await connection.execute(
            update(rows).where(rows.c.account_id == account_id, rows.c.ended_at.is_(None)).values(ended_at=at)
        )


async def end_one(connection: AsyncConnection, account_id: UUID, row_id: UUID, at: datetime) -> str | None:
    """End one second factor of an account. Returns its kind, None where the account has no such."""
    for kind, rows in (("totp", TOTP), ("passkey", PASSKEY)):
        statement = (
            update(rows)
            .where(rows.c.id == row_id, rows.c.account_id == account_id, rows.c.ended_at.is_(None))
            .values(ended_at=at)
        )
        if (await connection.execute(statement)).rowcount:
            return kind
    return None


async def recovery_left(connection: AsyncConnection, account_id: UUID) -> int:
    """How many recovery codes of an account are still good."""
    statement = select(RECOVERY.c.id).where(RECOVERY.c.account_id == account_id, RECOVERY.c.ended_at.is_(None))
    return len((await connection.execute(statement)).all())


async def renew_recovery(connection: AsyncConnection, account_id: UUID, hashes: Iterable[str], at: datetime) -> None:
    """New recovery codes; the old ones are void."""
    await connection.execute(
        update(RECOVERY).where(RECOVERY.c.account_id == account_id, RECOVERY.c.ended_at.is_(None)).values(ended_at=at)
    )
    await connection.execute(
        insert(RECOVERY),
        [{"id": new_id(), "account_id": account_id, "code_hash": one, "created_at": at} for one in hashes],
    )


async def use_recovery(connection: AsyncConnection, account_id: UUID, code_hash: str, at: datetime) -> bool:
    """Use a recovery code up. Of two at once, one succeeds."""
    statement = (
        update(RECOVERY)
        .where(RECOVERY.c.account_id == account_id, RECOVERY.c.code_hash == code_hash, RECOVERY.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    return bool((await connection.execute(statement)).rowcount)


async def add_step(
    connection: AsyncConnection,
    *,
    kind: str,
    account_id: UUID | None,
    token_hash: str,
    state: dict[str, Any],
    at: datetime,
    until: datetime,
) -> None:
    """A step that waits; those left lying for a day are cleared away."""
    await connection.execute(delete(STEP).where(STEP.c.expires_at < at - _LEFT_LYING))
    await connection.execute(
        insert(STEP).values(
            id=new_id(),
            kind=kind,
            account_id=account_id,
            token_hash=token_hash,
            state=state,
            tries=0,
            created_at=at,
            expires_at=until,
        )
    )


async def step(connection: AsyncConnection, kind: str, token_hash: str, at: datetime) -> Found | None:
    """A step that waits still, locked."""
    statement = (
        select(STEP)
        .where(STEP.c.kind == kind, STEP.c.token_hash == token_hash, STEP.c.used_at.is_(None), STEP.c.expires_at > at)
        .with_for_update()
    )
    return (await connection.execute(statement)).one_or_none()


async def change_step(connection: AsyncConnection, step_id: UUID, **values: Any) -> None:
    """A step was tried, used, or asked something more."""
    await connection.execute(update(STEP).where(STEP.c.id == step_id).values(**values))


async def add_link(
    connection: AsyncConnection,
    *,
    account_id: UUID,
    link_hash: str,
    made_by: UUID | None,
    at: datetime,
    until: datetime,
) -> None:
    """A set-up link; one that was made before is void."""
    await end_links(connection, account_id, at)
    await connection.execute(
        insert(LINK).values(
            id=new_id(), account_id=account_id, link_hash=link_hash, made_by=made_by, created_at=at, expires_at=until
        )
    )


async def end_links(connection: AsyncConnection, account_id: UUID, at: datetime) -> None:
    """The set-up links of an account are void."""
    await connection.execute(
        update(LINK).where(LINK.c.account_id == account_id, LINK.c.ended_at.is_(None)).values(ended_at=at)
    )


async def link(connection: AsyncConnection, link_hash: str, at: datetime) -> Found | None:
    """A set-up link in force, locked."""
    statement = (
        select(LINK)
        .where(LINK.c.link_hash == link_hash, LINK.c.ended_at.is_(None), LINK.c.expires_at > at)
        .with_for_update()
    )
    return (await connection.execute(statement)).one_or_none()


async def external(connection: AsyncConnection, issuer: str, subject: str) -> Found | None:
    """The identity an administrator linked, by issuer and subject and by nothing else."""
    statement = select(EXTERNAL).where(
        EXTERNAL.c.issuer == issuer, EXTERNAL.c.subject == subject, EXTERNAL.c.ended_at.is_(None)
    )
    return (await connection.execute(statement)).one_or_none()
