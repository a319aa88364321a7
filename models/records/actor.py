"""Who acts: a person in a position, as read from the organisation at an instant."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Acting:
    """A person in the position they act from. ``role`` is that position's role, ``unit_id`` its office."""

    person_id: UUID
    position_id: UUID
    unit_id: UUID
    role: str


SYSTEM_ROLE = "SYSTEM"
"""The role an audit entry carries for an act of a clock."""
