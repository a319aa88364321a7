"""Viet Nam's working days: the data against the published lists, and what is asked of it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from models.calendar import (
    TZ,
    Calendar,
    CalendarError,
    calendar_at,
    generate,
    load_calendar,
    load_calendars,
    local_date,
)
from models.calendar.registry import DATA

CALENDAR = load_calendar()


def days(text: str, year: int) -> set[date]:
    return {datetime.strptime(f"{day} {year}", "%d %b %Y").replace(tzinfo=UTC).date() for day in text.split(", ")}


def off_in(year: int) -> set[date]:
    return {day for day in CALENDAR.days_off if day.year == year}


def test_2026_equals_the_published_list() -> None:
    published = (
        "1 Jan, 16 Feb, 17 Feb, 18 Feb, 19 Feb, 20 Feb, 26 Apr, 27 Apr, 30 Apr, 1 May, 31 Aug, 1 Sep, 2 Sep, 24 Nov"
    )
    assert off_in(2026) == days(published, 2026)


def test_2027_equals_the_published_list() -> None:
    tet = "4 Feb, 5 Feb, 6 Feb, 7 Feb, 8 Feb, 9 Feb, 10 Feb"
    assert off_in(2027) == days(f"1 Jan, {tet}, 16 Apr, 30 Apr, 1 May, 3 May, 2 Sep, 3 Sep, 24 Nov", 2027)


def test_the_swapped_saturday_is_worked_and_its_monday_is_off() -> None:
    assert CALENDAR.is_working_day(date(2026, 8, 22))
    assert not CALENDAR.is_working_day(date(2026, 8, 31))
    assert {day for day in CALENDAR.working_weekend_days if day.year == 2026} == {date(2026, 8, 22)}


def test_days_in_lieu_and_swapped_days_say_that_they_are() -> None:
    assert CALENDAR.days_off[date(2026, 4, 27)].why == "in_lieu"
    assert CALENDAR.days_off[date(2027, 5, 3)].why == "in_lieu"
    assert CALENDAR.days_off[date(2026, 8, 31)].why == "swapped"
    assert CALENDAR.days_off[date(2027, 2, 6)].why == "holiday"


def test_24_november_is_a_holiday_from_2026_on_and_was_none_before() -> None:
    assert CALENDAR.is_working_day(date(2025, 11, 24))
    for year in range(2026, max(CALENDAR.years) + 1):
        assert CALENDAR.day_off(date(year, 11, 24)) is not None


def test_2026_is_settled_and_2027_is_provisional() -> None:
    assert not CALENDAR.is_provisional(date(2026, 11, 24))
    assert CALENDAR.is_provisional(date(2027, 2, 6))
    assert set(CALENDAR.provisional) == {year for year in CALENDAR.years if year >= 2027}


def test_it_covers_2025_to_2028_at_least() -> None:
    assert {2025, 2026, 2027, 2028} <= set(CALENDAR.years)
    assert CALENDAR.covers(date(2025, 1, 1))
    assert not CALENDAR.covers(date(2024, 12, 31))


def test_a_year_outside_is_refused_saying_which_and_what_to_do() -> None:
    with pytest.raises(CalendarError, match=r"the year 2024 is missing.*models\.calendar\.generate"):
        CALENDAR.is_working_day(date(2024, 12, 31))
    with pytest.raises(CalendarError, match=f"the year {max(CALENDAR.years) + 1} is missing"):
        CALENDAR.add_working_days(date(max(CALENDAR.years), 12, 31), 1)


def test_the_next_working_day_is_after_the_day_asked_about() -> None:
    assert CALENDAR.next_working_day(date(2026, 11, 23)) == date(2026, 11, 25)
    assert CALENDAR.next_working_day(date(2027, 2, 3)) == date(2027, 2, 11)
    assert CALENDAR.on_or_after(date(2026, 11, 23)) == date(2026, 11, 23)


def test_working_days_are_counted_both_ways() -> None:
    assert CALENDAR.add_working_days(date(2026, 11, 23), 2) == date(2026, 11, 26)
    assert CALENDAR.add_working_days(date(2026, 11, 26), -2) == date(2026, 11, 23)
    assert CALENDAR.add_working_days(date(2026, 11, 24), 0) == date(2026, 11, 24)


def test_every_day_of_a_covered_year_has_an_answer() -> None:
    day, worked = date(2026, 1, 1), 0
    while day.year == 2026:
        worked += CALENDAR.is_working_day(day)
        day += timedelta(days=1)
    # 261 weekdays, 13 of the days off fall on weekdays, one Saturday is worked.
    assert worked == 261 - 13 + 1


def test_the_shipped_file_is_what_the_command_generates(tmp_path: Path) -> None:
    pytest.importorskip("holidays")
    written = generate.main(directory=tmp_path)
    assert written.read_text(encoding="utf-8") == (DATA / written.name).read_text(encoding="utf-8")


def test_the_command_does_not_edit_a_published_version(tmp_path: Path) -> None:
    pytest.importorskip("holidays")
    written = generate.main(directory=tmp_path)
    written.write_text(written.read_text(encoding="utf-8").replace("Quốc khánh", "Lễ Quốc khánh"), encoding="utf-8")
    with pytest.raises(FileExistsError, match="new version"):
        generate.main(directory=tmp_path)


def test_the_hand_kept_file_wins_over_the_library(tmp_path: Path) -> None:
    pytest.importorskip("holidays")
    overrides = tmp_path / "overrides.toml"
    overrides.write_text(
        """
version = "vn-test"
jurisdiction = "VN"
published = 2026-12-20
source = "test"
years = [2027]
provisional = []
[[add]]
day = 2027-02-11
why = "holiday"
name_vi = "Mùng sáu Tết"
name_en = "Sixth day of Tết"
[[remove]]
day = 2027-09-03
reason = "test"
[[swaps]]
worked = 2027-02-20
off = 2027-02-12
""",
        encoding="utf-8",
    )
    generate.main(overrides, tmp_path)
    calendar = load_calendars(tmp_path).get("vn-test")
    assert not calendar.is_working_day(date(2027, 2, 11))
    assert calendar.is_working_day(date(2027, 9, 3))
    assert calendar.is_working_day(date(2027, 2, 20))
    assert not calendar.is_working_day(date(2027, 2, 12))


def shipped_as(directory: Path, version: str, published: str) -> None:
    raw = json.loads((DATA / f"{CALENDAR.version}.json").read_text(encoding="utf-8"))
    raw |= {"version": version, "published": published}
    (directory / f"{version}.json").write_text(json.dumps(raw), encoding="utf-8")


def test_two_versions_stand_side_by_side_and_the_newest_is_the_default(tmp_path: Path) -> None:
    shipped_as(tmp_path, "vn-b", "2026-12-20")
    shipped_as(tmp_path, "vn-a", "2026-11-22")
    calendars = load_calendars(tmp_path)
    assert calendars.get().version == "vn-b"
    assert calendars.get("vn-a").version == "vn-a"
    assert calendars.at(datetime(2026, 12, 19, 23, 59, tzinfo=TZ)).version == "vn-a"
    assert calendars.at(datetime(2026, 12, 20, 0, 0, tzinfo=TZ)).version == "vn-b"
    # 19 December 17:30 UTC is already the 20th in Viet Nam.
    assert calendars.at(datetime(2026, 12, 19, 17, 30, tzinfo=UTC)).version == "vn-b"


def test_before_the_first_publication_the_first_version_holds() -> None:
    assert calendar_at(datetime(2026, 6, 30, 12, tzinfo=TZ)) == CALENDAR


def test_an_unknown_version_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(CalendarError, match=CALENDAR.version):
        load_calendar("vn-1999")


def test_two_versions_of_one_day_are_refused_because_neither_is_the_newest(tmp_path: Path) -> None:
    shipped_as(tmp_path, "vn-a", "2026-11-22")
    shipped_as(tmp_path, "vn-b", "2026-11-22")
    with pytest.raises(CalendarError, match="both published"):
        load_calendars(tmp_path)


def test_an_empty_folder_is_no_calendar(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="no calendar"):
        load_calendars(tmp_path)


def test_data_that_contradicts_itself_is_refused() -> None:
    raw = CALENDAR.model_dump()
    with pytest.raises(ValueError, match="a working day and a day off"):
        Calendar.model_validate(raw | {"working_weekend_days": [date(2026, 4, 26)]})
    with pytest.raises(ValueError, match="does not hold the year 2024"):
        Calendar.model_validate(raw | {"working_weekend_days": [date(2024, 8, 24)]})
    with pytest.raises(ValueError, match="is a weekday"):
        Calendar.model_validate(raw | {"working_weekend_days": [date(2026, 8, 24)]})


def test_a_day_is_a_day_in_viet_nam() -> None:
    assert local_date(datetime(2026, 11, 22, 17, 0, tzinfo=UTC)) == date(2026, 11, 23)
    assert local_date(datetime(2026, 11, 22, 16, 59, tzinfo=UTC)) == date(2026, 11, 22)
    with pytest.raises(CalendarError, match="timezone"):
        local_date(datetime(2026, 11, 22, 12))  # noqa: DTZ001 - what must be refused
