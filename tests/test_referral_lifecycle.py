"""The referral's chart and table of events against lifecycle.md, transcribed here by hand; and its guards."""

import json
import re
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import vocabulary
from models.forms.referral import Deliver
from models.lifecycle import REFUSALS as CASE_REFUSALS
from models.lifecycle import ROLES, SYSTEM_ROLE, Actor, Refused
from models.lifecycle import rules as case_rules
from models.lifecycle.referral import (
    EVENTS,
    FINAL,
    LIVE,
    REFUSALS,
    SERVICES,
    STATES,
    ConsentFact,
    Decision,
    Facts,
    Memory,
    Standing,
    advance,
    allowed_events,
    allowed_in,
    rules,
)
from models.lifecycle.referral.describe import HISTORY, describe, moves
from models.lifecycle.referral.diagram import diagram, mermaid, tables
from models.lifecycle.referral.facts import TYPED_NEEDS
from models.lifecycle.referral.table import ALLOWED, Row, rows, standing_in
from tests.lifecycle_support import NOW, RECEIPT, person

ROOT = Path(__file__).parent.parent
STAYS = "(stays)"
STATE_LIST = [
    "draft", "sent", "acknowledged", "needs_info", "accepted", "scheduled", "waiting_order", "in_service", "delivered",
    "closed", "declined", "revoked", "child_refused", "expired",
]  # fmt: skip
ANY_LIVE = " ".join(STATE_LIST[:9])
EMERGENCY = ["medical_emergency", "sexual_assault_care", "forensic_examination", "police_report", "shelter"]
RECEIVER = "H111 H111S CPO SUP CHAIR VCH GRP POL HLT EDU SHL SWC WU YU FF DOH DOHD"
PROVIDES = {
    "medical_emergency": "HLT",
    "sexual_assault_care": "HLT",
    "forensic_examination": "FOR HLT",
    "police_report": "POL",
    "shelter": "SHL SWC WU",
    "alternative_care": "SWC SHL",
    "legal_aid": "LEG",
    "psychosocial": "HLT SWC EDU",
    "school_support": "EDU",
    "cash_support": "SWC GRP",
    "civil_registration": "LEG POL SWC",
    "parenting_reintegration": "WU SWC",
}

# state(s) | event | next | who | who for police and emergency services, where lifecycle.md says otherwise.
# "agency" and "sender" are lifecycle.md's own words.
ROWS = [
    ("", "ask_service", "draft", "CPO SUP", RECEIVER),
    ("", "reroute", "sent", SYSTEM_ROLE, None),
    ("draft", "send", "sent", "CPO SUP", RECEIVER),
    ("sent", "acknowledge", "acknowledged", "agency", None),
    ("acknowledged", "accept", "accepted", "agency", None),
    ("acknowledged", "decline", "declined", "agency", None),
    ("acknowledged", "request_info", "needs_info", "agency", None),
    ("needs_info", "answer_info", "acknowledged", "sender", None),
    ("accepted", "schedule", "scheduled", "agency", None),
    ("accepted scheduled", "start_service", "in_service", "agency", None),
    ("scheduled", "miss_appointment", "accepted", "agency", None),
    ("accepted scheduled", "wait_for_order", "waiting_order", "agency", None),
    ("waiting_order", "receive_order", HISTORY, "agency POL", None),
    ("in_service", "deliver", "delivered", "agency", None),
    ("in_service", "extend_decision", STAYS, "agency", None),
    ("in_service", "record_note", STAYS, "agency", None),
    (ANY_LIVE, "record_ground", STAYS, "SUP", None),
    ("delivered", "confirm", "closed", "sender", None),
    ("delivered", "dispute", "in_service", "sender", None),
    (ANY_LIVE, "revoke", "revoked", "sender SUP", "SUP"),
    (ANY_LIVE, "refuse_by_child", "child_refused", "CPO agency", "SUP"),
    ("sent acknowledged needs_info", "expire", "expired", SYSTEM_ROLE, None),
    ("sent acknowledged needs_info", "ask_again", STAYS, SYSTEM_ROLE, None),
    (ANY_LIVE, "lose_consent", STAYS, SYSTEM_ROLE, None),
    (ANY_LIVE, "regain_consent", STAYS, SYSTEM_ROLE, None),
]
BEGIN = {"ask_service", "reroute"}


def facts(role="CPO", service="legal_aid", **changed):
    """An act that lacks nothing, by somebody who had no hand in the referral and stands where their role counts."""
    said = {
        "actor": role if isinstance(role, Actor) else person(role),
        "earliest": RECEIPT,
        "occurred_at": NOW,
        "recorded_at": NOW,
        "given": frozenset(need for spec in EVENTS.values() for need in spec.needs) - TYPED_NEEDS | {"decision"},
        "service": service,
        "receiver": "unit",
        "consent": ConsentFact(allowed=True),
        "decline_reason": "NO_CAPACITY",
        "outcome": "PROSECUTED" if service == "police_report" else "PROVIDED",
        "order_awaited": "FORENSIC_REQUEST",
    }
    return Facts(**(said | changed))


def decided(standing, event, said):
    answer = advance(standing, event, said)
    assert isinstance(answer, Decision), f"{event} refused: {answer}"
    return answer


def refused(standing, event, said):
    answer = advance(standing, event, said)
    assert isinstance(answer, Refused), f"{event} decided: {answer}"
    return answer.code


def at(state):
    return standing_in(state)


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_states_services_and_their_kinds_are_those_of_the_document():
    assert list(STATES) == STATE_LIST
    assert frozenset(STATE_LIST[:9]) == LIVE
    assert frozenset(STATE_LIST[9:]) == FINAL
    assert list(SERVICES) == list(PROVIDES)
    assert [code for code, one in SERVICES.items() if one.emergency] == EMERGENCY
    assert {code: set(one.providers) for code, one in SERVICES.items()} == {
        code: set(who.split()) for code, who in PROVIDES.items()
    }


def test_the_chart_has_every_arrow_of_the_document_and_no_other():
    documented = {
        (event, state, state if target == STAYS else target)
        for states, event, target, *_ in ROWS
        for state in states.split()
    }
    assert set(moves()) == documented


def test_every_documented_event_is_specified_and_no_other():
    assert set(EVENTS) == {event for _, event, *_ in ROWS}
    assert {event for event, spec in EVENTS.items() if spec.begins} == BEGIN
    assert {event for event, spec in EVENTS.items() if spec.stays} == {e for _, e, to, *_ in ROWS if to == STAYS}


def _expected(row: Row) -> str:
    """What lifecycle.md says of one row."""
    states, event, _, who, otherwise = next(one for one in ROWS if one[1] == row.event)
    if row.state not in (states.split() or [""]):
        return "referral-not-allowed-in-state"
    if event == "extend_decision" and row.service != "police_report":
        return "not-for-this-service"
    words = otherwise if otherwise is not None and row.service in EMERGENCY else who
    may = set(words.replace("sender", "CPO SUP").replace("agency", PROVIDES[row.service]).split())
    holds = {row.role} | ({"CHAIR", "SUP"} if row.role == "DEL" else set())
    if "SUP" in holds:
        holds.add("CPO")
    return ALLOWED if holds & may else "not-your-role"


def test_the_generated_table_says_of_every_service_state_event_and_role_what_the_document_says():
    table = list(rows())
    assert len(table) == len(PROVIDES) * (len(STATE_LIST) + 1) * len(EVENTS) * (len(ROLES) + 1)
    wrong = [(row, _expected(row)) for row in table if row.outcome != _expected(row)]
    assert wrong == []


@pytest.mark.parametrize("service", PROVIDES)
def test_advance_leads_where_the_document_says(service):
    for states, event, target, who, otherwise in ROWS:
        words = otherwise if otherwise is not None and service in EMERGENCY else who
        role = words.replace("sender", "SUP").replace("agency", PROVIDES[service]).split()[0]
        for state in states.split() or [""]:
            agreed = ConsentFact(allowed=event != "lose_consent")
            answer = advance(at(state), event, facts(role, service, consent=agreed))
            if (event, service in EMERGENCY) in (("expire", True), ("ask_again", False)):
                assert isinstance(answer, Refused)
                continue
            if event == "extend_decision" and service != "police_report":
                assert isinstance(answer, Refused)
                continue
            assert isinstance(answer, Decision), (state, event, answer)
            expected = {STAYS: state, HISTORY: "scheduled"}.get(target, target)
            assert answer.after.state == expected
            assert answer.stays == (expected == state)
            assert answer.events[0] == event
            assert Standing.model_validate_json(answer.after.model_dump_json()) == answer.after


# --- who ------------------------------------------------------------------------------------------------------------


def test_an_agencys_role_counts_where_the_referral_was_sent_and_nowhere_else():
    decided(at("sent"), "acknowledge", facts("LEG"))
    assert refused(at("sent"), "acknowledge", facts("LEG", at_agency=False)) == "not-your-unit"


def test_an_officer_counts_where_the_case_is_worked_on():
    assert refused(at("draft"), "send", facts("CPO", in_reach=False)) == "not-your-unit"
    assert refused(at("delivered"), "confirm", facts("CPO", in_reach=False)) == "not-your-unit"


def test_the_police_bring_an_order_from_wherever_they_stand():
    decided(at("waiting_order"), "receive_order", facts("POL", in_reach=False, at_agency=False))


def test_whoever_sent_it_answers_for_it_save_for_revoking_an_emergency():
    sender = facts("H111", "medical_emergency", is_sender=True)
    decided(at("needs_info"), "answer_info", sender)
    decided(at("delivered"), "confirm", sender)
    assert refused(at("sent"), "revoke", sender) == "not-your-role"
    assert refused(at("needs_info"), "answer_info", facts("H111", "medical_emergency")) == "not-your-role"


def test_an_agency_without_people_in_the_system_answers_through_whoever_records_it():
    hospital = Actor(person="", role="HLT", unit="unit")
    said = facts(hospital, "medical_emergency", recorded_by=person("CPO"), means="phone")
    assert decided(at("sent"), "acknowledge", said).after.state == "acknowledged"
    assert refused(at("sent"), "acknowledge", said.model_copy(update={"means": None})) == "means-missing"
    elsewhere = said.model_copy(update={"recorder_placed": False})
    assert refused(at("sent"), "acknowledge", elsewhere) == "not-your-unit"
    auditor = said.model_copy(update={"recorded_by": person("AUD")})
    assert refused(at("sent"), "acknowledge", auditor) == "not-your-role"


@pytest.mark.parametrize(
    "event", sorted(set(EVENTS) - {"expire", "ask_again", "reroute", "lose_consent", "regain_consent"})
)
def test_a_recused_person_may_do_nothing_and_be_shown_nothing(event):
    states, _, _, who, _ = next(row for row in ROWS if row[1] == event)
    role = who.replace("sender", "SUP").replace("agency", "POL").split()[0]
    state = (states.split() or [""])[0]
    said = facts(role, "police_report", recused=frozenset({f"person-{role}"}))
    if role == "CPO" and event == "refuse_by_child":
        said = said.model_copy(update={"actor": person("SUP"), "recused": frozenset({"person-SUP"})})
    assert refused(at(state), event, said) == "recused"
    if state:
        assert allowed_events(at(state), said) == ()


def test_allowed_events_are_those_of_state_service_and_role():
    assert allowed_events(at("sent"), facts("LEG")) == ("acknowledge", "refuse_by_child")
    assert allowed_events(at("in_service"), facts("POL", "police_report")) == (
        "deliver", "extend_decision", "record_note",
    )  # fmt: skip
    author = facts("SUP", actor=person("SUP", "author"))
    assert "record_ground" not in allowed_events(at("sent"), author)
    assert "record_ground" in allowed_events(at("sent"), facts("SUP"))


# --- when, with what ------------------------------------------------------------------------------------------------


def test_an_act_lies_between_the_asking_and_now_both_included():
    decided(at("sent"), "acknowledge", facts("LEG", occurred_at=RECEIPT))
    early = facts("LEG", occurred_at=RECEIPT - timedelta(microseconds=1))
    late = facts("LEG", occurred_at=NOW + timedelta(microseconds=1))
    assert refused(at("sent"), "acknowledge", early) == "too-early"
    assert refused(at("sent"), "acknowledge", late) == "in-the-future"


@pytest.mark.parametrize(("event", "need"), [(e, need) for e, spec in EVENTS.items() for need in spec.needs])
def test_an_act_without_a_field_it_needs_is_refused_and_says_which(event, need):
    states, _, _, who, _ = next(row for row in ROWS if row[1] == event)
    role = who.replace("sender", "SUP").replace("agency", "POL").split()[0]
    service = "police_report" if "agency" in who else "legal_aid"
    said = facts("SUP" if event == "refuse_by_child" else role, service)
    less = {need: None} if need in TYPED_NEEDS else {"given": said.given - {need}}
    answer = advance(at((states.split() or [""])[0]), event, said.model_copy(update=less))
    assert isinstance(answer, Refused)
    if need == "service":
        return  # which service decides who may, so its absence is noticed there
    assert answer.code == ("reason-missing" if need == "reason" else "field-missing")
    assert answer.detail == {"field": need}


def test_a_service_there_is_not_is_refused():
    assert refused(None, "ask_service", facts(service="massage")) == "value-not-allowed"


@pytest.mark.parametrize("event", ["ask_service", "send"])
def test_nothing_is_asked_for_on_a_case_that_has_ended(event):
    state = "" if event == "ask_service" else "draft"
    assert refused(at(state), event, facts(case_at_work=False)) == "case-not-at-work"


def test_a_referral_goes_only_to_a_unit_that_provides_the_service():
    assert refused(at("draft"), "send", facts(receiver_provides=False)) == "receiver-does-not-provide"


def test_without_consent_or_ground_only_an_emergency_service_is_asked_first():
    nothing = ConsentFact()
    assert refused(at("draft"), "send", facts(consent=nothing)) == "consent-missing"
    for service in EMERGENCY:
        decided(at("draft"), "send", facts(service=service, consent=nothing))


def test_a_ground_against_a_refusal_has_the_word_of_a_head_of_office_who_is_not_the_author():
    def over(*heads):
        return ConsentFact(allowed=True, overrides_refusal=True, decided_by=frozenset(heads))

    assert refused(at("draft"), "send", facts(consent=over())) == "ground-needs-supervisor"
    assert refused(at("draft"), "send", facts(consent=over("author"))) == "ground-needs-supervisor"
    assert refused(at("draft"), "send", facts(consent=over("person-CPO"))) == "ground-needs-supervisor"
    decided(at("draft"), "send", facts(consent=over("person-SUP")))
    decided(at("draft"), "send", facts(service="shelter", consent=over()))


def test_passing_on_stays_within_what_was_agreed_to():
    assert refused(None, "reroute", facts(SYSTEM_ROLE, consent=ConsentFact())) == "consent-missing"
    over = ConsentFact(allowed=True, overrides_refusal=True, decided_by=frozenset({"asked"}))
    said = facts(SYSTEM_ROLE, consent=over, authors=frozenset({"asked"}), actor=Actor(person="", role=SYSTEM_ROLE))
    assert refused(None, "reroute", said) == "ground-needs-supervisor"
    answer = decided(None, "reroute", said.model_copy(update={"consent": ConsentFact(allowed=True)}))
    assert answer.events == ("reroute", "send")
    assert answer.after.memory[Memory.AUTHOR] == "asked"


def test_the_ground_for_going_without_consent_is_not_recorded_by_the_author():
    asked = decided(None, "ask_service", facts(service="shelter"))
    sent = decided(asked.after, "send", facts(person("SUP", "head"), "shelter"))
    assert sent.after.memory[Memory.AUTHOR] == "person-CPO head"
    assert refused(sent.after, "record_ground", facts(person("SUP", "head"), "shelter")) == "approver-is-author"
    assert decided(sent.after, "record_ground", facts(person("SUP", "other"), "shelter")).stays


@pytest.mark.parametrize(
    ("state", "event", "field"),
    [("acknowledged", "decline", "decline_reason"), ("accepted", "wait_for_order", "order_awaited"),
     ("in_service", "deliver", "outcome")],
)  # fmt: skip
def test_a_value_outside_its_list_is_refused(state, event, field):
    assert refused(at(state), event, facts("LEG", **{field: "NONE_OF_THESE"})) == "value-not-allowed"


def test_the_police_have_outcomes_of_their_own():
    for outcome in rules.POLICE_OUTCOMES:
        decided(at("in_service"), "deliver", facts("POL", "police_report", outcome=outcome))
        assert refused(at("in_service"), "deliver", facts("LEG", outcome=outcome)) == "value-not-allowed"
    for outcome in rules.OUTCOMES:
        decided(at("in_service"), "deliver", facts("LEG", outcome=outcome))
        assert refused(at("in_service"), "deliver", facts("POL", "police_report", outcome=outcome)) == (
            "value-not-allowed"
        )


@pytest.mark.parametrize("outcome", sorted(rules.POLICE_OUTCOMES))
def test_a_decision_of_the_police_carries_number_and_date(outcome):
    said = facts("POL", "police_report", outcome=outcome)
    bare = said.model_copy(update={"given": said.given - {"decision"}})
    if outcome == "TRANSFERRED":
        decided(at("in_service"), "deliver", bare)
    else:
        assert refused(at("in_service"), "deliver", bare) == "decision-missing"


def test_an_order_and_an_extension_carry_number_and_date():
    for state, event in (("waiting_order", "receive_order"), ("in_service", "extend_decision")):
        said = facts("POL", "police_report")
        assert refused(at(state), event, said.model_copy(update={"given": said.given - {"decision"}})) == (
            "decision-missing"
        )


def test_the_decision_on_a_crime_report_is_put_off_twice_at_most():
    standing = at("in_service")
    for _ in range(2):
        standing = decided(standing, "extend_decision", facts("POL", "police_report")).after
    assert refused(standing, "extend_decision", facts("POL", "police_report")) == "extended-twice"
    back = decided(standing, "deliver", facts("POL", "police_report")).after
    disputed = decided(back, "dispute", facts("CPO", "police_report")).after
    assert refused(disputed, "extend_decision", facts("POL", "police_report")) == "extended-twice"


@pytest.mark.parametrize("left", ["accepted", "scheduled"])
def test_waiting_for_an_order_says_which_and_goes_back_where_it_came_from(left):
    waiting = decided(at(left), "wait_for_order", facts("FOR", "forensic_examination")).after
    assert waiting.memory[Memory.AWAITED] == "FORENSIC_REQUEST"
    back = decided(waiting, "receive_order", facts("POL", "forensic_examination")).after
    assert back.state == left
    assert set(back.memory) == {Memory.AUTHOR}


def test_a_damaged_record_is_not_mistaken_for_a_standing():
    with pytest.raises(ValueError, match="no state"):
        Standing(state="gone")
    with pytest.raises(ValueError, match="waiting_from"):
        Standing(state="waiting_order")


def test_nothing_more_is_sent_once_the_consent_is_lost_save_to_an_emergency_service():
    question = standing_in("needs_info")
    lost = {"consent_lost": True, "consent": ConsentFact()}
    assert refused(question, "answer_info", facts("CPO", "legal_aid", is_sender=True, **lost)) == "consent-lost"
    assert decided(question, "answer_info", facts("CPO", "legal_aid", is_sender=True))
    assert decided(question, "answer_info", facts("CPO", "shelter", is_sender=True, **lost))


def test_consent_is_lost_only_where_nothing_carries_it_and_comes_back_only_with_a_yes():
    stands, gone = ConsentFact(allowed=True), ConsentFact()
    for service in ("legal_aid", "shelter"):
        assert refused(at("sent"), "lose_consent", facts(SYSTEM_ROLE, service, consent=stands)) == "consent-stands"
        assert decided(at("sent"), "lose_consent", facts(SYSTEM_ROLE, service, consent=gone)).stays
        assert refused(at("sent"), "regain_consent", facts(SYSTEM_ROLE, service, consent=gone)) == "consent-missing"
        assert decided(at("sent"), "regain_consent", facts(SYSTEM_ROLE, service, consent=stands)).stays


# --- walks ----------------------------------------------------------------------------------------------------------

PEOPLE = ["an", "binh", "chi"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SERVICES)), st.integers(3, 25), st.data())
def test_random_walks_keep_what_must_hold(service, length, data):
    standing = None
    extended = 0
    for _ in range(length):
        event = data.draw(
            st.sampled_from(sorted(EVENTS) if data.draw(st.integers(0, 7)) == 7 else allowed_in(standing))
        )
        role = data.draw(st.sampled_from(["CPO", "SUP", "H111", SYSTEM_ROLE, *PROVIDES[service].split()]))
        who = Actor(person=data.draw(st.sampled_from(PEOPLE)), role=role, unit="unit")
        consent = data.draw(st.sampled_from([ConsentFact(), ConsentFact(allowed=True)]))
        said = facts(who, service, consent=consent)
        answer = advance(standing, event, said)
        assert answer == advance(standing, event, said)
        if isinstance(answer, Refused):
            assert answer.code in REFUSALS | CASE_REFUSALS
            continue
        if "send" in answer.events:
            assert consent.allowed or service in EMERGENCY
        if event == "record_ground":
            assert who.person not in standing.memory[Memory.AUTHOR].split()
        if event in ("revoke", "refuse_by_child") and service in EMERGENCY:
            assert role == "SUP"
        extended += event == "extend_decision"
        assert extended <= 2
        assert not (answer.after.state == "expired" and service in EMERGENCY)
        standing = answer.after
        assert bool(allowed_in(standing)) == (standing.state in LIVE), "a final state is one nothing leads out of"
        if standing.state in FINAL:
            return


# --- what people read -----------------------------------------------------------------------------------------------

VIETNAMESE = re.compile(r"[àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ]", re.IGNORECASE)


def test_the_documentation_page_equals_the_chart():
    text = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert diagram() in text
    assert tables() in text


def test_the_drawing_shows_every_state_and_every_move_is_drawn_or_said():
    drawing, whole = mermaid(), diagram()
    for code, label in STATES.items():
        assert f"    {code} : {code} · {label.vi}" in drawing
    for event, source, target in moves():
        if source != target:
            drawn = re.search(rf"{source} --> {target} : .*\b{event}\b", drawing)
            assert drawn or f"`{event}`" in whole, (event, source, target)


def test_every_label_is_native_in_both_languages_and_tells_its_thing_apart():
    labels = [(one.label_vi, one.label_en) for one in (*EVENTS.values(), *SERVICES.values())]
    labels += [(label.vi, label.en) for label in STATES.values()]
    for vi, en in labels:
        assert VIETNAMESE.search(vi), vi
        assert unicodedata.is_normalized("NFC", vi)
        assert en
        assert not VIETNAMESE.search(en)
    for things in (EVENTS, SERVICES):
        assert len({one.label_vi for one in things.values()}) == len(things)
        assert len({one.label_en for one in things.values()}) == len(things)


def test_every_refusal_that_can_be_given_has_its_sentences_and_no_other_is_kept():
    given_here = set()
    for module in ("rules.py", "decide.py"):
        text = (ROOT / "models" / "lifecycle" / "referral" / module).read_text(encoding="utf-8")
        given_here |= set(re.findall(r'No\(\s*"([a-z0-9-]+)"', text))
    assert given_here - set(CASE_REFUSALS) == set(REFUSALS)
    assert set(REFUSALS).isdisjoint(CASE_REFUSALS)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_in_both_languages_what_to_do_next(code):
    said = REFUSALS[code]
    assert VIETNAMESE.search(said.vi)
    assert re.search(r"[Hh]ãy ", said.vi)
    assert said.vi.endswith(".")
    assert said.en.endswith(".")


def test_every_condition_named_by_an_event_exists_and_every_condition_is_used():
    assert {name for spec in EVENTS.values() for name in spec.conditions} == set(rules.CONDITIONS)


def test_the_description_is_json_and_names_every_move():
    said = json.loads(json.dumps(describe()))
    assert {event["code"] for event in said["events"]} == set(EVENTS)
    assert sum(len(event["moves"]) for event in said["events"]) == len(moves()) + len(BEGIN)
    assert [one["code"] for one in said["services"] if one["emergency"]] == EMERGENCY


def test_the_form_of_an_outcome_offers_what_the_lifecycle_takes():
    outcome = Deliver.model_json_schema()["properties"]["outcome"]
    offered = {one["vocabulary"]: set(one["enum"]) for one in outcome["anyOf"]}
    assert offered == {"provider_outcomes": rules.OUTCOMES, "police_outcomes": rules.POLICE_OUTCOMES}


def test_what_the_lifecycle_compares_with_is_in_the_vocabulary():
    assert vocabulary.codes("referral_services") == tuple(SERVICES)
    assert {one.need for one in SERVICES.values()} <= set(vocabulary.codes("services"))
    assert set(vocabulary.codes("decline_reasons")) == rules.DECLINE_REASONS
    assert set(vocabulary.codes("provider_outcomes")) >= rules.OUTCOMES
    assert set(vocabulary.codes("police_outcomes")) == rules.POLICE_OUTCOMES
    assert set(vocabulary.codes("orders_awaited")) == rules.ORDERS
    assert {code for code, one in SERVICES.items() if one.emergency} == case_rules.EMERGENCY_SERVICES
    for code, one in SERVICES.items():
        assert vocabulary.label("referral_services", code, "vi") == one.label_vi
        assert vocabulary.label("referral_services", code, "en") == one.label_en
