"""``advance``: may this happen now, and where does the case stand then. Pure: the same question, the same answer.

Order of checks, fixed, the first that fails answers:

1. unknown event
2. state: the chart has a move for the event here (``not-allowed-in-state``, ``emergency-in-force``)
3. role: who acts may (``not-your-role``, ``not-your-unit``), and who typed it in may record for others
4. recusal: neither of them is recused (``recused``)
5. time: receipt <= occurred_at <= recorded_at (``too-early``, ``in-the-future``)
6. needs: approver is not the author, means of telling, fields, documents, then the row's conditions in their order

Then the chart moves, and what it implies moves in the same decision.
"""

import threading
from functools import lru_cache

from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet
from statemachine.state import State

from models.lifecycle import checks
from models.lifecycle.chart import CaseChart, Position
from models.lifecycle.checks import No
from models.lifecycle.events import EVENTS, INTAKE, PERSON_EVENTS
from models.lifecycle.facts import TYPED_NEEDS, Facts
from models.lifecycle.memory import remember
from models.lifecycle.roles import decision_roles, may_record_for
from models.lifecycle.rules import CONDITIONS, is_author, on_record, role_allows, unit_allows
from models.lifecycle.states import LIVE, chart_id, code_of, conclusion_of
from models.lifecycle.types import REGIONS, Decision, EventSpec, Memory, Refused, Region, Standing

_LIVE_ONLY = frozenset(
    {"raise_emergency", "request_ban", "propose_transfer", "assign_transfer", "request_transfer", "decline_request"}
)
_chart = threading.local()


def advance(standing: Standing | None, event: str, facts: Facts) -> Decision | Refused:
    """Ask the lifecycle.

    Args:
        standing: where the case stands; None only for ``receive_report``, which makes it.
        event: the event's code.
        facts: everything the guards may ask.

    Returns:
        The decision with the standing from now on, or the refusal. A domain refusal is never raised.
    """
    spec = EVENTS.get(event)
    if spec is None:
        return _refused(standing, No("unknown-event", {}))
    no = _state(standing, spec) or _role(standing, spec, facts) or _recusal(facts) or _time(facts)
    no = no or _needs(standing, spec, facts)
    if no is not None:
        return _refused(standing, no)
    if standing is None:
        return _begin(facts)
    return _move(standing, (event, *_implied(standing, event, facts)), facts)


def allowed_in(standing: Standing | None) -> tuple[str, ...]:
    """Events the chart allows in a standing, whoever asks, in the order of ``EVENTS``."""
    if standing is None:
        return (INTAKE,)
    return _allowed(*(chart_id(region, standing.state(region), standing.memory) for region in REGIONS))


def allowed_events(standing: Standing, facts: Facts) -> tuple[str, ...]:
    """Events this actor might do now, by state, role, recusal, authorship and what the case's record says.

    What they need is not asked yet.
    """
    if _recusal(facts) is not None:
        return ()
    return tuple(
        event
        for event in allowed_in(standing)
        if event in PERSON_EVENTS
        and _may(standing, EVENTS[event], facts)
        and not _approves_own(standing, event, facts)
        and on_record(standing, EVENTS[event], facts)
    )


def permitted(standing: Standing | None, event: str, facts: Facts) -> str | None:
    """The refusal's code by state and role alone (checks 1 to 3), or None: what the generated table is made of."""
    spec = EVENTS.get(event)
    if spec is None:
        return "unknown-event"
    no = _state(standing, spec) or _role(standing, spec, facts)
    return None if no is None else no.code


def _refused(standing: Standing | None, no: No) -> Refused:
    return Refused(no.code, no.detail, allowed_in(standing))


def _state(standing: Standing | None, spec: EventSpec) -> No | None:
    if spec.code in allowed_in(standing):
        return None
    if standing is None:
        return No("not-allowed-in-state", {})
    if spec.code == "rule_out_emergency" and standing.protection == "emergency" and standing.process in LIVE:
        return No("emergency-in-force", {"protection": "emergency"})
    detail: dict[str, str] = {spec.region: standing.state(spec.region)}
    if spec.code in _LIVE_ONLY:
        detail["process"] = standing.process
    if Memory.CONCLUSION in standing.memory and standing.process == "conclusion_review":
        detail["conclusion"] = standing.memory[Memory.CONCLUSION]
    return No("not-allowed-in-state", detail)


def _role(standing: Standing | None, spec: EventSpec, facts: Facts) -> No | None:
    no = No("not-your-role", {"roles": " ".join(sorted(spec.roles))})
    roles = decision_roles(facts)
    if not roles & spec.roles or (standing is not None and not role_allows(spec.code, standing, facts, roles)):
        return no
    if facts.recorded_by is not None and not may_record_for(facts.recorded_by):
        return No("not-your-role", {"roles": "", "who": "recorder"})
    return None if facts.in_reach and unit_allows(spec.code, facts) else No("not-your-unit", {})


def _may(standing: Standing, spec: EventSpec, facts: Facts) -> bool:
    roles = decision_roles(facts)
    return bool(roles & spec.roles) and role_allows(spec.code, standing, None, roles) and unit_allows(spec.code, facts)


def _approves_own(standing: Standing, event: str, facts: Facts) -> bool:
    return "approver-is-author" in EVENTS[event].conditions and is_author(event, standing, facts) is not None


def _recusal(facts: Facts) -> No | None:
    return checks.recusal(facts.people, facts.recused)


def _time(facts: Facts) -> No | None:
    return checks.time(facts.earliest, facts.occurred_at, facts.recorded_at)


def _needs(standing: Standing | None, spec: EventSpec, facts: Facts) -> No | None:
    if standing is not None and _approves_own(standing, spec.code, facts):
        return No("approver-is-author", {})
    no = checks.means(for_another=facts.recorded_by is not None, means=facts.means)
    return no or _missing(spec, facts) or (None if standing is None else _condition(standing, spec, facts))


def _missing(spec: EventSpec, facts: Facts) -> No | None:
    """The first field, then the first document, that the act should have brought and did not."""
    typed = {need: getattr(facts, need) for need in spec.needs if need in TYPED_NEEDS}
    wanting = (kind for kind in spec.documents if kind not in facts.documents)
    return checks.missing(spec.needs, typed, facts.given, wanting)


def _condition(standing: Standing, spec: EventSpec, facts: Facts) -> No | None:
    for name in spec.conditions:
        if name != "approver-is-author" and (no := CONDITIONS[name](standing, facts)) is not None:
            return no
    return None


def _implied(standing: Standing, event: str, facts: Facts) -> tuple[str, ...]:
    """A Mẫu 02 saying yes, or a report flagged as an emergency, raises the emergency in the same transaction.

    A Mẫu 02 that says the case belongs to the child's residence proposes the transfer there.

    Where one is in force already there is nothing to raise. The report of an attached case raised its own when it came
    in: what became of that, up to a Chair standing it down, is what the attached case brings.
    """
    says_yes = event == "complete_initial_assessment" and facts.emergency_decision
    new = event in ("add_report", "reopen") and facts.adopts is None
    flagged = new and facts.report is not None and facts.report.flagged
    raises = (says_yes or flagged) and standing.protection != "emergency"
    moves = event == "complete_initial_assessment" and facts.to_residence
    return (*(("raise_emergency",) if raises else ()), *(("propose_transfer",) if moves else ()))


def _begin(facts: Facts) -> Decision:
    start = Standing(process="received", protection="none", ban="none", custody="held")
    if facts.report is None or not facts.report.flagged:
        return Decision(None, start, (INTAKE,), stays=False)
    moved = _move(start, ("raise_emergency",), facts)
    after = moved.after if isinstance(moved, Decision) else start
    return Decision(None, after, (INTAKE, "raise_emergency"), stays=False)


def _move(standing: Standing, events: tuple[str, ...], facts: Facts) -> Decision | Refused:
    chart = _restored(standing)
    now = standing
    try:
        for event in events:
            chart.send(event, facts=facts)
            now = remember(now, _codes(chart), event, facts)
            chart.model.memory = now.memory
    except TransitionNotAllowed:
        del _chart.instance
        return _refused(standing, _no_move(standing, events[0]))
    except BaseException:
        del _chart.instance
        raise
    return Decision(standing, now, events, stays=now.codes == standing.codes)


def _no_move(standing: Standing, event: str) -> No:
    region = EVENTS[event].region
    return No("not-allowed-in-state", {region: standing.state(region)})


# --- the chart, restored -------------------------------------------------------------------------------------------


def _restored(standing: Standing) -> CaseChart:
    """This thread's chart, set to a standing: configuration, history and memory, all of it, so nothing is left over.

    A new instance costs four times what the whole question does.
    """
    chart: CaseChart | None = getattr(_chart, "instance", None)
    if chart is None:
        chart = _chart.instance = CaseChart(Position(_configuration("received", "unprotected", "unbanned", "held"), {}))
    memory = standing.memory
    chart.model.state = _configuration(*(chart_id(region, standing.state(region), memory) for region in REGIONS))
    chart.model.memory = memory
    chart.history_values.clear()
    if (left := memory.get(Memory.SUSPENDED_FROM)) is not None:
        chart.history_values["before_suspension"] = [_instance(chart, chart_id("process", left, memory))]
    if (left := memory.get(Memory.CLOSURE_FROM)) is not None:
        leaf = chart_id("process", left, memory)
        path = _path(leaf)
        chart.history_values["before_closure"] = [_instance(chart, each) for each in path[path.index("at_work") + 1 :]]
    if (left := memory.get(Memory.RAISED_FROM)) is not None:
        chart.history_values["before_emergency"] = [_instance(chart, chart_id("protection", left, memory))]
    return chart


def _instance(chart: CaseChart, state_id: str) -> State:
    state: State = chart.states_map[state_id]
    return state


@lru_cache(maxsize=64)
def _path(leaf: str) -> tuple[str, ...]:
    """Ids from the chart's root down to a state."""
    state: State | None = CaseChart.states_map[leaf]
    path: list[str] = []
    while state is not None:
        path.insert(0, state.id)
        state = state.parent
    return tuple(path)


def _configuration(*leaves: str) -> "OrderedSet[str]":
    """A fresh configuration: the leaves and everything they stand in (the chart changes it in place)."""
    return OrderedSet(state for leaf in leaves for state in _path(leaf))


def _codes(chart: CaseChart) -> dict[Region, tuple[str, str | None]]:
    """Each region's documented code, with the kind of conclusion proposed where there is one."""
    codes: dict[Region, tuple[str, str | None]] = {}
    for state_id in chart.configuration_values:
        path = _path(state_id)
        if CaseChart.states_map[state_id].is_atomic:
            region = next(region for region in REGIONS if region == path[1])
            codes[region] = (code_of(state_id), conclusion_of(state_id))
    return codes


# --- what the chart allows, read from it once ----------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _allowed(process: str, protection: str, ban: str, custody: str) -> tuple[str, ...]:
    leaves = (process, protection, ban, custody)
    there = {(_path(state)[1], event) for leaf in leaves for state in _path(leaf)[1:] for event in _moves(state)}
    live = "live" in _path(process)
    return tuple(
        code
        for code, spec in EVENTS.items()
        if (spec.region, code) in there
        and (live or code not in _LIVE_ONLY)
        and not (code == "rule_out_emergency" and protection == "emergency")
    )


def _moves(state_id: str) -> frozenset[str]:
    """Events with a transition from a state of the chart, whatever its condition."""
    return frozenset(
        str(event) for transition in CaseChart.states_map[state_id].transitions for event in transition.events
    )
