"""A referral as a FHIR R4B Task, with the ServiceRequest it fulfils and as much of the child as its reader may know."""

from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.task import Task

from api.fhir.resources import GENDER, PATH, PRIORITY, REQUEST_STATUS, STATUS, VERSION, system
from api.shapes.referrals import ReferralOut
from models.vocabulary import Language, label

_STATES: Final = "referral_states"
_NAMES: Final = {"full_name": "name", "birth_date": "birthDate"}


def task(shown: ReferralOut, base: str, language: Language) -> Task:
    """One referral.

    Args:
        shown: it as its reader sees it: nothing else of the case is put in.
        base: public address of the installation.
        language: of what is written for people.
    """
    contained = [_request(shown, base, language), _patient(shown)]
    made: dict[str, Any] = {
        "resourceType": "Task",
        "id": str(shown.id),
        "meta": {"versionId": str(shown.sequence)},
        "language": language,
        "contained": contained,
        "identifier": [{"system": system(base, "referral"), "value": shown.code}],
        "status": STATUS[shown.state],
        "businessStatus": _coded(base, _STATES, shown.state, shown.state_label, language),
        "intent": "order",
        "priority": PRIORITY[shown.minimum.urgency],
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "focus": {"reference": "#request"},
        "for": {"reference": "#patient"},
        "authoredOn": _instant(shown.sent_at or shown.created_at),
        "input": _inputs(shown, base, language),
    }
    made |= _statuses(shown, base, language)
    if shown.receiver is not None:
        made["owner"] = _organisation(shown.receiver, base, language)
    office = shown.slice.office if shown.slice is not None else shown.minimum.commune
    if office is not None:
        made["requester"] = _organisation(office, base, language)
    if shown.due_at is not None:
        made["restriction"] = {"period": {"end": _instant(shown.due_at)}}
    began = shown.appointment_at or shown.accepted_at
    if began is not None or shown.ended_at is not None:
        period = {"start": began, "end": shown.ended_at}
        made["executionPeriod"] = {name: _instant(at) for name, at in period.items() if at is not None}
    if shown.outcome is not None:
        made["output"] = [
            {"type": {"text": "outcome"}, "valueCodeableConcept": _code(base, "provider_outcomes", shown.outcome)}
        ]
    return Task.model_validate(made)


def searchset(shown: list[ReferralOut], base: str, language: Language) -> Bundle:
    """The reader's referrals as the answer to a search."""
    return Bundle.model_validate(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(shown),
            "entry": [
                {
                    "fullUrl": f"{base.rstrip('/')}{PATH}/Task/{one.id}",
                    "resource": task(one, base, language).model_dump(mode="json", by_alias=True),
                    "search": {"mode": "match"},
                }
                for one in shown
            ],
        }
    )


def capabilities(base: str, date: str) -> CapabilityStatement:
    """What this server does of FHIR.

    Args:
        base: public address of the installation.
        date: day of the statement, ISO 8601.
    """
    return CapabilityStatement.model_validate(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": date,
            "kind": "instance",
            "implementation": {"description": "An Nhi", "url": f"{base.rstrip('/')}{PATH}"},
            "fhirVersion": VERSION,
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"description": "Bearer tokens of service accounts, scopes referrals:read and :write."},
                    "resource": [
                        {
                            "type": "Task",
                            "versioning": "versioned-update",
                            "interaction": [{"code": "read"}, {"code": "update"}, {"code": "search-type"}],
                        }
                    ],
                }
            ],
        }
    )


def _request(shown: ReferralOut, base: str, language: Language) -> dict[str, Any]:
    request: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": "request",
        "status": REQUEST_STATUS[shown.state],
        "intent": "order",
        "priority": PRIORITY[shown.minimum.urgency],
        "code": _coded(base, "referral_services", shown.service, shown.label, language),
        "subject": {"reference": "#patient"},
        "authoredOn": _instant(shown.sent_at or shown.created_at),
    }
    if shown.appointment_at is not None:
        request["occurrenceDateTime"] = _instant(shown.appointment_at)
    if shown.slice is not None and shown.slice.request:
        request["note"] = [{"text": shown.slice.request}]
    return request


def _patient(shown: ReferralOut) -> dict[str, Any]:
    """The child: before its agency has agreed a sex, where that is known, and no name, no day."""
    child = shown.slice.child if shown.slice is not None else {}
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "patient"}
    sex = shown.minimum.sex or child.get("sex")
    if sex:
        patient["gender"] = GENDER.get(str(sex), "unknown")
    if child.get("full_name"):
        patient["name"] = [{"text": str(child["full_name"])}]
    if child.get("birth_date"):
        patient["birthDate"] = str(child["birth_date"])
    return patient


def _inputs(shown: ReferralOut, base: str, language: Language) -> list[dict[str, Any]]:
    least = shown.minimum
    inputs: list[dict[str, Any]] = [
        {"type": {"text": "age-band"}, "valueCodeableConcept": _code(base, "age_bands", least.age_band)}
    ]
    if least.commune is not None:
        name = least.commune.name_vi if language == "vi" else least.commune.name_en
        inputs.append({"type": {"text": "commune"}, "valueString": name})
    inputs += [
        {"type": {"text": "safety-warning"}, "valueCodeableConcept": _code(base, "safety_warnings", one)}
        for one in least.warnings
    ]
    inputs += [
        {"type": {"text": f"window-{one.window}"}, "valueDateTime": _instant(one.ends_at)} for one in shown.windows
    ]
    return inputs


def _statuses(shown: ReferralOut, base: str, language: Language) -> dict[str, Any]:
    if shown.decline_reason is not None:
        words = label("decline_reasons", shown.decline_reason, language)
        return {"statusReason": {**_code(base, "decline_reasons", shown.decline_reason), "text": words}}
    if shown.awaits is not None:
        words = label("orders_awaited", shown.awaits, language)
        return {"statusReason": {**_code(base, "orders_awaited", shown.awaits), "text": words}}
    return {}


def _organisation(unit: Any, base: str, language: Language) -> dict[str, Any]:
    return {
        "identifier": {"system": system(base, "unit"), "value": unit.code},
        "display": unit.name_vi if language == "vi" else unit.name_en,
    }


def _code(base: str, vocabulary: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system(base, vocabulary), "code": code, "display": label(vocabulary, code, "en")}]}


def _coded(base: str, vocabulary: str, code: str, said: Any, language: Language) -> dict[str, Any]:
    words = said.vi if language == "vi" else said.en
    return {"coding": [{"system": system(base, vocabulary), "code": code, "display": said.en}], "text": words}


def _instant(at: Any) -> str:
    return str(at.isoformat())
