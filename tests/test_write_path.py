"""One command from the desk to the record, and whole cases made of them (architecture.md, "One command")."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.transition import Transitions
from models.clock import PlatformClock
from models.messages import CommandResult
from models.records.content import report_id_of
from models.tables import (
    METADATA,
    AuditEntry,
    Breach,
    CaseEvent,
    CaseFile,
    CommandRecord,
    Deadline,
    Delegate,
    Document,
    Notice,
    Position,
    Recusal,
    Report,
    table,
)
from tests.world import (
    CONTACT,
    DAY,
    FOLLOW_UP,
    HOUR,
    MEASURES,
    MINUTE,
    SIGNED,
    WRITTEN,
    Case,
    World,
    eventually,
    form02,
    form04,
    form06,
    form07,
)

pytestmark = pytest.mark.servers


async def hangs_together(case: Case) -> None:
    """What must hold of any case's record, whatever happened in it."""
    row = await case.row()
    events = sorted(await case.rows(CaseEvent), key=lambda one: one.sequence)
    assert [one.sequence for one in events] == list(range(1, row.sequence + 1))
    for before, after in pairwise(events):
        assert after.before == before.after
    assert events[-1].after == {name: getattr(row, name) for name in ("process", "protection", "ban", "custody")}
    records = {one.command_id: one for one in await case.rows(CommandRecord)}
    assert set(records) == {one.command_id for one in case.sent}
    people = [one for one in events[1:] if one.role != "SYSTEM"]
    assert {one.command_id for one in people} == {key for key, one in records.items() if one.accepted}
    audited: dict[Any, list[str]] = {}
    for entry in await case.rows(AuditEntry):
        if entry.command_id is not None:
            audited.setdefault(entry.command_id, []).append(entry.outcome)
    assert audited == {
        **{one.command_id: ["done"] for one in events},
        **{key: ["refused"] for key, one in records.items() if not one.accepted},
    }
    documents = await case.rows(Document)
    assert len(await case.world.contents(case.id)) == len(documents), "each is what its hash says"
    versions: dict[str, list[int]] = {}
    by_command = {one.command_id: one for one in events}
    for one in documents:
        event = by_command.get(one.command_id)
        assert (one.frozen_at is not None) == (event is not None)
        if event is not None:
            assert one.sequence == event.sequence
            assert {"id": str(one.id), "kind": one.kind, "hash": one.content_hash} in event.documents
            versions.setdefault(one.kind, []).append(one.version)
    for kind, found in versions.items():
        assert sorted(found) == list(range(1, len(found) + 1)), kind


async def everything(case: Case, *but: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the case in every table, but for those named."""
    found = {}
    async with case.world.as_owner() as connection:
        for name, of in METADATA.tables.items():
            column = "id" if name == "case_file" else "case_id"
            if name not in but and column in of.c:
                rows = await connection.execute(
                    select(of).where(of.c[column] == case.id).order_by(*of.primary_key.columns)
                )
                found[name] = [tuple(row) for row in rows]
    return found


# --- whole cases ------------------------------------------------------------------------------------------------------


async def test_an_unfounded_report_is_carried_to_its_end(world: World) -> None:
    """Scenario S3: no harm found, the supervisor confirms, the report to the province follows."""
    case = await world.case()
    assert await case.open() == {"acknowledge", "emergency_12h", "written_report"}
    await case.assessed()
    assert "emergency_12h" not in await case.open()
    await case.do("propose_not_substantiated", "cpo.a", reason="trẻ khỏe mạnh")
    assert await case.refused("confirm_not_substantiated", "cpo.a") == "not-your-role"
    await case.do("confirm_not_substantiated", "sup.a")
    assert await case.open() == {"written_report"}
    assert not await case.has_ended()
    await case.do("send_written_report", "cpo.a", report=WRITTEN)
    row = await case.row()
    assert (row.process, row.closure_reason) == ("not_substantiated", "not_substantiated")
    assert {one.status for one in await case.rows(Deadline)} == {"met", "cancelled"}
    assert await case.rows(Breach) == []
    await eventually(case.has_ended, why="a final case without an open deadline needs no workflow")
    await hangs_together(case)


async def test_a_violently_treated_child_is_carried_from_the_report_to_the_last_contact(world: World) -> None:
    """Emergency, isolation by a spoken order, two plans, closure, and the contacts after it."""
    case = await world.case(flagged=True, trigger="CARER_IS_PERPETRATOR", residence_unit="HN-A")
    assert (await case.row()).protection == "emergency"
    await case.accepted()
    await case.do("complete_initial_assessment", "cpo.a", m02=form02(emergency=True))
    await case.do("order_isolation", "chair.a", m07=form07(spoken=True))
    assert {"signed_order", "isolation_max"} <= await case.open()
    await case.do("record_signed_order", "cpo.a", order={**SIGNED, "subject": None})
    await case.do("substantiate", "cpo.a", verification={"findings": "có căn cứ"})
    await case.do("complete_detailed_assessment", "cpo.a", m03={"conclusion": "cần hỗ trợ"})
    await case.do("record_needs_meeting", "cpo.a", minutes={"needs": [{"priority": 1, "need": "an toàn"}],
                                                            "child_views": "muốn ở với bà"})  # fmt: skip
    first = await _plan(case, "tham-nha", "hoc-phi")
    steps = {one.subject: one.due_at for one in await case.clocks("plan_step")}
    assert set(steps) == {"tham-nha", "hoc-phi"}
    await case.do("record_step", "cpo.a", step={"key": "tham-nha", "outcome": "DONE"})
    await case.do("end_isolation", "chair.a", end_ground="CARERS_SAFE", reason="đã đánh giá an toàn")
    await case.do("review_measures", "cpo.a", review={"still_holds": "không cần nữa"})
    await case.do("end_protection", "chair.a", reason="đã an toàn")
    await case.do("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    case.later(30 * DAY)
    await case.do("start_review", "cpo.a")
    await case.do("continue_plan", "cpo.a", m06=form06("CONTINUE"))
    assert (await case.row()).plan_version == 2
    second = await _plan(case, "tham-nha", "tu-van")
    assert first != second
    open_steps = {one.subject for one in await case.clocks("plan_step") if one.status == "open"}
    assert open_steps == {"tham-nha", "tu-van"}
    await case.do("start_review", "cpo.a")
    await case.do("propose_closure", "cpo.a", m06=form06("END"), closure_reason="NO_LONGER_AT_RISK")
    assert await case.refused("approve_closure", "chair.a", decision=SIGNED) == "risk-too-high"
    assert await case.refused("update_risk", "cpo.a", risk="R2", reason="ổn định") == "not-your-role"
    await case.do("update_risk", "sup.a", risk="R2", reason="ổn định")
    await case.do("approve_closure", "chair.a", decision=SIGNED)
    await case.do("send_written_report", "sup.a", report=WRITTEN)
    assert [one.subject for one in await case.clocks("post_closure_contact")] == ["1 MONTH", "3 MONTH", "6 MONTH"]
    for months in (1, 2, 3):
        assert not await case.has_ended()
        case.later(months * 30 * DAY)
        await case.do("record_contact", "cpo.a", contact=CONTACT)
    assert await case.open() == set()
    await eventually(case.has_ended)
    row = await case.row()
    assert (row.process, row.risk, row.flagged, row.closure_reason) == ("closed", "R2", True, "NO_LONGER_AT_RISK")
    assert row.memory == {}
    await hangs_together(case)


async def _plan(case: Case, *steps: str) -> str:
    """Submit a plan, see that only exactly it can be approved, approve it; gives its hash."""
    await case.do("submit_plan", "cpo.a", m04=form04(*steps), m05={})
    plan = max((one for one in await case.rows(Document, kind="M04")), key=lambda one: one.version)
    row = await case.row()
    assert row.memory["plan_hash"] == plan.content_hash
    assert await case.refused("approve_plan", "chair.a", content_hash="0" * 64, decision=SIGNED) == "content-changed"
    await case.do("approve_plan", "chair.a", content_hash=plan.content_hash, decision=SIGNED)
    approval = max((one for one in await case.rows(CaseEvent, event="approve_plan")), key=lambda one: one.sequence)
    (act,) = [one for one in await case.rows(Document) if one.command_id == approval.command_id]
    (said,) = await case.world.contents(case.id, id=act.id)
    assert said["content_hash"] == plan.content_hash
    assert (plan.plan_version, act.plan_version, row.plan_version) == (row.plan_version,) * 3
    assert [key for key in ("plan_hash", "plan_author") if key in (await case.row()).memory] == []
    return str(plan.content_hash)


async def test_a_plan_that_was_approved_can_never_be_changed(world: World) -> None:
    case = await (await world.case()).planning()
    await _plan(case, "tham-nha")
    (plan,) = await case.rows(Document, kind="M04")
    of = table(Document)
    for values in ({"sealed": b""}, {"content_hash": "0" * 64}, {"version": 9}, {"plan_version": 7}):
        with pytest.raises(Exception, match="content never changes"):
            async with world.as_owner() as connection:
                await connection.execute(of.update().where(of.c.id == plan.id).values(**values))
    await hangs_together(case)


async def test_nobody_is_visited_after_the_child_has_died(world: World) -> None:
    case = await (await world.case()).assessed()
    await case.do("propose_early_closure", "cpo.a", closure_reason="DEATH", reason="giấy chứng tử")
    await case.do("approve_closure", "chair.a", decision=SIGNED)
    assert await case.clocks("post_closure_contact") == []
    assert {world.acting("doh").person_id} == {one.person_id for one in await case.rows(Notice, kind="child_died")}
    await hangs_together(case)


async def test_a_death_is_reviewed_by_the_department_and_the_closed_case_waits_for_it(world: World) -> None:
    """lifecycle.md: "death (opens a review task, DOH told)"."""
    case = await (await world.case()).assessed()
    finding = {"finding": "đã xem xét việc phối hợp"}
    assert await case.refused("record_death_review", "doh", **finding) == "no-death-review-open"
    await case.do("propose_early_closure", "cpo.a", closure_reason="DEATH", reason="giấy chứng tử")
    review = await case.clock("death_review")
    assert {one.deadline_id for one in await case.rows(Notice, kind="child_died")} == {review.id}
    await case.do("approve_closure", "chair.a", decision=SIGNED)
    await case.do("send_written_report", "cpo.a", report=WRITTEN)
    assert await case.open() == {"death_review"}
    assert not await case.has_ended()
    assert await case.refused("record_death_review", "sup.a", **finding) == "not-your-role"
    # Whoever owned the case or had a hand in its closing does not review it, whatever else they have become.
    for involved in ("cpo.a", "chair.a"):
        hat = uuid4()
        await world.add(
            Position, id=hat, person_id=world.person(involved), unit_id=world.unit("HN-SYT"), role="DOH",
            valid_from=world.clock.now() - DAY,
        )  # fmt: skip
        command = await case.prepare("record_death_review", involved, **finding)
        result = await case.send(command.model_copy(update={"position_id": hat}))
        assert (result.accepted, result.code) == (False, "reviewer-is-involved")
    await case.do("record_death_review", "doh", **finding)
    assert await case.open() == set()
    await eventually(case.has_ended, why="its last deadline is met")
    assert (await case.row()).process == "closed"
    await hangs_together(case)


# --- who may, and who may not -----------------------------------------------------------------------------------------


async def test_the_author_approves_nothing_of_their_own_under_no_hat(world: World) -> None:
    case = await (await world.case(unit="HN-B")).planning("cpo.b")
    await case.do("submit_plan", "cpo.b", m04=form04("tham-nha"), m05={})
    approval = {"content_hash": (await case.row()).memory["plan_hash"], "decision": SIGNED}
    assert await case.refused("approve_plan", "cpo.b", **approval) == "not-your-role"
    # As the one who types in what the Chair is said to have ordered.
    assert await case.refused("approve_plan", "cpo.b", behalf="chair.b", means="phone", **approval) == (
        "approver-is-author"
    )
    # With the Chair's own hat on.
    hat = uuid4()
    await world.add(
        Position, id=hat, person_id=world.person("cpo.b"), unit_id=world.unit("HN-B"), role="CHAIR",
        valid_from=world.clock.now() - DAY,
    )  # fmt: skip
    command = await case.prepare("approve_plan", "cpo.b", **approval)
    result = await case.send(command.model_copy(update={"position_id": hat}))
    assert (result.accepted, result.code) == (False, "approver-is-author")
    assert (await case.row()).process == "plan_approval"
    # Somebody else may type it in.
    await case.do("approve_plan", "sup.b", behalf="chair.b", means="phone", **approval)
    await hangs_together(case)


async def test_a_supervisor_who_proposed_is_confirmed_by_the_chair(world: World) -> None:
    case = await (await world.case()).assessed()
    await case.do("propose_not_substantiated", "sup.a", reason="không có căn cứ")
    assert await case.refused("confirm_not_substantiated", "sup.a") == "not-your-role"
    assert await case.refused("confirm_not_substantiated", "sup.a", behalf="chair.a", means="phone") == (
        "approver-is-author"
    )
    await case.do("confirm_not_substantiated", "vch.a")
    await hangs_together(case)


async def test_an_act_told_over_the_phone_is_the_callers_and_says_who_typed_it(world: World) -> None:
    case = await world.case(flagged=True, trigger="LIFE")
    await case.do("acknowledge", "cpo.a")
    order = {"m07": form07(spoken=True)}
    assert await case.refused("order_isolation", "cpo.a", **order) == "not-your-role"
    assert await case.refused("order_isolation", "cpo.a", behalf="chair.a", **order) == "means-missing"
    assert await case.refused("order_isolation", "cpo.a", behalf="sup.a", means="phone", **order) == "not-your-role"
    assert await case.refused("order_isolation", "cpo.a", behalf="chair.c", means="phone", **order) == "not-your-role"
    assert await case.refused(
        "order_isolation", "cpo.a", behalf="chair.a", behalf_role="VCH", means="phone", **order
    ) == ("not-your-role")
    # Nor does one's own right stand in for that of somebody who holds no office here.
    seen = {"follow_up": FOLLOW_UP}
    assert await case.refused("record_follow_up", "cpo.a", behalf="cpo.c", means="phone", **seen) == "not-your-role"
    await case.do("order_isolation", "cpo.a", behalf="chair.a", behalf_role="CHAIR", means="phone", **order)
    (event,) = await case.rows(CaseEvent, event="order_isolation")
    assert (event.actor_id, event.role) == (world.person("cpo.a"), "CPO")
    assert (event.on_behalf_person, event.on_behalf_role, event.means) == (world.person("chair.a"), "CHAIR", "phone")
    assert (await case.clock("emergency_12h")).status == "met"
    await hangs_together(case)


async def test_a_spoken_order_wants_its_paper_and_a_signed_one_does_not(world: World) -> None:
    spoken = await world.case(flagged=True, trigger="LIFE")
    await spoken.do("order_isolation", "chair.a", m07=form07(spoken=True))
    clock = await spoken.clock("signed_order")
    assert (clock.status, clock.due_at - clock.started_at) == ("open", 24 * HOUR)
    assert clock.subject == str(spoken.sent[-1].command_id)
    await spoken.do("record_signed_order", "chair.a", order=SIGNED)
    assert (await spoken.clock("signed_order")).status == "met"
    signed = await world.case(flagged=True, trigger="LIFE")
    await signed.do("order_isolation", "chair.a", m07=form07())
    assert await signed.clocks("signed_order") == []
    for case in (spoken, signed):
        await hangs_together(case)


async def test_a_recused_chair_decides_nothing_and_the_one_named_in_their_place_does(world: World) -> None:
    case = await (await world.case(unit="HN-C")).planning("cpo.c")
    chair = world.person("chair.c")
    await case.do("record_recusal", "cpo.c", person_id=chair, reason="là chú của cháu")
    (recusal,) = await case.rows(Recusal)
    assert (recusal.person_id, recusal.until) == (chair, None)
    assert "name_delegate" in await case.open()
    told = {one.person_id for one in await case.rows(Notice, kind="delegate_wanted")}
    assert told <= {world.person(name) for name in ("dohd", "dohd.2", "dohd.3")}
    assert told
    assert await case.refused("raise_emergency", "chair.c", trigger="LIFE") == "recused"
    assert await case.refused("raise_emergency", "cpo.c", behalf="chair.c", means="phone", trigger="LIFE") == "recused"
    await case.do("submit_plan", "cpo.c", m04=form04("tham-nha"), m05={})
    approval = {"content_hash": (await case.row()).memory["plan_hash"], "decision": SIGNED}
    assert await case.refused("approve_plan", "chair.c", **approval) == "recused"
    assert await case.refused("approve_plan", "doh", **approval) == "not-your-role"
    assert await case.refused("name_delegate", "dohd", person_id=chair, for_role="CHAIR") == "owner-recused"
    await case.do("name_delegate", "dohd", person_id=world.person("doh"), for_role="CHAIR")
    assert (await case.clock("name_delegate")).status == "met"
    (delegate,) = await case.rows(Delegate)
    assert delegate.person_id == world.person("doh")
    await case.do("approve_plan", "doh", **approval)
    # The delegate is recused in turn: what was named ends with it.
    await case.do("record_recusal", "sup.c", person_id=world.person("doh"), reason="quen biết gia đình")
    (delegate,) = await case.rows(Delegate)
    assert delegate.until is not None
    await hangs_together(case)


async def test_an_owner_who_is_recused_no_longer_owns_the_case(world: World) -> None:
    case = await (await world.case()).accepted("cpo2.a")
    await case.do("record_recusal", "sup.a", person_id=world.person("cpo2.a"), reason="hàng xóm")
    assert (await case.row()).owner_id is None
    assert await case.refused("assign_owner", "sup.a", owner_id=world.person("cpo2.a")) == "owner-recused"
    await case.do("assign_owner", "sup.a", owner_id=world.person("cpo.a"))
    assert (await case.row()).owner_id == world.person("cpo.a")
    await hangs_together(case)


async def test_a_position_that_ended_yesterday_gives_nothing_today(world: World) -> None:
    case = await (await world.case(unit="HN-D")).accepted("cpo2.d")
    before = await case.prepare("record_follow_up", "cpo.d", follow_up=FOLLOW_UP)
    await world.end_position("cpo.d", world.clock.now() - DAY)
    await world.end_position("chair.d", world.clock.now() - DAY)
    assert (await case.send(before)).code == "not-your-role"
    assert await case.refused("raise_emergency", "chair.d", trigger="LIFE") == "not-your-role"
    assert await case.refused("raise_emergency", "sup.d", behalf="chair.d", means="phone", trigger="LIFE") == (
        "not-your-role"
    )
    # Nor does somebody else's.
    stolen = (await case.prepare("suspend", "cpo2.d", reason_code="OTHER", reason="chờ")).model_copy(
        update={"position_id": world.acting("sup.d").position_id}
    )
    assert (await case.send(stolen)).code == "not-your-role"
    await hangs_together(case)


# --- once, and nothing halfway ----------------------------------------------------------------------------------------


async def test_the_same_command_again_gets_the_same_answer_and_has_one_effect(world: World) -> None:
    case = await world.case()
    yes, no = await case.prepare("acknowledge", "cpo.a"), await case.prepare("acknowledge", "chair.a")
    results = await asyncio.gather(*(case.send(one) for one in (yes, no) * 10))
    assert len({one.model_dump_json() for one in results}) == 2
    assert {one.command_id: one.accepted for one in results} == {yes.command_id: True, no.command_id: False}
    # A worker that remembers nothing gives the same answer, from PostgreSQL.
    again = Transitions(world.database.worker, world.reference, world.clock).record_transition
    for command in (yes, no):
        first = next(one for one in results if one.command_id == command.command_id)
        assert (await ActivityEnvironment().run(again, command)).answer == first
    assert [one.event for one in await case.rows(CaseEvent)] == ["receive_report", "acknowledge"]
    await hangs_together(case)


async def test_a_refusal_is_stored_and_audited_and_changes_nothing_else(world: World) -> None:
    case = await (await world.case(flagged=True, trigger="LIFE")).accepted()
    kept = ("audit_entry", "command_record", "submission", "document")
    before, row = await everything(case, *kept), await case.row()
    order = await case.prepare("order_isolation", "chair.a", m07=form07(until="2027-03-01"))
    refusals = [
        ("isolation-too-long", await case.send(order)),
        ("emergency-in-force", await case.ask("rule_out_emergency", "sup.a", reason="không")),
        ("not-allowed-in-state", await case.ask("approve_closure", "chair.a", decision=SIGNED)),
        ("in-the-future", await case.ask("apply_measures", "cpo.a", measures=MEASURES, at=case.now() + HOUR)),
        ("too-early", await case.ask("apply_measures", "cpo.a", measures=MEASURES, at=row.receipt_at - MINUTE)),
    ]
    assert [(one.code, one.accepted) for _, one in refusals] == [(code, False) for code, _ in refusals]
    assert await everything(case, *kept) == before
    for code, result in refusals:
        (record,) = await case.rows(CommandRecord, command_id=result.command_id)
        assert CommandResult.model_validate(record.result) == result
        (entry,) = await case.rows(AuditEntry, command_id=result.command_id)
        assert (entry.outcome, entry.code, entry.detail["standing"]["protection"]) == ("refused", code, "emergency")
        assert result.sequence == row.sequence
    assert "apply_measures" in refusals[0][1].allowed
    await hangs_together(case)


async def test_content_that_is_not_what_the_command_was_sent_for_is_refused(world: World) -> None:
    case, other = await world.case(), await world.case()
    for one in (case, other):
        await one.accepted()
    command = await case.prepare("complete_initial_assessment", "cpo.a", m02=form02())
    elsewhere = await other.prepare("complete_initial_assessment", "cpo.a", m02=form02())
    (ref,) = command.content
    for content in (
        (ref.model_copy(update={"hash": "0" * 64}),),
        (ref.model_copy(update={"id": uuid4()}),),
        elsewhere.content,
    ):
        forged = command.model_copy(update={"command_id": uuid4(), "content": content})
        case.sent.append(forged)
        assert (await case.send(forged, confirm=False)).code == "content-changed"
    assert (await case.row()).process == "initial_assessment"
    assert (await case.send(command)).accepted
    assert (await other.send(elsewhere)).accepted


async def test_a_report_that_was_never_stored_reopens_nothing(world: World) -> None:
    case = await world.case()
    command = await case.prepare("add_report", "h111", m01={"anonymous": True, "children": [{}]})
    # The same documents under another command's id: its report was never stored.
    lost = command.model_copy(update={"command_id": uuid4()})
    result = await case.send(lost, confirm=False)
    assert (result.accepted, result.code) == (False, "field-missing")
    assert (await case.send(command)).accepted
    assert len(await case.clocks("emergency_12h")) == 2


async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told_where_the_case_stands(world: World) -> None:
    case = await (await world.case()).planning()
    await case.do("submit_plan", "cpo.a", m04=form04("tham-nha"), m05={})
    approval = {"content_hash": (await case.row()).memory["plan_hash"], "decision": SIGNED}
    approve = await case.prepare("approve_plan", "chair.a", **approval)
    hand_back = await case.prepare("return_plan", "vch.a", reason="cần bổ sung")
    results = await asyncio.gather(case.send(approve), case.send(hand_back))
    assert sorted(one.accepted for one in results) == [False, True]
    (loser,) = [one for one in results if not one.accepted]
    assert loser.code == "not-allowed-in-state"
    assert loser.detail["process"] == (await case.row()).process
    await hangs_together(case)


# --- time -------------------------------------------------------------------------------------------------------------


async def test_what_was_done_in_time_and_recorded_late_stays_a_breach_and_says_so(world: World) -> None:
    """No rung fired meanwhile: a worker that is late undoes no lateness."""
    case = await world.case()
    receipt = (await case.row()).receipt_at
    case.later(13 * HOUR)
    await case.do("rule_out_emergency", "cpo.a", at=receipt + 11 * HOUR, reason="đã gặp trẻ")
    clock = await case.clock("emergency_12h")
    assert (clock.status, clock.met_at, clock.clock["recorded_late"], clock.clock["met_late"]) == (
        *("met", receipt + 11 * HOUR),
        *(True, False),
    )
    (breach,) = await case.rows(Breach, code="emergency_12h")
    assert (breach.kind, breach.mark, breach.due_at) == (
        *("statutory", "met_in_time_recorded_late"),
        receipt + 12 * HOUR,
    )
    assert breach.protocol_version == (await case.row()).protocol_version
    (event,) = await case.rows(CaseEvent, event="rule_out_emergency")
    assert event.recorded_at - event.occurred_at >= 2 * HOUR
    await hangs_together(case)


async def test_what_was_done_late_is_a_breach_met_late(world: World) -> None:
    case = await world.case(ago=13 * HOUR)
    await eventually(lambda: _all_fired(case, "emergency_12h", 4))
    (breach,) = await case.rows(Breach, code="emergency_12h")
    assert (breach.mark, breach.met_at) == (None, None)
    recorded_at = breach.recorded_at
    await case.do("rule_out_emergency", "cpo.a", reason="đã gặp trẻ")
    (breach,) = await case.rows(Breach, code="emergency_12h")
    assert (breach.mark, breach.recorded_at) == ("met_late", recorded_at)
    assert breach.met_at == case.sent[-1].occurred_at
    await hangs_together(case)


async def _all_fired(case: Case, code: str, how_many: int) -> bool:
    return len(await case.fired(code)) == how_many


async def test_suspending_stops_the_design_clocks_and_resuming_goes_on_with_what_was_left(world: World) -> None:
    case = await (await world.case()).assessed()
    runs_on = {code: (await case.clock(code)).due_at for code in ("follow_up", "plan", "written_report")}
    due, began = (await case.clock("verify")).due_at, case.now()
    await case.do("suspend", "sup.a", reason_code="CHILD_MISSING", reason="chưa tìm thấy trẻ")
    assert ((await case.clock("verify")).status, (await case.row()).process) == ("paused", "suspended")
    assert "suspension_review" in await case.open()
    case.later(3 * DAY)
    assert await case.refused("substantiate", "cpo.a", verification={"findings": "x"}) == "not-allowed-in-state"
    await case.do("record_look", "sup.a", finding="vẫn đang tìm")
    case.later(4 * DAY)
    await case.do("resume", "sup.a")
    clock = await case.clock("verify")
    assert (clock.status, (await case.row()).process) == ("open", "verifying")
    # 23–30 November: the clock stood still for a week, over one holiday and one weekend.
    assert clock.due_at - due >= 5 * DAY
    assert clock.clock["pauses"][0]["reason"] == "suspend"
    assert case.sent[-1].recorded_at - began >= 7 * DAY
    assert {code: (await case.clock(code)).due_at for code in runs_on} == runs_on
    assert "suspension_review" not in await case.open()
    await hangs_together(case)


async def test_a_pause_moves_a_design_clock_and_no_other(world: World) -> None:
    case = await (await world.case()).assessed()
    verify, plan = await case.clock("verify"), await case.clock("plan")
    pause = {"working_days": 2, "reason": "chờ bệnh viện"}
    assert await case.refused("pause_clock", "sup.a", deadline_id=plan.id, **pause) == "clock-not-pausable"
    await case.do("pause_clock", "sup.a", deadline_id=verify.id, **pause)
    assert (await case.clock("verify")).due_at - verify.due_at >= 2 * DAY
    assert (await case.clock("plan")).due_at == plan.due_at
    await hangs_together(case)


async def test_a_further_report_has_its_own_clocks_from_its_own_receipt(world: World) -> None:
    case = await (await world.case(ago=HOUR)).accepted()
    at = case.now() - 20 * MINUTE
    await case.do(
        "add_report", "h111", flagged=True, trigger="HEALTH", received_at=at,
        m01={"anonymous": True, "children": [{"condition": "sốt cao"}]},
    )  # fmt: skip
    row = await case.row()
    assert (row.flagged, row.protection, row.process) == (True, "emergency", "initial_assessment")
    first, second = await case.clocks("emergency_12h")
    assert (first.status, second.status, second.started_at) == ("open", "open", at)
    (report,) = await world.rows(Report, id=report_id_of(case.sent[-1].command_id))
    assert (report.received_at, report.flagged) == (at, True)
    await case.do("acknowledge_report", "cpo.a")
    assert {one.status for one in await case.clocks("acknowledge")} == {"met"}
    await case.do("apply_measures", "cpo.a", measures=MEASURES)
    assert {one.status for one in await case.clocks("emergency_12h")} == {"met"}
    await hangs_together(case)


async def test_the_workflow_waits_for_exactly_what_the_record_says_is_open(world: World) -> None:
    case = await (await world.case(flagged=True, trigger="LIFE")).planning(emergency=True)
    believed = await world.desk.believed(case.id)
    assert believed is not None
    held = (await case.rows(CommandRecord, command_id=case.sent[-1].command_id))[0].result["snapshot"]
    assert believed.model_dump(mode="json") == held
    assert {one.code for one in believed.deadlines} == await case.open()
    assert believed.sequence == (await world.rows(CaseFile, id=case.id))[0].sequence


# --- isolating longer -------------------------------------------------------------------------------------------------

GROUND = {"body": "Tòa án", "number": "7/QĐ", "dated": "2026-12-01"}


async def test_a_ground_for_isolating_longer_is_remembered_until_it_ends(world: World) -> None:
    case = await (await world.case(flagged=True, trigger="LIFE")).accepted()
    await case.do("order_isolation", "chair.a", m07=form07(until="2026-12-08"))
    case.later(14 * DAY)
    longer = {"until": "2026-12-27", "reason": "chưa an toàn", "ground": GROUND | {"until": "2026-12-27"}, **SIGNED}
    await case.do("extend_isolation", "chair.a", extension=longer)
    first, second = await case.clocks("isolation_max")
    assert (first.status, second.status) == ("met", "open")
    assert second.due_at.isoformat() == "2026-12-27T17:00:00+00:00"
    case.later(2 * DAY)
    await case.do("review_measures", "cpo.a", review={"still_holds": "còn cần thiết"})
    assert (await case.clock("measures_review")).clock["cap"] == "2026-12-27"
    again = {"until": "2027-01-05", "reason": "chưa an toàn", **SIGNED}
    assert await case.refused("extend_isolation", "chair.a", extension=again) == "isolation-too-long"
    case.later(20 * DAY)  # 36 days on, the ground has ended
    assert await case.refused("extend_isolation", "chair.a", extension=again) == "isolation-too-long"
    assert (await case.clock("isolation_max")).status == "open"
    await case.do("end_isolation", "chair.a", end_ground="CARERS_SAFE", reason="an toàn")
    (breach,) = await case.rows(Breach, code="isolation_max")
    assert (breach.deadline_id, breach.kind) == (second.id, "statutory")
    await hangs_together(case)


# --- four eyes --------------------------------------------------------------------------------------------------------


async def test_whoever_typed_the_plan_in_does_not_approve_it(world: World) -> None:
    case = await (await world.case()).planning()
    plan = {"m04": form04("tham-nha"), "m05": {}}
    await case.do("submit_plan", "vch.a", behalf="cpo.a", means="phone", **plan)
    (submitted,) = await case.rows(Document, kind="M04")
    approval = {"content_hash": submitted.content_hash, "decision": SIGNED}
    assert await case.refused("approve_plan", "vch.a", **approval) == "approver-is-author"
    await case.do("approve_plan", "chair.a", **approval)
    await hangs_together(case)


# --- ordinary mistakes ------------------------------------------------------------------------------------------------


async def test_an_ordinary_mistake_is_refused_and_on_record(world: World) -> None:
    case = await (await world.case()).assessed()
    pause = {"working_days": 1, "reason": "chờ"}
    written, verify = await case.clock("written_report"), await case.clock("verify")
    assert await case.refused("pause_clock", "sup.a", deadline_id=written.id, **pause) == "clock-not-pausable"
    await case.do("pause_clock", "sup.a", deadline_id=verify.id, **pause | {"working_days": 2})
    pauses = {"deadline_id": verify.id, **pause}
    assert await case.refused("pause_clock", "sup.a", **pauses | {"working_days": 2}) == "pause-too-long"
    for event, who, given, code in (
        ("assign_owner", "sup.a", {"owner_id": uuid4()}, "owner-not-serving"),
        ("assign_owner", "sup.a", {"owner_id": world.person("cpo.d")}, "owner-not-serving"),
        ("assign_owner", "sup.a", {"owner_id": world.person("pol.a")}, "owner-not-serving"),
        ("record_recusal", "sup.a", {"person_id": uuid4(), "ground": "RELATIVE", "reason": "x"}, "person-unknown"),
    ):
        assert await case.refused(event, who, **given) == code
    await case.do("record_recusal", "sup.a", person_id=world.person("chair.a"), ground="RELATIVE", reason="x")
    assert await case.refused("name_delegate", "doh", person_id=uuid4(), for_role="CHAIR") == "person-unknown"
    case.later(12 * DAY)
    assert await case.refused("pause_clock", "sup.a", **pauses) == "clock-overdue"
    await hangs_together(case)


async def test_a_clock_that_guards_the_first_look_is_not_paused(world: World) -> None:
    case = await world.case()
    await case.do("acknowledge", "cpo.a")
    await case.do("add_report", "h111", m01={"anonymous": True, "children": [{}]})
    (waits,) = [one for one in await case.clocks("acknowledge") if one.status == "open"]
    pause = {"deadline_id": waits.id, "working_days": 1, "reason": "chờ"}
    assert await case.refused("pause_clock", "sup.a", **pause) == "clock-not-pausable"
    await hangs_together(case)


# --- reopening --------------------------------------------------------------------------------------------------------


async def test_a_reopened_case_without_a_named_owner_goes_to_the_officer_on_duty_where_it_was_routed(
    world: World,
) -> None:
    case = await (await world.case()).assessed()
    await case.do("propose_not_substantiated", "cpo.a", reason="không có căn cứ")
    await case.do("confirm_not_substantiated", "sup.a")
    told = {"m01": {"anonymous": True, "children": [{}]}, "incident_unit": "HN-B"}
    await case.do("reopen", "h111", **told)
    row = await case.row()
    assert row.unit_id == world.unit("HN-B")
    assert row.owner_id in {world.person("cpo.b"), world.person("cpo2.b")}


async def test_a_reopened_case_nobody_is_on_duty_for_is_nobodys(world: World) -> None:
    case = await (await world.case(unit="HN-B")).assessed("cpo.b")
    await case.do("propose_not_substantiated", "cpo.b", reason="không có căn cứ")
    await case.do("confirm_not_substantiated", "sup.b")
    for who in ("cpo.b", "cpo2.b"):
        await case.damage(memory={})
        await world.add(
            Recusal, id=uuid4(), case_id=case.id, person_id=world.person(who), reason="RELATIVE", since=case.now()
        )
    await case.do("reopen", "sup.b", m01={"anonymous": True, "children": [{}]})
    assert (await case.row()).owner_id is None


# --- a command that waited --------------------------------------------------------------------------------------------


async def test_a_command_that_waited_is_judged_when_it_is_recorded(world: World) -> None:
    case = await world.case(unit="HN-C", flagged=True, trigger="LIFE")
    sent = await case.prepare("apply_measures", "cpo.c", measures=MEASURES)
    order = await case.prepare("stand_down", "chair.c", reason="an toàn")
    await case.do("record_recusal", "sup.c", person_id=world.person("chair.c"), ground="RELATIVE", reason="họ hàng")
    later = PlatformClock(world.offset + 13 * HOUR)
    record = Transitions(world.database.worker, world.reference, later).record_transition
    assert (await ActivityEnvironment().run(record, order)).code == "recused"
    result = await ActivityEnvironment().run(record, sent)
    assert result.accepted
    (event,) = await case.rows(CaseEvent, event="apply_measures")
    assert (event.recorded_at, event.occurred_at) == (sent.recorded_at, sent.occurred_at)
    clock = await case.clock("emergency_12h")
    assert (clock.clock["met_late"], clock.clock["recorded_late"]) == (False, True)
    (breach,) = await case.rows(Breach, code="emergency_12h")
    assert (breach.mark, breach.met_at) == ("met_in_time_recorded_late", sent.occurred_at)


# --- nothing is lengthened silently -----------------------------------------------------------------------------------


async def test_the_owner_is_told_when_a_limit_is_put_off(world: World) -> None:
    first, second = await world.report(children=2)
    for case in (first, second):
        await case.assessed()
    await second.do("update_risk", "cpo.a", risk="R4", reason="gãy tay")
    await eventually(lambda: _paced(first, 3 * DAY), why="the sibling's clocks come forward")
    assert await first.rows(Notice, kind="told") == []
    await second.do("update_risk", "sup.a", risk="R2", reason="đã điều trị")
    for case in (first, second):
        await eventually(lambda case=case: case.rows(Notice, kind="told"), why="the owner is told")
        assert {one.person_id for one in await case.rows(Notice, kind="told")} == {world.person("cpo.a")}


async def _paced(case: Case, within: Any) -> bool:
    clock = await case.clock("follow_up")
    return bool(clock.due_at - clock.started_at <= within)
