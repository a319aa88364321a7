"""Clocks of the steps of a case: screening to closing, protection, ban and custody."""

from datetime import date
from uuid import uuid4

import pytest

from models.protocol import EngineError, Values, uncovered, with_changes
from tests.protocol_support import (
    PROTOCOL,
    Story,
    active,
    assessed,
    at,
    closed,
    due,
    ladder,
    last_day,
    local,
    pending,
    planned,
    received,
    report,
    step,
)

YES = Values(emergency=True)


def screening() -> Story:
    story = received("2026-11-23 08:00")
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    return story


def test_screening_is_met_by_accepting() -> None:
    story = screening()
    assert due(story.one("screen")) == "2026-11-23 10:20"
    story.tell("accept", "2026-11-23 09:00", process="initial_assessment")
    assert story.last("screen").status == "met"
    assert ladder(story.one("initial_assessment")) == [
        "E0 2026-11-23 21:00",
        "E1 2026-11-24 03:00",
        "E2 2026-11-24 06:36",
        "E3 2026-11-24 09:00",
    ]


def test_a_redirect_sent_back_is_screened_again() -> None:
    story = screening()
    story.tell("propose_redirect", "2026-11-23 09:00", process="conclusion_review")
    assert last_day(story.one("conclusion_review")) == "2026-11-26"
    story.tell("return_to_screening", "2026-11-23 11:00", role="SUP", process="screening")
    assert (story.one("screen").occurrence, due(story.one("screen"))) == (2, "2026-11-23 13:00")


def test_a_flagged_case_has_four_hours_for_its_initial_assessment() -> None:
    story = received("2026-11-23 08:00", flagged=True)
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    story.tell("accept", "2026-11-23 09:00", process="initial_assessment")
    assert [local(rung.due_at)[11:] for rung in story.one("initial_assessment").rungs] == [
        "11:00",
        "12:00",
        "12:36",
        "13:00",
    ]


def test_verifying_has_three_working_days_and_two_when_it_is_sent_back() -> None:
    story = assessed()
    assert ladder(story.one("verify")) == ["E1 2026-11-26 08:00", "E2 2026-11-28 00:00"]
    story.tell("propose_not_substantiated", "2026-11-25 09:00", process="conclusion_review")
    story.tell("return_to_verification", "2026-11-26 09:00", role="SUP", process="verifying")
    assert ladder(story.one("verify")) == ["E1 2026-11-27 08:00", "E2 2026-12-01 00:00"]
    assert story.last("conclusion_review").met_by == "return_to_verification"


def test_the_plan_has_five_working_days_from_mau_02_as_law() -> None:
    clock = assessed().one("plan")
    assert (last_day(clock), clock.kind, clock.statutory_due_at) == ("2026-12-01", "statutory", clock.due_at)
    assert ladder(clock) == ["E0 2026-11-27 08:00", "E1 2026-11-30 08:00", "E2 2026-12-02 00:00", "E3 2026-12-02 08:00"]
    assert [local(rung.deliver_at) for rung in clock.rungs if rung.breach] == ["2026-12-02 08:00"]


def test_in_an_emergency_the_plans_clock_starts_no_later_than_twelve_hours_after_receipt() -> None:
    story = received("2027-02-05 23:40", flagged=True)
    clock = story.one("plan")
    assert (local(clock.started_at), last_day(clock), clock.kind) == ("2027-02-06 11:40", "2027-02-17", "design")
    assert clock.statutory_due_at is None


def test_the_initial_assessment_brings_the_plans_clock_of_an_emergency_forward_never_back() -> None:
    early, late = received("2026-11-25 20:00", flagged=True), received("2026-11-25 20:00", flagged=True)
    assert last_day(early.one("plan")) == "2026-12-03"
    told = {"process": "verifying", "risk": "R4", "values": YES}
    changes = early.tell("complete_initial_assessment raise_emergency", "2026-11-25 22:00", **told)
    assert [(move.why, last_day(move.after)) for move in changes.moved if move.after.code == "plan"] == [
        ("initial_assessment_earlier", "2026-12-02"),
    ]
    late.tell("complete_initial_assessment raise_emergency", "2026-11-26 09:00", **told)
    assert (local(late.one("plan").started_at), len(late.every("plan"))) == ("2026-11-26 08:00", 1)


def test_an_emergency_raised_after_a_late_mau_02_moves_the_plans_start_back_to_twelve_hours() -> None:
    story = received("2026-11-25 08:00")
    story.tell("rule_out_emergency", "2026-11-25 09:00")
    told = {"process": "verifying", "risk": "R3", "values": Values(emergency=False)}
    story.tell("complete_initial_assessment", "2026-11-26 07:00", **told)
    assert last_day(story.one("plan")) == "2026-12-03"
    changes = story.tell("raise_emergency", "2026-11-26 09:00", protection="emergency")
    moved = next(move for move in changes.moved if move.after.code == "plan")
    assert (moved.why, last_day(moved.after), moved.after.kind) == ("emergency", "2026-12-02", "design")


def test_the_plan_is_law_again_when_the_emergency_is_over() -> None:
    story = assessed()
    story.tell("raise_emergency", "2026-11-24 09:00", protection="emergency")
    assert story.one("plan").kind == "design"
    story.tell("stand_down", "2026-11-24 10:00", role="CHAIR", protection="none")
    clock = story.one("plan")
    assert (clock.kind, clock.statutory_due_at) == ("statutory", clock.due_at)
    assert [rung.statutory for rung in clock.rungs if rung.breach] == [True]


def test_an_emergency_stood_down_before_mau_02_takes_its_plan_clock_back() -> None:
    story = received(flagged=True)
    story.tell("stand_down", "2026-11-23 09:00", role="CHAIR", protection="none")
    assert [clock.cancel_reason for clock in story.every("plan")] == ["emergency_over"]


def test_a_returned_plan_has_two_working_days_as_a_design_default() -> None:
    story = planned()
    story.tell("return_plan", "2026-11-27 10:00", role="CHAIR", process="plan_draft")
    clock = story.one("plan")
    assert (last_day(clock), clock.kind) == ("2026-12-01", "design")
    assert ladder(clock) == ["E1 2026-11-30 08:00", "E2 2026-12-02 00:00", "E3 2026-12-02 08:00"]


def test_continuing_starts_the_plans_five_days_again() -> None:
    story = active()
    story.tell("start_review", "2026-12-07 09:00", process="review")
    story.tell("continue_plan", "2026-12-08 09:00", process="plan_draft")
    assert (last_day(story.one("plan")), story.one("plan").kind) == ("2026-12-15", "statutory")


def test_the_start_of_the_plan_is_a_parameter() -> None:
    parameters = PROTOCOL.parameters.model_copy(update={"plan_start": "record_needs_meeting"})
    story = assessed(protocol=PROTOCOL.model_copy(update={"parameters": parameters}))
    assert story.every("plan") == []
    story.tell("substantiate", "2026-11-24 09:00", process="detailed_assessment")
    assert uncovered(story.view, story.clocks, story.protocol) == ()
    story.tell("record_needs_meeting", "2026-11-26 09:00", process="plan_draft")
    assert last_day(story.one("plan")) == "2026-12-03"


def test_approving_has_two_working_days_local_and_four_levels() -> None:
    clock = planned().one("plan_approval")
    assert ladder(clock) == ["E1 2026-11-27 08:00", "E2 2026-12-01 00:00", "E3 2026-12-01 08:00", "E4 2026-12-03 08:00"]
    assert (clock.kind, [rung.statutory for rung in clock.rungs if rung.breach]) == ("local", [False])


def test_every_step_of_the_plan_has_its_own_date() -> None:
    story = active()
    assert [(clock.subject, last_day(clock)) for clock in story.open("plan_step")] == [
        ("clinic", "2026-12-04"),
        ("school", "2026-12-18"),
    ]
    assert ladder(story.open("plan_step")[0]) == ["E0 2026-12-03 08:00", "E1 2026-12-05 00:00", "E2 2026-12-08 08:00"]


def test_a_recorded_step_meets_its_own_clock_only() -> None:
    story = active()
    story.tell("record_step", "2026-12-03 09:00", values=Values(step="clinic"))
    assert [clock.subject for clock in story.open("plan_step")] == ["school"]


def test_steps_run_on_until_the_next_version_replaces_them() -> None:
    story = active()
    story.tell("start_review", "2026-12-07 09:00", process="review")
    story.tell("continue_plan", "2026-12-08 09:00", process="plan_draft")
    assert len(story.open("plan_step")) == 2
    story.tell("submit_plan", "2026-12-09 09:00", process="plan_approval")
    new = Values(steps=(step("school", "2027-01-15"),))
    story.tell("approve_plan", "2026-12-10 09:00", role="CHAIR", process="active", values=new)
    assert [(clock.status, clock.cancel_reason) for clock in story.every("plan_step")[:2]] == [
        ("replaced", "next_version")
    ] * 2
    assert [last_day(clock) for clock in story.open("plan_step")] == ["2027-01-15"]


@pytest.mark.parametrize(("risk", "last"), [("R4", "2026-12-27"), ("R3", "2026-12-27"), ("R2", "2027-02-25")])
def test_the_review_is_due_by_risk(risk: str, last: str) -> None:
    assert last_day(active(risk).one("review")) == last


def test_the_plans_own_earlier_review_date_decides_and_a_later_one_does_not() -> None:
    for named, last in (("2026-12-10", "2026-12-10"), ("2027-03-31", "2026-12-27")):
        story = planned("R3")
        values = Values(review_on=date.fromisoformat(named))
        story.tell("approve_plan", "2026-11-27 10:00", role="CHAIR", process="active", values=values)
        assert last_day(story.one("review")) == last


def test_the_review_climbs_after_its_limit() -> None:
    assert ladder(active("R3").one("review")) == ["E1 2026-12-28 00:00", "E2 2026-12-30 08:00", "E3 2027-01-11 08:00"]
    # The limit is a Sunday: told on Monday morning.
    assert local(active("R3").one("review").rungs[0].deliver_at) == "2026-12-28 08:00"


def test_a_review_has_five_working_days_and_again_when_the_closure_is_returned() -> None:
    story = active("R2")
    story.tell("start_review", "2026-12-07 09:00", process="review")
    assert ladder(story.one("review_completion")) == ["E1 2026-12-11 08:00", "E2 2026-12-15 00:00"]
    story.tell("propose_closure", "2026-12-09 09:00", process="closure_proposed")
    assert ladder(story.one("closure_approval")) == ["E1 2026-12-10 08:00", "E2 2026-12-12 00:00"]
    story.tell("return_closure", "2026-12-10 09:00", role="CHAIR", process="review")
    assert (story.one("review_completion").occurrence, last_day(story.one("review_completion"))) == (2, "2026-12-17")


def test_while_a_closure_is_proposed_the_clocks_of_the_state_left_run_on() -> None:
    story = active()
    before = story.running()
    story.tell("propose_early_closure", "2026-12-01 09:00", process="closure_proposed")
    assert story.running() == before | {"closure_approval"}
    story.tell("return_closure", "2026-12-02 09:00", role="CHAIR", process="active")
    assert story.running() == before


def test_a_returned_early_closure_of_a_review_leaves_the_running_review_clock() -> None:
    story = active()
    story.tell("start_review", "2026-12-07 09:00", process="review")
    story.tell("propose_early_closure", "2026-12-08 09:00", process="closure_proposed")
    story.tell("return_closure", "2026-12-09 09:00", role="CHAIR", process="review")
    assert last_day(story.one("review_completion")) == "2026-12-14"


def test_a_final_state_cancels_what_runs_with_the_reason() -> None:
    story = closed()
    ended = [clock for clock in story.clocks if clock.status == "cancelled"]
    assert {clock.code for clock in ended} == {"follow_up", "plan_step"}
    assert {clock.cancel_reason for clock in ended} == {"closed"}


def test_a_spoken_order_starts_its_signing_which_outlives_a_final_state() -> None:
    story = received(flagged=True)
    spoken = Values(spoken=True, order="12/QD")
    story.tell("apply_measures", "2026-11-23 10:00", role="CHAIR", protection="protected", values=spoken)
    assert ladder(story.one("signed_order")) == ["E1 2026-11-23 22:00", "E2 2026-11-24 10:00"]
    story.tell("end_protection", "2026-11-23 12:00", role="CHAIR", protection="none")
    story.tell("propose_not_substantiated", "2026-11-23 13:00", process="conclusion_review")
    story.tell("confirm_not_substantiated", "2026-11-23 14:00", role="SUP", process="not_substantiated")
    assert story.running() == {"signed_order", "written_report"}


def test_a_signed_order_answers_the_order_it_names() -> None:
    story = received(flagged=True)
    for when, order in (("2026-11-23 09:00", "1"), ("2026-11-23 10:00", "2")):
        story.tell(
            "apply_measures", when, role="CHAIR", protection="protected", values=Values(spoken=True, order=order)
        )
    story.tell("record_signed_order", "2026-11-23 11:00", role="CHAIR", values=Values(order="2"))
    assert [clock.subject for clock in story.open("signed_order")] == ["1"]
    story.tell("record_signed_order", "2026-11-23 11:30", role="CHAIR")
    assert story.open("signed_order") == []


def isolated(when: str = "2027-02-06 09:00") -> Story:
    story = received("2027-02-05 23:40", flagged=True)
    story.tell("order_isolation", when, role="CHAIR", protection="isolated")
    return story


def test_isolation_ends_after_fifteen_days_without_rolling_and_pages_the_province_at_midnight() -> None:
    clock = isolated().one("isolation_max")
    assert due(clock) == "2027-02-22 00:00"
    assert ladder(clock) == ["E1 2027-02-13 08:00", "E2 2027-02-16 08:00", "E3 2027-02-19 08:00", "E4 2027-02-22 00:00"]
    last = clock.rungs[-1]
    assert (last.breach, last.statutory, last.deliver_at) == (True, True, last.due_at)


@pytest.mark.parametrize("event", ["extend_isolation", "order_isolation"])
def test_extending_or_ordering_again_lets_the_fifteen_days_run_on(event: str) -> None:
    story = isolated()
    story.tell(event, "2027-02-12 09:00", role="CHAIR")
    assert [due(clock) for clock in story.every("isolation_max")] == ["2027-02-22 00:00"]


def test_a_recorded_ground_meets_the_fifteen_days_and_sets_a_review_no_later_than_its_end() -> None:
    story = isolated()
    told = {"role": "CHAIR", "values": Values(ground=True), "ground_end": date(2027, 2, 25), "risk": "R4"}
    story.tell("extend_isolation", "2027-02-20 09:00", **told)
    assert story.every("isolation_max")[0].met_by == "extend_isolation"
    assert (last_day(story.one("measures_review")), story.one("measures_review").cap) == (
        "2027-02-25",
        date(2027, 2, 25),
    )
    story.tell("order_isolation", "2027-02-23 09:00", role="CHAIR")
    assert last_day(story.one("isolation_max")) == "2027-02-25"


def test_an_isolation_is_chased_to_the_end_of_its_ground_and_breached_there() -> None:
    story = isolated()
    told = {"role": "CHAIR", "values": Values(ground=True), "ground_end": date(2027, 3, 25), "risk": "R4"}
    story.tell("extend_isolation", "2027-02-20 09:00", **told)
    running = story.one("isolation_max")
    assert (running.kind, ladder(running)) == (
        "statutory",
        ["E1 2027-03-22 08:00", "E2 2027-03-24 08:00", "E4 2027-03-26 00:00"],
    )
    assert running.rungs[-1].breach
    assert running.rungs[-1].statutory
    # Looking at the measures does not let the ground be forgotten.
    story.tell("review_measures", "2027-03-18 09:00")
    assert story.one("measures_review").cap == date(2027, 3, 25)
    assert story.one("isolation_max").id == running.id
    # A further ground takes its place; the end of the isolation ends it.
    story.tell("extend_isolation", "2027-03-24 09:00", **(told | {"ground_end": date(2027, 4, 20)}))
    assert last_day(story.one("isolation_max")) == "2027-04-20"
    story.tell("end_isolation", "2027-04-02 09:00", role="CHAIR", protection="protected", ground_end=None)
    assert story.open("isolation_max") == []


def test_a_ground_without_a_last_day_leaves_no_day_to_chase() -> None:
    story = isolated()
    story.tell("extend_isolation", "2027-02-20 09:00", role="CHAIR", values=Values(ground=True))
    assert story.open("isolation_max") == []


def test_ending_an_isolation_meets_its_maximum_and_starts_the_measures_review() -> None:
    story = isolated()
    story.tell("end_isolation", "2027-02-16 09:00", role="CHAIR", protection="protected", risk="R3")
    assert story.last("isolation_max").status == "met"
    assert last_day(story.one("measures_review")) == "2027-03-02"


def test_a_new_isolation_after_the_end_of_one_has_its_own_fifteen_days() -> None:
    story = isolated()
    story.tell("end_isolation", "2027-02-16 09:00", role="CHAIR", protection="protected")
    story.tell("order_isolation", "2027-02-18 09:00", role="CHAIR", protection="isolated")
    assert last_day(story.one("isolation_max")) == "2027-03-05"


def test_measures_are_reviewed_by_risk_from_entering_protection() -> None:
    for risk, last in (("R4", "2026-11-30"), ("R3", "2026-12-07")):
        story = received(flagged=True)
        story.tell("apply_measures", "2026-11-23 11:00", protection="protected", risk=risk)
        assert last_day(story.one("measures_review")) == last
        story.tell("review_measures", "2026-11-25 11:00")
        assert story.one("measures_review").occurrence == 2


def test_more_measures_inside_protection_do_not_put_the_review_off() -> None:
    story = received(flagged=True)
    story.tell("apply_measures", "2026-11-23 11:00", protection="protected", risk="R4")
    story.tell("apply_measures", "2026-11-26 11:00")
    assert last_day(story.one("measures_review")) == "2026-11-30"


def test_ending_protection_meets_the_measures_review() -> None:
    story = received(flagged=True)
    story.tell("apply_measures", "2026-11-23 11:00", protection="protected")
    story.tell("end_protection", "2026-11-24 11:00", role="CHAIR", protection="none")
    assert story.open("measures_review") == []


def test_a_ban_is_decided_within_twelve_hours() -> None:
    story = assessed()
    story.tell("request_ban", "2026-11-24 20:00", ban="ban_requested")
    clock = story.one("ban_decision")
    assert ladder(clock) == ["E2 2026-11-25 02:00", "E3 2026-11-25 08:00"]
    assert (clock.kind, [rung.statutory for rung in clock.rungs if rung.breach]) == ("statutory", [True])
    story.tell("refuse_ban", "2026-11-25 07:00", role="CHAIR", ban="none")
    assert story.running().isdisjoint({"ban_decision", "ban_max"})


def banned() -> Story:
    story = assessed()
    story.tell("request_ban", "2026-11-24 20:00", ban="ban_requested")
    story.tell("order_ban", "2026-11-25 07:00", role="CHAIR", ban="banned")
    return story


def test_a_ban_ends_by_itself_after_three_days_and_that_is_no_breach() -> None:
    clock = banned().one("ban_max")
    # Saturday 28 November 24:00: a maximum does not roll.
    assert ladder(clock) == ["E1 2026-11-28 00:00", "E2 2026-11-28 18:00", "E0 2026-11-29 00:00"]
    assert [rung.then for rung in clock.rungs] == [None, None, "ban_ends"]
    assert not any(rung.breach for rung in clock.rungs)


def test_the_end_of_a_ban_meets_its_clock_without_a_breach() -> None:
    story = banned()
    story.tell("ban_ends", "2026-11-29 00:00", recorded="2026-11-29 00:00:03", role="SYSTEM", ban="none")
    assert story.last("ban_max").status == "met"
    assert story.latest.breaches_met_late == ()


def test_renewing_a_ban_starts_its_three_days_again() -> None:
    story = banned()
    story.tell("renew_ban", "2026-11-27 09:00", role="CHAIR")
    assert [last_day(clock) for clock in story.every("ban_max")] == ["2026-11-28", "2026-11-30"]
    assert len(story.open("ban_max")) == 1


@pytest.mark.parametrize(
    ("risk", "ends"),
    [("R4", "2026-11-25 12:00"), ("R3", "2026-12-01 00:00"), ("R2", "2026-12-08 00:00"), ("R1", "2026-12-24 00:00")],
)
def test_the_child_is_followed_up_by_risk(risk: str, ends: str) -> None:
    assert due(assessed(risk).one("follow_up")) == ends


def test_each_follow_up_starts_the_next_from_when_the_child_was_seen() -> None:
    story = assessed("R3")
    story.tell("record_follow_up", "2026-11-27 15:00", recorded="2026-11-29 09:00")
    assert [last_day(clock) for clock in story.every("follow_up")] == ["2026-11-30", "2026-12-04"]


def test_a_follow_up_from_before_the_running_clock_meets_nothing_and_starts_nothing() -> None:
    story = assessed("R3")
    story.tell("record_follow_up", "2026-11-27 15:00")
    story.tell("record_follow_up", "2026-11-26 15:00", recorded="2026-11-28 09:00")
    assert story.latest.touched == ()


def test_a_follow_up_before_mau_02_starts_no_clock() -> None:
    story = screening()
    story.tell("record_follow_up", "2026-11-23 09:00")
    assert story.every("follow_up") == []


def test_the_follow_up_ladder_is_the_day_before_the_day_and_two_working_days_after() -> None:
    assert ladder(assessed("R3").one("follow_up")) == [
        "E0 2026-11-29 08:00",
        "E1 2026-12-01 00:00",
        "E2 2026-12-02 08:00",
    ]
    assert ladder(assessed("R4").one("follow_up")) == [
        "E0 2026-11-24 12:00",
        "E1 2026-11-25 12:00",
        "E2 2026-11-27 08:00",
    ]


def test_a_raised_risk_brings_design_clocks_forward_and_says_so() -> None:
    story = active("R2")
    changes = story.tell("update_risk", "2026-11-30 09:00", risk="R4")
    moved = {move.after.code: (move.why, move.lengthened, due(move.after)) for move in changes.moved}
    assert moved == {
        "follow_up": ("risk_raised", False, "2026-11-25 12:00"),
        "review": ("risk_raised", False, "2026-12-28 00:00"),
    }


def test_a_lowered_risk_never_lengthens_a_clock_silently() -> None:
    story = active("R3")
    changes = story.tell("update_risk", "2026-11-29 09:00", role="SUP", risk="R2")
    moved = {move.after.code: (move.why, move.lengthened, last_day(move.after)) for move in changes.moved}
    assert moved == {
        "follow_up": ("risk_lowered", True, "2026-12-07"),
        "review": ("risk_lowered", True, "2027-02-25"),
    }


def test_a_lengthened_clock_reminds_again_before_its_new_limit() -> None:
    story = active("R3")
    assert ("follow_up", "E0", "2026-11-29 08:00") in story.fire("2026-11-29 09:00")
    story.tell("update_risk", "2026-11-29 10:00", role="SUP", risk="R2")
    assert pending(story.one("follow_up")) == ["E0 2026-12-06 08:00", "E1 2026-12-08 00:00", "E2 2026-12-09 08:00"]
    assert story.one("follow_up").fired == (0,)


def test_a_lower_risk_does_not_undo_lateness() -> None:
    story = assessed("R4")
    changes = story.tell("update_risk", "2026-11-26 09:00", role="SUP", risk="R2")
    assert changes.moved == ()
    assert due(story.one("follow_up")) == "2026-11-25 12:00"


def test_a_statutory_clock_is_not_moved_by_risk() -> None:
    story = assessed("R2")
    before = story.one("plan")
    story.tell("update_risk", "2026-11-24 09:00", risk="R4")
    assert story.one("plan") == before


def test_the_highest_risk_in_the_household_sets_the_pace() -> None:
    story = active("R1")
    story.tell("update_household_risk", "2026-11-28 09:00", household_risk="R4")
    assert due(story.one("follow_up")) == "2026-11-25 12:00"
    story = assessed("R1", case_id=uuid4())
    story.tell("record_follow_up", "2026-11-28 09:00", household_risk="R3")
    assert last_day(story.one("follow_up")) == "2026-12-05"


def test_suspending_stops_the_design_clocks_of_the_process_and_nothing_else() -> None:
    story = assessed("R3")
    changes = story.tell("suspend", "2026-11-25 10:00", role="SUP", process="suspended")
    assert {clock.code for clock in changes.paused} == {"verify"}
    assert {"follow_up", "plan", "suspension_review", "written_report"} <= story.running()


def test_what_was_left_is_left_after_resuming() -> None:
    story = assessed("R3")
    story.tell("suspend", "2026-11-25 10:00", role="SUP", process="suspended")
    paused = story.last("verify")
    assert (paused.status, paused.remaining, paused.pending) == ("paused", "2 WD", ())
    story.tell("resume", "2026-12-02 09:00", role="SUP", process="verifying")
    clock = story.one("verify")
    assert ladder(clock) == ["E1 2026-12-03 08:00", "E2 2026-12-05 00:00"]
    assert [clock.code for clock in story.latest.resumed] == ["verify"]


def test_suspending_and_resuming_on_the_same_day_changes_no_limit() -> None:
    story = assessed("R3")
    before = story.one("verify").due_at
    story.tell("suspend", "2026-11-25 10:00", role="SUP", process="suspended")
    story.tell("resume", "2026-11-25 15:00", role="SUP", process="verifying")
    assert story.one("verify").due_at == before


def test_an_hour_clock_goes_on_with_the_minutes_left() -> None:
    story = screening()
    story.tell("accept", "2026-11-23 09:00", process="initial_assessment")
    story.tell("suspend", "2026-11-23 15:00", role="SUP", process="suspended")
    assert story.last("initial_assessment").remaining == "1080 min"
    story.tell("resume", "2026-11-25 12:00", role="SUP", process="initial_assessment")
    assert due(story.one("initial_assessment")) == "2026-11-26 06:00"


def test_a_clock_whose_limit_has_passed_is_not_stopped() -> None:
    story = assessed("R3")
    story.tell("suspend", "2026-11-30 10:00", role="SUP", process="suspended")
    assert story.one("verify").status == "open"


def test_measures_and_follow_up_run_on_while_the_case_is_suspended() -> None:
    story = received(flagged=True)
    story.tell("apply_measures", "2026-11-23 11:00", protection="protected", risk="R4")
    before = story.one("measures_review")
    story.tell("suspend", "2026-11-23 12:00", role="SUP", process="suspended")
    assert story.one("measures_review") == before


def test_a_stopped_plan_runs_again_when_the_law_counts_its_days_again() -> None:
    story = received("2026-11-23 08:00", flagged=True)
    told = {"process": "verifying", "risk": "R4", "values": YES}
    story.tell("complete_initial_assessment raise_emergency", "2026-11-23 10:00", **told)
    story.tell("apply_measures", "2026-11-23 11:00", protection="protected")
    story.tell("suspend", "2026-11-25 10:00", role="SUP", process="suspended")
    assert story.last("plan").status == "paused"
    story.tell("end_protection", "2026-11-26 10:00", role="CHAIR", protection="none")
    clock = story.one("plan")
    assert (clock.kind, last_day(clock)) == ("statutory", "2026-12-01")


@pytest.mark.parametrize(("risk", "ends"), [("R4", "2026-11-27 10:00"), ("R2", "2026-12-26 00:00")])
def test_a_suspended_case_is_looked_at_by_risk_and_each_look_starts_the_next(risk: str, ends: str) -> None:
    story = assessed(risk)
    story.tell("suspend", "2026-11-25 10:00", role="SUP", process="suspended")
    assert due(story.one("suspension_review")) == ends
    story.tell("record_look", "2026-11-26 10:00", role="SUP")
    assert story.one("suspension_review").occurrence == 2
    story.tell("resume", "2026-11-27 10:00", role="SUP", process="verifying")
    assert story.open("suspension_review") == []


def test_a_design_clock_may_be_paused_for_up_to_three_working_days() -> None:
    story = assessed("R3")
    values = Values(clock_id=story.one("verify").id, pause_days=2)
    changes = story.tell("pause_clock", "2026-11-25 10:00", role="SUP", values=values)
    move = changes.moved[0]
    assert (move.why, move.lengthened, ladder(move.after)) == (
        "pause_clock",
        True,
        ["E1 2026-11-30 08:00", "E2 2026-12-02 00:00"],
    )


@pytest.mark.parametrize(
    ("code", "days", "when", "refusal"),
    [
        ("verify", 4, "2026-11-25 10:00", "pause-too-long"),
        ("verify", 0, "2026-11-25 10:00", "pause-too-long"),
        ("plan", 1, "2026-11-25 10:00", "clock-not-pausable"),
        ("written_report", 1, "2026-11-23 13:00", "clock-not-pausable"),
        ("verify", 1, "2026-11-30 10:00", "clock-overdue"),
        ("screen", 1, "2026-11-25 10:00", "clock-not-open"),
    ],
)
def test_no_other_pause_is_allowed(code: str, days: int, when: str, refusal: str) -> None:
    story = assessed("R3")
    values = Values(clock_id=story.last(code).id, pause_days=days)
    with pytest.raises(EngineError) as refused:
        story.tell("pause_clock", when, role="SUP", values=values)
    assert refused.value.code == refusal


def test_the_pauses_of_one_clock_are_three_working_days_in_all() -> None:
    story = assessed("R3")
    clock = story.one("verify").id
    story.tell("pause_clock", "2026-11-25 10:00", role="SUP", values=Values(clock_id=clock, pause_days=2))
    assert story.one("verify").paused_days == 2
    with pytest.raises(EngineError) as refused:
        story.tell("pause_clock", "2026-11-25 11:00", role="SUP", values=Values(clock_id=clock, pause_days=2))
    assert refused.value.code == "pause-too-long"
    story.tell("pause_clock", "2026-11-25 11:00", role="SUP", values=Values(clock_id=clock, pause_days=1))
    assert story.one("verify").paused_days == 3


def test_an_act_recorded_after_its_limit_fired_is_recorded_late_whatever_instant_it_carries() -> None:
    story = received(flagged=True)
    story.fire("2026-11-23 20:00")
    changes = story.tell("apply_measures", "2026-11-23 19:50", protection="protected")
    (met,) = [clock for clock in changes.breaches_met_late if clock.code == "emergency_12h"]
    assert (met.met_late, met.recorded_late) == (False, True)


def test_after_a_pause_a_risk_change_keeps_the_pause() -> None:
    story = assessed("R2")
    values = Values(clock_id=story.one("follow_up").id, pause_days=1)
    story.tell("pause_clock", "2026-11-25 10:00", role="SUP", values=values)
    assert last_day(story.one("follow_up")) == "2026-12-08"
    story.tell("update_risk", "2026-11-26 09:00", risk="R3")
    assert last_day(story.one("follow_up")) == "2026-12-01"


def test_a_closed_child_is_visited_after_one_three_and_six_months() -> None:
    story = closed()
    assert [last_day(clock) for clock in story.open("post_closure_contact")] == [
        "2027-01-31",
        "2027-03-31",
        "2027-06-30",
    ]
    story.tell("record_contact", "2027-01-20 09:00")
    assert [last_day(clock) for clock in story.open("post_closure_contact")] == ["2027-03-31", "2027-06-30"]


@pytest.mark.parametrize("reason", ["DEATH", "MOVED_ABROAD"])
def test_nobody_is_visited_after_death_or_moving_abroad(reason: str) -> None:
    story = active()
    story.tell("propose_early_closure", "2026-12-01 09:00", process="closure_proposed")
    ending = {"closed_at": at("2026-12-02 09:00"), "closure_reason": reason}
    story.tell("approve_closure", "2026-12-02 09:00", role="CHAIR", process="closed", **ending)
    assert story.every("post_closure_contact") == []


def death_proposed(event: str = "propose_early_closure") -> Story:
    story = active()
    if event == "propose_closure":
        story.tell("start_review", "2026-12-01 08:30", process="review")
    story.tell(event, "2026-12-01 09:00", process="closure_proposed", closure_reason="DEATH")
    return story


@pytest.mark.parametrize("event", ["propose_early_closure", "propose_closure"])
def test_a_closure_for_death_opens_a_review_that_outlives_the_case(event: str) -> None:
    story = death_proposed(event)
    assert last_day(story.one("death_review")) == "2026-12-15"
    ending = {"closed_at": at("2026-12-02 09:00"), "closure_reason": "DEATH"}
    story.tell("approve_closure", "2026-12-02 09:00", role="CHAIR", process="closed", **ending)
    assert story.running() - {"written_report"} == {"death_review"}
    assert [(level, when) for code, level, when in story.fire("2027-01-05 00:00") if code == "death_review"] == [
        ("E3", "2026-12-16 00:00"),
        ("E4", "2026-12-29 08:00"),
    ]
    story.tell("record_death_review", "2027-01-05 10:00", role="DOH")
    assert (story.last("death_review").status, story.last("death_review").met_late) == ("met", True)


def test_a_closure_for_another_reason_opens_no_such_review() -> None:
    story = active()
    moved = {"process": "closure_proposed", "closure_reason": "MOVED_ABROAD"}
    story.tell("propose_early_closure", "2026-12-01 09:00", **moved)
    assert story.every("death_review") == []


def test_a_closure_for_death_that_is_returned_takes_its_review_along() -> None:
    story = death_proposed()
    story.tell("return_closure", "2026-12-02 09:00", role="CHAIR", process="active", closure_reason=None)
    assert (story.last("death_review").status, story.last("death_review").cancel_reason) == (
        "cancelled",
        "return_closure",
    )


def test_a_death_review_is_still_waited_for_when_the_case_is_reopened() -> None:
    story = death_proposed()
    ending = {"closed_at": at("2026-12-02 09:00"), "closure_reason": "DEATH"}
    story.tell("approve_closure", "2026-12-02 09:00", role="CHAIR", process="closed", **ending)
    again = report("again", "2026-12-03 07:00")
    story.tell("reopen", "2026-12-03 07:00", about=again, process="initial_assessment", receipt=again.received_at)
    assert last_day(story.one("death_review")) == "2026-12-15"


def reopened(when: str = "2027-01-20 07:00", *, role: str = "CPO") -> Story:
    story = closed()
    told = report("again", when)
    story.tell("reopen", when, role=role, about=told, process="initial_assessment", receipt=told.received_at)
    return story


def test_reopening_starts_the_new_reports_clocks_and_the_assessment_and_ends_the_visits() -> None:
    story = reopened()
    assert story.running() == {"emergency_12h", "written_report", "initial_assessment", "closure_quality_review"}
    assert {clock.cancel_reason for clock in story.every("post_closure_contact")} == {"reopen"}
    assert due(story.one("emergency_12h")) == "2027-01-20 19:00"


def test_reopening_counts_as_acknowledged_unless_by_the_hotline() -> None:
    assert reopened(role="CPO").last("acknowledge").status == "met"
    story = reopened(role="H111")
    assert story.last("acknowledge").status == "open"
    story.tell("acknowledge_report", "2027-01-20 07:30", about=report("again", "2027-01-20 07:00"))
    assert story.last("acknowledge").status == "met"


def test_reopened_on_a_holiday_hours_run_and_working_days_wait_as_in_s10() -> None:
    story = Story()
    story.tell("receive_report", "2026-05-04 09:00", about=report("old", "2026-05-04 09:00"))
    ending = {"process": "closed", "closed_at": at("2026-06-30 09:00"), "closure_reason": "safe_and_stable"}
    story.tell("approve_closure", "2026-06-30 09:00", role="CHAIR", **ending)
    told = report("clinic", "2026-11-24 07:00")
    story.tell("reopen", "2026-11-24 07:00", about=told, process="initial_assessment", receipt=told.received_at)
    assert due(story.one("emergency_12h")) == "2026-11-24 19:00"
    assert last_day(story.one("closure_quality_review")) == "2026-12-08"
    told_no = {"process": "verifying", "risk": "R3", "values": Values(emergency=False)}
    story.tell("complete_initial_assessment", "2026-11-24 10:00", **told_no)
    assert last_day(story.one("plan")) == "2026-12-01"


@pytest.mark.parametrize(("when", "reviewed"), [("2027-06-30 23:00", True), ("2027-07-01 01:00", False)])
def test_a_closing_is_reviewed_when_the_child_is_back_within_six_months(when: str, *, reviewed: bool) -> None:
    assert bool(reopened(when).every("closure_quality_review")) is reviewed


def test_a_case_found_unsubstantiated_has_no_closing_to_review() -> None:
    story = assessed()
    story.tell("propose_not_substantiated", "2026-11-23 14:00", process="conclusion_review")
    ending = {"process": "not_substantiated", "closed_at": at("2026-11-23 15:00")}
    story.tell("confirm_not_substantiated", "2026-11-23 15:00", role="SUP", **ending)
    again = report("again", "2026-12-01 08:00")
    story.tell("reopen", "2026-12-01 08:00", about=again, process="initial_assessment", receipt=again.received_at)
    assert story.every("closure_quality_review") == []
    assert story.one("initial_assessment").occurrence == 2


def test_a_transfer_is_answered_by_risk_and_the_case_clocks_run_on() -> None:
    for risk, places in (
        ("R4", ["E1 2026-11-26 09:00", "E3 2026-11-27 09:00"]),
        ("R2", ["E1 2026-11-28 00:00", "E3 2026-12-01 08:00"]),
    ):
        story = assessed(risk)
        before = story.one("plan")
        story.tell("propose_transfer", "2026-11-25 09:00", custody="transfer_pending")
        assert ladder(story.one("transfer_acceptance")) == places
        story.tell("accept_transfer", "2026-11-25 12:00", custody="held", unit="xa-c")
        assert story.open("transfer_acceptance") == []
        assert story.one("plan") == before


def test_a_request_for_transfer_is_answered_in_two_working_days() -> None:
    story = assessed()
    story.tell("request_transfer", "2026-11-25 09:00")
    assert last_day(story.one("transfer_request")) == "2026-11-27"
    story.tell("decline_request", "2026-11-26 09:00")
    assert story.open("transfer_request") == []


@pytest.mark.parametrize(("flagged", "ends"), [(True, "2026-11-23 15:00"), (False, "2026-11-26 00:00")])
def test_a_delegate_is_named_for_each_recused_role(ends: str, *, flagged: bool) -> None:
    story = assessed(flagged=flagged)
    story.tell("record_recusal", "2026-11-23 13:00", values=Values(recused="CHAIR"))
    story.tell("record_recusal", "2026-11-23 13:00", values=Values(recused="CPO"))
    assert [(clock.subject, due(clock)) for clock in story.open("name_delegate")] == [("CHAIR", ends), ("CPO", ends)]
    story.tell("name_delegate", "2026-11-23 14:00", role="DOH", values=Values(recused="CHAIR"))
    assert [clock.subject for clock in story.open("name_delegate")] == ["CPO"]


def test_every_state_of_a_whole_life_has_a_running_deadline() -> None:
    story = received()
    for events, when, seen in (
        ("acknowledge", "2026-11-23 08:20", {"process": "screening"}),
        ("accept", "2026-11-23 09:00", {"process": "initial_assessment"}),
        ("raise_emergency", "2026-11-23 09:30", {"protection": "emergency"}),
        ("order_isolation", "2026-11-23 10:00", {"protection": "isolated"}),
        ("request_ban", "2026-11-23 10:00", {"ban": "ban_requested"}),
        ("order_ban", "2026-11-23 11:00", {"ban": "banned"}),
        ("complete_initial_assessment", "2026-11-23 12:00", {"process": "verifying", "risk": "R3"}),
        ("suspend", "2026-11-23 13:00", {"process": "suspended"}),
        ("resume", "2026-11-23 14:00", {"process": "verifying"}),
        ("substantiate", "2026-11-24 09:00", {"process": "detailed_assessment"}),
        ("complete_detailed_assessment", "2026-11-25 09:00", {"process": "needs_meeting"}),
        ("end_isolation", "2026-11-25 10:00", {"protection": "protected"}),
        ("record_needs_meeting", "2026-11-26 09:00", {"process": "plan_draft"}),
        ("submit_plan", "2026-11-26 10:00", {"process": "plan_approval"}),
        ("propose_transfer", "2026-11-26 11:00", {"custody": "transfer_pending"}),
        ("return_plan", "2026-11-26 12:00", {"process": "plan_draft"}),
        ("submit_plan", "2026-11-26 13:00", {"process": "plan_approval"}),
        ("approve_plan", "2026-11-27 10:00", {"process": "active"}),
        ("start_review", "2026-12-07 10:00", {"process": "review"}),
        ("propose_closure", "2026-12-08 10:00", {"process": "closure_proposed"}),
        ("return_closure", "2026-12-09 10:00", {"process": "review"}),
    ):
        story.tell(events, when, **seen)
        assert uncovered(story.view, story.clocks, PROTOCOL) == (), events


def test_a_state_without_its_deadline_is_found() -> None:
    story = active()
    rest = [clock for clock in story.clocks if clock.code != "review"]
    assert uncovered(story.view, rest, PROTOCOL) == ("process.active",)
    assert uncovered(closed().view, (), PROTOCOL) == ()


def test_applying_changes_keeps_the_order_and_adds_new_clocks_last() -> None:
    story = received()
    before = story.clocks
    changes = story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    after = with_changes(before, changes)
    assert [clock.id for clock in after[: len(before)]] == [clock.id for clock in before]
    assert after[-1].code == "screen"


def test_the_explanation_can_be_checked_with_a_wall_calendar() -> None:
    explained = assessed().one("plan").explanation
    assert (explained.start_event, explained.amount) == ("complete_initial_assessment", "5 WD")
    assert (explained.first_counted, explained.last_counted) == (date(2026, 11, 25), date(2026, 12, 1))
    assert [str(day.day) for day in explained.skipped] == ["2026-11-24", "2026-11-28", "2026-11-29"]
    assert not explained.provisional


def test_the_explanation_says_when_days_of_a_provisional_year_were_counted() -> None:
    assert received("2027-02-05 23:40", flagged=True).one("plan").explanation.provisional
