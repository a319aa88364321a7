"""What the record says of consent: entries, who may not be asked, and whether something is allowed at an instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access.consent import Allowed, Said, age_of, allows, barred_givers
from models.calendar import local_date
from models.database import work_on
from models.records.content import frozen
from models.tables import CaseFile, CaseReport, Child, Consent, Report, table

_CONSENT, _CASE, _CHILD = table(Consent), table(CaseFile), table(Child)
_LINK, _REPORT = table(CaseReport), table(Report)


@dataclass(frozen=True)
class Standing:
    """What consent is judged by beside the entries: the child's age, and who is alleged.

    Attributes:
        age: full years, None while unknown.
        alleged: the sheets of alleged persons in the case's documents.
        barred: givers from whom consent is not sought.
    """

    age: int | None
    alleged: tuple[Mapping[str, Any], ...]
    barred: frozenset[str]


async def standing(connection: AsyncConnection, case_id: UUID, at: datetime) -> Standing:
    """What the case's documents say of the child's age and of who is alleged, at a domain instant."""
    child = (
        await connection.execute(
            select(_CHILD.c.birth_date, _CHILD.c.estimated_age)
            .join(_CASE, _CASE.c.child_id == _CHILD.c.id)
            .where(_CASE.c.id == case_id)
        )
    ).one()
    alleged: list[Mapping[str, Any]] = []
    triggers: list[str | None] = []
    for kind, content in await frozen(connection, case_id, ("M01", "M02", "act")):
        sheets = list(content.get("children", ())) if kind == "M01" else [content]
        alleged += [one for sheet in sheets for one in sheet.get("alleged") or ()]
        triggers.append(content.get("trigger"))
    reported = await connection.execute(
        select(_REPORT.c.trigger)
        .join(_LINK, _LINK.c.report_id == _REPORT.c.id)
        .where(_LINK.c.case_id == case_id, _LINK.c.until.is_(None))
    )
    triggers += reported.scalars()
    age = age_of(child.birth_date, child.estimated_age, local_date(at))
    return Standing(age, tuple(alleged), barred_givers(alleged, triggers))


async def said_of(connection: AsyncConnection, *case_ids: UUID) -> list[Said]:
    """Every entry of a case, or of some cases of one child, in the order of what they tell of."""
    rows = await connection.execute(
        select(_CONSENT).where(_CONSENT.c.case_id.in_(case_ids)).order_by(_CONSENT.c.said_at, _CONSENT.c.id)
    )
    return [said(row) for row in rows]


def said(row: Any) -> Said:
    """A row as it is judged."""
    return Said(
        id=str(row.id),
        scope=row.scope,
        services=frozenset(row.services),
        answer=row.answer,
        giver=row.giver,
        said_at=row.said_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
    )


async def allowed(
    connection: AsyncConnection,
    case_id: UUID,
    scope: str,
    service: str | None,
    at: datetime,
    *,
    also: Sequence[UUID] = (),
) -> Allowed:
    """Whether the record of a case allows something: what a referral, an export or a publication asks first.

    Args:
        connection: a transaction.
        case_id: the case.
        scope: code of ``consent_scopes``.
        service: code of the service, None where the scope knows none.
        at: domain instant.
        also: further cases of the child whose entries count, and who is alleged in them: those attached to it.
    """
    await work_on(connection, also)
    found = await standing(connection, case_id, at)
    barred = found.barred.union(*[(await standing(connection, one, at)).barred for one in also])
    entries = await said_of(connection, case_id, *also)
    return allows(entries, scope, service, at, age=found.age, barred=barred)
