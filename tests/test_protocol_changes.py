"""What moves with a case or under it: attaching, detaching, a new calendar, a new protocol; and random lives."""

from datetime import date, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import Calendar, DayOff
from models.protocol import ProtocolError, Values, carry, give_back, recompute, with_changes
from tests.protocol_support import (
    CALENDAR,
    CASE,
    PROTOCOL,
    Story,
    active,
    assessed,
    at,
    due,
    last_day,
    pending,
    received,
    report,
)

OTHER = UUID("0191f3a0-0000-7000-8000-000000000002")


def attached(role: str = "CPO") -> tuple[Story, Story]:
    """A flagged report of 10:00 that becomes a case of its own and is attached to an active one at 10:40."""
    home = active("R2")
    stray = Story(case_id=OTHER)
    told = report("stray", "2026-12-01 10:00", flagged=True)
    stray.tell("receive_report raise_emergency", "2026-12-01 10:00", role="H111", about=told, protection="emergency")
    stray.fire("2026-12-01 10:35")
    stray.tell("attach", "2026-12-01 10:40", role=role, process="attached")
    home.clocks = (*home.clocks, *carry(stray.clocks, home.clocks, CASE, PROTOCOL))
    home.tell("add_report", "2026-12-01 10:40", role=role, about=told, protection="emergency")
    return stray, home


def test_attaching_moves_open_deadlines_with_their_receipt_and_what_fired() -> None:
    stray, home = attached("H111")
    assert {(clock.status, clock.cancel_reason) for clock in stray.clocks} == {("cancelled", "attached")}
    acknowledge = home.one("acknowledge")
    assert (due(acknowledge), pending(acknowledge)) == (
        "2026-12-01 10:30",
        ["E3 2026-12-01 11:00", "E3 2026-12-01 12:00"],
    )
    assert due(home.one("emergency_12h")) == "2026-12-01 22:00"
    assert acknowledge.carried_from == stray.last("acknowledge").id


def test_the_attached_report_starts_nothing_a_second_time() -> None:
    stray, home = attached("CPO")
    assert stray.last("acknowledge").status == "met"
    assert home.open("acknowledge") == []
    assert len(home.open("emergency_12h")) == 1
    assert len(home.open("written_report")) == 2


def test_the_attached_cases_own_steps_do_not_move() -> None:
    _, home = attached()
    assert home.open("screen") == []
    assert home.open("plan") == []


def test_detaching_brings_everything_back_as_it_now_stands() -> None:
    stray, home = attached("H111")
    home.fire("2026-12-01 11:05")
    home.tell("apply_measures", "2026-12-01 12:00", protection="protected")
    back, ended = give_back(stray.clocks, home.clocks, at("2026-12-01 13:00"))
    returned = {clock.code: clock for clock in back}
    assert returned["acknowledge"].id == stray.last("acknowledge").id
    assert pending(returned["acknowledge"]) == ["E3 2026-12-01 12:00"]
    assert returned["emergency_12h"].status == "met"
    assert {(clock.code, clock.cancel_reason) for clock in ended} == {
        ("acknowledge", "detached"),
        ("written_report", "detached"),
    }
    stray.clocks = tuple({clock.id: clock for clock in (*stray.clocks, *back)}.values())
    stray.tell("detach", "2026-12-01 13:00", role="SUP", process="screening", protection="none")
    assert due(stray.one("screen")) == "2026-12-01 15:00"


def with_holiday(day: date) -> Calendar:
    off = DayOff(day=day, why="holiday", name_vi="Nghỉ thêm", name_en="Extra day off")
    return CALENDAR.model_copy(update={"version": "vn-later", "days_off": {**CALENDAR.days_off, day: off}})


def test_a_changed_calendar_moves_open_working_day_clocks_and_says_so() -> None:
    story = assessed("R3")
    calendar = with_holiday(date(2026, 11, 27))
    changes = recompute(story.clocks, story.view, at("2026-11-24 09:00"), calendar, {PROTOCOL.version: PROTOCOL})
    moved = {move.after.code: (move.why, move.lengthened, last_day(move.after)) for move in changes.moved}
    assert moved["plan"] == ("recomputed", True, "2026-12-02")
    assert moved["verify"] == ("recomputed", True, "2026-11-30")
    assert all(move.after.calendar_version == "vn-later" for move in changes.moved)
    assert story.last("emergency_12h").status == "met"


def test_a_rung_that_fired_does_not_fire_again_under_another_calendar() -> None:
    story = assessed("R3")
    story.fire("2026-11-26 09:00")
    calendar = with_holiday(date(2026, 11, 26))
    changes = recompute(story.clocks, story.view, at("2026-11-26 09:30"), calendar, {PROTOCOL.version: PROTOCOL})
    verify = next(move.after for move in changes.moved if move.after.code == "verify")
    assert pending(verify) == ["E2 2026-12-01 00:00"]


def test_a_limit_that_has_passed_is_not_moved_by_a_later_calendar() -> None:
    story = assessed("R3")
    calendar = with_holiday(date(2026, 11, 27))
    changes = recompute(story.clocks, story.view, at("2026-11-28 09:00"), calendar, {PROTOCOL.version: PROTOCOL})
    assert "verify" not in {move.after.code for move in changes.moved}


def test_the_same_calendar_and_protocol_move_nothing() -> None:
    story = active("R2")
    values = Values(clock_id=story.one("follow_up").id, pause_days=2)
    story.tell("pause_clock", "2026-11-28 10:00", role="SUP", values=values)
    changes = recompute(story.clocks, story.view, at("2026-11-28 11:00"), CALENDAR, {PROTOCOL.version: PROTOCOL})
    assert changes.touched == ()


def test_an_operator_may_take_a_case_over_to_another_protocol() -> None:
    story = assessed("R3")
    raw = PROTOCOL.model_dump(mode="json")
    for row in raw["rows"]:
        if row["code"] == "verify":
            row["variants"][-1] |= {"limit": "2 WD"}
            row["variants"][-1]["rungs"] = [{"level": "E2", "at": "limit", "breach": True}]
    newer = PROTOCOL.model_validate(raw | {"version": "vn-d56/2"})
    known = {PROTOCOL.version: PROTOCOL}
    changes = recompute(story.clocks, story.view, at("2026-11-23 13:00"), CALENDAR, known, to_protocol=newer)
    verify = next(move.after for move in changes.moved if move.after.code == "verify")
    assert (last_day(verify), verify.protocol_version) == ("2026-11-26", "vn-d56/2")


def test_a_clock_of_an_unknown_protocol_is_not_guessed_at() -> None:
    story = received()
    story.protocol = PROTOCOL.model_copy(update={"version": "vn-d56/2"})
    with pytest.raises(ProtocolError, match="vn-d56/1"):
        story.tell("acknowledge", "2026-11-23 08:20", process="screening")


EVENTS = (
    ("add_report", {}),
    ("raise_emergency", {"protection": "emergency"}),
    ("rule_out_emergency", {}),
    ("apply_measures", {"protection": "protected"}),
    ("order_isolation", {"protection": "isolated"}),
    ("extend_isolation", {}),
    ("end_isolation", {"protection": "protected"}),
    ("review_measures", {}),
    ("stand_down", {"protection": "none"}),
    ("update_risk", {"risk": "R4"}),
    ("update_risk", {"risk": "R1"}),
    ("record_follow_up", {}),
    ("suspend", {"process": "suspended"}),
    ("resume", {"process": "verifying"}),
    ("complete_initial_assessment", {"process": "verifying"}),
    ("submit_plan", {"process": "plan_approval"}),
    ("return_plan", {"process": "plan_draft"}),
    ("request_ban", {"ban": "ban_requested"}),
    ("order_ban", {"ban": "banned"}),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(EVENTS) - 1), st.integers(1, 60 * 30), st.booleans()), max_size=14))
def test_whatever_happens_the_clocks_keep_their_promises(steps: list[tuple[int, int, bool]]) -> None:
    story = received("2027-01-29 08:00")
    now = at("2027-01-29 08:00")
    statutory: dict[UUID, object] = {}
    fired: dict[UUID, set[int]] = {}
    for number, minutes, told in steps:
        now += timedelta(minutes=minutes)
        when = f"{now:%Y-%m-%d %H:%M}"
        story.fire(when)
        event, seen = EVENTS[number]
        about = report(str(uuid5(CASE, when)), when, flagged=told) if event == "add_report" else None
        story.tell(event, when, about=about, values=Values(emergency=told), **seen)
        assert len({clock.id for clock in story.clocks}) == len(story.clocks)
        for clock in story.clocks:
            ordinals = [rung.ordinal for rung in clock.rungs]
            assert len(set(ordinals)) == len(ordinals)
            assert [rung.due_at for rung in clock.rungs] == sorted(rung.due_at for rung in clock.rungs)
            assert all(clock.started_at <= rung.due_at <= rung.deliver_at for rung in clock.rungs)
            assert clock.due_at >= clock.started_at
            # What fired stays fired, and no re-planning brings its ordinal back.
            assert fired.get(clock.id, set()) <= set(clock.fired)
            assert not {rung.ordinal for rung in clock.pending} & set(clock.fired)
            fired[clock.id] = set(clock.fired)
            if clock.code in ("emergency_12h", "isolation_max", "ban_decision", "ban_max"):
                # No event moves the limit of the law.
                assert statutory.setdefault(clock.id, clock.statutory_due_at) == clock.statutory_due_at
        for move in story.latest.moved:
            assert move.lengthened is (move.after.due_at > move.before.due_at)
            assert not move.lengthened or move.why in ("risk_lowered", "initial_assessment_earlier", "emergency_over")
        if story.view is not None and story.view.standing.protection == "emergency":
            assert story.open("emergency_12h")


def test_changes_name_every_clock_that_is_different_and_no_other() -> None:
    story = active("R3")
    before = {clock.id: clock for clock in story.clocks}
    changes = story.tell("suspend", "2026-11-30 09:00", role="SUP", process="suspended")
    different = {clock.id for clock in story.clocks if before.get(clock.id) != clock}
    assert {clock.id for clock in changes.touched} == different
    assert with_changes(tuple(before.values()), changes) == story.clocks
