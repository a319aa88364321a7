"""Whether two descriptions may be one person: a score with its reasons, the same for the same two, and nothing more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access.matching import POSSIBLE, SCORES, Alleged, Known, Match, match, plain_name, school_is_setting
from models.vocabulary import codes

YEAR = 2026
HERE, ELSEWHERE = frozenset({"xa-a"}), frozenset({"xa-b"})


def alleged(name: str, **more: object) -> Alleged:
    return Alleged(name=plain_name(name), **{"units": HERE, **more})  # type: ignore[arg-type]


def known(name: str, **more: object) -> Known:
    return Known(name=plain_name(name), **{"units": ELSEWHERE, **more})  # type: ignore[arg-type]


def reasons(found: Match | None) -> tuple[str, ...]:
    return found.reasons if found else ()


@pytest.mark.parametrize(
    ("said", "name", "why"),
    [
        ("Phạm Văn Thành", "Phạm Văn Thành", "NAME_SAME"),
        ("pham van thanh", "Phạm Văn Thành", "NAME_SAME"),
        ("Pham Van Thánh", "Phạm Văn Thành", "NAME_SAME"),
        ("Thành Phạm Văn", "Phạm Văn Thành", "NAME_SAME"),
        ("Phạm Văn Thành", "Phạm Văn Thành (mẫu)", "NAME_SAME"),
        ("ông Phạm Văn Thành", "Phạm Văn Thành", "NAME_SAME"),
        ("cô giáo Lã Thị Hoài Thương", "Cô giáo Lã Thị Hoài Thương", "NAME_SAME"),
    ],
)
def test_a_whole_name_alone_is_a_possible_match_however_it_was_written(said: str, name: str, why: str) -> None:
    assert match(alleged(said), known(name), YEAR) == Match(SCORES[why], (why,))


@pytest.mark.parametrize(("said", "why"), [("Phạm Thành", "NAME_PARTS"), ("Phạm Văn Thànhh", "NAME_CLOSE")])
def test_part_of_a_name_or_a_slip_in_it_needs_another_sign(said: str, why: str) -> None:
    assert match(alleged(said), known("Phạm Văn Thành"), YEAR) is None
    assert reasons(match(alleged(said), known("Phạm Văn Thành", units=HERE), YEAR)) == (why, "SAME_COMMUNE")


def test_a_given_name_needs_two_further_signs() -> None:
    officer = {"roles": frozenset({"POL"}), "units": HERE}
    assert match(alleged("ông Hùng"), known("Cao Mạnh Hùng", **officer), YEAR) is None
    found = match(alleged("ông Hùng", relation="CAN_BO"), known("Cao Mạnh Hùng", **officer), YEAR)
    assert reasons(found) == ("GIVEN_NAME", "SAME_COMMUNE", "ROLE_FITS")
    teacher = match(alleged("Hùng", relation="NHA_TRUONG"), known("Cao Mạnh Hùng", **officer), YEAR)
    assert teacher is None, "a policeman is no teacher"


def test_a_year_of_birth_speaks_for_or_against() -> None:
    def with_years(one: int, other: int) -> Match | None:
        return match(alleged("Phạm Văn Thành", birth_year=one), known("Phạm Văn Thành", birth_year=other), YEAR)

    assert reasons(with_years(1980, 1980)) == ("NAME_SAME", "BIRTH_YEAR")
    assert reasons(with_years(1980, 1982)) == ("NAME_SAME", "BIRTH_YEAR_NEAR")
    assert reasons(with_years(1980, 1984)) == ("NAME_SAME",)
    assert with_years(1980, 1995) is None


def test_an_age_band_the_other_cannot_be_in_speaks_against() -> None:
    child = {"age_band": "UNDER_14"}
    assert match(alleged("Phạm Văn Thành", **child), known("Phạm Văn Thành", roles=frozenset({"CPO"})), YEAR) is None
    assert match(alleged("Phạm Văn Thành", **child), known("Phạm Văn Thành", birth_year=2015), YEAR) is not None
    assert match(alleged("Phạm Văn Thành", age_band="ADULT"), known("Phạm Văn Thành", birth_year=2015), YEAR) is None


def test_a_workplace_is_that_of_the_office() -> None:
    school = {"offices": ("truong tieu hoc hoa mai (mau)",), "roles": frozenset({"EDU"})}
    found = match(
        alleged("cô Thương", workplace="truong tieu hoc hoa mai", relation="NHA_TRUONG"),
        known("Lã Thị Hoài Thương", **school),
        YEAR,
    )
    assert reasons(found) == ("GIVEN_NAME", "ROLE_FITS", "WORKPLACE")


@pytest.mark.parametrize("name", ["Phạm Văn Bình", "Trần Văn Thành", "", "Cha dượng", "không rõ"])
def test_another_name_is_nobody(name: str) -> None:
    assert match(alleged(name), known("Phạm Văn Thành", units=HERE), YEAR) is None


@given(
    st.text(max_size=40), st.text(max_size=40), st.none() | st.integers(1900, 2026), st.none() | st.integers(1900, 2026)
)
def test_any_two_texts_have_an_answer_and_the_same_one_again(
    one: str, other: str, born: int | None, known_born: int | None
) -> None:
    said, theirs = alleged(one, birth_year=born), known(other, birth_year=known_born)
    found = match(said, theirs, YEAR)
    assert found == match(said, theirs, YEAR)
    assert found is None or POSSIBLE <= found.score <= 100


def test_every_reason_has_a_label() -> None:
    assert set(SCORES) | {"DECLARED"} == set(codes("conflict_reasons"))


@pytest.mark.parametrize(
    ("environments", "relations", "is_setting"),
    [
        ({"SCHOOL"}, set(), True),
        (set(), {"NHA_TRUONG"}, True),
        ({"FAMILY"}, {"CHA_ME_DE"}, False),
        (set(), set(), False),
    ],
)
def test_the_school_is_the_setting_by_place_or_by_person(
    environments: set[str], relations: set[str], is_setting: bool
) -> None:
    assert school_is_setting(frozenset(environments), frozenset(relations)) is is_setting
