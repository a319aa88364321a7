"""Random walks: whatever anybody tries, in whatever order, the invariants of lifecycle.md hold."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.lifecycle import (
    EVENTS,
    FINAL,
    LIVE,
    REFUSALS,
    REGIONS,
    ROLES,
    STATES,
    Actor,
    Decision,
    DocumentFact,
    Facts,
    Memory,
    Refused,
    ReportFact,
    Standing,
    advance,
    allowed_events,
    allowed_in,
)
from models.lifecycle.table import UNIT, standing_in, standings
from tests.lifecycle_support import EVERY_DOCUMENT, EVERY_NAME, NOW, at, case, exception_by, full, person

PEOPLE = ["an", "binh", "chi", "dung"]
APPROVALS = {
    "approve_plan": "submit_plan",
    "approve_closure": ("propose_closure", "propose_early_closure"),
    "confirm_not_substantiated": "propose_not_substantiated",
    "confirm_redirect": "propose_redirect",
}

# An act is mostly complete and by somebody who may, so that walks get somewhere; now and then one thing is wrong.
SIDES = {
    "risk": ["R1", "R2", "R3", "R4"],
    "emergency_decision": [False, True],
    "report": [ReportFact(receipt=NOW), ReportFact(receipt=NOW, flagged=True)],
    "adopts": [None, None, at("screening", protection="isolated", ban="banned"), at(protection="protected")],
}
FLAWS = {
    "recorded_by": [person("CPO", name) for name in PEOPLE],
    "means": ["phone", None],
    "recused": [frozenset({name}) for name in PEOPLE],
    "occurred_at": [NOW + timedelta(hours=1), NOW - timedelta(days=9)],
    "given": [frozenset(), frozenset({"reason"}), EVERY_NAME - {"decision"}],
    "documents": [{}, EVERY_DOCUMENT | {"M04": DocumentFact(content_hash="v2")}],
    "closure_reason": ["NO_LONGER_AT_RISK", "NO_ANSWER", None],
    "approved_hash": ["v2", None],
    "isolation_days": [16, None],
    "trigger": [None, "WORRY"],
    "pause_days": [4],
    "destination_receipt": [False],
    "exception": [exception_by("VCH", "chi"), exception_by("DOH", "dung")],
    "case": [
        case(open_deadlines=frozenset({"emergency_12h"})),
        case(live_referrals=frozenset({"shelter"})),
        case(live_referrals=frozenset({"legal_aid"})),
        case(live_proceedings=frozenset({"criminal"})),
        case(not_prosecuted=False),
        case(risk="R4"),
        case(incident_unit="elsewhere"),
    ],
}
DRAWS = {"max_examples": 150, "deadline": None, "suppress_health_check": list(HealthCheck)}


def event_for(data: st.DataObject, standing: Standing) -> str:
    """Mostly something the chart allows, sometimes anything at all."""
    return data.draw(st.sampled_from(sorted(EVENTS) if _rarely(data) else allowed_in(standing)))


def facts_for(data: st.DataObject, event: str) -> Facts:
    roles = sorted(ROLES) if _rarely(data) else sorted(EVENTS[event].roles)
    role = data.draw(st.sampled_from(roles))
    actor = Actor(person=data.draw(st.sampled_from(PEOPLE)), role=role, unit=UNIT, is_delegate=role == "DEL")
    if _rarely(data):
        actor = actor.model_copy(update={"deputises": frozenset({"CHAIR", "SUP"})})
    facts = {name: data.draw(st.sampled_from(values)) for name, values in SIDES.items()}
    if data.draw(st.integers(0, 2)) == 2:
        flaw = data.draw(st.sampled_from(sorted(FLAWS)))
        facts[flaw] = data.draw(st.sampled_from(FLAWS[flaw]))
        if flaw == "recorded_by":
            facts["means"] = "phone"
    return full(actor, **facts)


def _rarely(data: st.DataObject) -> bool:
    return data.draw(st.integers(0, 9)) == 9


starts = st.sampled_from([standing for _, _, _, standing in standings()])


@settings(**DRAWS)
@given(starts, st.integers(5, 30), st.data())
def test_random_walks_keep_the_invariants(standing, length, data):
    author: dict[str, str] = {}
    left: Standing | None = standing_in("process", "verifying")  # what the typical suspension left
    for _ in range(length):
        event = event_for(data, standing)
        facts = facts_for(data, event)
        answer = advance(standing, event, facts)
        assert answer == advance(standing, event, facts)
        assert set(allowed_events(standing, facts)) <= set(allowed_in(standing))
        if isinstance(answer, Refused):
            assert answer.code in REFUSALS
            assert answer.allowed == allowed_in(standing)
            continue
        holds(answer, event, facts, author)
        left = suspension(answer, event, left)
        standing = Standing.model_validate_json(answer.after.model_dump_json())
        assert standing == answer.after
        assert allowed_in(standing), "no state is a dead end"


def holds(answer: Decision, event: str, facts: Facts, author: dict[str, str]) -> None:
    after, before = answer.after, answer.before
    assert before is not None
    for region in REGIONS:
        assert after.state(region) in STATES[region]
    assert not facts.recused & set(facts.people)
    assert facts.earliest <= facts.occurred_at <= facts.recorded_at
    if after.process in FINAL and before.process not in FINAL:
        ended(after, facts)
    if event == "approve_closure":
        assert facts.case.risk != "R4"
        assert "criminal" not in facts.case.live_proceedings
    if event == "approve_plan":
        assert facts.approved_hash == before.memory[Memory.PLAN_HASH]
    approved_by_another(event, facts, author)
    if event in ("order_isolation", "extend_isolation"):
        assert facts.isolation_days is not None
        assert facts.isolation_days <= 15
    if before.process in LIVE and after.process not in LIVE:
        assert event in ("attach", "confirm_not_substantiated", "confirm_redirect", "approve_closure")


def ended(after: Standing, facts: Facts) -> None:
    assert (after.protection, after.ban, after.custody) == ("none", "none", "held")
    assert after.memory == {}
    assert "emergency_12h" not in facts.case.open_deadlines
    assert "shelter" not in facts.case.live_referrals


def approved_by_another(event: str, facts: Facts, author: dict[str, str]) -> None:
    for approval, proposals in APPROVALS.items():
        if event in ([proposals] if isinstance(proposals, str) else proposals):
            author[approval] = facts.actor.person
        if event == approval:
            assert author.get(approval, "author") not in facts.people, "the author approved"


def suspension(answer: Decision, event: str, left: Standing | None) -> Standing | None:
    if event == "suspend":
        return answer.before
    if event == "resume":
        assert left is not None
        assert answer.after.process == left.process
        for key in (Memory.CONCLUSION, Memory.PLAN_HASH, Memory.PLAN_AUTHOR, Memory.CONCLUSION_AUTHOR):
            assert answer.after.memory.get(key) == left.memory.get(key)
    return left


def test_walks_are_able_to_reach_the_end_and_come_back():
    """The plain way through, so that the walk above is known to be walkable."""
    way = [
        ("CPO", "acknowledge"), ("CPO", "accept"), ("CPO", "complete_initial_assessment"), ("CPO", "substantiate"),
        ("CPO", "complete_detailed_assessment"), ("CPO", "record_needs_meeting"), ("CPO", "submit_plan"),
        ("CHAIR", "approve_plan"), ("CPO", "start_review"), ("CPO", "continue_plan"), ("CPO", "submit_plan"),
        ("VCH", "approve_plan"), ("CPO", "start_review"), ("CPO", "propose_closure"), ("CHAIR", "approve_closure"),
        ("CPO", "record_contact"), ("H111", "reopen"),
    ]  # fmt: skip
    standing = Standing(process="received", protection="none", ban="none", custody="held")
    for role, event in way:
        answer = advance(standing, event, full(role))
        assert isinstance(answer, Decision), answer
        standing = answer.after
    assert standing.process == "initial_assessment"
