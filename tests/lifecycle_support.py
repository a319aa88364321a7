"""Facts for the lifecycle's tests: one act that brings everything any event could ask for, to take away from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.lifecycle import (
    EVENTS,
    SYSTEM_ROLE,
    Actor,
    CaseFacts,
    ClockFact,
    Decision,
    DocumentFact,
    ExceptionFact,
    Facts,
    Refused,
    ReportFact,
    Standing,
    advance,
)
from models.lifecycle.facts import TYPED_NEEDS
from models.lifecycle.table import UNIT, standing_in

RECEIPT = datetime(2027, 2, 5, 16, 40, tzinfo=UTC)
NOW = RECEIPT + timedelta(hours=3)

EVERY_DOCUMENT = {
    kind: DocumentFact(content_hash="hash", author="writer")
    for spec in EVENTS.values()
    for kind in (*spec.documents, *spec.may_bring)
}
EVERY_NAME = frozenset(need for spec in EVENTS.values() for need in spec.needs) - TYPED_NEEDS | {"decision"}


def person(role: str, name: str | None = None, **more: Any) -> Actor:
    return Actor(person=name or f"person-{role}", role=role, unit=UNIT, is_delegate=role == "DEL", **more)


def full(role: str | Actor = "CPO", **changed: Any) -> Facts:
    """An act that lacks nothing, by somebody who authored nothing."""
    facts: dict[str, Any] = {
        "actor": role if isinstance(role, Actor) else person(role),
        "receipt": RECEIPT,
        "occurred_at": NOW,
        "recorded_at": NOW,
        "documents": EVERY_DOCUMENT,
        "given": EVERY_NAME,
        "owner": "owner",
        "target_case": "other-case",
        "match_confirmed": True,
        "risk": "R3",
        "emergency_decision": False,
        "trigger": "HEALTH",
        "closure_reason": "DEATH",
        "end_ground": "CARERS_SAFE",
        "isolation_days": 7,
        "ban_days": 3,
        "ban_requester": "VICTIM",
        "approved_hash": "hash",
        "destination_receipt": True,
        "clock": ClockFact(code="verify", mark="○"),
        "pause_days": 2,
        "delegate": "delegate",
        "recused_person": "somebody",
        "to_unit": "another-unit",
        "item": "item",
        "across": True,
        "report": ReportFact(receipt=NOW),
        "case": CaseFacts(
            id="this-case",
            risk="R2",
            unit=UNIT,
            transfer_to=UNIT,
            incident_unit=UNIT,
            recused_roles=frozenset({"SUP"}),
            open_deadlines=frozenset({"death_review", "transfer_request"}),
            open_items=dict.fromkeys(("case_task", "conference", "case_flag"), frozenset({"item"})),
            not_prosecuted=True,
        ),
    }
    return Facts(**(facts | changed))


def full_for(event: str, role: str | Actor = "CPO", **changed: Any) -> Facts:
    """The same for one event: a case is asked for where another commune holds it and nobody has asked yet."""
    facts = full(role, **changed)
    if event != "request_transfer":
        return facts
    other = facts.case.model_copy(update={"unit": "elsewhere", "open_deadlines": frozenset()})
    return facts.model_copy(update={"case": other})


def case(**changed: Any) -> CaseFacts:
    return full().case.model_copy(update=changed)


def at(process: str = "active", **regions: str) -> Standing:
    """A standing by its process state, its other regions at their quietest unless named."""
    standing = standing_in("process", process, regions.pop("conclusion", ""))
    memory = dict(standing.memory)
    for region, state in regions.items():
        memory |= standing_in(region, state).memory  # type: ignore[arg-type]
    return Standing(**(standing.model_dump() | regions | {"memory": memory}))


def decided(standing: Standing | None, event: str, facts: Facts) -> Decision:
    answer = advance(standing, event, facts)
    assert isinstance(answer, Decision), f"{event} refused: {answer}"
    return answer


def refused(standing: Standing | None, event: str, facts: Facts) -> str:
    answer = advance(standing, event, facts)
    assert isinstance(answer, Refused), f"{event} decided: {answer}"
    return answer.code


def exception_by(role: str, name: str | None = None) -> ExceptionFact:
    return ExceptionFact(approver=person(role, name))


CLOCKWORK = person(SYSTEM_ROLE)
