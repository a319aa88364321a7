"""Who may, with what, and when: each rule of lifecycle.md held against an act that lacks just that."""

from datetime import timedelta

import pytest

from models.lifecycle import (
    EVENTS,
    PERSON_EVENTS,
    Actor,
    ClockFact,
    Decision,
    DocumentFact,
    Memory,
    Refused,
    ReportFact,
    Standing,
    advance,
    allowed_events,
    allowed_in,
)
from models.lifecycle.facts import TYPED_NEEDS
from models.lifecycle.table import standing_in, standings
from tests.lifecycle_support import (
    CLOCKWORK,
    EVERY_DOCUMENT,
    EVERY_NAME,
    NOW,
    RECEIPT,
    at,
    case,
    decided,
    exception_by,
    full,
    full_for,
    person,
    refused,
)

FLAGGED = ReportFact(receipt=NOW, flagged=True)


def somewhere(event: str) -> Standing | None:
    """A standing in which the chart allows the event."""
    if event == "receive_report":
        return None
    return next(standing for _, _, _, standing in standings() if event in allowed_in(standing))


def somebody(event: str) -> Actor:
    if event.startswith("confirm_"):
        return person("SUP")
    return person(min(EVENTS[event].roles))


# --- intake --------------------------------------------------------------------------------------------------------


def test_a_report_makes_a_received_case_held_and_without_protection():
    decision = decided(None, "receive_report", full("H111"))
    assert decision.before is None
    assert decision.after == Standing(process="received", protection="none", ban="none", custody="held")
    assert decision.events == ("receive_report",)


def test_a_report_flagged_as_emergency_raises_it_in_the_same_decision_even_without_a_trigger():
    decision = decided(None, "receive_report", full("H111", report=FLAGGED, trigger=None))
    assert decision.after.protection == "emergency"
    assert decision.events == ("receive_report", "raise_emergency")


def test_nothing_but_a_report_makes_a_case():
    assert refused(None, "acknowledge", full()) == "not-allowed-in-state"
    assert refused(at("active"), "receive_report", full()) == "not-allowed-in-state"
    assert refused(None, "dream_up", full()) == "unknown-event"


# --- order of the checks -------------------------------------------------------------------------------------------


def test_the_first_failing_check_answers_in_the_documented_order():
    late = {"occurred_at": NOW + timedelta(minutes=1)}
    wrong = {"given": frozenset(), "recused": frozenset({"person-ADM", "person-SUP"})} | late
    assert refused(at("active"), "no_such", full("ADM", **wrong)) == "unknown-event"
    assert refused(at("active"), "resume", full("ADM", **wrong)) == "not-allowed-in-state"
    assert refused(at("active"), "suspend", full("ADM", **wrong)) == "not-your-role"
    assert refused(at("active"), "suspend", full("SUP", **wrong)) == "recused"
    assert refused(at("active"), "suspend", full("SUP", **wrong | {"recused": frozenset()})) == "in-the-future"
    assert refused(at("active"), "suspend", full("SUP", given=frozenset())) == "reason-missing"


def test_an_act_lies_between_receipt_and_now_both_included():
    decided(at("received"), "acknowledge", full(occurred_at=RECEIPT, report=None))
    decided(at("received"), "acknowledge", full(occurred_at=NOW, report=None))
    before = RECEIPT - timedelta(microseconds=1)
    assert refused(at("received"), "acknowledge", full(occurred_at=before, report=None)) == "too-early"
    after = NOW + timedelta(microseconds=1)
    assert refused(at("received"), "acknowledge", full(occurred_at=after, report=None)) == "in-the-future"


def test_a_further_report_may_be_older_than_the_case_it_joins_but_not_than_itself():
    older = RECEIPT - timedelta(hours=5)
    decided(at("active"), "add_report", full(report=ReportFact(receipt=older), occurred_at=older))
    assert refused(at("active"), "add_report", full(report=ReportFact(receipt=NOW), occurred_at=RECEIPT)) == "too-early"


# --- who acts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS)
def test_a_recused_person_may_do_nothing_and_be_shown_nothing(event):
    facts = full_for(event, somebody(event), recused=frozenset({somebody(event).person}))
    standing = somewhere(event)
    assert refused(standing, event, facts) == "recused"
    if standing is not None:
        assert allowed_events(standing, facts) == ()


def test_a_recused_person_may_not_record_for_somebody_else_either():
    facts = full("CHAIR", recorded_by=person("CPO"), means="phone", recused=frozenset({"person-CPO"}))
    assert refused(at(protection="emergency"), "stand_down", facts) == "recused"


def test_an_act_recorded_for_somebody_counts_as_theirs_and_says_by_what_means():
    by_phone = full("CHAIR", recorded_by=person("CPO"), means="phone", spoken=True)
    assert decided(at(protection="emergency"), "order_isolation", by_phone).after.protection == "isolated"
    silent = by_phone.model_copy(update={"means": None})
    assert refused(at(protection="emergency"), "order_isolation", silent) == "means-missing"
    not_for_officers = full("CPO", recorded_by=person("CHAIR"), means="phone")
    assert refused(at(protection="emergency"), "order_isolation", not_for_officers) == "not-your-role"


@pytest.mark.parametrize("role", ["ADM", "AUD", "DPO", "INF", "NAT"])
def test_whoever_may_not_take_in_a_report_may_not_record_for_others(role):
    facts = full("CHAIR", recorded_by=person(role), means="phone")
    assert refused(at(protection="emergency"), "stand_down", facts) == "not-your-role"


def test_the_head_of_office_and_a_deputy_named_for_it_act_as_officer_and_are_then_the_author():
    deputy = Actor(person="deputy", role="GRP", deputises=frozenset({"SUP"}))
    for actor in (person("SUP"), deputy):
        proposed = decided(at("verifying"), "propose_not_substantiated", full(actor)).after
        assert proposed.memory[Memory.CONCLUSION_AUTHOR] == actor.person
        assert refused(proposed, "confirm_not_substantiated", full("SUP")) == "not-your-role"
        assert decided(proposed, "confirm_not_substantiated", full("VCH")).after.process == "not_substantiated"


def test_an_officers_conclusion_is_confirmed_by_the_head_of_office_and_not_by_the_chair():
    proposed = decided(at("verifying"), "propose_not_substantiated", full("CPO")).after
    assert refused(proposed, "confirm_not_substantiated", full("CHAIR")) == "not-your-role"
    assert decided(proposed, "confirm_not_substantiated", full("SUP")).after.memory == {}


def test_a_delegate_holds_the_chairs_and_the_heads_events_on_the_case_it_was_named_for_only():
    for standing, event in ((at("plan_approval"), "approve_plan"), (at("active"), "suspend")):
        decided(standing, event, full("DEL"))
        elsewhere = Actor(person="person-DEL", role="DEL")
        assert refused(standing, event, full(elsewhere)) == "not-your-role"


def test_of_two_delegates_one_writes_and_the_other_approves():
    first, second = person("DEL", "first"), person("DEL", "second")
    submitted = decided(at("plan_draft"), "submit_plan", full(first)).after
    assert refused(submitted, "approve_plan", full(first)) == "approver-is-author"
    assert decided(submitted, "approve_plan", full(second)).after.process == "active"
    proposed = decided(at("verifying"), "propose_not_substantiated", full(first)).after
    assert refused(proposed, "confirm_not_substantiated", full(first)) == "approver-is-author"
    decided(proposed, "confirm_not_substantiated", full(second))


@pytest.mark.parametrize("role", ["CPO", "SUP", "CHAIR", "DOHD", "H111"])
def test_a_contact_ban_ends_by_the_clock_and_by_nobody(role):
    assert refused(at(ban="banned"), "ban_ends", full(role)) == "not-your-role"
    assert decided(at(ban="banned"), "ban_ends", full(CLOCKWORK)).after.ban == "none"


def test_nobody_becomes_the_clock_by_deputising_it():
    sly = Actor(person="x", role="CPO", deputises=frozenset({"SYSTEM"}))
    assert refused(at(ban="banned"), "ban_ends", full(sly)) == "not-your-role"


@pytest.mark.parametrize(("unit", "allowed"), [("incident", True), ("residence", True), ("third", False), ("", False)])
def test_isolation_is_ordered_by_the_chair_of_the_place_of_incident_or_of_residence(unit, allowed):
    facts = full(
        Actor(person="chair", role="CHAIR", unit=unit),
        case=case(incident_unit="incident", residence_unit="residence"),
    )
    if allowed:
        decided(at(protection="protected"), "order_isolation", facts)
    else:
        assert refused(at(protection="protected"), "order_isolation", facts) == "not-your-unit"


@pytest.mark.parametrize(
    ("event", "custody", "mine"),
    [
        ("propose_transfer", "held", {"holder"}),
        ("withdraw_transfer", "transfer_pending", {"holder"}),
        ("decline_request", "held", {"holder"}),
        ("accept_transfer", "transfer_pending", {"asked"}),
        ("refuse_transfer", "transfer_pending", {"asked"}),
    ],
)
def test_a_transfer_is_for_the_unit_that_holds_the_case_and_for_the_one_that_was_asked(event, custody, mine):
    for unit in ("holder", "asked", "residence", "third"):
        facts = full(Actor(person="x", role="SUP", unit=unit),
                     case=case(unit="holder", transfer_to="asked", residence_unit="residence"))  # fmt: skip
        if unit in mine:
            decided(at(custody=custody), event, facts)
        else:
            assert refused(at(custody=custody), event, facts) == "not-your-unit", unit


def test_risk_goes_up_by_the_officer_and_down_by_the_head_of_office():
    up, down = full("CPO", risk="R3"), full("CPO", risk="R1")
    decided(at("active"), "update_risk", up)
    assert refused(at("active"), "update_risk", down) == "not-your-role"
    decided(at("active"), "update_risk", full("SUP", risk="R1"))
    assert refused(at("active"), "update_risk", full("SUP", risk="R2")) == "risk-unchanged"
    decided(at("active"), "update_risk", full("CPO", risk="R1", case=case(risk=None)))


def test_allowed_events_are_those_of_state_role_and_authorship():
    assert "approve_plan" in allowed_events(at("plan_approval"), full("CHAIR"))
    assert "approve_plan" not in allowed_events(at("plan_approval"), full("CPO"))
    assert "approve_plan" not in allowed_events(at("plan_approval"), full(person("CHAIR", "author")))
    assert "submit_plan" not in allowed_events(at("plan_approval"), full("CPO"))
    assert {"acknowledge", "attach"} <= set(allowed_events(at("received"), full("CPO")))
    assert "give_back" not in PERSON_EVENTS
    assert "ban_ends" not in allowed_events(at(ban="banned"), full(CLOCKWORK))
    assert "update_risk" in allowed_events(at("active"), full("CPO", risk="R1"))


# --- what an act needs ---------------------------------------------------------------------------------------------

NEEDS = [(spec.code, need) for spec in EVENTS.values() for need in spec.needs]
DOCUMENTS = [(spec.code, kind) for spec in EVENTS.values() for kind in spec.documents]


def _reason(event):
    return {"propose_closure": "NO_LONGER_AT_RISK"}.get(event, "DEATH")


@pytest.mark.parametrize(("event", "need"), NEEDS)
def test_an_act_without_a_field_it_needs_is_refused_and_says_which(event, need):
    given = {need: None} if need in TYPED_NEEDS else {"given": EVERY_NAME - {need}}
    code = refused(somewhere(event), event, full_for(event, somebody(event), **given))
    special = {
        "reason": "reason-missing",
        "trigger": "trigger-missing",
        "emergency_decision": "emergency-undecided",
    }
    assert code == special.get(need, "field-missing")


@pytest.mark.parametrize(("event", "kind"), DOCUMENTS)
def test_an_act_without_a_document_it_needs_is_refused(event, kind):
    without = {k: v for k, v in EVERY_DOCUMENT.items() if k != kind}
    assert refused(somewhere(event), event, full_for(event, somebody(event), documents=without)) == "document-missing"


@pytest.mark.parametrize("event", [event for event in EVENTS if event not in ("give_back", "confirm_redirect")])
def test_an_act_that_brings_everything_is_decided(event):
    facts = full_for(event, somebody(event), closure_reason=_reason(event))
    decided(somewhere(event), event, facts)


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        ("raise_emergency", "trigger", "WORRY"),
        ("complete_initial_assessment", "trigger", "WORRY"),
        ("propose_closure", "closure_reason", "NO_ANSWER"),
        ("propose_early_closure", "closure_reason", "OBJECTIVES_MET"),
        ("end_isolation", "end_ground", "TIRED"),
        ("request_ban", "ban_requester", "NEIGHBOUR"),
    ],
)
def test_a_value_outside_its_list_is_refused(event, field, value):
    facts = full_for(event, somebody(event), **{field: value})
    assert refused(somewhere(event), event, facts) == "value-not-allowed"


@pytest.mark.parametrize("state", ["closure_proposed", "closed", "initial_assessment", "redirected"])
def test_a_death_is_reviewed_by_the_department_while_its_review_is_open(state):
    decided(at(state), "record_death_review", full("DOH"))
    assert refused(at(state), "record_death_review", full("SUP")) == "not-your-role"
    answered = full("DOH", case=case(open_deadlines=frozenset()))
    assert refused(at(state), "record_death_review", answered) == "no-death-review-open"


def test_a_complaint_needs_a_decision_to_complain_of():
    decided(at("active"), "record_complaint", full("CPO"))
    nothing = full("CPO", case=case(not_prosecuted=False))
    assert refused(at("active"), "record_complaint", nothing) == "prosecution-not-refused"


@pytest.mark.parametrize(
    ("event", "role", "without"),
    [("record_complaint", "SUP", {"not_prosecuted": False}), ("record_death_review", "DOH", {"open_deadlines": ()})],
)
def test_what_the_record_keeps_from_being_done_is_not_offered(event, role, without):
    assert event in allowed_events(at("active"), full(role))
    missing = {name: frozenset() if value == () else value for name, value in without.items()}
    assert event not in allowed_events(at("active"), full(role, case=case(**missing)))


def test_whoever_owned_the_case_or_had_a_hand_in_its_closure_does_not_review_the_death():
    doh = person("DOH")
    for facts in (
        full(doh, case=case(owner=doh.person)),
        full(doh, authors=frozenset({doh.person})),
        full(doh, recorded_by=person("CPO", "typist"), means="phone", authors=frozenset({"typist"})),
    ):
        assert refused(at("closed"), "record_death_review", facts) == "reviewer-is-involved"
    proposed = at("closure_proposed").model_copy(
        update={"memory": {**at("closure_proposed").memory, Memory.CLOSURE_AUTHOR: doh.person}}
    )
    assert refused(proposed, "record_death_review", full(doh)) == "reviewer-is-involved"


@pytest.mark.parametrize("reason", ["DEATH", "AGE", "MOVED_ABROAD", "PERMANENT_CARE"])
def test_early_closure_has_four_reasons(reason):
    decided(at("screening"), "propose_early_closure", full("CPO", closure_reason=reason))


# --- emergency -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", ["LIFE", "HEALTH", "DIGNITY", "CARER_IS_PERPETRATOR"])
def test_an_initial_assessment_saying_yes_raises_the_emergency_in_the_same_decision(trigger):
    decision = decided(
        at("initial_assessment"), "complete_initial_assessment", full(emergency_decision=True, trigger=trigger)
    )
    assert decision.events == ("complete_initial_assessment", "raise_emergency")
    assert (decision.after.process, decision.after.protection) == ("verifying", "emergency")


def test_an_initial_assessment_saying_yes_names_its_trigger_and_saying_no_need_not():
    yes = full(emergency_decision=True, trigger=None)
    assert refused(at("initial_assessment"), "complete_initial_assessment", yes) == "trigger-missing"
    no = full(emergency_decision=False, trigger=None)
    assert decided(at("initial_assessment"), "complete_initial_assessment", no).after.protection == "none"


@pytest.mark.parametrize(
    ("protection", "after", "events"),
    [
        ("none", "emergency", ("add_report", "raise_emergency")),
        ("protected", "emergency", ("add_report", "raise_emergency")),
        ("isolated", "isolated", ("add_report", "raise_emergency")),
        ("emergency", "emergency", ("add_report",)),
    ],
)
def test_a_flagged_further_report_raises_the_emergency_where_none_is_in_force(protection, after, events):
    decision = decided(at("active", protection=protection), "add_report", full("H111", report=FLAGGED))
    assert decision.after.protection == after
    assert decision.events == events


def test_a_flagged_report_reopens_a_closed_case_into_emergency():
    decision = decided(at("closed"), "reopen", full("H111", report=FLAGGED, owner=None))
    assert (decision.after.process, decision.after.protection) == ("initial_assessment", "emergency")
    assert decision.events == ("reopen", "raise_emergency")


@pytest.mark.parametrize("before", ["none", "protected"])
def test_standing_down_goes_back_to_where_the_emergency_was_raised_from(before):
    raised = decided(at(protection=before), "raise_emergency", full("POL")).after
    assert raised.protection == "emergency"
    assert decided(raised, "stand_down", full("CHAIR")).after.protection == before


def test_an_emergency_in_force_is_not_ruled_out():
    assert refused(at(protection="emergency"), "rule_out_emergency", full("SUP")) == "emergency-in-force"
    assert decided(at(protection="protected"), "rule_out_emergency", full("SUP")).stays


@pytest.mark.parametrize("process", ["closed", "not_substantiated", "redirected", "attached"])
def test_protection_and_ban_begin_only_where_the_case_is_at_work(process):
    assert refused(at(process), "raise_emergency", full("POL")) == "not-allowed-in-state"
    assert refused(at(process), "request_ban", full("POL")) == "not-allowed-in-state"


@pytest.mark.parametrize("protection", ["emergency", "protected", "isolated"])
def test_isolation_lasts_fifteen_days_in_all_or_has_the_competent_bodys_ground(protection):
    standing = at(protection=protection)
    decided(standing, "order_isolation", full("CHAIR", isolation_days=15))
    assert refused(standing, "order_isolation", full("CHAIR", isolation_days=16)) == "isolation-too-long"
    decided(standing, "order_isolation", full("CHAIR", isolation_days=16, ground=True))


def test_an_extension_counts_the_days_of_the_whole_isolation():
    decided(at(protection="isolated"), "extend_isolation", full("VCH", isolation_days=15))
    assert (
        refused(at(protection="isolated"), "extend_isolation", full("VCH", isolation_days=16)) == "isolation-too-long"
    )


def test_a_ban_lasts_three_days_each_time():
    assert refused(at(ban="ban_requested"), "order_ban", full("CHAIR", ban_days=4)) == "ban-too-long"
    assert refused(at(ban="banned"), "renew_ban", full("CHAIR", ban_days=4)) == "ban-too-long"
    decided(at(ban="banned"), "renew_ban", full("CHAIR", ban_days=3))


def test_an_order_carries_number_date_and_signer_unless_it_was_spoken():
    unsigned = {"given": EVERY_NAME - {"decision"}}
    for event in ("order_isolation", "order_ban", "approve_plan", "approve_closure"):
        standing = somewhere(event)
        assert refused(standing, event, full("CHAIR", **unsigned)) == "decision-missing", event
        decided(standing, event, full("CHAIR", spoken=True, **unsigned))
    assert refused(at(), "record_signed_order", full("CHAIR", spoken=True, **unsigned)) == "decision-missing"


# --- proposals and their answers -----------------------------------------------------------------------------------

FINAL_EVENTS = [
    ("confirm_not_substantiated", at("conclusion_review", conclusion="not_substantiated"), "SUP"),
    ("confirm_redirect", at("conclusion_review", conclusion="redirect"), "SUP"),
    ("approve_closure", at("closure_proposed"), "CHAIR"),
]


@pytest.mark.parametrize(("event", "standing", "role"), FINAL_EVENTS)
def test_a_case_ends_only_with_nothing_in_force(event, standing, role):
    def but(**regions):
        memory = standing.memory | ({Memory.RAISED_FROM: "none"} if regions.get("protection") == "emergency" else {})
        return standing.model_copy(update=regions | {"memory": memory})

    decided(standing, event, full(role))
    for protection in ("emergency", "protected", "isolated"):
        assert refused(but(protection=protection), event, full(role)) == "protection-in-force"
    for ban in ("ban_requested", "banned"):
        assert refused(but(ban=ban), event, full(role)) == "ban-in-force"
    for custody in ("transfer_pending", "unrouted"):
        assert refused(but(custody=custody), event, full(role)) == "custody-not-held"
    running = case(open_deadlines=frozenset({"emergency_12h", "follow_up"}))
    assert refused(standing, event, full(role, case=running)) == "emergency-undecided"
    decided(standing, event, full(role, case=case(open_deadlines=frozenset({"follow_up"}))))
    for service in ("police_report", "medical_emergency", "sexual_assault_care", "forensic_examination", "shelter"):
        live = case(live_referrals=frozenset({service}))
        facts = full(role, case=live, exception=exception_by("VCH"))
        assert refused(standing, event, facts) == "emergency-referral-live"


def test_a_redirect_needs_the_destinations_receipt():
    standing = at("conclusion_review", conclusion="redirect")
    assert (
        refused(standing, "confirm_redirect", full("SUP", destination_receipt=False)) == "destination-receipt-missing"
    )


def test_each_answer_answers_its_own_proposal_only():
    redirect = decided(at("screening"), "propose_redirect", full("CPO")).after
    unfounded = decided(at("verifying"), "propose_not_substantiated", full("CPO")).after
    assert refused(redirect, "confirm_not_substantiated", full("SUP")) == "not-allowed-in-state"
    assert refused(redirect, "return_to_verification", full("SUP")) == "not-allowed-in-state"
    assert refused(unfounded, "confirm_redirect", full("SUP")) == "not-allowed-in-state"
    assert refused(unfounded, "return_to_screening", full("SUP")) == "not-allowed-in-state"
    assert decided(redirect, "return_to_screening", full("SUP")).after == at("screening")
    assert decided(unfounded, "return_to_verification", full("SUP")).after == at("verifying")


def test_a_proposal_keeps_its_kind_through_a_suspension():
    redirect = decided(at("screening"), "propose_redirect", full("CPO")).after
    suspended = decided(redirect, "suspend", full("SUP")).after
    assert decided(suspended, "resume", full("SUP")).after == redirect


def test_a_plan_is_approved_in_the_very_version_that_was_submitted():
    documents = EVERY_DOCUMENT | {"M04": DocumentFact(content_hash="v1", author="person-CPO")}
    submitted = decided(at("plan_draft"), "submit_plan", full("CPO", documents=documents)).after
    assert submitted.memory[Memory.PLAN_HASH] == "v1"
    assert refused(submitted, "approve_plan", full("CHAIR", approved_hash="v0")) == "content-changed"
    edited = full("CHAIR", approved_hash="v1", submitted_hash="v2")
    assert refused(submitted, "approve_plan", edited) == "content-changed"
    decided(submitted, "approve_plan", full("CHAIR", approved_hash="v1", submitted_hash="v1"))


@pytest.mark.parametrize(
    ("process", "proposal", "reason", "answer"),
    [
        ("plan_draft", "submit_plan", "DEATH", "approve_plan"),
        ("review", "propose_closure", "NO_LONGER_AT_RISK", "approve_closure"),
        ("received", "propose_early_closure", "DEATH", "approve_closure"),
    ],
)
def test_who_proposed_is_remembered_until_the_answer(process, proposal, reason, answer):
    head_and_deputy_chair = Actor(person="both", role="SUP", deputises=frozenset({"CHAIR"}))
    proposed = decided(at(process), proposal, full(head_and_deputy_chair, closure_reason=reason)).after
    assert refused(proposed, answer, full(head_and_deputy_chair)) == "approver-is-author"
    assert "both" not in decided(proposed, answer, full("VCH")).after.memory.values()


@pytest.mark.parametrize(
    ("event", "standing"), [("approve_plan", at("plan_approval")), ("approve_closure", at("closure_proposed"))]
)
def test_the_approver_is_never_the_author_nor_may_the_author_record_the_approval(event, standing):
    assert refused(standing, event, full(person("CHAIR", "author"))) == "approver-is-author"
    recorded = full("CHAIR", recorded_by=person("CPO", "author"), means="phone")
    assert refused(standing, event, recorded) == "approver-is-author"
    known_to_the_record = full("CHAIR", authors=frozenset({"person-CHAIR"}))
    assert refused(standing, event, known_to_the_record) == "approver-is-author"
    decided(standing, event, full("VCH"))


def test_a_case_at_the_highest_risk_is_not_closed():
    assert refused(at("closure_proposed"), "approve_closure", full("CHAIR", case=case(risk="R4"))) == "risk-too-high"
    decided(at("closure_proposed"), "approve_closure", full("CHAIR", case=case(risk="R3")))


@pytest.mark.parametrize("what", ["live_referrals", "live_proceedings"])
def test_a_live_referral_or_proceeding_needs_an_exception_by_a_second_approver(what):
    live = case(**{what: frozenset({"legal_aid" if what == "live_referrals" else "civil"})})
    code = "referral-live" if what == "live_referrals" else "proceeding-live"
    closing = at("closure_proposed")
    assert refused(closing, "approve_closure", full("CHAIR", case=live)) == code
    for second in ("VCH", "DOH"):
        decided(closing, "approve_closure", full("CHAIR", case=live, exception=exception_by(second)))
    decided(closing, "approve_closure", full("VCH", case=live, exception=exception_by("CHAIR")))
    for role, name in (("CHAIR", "another"), ("SUP", None), ("VCH", "person-CHAIR"), ("VCH", "author")):
        facts = full("CHAIR", case=live, exception=exception_by(role, name))
        assert refused(closing, "approve_closure", facts) == "exception-not-valid"
    recused = full("CHAIR", case=live, exception=exception_by("VCH"), recused=frozenset({"person-VCH"}))
    assert refused(closing, "approve_closure", recused) == "exception-not-valid"


def test_a_criminal_proceeding_has_no_exception():
    live = case(live_proceedings=frozenset({"criminal"}))
    facts = full("CHAIR", case=live, exception=exception_by("VCH"))
    assert refused(at("closure_proposed"), "approve_closure", facts) == "proceeding-live"


# --- history -------------------------------------------------------------------------------------------------------


def test_a_returned_closure_goes_back_where_it_came_from_even_into_a_suspension():
    suspended = decided(at("plan_approval"), "suspend", full("SUP")).after
    proposed = decided(suspended, "propose_early_closure", full("SUP")).after
    returned = decided(proposed, "return_closure", full("CHAIR")).after
    assert returned == suspended
    resumed = decided(returned, "resume", full("SUP")).after
    assert resumed == at("plan_approval")
    assert resumed.memory[Memory.PLAN_HASH] == "hash"


def test_a_closure_proposed_in_review_is_returned_into_review():
    proposed = decided(at("review"), "propose_closure", full("CPO")).after
    assert decided(proposed, "return_closure", full("VCH")).after == at("review")


def test_a_damaged_record_is_not_mistaken_for_a_standing():
    for broken in ({"process": "suspended"}, {"process": "asleep"}, {"protection": "emergency"}):
        with pytest.raises(ValueError, match=r"without|has no state"):
            Standing(**({"process": "active", "protection": "none", "ban": "none", "custody": "held"} | broken))


# --- attach and detach ---------------------------------------------------------------------------------------------


def test_a_case_is_attached_to_another_one_of_the_same_child_confirmed_by_a_person():
    decided(at("received"), "attach", full("H111"))
    assert refused(at("received"), "attach", full("H111", match_confirmed=False)) == "not-the-same-child"
    assert refused(at("received"), "attach", full("H111", target_case="this-case")) == "not-the-same-child"


@pytest.mark.parametrize("protection", ["none", "emergency", "protected", "isolated"])
@pytest.mark.parametrize("ban", ["none", "ban_requested", "banned"])
def test_what_an_attachment_moved_comes_back_when_it_is_detached(protection, ban):
    source = at("screening", protection=protection, ban=ban)
    attached = decided(source, "attach", full("CPO")).after
    assert (attached.process, attached.protection, attached.ban) == ("attached", "none", "none")
    assert decided(attached, "detach", full("SUP")).after == source


STRENGTH = ["none", "protected", "emergency", "isolated"]


@pytest.mark.parametrize("mine", STRENGTH)
@pytest.mark.parametrize("theirs", STRENGTH)
def test_the_stronger_protection_holds_and_is_given_back(mine, theirs):
    target = at("active", protection=mine)
    joined = decided(target, "add_report", full("CPO", adopts=at("screening", protection=theirs))).after
    assert joined.protection == max(mine, theirs, key=STRENGTH.index)
    back = decided(joined, "give_back", full(CLOCKWORK)).after
    assert back.codes == target.codes
    assert Memory.ADOPTED_PROTECTION not in back.memory


def test_an_emergency_joined_with_measures_in_force_stands_down_to_those_measures():
    joined = decided(
        at("active", protection="emergency"), "add_report", full("CPO", adopts=at("screening", protection="protected"))
    ).after
    assert decided(joined, "stand_down", full("CHAIR")).after.protection == "protected"


@pytest.mark.parametrize("mine", ["none", "ban_requested", "banned"])
@pytest.mark.parametrize("theirs", ["none", "ban_requested", "banned"])
def test_the_stronger_ban_holds_and_is_given_back(mine, theirs):
    target = at("active", ban=mine)
    joined = decided(target, "add_report", full("CPO", adopts=at("screening", ban=theirs))).after
    assert joined.ban == max(mine, theirs, key=["none", "ban_requested", "banned"].index)
    assert decided(joined, "give_back", full(CLOCKWORK)).after.codes == target.codes


def test_what_somebody_has_decided_on_since_is_not_given_back():
    joined = decided(at("active"), "add_report", full("CPO", adopts=at("screening", protection="emergency"))).after
    measured = decided(joined, "apply_measures", full("CHAIR")).after
    assert decided(measured, "give_back", full(CLOCKWORK)).after.protection == "protected"


def test_a_closed_case_reopened_by_an_attachment_takes_over_its_protection():
    reopened = decided(at("closed"), "reopen", full("CPO", adopts=at("screening", protection="isolated", ban="banned")))
    assert reopened.after.codes == at("initial_assessment", protection="isolated", ban="banned").codes


# --- clocks, owners, delegates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["★", "◇"])
def test_only_design_clocks_are_paused(mark):
    facts = full("SUP", clock=ClockFact(code="plan", mark=mark))
    assert refused(at("plan_draft"), "pause_clock", facts) == "clock-not-pausable"


@pytest.mark.parametrize(
    ("already", "days", "allowed"), [(0, 3, True), (0, 4, False), (2, 1, True), (2, 2, False), (0, 0, False)]
)
def test_a_clock_is_paused_for_three_working_days_in_all(already, days, allowed):
    facts = full("SUP", clock=ClockFact(code="verify", mark="○", paused_days=already), pause_days=days)
    if allowed:
        assert decided(at("verifying"), "pause_clock", facts).stays
    else:
        assert refused(at("verifying"), "pause_clock", facts) == "pause-too-long"


@pytest.mark.parametrize(("event", "standing"), [("accept", at("screening")), ("assign_owner", at("active"))])
def test_a_recused_person_is_not_made_the_owner(event, standing):
    assert refused(standing, event, full("SUP", recused=frozenset({"owner"}))) == "owner-recused"


def test_a_delegate_is_named_once_a_decider_is_recused_and_a_second_where_the_officer_is_too():
    def named(*delegates, roles):
        return full("DOH", case=case(recused_roles=frozenset(roles), delegates=frozenset(delegates)))

    assert refused(at(), "name_delegate", named(roles={"CPO"})) == "no-recusal-on-record"
    decided(at(), "name_delegate", named(roles={"SUP"}))
    assert refused(at(), "name_delegate", named("first", roles={"SUP"})) == "delegate-in-place"
    decided(at(), "name_delegate", named("first", roles={"SUP", "CPO"}))
    assert refused(at(), "name_delegate", named("first", "second", roles={"SUP", "CPO"})) == "delegate-in-place"
    assert refused(at(), "name_delegate", named("delegate", roles={"SUP", "CPO"})) == "delegate-in-place"
    recused = named("first", roles={"SUP"}).model_copy(update={"recused": frozenset({"first"})})
    decided(at(), "name_delegate", recused)
    assert refused(at(), "name_delegate", full("DOH", recused=frozenset({"delegate"}))) == "owner-recused"


# --- what a recorded ground gives, and for how long -------------------------------------------------------------------


def test_the_end_of_a_ground_is_remembered_whatever_happens_afterwards():
    ordered = decided(at(protection="emergency"), "order_isolation", full("CHAIR", isolation_days=15)).after
    end = NOW.date() + timedelta(days=30)
    extended = decided(ordered, "extend_isolation", full("CHAIR", isolation_days=20, ground=True, ground_end=end)).after
    reviewed = decided(extended, "review_measures", full("CPO")).after
    assert reviewed.memory[Memory.GROUND_END] == end.isoformat()
    assert reviewed.memory[Memory.ISOLATED_SINCE] == NOW.isoformat()
    within = full("CHAIR", isolation_days=30, isolation_until=end)
    decided(reviewed, "extend_isolation", within)
    beyond = full("CHAIR", isolation_days=31, isolation_until=end + timedelta(days=1))
    assert refused(reviewed, "extend_isolation", beyond) == "isolation-too-long"
    assert refused(reviewed, "order_isolation", beyond) == "isolation-too-long"
    ended = decided(reviewed, "end_isolation", full("CHAIR")).after
    assert not {Memory.GROUND_END, Memory.ISOLATED_SINCE} & set(ended.memory)


def test_an_isolation_is_not_ordered_beyond_the_ground_that_comes_with_it():
    end = NOW.date() + timedelta(days=20)
    facts = full("CHAIR", isolation_days=25, ground=True, ground_end=end, isolation_until=end + timedelta(days=5))
    assert refused(at(protection="isolated"), "extend_isolation", facts) == "isolation-too-long"


def test_a_new_order_inside_an_isolation_does_not_begin_its_days_again():
    ordered = decided(at(protection="emergency"), "order_isolation", full("CHAIR", isolation_days=15)).after
    later = full("CHAIR", isolation_days=15, occurred_at=NOW + timedelta(hours=1), recorded_at=NOW + timedelta(hours=1))
    again = decided(ordered, "order_isolation", later).after
    assert again.memory[Memory.ISOLATED_SINCE] == NOW.isoformat()


def test_an_isolation_that_moves_with_an_attachment_keeps_its_days_and_its_ground():
    memory = {Memory.ISOLATED_SINCE: NOW.isoformat(), Memory.GROUND_END: "2027-03-01"}
    source = at("screening", protection="isolated").model_copy(update={"memory": memory})
    target = decided(at(protection="none"), "add_report", full("CPO", adopts=source)).after
    assert {key: target.memory[key] for key in memory} == memory
    attached = decided(source, "attach", full("CPO")).after
    assert decided(attached, "detach", full("SUP")).after == source


# --- what an attachment must not do -----------------------------------------------------------------------------------


@pytest.mark.parametrize("now", ["none", "protected", "isolated"])
def test_attaching_does_not_raise_again_what_was_stood_down_or_answered(now):
    flagged = ReportFact(receipt=NOW, flagged=True, trigger="LIFE")
    answer = decided(at("active"), "add_report", full("CPO", report=flagged, adopts=at("screening", protection=now)))
    assert answer.events == ("add_report",)
    assert answer.after.protection == now
    raised = decided(at("active"), "add_report", full("CPO", report=flagged))
    assert raised.events == ("add_report", "raise_emergency")


def test_whoever_attaches_has_a_say_in_both_cases():
    assert refused(at("received"), "attach", full("CPO", target_in_reach=False)) == "not-your-unit"


# --- four eyes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "propose", "approve"),
    [
        ("plan_draft", "submit_plan", "approve_plan"),
        ("review", "propose_closure", "approve_closure"),
        ("active", "propose_early_closure", "approve_closure"),
    ],
)
def test_whoever_typed_a_proposal_in_for_another_does_not_approve_it(state, propose, approve):
    vice = person("VCH", "the-vice-chair")
    proposed = decided(at(state), propose, full(person("CPO", "the-officer"), recorded_by=vice, means="phone")).after
    assert refused(proposed, approve, full(vice)) == "approver-is-author"
    decided(proposed, approve, full(person("CHAIR", "the-chair")))


def test_a_plan_whose_stored_content_is_not_what_was_submitted_is_not_approved():
    facts = full("CHAIR", submitted_hash="another")
    assert refused(at("plan_approval"), "approve_plan", facts) == "content-changed"


# --- ordinary mistakes ------------------------------------------------------------------------------------------------


def test_an_overdue_clock_is_not_paused():
    facts = full("SUP", clock=ClockFact(code="verify", mark="○", overdue=True), pause_days=1)
    assert refused(at("verifying"), "pause_clock", facts) == "clock-overdue"


@pytest.mark.parametrize(
    ("state", "event", "role"),
    [("screening", "accept", "CPO"), ("active", "assign_owner", "SUP"), ("closed", "reopen", "CPO")],
)
def test_an_owner_works_where_the_case_is(state, event, role):
    assert refused(at(state), event, full(role, owner_serves=False)) == "owner-not-serving"
    if event == "reopen":
        decided(at(state), event, full(role, owner=None))


def test_nobody_unknown_is_recused_or_named():
    assert refused(at("active"), "record_recusal", full("SUP", person_known=False)) == "person-unknown"
    assert refused(at("active"), "name_delegate", full("DOH", person_known=False)) == "person-unknown"


def test_with_the_chair_recused_the_vice_chair_does_not_decide_unless_named() -> None:
    standing = standing_in("process", "plan_approval")
    recused_chair = case(recused_roles=frozenset({"CHAIR"}))
    answer = advance(standing, "approve_plan", full("VCH", case=recused_chair))
    assert isinstance(answer, Refused)
    assert answer.code == "not-your-role"
    named = person("VCH").model_copy(update={"is_delegate": True})
    assert isinstance(advance(standing, "approve_plan", full(named, case=recused_chair)), Decision)
