"""The score of two children's likeness: its laws, and what it says of names as they are really written down."""

from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alike import POSSIBLE, SCORES, Child, likeness, plain, years_of
from models.vocabulary import codes

WORDS = st.sampled_from(
    [
        "Nguyễn",
        "Trần",
        "Đỗ",
        "Văn",
        "Thị",
        "Ước",
        "An",
        "Anh",
        "Bình",
        "Hà",
        "Hạ",
        "Hòa",
        "Hoà",
        "Minh",
        "Quân",
        "Quang",
    ]
)
FULL = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
BORN = st.dates(date(2008, 1, 1), date(2014, 12, 31))


@st.composite
def children(draw: st.DrawFn) -> Child:
    born = draw(st.none() | BORN)
    return Child(
        names=frozenset(map(plain, draw(st.lists(FULL, max_size=2)))),
        born=born,
        years=years_of(born, draw(st.none() | st.integers(0, 16)), date(2026, 11, 23)),
        sex=draw(st.sampled_from([None, "MALE", "FEMALE"])),
        communes=frozenset(draw(st.lists(st.sampled_from("abc"), max_size=2))),
        mother=plain(draw(st.just("") | FULL)),
        father=plain(draw(st.just("") | FULL)),
        personal_id=draw(st.sampled_from(["", "001", "002"])),
    )


@given(children(), children())
def test_it_does_not_matter_which_is_compared_with_which(one: Child, other: Child) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other).score <= 100


@given(children(), children())
def test_what_agrees_more_never_scores_less(one: Child, other: Child) -> None:
    before = likeness(one, other).score
    for field in fields(Child):
        closer = replace(other, **{field.name: getattr(one, field.name)})
        if field.name in ("born", "years"):
            closer = replace(other, born=one.born, years=one.years)
        if getattr(one, field.name):
            assert likeness(one, closer).score >= before, field.name


@given(children(), children())
def test_nothing_is_liker_a_child_than_itself(one: Child, other: Child) -> None:
    assert likeness(one, one).score >= likeness(one, other).score or not (
        {field.name for field in fields(Child) if getattr(other, field.name)}
        <= {field.name for field in fields(Child) if getattr(one, field.name)}
    )


@given(st.lists(WORDS, min_size=2, max_size=5), st.randoms())
def test_the_order_of_the_words_capitals_and_marks_do_not_matter(words: list[str], random: object) -> None:
    name = " ".join(words)
    random.shuffle(words)  # type: ignore[attr-defined]
    other = " ".join(words).upper().replace("Đ", "D").replace("Ễ", "E")
    one, there = (Child(names=frozenset({plain(each)})) for each in (name, other))
    assert likeness(one, there).reasons == ("NAME_SAME",)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Nguyễn Văn An", "nguyen van an", "NAME_SAME"),
        ("Nguyễn Văn An", "An Nguyễn Văn", "NAME_SAME"),
        ("Nguyễn Thị Hoà", "Nguyễn Thị Hòa", "NAME_SAME"),
        ("cháu Đặng Minh Quân", "Đặng Minh Quân", "NAME_SAME"),
        ("Đặng Minh Quân", "Đặng Minh Quang", "NAME_CLOSE"),
        ("bé An", "Nguyễn Văn An", "NAME_PART"),
        ("bé An", "An", "NAME_PART"),
        ("Nguyễn Văn An", "Trần Thị Bình", None),
        ("", "Trần Thị Bình", None),
    ],
)
def test_names_as_they_are_written_down(one: str, other: str, reason: str | None) -> None:
    here, there = (Child(names=frozenset({plain(name)})) for name in (one, other))
    assert likeness(here, there).reasons == ((reason,) if reason else ())


def test_a_whole_name_alone_is_shown_a_given_name_needs_two_further_signs() -> None:
    an, nguyen_van_an = (frozenset({plain(name)}) for name in ("An", "Nguyễn Văn An"))
    assert likeness(Child(nguyen_van_an), Child(nguyen_van_an)).score >= POSSIBLE
    here, there = Child(an, years=(2016, 2016)), Child(nguyen_van_an, years=(2016, 2016))
    assert likeness(here, there).score < POSSIBLE
    place = frozenset({"xa"})
    assert likeness(replace(here, communes=place), replace(there, communes=place)).score >= POSSIBLE


def test_children_of_one_mother_are_not_one_child_for_that() -> None:
    shared = Child(communes=frozenset({"xa"}), mother=plain("Trần Thị Hoa"), father=plain("Lê Văn Sáu"))
    elder = replace(shared, names=frozenset({plain("Lê Văn Hải")}), years=(2010, 2010))
    younger = replace(shared, names=frozenset({plain("Lê Thị Mỵ")}), years=(2016, 2016))
    assert likeness(elder, younger).score < POSSIBLE


def test_an_estimated_age_is_two_years_of_birth() -> None:
    assert years_of(None, 8, date(2026, 11, 23)) == (2017, 2018)
    assert years_of(date(2018, 3, 1), 3, date(2026, 11, 23)) == (2018, 2018)
    assert years_of(None, None, date(2026, 11, 23)) is None


def test_every_reason_has_its_words() -> None:
    assert codes("alike_reasons") == tuple(SCORES)
