"""The lifecycle of a referral as plain data, read from the chart and the table: for the reference, pages, diagrams."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from statemachine import HistoryState
from statemachine.state import State

from models.lifecycle.referral.chart import ReferralChart
from models.lifecycle.referral.events import BEGINNINGS, EVENTS, PERSON_EVENTS
from models.lifecycle.referral.refusals import REFUSALS
from models.lifecycle.referral.rules import roles_for
from models.lifecycle.referral.services import SERVICES
from models.lifecycle.referral.states import FINAL, INITIAL, LIVE, STATES
from models.lifecycle.referral.types import EventSpec

HISTORY = "history"
"""Target of a move that goes back to the state left before."""

Move = tuple[str, str, str]
"""Event, source, target: one arrow; the target equals the source where the event stays."""


STAYS = "stays"
"""Where ``leads`` says an event leads that leaves everything where it is."""


def leads(arrows: Iterable[Move]) -> dict[tuple[str, str], list[str]]:
    """The states an event leaves for one place, by event and place, in the arrows' order."""
    found: dict[tuple[str, str], list[str]] = {}
    for event, source, target in arrows:
        found.setdefault((event, STAYS if source == target else target), []).append(source)
    return found


@cache
def moves() -> tuple[Move, ...]:
    """Every arrow of the chart, in the chart's order, each once."""
    found: dict[Move, None] = {}
    for state in ReferralChart.states_map.values():
        for transition in state.transitions:
            for event in transition.events:
                for source in _leaves(state):
                    found[str(event), source, _target(transition.target, source)] = None
    return tuple(found)


def begins_in(event: str) -> str | None:
    """The state an event makes a referral in; None for any other."""
    return {"ask_service": INITIAL, "reroute": "sent"}.get(event)


def describe() -> dict[str, Any]:
    """The whole lifecycle as a JSON-able dict: states, services, events with their moves, refusals."""
    return {
        "initial": INITIAL,
        "states": [
            {
                "code": code, "label_vi": label.vi, "label_en": label.en, "live": code in LIVE, "final": code in FINAL
            }
            for code, label in STATES.items()
        ],
        "services": [
            {
                "code": one.code, "need": one.need, "emergency": one.emergency, "providers": sorted(one.providers),
                "label_vi": one.label_vi, "label_en": one.label_en,
            }
            for one in SERVICES.values()
        ],
        "events": [_event(spec) for spec in EVENTS.values()],
        "refusals": [{"code": code, "vi": said.vi, "en": said.en} for code, said in REFUSALS.items()],
    }  # fmt: skip


def _event(spec: EventSpec) -> dict[str, Any]:
    begun = begins_in(spec.code)
    return {
        "code": spec.code,
        "label_vi": spec.label_vi,
        "label_en": spec.label_en,
        "parties": sorted(spec.parties),
        "roles": {service: sorted(roles_for(spec, service)) for service in SERVICES},
        "by_person": spec.code in PERSON_EVENTS,
        "begins": spec.code in BEGINNINGS,
        "needs": list(spec.needs),
        "conditions": list(spec.conditions),
        "services": sorted(spec.services),
        "stays": spec.stays,
        "legal_basis": spec.legal_basis,
        "moves": [{"from": source, "to": target} for event, source, target in moves() if event == spec.code]
        + ([{"from": None, "to": begun}] if begun else []),
    }


def _leaves(state: State) -> Iterator[str]:
    if state.is_atomic:
        if not isinstance(state, HistoryState):
            yield str(state.id)
        return
    for child in state.states:
        yield from _leaves(child)


def _target(target: State | None, source: str) -> str:
    if target is None:
        return source
    return HISTORY if isinstance(target, HistoryState) else next(_leaves(target))
