"""``advance``: may this happen to the referral now, and where does it stand then. Pure, in the way of the case's.

Order of checks, fixed, the first that fails answers: event, state, service, role and unit, recusal, time, needs and
conditions. Then the chart moves.
"""

import threading
from functools import lru_cache

from statemachine import StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet
from statemachine.state import State

from models.lifecycle import checks
from models.lifecycle.chart import Position
from models.lifecycle.checks import No
from models.lifecycle.referral.chart import ReferralChart
from models.lifecycle.referral.events import BEGINNINGS, EVENTS, PERSON_EVENTS
from models.lifecycle.referral.facts import TYPED_NEEDS, Facts
from models.lifecycle.referral.rules import CONDITIONS, role, service_of
from models.lifecycle.referral.states import FINAL, INITIAL
from models.lifecycle.referral.types import Decision, EventSpec, Memory, Standing
from models.lifecycle.roles import may_record_for
from models.lifecycle.types import Refused

_START = Standing(state=INITIAL)
_chart = threading.local()


def advance(standing: Standing | None, event: str, facts: Facts) -> Decision | Refused:
    """Ask the lifecycle of a referral.

    Args:
        standing: where it stands; None only for the events that make it (``BEGINNINGS``).
        event: the event's code.
        facts: everything the guards may ask.

    Returns:
        The decision with the standing from now on, or the refusal. A domain refusal is never raised.
    """
    spec = EVENTS.get(event)
    if spec is None:
        return _refused(standing, No("unknown-event", {}))
    no = _permitted(standing, spec, facts) or checks.recusal(facts.people, facts.recused)
    no = no or checks.time(facts.earliest, facts.occurred_at, facts.recorded_at) or _needs(standing, spec, facts)
    if no is not None:
        return _refused(standing, no)
    if standing is None:
        return _begin(event, facts)
    return _move(standing, event, facts)


def allowed_in(standing: Standing | None) -> tuple[str, ...]:
    """Events the chart allows in a standing, whoever asks and whatever the service, in the order of ``EVENTS``."""
    return BEGINNINGS if standing is None else _allowed(standing.state)


def allowed_events(standing: Standing, facts: Facts) -> tuple[str, ...]:
    """Events this actor might do now, by state, service, role and recusal; what they need is not asked yet."""
    if checks.recusal(facts.people, facts.recused) is not None:
        return ()
    return tuple(
        event
        for event in allowed_in(standing)
        if event in PERSON_EVENTS
        and _permitted(standing, EVENTS[event], facts) is None
        and not _judges_own(standing, EVENTS[event], facts)
    )


def permitted(standing: Standing | None, event: str, facts: Facts) -> str | None:
    """The refusal's code by state, service and role alone, or None: what the generated table is made of."""
    spec = EVENTS.get(event)
    if spec is None:
        return "unknown-event"
    no = _permitted(standing, spec, facts)
    return None if no is None else no.code


def _permitted(standing: Standing | None, spec: EventSpec, facts: Facts) -> No | None:
    if spec.code not in allowed_in(standing):
        return No("referral-not-allowed-in-state", {"referral": standing.state} if standing else {})
    if spec.services and service_of(facts) not in spec.services:
        return No("not-for-this-service", {"service": service_of(facts)})
    no = role(spec, facts)
    if no is None and facts.recorded_by is not None and not may_record_for(facts.recorded_by):
        return No("not-your-role", {"roles": "", "who": "recorder"})
    if no is None and facts.recorded_by is not None and not facts.recorder_placed:
        return No("not-your-unit", {"who": "recorder"})
    return no


def _judges_own(standing: Standing, spec: EventSpec, facts: Facts) -> bool:
    own = "approver-is-author"
    return own in spec.conditions and CONDITIONS[own](standing, spec, facts) is not None


def _refused(standing: Standing | None, no: No) -> Refused:
    return Refused(no.code, no.detail, allowed_in(standing))


def _needs(standing: Standing | None, spec: EventSpec, facts: Facts) -> No | None:
    typed = {need: getattr(facts, need) for need in spec.needs if need in TYPED_NEEDS}
    no = checks.means(for_another=facts.recorded_by is not None, means=facts.means)
    no = no or checks.missing(spec.needs, typed, facts.given)
    if no is not None:
        return no
    here = standing or _START
    return next((no for name in spec.conditions if (no := CONDITIONS[name](here, spec, facts)) is not None), None)


def _begin(event: str, facts: Facts) -> Decision | Refused:
    """``reroute`` asks and sends at once: what consent the need had, it has for the next unit as well."""
    start = _remember(_START, INITIAL, event, facts)
    if event != "reroute":
        return Decision(None, start, (event,), stays=False)
    sent = _move(start, "send", facts)
    return sent if isinstance(sent, Refused) else Decision(None, sent.after, (event, "send"), stays=False)


def _move(standing: Standing, event: str, facts: Facts) -> Decision | Refused:
    chart = _restored(standing)
    try:
        StateChart.send(chart, event)  # the chart has an event of that name, in the method's place
    except TransitionNotAllowed:
        del _chart.instance
        return _refused(standing, No("referral-not-allowed-in-state", {"referral": standing.state}))
    except BaseException:
        del _chart.instance
        raise
    after = _remember(standing, _state_of(chart), event, facts)
    return Decision(standing, after, (event,), stays=after.state == standing.state)


def _remember(before: Standing, state: str, event: str, facts: Facts) -> Standing:
    """The standing after one event: its memory holds what the new state needs. A final one keeps who asked."""
    memory = dict(before.memory)
    if event in ("ask_service", "reroute", "send"):
        authors = (*memory.get(Memory.AUTHOR, "").split(), *sorted(facts.authors), *facts.people)
        memory[Memory.AUTHOR] = " ".join(dict.fromkeys(authors))
    if event == "wait_for_order":
        memory[Memory.WAITING_FROM] = before.state
        memory[Memory.AWAITED] = facts.order_awaited or ""
    if event == "extend_decision":
        memory[Memory.EXTENSIONS] = str(int(memory.get(Memory.EXTENSIONS, "0")) + 1)
    dropped = set() if state == "waiting_order" else {Memory.WAITING_FROM, Memory.AWAITED}
    dropped |= {Memory.EXTENSIONS} if state in FINAL else set()
    return Standing(state=state, memory={key: value for key, value in memory.items() if key not in dropped})


# --- the chart, restored, and what it allows ------------------------------------------------------------------------


def _restored(standing: Standing) -> ReferralChart:
    """This thread's chart, set to a standing, all of it, so nothing is left over from another."""
    chart: ReferralChart | None = getattr(_chart, "instance", None)
    if chart is None:
        chart = _chart.instance = ReferralChart(Position(OrderedSet(_path(INITIAL)), {}))
    chart.model.state = OrderedSet(_path(standing.state))
    chart.model.memory = standing.memory
    chart.history_values.clear()
    if (left := standing.memory.get(Memory.WAITING_FROM)) is not None:
        chart.history_values["before_order"] = [chart.states_map[left]]
    return chart


def _state_of(chart: ReferralChart) -> str:
    return next(str(state) for state in chart.configuration_values if ReferralChart.states_map[state].is_atomic)


@lru_cache(maxsize=64)
def _path(leaf: str) -> tuple[str, ...]:
    """Ids from the chart's root down to a state."""
    state: State | None = ReferralChart.states_map[leaf]
    path: list[str] = []
    while state is not None:
        path.insert(0, state.id)
        state = state.parent
    return tuple(path)


@lru_cache(maxsize=64)
def _allowed(state: str) -> tuple[str, ...]:
    there = {
        str(event)
        for each in _path(state)
        for transition in ReferralChart.states_map[each].transitions
        for event in transition.events
    }
    return tuple(code for code in EVENTS if code in there)
