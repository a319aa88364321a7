"""State x event x role: what the lifecycle answers to each, generated, for tests at every height and for documentation.

Only the first three checks (event, state, role) enter: what an act needs beyond them is the act's own matter.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from models.lifecycle.decide import permitted
from models.lifecycle.events import EVENTS
from models.lifecycle.facts import SYSTEM_ROLE, Actor, CaseFacts, Facts
from models.lifecycle.roles import ROLES
from models.lifecycle.states import STATES
from models.lifecycle.types import REGIONS, Memory, Region, Standing

ALLOWED = "allowed"
"""Outcome of a row that is not refused by state or role."""

UNIT = "unit"
_INSTANT = datetime(2026, 12, 7, 3, tzinfo=UTC)


VARIANTS: dict[str, tuple[str, ...]] = {
    "conclusion_review": ("not_substantiated", "redirect"),
    "held": ("", "refused"),
}
"""Standings of one documented state that answer differently, by state."""


class Row(NamedTuple):
    """One line of the table: in this state, this event, by this role: ``allowed`` or the refusal's code.

    ``variant`` tells two standings of one documented state apart: which proposal waits in ``conclusion_review``,
    whether a case is ``held`` because another unit refused to take it.
    """

    region: Region
    state: str
    variant: str
    event: str
    role: str
    outcome: str


def standings() -> Iterator[tuple[Region, str, str, Standing]]:
    """Each documented state once (those of ``VARIANTS`` once per variant), the other regions at their quietest.

    Protection, ban and custody are shown on an ``active`` case, process states without protection or ban.
    """
    for region in REGIONS:
        for state in STATES[region]:
            for variant in VARIANTS.get(state, ("",)):
                yield region, state, variant, standing_in(region, state, variant)


def standing_in(region: Region, state: str, variant: str = "") -> Standing:
    """A typical standing with one region in a given state, its memory filled in."""
    codes = {"process": "active", "protection": "none", "ban": "none", "custody": "held"} | {region: state}
    return Standing(**codes, memory=_typical_memory(state, variant))


def _typical_memory(state: str, variant: str) -> dict[str, str]:
    typical = {
        "suspended": {Memory.SUSPENDED_FROM: "verifying"},
        "closure_proposed": {Memory.CLOSURE_FROM: "review", Memory.CLOSURE_AUTHOR: "author"},
        "conclusion_review": {
            Memory.CONCLUSION: variant or "not_substantiated",
            Memory.CONCLUSION_AUTHOR: "author",
            Memory.CONCLUSION_ROLE: "CPO",
        },
        "plan_approval": {Memory.PLAN_AUTHOR: "author", Memory.PLAN_HASH: "hash"},
        "emergency": {Memory.RAISED_FROM: "none"},
        "attached": {Memory.MOVED_PROTECTION: "none", Memory.MOVED_BAN: "none"},
        "held": {Memory.TRANSFER_REFUSED: "elsewhere"} if variant == "refused" else {},
    }
    return typical.get(state, {})


def actor_of(role: str) -> Actor:
    """Somebody of that role at the unit of incident; ``DEL`` is named for this very case."""
    return Actor(person=f"person-{role}", role=role, unit=UNIT, is_delegate=role == "DEL")


def rows() -> Iterator[Row]:
    """The whole table: every state, event and role, the clock's own role included."""
    here = CaseFacts(unit=UNIT, transfer_to=UNIT, incident_unit=UNIT, residence_unit=UNIT)
    # Another commune's case, or there is nothing to ask for.
    cases = {"request_transfer": here.model_copy(update={"unit": "elsewhere"})}
    asked = {
        role: Facts(actor=actor_of(role), receipt=_INSTANT, occurred_at=_INSTANT, recorded_at=_INSTANT, case=here)
        for role in (*ROLES, SYSTEM_ROLE)
    }
    for region, state, variant, standing in standings():
        for event in EVENTS:
            for role, facts in asked.items():
                said = facts.model_copy(update={"case": cases[event]}) if event in cases else facts
                yield Row(region, state, variant, event, role, permitted(standing, event, said) or ALLOWED)
