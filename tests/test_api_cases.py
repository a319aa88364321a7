"""Reports taken in and cases read, while Temporal is away: nothing is lost, and nobody sees what is not theirs."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from deploy.runtime.postgres import Postgres
from models.access import ACTIONS, DATA, TABLE, DataClass, Scope, may, scope, sees, sees_document
from models.database import Who, transaction
from models.lifecycle import ROLES
from models.records.audit import audit
from tests.api_support import NOW, PASSWORD, Door, open_door, report_body, temporal_away
from tests.case_support import recuse


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    """The door while Temporal is away."""
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


# --- the table of access -------------------------------------------------------------------------------------------


def test_every_action_and_role_has_a_scope_and_unknown_roles_have_none() -> None:
    assert set(TABLE) == set(ACTIONS)
    assert all(role in ROLES for row in TABLE.values() for role in row)
    for action in ACTIONS:
        assert scope("NOBODY", action) is Scope.NONE
        assert any(may(role, action) for role in ROLES)


def test_roles_without_case_content_have_no_case_and_no_identifiers() -> None:
    for role in ("NAT", "AUD", "ADM", "DPO", "INF"):
        assert not may(role, "read_case")
        assert not sees(role, DataClass.P1)
        assert not sees(role, DataClass.P2)


def test_the_informant_is_for_deciders_only_and_sensitive_documents_for_the_case_team() -> None:
    assert {role for role in DATA if sees(role, DataClass.INFORMANT)} == {"CHAIR", "VCH", "DEL"}
    assert sees_document("CPO", "M03")
    assert not sees_document("DOHD", "M03")
    assert sees_document("DOHD", "M02")
    assert not sees_document("PROV", "M01")


# --- taking a report in --------------------------------------------------------------------------------------------


async def test_a_report_is_answered_with_its_cases_and_every_deadline_that_runs_though_temporal_is_away(
    door: Door,
) -> None:
    receipt = await door.report("h111", flagged=True, children=[{"name": "Bé Một"}, {}])
    assert receipt["received_at"] == "2026-11-23T02:00:00Z"
    assert [case["child_index"] for case in receipt["cases"]] == [0, 1]
    for case in receipt["cases"]:
        assert case["state"] == {"process": "received", "protection": "emergency", "ban": "none", "custody": "held"}
        due = {one["code"]: one for one in case["deadlines"]}
        assert {"acknowledge", "emergency_12h", "written_report"} <= set(due)
        emergency = due["emergency_12h"]
        assert emergency["due_at"] == "2026-11-23T14:00:00Z"
        assert (emergency["mark"], emergency["amount"]) == ("★", "12 H")
        assert emergency["explanation"]["start_event"]
        assert [rung["level"] for rung in emergency["rungs"]] == ["E1", "E2", "E3", "E4"]
        assert emergency["name"]["vi"] != emergency["name"]["en"]
    assert "Bé Một" not in json.dumps(receipt)


@pytest.mark.parametrize("flagged", [False, True])
async def test_a_receipt_says_what_the_record_holds(door: Door, flagged: bool) -> None:
    receipt = await door.report("cpo.a", flagged=flagged, children=[{"name": "Bé Một"}, {}])
    for case in receipt["cases"]:
        read = (await door.get("cpo.a", f"/cases/{case['id']}")).json()
        assert case["state"] == read["state"]
        assert case["deadlines"] == (await door.get("cpo.a", f"/cases/{case['id']}/deadlines")).json()


async def test_the_first_notices_are_told_to_the_officer_on_duty_at_once(door: Door) -> None:
    await door.report("h111", flagged=True)
    told = {row["role"] for row in await door.sql("SELECT role FROM notice")}
    assert {"CPO", "SUP", "DOHD"} <= told


async def test_the_same_report_twenty_times_at_once_is_one_report_and_twenty_equal_answers(door: Door) -> None:
    key, body = uuid4(), report_body()
    await door.sign_in("cpo.a")
    answers = await asyncio.gather(*(door.post("cpo.a", "/reports", body, key=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    counts = await door.sql(
        "SELECT (SELECT count(*) FROM report) AS reports, (SELECT count(*) FROM case_file) AS cases"
    )
    assert (counts[0]["reports"], counts[0]["cases"]) == (1, 1)


async def test_the_same_report_a_day_later_has_the_same_receipt(door: Door) -> None:
    key, body = uuid4(), report_body()
    first = await door.post("cpo.a", "/reports", body, key=key)
    door.clock.forward(days=1)
    door.tokens.clear()
    assert (await door.post("cpo.a", "/reports", body, key=key)).json() == first.json()


async def test_a_key_is_bound_to_what_it_came_with(door: Door) -> None:
    key = uuid4()
    assert (await door.post("cpo.a", "/reports", report_body(), key=key)).status_code == 201
    other = await door.post("cpo.a", "/reports", report_body(flagged=True), key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_key_belongs_to_one_person(door: Door) -> None:
    key = uuid4()
    one = await door.post("cpo.a", "/reports", report_body(), key=key)
    other = await door.post("cpo.b", "/reports", report_body(), key=key)
    assert one.status_code == other.status_code == 201
    assert one.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("key", [None, "no-uuid"])
async def test_a_report_without_a_key_is_refused(door: Door, key: str | None) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await door.call("cpo.a", "POST", "/reports", json=report_body(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == ["header", "Idempotency-Key"]


async def test_an_unknown_field_is_refused_and_nothing_is_applied(door: Door) -> None:
    answer = await door.post("cpo.a", "/reports", report_body() | {"colour": "red"}, key=uuid4())
    assert answer.status_code == 422
    counts = await door.sql("SELECT (SELECT count(*) FROM report) + (SELECT count(*) FROM submission) AS rows")
    assert counts[0]["rows"] == 0


async def test_a_receipt_in_the_future_is_refused(door: Door) -> None:
    late = (NOW + timedelta(minutes=1)).isoformat()
    answer = await door.post("cpo.a", "/reports", report_body(received_at=late), key=uuid4())
    assert answer.json()["errors"] == [{"path": ["body", "received_at"], "code": "instant-in-future"}]


async def test_whoever_is_no_receiver_cannot_take_a_report_in(door: Door) -> None:
    answer = await door.post("admin", "/reports", report_body(), key=uuid4())
    assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")


async def test_a_school_takes_a_report_in_and_reads_it_but_not_the_case(door: Door) -> None:
    receipt = await door.report("edu")
    assert (await door.get("edu", f"/reports/{receipt['id']}")).status_code == 200
    assert (await door.get("edu", f"/cases/{receipt['cases'][0]['id']}")).status_code == 404


async def test_the_province_sees_that_there_is_a_report_and_not_what_it_says(door: Door) -> None:
    receipt = await door.report("cpo.a")
    province = (await door.get("prov", f"/reports/{receipt['id']}")).json()
    assert (province["content"], province["withheld"], province["informant"]) == (None, True, False)


async def test_who_reads_one_childs_case_reads_nothing_of_the_other_child_in_the_report(door: Door) -> None:
    children = [{"name": "Anh Cả", "incident_unit": "HN-A"}, {"name": "Em Út", "incident_unit": "HN-B"}]
    report = (await door.report("h111", unit=None, children=children))["id"]
    for username in ("cpo.a", "cpo.b", "prov"):
        shown = (await door.get(username, f"/reports/{report}")).json()
        assert (shown["content"], shown["withheld"]) == (None, True), username
    for username in ("dohd", "h111"):
        shown = (await door.get(username, f"/reports/{report}")).json()
        assert [child["name"] for child in shown["content"]["m01"]["children"]] == ["Anh Cả", "Em Út"], username


# --- scope ---------------------------------------------------------------------------------------------------------


async def readers(door: Door, case: str, usernames: list[str]) -> dict[str, int]:
    return {name: (await door.get(name, f"/cases/{case}")).status_code for name in usernames}


async def test_a_commune_case_is_read_by_its_team_and_the_province_and_by_nobody_else(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    may_read = ["cpo.a", "cpo2.a", "sup.a", "chair.a", "vch.a", "doh", "dohd", "prov"]
    may_not = ["cpo.b", "sup.b", "chair.b", "pol.a", "h111", "h111s", "nat", "aud", "dpo", "admin", "hlt", "edu"]
    assert await readers(door, case, may_read) == dict.fromkeys(may_read, 200)
    assert await readers(door, case, may_not) == dict.fromkeys(may_not, 404)


async def test_the_hotline_reads_what_it_took_in(door: Door) -> None:
    case = (await door.report("h111"))["cases"][0]["id"]
    assert await readers(door, case, ["h111", "h111s", "h111.2"]) == {"h111": 200, "h111s": 200, "h111.2": 404}


async def test_out_of_scope_is_answered_like_unknown_at_every_address(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    for tail in ("", "/timeline", "/deadlines", "/documents", f"/documents/{uuid4()}", "/escalations", "/household"):
        bodies = []
        for reference in (case, str(uuid4()), "AN-0000-0000"):
            answer = await door.get("cpo.b", f"/cases/{reference}{tail}", headers={"Accept-Language": "vi"})
            assert answer.status_code == 404
            bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
        assert bodies[0] == bodies[1] == bodies[2]
    answer = await door.act("cpo.b", case, "acknowledge")
    assert answer.status_code == 404


async def test_whoever_is_recused_sees_nothing_anywhere(door: Door) -> None:
    receipt = await door.report("sup.a")
    case = receipt["cases"][0]["id"]
    assert (await readers(door, case, ["sup.a"])) == {"sup.a": 200}
    await recuse(door, case, door.person("sup.a"))
    assert (await readers(door, case, ["sup.a", "chair.a"])) == {"sup.a": 404, "chair.a": 200}
    assert (await door.get("sup.a", "/cases")).json()["items"] == []
    assert (await door.get("sup.a", f"/reports/{receipt['id']}")).status_code == 404
    assert (await door.get("sup.a", "/inbox")).json()["items"] == []
    assert (await door.get("sup.a", "/escalations")).json()["items"] == []


async def test_a_recused_persons_deputy_does_not_read_as_their_deputy(door: Door) -> None:
    case = (await door.report("chair.a"))["cases"][0]["id"]
    await door.sql(
        "INSERT INTO deputy (id, principal_id, deputy_id, unit_id, role, valid_from) "
        "VALUES (:id, :chair, :other, :unit, 'CHAIR', :at)",
        id=uuid4(), chair=door.person("chair.a"), other=door.person("chair.b"), unit=door.unit("HN-A"), at=NOW,
    )  # fmt: skip
    assert await readers(door, case, ["chair.b"]) == {"chair.b": 200}
    await recuse(door, case, door.person("chair.a"))
    assert await readers(door, case, ["chair.b"]) == {"chair.b": 404}


async def test_the_decider_named_for_one_case_reads_that_one(door: Door) -> None:
    cases = [(await door.report("cpo.a"))["cases"][0]["id"] for _ in range(2)]
    await door.sql(
        "INSERT INTO delegate (id, case_id, person_id, since) VALUES (:id, :case, :who, :at)",
        id=uuid4(), case=cases[0], who=door.person("chair.b"), at=NOW,
    )  # fmt: skip
    assert await readers(door, cases[0], ["chair.b"]) == {"chair.b": 200}
    assert await readers(door, cases[1], ["chair.b"]) == {"chair.b": 404}


async def test_the_vice_chair_of_a_recused_chair_sees_nothing_until_named(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    assert await readers(door, case, ["vch.a"]) == {"vch.a": 200}
    await recuse(door, case, door.person("chair.a"))
    assert await readers(door, case, ["vch.a", "sup.a"]) == {"vch.a": 404, "sup.a": 200}
    assert (await door.get("vch.a", "/cases")).json()["items"] == []
    await door.sql(
        "INSERT INTO delegate (id, case_id, person_id, since) VALUES (:id, :case, :who, :at)",
        id=uuid4(), case=case, who=door.person("vch.a"), at=NOW,
    )  # fmt: skip
    assert await readers(door, case, ["vch.a"]) == {"vch.a": 200}


async def test_a_case_nobody_holds_waits_at_the_duty_desk(door: Door) -> None:
    case = (await door.report("h111", unit=None))["cases"][0]
    assert case["state"]["custody"] == "unrouted"
    assert await readers(door, case["id"], ["dohd", "cpo.a"]) == {"dohd": 200, "cpo.a": 404}


async def test_the_province_reads_codes_and_no_name(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    assert (await door.get("cpo.a", f"/cases/{case}")).json()["child"]["full_name"] == "Bé Mẫu"
    assert (await door.get("prov", f"/cases/{case}")).json()["child"] is None


async def test_the_household_shows_only_cases_of_the_readers_own_scope(door: Door) -> None:
    children = [{"name": "Anh", "incident_unit": "HN-A"}, {"name": "Em", "incident_unit": "HN-B"}]
    first, second = (await door.report("h111", unit=None, children=children))["cases"]
    mine = (await door.get("cpo.a", f"/cases/{first['id']}/household")).json()["items"]
    assert mine == []
    wider = (await door.get("dohd", f"/cases/{first['id']}/household")).json()["items"]
    assert [one["id"] for one in wider] == [second["id"]]


async def test_a_position_that_moved_moves_the_scope_with_it(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    await door.sql("UPDATE unit_parent SET valid_to = :at WHERE unit_id = :unit", at=NOW, unit=door.unit("HN-A"))
    assert await readers(door, case, ["dohd"]) == {"dohd": 404}


# --- reading -------------------------------------------------------------------------------------------------------


async def test_a_case_is_found_by_its_code_and_says_what_its_reader_may_do(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]
    shown = (await door.get("cpo.a", f"/cases/{case['code']}")).json()
    assert shown["id"] == case["id"]
    allowed = {action["event"]: action for action in shown["allowed_actions"]}
    assert "acknowledge" in allowed
    assert "approve_plan" not in allowed
    assert allowed["acknowledge"]["label"]["vi"]
    assert allowed["raise_emergency"]["input"]["required"] == ["trigger"]
    chair = (await door.get("chair.a", f"/cases/{case['id']}")).json()["allowed_actions"]
    assert "acknowledge" not in {action["event"] for action in chair}


async def test_a_complaint_is_offered_once_the_police_have_decided_not_to_prosecute(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]

    async def offered() -> bool:
        shown = (await door.get("sup.a", f"/cases/{case}")).json()
        return "record_complaint" in {action["event"] for action in shown["allowed_actions"]}

    assert not await offered()
    await door.sql(
        "INSERT INTO referral (id, code, case_id, service, need, created_at, warnings, receiver_id, state, memory, "
        "sequence, outcome, protocol_version, updated_at) VALUES (:id, 'CG-1', :case, 'police_report', 'DV_PL', :at, "
        "'[]', :unit, 'delivered', '{}', 2, 'PROSECUTED', 'x', :at)",
        id=uuid4(), case=case, unit=door.unit("HN-A"), at=NOW,
    )  # fmt: skip
    assert not await offered()
    await door.sql("UPDATE referral SET outcome = 'NOT_PROSECUTED' WHERE case_id = :case", case=case)
    assert await offered()


async def test_every_read_is_on_record(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    for tail in ("", "/timeline", "/deadlines", "/documents", "/household", "/escalations"):
        await door.get("sup.a", f"/cases/{case}{tail}")
    await door.get("sup.a", "/cases")
    rows = await door.sql(
        "SELECT action, case_id, detail FROM audit_entry WHERE actor_id = :who AND action <> 'sign_in' ORDER BY at, id",
        who=door.person("sup.a"),
    )
    # Opened for the first time, it asked to be declared for: refused, declared, then read.
    assert [row["action"] for row in rows[:2]] == ["request", "declare"]
    assert [row["action"] for row in rows[2:]] == [
        "read", "read_timeline", "read_deadlines", "list_documents", "read_household", "read_escalations", "list",
    ]  # fmt: skip
    assert all(str(row["case_id"]) == case for row in rows[:-1])
    assert rows[-1]["detail"] == {"cases": [case]}


async def test_a_denied_read_is_on_record_without_saying_of_what(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    await door.get("cpo.b", f"/cases/{case}")
    rows = await door.sql("SELECT outcome, code FROM audit_entry WHERE actor_id = :who AND action = 'request'",
                          who=door.person("cpo.b"))  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [("refused", "not-found")]


async def test_no_audit_no_read(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    await door.sign_in("sup.a")
    await door.sql("REVOKE INSERT ON audit_entry FROM annhi_api")
    try:
        answer = await door.get("sup.a", f"/cases/{case}")
    finally:
        await door.sql("GRANT INSERT ON audit_entry TO annhi_api")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "Bé Mẫu" not in answer.text


async def test_lists_are_filtered_and_paged_without_a_gap_or_a_double(door: Door) -> None:
    for minute in range(7):
        await door.report("cpo.a", flagged=minute % 2 == 0)
        door.clock.forward(minutes=1)
    seen: list[str] = []
    async for page in door.pages("cpo.a", "/cases", limit=3):
        seen += [item["id"] for item in page]
        if len(seen) < 7:
            await door.report("cpo.a")  # a new one on top shifts no page
    assert len(seen) == len(set(seen)) == 7
    times = [item["received_at"] for item in (await door.get("cpo.a", "/cases")).json()["items"]]
    assert times == sorted(times, reverse=True)
    for params, count in (
        ({"protection": "emergency"}, 4),
        ({"process": ["received", "screening"]}, 9),
        ({"process": "closed"}, 0),
        ({"risk": "R4"}, 0),
        ({"unit": "HN-A"}, 9),
        ({"unit": "HN-B"}, 0),
        ({"owner": str(door.person("cpo.a"))}, 0),
    ):
        assert len((await door.get("cpo.a", "/cases", params=params)).json()["items"]) == count, params


async def test_what_is_due_and_what_is_overdue_can_be_asked_for(door: Door) -> None:
    case = (await door.report("cpo.a", flagged=True))["cases"][0]["id"]
    assert (await door.get("cpo.a", "/cases", params={"overdue": True})).json()["items"] == []
    soon = (NOW + timedelta(minutes=30)).isoformat()
    assert len((await door.get("cpo.a", "/cases", params={"due_before": soon})).json()["items"]) == 1
    door.clock.forward(minutes=30)
    late = (await door.get("cpo.a", "/cases", params={"overdue": True})).json()["items"]
    assert [(one["id"], one["overdue"], one["next_due"]["code"]) for one in late] == [(case, 1, "acknowledge")]
    assert datetime.fromisoformat(late[0]["next_due"]["due_at"]) == NOW + timedelta(minutes=30)


@pytest.mark.parametrize("cursor", ["x", "e30=", "WzEsMl0=", "ü"])
async def test_a_cursor_that_is_none_of_ours_is_refused(door: Door, cursor: str) -> None:
    answer = await door.get("cpo.a", "/cases", params={"cursor": cursor})
    assert answer.json()["errors"] == [{"path": ["query", "cursor"], "code": "cursor-not-valid"}]


async def test_the_timeline_begins_with_the_report(door: Door) -> None:
    case = (await door.report("h111", flagged=True))["cases"][0]["id"]
    first = (await door.get("cpo.a", f"/cases/{case}/timeline")).json()[0]
    assert (first["kind"], first["event"], first["implied"]) == ("event", "receive_report", ["raise_emergency"])
    assert (first["by"]["name"], first["role"]) == ("Nguyễn Thùy Dung (mẫu)", "H111")


# --- inbox, calls, escalations -------------------------------------------------------------------------------------


async def test_the_inbox_speaks_the_readers_language_and_says_nothing_of_the_child(door: Door) -> None:
    case = (await door.report("h111", flagged=True))["cases"][0]
    page = (await door.get("sup.a", "/inbox", params={"unseen_only": True})).json()
    assert len(page["items"]) == 1
    notice = page["items"][0]
    assert notice["case_code"] == case["code"]
    assert "Bé Mẫu" not in json.dumps(page)
    english = (await door.get("sup.a", "/inbox", headers={"Accept-Language": "en"})).json()["items"][0]
    assert english["subject"] != notice["subject"]
    seen = await door.post("sup.a", f"/inbox/{notice['id']}/seen")
    assert datetime.fromisoformat(seen.json()["seen_at"]) == NOW
    door.clock.forward(minutes=5)
    again = await door.post("sup.a", f"/inbox/{notice['id']}/seen")
    assert again.json()["seen_at"] == seen.json()["seen_at"]
    assert (await door.get("sup.a", "/inbox", params={"unseen_only": True})).json()["items"] == []
    assert (await door.post("cpo.b", f"/inbox/{notice['id']}/seen")).status_code == 404


async def escalate(door: Door, case: str, *usernames: str) -> str:
    """An escalation of the case's first deadline that went to these people."""
    deadline = (await door.sql("SELECT id FROM deadline WHERE case_id = :case ORDER BY code LIMIT 1", case=case))[0]
    escalation = uuid4()
    await door.sql(
        "INSERT INTO escalation (id, case_id, deadline_id, ordinal, level, unit_id, state, nobody, opened_at) "
        "VALUES (:id, :case, :deadline, 0, 'E1', :unit, 'open', false, :at)",
        id=escalation, case=case, deadline=deadline["id"], unit=door.unit("HN-A"), at=door.clock.at,
    )  # fmt: skip
    for name in usernames:
        await door.sql(
            "INSERT INTO escalation_recipient (escalation_id, person_id, role, watching) "
            "VALUES (:id, :who, 'SUP', false)",
            id=escalation, who=door.person(name),
        )  # fmt: skip
    return str(escalation)


async def test_an_escalation_is_acknowledged_and_resolved_by_whom_it_went_to(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    escalation = await escalate(door, case, "sup.a")
    door.clock.forward(minutes=10)
    listed = (await door.get("sup.a", "/escalations", params={"mine": True, "state": "open"})).json()["items"]
    assert [(one["id"], one["age_seconds"], one["went_to"][0]["role"]) for one in listed] == [(escalation, 600, "SUP")]
    taken = await door.post("sup.a", f"/escalations/{escalation}/acknowledge")
    assert taken.json()["state"] == "acknowledged"
    done = await door.post("sup.a", f"/escalations/{escalation}/resolve", {"resolution": "Đã cử người đến"})
    assert (done.json()["state"], done.json()["resolution"]) == ("resolved", "Đã cử người đến")
    late = await door.post("chair.a", f"/escalations/{escalation}/resolve", {"resolution": "Trùng"})
    assert (late.status_code, late.json()["code"]) == (409, "escalation-not-open")
    assert late.json()["about"] == {"state": "resolved"}
    of_case = (await door.get("chair.a", f"/cases/{case}/escalations")).json()["items"]
    assert [one["resolved_by"]["name"] for one in of_case] == ["Ngô Thị Lan Phương (mẫu)"]
    codes = await door.sql("SELECT action, outcome FROM audit_entry WHERE action LIKE '%escalation' ORDER BY at, id")
    assert [tuple(row.values()) for row in codes][:3] == [
        ("acknowledge_escalation", "done"), ("resolve_escalation", "done"), ("resolve_escalation", "refused"),
    ]  # fmt: skip


async def test_escalations_are_listed_by_person_unit_and_age(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    first = await escalate(door, case, "sup.a")
    door.clock.forward(minutes=10)
    second = await escalate(door, (await door.report("cpo.a"))["cases"][0]["id"], "chair.a", "sup.a")

    async def listed(username: str, **chosen: Any) -> list[str]:
        return [one["id"] for one in (await door.get(username, "/escalations", params=chosen)).json()["items"]]

    assert await listed("dohd") == [first, second]
    assert await listed("dohd", person=str(door.person("sup.a"))) == [first, second]
    assert await listed("dohd", person=str(door.person("chair.a"))) == [second]
    assert await listed("dohd", person=str(door.person("cpo.a"))) == []
    assert await listed("dohd", unit="HN-A") == [first, second]
    assert await listed("dohd", unit="HN-B") == []
    assert await listed("dohd", opened_before=(NOW + timedelta(minutes=5)).isoformat()) == [first]
    # Whose people somebody asks about widens nothing.
    assert await listed("cpo.b", person=str(door.person("sup.a"))) == []


async def test_what_was_done_about_an_escalation_is_read_by_who_may_read_the_case(door: Door) -> None:
    case = (await door.report("h111"))["cases"][0]["id"]
    escalation = await escalate(door, case, "sup.a", "nat")
    await door.post("sup.a", f"/escalations/{escalation}/resolve", {"resolution": "Đã đón cháu Tên"})

    async def words(username: str) -> Any:
        return [one["resolution"] for one in (await door.get(username, "/escalations")).json()["items"]]

    assert {name: await words(name) for name in ("sup.a", "chair.a", "dohd", "prov", "nat", "h111", "h111s")} == {
        "sup.a": ["Đã đón cháu Tên"], "chair.a": ["Đã đón cháu Tên"], "dohd": ["Đã đón cháu Tên"], "prov": [None],
        "nat": [None], "h111": [None], "h111s": [None],
    }  # fmt: skip


async def test_an_escalation_is_not_answered_from_below_or_from_elsewhere(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    escalation = await escalate(door, case, "sup.a")
    below = await door.post("cpo.a", f"/escalations/{escalation}/acknowledge")
    assert (below.status_code, below.json()["code"]) == (403, "not-permitted")
    assert (await door.post("sup.b", f"/escalations/{escalation}/acknowledge")).status_code == 404
    assert (await door.get("sup.b", "/escalations")).json()["items"] == []


async def test_the_nation_answers_what_reached_it_and_still_reads_no_case(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    escalation = await escalate(door, case, "nat")
    assert [one["id"] for one in (await door.get("nat", "/escalations")).json()["items"]] == [escalation]
    assert (await door.get("nat", f"/cases/{case}")).status_code == 404


async def test_a_call_is_recorded_by_the_office_that_is_to_phone(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    call = uuid4()
    await door.sql(
        "INSERT INTO call_task (id, case_id, person_id, caller_unit_id, reason, state, created_at) "
        "VALUES (:id, :case, :who, :unit, 'no_channel', 'open', :at)",
        id=call, case=case, who=door.person("sup.a"), unit=door.unit("HN-SYT"), at=NOW,
    )  # fmt: skip
    listed = (await door.get("dohd", "/calls")).json()["items"]
    assert [(one["id"], one["person"]["name"]) for one in listed] == [(str(call), "Ngô Thị Lan Phương (mẫu)")]
    assert (await door.get("h111s", "/calls")).json()["items"] == []
    assert (await door.get("cpo.a", "/calls")).status_code == 403
    assert (await door.post("h111s", f"/calls/{call}/record", {"outcome": "reached"})).status_code == 404
    again = await door.post("dohd", f"/calls/{call}/record", {"outcome": "no_answer"})
    assert again.json()["state"] == "open"
    reached = await door.post("dohd", f"/calls/{call}/record", {"outcome": "reached"})
    assert reached.json()["state"] == "done"
    twice = await door.post("dohd", f"/calls/{call}/record", {"outcome": "reached"})
    assert twice.json()["code"] == "call-already-recorded"


# --- administration ------------------------------------------------------------------------------------------------


async def test_a_call_that_fell_to_no_office_is_no_other_desks_and_none_of_the_recused(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    calls = {None: uuid4(), door.unit("HN-SYT"): uuid4()}
    for unit, call in calls.items():
        await door.sql(
            "INSERT INTO call_task (id, case_id, person_id, caller_unit_id, reason, state, created_at) "
            "VALUES (:id, :case, :who, :unit, 'message_failed', 'open', :at)",
            id=call, case=case, who=door.person("sup.a"), unit=unit, at=NOW,
        )  # fmt: skip
    stray, own = (str(call) for call in calls.values())
    assert [one["id"] for one in (await door.get("dohd", "/calls")).json()["items"]] == [own]
    assert (await door.post("dohd", f"/calls/{stray}/record", {"outcome": "reached"})).status_code == 404
    assert [one["id"] for one in (await door.get("nat", "/calls")).json()["items"]] == [stray]
    await recuse(door, case, door.person("dohd"))
    assert (await door.get("dohd", "/calls")).json()["items"] == []
    assert (await door.post("dohd", f"/calls/{own}/record", {"outcome": "reached"})).status_code == 404


async def test_an_office_is_added_renamed_and_ended(door: Door) -> None:
    body = {
        "code": "HN-E",
        "kind": "commune",
        "name_vi": "Xã Mới",
        "name_en": "New",
        "parent_id": str(door.unit("HN-SYT")),
    }
    made = await door.post("admin", "/units", body)
    assert made.status_code == 201, made.text
    unit = made.json()["id"]
    assert (await door.post("admin", "/units", body)).json()["code"] == "code-taken"
    read = await door.get("admin", f"/units/{unit}")
    names = {"name_vi": "Xã Rất Mới", "name_en": "Newer"}
    without = await door.call("admin", "PATCH", f"/units/{unit}", json=names)
    assert (without.status_code, without.json()["code"]) == (428, "precondition-required")
    tag = {"If-Match": read.headers["etag"]}
    changed = await door.call("admin", "PATCH", f"/units/{unit}", json=names, headers=tag)
    assert changed.json()["name_vi"] == "Xã Rất Mới"
    stale = await door.call("admin", "PATCH", f"/units/{unit}", json=names, headers=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    door.clock.forward(hours=1)
    ended = await door.post("admin", f"/units/{unit}/end", {})
    assert datetime.fromisoformat(ended.json()["valid_to"]) == door.clock.at
    # It has no place in the tree any more, so it is nobody's to end.
    assert (await door.post("admin", f"/units/{unit}/end", {})).json()["code"] == "not-found"
    codes = [one["code"] for one in (await door.get("cpo.a", "/units", params={"limit": 200})).json()["items"]]
    assert "HN-E" not in codes
    assert "HN-A" in codes


async def test_a_person_gets_a_position_that_can_be_ended_and_then_holds_no_longer(door: Door) -> None:
    person = (await door.post("admin", "/people", {"full_name": "Người Mới", "phone": "+84000999"})).json()["id"]
    body = {"person_id": person, "unit_id": str(door.unit("HN-A")), "role": "CPO"}
    position = await door.post("admin", "/positions", body)
    assert position.status_code == 201, position.text
    account = (await door.post("admin", f"/people/{person}/account", {"username": "nguoi.moi"})).json()
    link = account["set_up_link"].partition("link=")[2]
    await door.post(None, "/set-up", {"link": link, "password": PASSWORD})
    assert (await door.get("nguoi.moi", "/me")).json()["roles"] == ["CPO"]
    door.clock.forward(minutes=1)
    await door.post("admin", f"/positions/{position.json()['id']}/end", {})
    assert (await door.get("nguoi.moi", "/me")).json()["code"] == "position-ended"


async def test_an_administrator_gives_nothing_to_themselves(door: Door) -> None:
    me, unit = str(door.person("admin")), str(door.unit("HN-A"))
    cpo = str(door.person("cpo.a"))
    for path, body in (
        ("/positions", {"person_id": me, "unit_id": unit, "role": "CPO"}),
        ("/deputies", {"principal_id": cpo, "deputy_id": me, "unit_id": unit, "role": "CPO"}),
        (f"/people/{me}/account", {"username": "admin2"}),
    ):
        assert (await door.post("admin", path, body)).json()["code"] == "not-for-yourself", path


async def test_an_administrator_reaches_only_the_units_below(door: Door) -> None:
    body = {"person_id": str(door.person("cpo.a")), "unit_id": str(door.unit("VN")), "role": "NAT"}
    answer = await door.post("admin", "/positions", body)
    assert answer.json()["errors"] == [{"path": ["body", "unit_id"], "code": "not-one-of-yours"}]
    account = await door.post("admin", f"/people/{door.person('nat')}/account", {"username": "nat"})
    assert account.status_code == 404
    assert (await door.get("admin", f"/people/{door.person('nat')}")).status_code == 404


async def test_nobody_else_administers(door: Door) -> None:
    for username in ("cpo.a", "chair.a", "doh", "nat"):
        assert (await door.get(username, "/people")).status_code == 403
        assert (await door.post(username, "/people", {"full_name": "X"})).status_code == 403


async def test_rota_absences_and_deputies_are_listed_added_and_ended(door: Door) -> None:
    cpo, sup, unit = str(door.person("cpo.a")), str(door.person("sup.a")), str(door.unit("HN-A"))
    span = {"starts_at": NOW.isoformat(), "ends_at": (NOW + timedelta(hours=8)).isoformat()}
    made = {
        "shifts": {"unit_id": unit, "role": "CPO", "person_id": cpo, **span},
        "absences": {"person_id": cpo, **span},
        "deputies": {"principal_id": sup, "deputy_id": cpo, "unit_id": unit, "role": "SUP"},
    }
    for path, body in made.items():
        added = await door.post("admin", f"/{path}", body)
        assert added.status_code == 201, added.text
        params = {"limit": 200} if path == "absences" else {"limit": 200, "unit": unit}
        listed = (await door.get("admin", f"/{path}", params=params)).json()["items"]
        assert added.json() in listed
        door.clock.forward(minutes=1)
        ended = await door.post("admin", f"/{path}/{added.json()['id']}/end", {})
        assert ended.status_code == 200, ended.text
        assert (await door.post("admin", f"/{path}/{added.json()['id']}/end", {})).json()["code"] == "already-ended"
    backwards = made["shifts"] | {"ends_at": span["starts_at"]}
    assert (await door.post("admin", "/shifts", backwards)).status_code == 422
    past = await door.post("admin", "/absences", made["absences"] | {"ends_at": (NOW + timedelta(days=2)).isoformat()})
    wrong = await door.post("admin", f"/absences/{past.json()['id']}/end", {"at": NOW.isoformat()})
    assert wrong.status_code == 422


async def test_people_are_paged(door: Door) -> None:
    seen = [one["id"] for one in await door.every("admin", "/people", limit=20)]
    assert len(seen) == len(set(seen)) > 40


# --- the database's own guard --------------------------------------------------------------------------------------


async def test_the_apis_role_cannot_move_a_case(door: Door) -> None:
    case = (await door.report("cpo.a"))["cases"][0]["id"]
    from sqlalchemy import text  # noqa: PLC0415

    for statement in (
        "UPDATE case_file SET process = 'closed'",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET code = 'x'",
    ):
        with pytest.raises(DBAPIError):
            async with transaction(door.database.api, Who(system="test"), NOW) as connection:
                await connection.execute(text(statement))
    assert (await door.get("cpo.a", f"/cases/{case}")).json()["state"]["process"] == "received"
    async with transaction(door.database.api, Who(system="test"), NOW) as connection:
        await audit(connection, at=NOW, actor=None, action="read", record="case", outcome="done")
