"""Clocks of a report: acknowledging, the 12 hours, the written report."""

import pytest

from models.protocol import EngineError, RungFacts, Values, rung_applies, rung_facts
from models.protocol.registry import shipped_protocols
from tests.protocol_support import PROTOCOL, Story, active, assessed, at, due, ladder, local, pending, received, report

NO = Values(emergency=False)
YES = Values(emergency=True)


def test_a_report_starts_its_three_clocks_at_receipt() -> None:
    story = received("2026-11-24 07:00")
    assert story.running() == {"acknowledge", "emergency_12h", "written_report"}
    assert due(story.one("acknowledge")) == "2026-11-24 09:00"
    assert due(story.one("emergency_12h")) == "2026-11-24 19:00"
    assert due(story.one("written_report")) == "2026-11-25 07:00"


def test_an_unflagged_report_climbs_the_slower_ladders() -> None:
    story = received("2026-11-23 08:00")
    assert ladder(story.one("acknowledge")) == ["E1 2026-11-23 10:00", "E2 2026-11-23 12:00"]
    hours = ["E1 2026-11-23 16:00", "E2 2026-11-23 18:00", "E3 2026-11-23 19:00", "E4 2026-11-23 20:00"]
    assert ladder(story.one("emergency_12h")) == hours


def test_a_flagged_report_at_tet_night_climbs_the_ladder_of_s2() -> None:
    story = received("2027-02-05 23:40", flagged=True)
    assert ladder(story.one("acknowledge")) == ["E1 2027-02-06 00:10", "E3 2027-02-06 00:40", "E3 2027-02-06 01:40"]
    hours = ["E1 2027-02-06 01:40", "E2 2027-02-06 03:40", "E3 2027-02-06 07:40", "E4 2027-02-06 11:40"]
    assert ladder(story.one("emergency_12h")) == hours
    assert all(rung.deliver_at == rung.due_at for rung in story.one("emergency_12h").rungs)


def test_the_limit_of_the_twelve_hours_makes_a_statutory_breach() -> None:
    clock = received().one("emergency_12h")
    assert [(rung.level, rung.breach, rung.statutory) for rung in clock.rungs][-1] == ("E4", True, True)
    assert clock.statutory_due_at == clock.due_at


@pytest.mark.parametrize("role", ["CPO", "SUP", "DOHD"])
def test_acknowledging_is_met_by_who_may_act_on_it(role: str) -> None:
    story = received()
    story.tell("acknowledge", "2026-11-23 08:20", role=role, process="screening")
    assert story.last("acknowledge").status == "met"


def test_acknowledging_is_not_met_by_a_hotline_counsellor() -> None:
    story = received()
    story.tell("attach", "2026-11-23 08:20", role="H111", process="received")
    assert story.one("acknowledge").status == "open"


def test_acknowledging_the_case_acknowledges_every_report_received_by_then() -> None:
    story = received("2026-11-23 08:00")
    story.tell("add_report", "2026-11-23 08:10", about=report("second", "2026-11-23 08:10"))
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    assert story.open("acknowledge") == []


def test_a_further_report_has_clocks_of_its_own_and_its_own_acknowledging() -> None:
    story = assessed()
    second, third = report("second", "2026-11-25 10:00"), report("third", "2026-11-25 11:00")
    story.tell("add_report", "2026-11-25 10:00", role="EDU", about=second)
    story.tell("add_report", "2026-11-25 11:00", role="EDU", about=third)
    assert [due(clock) for clock in story.open("emergency_12h")] == ["2026-11-25 22:00", "2026-11-25 23:00"]
    story.tell("acknowledge_report", "2026-11-25 11:30", about=third)
    assert [clock.subject for clock in story.open("acknowledge")] == [str(second.id)]


def test_the_same_report_told_twice_starts_nothing_twice() -> None:
    story = received()
    story.tell("add_report", "2026-11-23 09:00", about=report("first", "2026-11-23 08:00"))
    assert story.latest.started == ()


def test_a_report_event_without_its_report_is_refused() -> None:
    with pytest.raises(EngineError) as refused:
        assessed().tell("add_report", "2026-11-25 10:00")
    assert refused.value.code == "report-missing"


def test_mau_02_saying_no_meets_the_twelve_hours() -> None:
    story = assessed()
    clock = story.last("emergency_12h")
    assert (clock.status, clock.met_by, local(clock.met_at or clock.due_at)) == (
        "met",
        "complete_initial_assessment",
        "2026-11-23 12:00",
    )


def test_mau_02_saying_yes_does_not_meet_them() -> None:
    story = received()
    story.tell(
        "complete_initial_assessment raise_emergency",
        "2026-11-23 12:00",
        process="verifying",
        protection="emergency",
        risk="R4",
        values=YES,
    )
    assert story.one("emergency_12h").raised


def test_in_an_emergency_a_no_and_a_rule_out_meet_nothing() -> None:
    story = received(flagged=True)
    story.tell("rule_out_emergency", "2026-11-23 09:00")
    story.tell("complete_initial_assessment", "2026-11-23 10:00", process="verifying", risk="R2", values=NO)
    assert story.one("emergency_12h").status == "open"


def test_an_emergency_raised_inside_an_isolation_is_answered_by_a_measure_only() -> None:
    story = received(flagged=True)
    story.tell("order_isolation", "2026-11-23 09:00", role="CHAIR", protection="isolated")
    story.tell("raise_emergency", "2026-11-24 09:00")
    story.tell("rule_out_emergency", "2026-11-24 10:00")
    assert due(story.one("emergency_12h")) == "2026-11-24 21:00"
    story.tell("apply_measures", "2026-11-24 11:00")
    assert story.open("emergency_12h") == []


@pytest.mark.parametrize(
    ("event", "protection"),
    [("apply_measures", "protected"), ("order_isolation", "isolated"), ("stand_down", "none")],
)
def test_measures_an_order_and_standing_down_meet_the_twelve_hours(event: str, protection: str) -> None:
    story = received(flagged=True)
    story.tell(event, "2026-11-23 12:00", role="CHAIR", protection=protection)
    assert story.last("emergency_12h").met_by == event


def test_a_decision_meets_every_occurrence_that_started_by_then_and_no_later_one() -> None:
    story = received("2026-11-23 08:00")
    story.tell("add_report", "2026-11-23 09:00", about=report("second", "2026-11-23 09:00"))
    story.tell("add_report", "2026-11-23 12:00", about=report("third", "2026-11-23 12:00"))
    story.tell("rule_out_emergency", "2026-11-23 11:00", recorded="2026-11-23 12:30")
    assert [due(clock) for clock in story.open("emergency_12h")] == ["2026-11-24 00:00"]


def test_raised_with_one_running_that_one_goes_on_with_its_own_limit() -> None:
    story = received()
    story.tell("raise_emergency", "2026-11-23 10:00", protection="emergency")
    clock = story.one("emergency_12h")
    assert due(clock) == "2026-11-23 20:00"
    assert [local(rung.due_at)[11:] for rung in clock.rungs] == ["10:00", "12:00", "16:00", "20:00"]
    assert story.latest.started == tuple(story.open("plan"))


def test_raised_with_none_running_twelve_hours_start_when_it_was_raised() -> None:
    story = assessed()
    story.tell("raise_emergency", "2026-11-26 09:00", recorded="2026-11-26 09:40", protection="emergency")
    clock = story.one("emergency_12h")
    assert (clock.occurrence, due(clock)) == (2, "2026-11-26 21:00")


def test_raised_inside_the_twelve_hours_of_a_no_that_one_opens_again_with_its_own_limit() -> None:
    story = assessed()
    changes = story.tell("raise_emergency", "2026-11-23 17:00", protection="emergency")
    assert [(clock.code, clock.occurrence, due(clock)) for clock in changes.reopened] == [
        ("emergency_12h", 1, "2026-11-23 20:00"),
    ]
    assert len(story.every("emergency_12h")) == 1


def test_raised_at_the_limit_itself_of_a_no_it_still_opens_again_and_a_minute_later_it_does_not() -> None:
    at_limit, after = assessed(), assessed()
    at_limit.tell("raise_emergency", "2026-11-23 20:00", protection="emergency")
    after.tell("raise_emergency", "2026-11-23 20:01", protection="emergency")
    assert due(at_limit.one("emergency_12h")) == "2026-11-23 20:00"
    assert due(after.one("emergency_12h")) == "2026-11-24 08:01"


def test_of_several_denied_the_one_that_ends_first_opens_again() -> None:
    story = received("2026-11-23 08:00")
    story.tell("add_report", "2026-11-23 10:00", about=report("second", "2026-11-23 10:00"))
    story.tell("rule_out_emergency", "2026-11-23 11:00")
    story.tell("raise_emergency", "2026-11-23 12:00", protection="emergency")
    assert due(story.one("emergency_12h")) == "2026-11-23 20:00"


def test_what_a_measure_answered_does_not_open_again() -> None:
    story = received(flagged=True)
    story.tell("apply_measures", "2026-11-23 10:00", protection="protected")
    story.tell("raise_emergency", "2026-11-23 12:00", protection="emergency")
    assert due(story.one("emergency_12h")) == "2026-11-24 00:00"


def test_opened_again_what_fired_is_not_fired_twice() -> None:
    story = received("2026-11-23 08:00")
    assert ("emergency_12h", "E1", "2026-11-23 16:00") in story.fire("2026-11-23 16:30")
    story.tell("rule_out_emergency", "2026-11-23 17:00")
    story.tell("raise_emergency", "2026-11-23 17:30", protection="emergency")
    clock = story.one("emergency_12h")
    # The supervisor has been told; chair and province have not, and by the emergency's ladder are overdue.
    assert pending(clock) == ["E2 2026-11-23 12:00", "E3 2026-11-23 16:00", "E4 2026-11-23 20:00"]
    assert len({rung.ordinal for rung in clock.rungs}) == len(clock.rungs)


def test_flagging_later_re_plans_the_open_clocks_and_says_so() -> None:
    story = received("2026-11-23 08:00")
    changes = story.tell("raise_emergency", "2026-11-23 08:10", protection="emergency")
    moved = {move.after.code: move for move in changes.moved}
    assert moved["acknowledge"].why == "flagged"
    assert due(moved["acknowledge"].after) == "2026-11-23 08:30"
    assert not moved["acknowledge"].lengthened


def test_flagging_later_shortens_the_initial_assessment_from_its_own_start() -> None:
    story = received("2026-11-23 08:00")
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    story.tell("accept", "2026-11-23 09:00", process="initial_assessment")
    assert due(story.one("initial_assessment")) == "2026-11-24 09:00"
    story.tell("raise_emergency", "2026-11-23 10:00", protection="emergency")
    assert due(story.one("initial_assessment")) == "2026-11-23 13:00"


def test_flagged_once_stays_flagged_after_standing_down() -> None:
    story = received("2026-11-23 08:00")
    story.tell("raise_emergency", "2026-11-23 08:05", protection="emergency")
    story.tell("stand_down", "2026-11-23 08:10", role="CHAIR", protection="none", flagged=False)
    assert due(story.one("acknowledge")) == "2026-11-23 08:30"


def test_a_decision_stamped_at_the_limit_is_in_time() -> None:
    story = received("2027-02-05 23:40", flagged=True)
    story.tell("apply_measures", "2027-02-06 11:40", protection="protected")
    clock = story.last("emergency_12h")
    assert (clock.met_late, clock.recorded_late, story.latest.breaches_met_late) == (False, False, ())


def test_a_minute_after_the_limit_it_is_late_and_a_breach_must_be_on_record() -> None:
    story = received("2027-02-05 23:40", flagged=True)
    story.tell("apply_measures", "2027-02-06 11:41", protection="protected")
    late = story.latest.breaches_met_late
    assert [(clock.code, clock.met_late) for clock in late if clock.code == "emergency_12h"] == [
        ("emergency_12h", True)
    ]
    assert [rung.statutory for rung in late[0].breached] == [True]


def test_done_in_time_and_recorded_late_is_marked_so() -> None:
    story = received("2027-02-05 23:40", flagged=True)
    story.tell("apply_measures", "2027-02-06 11:00", recorded="2027-02-06 13:00", protection="protected")
    clock = story.last("emergency_12h")
    assert (clock.met_late, clock.recorded_late) == (False, True)
    assert clock in story.latest.breaches_met_late


def test_e1_of_an_emergency_is_passed_over_only_where_acknowledged_and_owned() -> None:
    clock = received(flagged=True).one("emergency_12h")
    condition = clock.rungs[0].condition
    assert condition == "unacknowledged_or_unowned"
    for acknowledged, owned, applies in ((True, True, False), (True, False, True), (False, True, True)):
        facts = RungFacts(report_acknowledged=acknowledged, has_owner=owned)
        assert rung_applies(condition, clock, facts) is applies


def test_e2_of_an_emergency_is_passed_over_after_mau_02_a_rule_out_or_a_measure_since_the_start() -> None:
    clock = received("2026-11-23 08:00", flagged=True).one("emergency_12h")
    condition = clock.rungs[1].condition
    assert condition == "no_assessment_ruleout_or_measure_since_start"
    for decided, applies in ((None, True), ("2026-11-23 07:59", True), ("2026-11-23 08:00", False)):
        facts = RungFacts(report_acknowledged=True, has_owner=True, decided_at=at(decided) if decided else None)
        assert rung_applies(condition, clock, facts) is applies


def test_the_rungs_of_an_hour_ladder_without_a_condition_always_apply() -> None:
    clock = received(flagged=True).one("emergency_12h")
    facts = RungFacts(report_acknowledged=True, has_owner=True, decided_at=at("2026-11-23 09:00"))
    assert all(rung_applies(rung.condition, clock, facts) for rung in clock.rungs[2:])


def test_the_condition_looks_at_the_reports_own_acknowledging() -> None:
    story = assessed(flagged=True)
    story.tell(
        "add_report raise_emergency", "2026-11-25 10:00", about=report("second", "2026-11-25 10:00", flagged=True)
    )
    clock = story.one("emergency_12h")
    acts = [("complete_initial_assessment", at("2026-11-23 12:00"))]
    facts = rung_facts(clock, story.clocks, acts, has_owner=True)
    assert facts == RungFacts(report_acknowledged=False, has_owner=True, decided_at=at("2026-11-23 12:00"))
    assert rung_applies(clock.rungs[0].condition, clock, facts)
    assert rung_applies(clock.rungs[1].condition, clock, facts)


def test_the_written_report_outlives_a_final_state_and_is_met_there() -> None:
    story = assessed()
    story.tell("propose_not_substantiated", "2026-11-23 14:00", process="conclusion_review")
    story.tell("confirm_not_substantiated", "2026-11-23 15:00", role="SUP", process="not_substantiated")
    assert story.running() == {"written_report"}
    story.tell("send_written_report", "2026-11-24 07:00")
    assert story.running() == set()


def test_the_written_report_has_the_owner_told_before_its_limit() -> None:
    clock = received("2026-11-23 08:00").one("written_report")
    assert ladder(clock) == ["E0 2026-11-24 02:00", "E1 2026-11-24 08:00", "E2 2026-11-24 14:00"]
    assert (clock.kind, clock.statutory_due_at) == ("local", None)


def test_each_written_report_answers_its_own_report() -> None:
    story = received("2026-11-23 08:00")
    second = report("second", "2026-11-23 09:00")
    story.tell("add_report", "2026-11-23 09:00", about=second)
    story.tell("send_written_report", "2026-11-23 10:00", about=second)
    assert [due(clock) for clock in story.open("written_report")] == ["2026-11-24 08:00"]
    story.tell("send_written_report", "2026-11-23 11:00")
    assert story.open("written_report") == []


def test_a_written_report_on_one_already_answered_answers_the_earliest_that_waits() -> None:
    story = received("2026-11-23 08:00")
    first = report("first", "2026-11-23 08:00")
    story.tell("add_report", "2026-11-23 09:00", about=report("second", "2026-11-23 09:00"))
    for when in ("2026-11-23 10:00", "2026-11-23 11:00"):
        story.tell("send_written_report", when, about=first)
    assert story.open("written_report") == []


def test_acknowledging_a_report_twice_does_not_acknowledge_another() -> None:
    story = assessed()
    second, third = report("second", "2026-11-25 10:00"), report("third", "2026-11-25 11:00")
    story.tell("add_report", "2026-11-25 10:00", about=second)
    story.tell("add_report", "2026-11-25 11:00", about=third)
    for when in ("2026-11-25 11:30", "2026-11-25 11:40"):
        story.tell("acknowledge_report", when, about=third)
    assert [clock.subject for clock in story.open("acknowledge")] == [str(second.id)]


def test_the_start_of_the_written_report_is_a_parameter() -> None:
    from_event = PROTOCOL.parameters.model_copy(update={"written_report_start": "event"})
    story = Story(protocol=PROTOCOL.model_copy(update={"parameters": from_event}))
    told = report("first", "2026-11-23 08:00", happened="2026-11-22 20:00")
    story.tell("receive_report", "2026-11-23 08:00", about=told)
    assert due(story.one("written_report")) == "2026-11-23 20:00"
    story.tell("add_report", "2026-11-23 09:00", about=report("second", "2026-11-23 09:00"))
    assert due(story.last("written_report")) == "2026-11-24 09:00"


def test_a_report_on_an_active_case_leaves_the_plans_clocks_as_they_are() -> None:
    story = active()
    before = {clock.id: clock for clock in story.open("review") + story.open("plan_step")}
    story.tell("add_report", "2026-12-01 10:00", about=report("second", "2026-12-01 10:00"))
    assert {clock.id: clock for clock in story.open("review") + story.open("plan_step")} == before


def test_an_unrouted_report_has_half_an_hour_to_find_its_unit() -> None:
    story = Story()
    story.tell("receive_report", "2026-11-23 08:00", about=report("first", "2026-11-23 08:00"), custody="unrouted")
    assert ladder(story.one("route")) == ["E3 2026-11-23 08:30", "E4 2026-11-23 10:00"]
    story.tell("assign_transfer", "2026-11-23 08:20", role="DOHD", custody="held")
    assert story.last("route").status == "met"


def test_a_held_report_has_no_routing_clock() -> None:
    assert received().every("route") == []


def test_the_protocol_of_a_clock_is_the_one_it_started_under() -> None:
    story = received()
    other = PROTOCOL.model_copy(update={"version": "vn-test/2"})
    story.protocol = other
    story.known = {PROTOCOL.version: PROTOCOL}
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    assert story.last("acknowledge").protocol_version == shipped_protocols().versions[-1].version
    assert story.one("screen").protocol_version == "vn-test/2"
