"""The chart and the table of events against lifecycle.md, transcribed here by hand: a slip on either side shows."""

import pytest

from models.lifecycle import EVENTS, FINAL, LIVE, ROLES, STATES, SYSTEM_ROLE, Decision, Refused, Standing, advance
from models.lifecycle.describe import HISTORY, moves
from models.lifecycle.table import ALLOWED, Row, rows, standing_in
from tests.lifecycle_support import full_for, person

PROCESS = [
    "received",
    "screening",
    "attached",
    "initial_assessment",
    "verifying",
    "conclusion_review",
    "detailed_assessment",
    "needs_meeting",
    "plan_draft",
    "plan_approval",
    "active",
    "review",
    "closure_proposed",
    "closed",
    "not_substantiated",
    "redirected",
    "suspended",
]
PROTECTION = ["none", "emergency", "protected", "isolated"]
BAN = ["none", "ban_requested", "banned"]
ANY_LIVE = [s for s in PROCESS if s not in ("attached", "closed", "not_substantiated", "redirected")]
RECEIVER = "H111 H111S CPO SUP CHAIR VCH GRP POL HLT EDU SHL SWC WU YU FF DOH DOHD"
STAYS = "(stays)"

# state(s) | event | next | who, exactly the rows of lifecycle.md
PROCESS_ROWS = [
    ("received", "acknowledge", "screening", "CPO SUP DOHD"),
    ("screening", "accept", "initial_assessment", "CPO SUP DOHD"),
    ("screening", "propose_redirect", "conclusion_review", "CPO"),
    ("received screening", "attach", "attached", "CPO SUP H111"),
    ("attached", "detach", "screening", "SUP"),
    ("initial_assessment", "complete_initial_assessment", "verifying", "CPO"),
    ("verifying", "substantiate", "detailed_assessment", "CPO"),
    ("verifying", "propose_not_substantiated", "conclusion_review", "CPO"),
    ("conclusion_review", "confirm_not_substantiated", "not_substantiated", "SUP CHAIR VCH"),
    ("conclusion_review", "confirm_redirect", "redirected", "SUP CHAIR VCH"),
    ("conclusion_review", "return_to_verification", "verifying", "SUP"),
    ("conclusion_review", "return_to_screening", "screening", "SUP"),
    ("detailed_assessment", "complete_detailed_assessment", "needs_meeting", "CPO"),
    ("needs_meeting", "record_needs_meeting", "plan_draft", "CPO"),
    ("plan_draft", "submit_plan", "plan_approval", "CPO"),
    ("plan_approval", "approve_plan", "active", "CHAIR VCH"),
    ("plan_approval", "return_plan", "plan_draft", "CHAIR VCH"),
    ("active", "start_review", "review", "CPO"),
    ("review", "continue_plan", "plan_draft", "CPO"),
    ("review", "propose_closure", "closure_proposed", "CPO"),
    ("closure_proposed", "approve_closure", "closed", "CHAIR VCH"),
    ("closure_proposed", "return_closure", HISTORY, "CHAIR VCH"),
    ([s for s in ANY_LIVE if s != "closure_proposed"], "propose_early_closure", "closure_proposed", "CPO SUP"),
    ("closed not_substantiated redirected", "reopen", "initial_assessment", "CPO SUP H111 DOHD"),
    ("closed", "record_contact", STAYS, "CPO"),
    (ANY_LIVE, "add_report", STAYS, RECEIVER),
    ([s for s in ANY_LIVE if s != "received"], "acknowledge_report", STAYS, "CPO SUP DOHD"),
    (ANY_LIVE, "record_follow_up", STAYS, "CPO"),
    (ANY_LIVE, "record_complaint", STAYS, "CPO SUP"),
    (ANY_LIVE, "rule_out_emergency", STAYS, "CPO SUP"),
    (ANY_LIVE, "update_risk", STAYS, "CPO SUP"),
    ([s for s in ANY_LIVE if s not in ("suspended", "closure_proposed")], "suspend", "suspended", "SUP"),
    ("suspended", "resume", HISTORY, "SUP"),
    ("suspended", "record_look", STAYS, "SUP"),
    (ANY_LIVE, "assign_owner", STAYS, "SUP CHAIR DOHD"),
    (ANY_LIVE, "pause_clock", STAYS, "SUP"),
    (PROCESS, "send_written_report", STAYS, "CPO SUP"),
    (PROCESS, "record_signed_order", STAYS, "CHAIR VCH CPO"),
    (PROCESS, "record_proceeding_end", STAYS, "CPO POL"),
    ("active review", "record_step", STAYS, "CPO"),
    # the answer to the closure quality review that `reopen` opens (○ 10 WD, SUP, DOH told)
    (ANY_LIVE, "record_quality_review", STAYS, "SUP DOH"),
    # the answer to the review task that a closure for death opens (DOH told); the task outlives the closing
    ([*ANY_LIVE, "closed", "not_substantiated", "redirected"], "record_death_review", STAYS, "DOH"),
    # work in common (issue 4): tasks outside any template, case conferences, flags with dates
    (ANY_LIVE, "add_task", STAYS, "CPO SUP CHAIR VCH"),
    (ANY_LIVE, "complete_task", STAYS, "CPO SUP CHAIR VCH"),
    (ANY_LIVE, "drop_task", STAYS, "CPO SUP CHAIR VCH"),
    (ANY_LIVE, "call_conference", STAYS, "CPO SUP CHAIR VCH"),
    (ANY_LIVE, "record_conference", STAYS, "CPO SUP CHAIR VCH"),
    (ANY_LIVE, "raise_flag", STAYS, "CPO SUP CHAIR VCH DOH DOHD"),
    (ANY_LIVE, "lower_flag", STAYS, "CPO SUP CHAIR VCH DOH DOHD"),
    # recusal and delegates: lifecycle.md's Roles and invariant 5, process.md §6.5
    (PROCESS, "record_recusal", STAYS, "H111 H111S CPO SUP CHAIR VCH DOH DOHD"),
    (PROCESS, "clear_conflict", STAYS, "SUP CHAIR DOH DOHD"),
    (PROCESS, "find_conflict", STAYS, SYSTEM_ROLE),
    # looking into a case in an emergency: process.md §6.4
    (PROCESS, "break_glass", STAYS, SYSTEM_ROLE),
    (PROCESS, "review_break_glass", STAYS, SYSTEM_ROLE),
    (ANY_LIVE, "name_delegate", STAYS, "DOH DOHD"),
    # "detach: what moved comes back", on the side of the case that had it
    (PROCESS, "give_back", STAYS, SYSTEM_ROLE),
]
PROTECTION_ROWS = [
    ("none protected", "raise_emergency", "emergency", RECEIVER),
    ("isolated", "raise_emergency", STAYS, RECEIVER),
    ("emergency", "apply_measures", "protected", "CPO CHAIR VCH DOHD"),
    ("protected isolated", "apply_measures", STAYS, "CPO CHAIR VCH DOHD"),
    ("emergency", "order_isolation", "isolated", "CHAIR VCH"),
    ("emergency", "stand_down", HISTORY, "CHAIR VCH"),
    ("protected", "order_isolation", "isolated", "CHAIR VCH"),
    ("protected", "end_protection", "none", "CHAIR VCH"),
    ("protected isolated", "review_measures", STAYS, "CPO SUP"),
    ("isolated", "extend_isolation", STAYS, "CHAIR VCH"),
    ("isolated", "order_isolation", STAYS, "CHAIR VCH"),
    ("isolated", "end_isolation", "protected", "CHAIR VCH"),
]
BAN_ROWS = [
    ("none", "request_ban", "ban_requested", RECEIVER),
    ("ban_requested", "order_ban", "banned", "CHAIR VCH"),
    ("ban_requested", "refuse_ban", "none", "CHAIR VCH"),
    ("banned", "renew_ban", STAYS, "CHAIR VCH"),
    ("banned", "lift_ban", "none", "CHAIR VCH"),
    ("banned", "ban_ends", "none", SYSTEM_ROLE),
]
CUSTODY_ROWS = [
    ("held", "propose_transfer", "transfer_pending", "CPO SUP"),
    # "receiving unit", says lifecycle.md: whoever works there or decides for it
    ("transfer_pending", "accept_transfer", "held", "CPO SUP CHAIR VCH"),
    ("transfer_pending", "refuse_transfer", "held", "CPO SUP CHAIR VCH"),
    ("transfer_pending", "withdraw_transfer", "held", "CPO SUP"),
    # "DOH; across provinces the sender's DOH, else PROV, NAT"; of a case that is not routed, DOHD and DOH
    ("transfer_pending unrouted", "assign_transfer", "held", "DOH DOHD PROV NAT"),
    ("held", "assign_transfer", STAYS, "DOH DOHD PROV NAT"),
    ("held", "request_transfer", STAYS, "CPO SUP"),
    ("held", "decline_request", STAYS, "CPO SUP"),
]
BEGINS_LIVE = {
    "raise_emergency", "request_ban", "propose_transfer", "assign_transfer", "request_transfer", "decline_request",
}  # fmt: skip
DOCUMENTED = {"process": PROCESS_ROWS, "protection": PROTECTION_ROWS, "ban": BAN_ROWS, "custody": CUSTODY_ROWS}


def _states(cell):
    return cell.split() if isinstance(cell, str) else cell


def _arrows(region):
    return {
        (state, event, state if target == STAYS else target)
        for states, event, target, _ in DOCUMENTED[region]
        for state in _states(states)
    }


def _roles_of(event):
    return next(set(who.split()) for region in DOCUMENTED for _, e, _, who in DOCUMENTED[region] if e == event)


@pytest.mark.parametrize("region", DOCUMENTED)
def test_the_chart_has_every_arrow_of_the_document_and_no_other(region):
    chart = {
        (move.source, move.event, move.target)
        for move in moves()
        if move.region == region and EVENTS[move.event].region == region
    }
    assert chart == _arrows(region)


def test_the_states_are_those_of_the_document():
    assert list(STATES["process"]) == PROCESS
    assert list(STATES["protection"]) == PROTECTION
    assert list(STATES["ban"]) == BAN
    assert list(STATES["custody"]) == ["held", "transfer_pending", "unrouted"]
    assert frozenset(ANY_LIVE) == LIVE
    assert {"closed", "not_substantiated", "redirected"} == FINAL


def test_every_event_of_the_chart_is_specified_and_every_specified_event_has_its_move():
    assert {move.event for move in moves()} == set(EVENTS) - {"receive_report"}


@pytest.mark.parametrize("event", sorted(set(EVENTS) - {"receive_report"}))
def test_an_event_belongs_to_the_documented_roles(event):
    assert set(EVENTS[event].roles) == _roles_of(event)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_an_event_said_to_stay_never_changes_its_own_region(event):
    spec = EVENTS[event]
    own = [move for move in moves() if move.event == event and move.region == spec.region]
    assert spec.stays == (bool(own) and all(move.source == move.target for move in own))


def test_another_region_moves_only_with_an_attached_case():
    across = {move.event for move in moves() if EVENTS[move.event].region != move.region}
    assert across == {"attach", "detach", "add_report", "reopen", "give_back"}


def _expected(row: Row) -> str:
    """What lifecycle.md says of one row, by the transcription above and the notes below its tables."""
    if row.event == "receive_report":
        return "not-allowed-in-state"
    region = EVENTS[row.event].region
    quiet = {"process": "active", "protection": "none", "ban": "none", "custody": "held"} | {row.region: row.state}
    sources = {state for state, event, _ in _arrows(region) if event == row.event}
    if quiet[region] not in sources or (row.event in BEGINS_LIVE and quiet["process"] not in ANY_LIVE):
        return "not-allowed-in-state"
    answers = {"confirm_redirect": "redirect", "return_to_screening": "redirect"}
    answers |= {"confirm_not_substantiated": "not_substantiated", "return_to_verification": "not_substantiated"}
    if quiet["custody"] == "held":
        answers["assign_transfer"] = "refused"  # only "after a refusal"
    if row.event in answers and row.variant != answers[row.event]:
        return "not-allowed-in-state"
    if row.event == "rule_out_emergency" and quiet["protection"] == "emergency":
        return "emergency-in-force"
    holds = {row.role}
    if row.role == "DEL":
        holds |= {"CHAIR", "SUP"}
    if "SUP" in holds:
        holds.add("CPO")
    return ALLOWED if holds & _may(row.event, quiet) else "not-your-role"


def _may(event: str, quiet: dict[str, str]) -> set[str]:
    if event.startswith("confirm_"):
        return {"SUP"}  # the typical proposal is the CPO's
    if event == "assign_transfer":
        return {"DOH", "DOHD"} if quiet["custody"] == "unrouted" else {"DOH", "PROV", "NAT"}
    return _roles_of(event)


def test_the_generated_table_says_of_every_state_event_and_role_what_the_document_says():
    table = list(rows())
    assert len(table) == (len(PROCESS) + 1 + 4 + 3 + 4) * len(EVENTS) * (len(ROLES) + 1)
    wrong = [(row, _expected(row)) for row in table if row.outcome != _expected(row)]
    assert wrong == []


def _facts_for(row: Row):
    reason = "NO_LONGER_AT_RISK" if row.event == "propose_closure" else "DEATH"
    return full_for(row.event, person(row.role), closure_reason=reason)


def test_advance_answers_every_row_of_the_table_as_the_table_says():
    for row in rows():
        standing = standing_in(row.region, row.state, row.variant)
        if row.outcome != ALLOWED and row.role not in ("CPO", "CHAIR", "POL", "ADM", SYSTEM_ROLE):
            continue  # the same branch for the other refused roles; the table itself was compared above
        answer = advance(standing, row.event, _facts_for(row))
        if row.outcome != ALLOWED:
            assert isinstance(answer, Refused), row
            assert answer.code == row.outcome, row
            assert (row.event in answer.allowed) == (row.outcome == "not-your-role"), row
        elif isinstance(answer, Refused):
            assert answer.code in EVENTS[row.event].conditions, (row, answer)
        else:
            _leads_where_documented(row, standing, answer)


def _leads_where_documented(row: Row, standing: Standing, answer: Decision):
    region = EVENTS[row.event].region
    source = standing.state(region)
    target = next(t for s, e, t in _arrows(region) if (s, e) == (source, row.event))
    back = {"resume": "verifying", "return_closure": "review", "stand_down": "none"}
    assert answer.after.state(region) == back.get(row.event, target), row
    assert answer.before == standing
    assert answer.events[0] == row.event
    assert answer.stays == (answer.after.codes == standing.codes)
    assert Standing.model_validate_json(answer.after.model_dump_json()) == answer.after
