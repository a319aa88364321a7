"""Two cases of one child, and several children of one household: what moves from case to case, and comes back."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from models.tables import CaseEvent, CaseReport, Escalation, Notice, Rung
from tests.world import (
    DAY,
    HOUR,
    MEASURES,
    MINUTE,
    SIGNED,
    WRITTEN,
    Case,
    World,
    eventually,
    form07,
)

pytestmark = pytest.mark.servers


async def rungs(case: Case, code: str, occurrence: int = -1) -> dict[int, str]:
    """State of each rung of one occurrence of a deadline."""
    clock = (await case.clocks(code))[occurrence]
    return {one.ordinal: one.state for one in await case.world.rows(Rung, deadline_id=clock.id)}


async def instants(case: Case, code: str) -> list[tuple[str, datetime, datetime]]:
    return [(one.status, one.started_at, one.due_at) for one in await case.clocks(code)]


async def test_a_report_attached_to_a_live_case_takes_its_clocks_along_with_what_has_fired(world: World) -> None:
    known = await (await world.case(ago=MINUTE)).assessed()
    # Flagged five hours ago, and nobody did anything: E1 and E2 of the twelve hours have fired.
    fresh = await world.case(ago=5 * HOUR, flagged=True, trigger="LIFE")
    await eventually(lambda: _fired(fresh, "emergency_12h", {0, 1}))
    await eventually(lambda: _fired(fresh, "acknowledge", {0, 1, 2}))
    receipt = (await fresh.row()).receipt_at
    own = await rungs(fresh, "emergency_12h")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)

    row, target = await fresh.row(), await known.row()
    assert (row.process, row.attached_to, row.protection) == ("attached", known.id, "none")
    assert (target.process, target.protection, target.flagged) == ("verifying", "emergency", True)
    assert await fresh.open() == set()
    moved = (await known.clocks("emergency_12h"))[-1]
    assert (moved.status, moved.started_at, moved.due_at) == ("open", receipt, receipt + 12 * HOUR)
    assert await rungs(known, "emergency_12h") == own == {0: "fired", 1: "fired", 2: "planned", 3: "planned"}
    assert (await known.clocks("acknowledge"))[-1].status == "met"
    assert [one.how for one in sorted(await known.rows(CaseReport), key=lambda one: one.received_at)] == [
        *("further", "first"),
    ]
    (event,) = await known.rows(CaseEvent, event="add_report")
    assert event.sequence == target.sequence
    # The known case's workflow was told, and waits for what came; the attached one has nothing left to wait for.
    await eventually(known.in_step)
    believed = await world.desk.believed(known.id)
    assert believed is not None
    assert (moved.id, 2) in {(one.id, one.ordinal) for one in believed.deadlines}
    await eventually(fresh.has_ended)
    # Nothing fired twice: no notice and no escalation of those rungs in the known case.
    assert [one for one in await known.rows(Escalation) if one.deadline_id == moved.id] == []
    assert [one for one in await known.rows(Notice) if one.deadline_id == moved.id] == []


async def _fired(case: Case, code: str, ordinals: set[int]) -> bool:
    return set(await case.fired(code)) == ordinals


async def test_a_rung_still_to_come_fires_in_the_known_case_and_only_there(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=8 * HOUR - 1.5 * MINUTE / 60, flagged=True, trigger="LIFE")
    await eventually(lambda: _fired(fresh, "emergency_12h", {0, 1}))
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    await eventually(lambda: _states(known, "emergency_12h", {0: "fired", 1: "fired", 2: "fired", 3: "planned"}))
    assert await rungs(fresh, "emergency_12h", 0) == {0: "fired", 1: "fired"}
    moved = (await known.clocks("emergency_12h"))[-1]
    assert [(one.ordinal, one.level) for one in await world.rows(Escalation, deadline_id=moved.id)] == [(2, "E3")]


async def _states(case: Case, code: str, wanted: dict[int, str]) -> bool:
    return await rungs(case, code) == wanted


async def test_a_report_attached_to_a_closed_case_reopens_it_with_the_original_receipt(world: World) -> None:
    known = await (await world.case(ago=2 * HOUR)).assessed()
    await known.do("propose_not_substantiated", "cpo.a", reason="không có căn cứ")
    await known.do("confirm_not_substantiated", "sup.a")
    await known.do("send_written_report", "cpo.a", report=WRITTEN)
    await eventually(known.has_ended)
    fresh = await world.case(ago=40 * MINUTE)
    await eventually(lambda: _waits(fresh))
    receipt = (await fresh.row()).receipt_at
    await fresh.do("attach", "sup.a", target_case=known.id, confirmed=True, owner_id=world.person("cpo.a"))
    row = await known.row()
    assert (row.process, row.receipt_at, row.owner_id, row.plan_version) == (
        *("initial_assessment", receipt, world.person("cpo.a")),
        2,
    )
    assert (await instants(known, "emergency_12h"))[-1] == ("open", receipt, receipt + 12 * HOUR)
    assert len(await known.clocks("emergency_12h")) == 2
    assert (await known.clock("written_report")).started_at == receipt
    assert (await known.clock("initial_assessment")).status == "open"
    (event,) = await known.rows(CaseEvent, event="reopen")
    assert event.sequence == row.sequence
    # Its run had ended: a new one was started, and knows.
    await eventually(known.in_step, why="the reopened case has a workflow again")
    await known.do("record_follow_up", "cpo.a", follow_up={"seen": ["trẻ"], "found": "ổn định"})


async def _waits(case: Case) -> bool:
    believed = await case.world.desk.believed(case.id)
    return believed is not None and bool(believed.deadlines)


async def test_the_stronger_protection_holds_whichever_case_it_stood_in(world: World) -> None:
    isolated = await world.case(flagged=True, trigger="LIFE")
    await isolated.do("order_isolation", "chair.a", m07=form07())
    known = await (await world.case(flagged=True, trigger="LIFE")).accepted()
    await known.do("apply_measures", "cpo.a", measures=MEASURES)
    end = (await isolated.clock("isolation_max")).due_at
    await isolated.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    assert (await known.row()).protection == "isolated"
    assert (await known.clock("isolation_max")).due_at == end
    # The other way round nothing is weakened.
    calm = await world.case()
    await calm.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    assert (await known.row()).protection == "isolated"


async def test_detaching_brings_everything_back_with_the_original_instants(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=5 * HOUR, flagged=True, trigger="LIFE")
    await eventually(lambda: _fired(fresh, "emergency_12h", {0, 1}))
    codes = ("emergency_12h", "written_report")
    before = {code: await instants(fresh, code) for code in codes}
    fired = await rungs(fresh, "emergency_12h")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    assert await fresh.refused("detach", "cpo.a", reason="nhầm") == "not-your-role"
    await fresh.do("detach", "sup.a", reason="không phải cùng một trẻ")
    row, target = await fresh.row(), await known.row()
    assert (row.process, row.attached_to, row.protection) == ("screening", None, "emergency")
    assert (target.process, target.protection) == ("verifying", "none")
    assert {code: await instants(fresh, code) for code in codes} == before
    assert await rungs(fresh, "emergency_12h") == fired
    assert "screen" in await fresh.open()
    left = [one for one in await known.clocks("emergency_12h") if one.status == "open"]
    assert left == []
    assert [one.event for one in await known.rows(CaseEvent) if one.sequence == target.sequence] == ["give_back"]
    for case in (fresh, known):
        await eventually(case.in_step)
    # And it goes on as a case of its own.
    await fresh.do("apply_measures", "cpo.a", measures=MEASURES)
    assert (await fresh.clock("emergency_12h")).status == "met"


async def test_what_was_met_meanwhile_comes_back_met(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=5 * HOUR, flagged=True, trigger="LIFE")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    await known.do("apply_measures", "cpo.a", measures=MEASURES)
    met_at = known.sent[-1].occurred_at
    await fresh.do("detach", "sup.a", reason="nhầm")
    clock = await fresh.clock("emergency_12h")
    assert (clock.status, clock.met_at) == ("met", met_at)
    assert (await known.row()).protection == "protected"


async def test_only_a_person_who_confirms_may_attach_and_only_to_another_case_there_is(world: World) -> None:
    fresh, known = await world.report(children=2)
    assert await fresh.refused("attach", "cpo.a", target_case=fresh.id, confirmed=True) == "not-the-same-child"
    assert await fresh.refused("attach", "chair.a", target_case=known.id, confirmed=True) == "not-your-role"
    assert await fresh.refused("attach", "cpo.a", target_case=uuid4(), confirmed=True) == "not-the-same-child"
    assert (await fresh.row()).process == "received"
    assert (await known.row()).sequence == 1


async def test_one_child_at_r4_sets_the_pace_of_the_household_and_lets_go_again(world: World) -> None:
    """Scenario S7: the youngest is at R4; the clocks of the others come forward, their own risk stays."""
    first, second = await world.report(children=2)
    for case in (first, second):
        await case.assessed()
    assert {(await case.row()).risk for case in (first, second)} == {"R2"}
    before = await first.clock("follow_up")
    assert before.due_at - before.started_at > 10 * DAY
    sequence = (await first.row()).sequence
    await second.do("update_risk", "cpo.a", risk="R4", reason="gãy tay")
    await eventually(lambda: _due(first, "follow_up", before.started_at + 48 * HOUR))
    row = await first.row()
    assert (row.risk, row.sequence) == ("R2", sequence)
    assert (await first.clock("verify")).due_at == (await second.clock("verify")).due_at
    await eventually(lambda: _believes(first, "follow_up", before.started_at + 24 * HOUR))
    # The risk of the one goes down: the others breathe again, and it is said.
    await second.do("update_risk", "sup.a", risk="R2", reason="đã điều trị")
    await eventually(lambda: _due(first, "follow_up", before.due_at))
    assert (await first.clock("follow_up")).clock["explanation"]["moved_why"] == "risk_lowered"


async def test_a_child_whose_case_ends_no_longer_sets_the_pace(world: World) -> None:
    first, second = await world.report(children=2)
    for case in (first, second):
        await case.assessed()
    due = (await first.clock("follow_up")).due_at
    await second.do("update_risk", "cpo.a", risk="R3", reason="đe dọa")
    await eventually(lambda: _moved(first, "follow_up", due))
    await second.do("propose_early_closure", "cpo.a", closure_reason="MOVED_ABROAD", reason="đã đi")
    await second.do("approve_closure", "chair.a", decision=SIGNED)
    await eventually(lambda: _due(first, "follow_up", due))


async def _due(case: Case, code: str, at: datetime) -> bool:
    return bool((await case.clock(code)).due_at == at)


async def _moved(case: Case, code: str, at: datetime) -> bool:
    return not await _due(case, code, at)


async def _believes(case: Case, code: str, at: datetime) -> bool:
    """Whether the workflow waits for a rung of that deadline by then."""
    believed: Any = await case.world.desk.believed(case.id)
    return any(one.code == code and one.at <= at for one in believed.deadlines)


# --- whose it is ------------------------------------------------------------------------------------------------------


async def test_nobody_attaches_to_a_case_they_have_no_say_in(world: World) -> None:
    elsewhere = await (await world.case(by="h111.2", unit="HN-D")).assessed("cpo.d")
    before = (await elsewhere.row()).sequence
    here = await world.case(by="h111")
    for who in ("cpo.a", "sup.a", "h111"):
        answer = await here.ask("attach", who, target_case=elsewhere.id, confirmed=True)
        assert (answer.code, answer.allowed) == ("not-your-unit", ()), who
    assert ((await here.row()).process, (await elsewhere.row()).sequence) == ("received", before)
    assert [one.how for one in await elsewhere.rows(CaseReport)] == ["first"]


async def test_the_counsellor_who_took_both_reports_in_attaches_one_to_the_other(world: World) -> None:
    known, fresh = await world.case(by="h111", unit="HN-D"), await world.case(by="h111")
    await fresh.do("attach", "h111", target_case=known.id, confirmed=True)
    assert (await fresh.row()).attached_to == known.id
    # The hotline's attaching is no look by the office: the report still waits for one.
    (link,) = [one for one in await known.rows(CaseReport) if one.how == "further"]
    assert link.acknowledged_at is None


async def test_attaching_to_a_live_case_leaves_it_its_owner(world: World) -> None:
    known = await (await world.case()).assessed()
    await known.do("record_recusal", "sup.a", person_id=world.person("cpo2.a"), ground="RELATIVE", reason="họ hàng")
    fresh = await world.case()
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True, owner_id=world.person("cpo2.a"))
    assert (await known.row()).owner_id == world.person("cpo.a")
    assert (await fresh.row()).owner_id is None


async def test_attaching_to_an_ended_case_makes_no_recused_person_its_owner(world: World) -> None:
    known = await (await world.case()).assessed()
    await known.do("record_recusal", "sup.a", person_id=world.person("cpo2.a"), ground="RELATIVE", reason="họ hàng")
    await known.do("propose_not_substantiated", "cpo.a", reason="không có căn cứ")
    await known.do("confirm_not_substantiated", "sup.a")
    fresh = await world.case()
    asked = {"target_case": known.id, "confirmed": True}
    assert await fresh.refused("attach", "sup.a", **asked, owner_id=world.person("cpo2.a")) == "owner-recused"
    assert await fresh.refused("attach", "sup.a", **asked, owner_id=world.person("cpo.d")) == "owner-not-serving"
    await fresh.do("attach", "sup.a", **asked, owner_id=world.person("sup.a"))
    assert (await known.row()).owner_id == world.person("sup.a")


# --- the reports that come and go -------------------------------------------------------------------------------------


async def test_a_case_is_attached_again_after_it_was_detached(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=HOUR)
    due = (await fresh.clock("emergency_12h")).due_at
    for _ in range(2):
        await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
        assert (await known.clock("emergency_12h")).status == "open"
        (link,) = [one for one in await known.rows(CaseReport) if one.how == "further"]
        assert link.until is None
        await fresh.do("detach", "sup.a", reason="nhầm")
        clock = await fresh.clock("emergency_12h")
        assert (clock.status, clock.due_at) == ("open", due)
    (link,) = [one for one in await known.rows(CaseReport) if one.how == "further"]
    assert link.until is not None
    assert {one.status for one in await known.clocks("emergency_12h")} == {"met", "cancelled"}


async def test_two_cases_that_one_report_opened_become_one(world: World) -> None:
    first, second = await world.report(children=2)
    await first.assessed()
    await second.do("attach", "cpo.a", target_case=first.id, confirmed=True)
    (link,) = await first.rows(CaseReport)
    assert (link.how, link.until) == ("first", None)
    await second.do("detach", "sup.a", reason="hai trẻ khác nhau")
    (link,) = await first.rows(CaseReport)
    assert (link.how, link.until) == ("first", None)


async def test_every_report_of_an_attached_case_goes_along_with_its_own_acknowledgement(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=HOUR)
    await fresh.do("acknowledge", "cpo.a")
    acknowledged = fresh.sent[-1].occurred_at
    told = {"anonymous": True, "children": [{"condition": "có vết bầm"}]}
    await fresh.do("add_report", "h111", m01=told)
    await fresh.do("attach", "h111", target_case=known.id, confirmed=True)
    links = sorted(
        (one for one in await known.rows(CaseReport) if one.how == "further"), key=lambda one: one.received_at
    )
    assert [one.acknowledged_at for one in links] == [acknowledged, None]
    waiting = {one.subject for one in await known.clocks("acknowledge") if one.status == "open"}
    assert waiting == {str(links[1].report_id)}
    await known.do("acknowledge_report", "cpo.a")
    assert {one.status for one in await known.clocks("acknowledge")} == {"met"}
    # And a report that comes next is the one acknowledged next.
    await known.do("add_report", "h111", m01=told)
    assert (await known.clock("acknowledge")).status == "open"
    await known.do("acknowledge_report", "cpo.a")
    assert (await known.clock("acknowledge")).status == "met"


async def test_attaching_by_the_office_acknowledges_the_report(world: World) -> None:
    known, fresh = await (await world.case()).assessed(), await world.case()
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    (link,) = [one for one in await known.rows(CaseReport) if one.how == "further"]
    assert link.acknowledged_at == fresh.sent[-1].occurred_at
    assert {one.status for one in await known.clocks("acknowledge")} == {"met"}


async def test_an_emergency_that_was_stood_down_stays_down_where_the_case_goes(world: World) -> None:
    known = await (await world.case()).assessed()
    fresh = await world.case(flagged=True, trigger="LIFE")
    await fresh.do("stand_down", "chair.a", reason="trẻ an toàn")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    assert (await known.row()).protection == "none"
    assert "emergency_12h" not in await known.open()
    (event,) = await known.rows(CaseEvent, event="add_report")
    assert event.implied == []


async def test_what_a_detached_case_had_flagged_is_flagged_no_longer(world: World) -> None:
    known = await (await world.case()).assessed()
    own = await (await world.case(flagged=True, trigger="LIFE")).accepted()
    for target, afterwards in ((known, False), (own, True)):
        fresh = await world.case(flagged=True, trigger="LIFE")
        await fresh.do("attach", "cpo.a", target_case=target.id, confirmed=True)
        assert (await target.row()).flagged
        await fresh.do("detach", "sup.a", reason="nhầm")
        assert (await target.row()).flagged is afterwards
