"""The lifecycle as plain data, read from the chart and the tables: for the API's reference, pages and diagrams."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from statemachine import HistoryState
from statemachine.state import State

from models.lifecycle.chart import CaseChart
from models.lifecycle.events import EVENTS, INTAKE, PERSON_EVENTS
from models.lifecycle.refusals import REFUSALS
from models.lifecycle.states import FINAL, LIVE, REGION_LABELS, STATES, code_of
from models.lifecycle.types import REGIONS, Region

HISTORY = "history"
"""Target of a move that goes back to the state left before."""

CHECKS = ("event", "state", "role", "recusal", "time", "needs")
"""The order in which an act is checked; the first that fails answers."""

_INITIAL: dict[Region, str] = {"process": "received", "protection": "none", "ban": "none", "custody": "held"}


class Move(NamedTuple):
    """One arrow between documented states: ``target`` equals ``source`` where the event stays.

    ``condition`` names the chart's condition, empty where there is none.
    """

    region: Region
    event: str
    source: str
    target: str
    condition: str


@cache
def moves() -> tuple[Move, ...]:
    """Every arrow of the chart between documented states, in the chart's order, each once."""
    found: dict[Move, None] = {}
    for state in CaseChart.states_map.values():
        for transition in state.transitions:
            conditions = " ".join(str(spec.func) for spec in transition.cond)
            for event in transition.events:
                for leaf in _leaves(state):
                    source = code_of(leaf.id)
                    target = transition.target
                    found[Move(_region(leaf), str(event), source, _target(target, source), conditions)] = None
    return tuple(found)


def describe() -> dict[str, Any]:
    """The whole lifecycle as a JSON-able dict: regions with states, events with their moves, checks and refusals."""
    return {
        "regions": [
            {
                "code": region,
                "label_vi": REGION_LABELS[region].vi,
                "label_en": REGION_LABELS[region].en,
                "initial": _INITIAL[region],
                "states": [
                    {
                        "code": code,
                        "label_vi": label.vi,
                        "label_en": label.en,
                        "live": region != "process" or code in LIVE,
                        "final": region == "process" and code in FINAL,
                    }
                    for code, label in STATES[region].items()
                ],
            }
            for region in REGIONS
        ],
        "events": [_event(code) for code in EVENTS],
        "checks": list(CHECKS),
        "refusals": [{"code": code, "vi": said.vi, "en": said.en} for code, said in REFUSALS.items()],
    }


def _event(code: str) -> dict[str, Any]:
    spec = EVENTS[code]
    return {
        "code": code,
        "region": spec.region,
        "label_vi": spec.label_vi,
        "label_en": spec.label_en,
        "roles": sorted(spec.roles),
        "by_person": code in PERSON_EVENTS,
        "needs": list(spec.needs),
        "documents": list(spec.documents),
        "may_bring": list(spec.may_bring),
        "conditions": list(spec.conditions),
        "stays": spec.stays,
        "new_plan_version": spec.new_plan_version,
        "legal_basis": spec.legal_basis,
        "moves": [
            {"region": move.region, "from": move.source, "to": move.target, "if": move.condition}
            for move in moves()
            if move.event == code
        ]
        or [{"region": "process", "from": None, "to": _INITIAL["process"], "if": ""}][: code == INTAKE],
    }


def _leaves(state: State) -> Iterator[State]:
    if state.is_atomic:
        if not isinstance(state, HistoryState):
            yield state
        return
    for child in state.states:
        yield from _leaves(child)


def _region(state: State) -> Region:
    walk: State | None = state
    while walk is not None:
        for region in REGIONS:
            if walk.id == region:
                return region
        walk = walk.parent
    msg = f"{state.id} stands in no region"
    raise LookupError(msg)


def _target(target: State | None, source: str) -> str:
    if target is None:
        return source
    if isinstance(target, HistoryState):
        return HISTORY
    return code_of(next(_leaves(target)).id)
