"""Who can give a service to a child of one commune at one instant, best first.

One statement gathers what the directory says at that instant; the choice itself is pure (``models.directory.rank``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.calendar import Calendar, calendar_at
from models.directory import CONTACT_KINDS, ROLE_OF, SERVICES, ContactKind, Hours, Offer, rank


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that may be asked.

    Attributes:
        unit_id: the office whose people act for it.
        provider_id: who.
        capability_id: by which entry of the directory.
        role: in which its people act (POL, HLT …).
        on_duty: somebody is there at the instant that was asked about, by opening hours or day and night.
        opens_at: when somebody is there next; None where that is not to be seen.
        contact: how it is reached best; None where no way is known.
        address: where, for a contact that has one.
        distance: steps up the tree from the child's commune to the territory: 0 the commune itself.
        load: how many children it has now, as far as the caller said.
        capacity: how many it can have at once; None where nobody set a number.
    """

    unit_id: UUID
    provider_id: UUID
    capability_id: UUID
    role: str
    on_duty: bool
    opens_at: datetime | None
    contact: ContactKind | None
    address: str | None
    distance: int
    load: int
    capacity: int | None

    @property
    def is_full(self) -> bool:
        """No place is left."""
        return self.capacity is not None and self.load >= self.capacity


_NOBODY_SAID: Final[Mapping[UUID, int]] = {}

# A case may still name a commune that was merged away: what serves its heir serves the child. Units: that commune and
# those above it, up to the nation, whose territory it lies in.
_OFFERS = text(
    """
WITH RECURSIVE heir AS (
    SELECT cast(:unit_id AS uuid) AS unit_id, 0 AS steps
    UNION ALL
    SELECT s.successor_id, heir.steps + 1
    FROM heir JOIN unit_change s ON s.predecessor_id = heir.unit_id
    WHERE s.heir AND s.kind <> 'rename' AND s.at <= :at AND heir.steps < 16
), up AS (
    SELECT unit_id, 0 AS distance FROM (SELECT unit_id FROM heir ORDER BY steps DESC LIMIT 1) AS last
    UNION ALL
    SELECT p.parent_id, up.distance + 1
    FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
    WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND up.distance < 8
)
SELECT p.id AS provider_id, p.code, p.kind, n.unit_id, c.id AS capability_id, c.hours, c.duty, c.capacity,
       c.valid_from, c.valid_to, up.distance, k.kind AS contact, k.address
FROM up
JOIN capability c ON c.unit_id = up.unit_id
JOIN provider p ON p.id = c.provider_id
JOIN provider_name n ON n.provider_id = p.id
JOIN unit u ON u.id = n.unit_id
LEFT JOIN LATERAL (
    SELECT t.kind, t.address FROM contact t
    WHERE t.provider_id = p.id AND t.valid_from <= :at AND (t.valid_to IS NULL OR t.valid_to > :at)
    ORDER BY array_position(:kinds, t.kind::text) LIMIT 1
) k ON true
WHERE c.service = :service AND NOT p.id = ANY(:without) AND NOT n.unit_id = ANY(:without)
  AND c.valid_from <= :at AND (c.valid_to IS NULL OR c.valid_to > :at)
  AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)
  AND n.valid_from <= :at AND (n.valid_to IS NULL OR n.valid_to > :at)
  AND u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at)
ORDER BY c.id
"""
).bindparams(
    bindparam("unit_id", type_=Uuid()),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("service", type_=Text()),
    bindparam("kinds", type_=ARRAY(Text())),
    bindparam("without", type_=ARRAY(Uuid())),
)


async def capable(
    connection: AsyncConnection,
    *,
    service: str,
    unit_id: UUID,
    at: datetime,
    without: Collection[UUID],
    load: Mapping[UUID, int] = _NOBODY_SAID,
    calendar: Calendar | None = None,
) -> list[Candidate]:
    """Who can give a service to a child of a commune, best first (``models.directory.rank`` says what best is).

    Args:
        connection: any transaction.
        service: of ``models.directory.SERVICES``.
        unit_id: the commune the case is held by; one that was merged away counts as its heir.
        at: domain instant.
        without: providers (or their offices) that are not to be asked: whoever has declined or let it expire.
        load: how many children each provider has with this service now, by its id; none where it is not in it.
        calendar: of working days; the one in force at the instant by default.

    Raises:
        ValueError: there is no such service.
    """
    if service not in SERVICES:
        raise ValueError(f"there is no service {service!r}")
    rows = (
        await connection.execute(
            _OFFERS,
            {
                "unit_id": unit_id,
                "at": at,
                "service": service,
                "kinds": list(CONTACT_KINDS),
                "without": sorted(without),
            },
        )
    ).all()
    known = {row.capability_id: row for row in rows}
    offers = [
        Offer(
            provider_id=row.provider_id,
            capability_id=row.capability_id,
            unit_id=row.unit_id,
            code=row.code,
            distance=row.distance,
            hours=Hours.parse(row.hours),
            duty=row.duty,
            capacity=row.capacity,
            load=load.get(row.provider_id, 0),
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            contact=row.contact,
        )
        for row in rows
    ]
    days = calendar or calendar_at(at)
    return [
        Candidate(
            unit_id=one.unit_id,
            provider_id=one.provider_id,
            capability_id=one.capability_id,
            role=ROLE_OF[known[one.capability_id].kind],
            on_duty=one.open_at(at, days),
            opens_at=one.opens(at, days),
            contact=one.contact,
            address=known[one.capability_id].address,
            distance=one.distance,
            load=one.load,
            capacity=one.capacity,
        )
        for one in rank(offers, service=service, at=at, calendar=days)
    ]
