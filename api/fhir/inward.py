"""What a partner's Task says of a referral, as the events that lead from where it stands to where the Task has it.

Where a Task cannot be read so, or leads nowhere, that is said and nothing is done: nothing is guessed about a child.
"""

from collections.abc import Container, Mapping
from typing import Any, Final

from fhir.resources.R4B.task import Task
from pydantic import ValidationError

from api.errors import fault
from api.fhir.resources import STATUS, system
from api.problems import Problem
from api.shapes.referrals import ReferralOut
from models.lifecycle.referral.rules import OUTCOMES
from models.vocabulary import codes

_KNOWN: Final = frozenset(
    {
        "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold",
        "failed", "completed", "entered-in-error",
    }
)  # fmt: skip
"""The value set of Task.status, which is required (R4B)."""

_WAY: Final = ("sent", "acknowledged", "accepted", "in_service", "delivered")
_STEPS: Final = ("acknowledge", "accept", "start_service", "deliver")
"""The way a referral goes where all goes well, and the event of each step."""
_ON_THE_WAY: Final = {"received": "acknowledged", "accepted": "accepted", "in-progress": "in_service",
                      "completed": "delivered"}  # fmt: skip
_STANDS_AT: Final = {"scheduled": "accepted", "needs_info": "acknowledged"}


def events(body: Mapping[str, Any], shown: ReferralOut, base: str) -> list[dict[str, Any]]:
    """The acts a Task stands for, in order; none where it says what is so already.

    Args:
        body: the resource, as JSON.
        shown: the referral as the partner sees it.
        base: public address of the installation.

    Raises:
        Problem: ``invalid-request``, naming the element; ``fhir-status-not-possible``.
    """
    told = _read(body, shown, base)
    status = str(told.status)
    if status == STATUS[shown.state] and not _appoints(told, shown):
        return []
    if status == "accepted" and _appoints(told, shown):
        return [*_along(shown, "accepted", told, base), _appointment(told)]
    if status in _ON_THE_WAY:
        return _along(shown, _ON_THE_WAY[status], told, base)
    if status == "rejected" and shown.state in ("sent", "acknowledged"):
        reason = _coded_of(told.statusReason, system(base, "decline_reasons"), codes("decline_reasons"), "statusReason")
        return [*_along(shown, "acknowledged", told, base), {"event": "decline", "decline_reason": reason}]
    if status == "on-hold" and shown.state in ("sent", "acknowledged"):
        question = getattr(told.statusReason, "text", None)
        if not question:
            raise fault("missing", "body", "statusReason", "text")
        return [*_along(shown, "acknowledged", told, base), {"event": "request_info", "question": question}]
    if status == "on-hold" and shown.state in ("accepted", "scheduled"):
        order = _coded_of(told.statusReason, system(base, "orders_awaited"), codes("orders_awaited"), "statusReason")
        return [{"event": "wait_for_order", "order_awaited": order}]
    raise Problem("fhir-status-not-possible", extra={"about": {"status": status, "state": shown.state}})


def _read(body: Mapping[str, Any], shown: ReferralOut, base: str) -> Task:
    if body.get("resourceType") != "Task":
        raise fault("not-a-task", "body", "resourceType")
    try:
        told = Task.model_validate(dict(body))
    except ValidationError as error:
        path = [str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"]]
        raise fault("not-conformant", "body", *path) from None
    if told.status not in _KNOWN:
        raise fault("unknown-code", "body", "status")
    if told.id is not None and str(told.id) != str(shown.id):
        raise fault("another-resource", "body", "id")
    named = [one.value for one in told.identifier or () if one.system == system(base, "referral")]
    if named and named != [shown.code]:
        raise fault("another-resource", "body", "identifier")
    return told


def _along(shown: ReferralOut, to: str, told: Task, base: str) -> list[dict[str, Any]]:
    here = _STANDS_AT.get(shown.state, shown.state)
    if here not in _WAY or _WAY.index(here) > _WAY.index(to) or shown.state == "needs_info":
        about = {"status": str(told.status), "state": shown.state}
        raise Problem("fhir-status-not-possible", extra={"about": about})
    steps = _STEPS[_WAY.index(here) : _WAY.index(to)]
    return [_delivery(told, base) if event == "deliver" else {"event": event} for event in steps]


def _delivery(told: Task, base: str) -> dict[str, Any]:
    outcome = next((one for one in told.output or () if getattr(one.type, "text", None) == "outcome"), None)
    code = getattr(outcome, "valueCodeableConcept", None)
    made: dict[str, Any] = {
        "event": "deliver",
        "outcome": _coded_of(code, system(base, "provider_outcomes"), OUTCOMES, "output"),
    }
    report = next((one for one in told.output or () if getattr(one.type, "text", None) == "report"), None)
    if report is not None and getattr(report, "valueString", None):
        made["report"] = report.valueString
    return made


def _appoints(told: Task, shown: ReferralOut) -> bool:
    """Whether it makes an appointment: when the service is to begin, and where."""
    start = getattr(told.executionPeriod, "start", None)
    return told.status == "accepted" and start is not None and told.location is not None and (
        shown.state != "scheduled" and shown.appointment_at is None
    )  # fmt: skip


def _appointment(told: Task) -> dict[str, Any]:
    where, start = getattr(told.location, "display", None), getattr(told.executionPeriod, "start", None)
    if not where or start is None:
        raise fault("missing", "body", "location", "display")
    return {"event": "schedule", "when": start.isoformat(), "where": where}


def _coded_of(concept: Any, of: str, known: Container[str], element: str) -> str:
    """Our own code in a concept; a foreign one alone says nothing that is agreed on."""
    for coding in getattr(concept, "coding", None) or ():
        if coding.system == of and coding.code in known:
            return str(coding.code)
    raise fault("unknown-code", "body", element)
