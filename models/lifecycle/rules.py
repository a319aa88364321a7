"""What must hold for an act beyond state and role: one small function per condition of ``EventSpec.conditions``.

Each answers None, or the refusal's code and detail. Numbers here are maxima that no protocol may lengthen.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from models.lifecycle.checks import No
from models.lifecycle.facts import Facts
from models.lifecycle.roles import DECIDERS, DEPARTMENT, acting_roles
from models.lifecycle.types import EventSpec, Memory, Standing

EMERGENCY_TRIGGERS = frozenset({"LIFE", "HEALTH", "DIGNITY", "CARER_IS_PERPETRATOR"})
"""Nghị định 56/2017 Art. 31(1)."""

EMERGENCY_SERVICES = frozenset(
    {"medical_emergency", "sexual_assault_care", "forensic_examination", "police_report", "shelter"}
)
"""Referrals no closing may leave behind, whatever the exception."""

EARLY_CLOSURE_REASONS = frozenset({"DEATH", "AGE", "MOVED_ABROAD", "PERMANENT_CARE"})
"""Why a case may end before its review."""

CLOSURE_REASONS = EARLY_CLOSURE_REASONS | {"NO_LONGER_AT_RISK", "OBJECTIVES_MET"}
"""Why a review may propose closing (process.md §6.2). No answer from the family is not among them."""

ISOLATION_END_GROUNDS = frozenset({"CARERS_SAFE", "CARE_ARRANGED", "DEATH", "MOVED_ABROAD", "AGE"})
"""Why an isolation may end (Nghị định 56/2017 Art. 32; lifecycle.md)."""

BAN_REQUESTERS = frozenset({"VICTIM", "REPRESENTATIVE", "CPO", "POL", "WU"})
"""Who may ask for a contact ban (domestic-violence law Art. 25; lifecycle.md)."""

ISOLATION_MAX_DAYS = 15
"""Calendar days, extensions included (Nghị định 56/2017 Art. 32)."""

BAN_MAX_DAYS = 3
"""Calendar days each time (domestic-violence law 13/2022 Art. 25)."""

PAUSE_MAX_WORKING_DAYS = 3
"""Working days one design clock may stand still in all (process.md §6.6)."""


NO_END = "open"
"""What the memory keeps of a ground that names no last day."""


Condition = Callable[[Standing, Facts], No | None]


def authors_of(event: str, standing: Standing, facts: Facts) -> frozenset[str]:
    """Person ids of who made the proposal this event would approve."""
    key = {
        "approve_plan": Memory.PLAN_AUTHOR,
        "approve_closure": Memory.CLOSURE_AUTHOR,
        "confirm_not_substantiated": Memory.CONCLUSION_AUTHOR,
        "confirm_redirect": Memory.CONCLUSION_AUTHOR,
    }.get(event)
    return facts.authors | frozenset(standing.memory.get(key, "").split() if key else ())


def is_author(event: str, standing: Standing, facts: Facts) -> No | None:
    """The approver is never the author, and no author records the approval of their own proposal."""
    return No("approver-is-author", {}) if authors_of(event, standing, facts) & set(facts.people) else None


def _protection(standing: Standing, _: Facts) -> No | None:
    return None if standing.protection == "none" else No("protection-in-force", {"protection": standing.protection})


def _ban(standing: Standing, _: Facts) -> No | None:
    return None if standing.ban == "none" else No("ban-in-force", {"ban": standing.ban})


def _emergency_decided(_: Standing, facts: Facts) -> No | None:
    return (
        No("emergency-undecided", {"deadline": "emergency_12h"})
        if "emergency_12h" in facts.case.open_deadlines
        else None
    )


def _custody(standing: Standing, _: Facts) -> No | None:
    return None if standing.custody == "held" else No("custody-not-held", {"custody": standing.custody})


def _emergency_referral(_: Standing, facts: Facts) -> No | None:
    live = facts.case.live_referrals & EMERGENCY_SERVICES
    return No("emergency-referral-live", {"services": _codes(live)}) if live else None


def _destination_receipt(_: Standing, facts: Facts) -> No | None:
    return None if facts.destination_receipt else No("destination-receipt-missing", {})


def _risk_below_r4(_: Standing, facts: Facts) -> No | None:
    return No("risk-too-high", {"risk": "R4"}) if facts.case.risk == "R4" else None


def _referral(standing: Standing, facts: Facts) -> No | None:
    live = facts.case.live_referrals - EMERGENCY_SERVICES
    if not live:
        return None
    return _excepted(standing, facts, No("referral-live", {"services": _codes(live)}))


def _proceeding(standing: Standing, facts: Facts) -> No | None:
    live = facts.case.live_proceedings
    if not live:
        return None
    no = No("proceeding-live", {"proceedings": _codes(live)})
    return no if "criminal" in live else _excepted(standing, facts, no)


def _excepted(standing: Standing, facts: Facts, no: No) -> No | None:
    """The refusal, unless a second approver who is neither approver, author nor recused recorded an exception.

    The second approver is the other of CHAIR and VCH, else DOH.
    """
    if facts.exception is None:
        return no
    second = facts.exception.approver
    taken = {*facts.people, *authors_of("approve_closure", standing, facts), *facts.recused}
    others = {"CHAIR", "VCH", "DOH"} - {facts.actor.role}
    return None if second.person not in taken and second.role in others else No("exception-not-valid", no.detail)


def _content_same(standing: Standing, facts: Facts) -> No | None:
    """The hash approved is the hash that was submitted, and the record still has that content."""
    submitted = standing.memory.get(Memory.PLAN_HASH)
    record = facts.submitted_hash if facts.submitted_hash is not None else submitted
    return None if submitted is not None and submitted == record == facts.approved_hash else No("content-changed", {})


def _decision(_: Standing, facts: Facts) -> No | None:
    """Number, date and signer, as the field ``decision``. A spoken order is valid: ``signed_order`` runs from it."""
    return None if facts.spoken or "decision" in facts.given else No("decision-missing", {"field": "decision"})


def _signature(_: Standing, facts: Facts) -> No | None:
    return None if "decision" in facts.given else No("decision-missing", {"field": "decision"})


def _same_child(_: Standing, facts: Facts) -> No | None:
    if facts.match_confirmed and facts.target_case != facts.case.id:
        return None
    return No("not-the-same-child", {})


def _target_in_reach(_: Standing, facts: Facts) -> No | None:
    """Attaching moves the other case too: whoever does it has a say in both."""
    return None if facts.target_in_reach else No("not-your-unit", {"case": "target"})


def _trigger_given(_: Standing, facts: Facts) -> No | None:
    """A Mẫu 02 saying yes names its trigger."""
    return No("trigger-missing", {"field": "trigger"}) if facts.emergency_decision and facts.trigger is None else None


def _one_of(field: str, values: frozenset[str]) -> Condition:
    def check(_: Standing, facts: Facts) -> No | None:
        value = getattr(facts, field)
        return None if value is None or value in values else No("value-not-allowed", {"field": field})

    return check


def _risk_changes(_: Standing, facts: Facts) -> No | None:
    return No("risk-unchanged", {}) if facts.risk == facts.case.risk else None


def _nominee_not_recused(_: Standing, facts: Facts) -> No | None:
    """Neither owner nor delegate may be a recused person."""
    named = {person for person in (facts.owner, facts.delegate) if person is not None}
    return No("owner-recused", {}) if named & facts.recused else None


def _grounded(standing: Standing, facts: Facts) -> bool:
    end = standing.memory.get(Memory.GROUND_END)
    if facts.ground:
        end = facts.ground_end.isoformat() if facts.ground_end else NO_END
    if end is None:
        return False
    return end == NO_END or facts.isolation_until is None or facts.isolation_until <= date.fromisoformat(end)


def _owner_serves(_: Standing, facts: Facts) -> No | None:
    """A case is in the hands of somebody who works on it: CPO or SUP of an office of the case."""
    return None if facts.owner is None or facts.owner_serves else No("owner-not-serving", {"field": "owner_id"})


def _person_known(_: Standing, facts: Facts) -> No | None:
    return None if facts.person_known else No("person-unknown", {"field": "person_id"})


def _isolation_days(standing: Standing, facts: Facts) -> No | None:
    """At most 15 days in all, or no longer than a ground that is recorded, with this act or before."""
    days = facts.isolation_days or 0
    if days <= ISOLATION_MAX_DAYS or _grounded(standing, facts):
        return None
    return No("isolation-too-long", {"days": str(days), "at_most": str(ISOLATION_MAX_DAYS)})


def _ban_days(_: Standing, facts: Facts) -> No | None:
    days = facts.ban_days or 0
    return None if days <= BAN_MAX_DAYS else No("ban-too-long", {"days": str(days), "at_most": str(BAN_MAX_DAYS)})


def _clock_is_design(_: Standing, facts: Facts) -> No | None:
    if facts.clock is None or facts.clock.mark == "○":
        return None
    return No("clock-not-pausable", {"deadline": facts.clock.code})


def _clock_in_time(_: Standing, facts: Facts) -> No | None:
    """Lateness is chased until it is met: no pause takes it back."""
    late = facts.clock is not None and facts.clock.overdue
    return No("clock-overdue", {"deadline": facts.clock.code}) if late and facts.clock else None


def _pause_short(_: Standing, facts: Facts) -> No | None:
    already = facts.clock.paused_days if facts.clock else 0
    days = already + (facts.pause_days or 0)
    if (facts.pause_days or 0) > 0 and days <= PAUSE_MAX_WORKING_DAYS:
        return None
    return No("pause-too-long", {"days": str(days), "at_most": str(PAUSE_MAX_WORKING_DAYS)})


def _recusal_on_record(_: Standing, facts: Facts) -> No | None:
    return None if facts.case.recused_roles & (DECIDERS | {"SUP"}) else No("no-recusal-on-record", {})


def _conflict_on_record(_: Standing, facts: Facts) -> No | None:
    return None if facts.conflict_open else No("no-conflict-on-record", {"field": "person_id"})


def _judge_outside(_: Standing, facts: Facts) -> No | None:
    """Nobody decides on the conflict of somebody who stands above them (process.md §6.5: the province does)."""
    return None if facts.judge_outside else No("judge-not-outside", {"roles": "DOH DOHD"})


def _delegate_wanted(_: Standing, facts: Facts) -> No | None:
    """One decider, and one more where the CPO is recused too, so that author and approver differ."""
    wanted = 2 if "CPO" in facts.case.recused_roles else 1
    in_force = facts.case.delegates - facts.recused
    return None if len(in_force) < wanted and facts.delegate not in in_force else No("delegate-in-place", {})


def _reviewer_apart(standing: Standing, facts: Facts) -> No | None:
    """A death is reviewed by somebody who neither owned the case nor proposed or approved its closure."""
    involved = authors_of("approve_closure", standing, facts) | {facts.case.owner}
    return No("reviewer-is-involved", {}) if involved & set(facts.people) else None


def _death_review_open(_: Standing, facts: Facts) -> No | None:
    return None if "death_review" in facts.case.open_deadlines else No("no-death-review-open", {})


def _to_unit(_: Standing, facts: Facts) -> No | None:
    return None if facts.to_unit_allowed else No("transfer-unit-not-allowed", {"field": "to_unit"})


def _transfer_possible(standing: Standing, facts: Facts) -> No | None:
    """A Mẫu 02 that proposes a transfer does so of a case that is held."""
    wanted = facts.to_residence and standing.custody != "held"
    return No("transfer-not-possible", {"custody": standing.custody}) if wanted else None


def _across(_: Standing, facts: Facts) -> No | None:
    """Above the province somebody decides only on what one province cannot (lifecycle.md, custody)."""
    roles = acting_roles(facts.actor)
    if roles & DEPARTMENT or facts.across:
        return None
    return No("transfer-within-province", {"roles": " ".join(sorted(DEPARTMENT))})


def _request_open(_: Standing, facts: Facts) -> No | None:
    return None if "transfer_request" in facts.case.open_deadlines else No("no-transfer-request", {})


def _no_request_open(_: Standing, facts: Facts) -> No | None:
    return No("transfer-already-requested", {}) if "transfer_request" in facts.case.open_deadlines else None


ITEM_CLOCKS: Final[Mapping[str, str]] = {
    "task-not-open": "case_task",
    "conference-not-open": "conference",
    "flag-not-open": "case_flag",
}
"""The clock of what people set themselves to be done, by the condition of the events that end it."""


def _open_item(condition: str) -> Condition:
    """The task, conference or flag an act is about is one of this case, and nobody has ended it yet."""

    def check(_: Standing, facts: Facts) -> No | None:
        there = facts.item in facts.case.open_items.get(ITEM_CLOCKS[condition], frozenset())
        return None if there else No(condition, {"field": "item_id"})

    return check


def _assignees_serve(_: Standing, facts: Facts) -> No | None:
    """A task is in the hands of somebody of the case team; an agency is asked by a referral."""
    return None if facts.assignees_serve else No("assignee-not-serving", {"field": "assignee_id"})


def _due_ahead(_: Standing, facts: Facts) -> No | None:
    return No("due-in-the-past", {}) if facts.due_passed else None


def _prosecution_refused(_: Standing, facts: Facts) -> No | None:
    """There is a decision of the police to complain of."""
    return None if facts.case.not_prosecuted else No("prosecution-not-refused", {})


def _codes(codes: frozenset[str]) -> str:
    return " ".join(sorted(codes))


CONDITIONS: Mapping[str, Condition] = {
    "protection-in-force": _protection,
    "ban-in-force": _ban,
    "emergency-undecided": _emergency_decided,
    "custody-not-held": _custody,
    "emergency-referral-live": _emergency_referral,
    "destination-receipt-missing": _destination_receipt,
    "risk-too-high": _risk_below_r4,
    "referral-live": _referral,
    "proceeding-live": _proceeding,
    "content-changed": _content_same,
    "decision-missing": _decision,
    "signature-missing": _signature,
    "not-the-same-child": _same_child,
    "trigger-missing": _trigger_given,
    "trigger-not-allowed": _one_of("trigger", EMERGENCY_TRIGGERS),
    "closure-reason-not-allowed": _one_of("closure_reason", CLOSURE_REASONS),
    "early-reason-not-allowed": _one_of("closure_reason", EARLY_CLOSURE_REASONS),
    "end-ground-not-allowed": _one_of("end_ground", ISOLATION_END_GROUNDS),
    "ban-requester-not-allowed": _one_of("ban_requester", BAN_REQUESTERS),
    "risk-unchanged": _risk_changes,
    "not-your-unit": _target_in_reach,
    "owner-recused": _nominee_not_recused,
    "owner-not-serving": _owner_serves,
    "person-unknown": _person_known,
    "isolation-too-long": _isolation_days,
    "ban-too-long": _ban_days,
    "clock-not-pausable": _clock_is_design,
    "clock-overdue": _clock_in_time,
    "pause-too-long": _pause_short,
    "no-conflict-on-record": _conflict_on_record,
    "judge-not-outside": _judge_outside,
    "no-recusal-on-record": _recusal_on_record,
    "delegate-in-place": _delegate_wanted,
    "reviewer-is-involved": _reviewer_apart,
    "no-death-review-open": _death_review_open,
    **{condition: _open_item(condition) for condition in ITEM_CLOCKS},
    "assignee-not-serving": _assignees_serve,
    "due-in-the-past": _due_ahead,
    "transfer-unit-not-allowed": _to_unit,
    "transfer-not-possible": _transfer_possible,
    "transfer-within-province": _across,
    "no-transfer-request": _request_open,
    "transfer-already-requested": _no_request_open,
    "prosecution-not-refused": _prosecution_refused,
}
"""The conditions by the name ``EventSpec.conditions`` gives them. ``approver-is-author`` depends on the event: see
:func:`is_author`."""


_BY_HOLDER = frozenset({"propose_transfer", "withdraw_transfer", "decline_request"})
_BY_RECEIVER = frozenset({"accept_transfer", "refuse_transfer"})
_OF_THE_RECORD: Final = frozenset(
    {"no-death-review-open", "prosecution-not-refused", "no-transfer-request", "transfer-already-requested"}
)
"""Conditions that nothing an act brings can meet."""


def on_record(standing: Standing, spec: EventSpec, facts: Facts) -> bool:
    """Whether what the case's record says lets an event be offered, whatever it would bring: what it ends is there."""
    waits = {ITEM_CLOCKS[one] for one in spec.conditions if one in ITEM_CLOCKS}
    asked = _OF_THE_RECORD.intersection(spec.conditions)
    return waits <= facts.case.open_deadlines and not any(CONDITIONS[one](standing, facts) for one in asked)


def role_allows(event: str, standing: Standing, facts: Facts | None, roles: frozenset[str]) -> bool:
    """The rows where the role depends on more than the event.

    A conclusion is confirmed by SUP, or where SUP is its author by CHAIR or VCH. Risk goes up by CPO, down by SUP.
    Without facts (what might be done now) the direction is open, so either may. The duty desk routes a case nobody
    holds; one that has a holder is assigned by the department itself.
    """
    if event in ("confirm_not_substantiated", "confirm_redirect"):
        by_sup = standing.memory.get(Memory.CONCLUSION_ROLE) == "SUP"
        return bool(roles & (DECIDERS if by_sup else {"SUP"}))
    if event == "update_risk" and facts is not None and facts.risk and facts.case.risk and facts.risk < facts.case.risk:
        return "SUP" in roles
    if event == "assign_transfer":
        by = DEPARTMENT if standing.custody == "unrouted" else {"DOH", "PROV", "NAT"}
        return bool(roles & by)
    return True


def unit_allows(event: str, facts: Facts) -> bool:
    """The rows where the unit depends on more than the scope.

    An isolation is ordered by the Chair of the place of incident or of residence (Art. 32), or DOH's delegate. A
    transfer is proposed and taken back by the unit that holds the case, and answered by the one it was proposed to.
    """
    case, mine = facts.case, facts.actor.units
    if event in _BY_HOLDER:
        return case.unit in mine or facts.actor.is_delegate
    if event in _BY_RECEIVER:
        return case.transfer_to in mine
    if event == "request_transfer":
        return case.unit not in mine
    if event != "order_isolation" or facts.actor.is_delegate:
        return True
    return facts.actor.unit in {case.incident_unit, case.residence_unit} - {""}


def conclusion_role(facts: Facts) -> str:
    """Whose proposal a conclusion counts as: SUP's when its author holds or deputises SUP, else the CPO's."""
    return "SUP" if "SUP" in acting_roles(facts.actor) else "CPO"
