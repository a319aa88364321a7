"""State x event x role, for every service: what the lifecycle of a referral answers to each, generated.

Only event, state, service and role enter: what an act needs beyond them is the act's own matter.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from models.lifecycle.facts import SYSTEM_ROLE
from models.lifecycle.referral.decide import permitted
from models.lifecycle.referral.events import EVENTS
from models.lifecycle.referral.facts import Facts
from models.lifecycle.referral.services import SERVICES
from models.lifecycle.referral.states import STATES
from models.lifecycle.referral.types import Memory, Standing
from models.lifecycle.roles import ROLES
from models.lifecycle.table import ALLOWED, actor_of

_INSTANT = datetime(2026, 12, 7, 3, tzinfo=UTC)


class Row(NamedTuple):
    """One line of the table: ``allowed`` or the refusal's code. ``state`` is empty before the referral is made."""

    service: str
    state: str
    event: str
    role: str
    outcome: str


def standing_in(state: str) -> Standing | None:
    """A typical standing in a state; None before there is one."""
    if not state:
        return None
    memory = {Memory.AUTHOR: "author"}
    if state == "waiting_order":
        memory |= {Memory.WAITING_FROM: "scheduled", Memory.AWAITED: "FORENSIC_REQUEST"}
    return Standing(state=state, memory=memory)


def facts_of(role: str, service: str) -> Facts:
    """An act of somebody of that role, standing where their role counts, who did not send the referral."""
    return Facts(actor=actor_of(role), earliest=_INSTANT, occurred_at=_INSTANT, recorded_at=_INSTANT, service=service)


def rows() -> Iterator[Row]:
    """The whole table: every service, state, event and role, the clock's own role included."""
    for service in SERVICES:
        asked = {role: facts_of(role, service) for role in (*ROLES, SYSTEM_ROLE)}
        for state in ("", *STATES):
            standing = standing_in(state)
            for event in EVENTS:
                for role, facts in asked.items():
                    yield Row(service, state, event, role, permitted(standing, event, facts) or ALLOWED)
