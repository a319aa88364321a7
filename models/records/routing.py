"""Which unit a need goes to next: the one place that is asked, when a referral is passed on by itself.

The directory says who gives a service where and when (``models.records.directory``). Where it knows nobody at all for
a commune, the unit tree does: whoever holds a role that gives it, the nearest first.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.referral.services import providers_of
from models.records.directory import capable

_ROLES = ARRAY(Text)

# The nearest first: in the child's own commune, below its province, above it. Somebody on shift comes before nobody.
_UNITS = text(
    """
WITH RECURSIVE up AS (
    SELECT CAST(:unit_id AS uuid) AS unit_id, 0 AS distance
    UNION ALL
    SELECT p.parent_id, up.distance + 1
    FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
    WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND up.distance < 8
), near AS (
    SELECT unit_id, distance FROM up
    UNION
    SELECT p.unit_id, up.distance + 1
    FROM up JOIN unit_parent p ON p.parent_id = up.unit_id
    WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)
)
SELECT u.id
FROM (SELECT unit_id, min(distance) AS distance FROM near GROUP BY unit_id) n JOIN unit u ON u.id = n.unit_id
WHERE u.kind IN ('agency', 'department', 'commune') AND (u.kind <> 'commune' OR u.id = CAST(:unit_id AS uuid))
  AND u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at) AND NOT u.id = ANY(:without)
  AND EXISTS (SELECT FROM position p WHERE p.unit_id = u.id AND p.role = ANY(:roles)
                AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at))
ORDER BY EXISTS (SELECT FROM shift s WHERE s.unit_id = u.id AND s.role = ANY(:roles)
                   AND s.starts_at <= :at AND s.ends_at > :at) DESC, n.distance, u.code
LIMIT 1
"""
).bindparams(
    bindparam("unit_id", type_=Uuid()),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("roles", type_=_ROLES),
    bindparam("without", type_=ARRAY(Uuid())),
)

_PROVIDES = text(
    """
SELECT EXISTS (SELECT FROM position p JOIN unit u ON u.id = p.unit_id
                WHERE u.id = :unit_id AND p.role = ANY(:roles)
                  AND u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at)
                  AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at))
    OR EXISTS (SELECT FROM provider_name n JOIN capability c ON c.provider_id = n.provider_id
                WHERE n.unit_id = :unit_id AND c.service = :service
                  AND n.valid_from <= :at AND (n.valid_to IS NULL OR n.valid_to > :at)
                  AND c.valid_from <= :at AND (c.valid_to IS NULL OR c.valid_to > :at))
"""
).bindparams(
    bindparam("unit_id", type_=Uuid()),
    bindparam("service", type_=Text()),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("roles", type_=_ROLES),
)


async def next_unit(
    connection: AsyncConnection, *, service: str, commune: UUID | None, at: datetime, without: Collection[UUID]
) -> UUID | None:
    """The best unit that provides a service and has not been asked yet.

    Args:
        connection: any transaction.
        service: of ``models.lifecycle.referral.SERVICES``.
        commune: the office that holds the case; nothing is near to a case nobody holds.
        at: domain instant.
        without: units that were asked for this need before.

    Returns:
        Its id, None where nobody is left.
    """
    if commune is None:
        return None
    load = await _load(connection, service)
    named = await capable(connection, service=service, unit_id=commune, at=at, without=without, load=load)
    if free := [one for one in named if not one.is_full]:
        return free[0].unit_id
    if named or await capable(connection, service=service, unit_id=commune, at=at, without=()):
        return None
    asked = {"unit_id": commune, "at": at, "roles": sorted(providers_of(service)), "without": sorted(without)}
    found: UUID | None = (await connection.execute(_UNITS, asked)).scalar_one_or_none()
    return found


async def _load(connection: AsyncConnection, service: str) -> dict[UUID, int]:
    """How many children each provider has with a service now, by its live referrals: those of all cases."""
    asked = func.annhi_loads(service).table_valued("provider_id", "children")
    rows = await connection.execute(select(asked.c.provider_id, asked.c.children))
    return {provider: count for provider, count in rows.all()}  # noqa: C416 - rows, not pairs


async def provides(connection: AsyncConnection, unit: UUID, service: str, at: datetime) -> bool:
    """Whether a unit provides a service: somebody holds a role there that does, or the directory says so."""
    asked = {"unit_id": unit, "at": at, "service": service, "roles": sorted(providers_of(service))}
    return bool((await connection.execute(_PROVIDES, asked)).scalar_one())
