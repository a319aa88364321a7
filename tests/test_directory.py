"""When a provider is open, and who is asked first: pure, and true whatever the directory says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import TZ, load_calendar
from models.directory import (
    CONTACT_KINDS,
    GIVEN_BY,
    PROVIDER_KINDS,
    ROLE_OF,
    SERVICES,
    Hours,
    HoursError,
    Offer,
    Window,
    gives,
    rank,
)
from models.lifecycle import ROLES
from models.lifecycle.rules import EMERGENCY_SERVICES
from models.vocabulary import codes

CALENDAR = load_calendar()
OFFICE = Hours.parse("T2-T6 07:30-11:30, 13:30-17:00; T7 07:30-11:30")
NIGHT = Hours.parse("T6 22:00-06:00")
MINUTE = timedelta(minutes=1)


def hanoi(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TZ)


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-11-23T07:30", True),  # a Monday, its first minute
        ("2026-11-23T07:29", False),
        ("2026-11-23T11:29", True),
        ("2026-11-23T11:30", False),  # its end is not in it
        ("2026-11-23T16:59", True),
        ("2026-11-28T09:00", True),  # a Saturday morning
        ("2026-11-28T14:00", False),
        ("2026-11-29T09:00", False),  # a Sunday
        ("2026-11-24T09:00", False),  # a Tuesday, and a public holiday since 2026
        ("2026-08-22T15:00", True),  # a Saturday worked instead has a Friday's afternoon
        ("2026-02-17T09:00", False),  # Tết
        ("2031-03-04T09:00", True),  # a Tuesday of a year the calendar does not hold
    ],
)
def test_an_office_is_open_on_working_days_at_its_hours(when: str, is_open: bool) -> None:
    assert OFFICE.open_at(hanoi(when), CALENDAR) is is_open


def test_a_holiday_has_hours_of_its_own() -> None:
    hours = Hours.parse("T2-CN 07:00-19:00; L 08:00-10:00")
    assert hours.open_at(hanoi("2026-11-24T08:00"), CALENDAR)
    assert not hours.open_at(hanoi("2026-11-24T10:00"), CALENDAR)


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    assert NIGHT.open_at(hanoi("2026-11-27T22:00"), CALENDAR)
    assert NIGHT.open_at(hanoi("2026-11-28T05:59"), CALENDAR)
    assert not NIGHT.open_at(hanoi("2026-11-28T06:00"), CALENDAR)
    assert not NIGHT.open_at(hanoi("2026-11-27T05:59"), CALENDAR)
    # It goes on into a holiday, and does not begin on one: 24 November 2026 is a Tuesday.
    monday = Hours.parse("T2-T3 22:00-06:00")
    assert monday.open_at(hanoi("2026-11-24T03:00"), CALENDAR)
    assert not monday.open_at(hanoi("2026-11-24T23:00"), CALENDAR)


def test_an_instant_is_read_at_hanoi_whatever_zone_it_is_written_in() -> None:
    assert OFFICE.open_at(datetime(2026, 11, 23, 0, 30, tzinfo=UTC), CALENDAR)
    assert not OFFICE.open_at(datetime(2026, 11, 23, 10, 0, tzinfo=UTC), CALENDAR)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Mon-Fri 08:00-17:00", "T2-T6 08:00-17:00"),
        ("T2/T4/t6 8:00-9:00", None),
        ("t2/t4/T6 08:00-09:00; cn 10:00 - 12:00", "T2 08:00-09:00; T4 08:00-09:00; T6 08:00-09:00; CN 10:00-12:00"),
        ("T2-L 08:00-09:00", None),
        ("T6-T2 08:00-09:00", None),
        ("T2 08:00-08:00", None),
        ("T2 08:00-12:00, 11:00-13:00", None),
        ("T2 24:00-25:00", None),
        ("T2 08:00-24:30", None),
        ("T2 08:00-24:00", "T2 08:00-24:00"),
        ("T2 08:00-09:00; T2 10:00-11:00", None),
        ("T8 08:00-09:00", None),
        ("lúc nào cũng mở", None),
        ("T2 08:00-09:00;" * 100, None),
        ("", ""),
    ],
)
def test_hours_are_read_as_officers_write_them_or_refused(written: str, read: str | None) -> None:
    if read is None:
        with pytest.raises(HoursError, match=r"^hours-"):
            Hours.parse(written)
    else:
        assert str(Hours.parse(written)) == read


@st.composite
def any_hours(draw: st.DrawFn) -> Hours:
    def one_day() -> tuple[Window, ...]:
        marks = sorted(draw(st.lists(st.integers(0, 1440), max_size=4, unique=True)))
        windows = [Window(start, end) for start, end in zip(marks[::2], marks[1::2], strict=False)]
        if windows and draw(st.booleans()):
            windows[-1] = Window(windows[-1].start, draw(st.integers(1441, 1440 + windows[-1].start + 1)))
        return tuple(windows)

    def usable(windows: tuple[Window, ...]) -> bool:
        return all(one.start < 1440 and one.end - one.start < 1440 for one in windows)

    return Hours(tuple(day if usable(day) else () for day in (one_day() for _ in range(8))))


INSTANTS = st.integers(0, 630 * 24 * 60).map(lambda minutes: datetime(2026, 1, 3, tzinfo=UTC) + minutes * MINUTE)


@given(any_hours())
def test_what_is_written_is_read_as_it_was(hours: Hours) -> None:
    assert Hours.parse(str(hours)) == hours


@given(any_hours(), INSTANTS)
def test_the_next_opening_is_open_and_the_minute_before_is_not(hours: Hours, at: datetime) -> None:
    opens = hours.next_opening(at, CALENDAR)
    if opens is None:
        assert not any(hours.open_at(at + timedelta(hours=step), CALENDAR) for step in range(24 * 14))
        return
    assert opens >= at
    assert hours.open_at(opens, CALENDAR)
    if opens > at:
        assert not hours.open_at(max(at, opens - MINUTE), CALENDAR)
        assert not hours.open_at(at + (opens - at) / 2, CALENDAR)


OFFERS = st.builds(
    Offer,
    provider_id=st.integers(1, 6).map(lambda n: UUID(int=n)),
    capability_id=st.uuids(),
    unit_id=st.integers(1, 6).map(lambda n: UUID(int=n)),
    code=st.sampled_from("abc"),
    distance=st.integers(0, 3),
    hours=st.sampled_from([OFFICE, NIGHT, Hours(), Hours.parse("T2-CN/L 00:00-24:00")]),
    duty=st.booleans(),
    capacity=st.none() | st.integers(0, 3),
    load=st.integers(0, 4),
    valid_from=st.sampled_from([hanoi("2026-01-01"), hanoi("2026-12-01")]),
    valid_to=st.none() | st.just(hanoi("2027-03-01")),
    contact=st.none() | st.sampled_from(CONTACT_KINDS),
)
MANY = st.lists(OFFERS, max_size=12)


@given(MANY, INSTANTS, st.sampled_from(sorted(EMERGENCY_SERVICES)))
def test_for_an_emergency_nobody_closed_comes_before_somebody_open(
    offers: list[Offer], at: datetime, service: str
) -> None:
    are_open = [one.open_at(at, CALENDAR) for one in rank(offers, service=service, at=at, calendar=CALENDAR)]
    assert are_open == sorted(are_open, reverse=True)


@given(MANY, INSTANTS, st.sampled_from(SERVICES), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_they_were_read_in(
    offers: list[Offer], at: datetime, service: str, random: object
) -> None:
    ranked = rank(offers, service=service, at=at, calendar=CALENDAR)
    random.shuffle(offers)  # type: ignore[attr-defined]
    assert rank(offers, service=service, at=at, calendar=CALENDAR) == ranked


@given(MANY, INSTANTS, st.sampled_from(SERVICES))
def test_everybody_in_force_is_there_once_and_nobody_else(offers: list[Offer], at: datetime, service: str) -> None:
    ranked = rank(offers, service=service, at=at, calendar=CALENDAR)
    assert all(one.holds_at(at) for one in ranked)
    assert {one.provider_id for one in ranked} == {one.provider_id for one in offers if one.holds_at(at)}
    assert len({one.provider_id for one in ranked}) == len(ranked)


@given(MANY, INSTANTS, st.sampled_from(SERVICES))
def test_among_those_alike_otherwise_the_nearer_and_then_the_emptier_comes_first(
    offers: list[Offer], at: datetime, service: str
) -> None:
    ranked = rank(offers, service=service, at=at, calendar=CALENDAR)
    for one, other in pairwise(ranked):
        alike = (
            one.open_at(at, CALENDAR) == other.open_at(at, CALENDAR)
            and (one.contact is None) == (other.contact is None)
            and one.is_full == other.is_full
        )
        if alike:
            assert one.distance <= other.distance
            if one.distance == other.distance:
                assert one.share <= other.share


def an_offer(number: int, **more: object) -> Offer:
    made = Offer(
        provider_id=UUID(int=number), capability_id=UUID(int=100 + number), unit_id=UUID(int=200 + number),
        code=f"P{number}", distance=1, hours=OFFICE, duty=False, capacity=None, load=0,
        valid_from=hanoi("2026-01-01"), valid_to=None, contact="account",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def names(offers: list[Offer], service: str, at: str) -> list[str]:
    return [one.code for one in rank(offers, service=service, at=hanoi(at), calendar=CALENDAR)]


def test_the_order_in_words() -> None:
    night = "2026-11-24T03:00"
    near_closed, far_open = an_offer(1, distance=0), an_offer(2, distance=2, duty=True)
    full, room = an_offer(3, duty=True, capacity=2, load=2), an_offer(4, distance=2, duty=True, capacity=9, load=8)
    unknown = an_offer(5, distance=0, duty=True, contact=None)
    everybody = [near_closed, far_open, full, room, unknown]
    assert names(everybody, "shelter", night) == ["P2", "P4", "P3", "P5", "P1"]
    # What can wait until the morning goes to the nearest, open or not.
    assert names(everybody, "psychosocial", night) == ["P1", "P2", "P4", "P3", "P5"]


def test_an_entry_holds_from_its_first_instant_until_before_its_end() -> None:
    ended = an_offer(1, valid_to=hanoi("2026-11-23T09:00"))
    begun = an_offer(2, valid_from=hanoi("2026-11-23T09:00"))
    assert names([ended, begun], "shelter", "2026-11-23T08:59") == ["P1"]
    assert names([ended, begun], "shelter", "2026-11-23T09:00") == ["P2"]


def test_every_word_of_the_directory_is_in_the_vocabulary() -> None:
    assert codes("referral_services") == SERVICES
    assert codes("provider_kinds") == PROVIDER_KINDS
    assert set(codes("provider_contacts")) == set(CONTACT_KINDS)
    assert set(ROLE_OF.values()) <= set(ROLES)
    assert set(SERVICES) >= EMERGENCY_SERVICES


def test_every_service_has_a_kind_that_gives_it_and_every_kind_gives_one() -> None:
    assert set().union(*GIVEN_BY.values()) == set(PROVIDER_KINDS)
    assert gives("police", "police_report")
    assert not gives("education", "forensic_examination")
    assert not gives("police", "no_such_service")
