"""Consent and the views through the door: recorded, asked, taken back, and never sought from who is alleged."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.api_support import Door
from tests.world import MINUTES, SIGNED, form02, form04

pytestmark = pytest.mark.servers

FATHER = {"relation": "CHA_ME_DE", "sex": "MALE", "name": "Trần Văn Dữ"}
MOTHERS = {
    "scope": "SERVICE", "services": ["DV_TL"], "answer": "given", "giver": "MOTHER", "means": "in_person",
    "child_view": "Con đồng ý gặp cô tâm lý",
}  # fmt: skip
GROUND = {
    "scope": "SERVICE", "answer": "ground", "ground": "LIFE_HEALTH", "best_interest_note": "Cần cấp cứu ngay",
}  # fmt: skip


async def case_of(door: Door, *, alleged: Any = (), age: int | None = 8, by: str = "cpo.a") -> str:
    child = {"name": "Bé Mẫu", "estimated_age": age, "alleged": list(alleged)}
    case = str((await door.report(by, children=[child]))["cases"][0]["id"])
    await door.get("cpo.a", f"/cases/{case}")  # declares
    return case


async def record(door: Door, case: str, body: Any, by: str = "cpo.a") -> dict[str, Any]:
    answer = await door.post(by, f"/cases/{case}/consents", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def allows(door: Door, case: str, service: str = "DV_TL", scope: str = "SERVICE") -> tuple[bool, str]:
    params = {"scope": scope} | ({"service": service} if scope == "SERVICE" else {})
    said = (await door.get("cpo.a", f"/cases/{case}/consents/allows", params=params)).json()
    return said["allowed"], said["why"]


async def code(door: Door, case: str, body: Any, by: str = "cpo.a") -> str:
    said = (await door.post(by, f"/cases/{case}/consents", body)).json()
    return str(said["errors"][0]["code"] if said["code"] == "invalid-request" else said["code"])


async def test_what_was_agreed_to_allows_that_and_nothing_else(door: Door) -> None:
    case = await case_of(door)
    assert await allows(door, case) == (False, "nothing-said")
    made = await record(door, case, MOTHERS)
    assert (made["recorded_by"]["id"], made["services"]) == (str(door.person("cpo.a")), ["DV_TL"])
    assert await allows(door, case) == (True, "consent")
    assert await allows(door, case, "DV_PL") == (False, "nothing-said")


async def test_taking_it_back_says_what_must_stop_and_does_it_once(door: Door) -> None:
    case = await case_of(door)
    made = await record(door, case, {**MOTHERS, "services": ["DV_TL", "DV_PL"]})
    await record(door, case, {**GROUND, "services": ["DV_PL"]})
    path = f"/cases/{case}/consents/{made['id']}/withdraw"
    back = (await door.post("cpo.a", path, {"note": "Mẹ đổi ý"})).json()
    assert back["stops"] == ["SERVICE/DV_TL"]
    assert await allows(door, case) == (False, "ended")
    assert await allows(door, case, "DV_PL") == (True, "ground")
    assert (await door.post("cpo.a", path, {})).json()["code"] == "already-ended"
    listed = (await door.get("sup.a", f"/cases/{case}/consents")).json()
    assert [one["stops"] for one in listed] == [["SERVICE/DV_TL"], None]


async def test_a_ground_says_what_the_law_says_whether_that_was_checked_and_why_it_serves_the_child(door: Door) -> None:
    case = await case_of(door)
    made = await record(door, case, GROUND)
    assert made["legal_basis"] == "Luật 91/2025/QH15 Điều 19 khoản 1"
    assert (made["ground_verified"], made["decided_by"]["id"]) == (True, str(door.person("cpo.a")))
    unchecked = await record(door, case, {**GROUND, "ground": "STATE_DUTY", "decided_by": str(door.person("sup.a"))})
    assert (unchecked["ground_verified"], unchecked["decided_by"]["id"]) == (False, str(door.person("sup.a")))


async def test_the_alleged_carer_is_not_asked_and_a_substitute_is(door: Door) -> None:
    case = await case_of(door, alleged=[FATHER])
    refused = await door.post("cpo.a", f"/cases/{case}/consents", {**MOTHERS, "giver": "FATHER"})
    assert (refused.status_code, refused.json()["code"]) == (409, "consent-from-alleged")
    assert refused.json()["about"] == {"instead": "SUBSTITUTE"}
    assert (
        await code(door, case, {**MOTHERS, "giver": "GUARDIAN", "giver_name": "Tran Van Du"}) == "consent-from-alleged"
    )
    assert (await record(door, case, {**MOTHERS, "giver": "SUBSTITUTE"}))["giver"] == "SUBSTITUTE"
    assert (await record(door, case, MOTHERS))["giver"] == "MOTHER"


async def test_what_a_parent_agreed_to_counts_no_longer_once_they_are_alleged(door: Door) -> None:
    case = await case_of(door)
    await record(door, case, {**MOTHERS, "giver": "FATHER"})
    assert await allows(door, case) == (True, "consent")
    again = {"m01": {"children": [{"alleged": [FATHER]}]}}
    assert (await door.act("cpo.a", case, "add_report", again)).status_code == 200
    assert await allows(door, case) == (False, "nothing-said")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"child_view": None}, "child-view-missing"),
        ({"giver": None}, "giver-missing"),
        ({"means": None}, "giver-missing"),
        ({"ground": "LIFE_HEALTH"}, "giver-missing"),
        ({"scope": "REPORTING"}, "services-without-scope"),
        ({"scope": "ANYTHING"}, "unknown-code"),
        ({"services": ["DV_X"]}, "unknown-code"),
        ({"said_at": "2030-01-01T00:00:00Z"}, "instant-in-future"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "ends-before-start"),
        ({"decided_by": "00000000-0000-4000-8000-000000000000"}, "unknown"),
        ({"answer": "ground"}, "ground-incomplete"),
        ({"colour": "red"}, "extra-forbidden"),
    ],
)
async def test_half_an_entry_is_refused_and_says_where(door: Door, change: dict[str, Any], fault: str) -> None:
    case = await case_of(door)
    body = {name: value for name, value in {**MOTHERS, **change}.items() if value is not None}
    assert await code(door, case, body) == fault
    assert (await door.get("cpo.a", f"/cases/{case}/consents")).json() == []


async def test_no_ground_publishes_and_a_young_child_is_not_asked_for_its_view(door: Door) -> None:
    case = await case_of(door, age=5)
    assert await code(door, case, {**GROUND, "scope": "PUBLICATION"}) == "publication-needs-consent"
    young = {name: value for name, value in MOTHERS.items() if name != "child_view"}
    await record(door, case, {**young, "scope": "PUBLICATION", "services": []})
    assert await allows(door, case, scope="PUBLICATION") == (True, "consent")


async def test_nothing_said_is_changed_or_deleted_by_anybody(door: Door) -> None:
    made = await record(door, await case_of(door), MOTHERS)
    for engine in (door.database.api, door.database.owner):
        for statement in ("UPDATE consent SET answer = 'refused' WHERE id = :id", "DELETE FROM consent WHERE id = :id"):
            with pytest.raises(DBAPIError):
                async with engine.begin() as connection:
                    await connection.execute(text(statement), {"id": made["id"]})


async def test_who_reads_and_records_is_said_by_the_table_and_the_scope(door: Door) -> None:
    case = await case_of(door)
    for stranger in ("cpo.b", "sup.b"):
        assert (await door.get(stranger, f"/cases/{case}/consents")).status_code == 404, stranger
        assert (await door.post(stranger, f"/cases/{case}/consents", MOTHERS)).status_code == 404, stranger
    for other in ("prov", "h111", "dpo", "aud", "hlt"):
        assert (await door.get(other, f"/cases/{case}/consents")).json()["code"] == "not-permitted", other
    other_case = await case_of(door)
    made = await record(door, case, MOTHERS)
    assert (await door.post("cpo.a", f"/cases/{other_case}/consents/{made['id']}/withdraw", {})).status_code == 404
    assert (await door.post("cpo.a", f"/cases/{case}/consents/{uuid4()}/withdraw", {})).status_code == 404


async def test_broken_glass_lends_no_recording(door: Door) -> None:
    case = await case_of(door)
    asked = {"reason": "CHILD_FOUND", "note": "x", "minutes": 30}
    grant = (await door.post("cpo.b", f"/cases/{case}/break-glass", asked)).json()["id"]
    assert (await door.post("sup.b", f"/break-glass/{grant}/confirm")).status_code == 200
    assert (await door.get("cpo.b", f"/cases/{case}/consents")).status_code == 200
    assert (await door.post("cpo.b", f"/cases/{case}/consents", MOTHERS)).status_code == 404


async def test_the_views_are_computed_from_the_record(door: Door) -> None:
    case = await case_of(door, alleged=[FATHER])
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("cpo.a", "acknowledge", {}),
        ("cpo.a", "accept", {"owner_id": str(door.person("cpo.a"))}),
        ("cpo.a", "complete_initial_assessment", {"m02": form02()}),
        ("cpo.a", "substantiate", {"verification": {"findings": "Có căn cứ"}}),
        ("cpo.a", "complete_detailed_assessment", {"m03": {"conclusion": "Cần hỗ trợ"}}),
        ("cpo.a", "record_needs_meeting", {"minutes": MINUTES}),
        ("cpo.a", "submit_plan", {"m04": form04("a", "b"), "m05": {}}),
    ]
    for who, event, body in steps:
        answer = await door.act(who, case, event, body)
        assert answer.status_code == 200, answer.text
    view = f"/cases/{case}/views"
    before = (await door.get("cpo.a", f"{view}/child")).json()
    assert {one["part"] for one in before["told"]} == {"OWN_WORDS"}, "a plan nobody has approved is told to nobody"
    plans = (await door.get("chair.a", f"/cases/{case}/documents", params={"kind": "M04"})).json()["items"]
    approved = {"content_hash": plans[0]["content_hash"], "decision": SIGNED}
    answer = await door.act("chair.a", case, "approve_plan", approved)
    assert answer.status_code == 200, answer.text

    child = (await door.get("cpo.a", f"{view}/child")).json()
    assert [one["content"]["key"] for one in child["told"] if one["part"] == "PLAN"] == ["a", "b"]
    assert [one["content"]["number"] for one in child["told"] if one["part"] == "DECISIONS"] == [SIGNED["number"]]
    mother = (await door.get("cpo.a", f"{view}/guardian", params={"who": "MOTHER"})).json()
    assert {one["part"] for one in mother["told"]} == {"PLAN", "DECISIONS"}
    father = (await door.get("cpo.a", f"{view}/guardian", params={"who": "FATHER"})).json()
    assert father["told"] == []
    assert {one["reason"] for one in father["withheld"]} == {"PERPETRATOR", "SEALED"}
    assert all(one["why"]["vi"] for one in father["withheld"])

    kept = {"reader": "MOTHER", "part": "PLAN", "reason": "RISK_IF_TOLD"}
    made = (await door.post("cpo.a", f"/cases/{case}/withholdings", kept)).json()
    mother = (await door.get("cpo.a", f"{view}/guardian", params={"who": "MOTHER"})).json()
    assert {one["part"] for one in mother["told"]} == {"DECISIONS"}
    assert (await door.post("cpo.a", f"/cases/{case}/withholdings/{made['id']}/end")).status_code == 200
    mother = (await door.get("cpo.a", f"{view}/guardian", params={"who": "MOTHER"})).json()
    assert {one["part"] for one in mother["told"]} == {"PLAN", "DECISIONS"}
    assert (await door.get("cpo.a", f"{view}/guardian")).status_code == 422
    assert (await door.get("cpo.a", f"{view}/guardian", params={"who": "CHILD"})).status_code == 422
    assert (await door.get("prov", f"{view}/child")).json()["code"] == "not-permitted"
