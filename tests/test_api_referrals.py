"""Referrals through the door: asked for one by one or many at once, seen by each reader as much as is theirs."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.access import AGENCIES
from models.access.slices import AFTER, SEES, Slice, Stands, age_band, sees_of, services_of, urgency
from models.lifecycle.referral import LIVE, SERVICES
from tests.api_support import Door
from tests.referral_door_support import AID, CONSENT, a_case, act, asked, done
from tests.world import MINUTES, MONDAY, SIGNED, World, eventually, form02, form04
from workflows.sweep import Sweep

MINIMUM = {"age_band", "sex", "commune", "urgency", "warnings"}


# --- how much is seen, pure -----------------------------------------------------------------------------------------


def test_an_agency_sees_the_minimum_then_its_slice_then_nothing() -> None:
    at = MONDAY
    assert sees_of("draft", None, None, at) is Slice.NOTHING
    for state in ("sent", "acknowledged", "needs_info"):
        assert sees_of(state, None, None, at) is Slice.MINIMUM
    for state in ("accepted", "scheduled", "waiting_order", "in_service", "delivered"):
        assert sees_of(state, at, None, at) is Slice.SLICE
    assert sees_of("declined", None, at, at) is Slice.MINIMUM
    assert sees_of("closed", at, at, at + AFTER - timedelta(seconds=1)) is Slice.SLICE
    assert sees_of("closed", at, at, at + AFTER) is Slice.NOTHING
    assert sees_of("revoked", at, at, at) is Slice.SLICE
    assert sees_of("in_service", at, None, at, withheld=True) is Slice.MINIMUM
    assert sees_of("closed", at, at, at + AFTER, withheld=True) is Slice.NOTHING


def test_ages_are_banded_and_urgency_does_not_tell_the_risk() -> None:
    bands = ["AGE_0_2", "AGE_3_5", "AGE_6_10", "AGE_11_15", "AGE_16_17"]
    assert [age_band(age) for age in (2, 3, 6, 11, 16)] == bands
    assert [age_band(age) for age in (0, 5, 10, 15, 17)] == bands
    assert age_band(None) == "AGE_UNKNOWN"
    assert {urgency("shelter", risk) for risk in ("R1", "R4", None)} == {"EMERGENCY"}
    assert [urgency("legal_aid", risk) for risk in ("R1", "R2", "R3", "R4", None)] == [
        "ORDINARY", "ORDINARY", "HIGH", "HIGH", "HIGH",
    ]  # fmt: skip


def test_every_service_has_an_agency_and_every_agency_a_service() -> None:
    assert {service for role in (*AGENCIES, "WU", "GRP") for service in services_of(role)} == set(SERVICES)
    assert all(services_of(role) for role in AGENCIES)
    assert services_of("CPO") == ()


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.mark.servers
async def test_many_are_asked_for_at_once_with_a_result_for_each(door: Door) -> None:
    case, key = await a_case(door), uuid4()
    many = (AID, {"service": "school_support"}, {"service": "psychosocial", "receiver": "HN-BV"},
            {"service": "shelter", "receiver": "HN-TGPL"})  # fmt: skip
    results = await asked(door, case, *many, key=key)
    assert [(one["service"], one["referral"] and one["referral"]["state"]) for one in results] == [
        ("legal_aid", "sent"), ("school_support", "draft"), ("psychosocial", "sent"), ("shelter", "draft"),
    ]  # fmt: skip
    assert [one["problem"] and one["problem"]["code"] for one in results] == [
        None, None, None, "receiver-does-not-provide",
    ]  # fmt: skip
    again = await asked(door, case, *many, key=key)
    assert [one["referral"]["id"] for one in again] == [one["referral"]["id"] for one in results]
    listed = (await door.get("cpo.a", f"/cases/{case}/referrals")).json()
    assert len(listed["items"]) == 4
    assert {need["service"]: need["standing"] for need in listed["needs"]} == dict.fromkeys(
        ("legal_aid", "school_support", "psychosocial", "shelter"), "open"
    )
    (aid,) = [one for one in listed["items"] if one["service"] == "legal_aid"]
    assert [(clock["code"], clock["status"], clock["owed_by"]) for clock in aid["deadlines"]] == [
        ("draft_send", "met", "sender"), ("acknowledge", "open", "agency"),
    ]  # fmt: skip


@pytest.mark.servers
async def test_an_agency_is_told_little_before_it_agrees_and_its_slice_afterwards(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    inbox = (await door.get("leg", "/referrals")).json()
    (listed,) = [one for one in inbox if one["id"] == referral]
    before = (await door.get("leg", f"/referrals/{referral}")).json()
    for seen in (listed, before):
        assert set(seen["minimum"]) == MINIMUM
        assert seen["minimum"]["age_band"] == "AGE_6_10"
        assert seen["minimum"]["warnings"] == ["DO_NOT_TELL_CARERS"]
        assert seen["slice"] is None
        assert seen["case"] is None
        assert "Bé Mẫu" not in str(seen)
        assert "luật sư" not in str(seen)
        assert case not in str(seen)
    assert [one["event"] for one in before["allowed_actions"]] == ["acknowledge", "refuse_by_child"]
    await done(door, "leg", referral, "acknowledge")
    after = await done(door, "leg", referral, "accept")
    assert after["slice"]["child"]["full_name"] == "Bé Mẫu"
    assert after["slice"]["request"] == AID["request"]
    assert after["case"] is None
    assert (await door.get("leg", f"/cases/{case}")).status_code == 404
    assert (await door.get("leg", f"/cases/{case}/referrals")).status_code == 404


@pytest.mark.servers
async def test_an_ambulance_is_called_by_whoever_hears_of_it_on_a_case_they_do_not_read(door: Door) -> None:
    case = await a_case(door)
    assert (await door.get("h111.2", f"/cases/{case}")).status_code == 404
    wanted = {"service": "medical_emergency", "receiver": "HN-BV", "request": "Trẻ bất tỉnh"}
    (result,) = await asked(door, case, wanted, who="h111.2")
    assert (result["referral"], result["problem"]) == (None, None), "called, and nothing of it is shown"
    (listed,) = (await door.get("cpo.a", f"/cases/{case}/referrals")).json()["items"]
    assert (listed["service"], listed["state"]) == ("medical_emergency", "sent")
    assert listed["id"] in {one["id"] for one in (await door.get("hlt", "/referrals")).json()}
    (refused,) = await asked(door, case, AID, who="h111.2")
    assert refused["problem"]["code"] == "not-your-role", "anything else is the office's to ask for"


@pytest.mark.servers
async def test_another_agency_and_another_commune_find_nothing(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    unknown = await door.get("hlt", f"/referrals/{uuid4()}")
    for who in ("hlt", "cpo.b"):
        answer = await door.get(who, f"/referrals/{referral}")
        assert answer.status_code == 404
        assert answer.json()["code"] == unknown.json()["code"] == "not-found"
        assert (await act(door, who, referral, "acknowledge")).status_code == 404
    assert referral not in str((await door.get("hlt", "/referrals")).json())
    assert (await door.get("cpo.a", "/referrals")).status_code == 403


@pytest.mark.servers
async def test_an_agency_sees_nothing_once_the_referral_ended_long_ago(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await done(door, "leg", referral, "acknowledge")
    await done(door, "leg", referral, "accept")
    await done(door, "cpo.a", referral, "revoke", reason="Gia đình đã có luật sư")
    seen = (await door.get("leg", f"/referrals/{referral}")).json()
    assert seen["state"] == "revoked"
    assert seen["slice"] is not None
    assert referral not in str((await door.get("leg", "/referrals")).json()), "an inbox shows what lives"
    await door.sql("UPDATE referral SET ended_at = ended_at - interval '30 days' WHERE id = :id", id=referral)
    assert (await door.get("leg", f"/referrals/{referral}")).status_code == 404
    assert (await door.get("cpo.a", f"/referrals/{referral}")).status_code == 200


@pytest.mark.servers
async def test_a_recused_person_of_the_agency_finds_nothing(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await door.sql(
        "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :who, 'relative', :at)",
        id=uuid4(), case=case, who=door.person("leg"), at=door.clock.now() - timedelta(minutes=1),
    )  # fmt: skip
    assert (await door.get("leg", f"/referrals/{referral}")).status_code == 404
    assert referral not in str((await door.get("leg", "/referrals")).json())


@pytest.mark.servers
async def test_a_refused_act_says_why_and_what_is_possible(door: Door) -> None:
    case = await a_case(door, consent=False)
    (result,) = await asked(door, case, AID)
    assert result["problem"]["code"] == "consent-missing"
    referral = result["referral"]["id"]
    no = await act(door, "cpo.a", referral, "confirm")
    assert (no.status_code, no.json()["code"]) == (409, "referral-not-allowed-in-state")
    assert "chuyển gửi" in no.json()["next"], "an agency has no case to reload"
    assert "send" in no.json()["allowed"]
    assert (await act(door, "cpo.a", referral, "dance")).status_code == 422
    assert (await act(door, "cpo.a", referral, "send", receiver="NOWHERE")).status_code == 422


@pytest.mark.servers
async def test_the_ground_for_an_emergency_without_consent_stands_among_the_consents_with_its_note(door: Door) -> None:
    case = await a_case(door, consent=False)
    (result,) = await asked(door, case, {"service": "shelter", "receiver": "HN-CTXH"})
    await done(
        door, "sup.a", result["referral"]["id"], "record_ground", ground="LIFE_HEALTH", reason="Trẻ đang gặp nguy hiểm"
    )
    listed = (await door.get("sup.a", f"/cases/{case}/consents")).json()
    assert {one["scope"] for one in listed} == {"SHARING", "SERVICE"}
    for one in listed:
        assert (one["answer"], one["ground"], one["services"]) == ("ground", "LIFE_HEALTH", ["DV_TT"])
        assert one["best_interest_note"] == "Trẻ đang gặp nguy hiểm"
        assert one["decided_by"]["id"] == str(door.person("sup.a"))
        assert one["legal_basis"]
    allowed = await door.get("sup.a", f"/cases/{case}/consents/allows?scope=SHARING&service=DV_TT")
    assert (allowed.json()["allowed"], allowed.json()["why"]) == (True, "ground")


@pytest.mark.servers
async def test_the_hours_within_which_care_helps_count_down_from_the_event(door: Door) -> None:
    case = await a_case(door)
    happened = door.clock.now() - timedelta(hours=70)
    care = {"service": "sexual_assault_care", "receiver": "HN-BV", "event_at": happened.isoformat()}
    (result,) = await asked(door, case, care)
    windows = result["referral"]["windows"]
    assert [one["window"] for one in windows] == ["72 H", "120 H"]
    assert 100 < windows[0]["minutes_left"] <= 120
    inbox = (await door.get("hlt", "/referrals")).json()
    assert result["referral"]["id"] in {one["id"] for one in inbox}
    assert [one["emergency"] for one in inbox] == sorted((one["emergency"] for one in inbox), reverse=True)


@pytest.mark.servers
async def test_an_agency_counts_its_tasks_and_its_duty_desk_finds_the_emergencies(door: Door) -> None:
    async def counted() -> dict[str, tuple[int, int]]:
        rows = (await door.get("hlt", "/referrals/counts")).json()
        return {row["state"]: (row["referrals"], row["late"]) for row in rows}

    case, before = await a_case(door), await counted()
    assert set(before) == set(LIVE) - {"draft"}
    urgent, other = await asked(
        door, case, {"service": "medical_emergency", "receiver": "HN-BV"},
        {"service": "psychosocial", "receiver": "HN-BV"},
    )  # fmt: skip
    ids = [one["referral"]["id"] for one in (urgent, other)]
    assert await counted() == {**before, "sent": (before["sent"][0] + 2, before["sent"][1])}
    desk = {one["id"]: one for one in (await door.get("hlt", "/referrals?emergency=true")).json()}
    whole = {one["id"]: one for one in (await door.get("hlt", "/referrals")).json()}
    assert ids[0] in desk
    assert ids[1] not in desk
    assert set(ids) <= set(whole)
    assert [clock["code"] for clock in desk[ids[0]]["deadlines"] if clock["status"] == "open"][:1] == ["acknowledge"]
    assert (desk[ids[0]]["late"], whole[ids[1]]["late"]) == (False, False)
    assert desk[ids[0]]["due_at"] == desk[ids[0]]["deadlines"][0]["due_at"]
    passed = door.clock.now() - timedelta(minutes=1)
    await door.sql(
        "UPDATE deadline SET due_at = :at, clock = jsonb_set(clock, '{due_at}', to_jsonb(cast(:text AS text))) "
        "WHERE referral_id = :id AND code = 'acknowledge'",
        id=ids[0], at=passed, text=passed.isoformat(),
    )  # fmt: skip
    assert (await counted())["sent"] == (before["sent"][0] + 2, before["sent"][1] + 1)
    (late,) = [one for one in (await door.get("hlt", "/referrals")).json() if one["id"] == ids[0]]
    assert late["late"]
    assert (await door.get("cpo.a", "/referrals/counts")).status_code == 403


@pytest.mark.servers
async def test_a_confirmed_outcome_meets_the_need_and_a_declined_one_leaves_it_open_or_unmet(door: Door) -> None:
    case = await a_case(door)
    (aid,) = await asked(door, case, AID)
    referral = aid["referral"]["id"]
    for event, body in (("acknowledge", {}), ("accept", {}), ("start_service", {}),
                        ("deliver", {"outcome": "PROVIDED", "report": "Đã tư vấn"})):  # fmt: skip
        await done(door, "leg", referral, event, **body)
    await done(door, "cpo.a", referral, "confirm")
    (second,) = await asked(door, case, {"service": "school_support", "receiver": "HN-A-TH"})
    await done(door, "edu", second["referral"]["id"], "acknowledge")
    await done(door, "edu", second["referral"]["id"], "decline", decline_reason="NO_CAPACITY")
    needs = (await door.get("cpo.a", f"/cases/{case}/referrals")).json()["needs"]
    assert {need["service"]: need["standing"] for need in needs} == {"legal_aid": "met", "school_support": "unmet"}


PLANNED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("complete_initial_assessment", {"m02": form02()}),
    ("substantiate", {"verification": {"findings": "Có căn cứ"}}),
    ("complete_detailed_assessment", {"m03": {"conclusion": "Cần hỗ trợ"}}),
    ("record_needs_meeting", {"minutes": MINUTES}),
    ("submit_plan", {"m04": form04("luat-su", "hoc-tap", "tham-nha"), "m05": {}}),
)


@pytest.mark.servers
async def test_a_service_that_was_given_does_its_step_of_the_plan_and_the_review_finds_it(
    door: Door, world: World
) -> None:
    case = await a_case(door)
    for event, body in PLANNED:
        answer = await door.act("cpo.a", case, event, body)
        assert answer.status_code == 200, answer.text
    plans = (await door.get("chair.a", f"/cases/{case}/documents", params={"kind": "M04"})).json()["items"]
    approved = {"content_hash": plans[0]["content_hash"], "decision": SIGNED}
    assert (await door.act("chair.a", case, "approve_plan", approved)).status_code == 200

    given, partly = await asked(
        door, case, {**AID, "step": "luat-su"}, {"service": "school_support", "receiver": "HN-A-TH", "step": "hoc-tap"}
    )
    for result, agency, outcome in ((given, "leg", "PROVIDED"), (partly, "edu", "PARTLY")):
        referral = result["referral"]["id"]
        for event, said in (("acknowledge", {}), ("accept", {}), ("start_service", {}),
                            ("deliver", {"outcome": outcome, "report": "Đã hỗ trợ"})):  # fmt: skip
            await done(door, agency, referral, event, **said)
    seen = (await door.get("cpo.a", f"/cases/{case}/referrals")).json()
    assert {one["step"]: (one["status"], one["standing"], one["met_by"]) for one in seen["steps"]} == {
        "luat-su": ("open", "open", None), "hoc-tap": ("open", "open", None), "tham-nha": ("open", "none", None),
    }  # fmt: skip
    assert {(one["service"], one["outcome"], one["confirmed_at"]) for one in seen["delivered"]} == {
        ("legal_aid", "PROVIDED", None), ("school_support", "PARTLY", None),
    }  # fmt: skip
    for result in (given, partly):
        await done(door, "cpo.a", result["referral"]["id"], "confirm")
    after = (await door.get("cpo.a", f"/cases/{case}/referrals")).json()
    lawyer, school = given["referral"]["id"], partly["referral"]["id"]
    assert {one["step"]: (one["status"], one["standing"], one["met_by"]) for one in after["steps"]} == {
        "luat-su": ("met", "met", lawyer), "hoc-tap": ("open", "met", school), "tham-nha": ("open", "none", None),
    }  # fmt: skip
    assert {one["service"]: one["met_by"] for one in after["needs"]} == {"legal_aid": lawyer, "school_support": school}
    assert all(one["confirmed_at"] for one in after["delivered"])

    async def told() -> bool:
        believed = await world.desk.believed(UUID(case))
        open_ = await door.sql("SELECT id FROM deadline WHERE case_id = :id AND status = 'open' "
                               "AND referral_id IS NULL", id=case)  # fmt: skip
        return believed is not None and {one.id for one in believed.deadlines} == {one["id"] for one in open_}

    await eventually(told, why="the case's workflow still waits for a step that is done")


async def lost(door: Door, referral: str, *, since: bool = True) -> None:
    """Wait until a referral has lost its consent, or has it again."""

    async def seen() -> bool:
        one = (await door.get("cpo.a", f"/referrals/{referral}")).json()
        return (one["consent_lost_at"] is not None) == since

    await eventually(seen, why="nobody looked at the consent")


async def take_back(door: Door, case: str) -> None:
    for one in (await door.get("cpo.a", f"/cases/{case}/consents")).json():
        if one["withdrawn_at"] is None and one["answer"] == "given":
            answer = await door.post("cpo.a", f"/cases/{case}/consents/{one['id']}/withdraw", {"note": "Mẹ đổi ý"})
            assert answer.status_code == 200, answer.text


@pytest.mark.servers
async def test_once_the_consent_is_taken_back_the_agency_sees_the_minimum_and_the_sender_decides(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await done(door, "leg", referral, "acknowledge")
    await done(door, "leg", referral, "accept")
    assert (await door.get("leg", f"/referrals/{referral}")).json()["slice"] is not None
    await take_back(door, case)
    await lost(door, referral)
    seen = (await door.get("leg", f"/referrals/{referral}")).json()
    assert (seen["slice"], seen["state"], seen["consent_lost_at"] is not None) == (None, "accepted", True)
    assert "Bé Mẫu" not in str(seen)
    assert "luật sư" not in str(seen)
    clocks = (await door.get("cpo.a", f"/referrals/{referral}")).json()["deadlines"]
    assert [(one["owed_by"], one["status"]) for one in clocks if one["code"] == "consent_lost"] == [("sender", "open")]
    told = await door.sql(
        "SELECT kind, person_id FROM notice WHERE kind IN ('consent_lost', 'referral_withheld') AND channel = 'inbox' "
        "AND case_id = :case",
        case=case,
    )
    assert {(one["kind"], str(one["person_id"])) for one in told} >= {
        ("consent_lost", str(door.person("cpo.a"))), ("consent_lost", str(door.person("sup.a"))),
        ("referral_withheld", str(door.person("leg"))),
    }  # fmt: skip
    await done(door, "sup.a", referral, "record_ground", ground="STATE_DUTY", reason="Trẻ cần luật sư ngay")
    again = (await door.get("leg", f"/referrals/{referral}")).json()
    assert (again["slice"]["child"]["full_name"], again["consent_lost_at"]) == ("Bé Mẫu", None)


@pytest.mark.servers
async def test_agreed_to_again_it_goes_on_and_a_question_is_not_answered_meanwhile(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await done(door, "leg", referral, "acknowledge")
    await done(door, "leg", referral, "request_info", question="Ai là người đại diện?")
    await take_back(door, case)
    await lost(door, referral)
    no = await act(door, "cpo.a", referral, "answer_info", answer="Mẹ của trẻ")
    assert (no.status_code, no.json()["code"]) == (409, "consent-lost")
    for scope in ("SHARING", "SERVICE"):
        assert (await door.post("cpo.a", f"/cases/{case}/consents", {"scope": scope, **CONSENT})).status_code == 201
    await lost(door, referral, since=False)
    await done(door, "cpo.a", referral, "answer_info", answer="Mẹ của trẻ")


@pytest.mark.servers
async def test_an_emergency_goes_on_when_the_consent_is_taken_back_and_its_ground_is_asked_for(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, {"service": "medical_emergency", "receiver": "HN-BV"})
    referral = result["referral"]["id"]
    await done(door, "hlt", referral, "acknowledge")
    await done(door, "hlt", referral, "accept")
    await take_back(door, case)
    await lost(door, referral)
    seen = (await door.get("hlt", f"/referrals/{referral}")).json()
    assert seen["slice"]["child"]["full_name"] == "Bé Mẫu"
    clocks = (await door.get("cpo.a", f"/referrals/{referral}")).json()["deadlines"]
    assert [one["status"] for one in clocks if one["code"] == "override_ground"] == ["open"]
    await done(door, "sup.a", referral, "record_ground", ground="LIFE_HEALTH", reason="Trẻ cần được cấp cứu")
    clocks = (await door.get("cpo.a", f"/referrals/{referral}")).json()["deadlines"]
    assert [one["status"] for one in clocks if one["code"] == "override_ground"] == ["met"]


@pytest.mark.servers
async def test_a_withdrawal_nobody_was_told_of_is_found_by_the_sweep(door: Door, world: World) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await door.sql(
        "UPDATE consent SET withdrawn_at = :at, withdrawn_by = recorded_by, stops = '[]' WHERE case_id = :case",
        case=case, at=door.clock.now(),
    )  # fmt: skip
    await world.client.execute_workflow(Sweep.run, id=f"sweep-{uuid4()}", task_queue=world.task_queue)
    await lost(door, referral)


async def _stand(door: Door, how: Stands) -> tuple[str, str]:
    """A referral and who asks for it, who stands so to it."""
    case = await a_case(door)
    wanted = {name: value for name, value in AID.items() if how is not Stands.DRAFT or name != "receiver"}
    (result,) = await asked(door, case, wanted)
    referral = result["referral"]["id"]
    if how in (Stands.AGREED, Stands.ENDED, Stands.LONG_ENDED, Stands.WITHHELD):
        await done(door, "leg", referral, "acknowledge")
        await done(door, "leg", referral, "accept")
    if how in (Stands.TURNED_AWAY, Stands.ENDED, Stands.LONG_ENDED):
        await done(door, "cpo.a", referral, "revoke", reason="Không cần nữa")
    if how is Stands.LONG_ENDED:
        await door.sql("UPDATE referral SET ended_at = ended_at - interval '30 days' WHERE id = :id", id=referral)
    if how is Stands.WITHHELD:
        await take_back(door, case)
        await lost(door, referral)
    if how is Stands.RECUSED:
        await door.sql(
            "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :who, 'relative', :at)",
            id=uuid4(), case=case, who=door.person("leg"), at=door.clock.now() - timedelta(minutes=1),
        )  # fmt: skip
    return referral, "hlt" if how is Stands.OTHER else "leg"


@pytest.mark.servers
@pytest.mark.parametrize("how", Stands)
async def test_an_agency_sees_of_a_referral_what_the_printed_table_says(door: Door, how: Stands) -> None:
    referral, who = await _stand(door, how)
    answer = await door.get(who, f"/referrals/{referral}")
    if SEES[how] is Slice.NOTHING:
        assert answer.status_code == 404
        return
    assert answer.status_code == 200
    assert (answer.json()["slice"] is not None) == (SEES[how] is Slice.SLICE)
    assert (await door.get(who, "/referrals")).status_code == 200


@pytest.mark.servers
async def test_every_act_on_a_referral_leaves_one_entry_whether_done_or_refused(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await done(door, "leg", referral, "acknowledge")
    assert (await act(door, "leg", referral, "acknowledge")).status_code == 409
    rows = await door.sql(
        "SELECT action, outcome, chain_seq FROM audit_entry WHERE record_id = :id AND command_id IS NOT NULL "
        "ORDER BY chain_seq",
        id=referral,
    )
    assert [(row["action"], row["outcome"]) for row in rows] == [
        ("ask_service", "done"), ("send", "done"), ("acknowledge", "done"), ("acknowledge", "refused"),
    ]  # fmt: skip
    assert all(row["chain_seq"] for row in rows), "they are links of the case's chain"


@pytest.mark.servers
async def test_every_reading_of_a_referral_is_on_record(door: Door) -> None:
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    await door.get("leg", f"/referrals/{referral}")
    (entry,) = await door.sql(
        "SELECT action, outcome FROM audit_entry WHERE record_id = :id AND actor_id = :who",
        id=referral, who=door.person("leg"),
    )  # fmt: skip
    assert (entry["action"], entry["outcome"]) == ("read_referral", "done")
