"""Systems of agencies: a position of kind ``service`` and the tokens it acts with.

A token is for named scopes and for a time, is shown once and kept as a hash. Rotation gives a new one while the old
one goes on for some hours, so that the system never stands without.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.identity.tokens import SERVICE, new_token, token_hash
from api.problems import Problem
from api.queries import organisation as org
from api.queries.identity import SERVICE as TOKENS
from api.queries.rows import Found
from api.services.organisation import administers, found, held, may_give
from api.shapes.accounts import LONGEST, NewServiceToken, Rotation, ServiceIn, ServiceTokenIn, ServiceTokenOut
from api.shapes.organisation import HeldPosition
from models.records.dated import not_over


async def add_service(visit: Visit, given: ServiceIn) -> HeldPosition:
    """A system of an agency, in one of the administrator's offices.

    Raises:
        Problem: ``not-permitted``, ``not-yours-to-grant`` or ``invalid-request``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        may_give(visit, await administers(connection, visit, given.unit_id, "unit_id"), given.role)
        person_id = await org.add(connection, org.PERSON, full_name=given.name, language="vi", is_sample=False)
        row_id = await org.add(
            connection, org.POSITION, person_id=person_id, unit_id=given.unit_id, role=given.role, kind="service",
            valid_from=visit.now,
        )  # fmt: skip
        await visit.note(connection, "add", "service", record_id=row_id, detail={"role": given.role})
        return held(await found(connection, org.positions().where(org.POSITION.c.id == row_id)))


async def issue(visit: Visit, position_id: UUID, given: ServiceTokenIn) -> NewServiceToken:
    """A token for a system.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``invalid-request``.
    """
    await visit.require("administer")
    _for_a_time(visit, given.expires_at)
    async with visit.transaction() as connection:
        await service_of(connection, visit, position_id)
        return await _issue(connection, visit, position_id, sorted(given.scopes), given.expires_at)


async def listed(visit: Visit, position_id: UUID) -> list[ServiceTokenOut]:
    """The tokens of a system, those that ended included.

    Raises:
        Problem: ``not-permitted`` or ``not-found``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        await service_of(connection, visit, position_id)
        rows = await org.every(
            connection, select(TOKENS).where(TOKENS.c.position_id == position_id).order_by(TOKENS.c.issued_at)
        )
        await visit.note(connection, "list", "service_token", record_id=position_id)
    return [ServiceTokenOut.model_validate(_shown(row)) for row in rows]


async def rotate(visit: Visit, token_id: UUID, given: Rotation) -> NewServiceToken:
    """A new token with the scopes of an old one, which ends after the overlap.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``already-ended`` or ``invalid-request``.
    """
    await visit.require("administer")
    _for_a_time(visit, given.expires_at)
    async with visit.transaction() as connection:
        old = await _token(connection, visit, token_id)
        until = min(old.expires_at, visit.now + timedelta(hours=given.overlap_hours))
        await org.change(connection, TOKENS, token_id, expires_at=until)
        return await _issue(connection, visit, old.position_id, old.scopes, given.expires_at)


async def revoke(visit: Visit, token_id: UUID) -> None:
    """A token ends at once.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``already-ended``.
    """
    await visit.require("administer")
    async with visit.transaction() as connection:
        await _token(connection, visit, token_id)
        await org.change(connection, TOKENS, token_id, revoked_at=visit.now)
        await visit.note(connection, "end", "service_token", record_id=token_id)


async def _issue(
    connection: AsyncConnection, visit: Visit, position_id: UUID, scopes: list[str], until: datetime
) -> NewServiceToken:
    secret = new_token(SERVICE)
    row_id = await org.add(
        connection, TOKENS, position_id=position_id, token_hash=token_hash(secret), scopes=scopes,
        issued_by=visit.caller.person_id, issued_at=visit.now, expires_at=until,
    )  # fmt: skip
    await visit.note(
        connection, "issue", "service_token", record_id=row_id,
        detail={"position": str(position_id), "scopes": scopes},
    )  # fmt: skip
    row = await found(connection, select(TOKENS).where(TOKENS.c.id == row_id))
    return NewServiceToken(secret=secret, token=ServiceTokenOut.model_validate(_shown(row)))


async def service_of(connection: AsyncConnection, visit: Visit, position_id: UUID) -> Found:
    """A system within the administrator's reach whose position has not ended.

    Raises:
        Problem: ``not-found``.
    """
    return await found(
        connection,
        org.positions().where(
            org.POSITION.c.id == position_id,
            org.POSITION.c.kind == "service",
            not_over(org.POSITION, visit.now),
            org.of_units(org.POSITION.c.unit_id, visit.caller.acting.unit_id, visit.now),
        ),
    )


async def _token(connection: AsyncConnection, visit: Visit, token_id: UUID) -> Found:
    row = await found(connection, select(TOKENS).where(TOKENS.c.id == token_id).with_for_update())
    await service_of(connection, visit, row.position_id)
    if row.revoked_at is not None or row.expires_at <= visit.now:
        raise Problem("already-ended")
    return row


def _for_a_time(visit: Visit, until: datetime) -> None:
    if until <= visit.now:
        raise fault("in-the-past", "body", "expires_at")
    if until > visit.now + LONGEST:
        raise fault("too-far", "body", "expires_at")


def _shown(row: Found) -> dict[str, object]:
    return {name: getattr(row, name) for name in ServiceTokenOut.model_fields}
