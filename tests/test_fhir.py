"""Referrals over FHIR R4B: what is shown conforms, and shows no more than the API does; what is said is carried out."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.task import Task

from api.fhir import outward
from api.fhir.resources import PRIORITY, REQUEST_STATUS, STATUS, system
from api.shapes.base import Text, UnitRef
from api.shapes.referrals import MinimumOut, ReferralOut, SliceOut
from models.lifecycle.referral import SERVICES
from models.lifecycle.referral.states import STATES, TAKEN_ON
from tests.api_support import NOW, Door
from tests.referral_door_support import a_case, asked
from tests.webhook_support import a_system

BASE = "http://door.test"
FHIR = {"Content-Type": "application/fhir+json"}
NAME = "Bé Mẫu"
CARE: dict[str, Any] = {
    "service": "psychosocial", "receiver": "HN-BV", "request": "Trẻ sợ ngủ một mình", "warnings": ["ALLEGED_NEARBY"],
}  # fmt: skip

# Required value sets of R4B, as they are published; ours must be among them.
TASK_STATUS = {
    "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed",
    "completed", "entered-in-error",
}  # fmt: skip
REQUEST_STATES = {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}
PRIORITIES = {"routine", "urgent", "asap", "stat"}


# --- pure -----------------------------------------------------------------------------------------------------------


def shown(service: str, state: str) -> ReferralOut:
    agreed = state in TAKEN_ON
    unit = UnitRef(id=uuid4(), code="HN-BV", name_vi="Bệnh viện (mẫu)", name_en="Hospital (sample)")
    child = {"full_name": NAME, "birth_date": NOW.date(), "estimated_age": 8, "sex": "FEMALE"}
    return ReferralOut(
        id=uuid4(), code="CG-1", service=service, label=Text(vi="a", en="b"), emergency=False, state=state,
        state_label=Text(vi=STATES[state].vi, en=STATES[state].en),
        awaits="FORENSIC_REQUEST" if state == "waiting_order" else None, extensions=0, receiver=unit,
        rerouted_from=None, step=None, created_at=NOW, sent_at=NOW, accepted_at=NOW if agreed else None,
        appointment_at=NOW + timedelta(days=1) if state == "scheduled" else None,
        ended_at=NOW if state not in STATUS or state in ("closed", "declined", "revoked") else None,
        outcome="PROVIDED" if state in ("delivered", "closed") else None,
        decline_reason="OTHER" if state == "declined" else None, consent_lost_at=None, sequence=3, windows=[],
        minimum=MinimumOut(age_band="AGE_6_10", sex="FEMALE", commune=unit, urgency="HIGH", warnings=[]),
        slice=SliceOut(child=child, request="Cần tham vấn", office=unit) if agreed else None, case=None,
        due_at=NOW + timedelta(hours=4), late=False, deadlines=[], allowed_actions=None,
    )  # fmt: skip


@pytest.mark.parametrize("state", [state for state in STATES if state != "draft"])
@pytest.mark.parametrize("service", SERVICES)
def test_every_referral_in_every_state_is_a_conformant_task(service: str, state: str) -> None:
    made = outward.task(shown(service, state), BASE, "vi").model_dump_json(by_alias=True)
    read = Task.model_validate_json(made)
    assert read.status == STATUS[state]
    assert read.status in TASK_STATUS
    assert read.intent == "order"
    assert read.priority in PRIORITIES
    request = next(one for one in read.contained if one.get_resource_type() == "ServiceRequest")
    assert request.status in REQUEST_STATES
    assert request.code.coding[0].code == service
    assert read.focus.reference == "#request"
    assert (NAME in made) == (state in TAKEN_ON)
    assert ("Cần tham vấn" in made) == (state in TAKEN_ON)


def test_every_state_but_a_draft_and_every_urgency_has_its_code() -> None:
    assert set(STATUS) == set(REQUEST_STATUS) == set(STATES) - {"draft"}
    assert set(PRIORITY) == {"EMERGENCY", "HIGH", "ORDINARY"}


# --- over HTTP ------------------------------------------------------------------------------------------------------


async def a_referral(door: Door) -> str:
    (result,) = await asked(door, await a_case(door), CARE)
    assert result["problem"] is None, result
    return str(result["referral"]["id"])


async def get(door: Door, who: str, path: str) -> Any:
    answer = await door.get(who, f"/fhir/{path}")
    assert answer.headers["content-type"].startswith("application/fhir+json"), answer.text
    return answer


async def put(door: Door, who: str, referral: str, status: str, **more: Any) -> Any:
    body = {"resourceType": "Task", "id": referral, "status": status, "intent": "order", **more}
    return await door.call(who, "PUT", f"/fhir/Task/{referral}", content=json.dumps(body), headers=FHIR)


def coded(vocabulary: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system(BASE, vocabulary), "code": code}]}


def outcome(code: str) -> dict[str, Any]:
    return {"type": {"text": "outcome"}, "valueCodeableConcept": coded("provider_outcomes", code)}


def issue(answer: Any) -> tuple[int, str, str]:
    read = OperationOutcome.model_validate(answer.json())
    return answer.status_code, str(read.issue[0].code), str(read.issue[0].details.coding[0].code)


@pytest.mark.servers
async def test_a_hospital_answers_a_whole_referral_in_fhir(door: Door) -> None:
    referral = await a_referral(door)
    first = Task.model_validate((await get(door, "hlt", f"Task/{referral}")).json())
    assert (first.status, first.priority) == ("requested", "urgent")
    assert NAME not in first.model_dump_json()
    for status, state in (("received", "acknowledged"), ("accepted", "accepted"), ("in-progress", "in_service")):
        answer = await put(door, "hlt", referral, status)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == status
        assert (await door.get("cpo.a", f"/referrals/{referral}")).json()["state"] == state
        again = await put(door, "hlt", referral, status)
        assert again.headers["etag"] == answer.headers["etag"], "said twice, done once"
    patient = next(one for one in answer.json()["contained"] if one["resourceType"] == "Patient")
    assert patient["name"] == [{"text": NAME}]
    report = {"type": {"text": "report"}, "valueString": "Đã tham vấn ba buổi"}
    answer = await put(door, "hlt", referral, "completed", output=[outcome("PROVIDED"), report])
    assert answer.status_code == 200, answer.text
    seen = (await door.get("cpo.a", f"/referrals/{referral}")).json()
    assert (seen["state"], seen["outcome"]) == ("delivered", "PROVIDED")
    assert Task.model_validate(answer.json()).output[0].valueCodeableConcept.coding[0].code == "PROVIDED"


@pytest.mark.servers
async def test_a_system_says_accepted_at_once_and_makes_an_appointment_with_its_token(door: Door) -> None:
    referral = await a_referral(door)
    hospital = await a_system(door, "https://benh-vien.example/hook")
    when = (door.clock.now() + timedelta(days=1)).isoformat()
    body = {
        "resourceType": "Task", "status": "accepted", "intent": "order", "executionPeriod": {"start": when},
        "location": {"display": "Phòng tham vấn số 2"},
    }  # fmt: skip
    answer = await door.http.put(
        f"/api/v1/fhir/Task/{referral}", json=body, headers={**FHIR, "Authorization": f"Bearer {hospital.token}"}
    )
    assert answer.status_code == 200, answer.text
    events = await door.sql("SELECT event FROM referral_event WHERE referral_id = :id ORDER BY sequence", id=referral)
    assert [row["event"] for row in events][-3:] == ["acknowledge", "accept", "schedule"]
    assert answer.json()["businessStatus"]["coding"][0]["code"] == "scheduled"
    bundle = await door.http.get("/api/v1/fhir/Task", headers={"Authorization": f"Bearer {hospital.token}"})
    read = Bundle.model_validate(bundle.json())
    assert referral in {str(entry.resource.id) for entry in read.entry}


@pytest.mark.servers
async def test_a_no_has_a_reason_of_ours_and_a_question_its_words(door: Door) -> None:
    referral = await a_referral(door)
    assert issue(await put(door, "hlt", referral, "rejected")) == (422, "invalid", "invalid-request")
    foreign = {"coding": [{"system": "http://example.org", "code": "OTHER"}]}
    assert issue(await put(door, "hlt", referral, "rejected", statusReason=foreign))[0] == 422
    assert issue(await put(door, "hlt", referral, "on-hold"))[0] == 422
    assert (await door.get("cpo.a", f"/referrals/{referral}")).json()["state"] == "sent", "nothing was done"
    asked_back = await put(door, "hlt", referral, "on-hold", statusReason={"text": "Trẻ đi cùng ai?"})
    assert asked_back.json()["businessStatus"]["coding"][0]["code"] == "needs_info"
    other = await a_referral(door)
    answer = await put(door, "hlt", other, "rejected", statusReason=coded("decline_reasons", "NO_CAPACITY"))
    assert answer.status_code == 200, answer.text
    assert (await door.get("cpo.a", f"/referrals/{other}")).json()["decline_reason"] == "NO_CAPACITY"


@pytest.mark.servers
async def test_what_is_not_conformant_or_leads_nowhere_is_an_operation_outcome_and_does_nothing(door: Door) -> None:
    referral = await a_referral(door)
    for body, expression in (
        ({"resourceType": "Patient"}, "resourceType"),
        ({"resourceType": "Task", "intent": "order"}, "status"),
        ({"resourceType": "Task", "status": "dancing", "intent": "order"}, "status"),
        ({"resourceType": "Task", "status": "accepted", "intent": "order", "id": str(uuid4())}, "id"),
        ({"resourceType": "Task", "status": "accepted", "intent": "order", "color": "red"}, "color"),
    ):
        answer = await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content=json.dumps(body), headers=FHIR)
        assert issue(answer) == (422, "invalid", "invalid-request"), body
        assert expression in answer.json()["issue"][1]["expression"][0], answer.text
    for status in ("cancelled", "failed", "draft", "entered-in-error", "ready"):
        assert issue(await put(door, "hlt", referral, status)) == (409, "conflict", "fhir-status-not-possible")
    assert issue(await put(door, "hlt", referral, "completed")) == (422, "invalid", "invalid-request"), "no outcome"
    assert (await door.get("cpo.a", f"/referrals/{referral}")).json()["state"] == "sent"
    await put(door, "hlt", referral, "accepted")
    assert issue(await put(door, "hlt", referral, "received")) == (409, "conflict", "fhir-status-not-possible")
    malformed = await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content="{", headers=FHIR)
    assert issue(malformed)[0] == 400
    plain = await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content="x", headers={"Content-Type": "text/plain"})
    assert issue(plain) == (415, "not-supported", "media-type-not-supported")


@pytest.mark.servers
async def test_a_version_that_was_passed_is_refused(door: Door) -> None:
    referral = await a_referral(door)
    tag = (await get(door, "hlt", f"Task/{referral}")).headers["etag"]
    body = json.dumps({"resourceType": "Task", "status": "received", "intent": "order"})
    first = await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content=body, headers={**FHIR, "If-Match": tag})
    assert first.status_code == 200, first.text
    body = body.replace("received", "accepted")
    stale = await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content=body, headers={**FHIR, "If-Match": tag})
    assert issue(stale) == (412, "conflict", "precondition-failed")


@pytest.mark.servers
async def test_a_task_that_was_refused_is_corrected_at_the_same_version(door: Door) -> None:
    referral = await a_referral(door)
    tag = (await put(door, "hlt", referral, "in-progress")).headers["etag"]

    async def completed(code: str) -> Any:
        body = {"resourceType": "Task", "status": "completed", "intent": "order", "output": [outcome(code)]}
        headers = {**FHIR, "If-Match": tag}
        return await door.call("hlt", "PUT", f"/fhir/Task/{referral}", content=json.dumps(body), headers=headers)

    for code in ("DECLINED_BY_PROVIDER", "PROSECUTED"):
        refusal = await completed(code)
        assert issue(refusal) == (422, "invalid", "invalid-request")
        assert refusal.json()["issue"][1]["details"]["coding"][0]["code"] == "unknown-code", code
        assert refusal.json()["issue"][1]["expression"] == ["output"], code
    assert (await get(door, "hlt", f"Task/{referral}")).headers["etag"] == tag
    corrected = await completed("PROVIDED")
    assert corrected.status_code == 200, corrected.text
    seen = (await door.get("cpo.a", f"/referrals/{referral}")).json()
    assert (seen["state"], seen["outcome"]) == ("delivered", "PROVIDED")


@pytest.mark.servers
async def test_what_the_lifecycle_refused_does_not_use_up_the_key_of_the_next(door: Door) -> None:
    """A police report has outcomes of its own, which FHIR does not know: each of ours is refused for what it is."""
    (result,) = await asked(door, await a_case(door), {"service": "police_report", "receiver": "HN-CA"})
    referral = str(result["referral"]["id"])
    assert (await put(door, "pol.tp", referral, "in-progress")).status_code == 200
    for code in ("PROVIDED", "PROVIDED", "NOT_AVAILABLE"):
        told = await put(door, "pol.tp", referral, "completed", output=[outcome(code)])
        assert issue(told) == (422, "invalid", "value-not-allowed"), code


@pytest.mark.servers
async def test_nobody_else_finds_it_and_errors_are_in_the_readers_language(door: Door) -> None:
    referral = await a_referral(door)
    assert issue(await door.get("leg", f"/fhir/Task/{referral}")) == (404, "not-found", "not-found")
    assert issue(await door.get("cpo.a", "/fhir/Task")) == (403, "forbidden", "not-permitted")
    assert issue(await door.get(None, "/fhir/Task")) == (401, "login", "not-signed-in")
    english = await door.call("leg", "GET", f"/fhir/Task/{UUID(int=0)}", headers={"Accept-Language": "en"})
    vietnamese = await door.get("leg", f"/fhir/Task/{UUID(int=0)}")
    texts = {one.json()["issue"][0]["details"]["text"] for one in (english, vietnamese)}
    assert len(texts) == 2


@pytest.mark.servers
async def test_the_server_says_what_it_can_do(door: Door) -> None:
    answer = await get(door, "hlt", "metadata")
    said = CapabilityStatement.model_validate(answer.json())
    assert (said.fhirVersion, said.rest[0].resource[0].type) == ("4.3.0", "Task")
