"""Who is asked first: the order of those who can give a service to a child of one commune at one instant."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.calendar import Calendar
from models.directory.hours import Hours
from models.directory.services import ContactKind
from models.lifecycle.rules import EMERGENCY_SERVICES


@dataclass(frozen=True, slots=True)
class Offer:
    """A service of a provider for a territory in which the child's commune lies.

    Attributes:
        provider_id: who.
        capability_id: by which entry of the directory.
        unit_id: the office whose people act for the provider.
        code: the provider's own code; the last word where all else is equal.
        distance: from the child's commune up the tree to the territory: 0 the commune itself, 1 its province …
        hours: when it is open.
        duty: somebody is there day and night, holidays included.
        capacity: how many children at once; None where nobody set a number.
        load: how many it has now.
        valid_from, valid_to: from when, and until when, the entry holds (the end is not in it).
        contact: how it is reached best; None where no way is known.
    """

    provider_id: UUID
    capability_id: UUID
    unit_id: UUID
    code: str
    distance: int
    hours: Hours
    duty: bool
    capacity: int | None
    load: int
    valid_from: datetime
    valid_to: datetime | None
    contact: ContactKind | None

    def holds_at(self, at: datetime) -> bool:
        """Whether the entry holds at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    def open_at(self, at: datetime, calendar: Calendar) -> bool:
        """Whether somebody is there at an instant."""
        return self.duty or self.hours.open_at(at, calendar)

    def opens(self, at: datetime, calendar: Calendar) -> datetime | None:
        """When somebody is there next: ``at`` itself where it is open; None where that is not to be seen."""
        return at if self.duty else self.hours.next_opening(at, calendar)

    @property
    def is_full(self) -> bool:
        """No place is left."""
        return self.capacity is not None and self.load >= self.capacity

    @property
    def share(self) -> float:
        """How much of the capacity is taken, 0 where nobody set a number."""
        return self.load / self.capacity if self.capacity else float(self.is_full)


def rank(offers: Iterable[Offer], *, service: str, at: datetime, calendar: Calendar) -> list[Offer]:
    """Those that hold at ``at``, best first, each provider once. The same offers in any order give the same list.

    For an emergency service nobody who is closed comes before somebody who is open. Then, in this order: a way to
    reach them is known · a place is left · the nearest territory · who is open · the smaller share of places taken ·
    the fewer children · the code. Nobody is left out for being full or closed: where there is no other, they are asked
    all the same.
    """
    urgent = service in EMERGENCY_SERVICES

    def order(one: Offer) -> tuple[object, ...]:
        closed = not one.open_at(at, calendar)
        return (
            urgent and closed, one.contact is None, one.is_full, one.distance, closed, one.share, one.load, one.code,
            one.capability_id,
        )  # fmt: skip

    best: dict[UUID, Offer] = {}
    for one in sorted((one for one in offers if one.holds_at(at)), key=order):
        best.setdefault(one.provider_id, one)
    return list(best.values())
