"""Local limits: they may only shorten, and missing them is another matter than missing the law's."""

import tomllib
from pathlib import Path

import pytest

from models.protocol import OverrideError, Overrides, Values, load_overrides
from models.protocol.overrides import parse_overrides
from tests.protocol_support import PROTOCOL, Story, assessed, due, ladder, last_day, local, report

EIGHT_HOURS = """
[[override]]
unit = "xa-b"
deadline = "emergency_12h"
valid_from = 2026-01-01
limit = "8 H"
basis = "Quyết định của một phường"
rungs = [
  { level = "E1", at = "2 H" },
  { level = "E2", at = "4 H" },
  { level = "E3", at = "6 H" },
  { level = "E4", at = "8 H" },
]
"""
FOUR_DAYS = """
[[override]]
unit = "xa-b"
deadline = "plan"
valid_from = 2026-01-01
limit = "4 WD"
when = {}
rungs = [{ level = "E0", at = "2 WD" }, { level = "E1", at = "3 WD" }, { level = "E2", at = "4 WD" }]
"""


def read(text: str) -> Overrides:
    return Overrides(items=parse_overrides(tomllib.loads(text), PROTOCOL))


def received(text: str, when: str = "2026-11-23 08:00", unit: str = "xa-b") -> Story:
    story = Story(overrides=read(text))
    story.tell("receive_report", when, about=report("first", when), unit=unit)
    return story


def test_a_shorter_limit_holds_and_the_laws_stands_beside_it() -> None:
    clock = received(EIGHT_HOURS).one("emergency_12h")
    assert (due(clock), local(clock.statutory_due_at or clock.started_at)) == ("2026-11-23 16:00", "2026-11-23 20:00")
    assert clock.override == "xa-b/emergency_12h/2026-01-01"
    assert clock.amount == "8 H"


def test_the_restated_ladder_replaces_the_protocols_and_the_statutory_limit_still_fires() -> None:
    clock = received(EIGHT_HOURS).one("emergency_12h")
    assert [(f"{rung.level} {local(rung.due_at)[11:]}", rung.breach, rung.statutory) for rung in clock.rungs] == [
        ("E1 10:00", False, False),
        ("E2 12:00", False, False),
        ("E3 14:00", False, False),
        ("E4 16:00", True, False),
        ("E4 20:00", True, True),
    ]


@pytest.mark.parametrize(
    ("when", "breaches"),
    [
        ("2026-11-23 16:00", []),
        ("2026-11-23 18:00", [False]),
        ("2026-11-23 20:00", [False]),
        ("2026-11-23 20:01", [False, True]),
    ],
)
def test_missing_the_local_limit_is_not_missing_the_laws(when: str, breaches: list[bool]) -> None:
    story = received(EIGHT_HOURS)
    story.tell("rule_out_emergency", when)
    assert [rung.statutory for rung in story.last("emergency_12h").breached] == breaches


def test_it_holds_in_its_own_unit_and_from_its_own_day_only() -> None:
    assert received(EIGHT_HOURS, unit="xa-c").one("emergency_12h").override is None
    assert received(EIGHT_HOURS, "2025-12-31 08:00").one("emergency_12h").override is None
    assert received(EIGHT_HOURS, "2026-01-01 00:00").one("emergency_12h").override is not None


def test_the_newer_override_holds() -> None:
    newer = EIGHT_HOURS.replace("2026-01-01", "2026-06-01").replace("8 H", "7 H")
    assert due(received(EIGHT_HOURS + newer).one("emergency_12h")) == "2026-11-23 15:00"


def test_a_transfer_to_a_unit_with_a_local_limit_does_not_move_a_running_clock() -> None:
    story = received(EIGHT_HOURS, unit="xa-c")
    story.tell("accept_transfer", "2026-11-23 09:00", unit="xa-b")
    assert due(story.one("emergency_12h")) == "2026-11-23 20:00"


def test_flagging_later_keeps_the_local_limit() -> None:
    story = received(EIGHT_HOURS)
    story.tell("raise_emergency", "2026-11-23 09:00", protection="emergency")
    assert due(story.one("emergency_12h")) == "2026-11-23 16:00"


def test_an_override_of_one_variant_leaves_the_others() -> None:
    overrides = read(FOUR_DAYS)
    story = assessed(overrides=overrides)
    assert last_day(story.one("plan")) == "2026-12-01"
    local_story = Story(overrides=overrides)
    local_story.tell("receive_report", "2026-11-23 08:00", about=report("first", "2026-11-23 08:00"), unit="xa-b")
    told = {"process": "verifying", "risk": "R3", "values": Values(emergency=False)}
    local_story.tell("complete_initial_assessment", "2026-11-23 12:00", **told)
    clock = local_story.one("plan")
    assert (last_day(clock), local(clock.statutory_due_at or clock.started_at)) == ("2026-11-30", "2026-12-02 00:00")
    # The province is still told when the law's limit has been missed.
    assert ladder(clock)[-2:] == ["E2 2026-12-02 00:00", "E3 2026-12-02 08:00"]


def test_a_ladder_that_ends_early_still_notices_its_limit() -> None:
    short = EIGHT_HOURS.replace('at = "8 H"', 'at = "7 H"')
    clock = received(short).one("emergency_12h")
    assert [f"{rung.level} {local(rung.due_at)[11:]}" for rung in clock.rungs if rung.breach] == [
        "E4 16:00",
        "E4 20:00",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('limit = "8 H"', 'limit = "13 H"'), "13 H is longer than the protocol's 12 H"),
        (('limit = "8 H"', 'limit = "1 WD"'), "longer than the protocol's 12 H"),
        (('at = "8 H"', 'at = "9 H"'), "rung E4 at 9 H comes after its limit 8 H"),
        (('at = "8 H"', 'at = "+1 H"'), "comes after its limit"),
        (('at = "2 H"', 'at = "3 H"'), "tells E1 at 2 H, the local ladder later"),
        (('"emergency_12h"', '"emergency_6h"'), "no deadline 'emergency_6h'"),
        (('"emergency_12h"', '"ban_max"'), "longer than|ends by itself"),
        (('"emergency_12h"', '"plan_step"'), "ends on a date"),
        (('limit = "8 H"', 'limit = "8 H"\nwhen = { risk = ["R4"] }'), "no variant"),
        (('at = "8 H"', 'at = "8 WD"'), "cannot be placed"),
        (("basis = ", "source = "), "source"),
    ],
)
def test_an_override_that_does_not_only_shorten_is_refused_saying_which_and_why(
    change: tuple[str, str], reason: str
) -> None:
    old, new = change
    assert old in EIGHT_HOURS
    with pytest.raises(OverrideError, match=reason):
        read(EIGHT_HOURS.replace(old, new))


def test_an_override_without_its_ladder_is_refused() -> None:
    with pytest.raises(OverrideError, match=r"tells E1|whole ladder"):
        read(EIGHT_HOURS[: EIGHT_HOURS.index("rungs")] + "rungs = []")


def test_an_override_for_all_variants_must_be_shorter_than_the_shortest() -> None:
    text = """
[[override]]
unit = "xa-b"
deadline = "acknowledge"
valid_from = 2026-01-01
limit = "60 min"
rungs = [{ level = "E3", at = "30 min" }, { level = "E3", at = "60 min" }]
"""
    with pytest.raises(OverrideError, match=r"60 min is longer than the protocol's 30 min \(flagged\)"):
        read(text)
    assert read(text.replace("rungs", "when = {}\nrungs")).items[0].limit.value == 60


def test_one_override_twice_is_refused() -> None:
    with pytest.raises(OverrideError, match="stands twice"):
        read(EIGHT_HOURS + EIGHT_HOURS)


def test_a_folder_of_files_is_read_and_a_bad_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(EIGHT_HOURS, encoding="utf-8")
    assert len(load_overrides(tmp_path, PROTOCOL).items) == 1
    (tmp_path / "c.toml").write_text(EIGHT_HOURS.replace('"8 H"\nbasis', '"20 H"\nbasis'), encoding="utf-8")
    with pytest.raises(OverrideError, match=r"c\.toml.*xa-b/emergency_12h"):
        load_overrides(tmp_path, PROTOCOL)
