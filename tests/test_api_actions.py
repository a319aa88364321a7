"""Actions through the door, with a real worker on a real Temporal server behind it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api_support import Door
from tests.case_support import a_case, case_of, done, recuse
from tests.service import eventually
from tests.world import MINUTES, SIGNED, World, form02, form04, form07

pytestmark = pytest.mark.servers


async def test_an_action_answers_with_the_case_and_what_it_started_and_met(door: Door) -> None:
    case = await case_of(door)
    said = await done(door, "cpo.a", case, "acknowledge", {"note": "Đã gọi lại"})
    assert said["case"]["state"]["process"] == "screening"
    assert said["command"]["event"] == "acknowledge"
    assert said["command"]["sequence"] == said["case"]["sequence"] == 2
    assert [one["code"] for one in said["met"]] == ["acknowledge"]
    assert [one["code"] for one in said["started"]] == ["screen"]
    assert said["met"][0]["met_by"] == "acknowledge"
    assert "accept" in {action["event"] for action in said["case"]["allowed_actions"]}
    documents = (await door.get("sup.a", f"/cases/{case}/documents", params={"kind": "act"})).json()["items"]
    assert [(one["kind"], one["version"], one["content"]) for one in documents] == [("act", 1, None)]
    whole = (await door.get("sup.a", f"/cases/{case}/documents/{documents[0]['id']}")).json()
    assert whole["content"] == {"note": "Đã gọi lại"}


async def test_the_same_action_twenty_times_at_once_has_one_effect_and_twenty_equal_answers(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    await door.sign_in("cpo.a")
    answers = await asyncio.gather(*(door.act("cpo.a", case, "acknowledge", {"note": "x"}, key=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    events = (await door.get("cpo.a", f"/cases/{case}/timeline")).json()
    assert [one["event"] for one in events if one["kind"] == "event"] == ["receive_report", "acknowledge"]
    acts = await door.get("cpo.a", f"/cases/{case}/documents", params={"kind": "act"})
    assert len(acts.json()["items"]) == 1


async def test_the_same_refusal_twenty_times_at_once_is_twenty_equal_refusals(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    await door.sign_in("cpo.a")
    answers = await asyncio.gather(*(door.act("cpo.a", case, "start_review", key=key) for _ in range(20)))
    bodies = [{name: value for name, value in answer.json().items() if name != "trace_id"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "not-allowed-in-state"
    refused = await door.sql(
        "SELECT count(*) AS n FROM command_record WHERE case_id = :case AND NOT accepted", case=case
    )
    assert refused[0]["n"] == 1


async def test_a_refused_move_lists_what_is_allowed_and_changes_nothing(door: Door) -> None:
    case = await case_of(door)
    answer = await door.act("cpo.a", case, "start_review")
    said = answer.json()
    assert (answer.status_code, said["code"]) == (409, "not-allowed-in-state")
    assert said["about"] == {"process": "received"}
    assert "acknowledge" in said["allowed"]
    assert "latest_event" not in said
    assert (await door.get("cpo.a", f"/cases/{case}")).json()["sequence"] == 1
    audited = await door.sql(
        "SELECT code FROM audit_entry WHERE case_id = :case AND outcome = 'refused' AND action <> 'request'", case=case
    )
    assert [row["code"] for row in audited] == ["not-allowed-in-state"]


async def test_another_roles_act_is_refused_as_such(door: Door) -> None:
    case = await case_of(door)
    answer = await door.act("chair.a", case, "acknowledge")
    assert (answer.status_code, answer.json()["code"]) == (403, "not-your-role")
    assert answer.json()["about"]["roles"] == "CPO DOHD SUP"


async def test_two_deciding_at_once_one_wins_and_the_other_is_told_who_and_what(door: Door) -> None:
    case = await case_of(door)
    for name in ("cpo.a", "sup.a"):
        await door.sign_in(name)
    answers = await asyncio.gather(*(door.act(name, case, "acknowledge") for name in ("cpo.a", "sup.a")))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner = next(name for name, answer in zip(("cpo.a", "sup.a"), answers, strict=True) if answer.status_code == 200)
    told = next(answer.json() for answer in answers if answer.status_code == 409)["latest_event"]
    names = {"cpo.a": ("Trịnh Thu Hà (mẫu)", "CPO"), "sup.a": ("Ngô Thị Lan Phương (mẫu)", "SUP")}
    assert (told["by"], told["role"]) == names[winner]
    assert told["event"] == "acknowledge"


async def test_a_key_with_another_body_is_refused_and_with_another_event_it_is_another_command(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    assert (await door.act("cpo.a", case, "acknowledge", {"note": "một"}, key=key)).status_code == 200
    assert (await door.act("cpo.a", case, "acknowledge", {"note": "hai"}, key=key)).json()[
        "code"
    ] == "idempotency-key-reused"
    owner = {"owner_id": str(door.person("cpo.a"))}
    assert (await door.act("cpo.a", case, "accept", owner, key=key)).status_code == 200


async def test_a_retry_after_the_case_went_on_still_gets_its_own_answer(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    first = (await door.act("cpo.a", case, "acknowledge", key=key)).json()
    await done(door, "cpo.a", case, "accept", {"owner_id": str(door.person("cpo.a"))})
    again = (await door.act("cpo.a", case, "acknowledge", key=key)).json()
    assert again["command"] == first["command"]
    assert again["case"]["state"]["process"] == "initial_assessment"


@pytest.mark.parametrize(
    ("event", "body", "path"),
    [
        ("accept", {}, ["body", "owner_id"]),
        ("acknowledge", {"colour": "red"}, ["body", "colour"]),
        ("raise_emergency", {"trigger": "BOREDOM"}, ["body", "trigger"]),
        ("complete_initial_assessment", {"m02": {"severity": {"level": "VERY"}}}, ["body", "m02", "severity", "level"]),
        ("acknowledge", {"occurred_at": "2026-11-23T09:00:00"}, ["body", "occurred_at"]),
    ],
)
async def test_a_wrong_body_is_refused_by_its_path_and_nothing_is_stored(
    door: Door, event: str, body: dict[str, Any], path: list[str]
) -> None:
    case = await case_of(door)
    answer = await door.act("cpo.a", case, event, body)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]]
    documents = (await door.get("cpo.a", f"/cases/{case}/documents")).json()["items"]
    assert {one["kind"] for one in documents} <= {"M01"}


async def test_an_unknown_event_has_no_address(door: Door) -> None:
    case = await case_of(door)
    assert (await door.act("cpo.a", case, "delete_everything")).status_code == 404
    assert (await door.act("cpo.a", case, "receive_report")).status_code == 404


async def test_an_act_is_recorded_later_than_it_happened_and_not_before_the_receipt(door: Door) -> None:
    case = await case_of(door, received_at=(door.clock.now() - timedelta(hours=1)).isoformat())
    then = door.clock.now() - timedelta(minutes=30)
    said = await done(door, "cpo.a", case, "acknowledge", {"occurred_at": then.isoformat()})
    assert datetime.fromisoformat(said["command"]["occurred_at"]) == then
    early = (door.clock.now() - timedelta(hours=2)).isoformat()
    refused = await door.act(
        "cpo.a", case, "record_follow_up", {"occurred_at": early, "follow_up": {"seen": ["trẻ"], "found": "ổn"}}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "too-early")
    late = (door.clock.now() + timedelta(hours=2)).isoformat()
    refused = await door.act(
        "cpo.a", case, "record_follow_up", {"occurred_at": late, "follow_up": {"seen": ["trẻ"], "found": "ổn"}}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "in-the-future")


async def test_an_act_is_recorded_on_behalf_of_the_chair_who_phoned(door: Door) -> None:
    case = await a_case(door)
    await done(door, "cpo.a", case, "raise_emergency", {"trigger": "HEALTH"})
    behalf = {"role": "CHAIR", "means": "phone"}
    measures = {"measures": [{"kind": "STOP_HARM"}], "with_whom": ["công an xã"]}
    await done(door, "cpo.a", case, "apply_measures", {"measures": measures, "on_behalf_of": behalf})
    last = [one for one in (await door.get("cpo.a", f"/cases/{case}/timeline")).json() if one["kind"] == "event"][-1]
    assert (last["event"], last["means"]) == ("apply_measures", "phone")
    assert {(last["by"] or {}).get("name"), (last["on_behalf_of"] or {}).get("name")} == {
        "Trịnh Thu Hà (mẫu)", "Phạm Văn Thành (mẫu)",
    }  # fmt: skip
    unclear = await door.act(
        "cpo.a", case, "end_protection", {"reason": "x", "on_behalf_of": {"role": "CPO", "means": "phone"}}
    )
    assert unclear.json()["errors"] == [{"path": ["body", "on_behalf_of", "person_id"], "code": "person-not-clear"}]


async def test_a_plan_goes_from_assessment_to_approval_by_the_hash_that_was_submitted(door: Door) -> None:
    case = await a_case(door)
    await done(door, "cpo.a", case, "complete_initial_assessment", {"m02": form02()})
    await done(door, "cpo.a", case, "substantiate", {"verification": {"findings": "có căn cứ"}})
    await done(door, "cpo.a", case, "complete_detailed_assessment", {"m03": {"conclusion": "cần hỗ trợ"}})
    await done(door, "cpo.a", case, "record_needs_meeting", {"minutes": MINUTES})
    await done(door, "cpo.a", case, "submit_plan", {"m04": form04("visit"), "m05": {}})
    plan = (await door.get("chair.a", f"/cases/{case}/documents", params={"kind": "M04"})).json()["items"][0]
    wrong = {"content_hash": "0" * 64, "decision": SIGNED}
    refused = await door.act("chair.a", case, "approve_plan", wrong)
    assert (refused.status_code, refused.json()["code"]) == (409, "content-changed")
    said = await done(door, "chair.a", case, "approve_plan", {"content_hash": plan["content_hash"], "decision": SIGNED})
    assert said["case"]["state"]["process"] == "active"
    assert {"plan_step", "review"} <= {one["code"] for one in said["started"]}
    sensitive = (await door.get("dohd", f"/cases/{case}/documents", params={"kind": "M03"})).json()["items"][0]
    assert sensitive["withheld"]
    shown = (await door.get("dohd", f"/cases/{case}/documents/{sensitive['id']}")).json()
    assert (shown["content"], shown["withheld"]) == (None, True)
    assert (await door.get("sup.a", f"/cases/{case}/documents/{sensitive['id']}")).json()["content"]


async def test_an_ended_case_takes_a_new_report_and_nothing_else(door: Door) -> None:
    case = await a_case(door)
    await done(door, "cpo.a", case, "complete_initial_assessment", {"m02": form02()})
    await done(door, "cpo.a", case, "propose_not_substantiated", {"reason": "không có căn cứ"})
    await done(door, "cpo.a", case, "send_written_report", {"report": {"happened": "đã xác minh"}})
    said = await done(door, "sup.a", case, "confirm_not_substantiated")
    assert said["case"]["state"]["process"] == "not_substantiated"
    refused = await door.act("cpo.a", case, "accept", {"owner_id": str(door.person("cpo.a"))})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-allowed-in-state")
    assert "reopen" in refused.json()["allowed"]
    assert refused.json()["latest_event"]["event"] == "confirm_not_substantiated"
    new = {
        "m01": {"channel": "PHONE", "children": [{"condition": "có vết thương mới"}]},
        "owner_id": str(door.person("cpo.a")),
    }
    back = await done(door, "cpo.a", case, "reopen", new)
    assert back["case"]["state"]["process"] == "initial_assessment"
    assert back["case"]["plan_version"] == 2
    assert {"emergency_12h", "initial_assessment"} <= {one["code"] for one in back["started"]}


async def test_a_further_report_starts_clocks_of_its_own(door: Door) -> None:
    case = await a_case(door)
    body = {"m01": {"channel": "PHONE", "children": [{}]}, "flagged": True, "trigger": "LIFE"}
    said = await done(door, "cpo.a", case, "add_report", body)
    assert said["command"]["implied"] == ["raise_emergency"]
    clocks = (await door.get("cpo.a", f"/cases/{case}/deadlines")).json()
    assert [one["occurrence"] for one in clocks if one["code"] == "emergency_12h"] == [1, 2]
    reports = await door.sql(
        "SELECT report_id, how FROM case_report WHERE case_id = :case ORDER BY received_at", case=case
    )
    assert len(reports) == 2
    assert (await door.get("cpo.a", f"/reports/{reports[1]['report_id']}")).status_code == 200


async def test_whoever_records_their_own_recusal_still_gets_the_answer_and_then_sees_nothing(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    body = {"person_id": str(door.person("sup.a")), "reason": "là chú của trẻ"}
    first = await door.act("sup.a", case, "record_recusal", body, key=key)
    said = first.json()
    assert first.status_code == 200, first.text
    assert (await door.act("sup.a", case, "record_recusal", body, key=key)).json() == said
    assert said["command"]["event"] == "record_recusal"
    assert (said["case"], said["started"], said["met"], said["changed"]) == (None, [], [], [])
    assert (await door.get("sup.a", f"/cases/{case}")).status_code == 404
    again = await door.act("sup.a", case, "acknowledge")
    assert (again.status_code, again.json()["code"]) == (404, "not-found")


async def test_no_name_and_no_text_goes_through_temporal(door: Door, world: World) -> None:
    case = await case_of(door, children=[{"name": "Tên Không Được Lộ"}])
    await done(door, "cpo.a", case, "acknowledge", {"note": "Lời Không Được Lộ"})
    history = await world.client.get_workflow_handle(f"case/{case}").fetch_history()
    plain = str(history.to_json())
    assert "Không Được Lộ" not in plain
    decoded = [
        await world.client.data_converter.payload_codec.decode([payload])  # type: ignore[union-attr]
        for event in history.events
        for payload in event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads
    ]
    assert decoded
    text = b"".join(payload.data for group in decoded for payload in group).decode()
    assert str(UUID(case)) in text
    assert "Lộ" not in text
    assert "\\u" not in text


# --- what is not theirs to read --------------------------------------------------------------------------------

FURTHER = {"m01": {"channel": "PHONE", "children": [{}]}, "flagged": False}
BAN = {"request": {"requested_by": "VICTIM", "against": "cha", "reason": "bạo lực gia đình"}}
RECEIVE = {"add_report": FURTHER, "raise_emergency": {"trigger": "LIFE"}, "request_ban": BAN}
OPENS = {"add_report": {"acknowledge", "emergency_12h"}, "raise_emergency": set(), "request_ban": {"ban_decision"}}


@pytest.mark.parametrize("event", RECEIVE)
@pytest.mark.parametrize("username", ["pol.a", "wu.a", "hlt", "edu", "h111.2", "h111s"])
async def test_every_receiver_adds_to_a_case_by_its_code_and_learns_nothing_of_it(
    door: Door, username: str, event: str
) -> None:
    receipt = await door.report("cpo.a", children=[{"name": "Tên Không Được Lộ"}])
    case, code = receipt["cases"][0]["id"], receipt["cases"][0]["code"]
    key = uuid4()
    answer = await door.act(username, code, event, RECEIVE[event], key=key)
    said = answer.json()
    assert answer.status_code == 200, answer.text
    assert (said["case"], said["met"], said["changed"]) == (None, [], [])
    assert said["command"] | {"id": None, "occurred_at": None, "recorded_at": None} == {
        "id": None, "event": event, "case_code": code, "occurred_at": None, "recorded_at": None, "sequence": None,
        "implied": [],
    }  # fmt: skip
    assert {one["code"] for one in said["started"]} >= OPENS[event]
    assert not any(rung["told"] for one in said["started"] for rung in one["rungs"])
    assert "Không Được Lộ" not in answer.text
    assert (await door.act(username, code, event, RECEIVE[event], key=key)).json() == said
    assert (await door.get(username, f"/cases/{case}")).status_code == 404
    assert case not in (await door.get(username, "/cases")).text


@pytest.mark.parametrize("event", RECEIVE)
async def test_elsewhere_and_without_the_role_a_case_is_as_unknown_for_these_events_too(door: Door, event: str) -> None:
    case = await case_of(door)
    for username in ("cpo.b", "chair.b", "prov", "nat", "aud", "admin"):
        if username == "prov":  # reads the case, so the refusal is the lifecycle's
            assert (await door.act(username, case, event, RECEIVE[event])).status_code == 403
            continue
        bodies = []
        for reference in (case, str(uuid4())):
            answer = await door.act(username, reference, event, RECEIVE[event])
            assert answer.status_code == 404, username
            bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
        assert bodies[0] == bodies[1]
    assert (await door.act("pol.a", case, "update_risk", {"risk": "R4", "reason": "x"})).status_code == 404


async def test_a_receivers_refusal_says_no_more_than_its_code(door: Door) -> None:
    case = await case_of(door, flagged=True)
    answer = await door.act("pol.a", case, "raise_emergency", {"trigger": "LIFE"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-allowed-in-state")
    assert not {"allowed", "about", "latest_event"} & set(answer.json())


async def test_whoever_is_recused_adds_nothing_either(door: Door) -> None:
    case = await case_of(door)
    await recuse(door, case, door.person("pol.a"))
    assert (await door.act("pol.a", case, "raise_emergency", {"trigger": "LIFE"})).status_code == 404


async def test_the_chair_of_the_residence_orders_an_isolation_in_a_case_another_commune_holds(door: Door) -> None:
    case = await case_of(door, flagged=True, residence_unit="HN-B")
    elsewhere = await case_of(door, flagged=True)
    order = {"m07": form07()}
    assert (await door.act("chair.b", elsewhere, "order_isolation", order)).status_code == 404
    assert (await door.act("sup.b", case, "order_isolation", order)).status_code == 404
    said = await done(door, "chair.b", case, "order_isolation", order)
    assert said["case"] is None
    assert "isolation_max" in {one["code"] for one in said["started"]}
    assert (await door.get("cpo.a", f"/cases/{case}")).json()["state"]["protection"] == "isolated"
    assert (await door.get("chair.b", f"/cases/{case}")).status_code == 404


async def test_only_a_case_in_ones_own_scope_can_be_attached_to(door: Door) -> None:
    case, theirs = await case_of(door), await case_of(door, unit="HN-B")
    bodies = []
    for target in (theirs, str(uuid4())):
        answer = await door.act("cpo.a", case, "attach", {"target_case": target, "confirmed": True})
        assert answer.status_code == 404
        bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
    assert bodies[0] == bodies[1]
    kept = await door.sql("SELECT count(*) AS n FROM document WHERE case_id = :case AND kind = 'act'", case=case)
    assert kept[0]["n"] == 0
    own = await case_of(door)
    said = await done(door, "cpo.a", case, "attach", {"target_case": own, "confirmed": True})
    assert said["case"]["state"]["process"] == "attached"


async def test_with_the_chair_recused_her_vice_chair_and_deputies_decide_only_when_named(door: Door) -> None:
    case = await case_of(door, flagged=True)
    await recuse(door, case, door.person("chair.a"))
    body = {"reason": "đã kiểm tra, trẻ an toàn"}
    assert (await door.act("vch.a", case, "stand_down", body)).status_code == 404
    await door.sql(
        "INSERT INTO delegate (id, case_id, person_id, since) VALUES (:id, :case, :who, :at)",
        id=uuid4(), case=case, who=door.person("vch.a"), at=door.clock.now() - timedelta(minutes=1),
    )  # fmt: skip
    said = await done(door, "vch.a", case, "stand_down", body)
    assert said["case"]["state"]["protection"] == "none"


async def test_a_recused_principals_deputy_is_offered_nothing_of_hers(door: Door) -> None:
    case = await case_of(door)

    async def offered() -> set[str]:
        return {one["event"] for one in (await door.get("cpo2.a", f"/cases/{case}")).json()["allowed_actions"]}

    assert "assign_owner" in await offered()  # cpo2 is deputy of SUP
    await recuse(door, case, door.person("sup.a"))
    assert "assign_owner" not in await offered()


# --- who is told at once --------------------------------------------------------------------------------


async def told(door: Door, case: str, kind: str) -> list[Any]:
    rows: list[Any] = await door.sql(
        "SELECT n.person_id, n.channel, n.values, d.code, d.due_at FROM notice n LEFT JOIN deadline d "
        "ON d.id = n.deadline_id WHERE n.case_id = :case AND n.kind = :kind",
        case=case, kind=kind,
    )  # fmt: skip
    return rows


async def test_a_request_for_a_ban_reaches_the_chair_at_once_over_the_phone_and_says_by_when(door: Door) -> None:
    case = await case_of(door)
    await done(door, "pol.a", case, "request_ban", BAN)
    rows = await told(door, case, "waits_for_you")
    assert {row["person_id"] for row in rows} == {door.person("chair.a")}
    assert {"inbox", "sms"} <= {row["channel"] for row in rows}
    assert {row["code"] for row in rows} == {"ban_decision"}
    assert {datetime.fromisoformat(row["values"]["due_at"]) for row in rows} == {rows[0]["due_at"]}


async def test_a_conclusion_by_sup_waits_for_the_chair_and_an_early_closure_too(door: Door) -> None:
    case = await a_case(door)
    await done(door, "cpo.a", case, "complete_initial_assessment", {"m02": form02()})
    await done(door, "sup.a", case, "propose_not_substantiated", {"reason": "không có căn cứ"})
    rows = await told(door, case, "waits_for_you")
    assert {(row["person_id"], row["code"]) for row in rows} == {(door.person("chair.a"), "conclusion_review")}
    other = await a_case(door)
    await done(door, "cpo.a", other, "propose_early_closure", {"closure_reason": "AGE", "reason": "đủ 16 tuổi"})
    rows = await told(door, other, "waits_for_you")
    assert {(row["person_id"], row["code"]) for row in rows} == {(door.person("chair.a"), "closure_approval")}


async def test_the_department_is_asked_for_a_review_only_where_one_waits(door: Door) -> None:
    case = await a_case(door)

    async def asked() -> bool:
        actions = (await door.get("doh", f"/cases/{case}")).json()["allowed_actions"]
        return "record_death_review" in {action["event"] for action in actions}

    assert not await asked()
    await done(door, "cpo.a", case, "propose_early_closure", {"closure_reason": "DEATH", "reason": "Giấy chứng tử"})
    assert await asked()
    said = await done(door, "doh", case, "record_death_review", {"finding": "Đã xem xét"})
    assert [one["code"] for one in said["met"]] == ["death_review"]
    assert not await asked()


async def test_the_hotline_sees_what_it_brought_and_codes_once_the_commune_has_the_case(door: Door) -> None:
    case = await case_of(door, username="h111")
    assert (await door.get("h111", f"/cases/{case}")).json()["child"] is not None
    await done(door, "cpo.a", case, "acknowledge", {"note": "Lời của xã"})
    shown = (await door.get("h111", f"/cases/{case}")).json()
    assert (shown["child"], shown["state"]["process"]) == (None, "screening")
    documents = (await door.get("h111", f"/cases/{case}/documents")).json()["items"]
    assert {one["kind"]: one["withheld"] for one in documents} == {"M01": False, "act": True}
    act = next(one["id"] for one in documents if one["kind"] == "act")
    assert (await door.get("h111", f"/cases/{case}/documents/{act}")).json()["content"] is None
    assert (await door.get("h111", f"/cases/{case}/timeline")).status_code == 200
    lead = (await door.get("h111s", f"/cases/{case}/documents")).json()["items"]
    assert {one["kind"]: one["withheld"] for one in lead} == {"M01": False, "act": True}


async def test_another_offices_report_in_a_case_is_not_the_hotlines_to_read(door: Door) -> None:
    case = await case_of(door, username="h111")
    await done(door, "pol.a", case, "add_report", FURTHER)
    reports = await door.sql("SELECT report_id FROM case_report WHERE case_id = :case ORDER BY id", case=case)
    seen = [(await door.get("h111", f"/reports/{row['report_id']}")).json()["withheld"] for row in reports]
    assert sorted(seen) == [False, True]


async def audited(door: Door) -> dict[UUID, Any]:
    rows = await door.sql("SELECT id, action, outcome, code, origin, chain_seq, purpose FROM audit_entry")
    return {row["id"]: row for row in rows}


async def test_an_act_carried_out_refused_or_answered_again_leaves_one_entry(door: Door) -> None:
    case, key = await case_of(door), uuid4()
    origin = door.app.state.door.keys.origins.of("192.0.2.7")
    await door.sign_in("cpo.a")

    async def left_by(event: str, key: UUID) -> Any:
        before = await audited(door)
        await door.act("cpo.a", case, event, key=key)
        (left,) = [row for name, row in (await audited(door)).items() if name not in before]
        return left

    done_ = await left_by("acknowledge", key)
    assert (done_["action"], done_["outcome"], done_["origin"], done_["chain_seq"]) == (
        "acknowledge",
        "done",
        origin,
        2,
    )
    again = await left_by("acknowledge", key)
    assert (again["action"], again["outcome"], again["chain_seq"]) == ("repeat", "done", None)
    refused = await left_by("acknowledge", uuid4())
    assert (refused["outcome"], refused["code"], refused["chain_seq"]) == ("refused", "not-allowed-in-state", 3)


async def test_an_act_of_which_no_entry_can_be_written_does_not_happen(door: Door) -> None:
    case = await case_of(door)
    await door.sign_in("cpo.a")
    watched = ("case_file", "case_event", "deadline", "rung", "command_record", "notice", "escalation")

    async def of_case() -> list[Any]:
        return [
            await door.sql(
                f"SELECT t::text FROM {name} t WHERE {'id' if name == 'case_file' else 'case_id'} = :case ORDER BY 1",
                case=case,
            )
            for name in watched
        ]

    async def started() -> bool:
        (row,) = await door.sql("SELECT workflow_seen_at FROM case_file WHERE id = :case", case=case)
        return row["workflow_seen_at"] is not None

    await eventually(started)
    before, key = await of_case(), uuid4()
    await door.sql("REVOKE INSERT ON audit_entry FROM annhi_worker")
    try:
        answer = await door.act("cpo.a", case, "acknowledge", key=key)
    finally:
        await door.sql("GRANT INSERT ON audit_entry TO annhi_worker")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert await of_case() == before
    # What was typed was kept: the same request with the same key, or a new one, is carried out now.
    assert (await door.act("cpo.a", case, "acknowledge")).status_code == 200
