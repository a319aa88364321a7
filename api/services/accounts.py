"""Administering how people get in: accounts by set-up link, lost second factors, identities at providers, suspensions.

An administrator never learns a password: they make a link, shown once, and its holder chooses. They have no power over
their own account, nor over those who watch them.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.identity.tokens import new_token, token_hash
from api.problems import Problem
from api.queries import factors as q
from api.queries import identity
from api.queries import organisation as org
from api.queries.rows import Found
from api.services.organisation import found, theirs
from api.shapes.accounts import (
    AccountIn,
    AccountOut,
    ExternalIdentityIn,
    ExternalIdentityOut,
    SuspensionIn,
    SuspensionOut,
)
from api.shapes.base import PersonRef


async def give_account(visit: Visit, person_id: UUID, given: AccountIn) -> AccountOut:
    """Make or reset a person's account: its password is void, what they were signed in with ends, a link is made.

    Second factors stay: who lost a password has not lost those.

    Raises:
        Problem: ``not-permitted``, ``not-for-yourself``, ``not-found``, ``not-yours-to-grant`` or ``code-taken``.
    """
    await visit.require("administer")
    token, until = new_token(), visit.now + timedelta(hours=visit.door.settings.set_up_link_hours)
    async with visit.transaction() as connection:
        await theirs(connection, visit, person_id)
        try:
            account = await identity.set_account(connection, person_id=person_id, username=given.username, at=visit.now)
        except IntegrityError:
            # It belongs to somebody in another administrator's office, whose account is not there to be seen.
            account = None
        if account is None:
            raise Problem("code-taken")
        await q.add_link(
            connection, account_id=account, link_hash=token_hash(token), made_by=visit.caller.person_id, at=visit.now,
            until=until,
        )  # fmt: skip
        await visit.note(connection, "set_account", "account", record_id=account)
    link = f"{visit.door.settings.public_url}/set-up?link={token}"
    return AccountOut(person_id=person_id, username=given.username, set_up_link=link, expires_at=until)


async def end_account(visit: Visit, person_id: UUID) -> None:
    """A person's account ends, and whatever is signed in with it.

    Raises:
        Problem: ``not-permitted``, ``not-for-yourself``, ``not-found``, ``not-yours-to-grant`` or ``no-account``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        account = await _account_of(connection, visit, person_id)
        await identity.end_account(connection, account.id, visit.now)
        await q.end_links(connection, account.id, visit.now)
        await visit.note(connection, "end", "account", record_id=account.id)


async def end_factors(visit: Visit, person_id: UUID) -> None:
    """A person lost their second factors: all of them end, and whatever is signed in.

    Raises:
        Problem: ``not-permitted``, ``not-for-yourself``, ``not-found``, ``not-yours-to-grant`` or ``no-account``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        account = await _account_of(connection, visit, person_id)
        await q.end_factors(connection, account.id, visit.now)
        await identity.revoke(connection, visit.now, account_id=account.id)
        await visit.note(connection, "end_factors", "account", record_id=account.id)


async def link_identity(visit: Visit, person_id: UUID, given: ExternalIdentityIn) -> ExternalIdentityOut:
    """From now on an identity at a provider signs in to a person's account.

    Raises:
        Problem: ``not-permitted``, ``not-for-yourself``, ``not-found``, ``not-yours-to-grant``, ``no-account``,
            ``invalid-request`` for a provider that is not configured, or ``code-taken``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        account = await _account_of(connection, visit, person_id)
        if given.issuer not in {one.issuer for one in visit.door.providers}:
            raise fault("unknown", "body", "issuer")
        try:
            row_id = await org.add(
                connection, q.EXTERNAL, account_id=account.id, issuer=given.issuer, subject=given.subject,
                linked_by=visit.caller.person_id, linked_at=visit.now,
            )  # fmt: skip
        except IntegrityError:
            raise Problem("code-taken") from None
        await visit.note(connection, "link_identity", "account", record_id=account.id)
    return ExternalIdentityOut(
        id=row_id, person_id=person_id, issuer=given.issuer, subject=given.subject, linked_at=visit.now
    )


async def identities(visit: Visit, person_id: UUID) -> list[ExternalIdentityOut]:
    """The identities linked to a person's account.

    Raises:
        Problem: as ``link_identity``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        account = await _account_of(connection, visit, person_id)
        statement = select(q.EXTERNAL).where(q.EXTERNAL.c.account_id == account.id, q.EXTERNAL.c.ended_at.is_(None))
        rows = await org.every(connection, statement.order_by(q.EXTERNAL.c.linked_at, q.EXTERNAL.c.id))
        await visit.note(connection, "list", "external_identity")
    return [
        ExternalIdentityOut(
            id=row.id, person_id=person_id, issuer=row.issuer, subject=row.subject, linked_at=row.linked_at
        )
        for row in rows
    ]


async def unlink_identity(visit: Visit, person_id: UUID, identity_id: UUID) -> None:
    """An identity signs in to a person's account no longer; what is signed in ends.

    Raises:
        Problem: as ``link_identity``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        account = await _account_of(connection, visit, person_id)
        statement = select(q.EXTERNAL).where(
            q.EXTERNAL.c.id == identity_id, q.EXTERNAL.c.account_id == account.id, q.EXTERNAL.c.ended_at.is_(None)
        )
        await found(connection, statement.with_for_update())
        await org.change(connection, q.EXTERNAL, identity_id, ended_at=visit.now)
        await identity.revoke(connection, visit.now, account_id=account.id)
        await visit.note(connection, "unlink_identity", "account", record_id=account.id)


def suspensions() -> Select[tuple[object, ...]]:
    """Suspensions with whose they are."""
    return select(org.SUSPENSION, org.PERSON.c.full_name).join(
        org.PERSON, org.PERSON.c.id == org.SUSPENSION.c.person_id
    )


def suspension(row: Found) -> SuspensionOut:
    """A suspension as it is shown."""
    return SuspensionOut(
        id=row.id, person=PersonRef(id=row.person_id, name=row.full_name), starts_at=row.starts_at,
        ends_at=row.ends_at, reason=row.reason,
    )  # fmt: skip


async def suspend(visit: Visit, given: SuspensionIn) -> SuspensionOut:
    """A person may not act for a time, from their next request on.

    Raises:
        Problem: ``not-permitted``, ``not-for-yourself``, ``not-found``, ``not-yours-to-grant`` or ``invalid-request``.
    """
    await visit.require("administer")
    since = given.starts_at or visit.now
    if since < visit.now:
        raise fault("in-the-past", "body", "starts_at")
    if given.ends_at is not None and given.ends_at <= since:
        raise fault("ends-before-it-starts", "body", "ends_at")
    async with visit.transaction() as connection:
        await theirs(connection, visit, given.person_id)
        row_id = await org.add(
            connection, org.SUSPENSION, person_id=given.person_id, starts_at=since, ends_at=given.ends_at,
            reason=given.reason, ordered_by=visit.caller.person_id, created_at=visit.now,
        )  # fmt: skip
        await visit.note(connection, "suspend_person", "suspension", record_id=row_id, detail={"reason": given.reason})
        return suspension(await found(connection, suspensions().where(org.SUSPENSION.c.id == row_id)))


async def _account_of(connection: AsyncConnection, visit: Visit, person_id: UUID) -> Found:
    await theirs(connection, visit, person_id)
    account = await identity.account(connection, person_id=person_id)
    if account is None or account.ended_at is not None:
        raise Problem("no-account")
    return account
