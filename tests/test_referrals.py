"""Referrals on real servers: recorded once, chased by clocks of their own, passed on by themselves, ended on record."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update
from temporalio.testing import ActivityEnvironment

from activities.referral import ReferralTransitions
from models.tables import (
    AuditEntry,
    Breach,
    Capability,
    CommandRecord,
    Consent,
    Deadline,
    Escalation,
    Notice,
    Provider,
    ProviderName,
    Referral,
    table,
)
from tests.referral_support import Sent, agree, refer, referrals_of
from tests.world import HOUR, SIGNED, Case, World, eventually
from workflows.sweep import Sweep

pytestmark = pytest.mark.servers


async def a_case(world: World, **report: object) -> Case:
    case = await (await world.case(**report)).accepted()
    await agree(case)
    return case


async def followed(case: Case, service: str, *, after: object) -> Sent:
    """The referral the need was passed on to."""

    async def made() -> object:
        return next((one for one in await referrals_of(case, service) if one.rerouted_from == after), None)

    row = await eventually(made, why="the need was not passed on")
    return Sent(case, service, row.id)


# --- its way --------------------------------------------------------------------------------------------------------


async def test_a_service_is_asked_for_sent_answered_given_and_confirmed(world: World) -> None:
    case = await a_case(world)
    aid = refer(case, "legal_aid")
    await aid.asked()
    assert (await aid.row()).state == "draft"
    assert await aid.open() == {"draft_send"}
    assert await aid.refused("acknowledge", "leg") == "referral-not-allowed-in-state"
    await aid.do("send", "cpo.a", receiver_id=str(world.unit("HN-TGPL")))
    assert await aid.open() == {"acknowledge"}
    (told,) = await aid.notices("referral_received")
    assert told.person_id == world.person("leg")
    assert told.values["case"] == (await aid.row()).code
    await aid.do("acknowledge", "leg")
    await aid.do("request_info", "leg", question="Ai là người đại diện?")
    await aid.do("answer_info", "cpo.a", answer="Mẹ của trẻ")
    await aid.do("accept", "leg")
    assert await aid.open() == {"start"}
    when = (case.now() + timedelta(days=1)).isoformat()
    await aid.do("schedule", "leg", when=when, where="Trung tâm")
    assert (await aid.row()).appointment_at.isoformat() == when
    await aid.do("start_service", "leg")
    await aid.do("deliver", "leg", outcome="PROVIDED")
    assert await aid.open() == {"confirmation"}
    await aid.do("confirm", "cpo.a")
    row = await aid.row()
    assert (row.state, row.outcome, row.sequence) == ("closed", "PROVIDED", 10)
    assert [one.event for one in await aid.events()] == [
        "ask_service", "send", "acknowledge", "request_info", "answer_info", "accept", "schedule", "start_service",
        "deliver", "confirm",
    ]  # fmt: skip
    assert await aid.open() == set()
    await eventually(aid.has_ended)
    assert await aid.refused("record_note", "leg") == "referral-not-allowed-in-state"


async def test_a_referral_and_its_case_keep_clocks_of_their_own_under_the_same_names(world: World) -> None:
    case = await world.case()
    await agree(case)
    await case.do("acknowledge", "cpo.a")
    await case.do("accept", "cpo.a", owner_id=world.person("cpo.a"))
    first, second = await refer(case, "legal_aid").sent(), await refer(case, "psychosocial").sent()
    rows = [one for one in await case.rows(Deadline) if one.code == "acknowledge"]
    assert sorted((str(one.referral_id), one.status) for one in rows) == sorted(
        [("None", "met"), (str(first.id), "open"), (str(second.id), "open")]
    )
    await first.do("acknowledge", "leg")
    assert "acknowledge" in await second.open(), "one agency's answer is not another's"
    believed = await world.desk.believed(case.id)
    assert believed is not None
    held = {one.code for one in believed.deadlines}
    assert held == {one.code for one in await case.rows(Deadline) if one.status == "open" and one.referral_id is None}


async def test_the_same_command_twenty_times_at_once_has_one_effect_and_one_answer(world: World) -> None:
    case = await a_case(world)
    aid = await refer(case, "legal_aid").sent()
    command = await aid.prepare("acknowledge", "leg")
    answers = await asyncio.gather(*(aid.send(command) for _ in range(20)))
    assert {answer.model_dump_json() for answer in answers} == {answers[0].model_dump_json()}
    assert [one.event for one in await aid.events()].count("acknowledge") == 1
    assert len(await world.rows(CommandRecord, command_id=command.command_id)) == 1


async def test_two_who_answer_at_once_are_answered_one_after_the_other(world: World) -> None:
    case = await a_case(world)
    aid = await refer(case, "legal_aid").sent()
    await aid.do("acknowledge", "leg")
    accept, decline = await aid.prepare("accept", "leg"), await aid.prepare("decline", "leg", decline_reason="OTHER")
    answers = await asyncio.gather(aid.send(accept), aid.send(decline))
    assert sorted(answer.accepted for answer in answers) == [False, True]
    no = next(answer for answer in answers if not answer.accepted)
    assert no.code == "referral-not-allowed-in-state"


async def test_a_refused_asking_leaves_no_referral_and_no_workflow_behind(world: World) -> None:
    case = await a_case(world)
    nothing = refer(case, "legal_aid")
    assert await nothing.refused("ask_service", "hlt", service="legal_aid") in ("not-your-role", "not-your-unit")
    assert await world.rows(Referral, id=nothing.id) == []
    await eventually(nothing.has_ended)
    (entry,) = await world.rows(AuditEntry, record_id=nothing.id, outcome="refused")
    assert (entry.action, entry.record) == ("ask_service", "referral")


async def test_another_communes_officer_and_another_hospital_move_nothing(world: World) -> None:
    case = await a_case(world)
    aid = refer(case, "legal_aid")
    assert await aid.refused("ask_service", "cpo.b", written_by="cpo.a", service="legal_aid") == "not-your-unit"
    await aid.sent()
    reason = "không phải việc của tôi"
    assert await aid.refused("revoke", "cpo.b", written_by="cpo.a", reason=reason) == "not-your-unit"
    care = await refer(case, "psychosocial").sent()
    assert await care.refused("acknowledge", "hlt") == "not-your-unit"
    assert await care.refused("acknowledge", "leg") == "not-your-role"


async def test_without_consent_nothing_is_sent_but_an_emergency_and_that_asks_for_its_ground(world: World) -> None:
    case = await (await world.case()).accepted()
    aid = await refer(case, "legal_aid").asked()
    to = {"receiver_id": str(world.unit("HN-TGPL"))}
    assert await aid.refused("send", "cpo.a", **to) == "consent-missing"
    shelter = await refer(case, "shelter").sent()
    assert "override_ground" in await shelter.open()
    assert await shelter.refused("record_ground", "cpo.a", ground="LIFE_HEALTH", reason="nguy hiểm") == "not-your-role"
    await shelter.do("record_ground", "sup.a", ground="LIFE_HEALTH", reason="Trẻ đang gặp nguy hiểm")
    assert "override_ground" not in await shelter.open()
    grounds = await world.rows(Consent, case_id=case.id)
    assert sorted((one.scope, one.answer, one.ground, *one.services, one.decided_by) for one in grounds) == [
        (scope, "ground", "LIFE_HEALTH", "DV_TT", world.person("sup.a")) for scope in ("SERVICE", "SHARING")
    ]
    again = await refer(case, "shelter").sent()
    assert "override_ground" not in await again.open(), "what is on record is asked for once"
    await agree(case)
    await aid.do("send", "cpo.a", **to)
    agreed = await refer(case, "medical_emergency").sent()
    assert "override_ground" not in await agreed.open()


async def test_a_ground_against_a_refusal_has_the_head_of_offices_word(world: World) -> None:
    case = await (await world.case()).accepted()
    await agree(case, answer="refused")
    aid = await refer(case, "legal_aid").asked()
    to = {"receiver_id": str(world.unit("HN-TGPL"))}
    assert await aid.refused("send", "cpo.a", **to) == "consent-missing"
    await agree(case, answer="ground", decided_by="cpo.a", ground="STATE_DUTY")
    assert await aid.refused("send", "cpo.a", **to) == "ground-needs-supervisor"
    await agree(case, answer="ground", decided_by="sup.a", ground="STATE_DUTY")
    await aid.do("send", "cpo.a", **to)


async def test_an_agencys_answer_over_the_phone_is_recorded_by_the_sender(world: World) -> None:
    case = await a_case(world)
    aid = await refer(case, "legal_aid").sent()
    assert await aid.refused("acknowledge", "cpo.b", behalf_role="LEG", means="phone") == "not-your-unit"
    await aid.do("acknowledge", "cpo.a", behalf_role="LEG", means="phone")
    event = (await aid.events())[-1]
    assert (event.actor_id, event.on_behalf_role, event.means) == (world.person("cpo.a"), "LEG", "phone")


async def test_a_recused_person_has_no_part_in_a_referral(world: World) -> None:
    case = await a_case(world)
    aid = await refer(case, "legal_aid").sent()
    await case.do("record_recusal", "sup.a", person_id=world.person("leg"), ground="RELATIVE", reason="họ hàng")
    assert await aid.refused("acknowledge", "leg") == "recused"
    assert {one.person_id for one in await aid.notices("referral_received")} == {world.person("leg")}


# --- what is chased -------------------------------------------------------------------------------------------------


async def test_silence_is_chased_and_the_need_goes_to_the_next_unit_by_itself(world: World) -> None:
    case = await a_case(world, ago=20 * HOUR)
    care = await refer(case, "psychosocial").asked()
    await care.do("send", "cpo.a", receiver_id=str(world.unit("HN-CTXH")))
    await care.do("acknowledge", "swc")
    await care.do("decline", "swc", decline_reason="NO_CAPACITY")
    row = await care.row()
    assert (row.state, row.decline_reason) == ("declined", "NO_CAPACITY")
    following = await followed(case, "psychosocial", after=care.id)
    taken = await following.row()
    assert taken.state == "sent"
    assert taken.receiver_id not in (None, row.receiver_id)
    assert await following.open() == {"acknowledge"}
    assert {one.role for one in await care.notices("referral_turned_away")} >= {"CPO", "CHAIR"}, "never scored is R4"
    await eventually(lambda: _runs(following))


async def test_the_directory_says_who_is_asked_next_and_who_is_full_is_not(world: World) -> None:
    case = await a_case(world)
    since = case.now() - timedelta(days=30)
    of = table(Capability)
    async with world.as_owner() as connection:  # what the sample's directory has for it ends
        await connection.execute(update(of).where(of.c.service == "cash_support").values(valid_to=case.now()))
    for code, kind, unit, capacity in (
        ("T-1", "social_work", "HN-CTXH", None), ("T-2", "social_work", "HN-TGPL", 0),
        ("T-3", "commune_office", "HN-A-TH", None),
    ):  # fmt: skip
        provider = uuid4()
        await world.add(Provider, id=provider, code=code, kind=kind, is_sample=True, valid_from=since)
        await world.add(
            ProviderName, id=uuid4(), provider_id=provider, unit_id=world.unit(unit), name_vi=code, name_en=code,
            valid_from=since,
        )  # fmt: skip
        await world.add(
            Capability, id=uuid4(), provider_id=provider, service="cash_support", unit_id=world.unit("HN-A"),
            hours="", duty=True, capacity=capacity, valid_from=since,
        )  # fmt: skip
    cash = refer(case, "cash_support")
    await cash.do("ask_service", "cpo.a", service="cash_support")
    await cash.do("send", "cpo.a", receiver_id=str(world.unit("HN-CTXH")))
    await cash.do("acknowledge", "swc")
    await cash.do("decline", "swc", decline_reason="NO_CAPACITY")
    following = await followed(case, "cash_support", after=cash.id)
    assert (await following.row()).receiver_id == world.unit("HN-A-TH"), "it gives the service though nobody acts there"
    await following.do("acknowledge", "cpo.a", behalf_role="SWC", means="phone")
    await following.do("decline", "cpo.a", behalf_role="SWC", means="phone", decline_reason="CLOSED_NOW")
    assert await following.open() == {"unmet_need"}, "the one that is left is full"


async def _runs(referral: Sent) -> bool:
    return await referral.case.world.desk.believed_of_referral(referral.id) is not None


async def test_an_unanswered_referral_climbs_its_ladder_expires_and_is_passed_on(world: World) -> None:
    case = await a_case(world, ago=30 * HOUR)
    aid = refer(case, "legal_aid")
    long_ago = case.now() - 17 * HOUR
    await aid.do("ask_service", "cpo.a", service="legal_aid", at=long_ago)
    await aid.do("send", "cpo.a", receiver_id=str(world.unit("HN-TGPL")), at=long_ago)
    await eventually(lambda: _in(aid, "expired"))
    assert [level for level, _ in await aid.fired("acknowledge")] == ["E1", "E2", "E3", "E0"]
    (breach,) = [one for one in await world.rows(Breach, case_id=case.id) if one.code == "acknowledge"
                 and one.deadline_id == (await aid.clocks("acknowledge"))[0].id]  # fmt: skip
    assert breach.kind == "design"
    # There is one legal-aid centre only: nobody is left.
    assert [one.id for one in await referrals_of(case, "legal_aid")] == [aid.id]
    assert await aid.open() == {"unmet_need"}
    assert {one.role for one in await aid.notices("need_unmet")} == {"CPO", "SUP", "CHAIR"}
    assert not await aid.has_ended(), "the need is chased, so the workflow goes on"
    again = await refer(case, "legal_aid").asked()
    await eventually(lambda: _nothing_open(aid))
    await eventually(aid.has_ended)
    assert await again.open() == {"draft_send"}


async def _in(referral: Sent, state: str) -> bool:
    return (await referral.row()).state == state


async def _nothing_open(referral: Sent) -> bool:
    return not await referral.open()


async def test_an_emergency_stays_open_is_chased_daily_and_another_unit_is_asked_as_well(world: World) -> None:
    case = await a_case(world, ago=60 * HOUR)
    police = refer(case, "police_report")
    long_ago = case.now() - 3 * HOUR
    await police.do("ask_service", "cpo.a", service="police_report", at=long_ago)
    await police.do("send", "cpo.a", receiver_id=str(world.unit("HN-A")), at=long_ago)
    await eventually(lambda: _asked_again(police))
    assert (await police.row()).state == "sent"
    assert await police.open() >= {"acknowledge", "unanswered", "start", "done"}
    assert [level for level, _ in await police.fired("acknowledge")] == ["E1", "E2", "E0"]
    (clock,) = await police.clocks("unanswered")
    assert [rung["level"] for rung in clock.clock["rungs"]] == ["E3"]
    await police.do("acknowledge", "pol.a")
    assert "unanswered" not in await police.open()


async def _asked_again(referral: Sent) -> bool:
    return "ask_again" in [one.event for one in await referral.events()]


async def test_who_is_told_of_lateness_is_the_office_and_the_agency_that_owes(world: World) -> None:
    case = await a_case(world, ago=30 * HOUR)
    aid = refer(case, "legal_aid")
    ago = case.now() - 5 * HOUR
    await aid.do("ask_service", "cpo.a", service="legal_aid", at=ago)
    await aid.do("send", "cpo.a", receiver_id=str(world.unit("HN-TGPL")), at=ago)
    clock = (await aid.clocks("acknowledge"))[0]
    told = await eventually(lambda: _told(world, clock.id))
    assert {(one.role, one.values["case"]) for one in told} == {
        ("SUP", (await case.row()).code), ("LEG", (await aid.row()).code),
    }  # fmt: skip
    assert {one.values["service"] for one in told} == {"legal_aid"}
    assert await world.rows(Escalation, deadline_id=clock.id)


async def _told(world: World, deadline: object) -> list[object]:
    rows = await world.rows(Notice, deadline_id=deadline)
    return [one for one in rows if one.channel == "inbox"]


async def test_a_higher_risk_of_the_case_moves_the_start_of_its_referrals(world: World) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    care = await (await refer(case, "psychosocial").sent()).accepted()
    before = (await care.clocks("start"))[0].due_at
    await case.do("update_risk", "cpo.a", risk="R4", reason="gãy tay")
    after = (await care.clocks("start"))[0]
    assert after.due_at < before
    assert after.clock["amount"] == "24 H"

    async def believes() -> bool:
        believed = await world.desk.believed_of_referral(care.id)
        return believed is not None and any(one.at == after.due_at for one in believed.deadlines)

    await eventually(believes)


# --- police, forensics ----------------------------------------------------------------------------------------------


async def test_the_police_extend_twice_and_their_outcome_leaves_the_case_as_it_is(world: World) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    police = await (await refer(case, "police_report").sent()).accepted()
    await police.do("start_service", "pol.a")
    first = (await police.clocks("done"))[0].due_at
    order = {"decision": {"number": "1/QĐ", "signed_on": "2026-11-23"}}
    for until in ("2027-01-15", "2027-03-01"):
        await police.do("extend_decision", "pol.a", until=until, **order)
    assert await police.refused("extend_decision", "pol.a", until="2027-04-01", **order) == "extended-twice"
    (open_,) = [one for one in await police.clocks("done") if one.status == "open"]
    assert open_.due_at > first
    assert open_.clock["start_event"] == "extend_decision_again"
    assert await police.refused("deliver", "pol.a", outcome="NOT_PROSECUTED") == "decision-missing"
    complaint = {"complaint": "MADE", "reason": "Chứng cứ chưa được xem xét đủ", "number": "5/KN"}
    assert await case.refused("record_complaint", "cpo.a", **complaint) == "prosecution-not-refused"
    process = (await case.row()).process
    await police.do("deliver", "pol.a", outcome="NOT_PROSECUTED", **order)
    assert (await case.row()).process == process
    assert {one.role for one in await police.notices("police_outcome")} >= {"CPO", "SUP"}
    follows = {"legal_aid_option", "procuracy_complaint", "new_score"}
    assert await police.open() == {"confirmation", *follows}
    await police.do("confirm", "cpo.a")
    assert await police.open() == follows, "what follows outlives the report to the police"
    await refer(case, "legal_aid").asked()
    assert await police.open() == {"procuracy_complaint", "new_score"}
    (considered,) = await police.clocks("procuracy_complaint")
    assert (considered.clock["amount"], considered.clock["kind"]) == ("3 WD", "design")
    assert await case.refused("record_complaint", "chair.a", **complaint) == "not-your-role"
    await case.do("record_complaint", "cpo.a", **complaint)
    assert await police.open() == {"new_score"}
    await case.do("update_risk", "cpo.a", risk="R3", reason="người gây hại đã về nhà")
    assert await police.open() == set()
    await eventually(police.has_ended)


async def test_a_forensic_examination_waits_for_its_order_and_says_which(world: World) -> None:
    case = await a_case(world)
    forensic = await (await refer(case, "forensic_examination").sent()).accepted()
    await forensic.do("wait_for_order", "for", order_awaited="FORENSIC_REQUEST")
    row = await forensic.row()
    assert (row.state, row.memory["awaited"]) == ("waiting_order", "FORENSIC_REQUEST")
    order = {"decision": {"number": "2/QĐ", "signed_on": "2026-11-23"}}
    await forensic.do("receive_order", "pol.a", **order)
    assert (await forensic.row()).state == "accepted"
    (done,) = await forensic.clocks("done")
    assert done.clock["kind"] == "statutory"


# --- the case -------------------------------------------------------------------------------------------------------


async def test_a_case_does_not_end_while_an_emergency_referral_lives(world: World) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    medical = await refer(case, "medical_emergency").sent()
    await case.do("propose_not_substantiated", "cpo.a", reason="không đủ căn cứ")
    assert await case.refused("confirm_not_substantiated", "sup.a") == "emergency-referral-live"
    await medical.do("revoke", "sup.a", reason="Đã tự đưa trẻ đi khám")
    await case.do("confirm_not_substantiated", "sup.a")
    assert await refer(case, "legal_aid").refused("ask_service", "cpo.a", service="legal_aid") == "case-not-at-work"


async def test_a_closing_waits_for_an_emergency_referral_whoever_makes_an_exception(world: World) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    police, aid = await refer(case, "police_report").sent(), await refer(case, "legal_aid").sent()
    await case.do("propose_early_closure", "cpo.a", closure_reason="MOVED_ABROAD", reason="đã đi")
    exception = {"second_approver": str(world.person("vch.a")), "reason": "gia đình đã chuyển đi"}
    said = {"decision": SIGNED, "exception": exception}
    assert await case.refused("approve_closure", "chair.a", **said) == "emergency-referral-live"
    await police.do("revoke", "sup.a", reason="Công an đã tiếp nhận trực tiếp")
    assert await case.refused("approve_closure", "chair.a", decision=SIGNED) == "referral-live"
    await aid.do("revoke", "cpo.a", reason="Gia đình đã chuyển đi")
    await case.do("approve_closure", "chair.a", decision=SIGNED)


async def test_a_prosecuted_crime_keeps_the_case_from_closing_until_its_end_is_on_record(world: World) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    police = await (await refer(case, "police_report").sent()).accepted()
    await police.do("start_service", "pol.a")
    order = {"decision": {"number": "1/QĐ", "signed_on": "2026-11-23"}}
    await police.do("deliver", "pol.a", outcome="PROSECUTED", **order)
    await police.do("confirm", "cpo.a")
    await case.do("propose_early_closure", "cpo.a", closure_reason="MOVED_ABROAD", reason="đã đi")
    assert await case.refused("approve_closure", "chair.a", decision=SIGNED) == "proceeding-live"


# --- put right ------------------------------------------------------------------------------------------------------


async def test_many_referrals_of_one_case_run_side_by_side_and_none_ends_another(world: World) -> None:
    case = await a_case(world)
    services = ("legal_aid", "psychosocial", "shelter", "medical_emergency")
    many = await asyncio.gather(*(refer(case, service).sent() for service in services))
    await many[0].handle.terminate("gone")
    for one in many[1:]:
        assert await _runs(one)
    # An operator's mistake is made good: what is in PostgreSQL is started again.
    await world.desk.wake_referral(case.id, many[0].id)
    await eventually(lambda: _runs(many[0]))
    await many[0].do("acknowledge", "leg")
    assert (await case.row()).process == "initial_assessment"


async def test_a_referral_without_a_workflow_is_started_by_the_sweep(world: World) -> None:
    case = await a_case(world)
    aid = await refer(case, "legal_aid").sent()
    await aid.handle.terminate("its start was lost")
    long_ago = world.clock.now() - HOUR
    of = table(Referral)
    async with world.as_owner() as connection:
        lost = {"workflow_seen_at": None, "updated_at": long_ago}
        await connection.execute(update(of).where(of.c.id == aid.id).values(**lost))
    handle = await world.client.start_workflow(Sweep.run, id=f"sweep-{uuid4()}", task_queue=world.task_queue)
    report = await handle.result()
    assert aid.id in report.referrals_started
    await eventually(lambda: _runs(aid))
    await eventually(aid.is_seen)
    await aid.do("acknowledge", "leg")


async def test_the_sweep_compares_referrals_with_their_workflows_and_repairs_every_difference(world: World) -> None:
    case = await a_case(world)
    behind, moved, gone, sound = [await refer(case, "legal_aid").sent() for _ in range(4)]
    for one in (behind, moved, gone, sound):
        await eventually(one.is_seen)
    # Recorded, and the workflow never heard of it: a crash between the two.
    upkeep = ReferralTransitions(world.database.worker, world.reference, world.clock)
    await ActivityEnvironment().run(upkeep.record_referral, await behind.prepare("acknowledge", "leg"))
    (clock,) = await moved.clocks("acknowledge")
    rungs = [{**one, "due_at": (clock.due_at + HOUR).isoformat()} for one in clock.clock["rungs"]]
    async with world.as_owner() as connection:
        of = table(Deadline)
        changed = {"clock": {**clock.clock, "rungs": rungs}}
        await connection.execute(update(of).where(of.c.id == clock.id).values(**changed))
    await gone.handle.terminate("lost")
    handle = await world.client.start_workflow(Sweep.run, id=f"sweep-{uuid4()}", task_queue=world.task_queue)
    report = await handle.result()
    found = {line for line in report.differences if line.startswith("referral/")}
    assert {
        f"referral/{behind.id} sequence", f"referral/{moved.id} deadlines", f"referral/{gone.id} no-workflow",
    } <= found  # fmt: skip
    assert not any(str(sound.id) in line for line in found)
    assert report.referrals_checked >= 4
    for one in (behind, moved, gone):
        await eventually(lambda one=one: _in_step(one))


async def _in_step(referral: Sent) -> bool:
    believed = await referral.case.world.desk.believed_of_referral(referral.id)
    (clock, *_) = sorted(await referral.clocks(), key=lambda one: one.started_at, reverse=True)
    return (
        believed is not None
        and believed.sequence == (await referral.row()).sequence
        and any(
            one.id == clock.id and one.at.isoformat() == clock.clock["rungs"][0]["due_at"].replace("Z", "+00:00")
            for one in believed.deadlines
        )
    )
