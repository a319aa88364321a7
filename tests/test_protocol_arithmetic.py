"""The clock rules of process.md §6.6: its worked examples, and properties over random instants."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import TZ, CalendarError, load_calendar, local_date
from models.protocol.arithmetic import (
    Amount,
    At,
    ProtocolError,
    add_months,
    delivery,
    end_of,
    last_day_of,
    limit_instant,
    morning_of,
    skipped_days,
)

CALENDAR = load_calendar()
UNITS = ("min", "H", "WD", "CD", "MONTH")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TZ)


def limit(start: str, amount: str) -> datetime:
    return limit_instant(at(start), Amount.parse(amount), CALENDAR)


@pytest.mark.parametrize(
    ("receipt", "amount", "ends"),
    [
        pytest.param("2026-11-23 16:00", "5 WD", "2026-12-02 00:00", id="24 November is skipped: 1 December 24:00"),
        pytest.param("2027-02-05 23:40", "12 H", "2027-02-06 11:40", id="the first day of Tết, 11:40"),
        pytest.param("2027-02-05 23:40", "5 WD", "2027-02-18 00:00", id="plan over Tết: 17 February 24:00"),
        pytest.param("2027-02-05 23:40", "7 WD", "2027-02-20 00:00", id="whole procedure over Tết: 19 February 24:00"),
        pytest.param(
            "2027-02-06 09:00", "15 CD", "2027-02-22 00:00", id="isolation: Sunday 21 February 24:00, no roll"
        ),
        pytest.param("2026-08-20 10:00", "5 WD", "2026-08-27 00:00", id="the worked Saturday counts: 26 August 24:00"),
        pytest.param("2026-04-24 10:00", "5 WD", "2026-05-07 00:00", id="over the spring holidays: 6 May 24:00"),
        pytest.param("2026-12-31 10:00", "2 WD", "2027-01-06 00:00", id="over New Year: 5 January 24:00"),
        pytest.param("2026-12-31 22:30", "12 H", "2027-01-01 10:30", id="hours run over New Year"),
        pytest.param("2026-11-20 10:00", "5 WD", "2026-12-01 00:00", id="30 November 24:00"),
    ],
)
def test_the_worked_examples_of_the_clock_rules(receipt: str, amount: str, ends: str) -> None:
    assert limit(receipt, amount) == at(ends)


def test_a_limit_is_given_in_utc() -> None:
    assert limit("2026-11-23 16:00", "5 WD").tzinfo is UTC
    assert limit("2026-11-23 16:00", "12 H").tzinfo is UTC


def test_an_instant_without_a_timezone_starts_nothing() -> None:
    with pytest.raises(ProtocolError, match="timezone"):
        limit_instant(datetime(2026, 11, 23, 16), Amount(5, "WD"), CALENDAR)  # noqa: DTZ001 - what must be refused


def test_the_first_day_is_not_counted_whatever_its_hour() -> None:
    assert limit("2026-11-25 00:00", "1 WD") == limit("2026-11-25 23:59", "1 WD") == at("2026-11-27 00:00")
    assert limit("2026-11-25 00:00", "1 CD") == at("2026-11-27 00:00")


def test_a_leap_day_is_a_day() -> None:
    assert limit("2028-02-28 10:00", "1 CD") == at("2028-03-01 00:00")
    assert limit("2028-02-28 10:00", "1 WD") == at("2028-03-01 00:00")
    assert limit("2028-02-29 10:00", "24 H") == at("2028-03-01 10:00")


def test_a_month_ends_on_the_same_day_or_the_last_there_is() -> None:
    assert add_months(date(2027, 8, 31), 6) == date(2028, 2, 29)
    assert add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert add_months(date(2026, 11, 30), 1) == date(2026, 12, 30)
    assert limit("2026-11-30 10:00", "3 MONTH") == at("2027-03-01 00:00")


def test_a_rolling_limit_goes_to_the_next_working_day_and_only_where_asked() -> None:
    start, amount = at("2027-02-06 09:00"), Amount(15, "CD")
    assert limit_instant(start, amount, CALENDAR) == at("2027-02-22 00:00")
    assert limit_instant(start, amount, CALENDAR, rolls=True) == at("2027-02-23 00:00")


def test_a_year_the_calendar_lacks_is_refused() -> None:
    with pytest.raises(CalendarError, match="missing"):
        limit(f"{max(CALENDAR.years)}-12-30 10:00", "5 WD")


def test_skipped_days_say_why() -> None:
    skipped = skipped_days(at("2026-11-23 16:00"), date(2026, 12, 1), CALENDAR)
    assert [(str(day.day), day.why) for day in skipped] == [
        ("2026-11-24", "holiday"),
        ("2026-11-28", "weekend"),
        ("2026-11-29", "weekend"),
    ]
    assert skipped[0].name_vi == "Ngày Văn hóa Việt Nam"


@pytest.mark.parametrize("text", ["0 H", "-1 H", "5", "5 days", "1.5 H", "5WD", ""])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Amount.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "never_longer"),
    [
        ("8 H", "12 H", True),
        ("12 H", "12 H", True),
        ("13 H", "12 H", False),
        ("90 min", "2 H", True),
        ("4 WD", "5 WD", True),
        ("5 CD", "5 WD", True),
        ("6 CD", "5 WD", False),
        ("1 WD", "15 CD", False),
        ("120 H", "5 WD", True),
        ("121 H", "5 WD", False),
        ("1 WD", "72 H", False),
        ("28 CD", "1 MONTH", True),
        ("29 CD", "1 MONTH", False),
    ],
)
def test_one_amount_is_never_longer_than_another_only_where_that_is_certain(
    one: str, other: str, never_longer: bool
) -> None:
    assert Amount.parse(one).never_longer_than(Amount.parse(other)) is never_longer


def rung(place: str, start: str, amount: str) -> datetime:
    length = Amount.parse(amount)
    return At.parse(place).instant(limit_instant(at(start), length, CALENDAR), length, CALENDAR)


@pytest.mark.parametrize(
    ("place", "start", "amount", "fires"),
    [
        ("2 H", "2027-02-05 23:40", "12 H", "2027-02-06 01:40"),
        ("12 H", "2027-02-05 23:40", "12 H", "2027-02-06 11:40"),
        ("60 min", "2027-02-05 23:40", "30 min", "2027-02-06 00:40"),
        ("30 H", "2026-11-23 10:00", "24 H", "2026-11-24 16:00"),
        ("50 %", "2026-11-23 10:00", "24 H", "2026-11-23 22:00"),
        ("90 %", "2026-11-23 10:00", "24 H", "2026-11-24 07:36"),
        ("100 %", "2026-11-23 10:00", "24 H", "2026-11-24 10:00"),
        ("90 %", "2026-11-23 10:00", "4 H", "2026-11-23 13:36"),
        ("3 WD", "2026-11-23 16:00", "5 WD", "2026-11-27 08:00"),
        ("5 WD", "2026-11-23 16:00", "5 WD", "2026-12-02 00:00"),
        ("6 WD", "2026-11-23 16:00", "5 WD", "2026-12-02 08:00"),
        ("200 %", "2026-11-23 16:00", "2 WD", "2026-11-30 08:00"),
        ("7 CD", "2027-02-06 09:00", "15 CD", "2027-02-13 08:00"),
        ("10 CD", "2027-02-06 09:00", "15 CD", "2027-02-16 08:00"),
        ("15 CD", "2027-02-06 09:00", "15 CD", "2027-02-22 00:00"),
        ("limit", "2027-02-06 09:00", "15 CD", "2027-02-22 00:00"),
        ("-24 H", "2026-11-23 09:00", "3 CD", "2026-11-26 00:00"),
        ("-6 H", "2026-11-23 09:00", "3 CD", "2026-11-26 18:00"),
        ("-1 CD", "2026-11-23 09:00", "7 CD", "2026-11-29 08:00"),
        ("-1 CD", "2026-11-23 09:00", "48 H", "2026-11-24 09:00"),
        ("+2 WD", "2026-11-23 09:00", "7 CD", "2026-12-02 08:00"),
        ("+2 WD", "2026-11-23 09:00", "48 H", "2026-11-27 08:00"),
        ("+2 CD", "2026-11-23 09:00", "7 CD", "2026-12-02 08:00"),
    ],
)
def test_a_rung_stands_where_the_table_says(place: str, start: str, amount: str, fires: str) -> None:
    assert rung(place, start, amount) == at(fires)


def test_day_rungs_after_the_limit_fire_in_the_morning_of_their_day() -> None:
    assert rung("+2 WD", "2026-11-23 09:00", "1 WD") == at("2026-11-27 08:00")


@pytest.mark.parametrize("text", ["", "8", "8 Q", "+5 %", "day 7", "limit + 1"])
def test_a_place_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        At.parse(text)


@pytest.mark.parametrize(
    ("place", "amount"), [("8 H", "5 WD"), ("2 WD", "12 H"), ("50 %", "5 WD"), ("1 CD", "1 MONTH")]
)
def test_a_place_that_does_not_fit_its_clock_is_refused(place: str, amount: str) -> None:
    with pytest.raises(ProtocolError):
        At.parse(place).check(Amount.parse(amount))


def test_a_limit_at_midnight_waits_for_the_office_below_e3() -> None:
    midnight = end_of(date(2027, 2, 3))
    assert delivery("E2", midnight, CALENDAR, ends_a_day=True) == at("2027-02-11 08:00")
    assert delivery("E3", midnight, CALENDAR, ends_a_day=True) == midnight
    assert delivery("E4", midnight, CALENDAR, ends_a_day=True) == midnight


def test_an_hour_rung_never_waits() -> None:
    night = at("2027-02-06 01:40")
    assert delivery("E1", night, CALENDAR, ends_a_day=False) == night


def test_the_day_of_a_limit_at_midnight_is_the_day_that_ends() -> None:
    assert last_day_of(end_of(date(2026, 12, 31))) == date(2026, 12, 31)
    assert morning_of(date(2026, 12, 31)) == at("2026-12-31 08:00")


instants = st.datetimes(datetime(2025, 1, 1), datetime(2029, 6, 30), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
amounts = st.one_of(
    st.builds(Amount, st.integers(1, 600), st.sampled_from(["min"])),
    st.builds(Amount, st.integers(1, 200), st.sampled_from(["H"])),
    st.builds(Amount, st.integers(1, 30), st.sampled_from(["WD"])),
    st.builds(Amount, st.integers(1, 90), st.sampled_from(["CD"])),
    st.builds(Amount, st.integers(1, 6), st.sampled_from(["MONTH"])),
)
in_days = amounts.filter(lambda amount: amount.elapsed is None)


@given(instants, amounts)
def test_a_limit_is_never_earlier_than_its_start(start: datetime, amount: Amount) -> None:
    assert limit_instant(start, amount, CALENDAR) > start


@given(instants, instants, amounts)
def test_a_later_start_never_ends_earlier(one: datetime, other: datetime, amount: Amount) -> None:
    first, second = sorted((one, other))
    assert limit_instant(first, amount, CALENDAR) <= limit_instant(second, amount, CALENDAR)


@given(instants, in_days)
def test_the_first_day_is_not_counted(start: datetime, amount: Amount) -> None:
    midnight = datetime.combine(local_date(start), datetime.min.time(), TZ)
    assert limit_instant(start, amount, CALENDAR) == limit_instant(midnight, amount, CALENDAR)
    assert limit_instant(start, amount, CALENDAR) >= end_of(local_date(start)) + timedelta(days=1)


@given(instants, st.integers(1, 30))
def test_working_days_end_on_a_working_day_and_count_exactly_that_many(start: datetime, count: int) -> None:
    last = last_day_of(limit_instant(start, Amount(count, "WD"), CALENDAR))
    assert CALENDAR.is_working_day(last)
    counted, day = 0, local_date(start)
    while day < last:
        day += timedelta(days=1)
        counted += CALENDAR.is_working_day(day)
    assert counted == count


@given(instants, st.integers(1, 90))
def test_a_maximum_in_calendar_days_never_rolls(start: datetime, count: int) -> None:
    last = last_day_of(limit_instant(start, Amount(count, "CD"), CALENDAR))
    assert last == local_date(start) + timedelta(days=count)


@given(instants, st.integers(1, 90))
def test_rolling_never_shortens_and_ends_on_a_working_day(start: datetime, count: int) -> None:
    amount = Amount(count, "CD")
    rolled = limit_instant(start, amount, CALENDAR, rolls=True)
    assert rolled >= limit_instant(start, amount, CALENDAR)
    assert CALENDAR.is_working_day(last_day_of(rolled))


@given(instants, amounts, amounts)
def test_what_is_called_never_longer_never_is(start: datetime, one: Amount, other: Amount) -> None:
    if one.never_longer_than(other):
        assert limit_instant(start, one, CALENDAR) <= limit_instant(start, other, CALENDAR)
    assert one.never_longer_than(one)


@given(instants, st.integers(2, 20), st.data())
def test_day_rungs_before_the_limit_stand_in_order_inside_the_clock(
    start: datetime, days: int, data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(["WD", "CD"]))
    amount = Amount.parse(f"{days} {unit}")
    due = limit_instant(start, amount, CALENDAR)
    places = [At.parse(f"{day} {unit}").instant(due, amount, CALENDAR) for day in range(1, days + 1)]
    assert places == sorted(places)
    assert start < places[0]
    assert places[-1] == due
