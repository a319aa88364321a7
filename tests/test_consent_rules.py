"""What a record of consent allows, what must stop when it is taken back, and what may be told to whom. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access.consent import (
    CARERS,
    REPRESENTATIVES,
    Said,
    age_of,
    allows,
    barred_givers,
    is_alleged,
    stops,
)
from models.access.views import view
from models.vocabulary import codes

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said(answer: str = "given", giver: str | None = "MOTHER", *, ago: timedelta = DAY, **more: Any) -> Said:
    made = {"id": f"{giver}-{answer}-{ago}", "scope": "SERVICE", "services": frozenset(), "said_at": NOW - ago, **more}
    return Said(answer=answer, giver=None if answer == "ground" else giver, **made)  # type: ignore[arg-type]


def why(
    *entries: Said, scope: str = "SERVICE", service: str | None = "DV_TL", age: int | None = 10, **more: Any
) -> str:
    answer = allows(entries, scope, service, NOW, age=age, **more)
    return f"{'yes' if answer.allowed else 'no'}: {answer.why}"


def test_nothing_said_is_a_no() -> None:
    assert why() == "no: nothing-said"


@pytest.mark.parametrize("giver", sorted(REPRESENTATIVES))
def test_whoever_speaks_for_the_child_may_agree(giver: str) -> None:
    assert why(said(giver=giver)) == "yes: consent"


@pytest.mark.parametrize(
    ("age", "answer"), [(None, "yes: consent"), (7, "yes: consent"), (6, "no: representative-not-asked")]
)
def test_a_child_of_seven_speaks_for_itself_in_a_service(age: int | None, answer: str) -> None:
    assert why(said(giver="CHILD"), age=age) == answer


def test_what_was_agreed_to_for_one_service_says_nothing_of_another() -> None:
    only = said(services=frozenset({"DV_TL"}))
    assert why(only, service="DV_TL") == "yes: consent"
    assert why(only, service="DV_PL") == "no: nothing-said"
    assert why(only, scope="SHARING") == "no: nothing-said"
    assert why(said(), service="DV_PL") == "yes: consent"


@pytest.mark.parametrize("end", ["expires_at", "withdrawn_at"])
def test_it_holds_until_its_end_and_not_at_it(end: str) -> None:
    assert why(said(**{end: NOW + timedelta(microseconds=1)})) == "yes: consent"
    assert why(said(**{end: NOW})) == "no: ended"
    assert why(said(ago=-HOUR)) == "no: nothing-said"


def test_the_latest_answer_of_each_giver_counts_and_one_refusal_is_a_no() -> None:
    before, after = said("given", ago=2 * DAY), said("refused", ago=DAY)
    assert why(before, after) == "no: refused"
    assert why(said("refused", ago=2 * DAY), said("given", ago=DAY)) == "yes: consent"
    assert why(said(giver="FATHER"), said("refused", giver="CHILD")) == "no: refused"


def test_a_ground_is_a_yes_and_says_whom_it_overrides() -> None:
    assert why(said("ground")) == "yes: ground"
    answer = allows([said("ground"), said("refused")], "SERVICE", "DV_TL", NOW, age=3)
    assert (answer.allowed, answer.why, answer.overrides_refusal) == (True, "ground", True)
    assert not allows([said("ground"), said()], "SERVICE", "DV_TL", NOW, age=3).overrides_refusal


@pytest.mark.parametrize(
    ("givers", "age", "answer"),
    [
        (["MOTHER", "CHILD"], 7, "yes: consent"),
        (["MOTHER"], 7, "no: child-not-asked"),
        (["MOTHER"], None, "no: child-not-asked"),
        (["MOTHER"], 6, "yes: consent"),
        (["CHILD"], 12, "no: representative-not-asked"),
        ([], 12, "no: nothing-said"),
    ],
)
def test_a_private_life_is_published_by_child_and_representative_together(
    givers: list[str], age: int | None, answer: str
) -> None:
    assert why(*(said(giver=giver, scope="PUBLICATION") for giver in givers), scope="PUBLICATION", age=age) == answer


def test_no_ground_publishes_a_private_life() -> None:
    assert why(said("ground", scope="PUBLICATION"), scope="PUBLICATION") == "no: ended"


def test_the_word_of_a_carer_who_is_alleged_counts_for_nothing() -> None:
    assert why(said(giver="FATHER"), barred=frozenset({"FATHER"})) == "no: nothing-said"
    assert why(said("refused", giver="FATHER"), said(giver="MOTHER"), barred=frozenset({"FATHER"})) == "yes: consent"


@given(
    st.lists(
        st.builds(
            said,
            st.sampled_from(["given", "refused", "ground"]),
            st.sampled_from(sorted(codes("consent_givers"))),
            ago=st.integers(-50, 50).map(lambda hours: timedelta(hours=hours)),
            scope=st.sampled_from(sorted(codes("consent_scopes"))),
        ),
        max_size=6,
    ),
    st.sampled_from(sorted(codes("consent_scopes"))),
    st.none() | st.integers(0, 17),
)
def test_a_yes_always_rests_on_an_entry_in_force(entries: list[Said], scope: str, age: int | None) -> None:
    answer = allows(entries, scope, None, NOW, age=age)
    live = {one.id for one in entries if one.in_force(NOW) and one.scope == scope and one.answer != "refused"}
    assert not answer.allowed or (answer.by and set(answer.by) <= live)


def test_withdrawing_stops_what_nothing_else_carries() -> None:
    both = said(services=frozenset({"DV_TL", "DV_PL"}))
    assert stops(both, [both], NOW) == ("SERVICE/DV_PL", "SERVICE/DV_TL")
    other = said("ground", services=frozenset({"DV_TL"}))
    assert stops(both, [both, other], NOW) == ("SERVICE/DV_PL",)
    assert stops(said(), [said("refused", giver="FATHER")], NOW) == ("SERVICE",)


@pytest.mark.parametrize(
    ("sheets", "triggers", "barred"),
    [
        ([{"relation": "CHA_ME_DE", "sex": "MALE"}], [], {"FATHER"}),
        ([{"relation": "CHA_ME_NUOI", "sex": "FEMALE"}], [], {"MOTHER"}),
        ([{"relation": "CHA_ME_DE"}], [], {"MOTHER", "FATHER"}),
        ([{"relation": "CHA_DUONG_ME_KE", "sex": "MALE"}], [], {"GUARDIAN"}),
        ([{"relation": "HANG_XOM"}], [], set()),
        ([], ["LIFE", None], set()),
        ([], ["CARER_IS_PERPETRATOR"], set(CARERS)),
        ([{"relation": "HANG_XOM"}], ["CARER_IS_PERPETRATOR"], set(CARERS)),
        ([{"relation": "CHA_ME_DE", "sex": "MALE"}], ["CARER_IS_PERPETRATOR"], {"FATHER"}),
    ],
)
def test_the_carer_who_is_alleged_is_not_asked(sheets: Any, triggers: Any, barred: set[str]) -> None:
    assert barred_givers(sheets, triggers) == barred


def test_nor_is_anybody_who_is_alleged_by_name() -> None:
    assert is_alleged("ông Trần Văn Hùng", [{"name": "Trần Văn Hung"}])
    assert not is_alleged("Trần Văn Dũng", [{"name": "Trần Văn Hùng"}])
    assert not is_alleged(None, [{"relation": "CHA_ME_DE"}])


def test_full_years() -> None:
    assert age_of(date(2019, 11, 23), None, date(2026, 11, 23)) == 7
    assert age_of(date(2019, 11, 24), None, date(2026, 11, 23)) == 6
    assert age_of(None, 5, date(2026, 11, 23)) == 5
    assert age_of(None, None, date(2026, 11, 23)) is None


# --- what may be told -------------------------------------------------------------------------------------------------

DOCUMENTS = [
    ("M04", {"measures": [{"key": "a", "measure": "Tham vấn", "responsible": "TTCTXH", "due": "2026-12-01"}]}),
    ("minutes", {"child_views": "Con muốn ở với bà", "participants": [{"name": "Ai Đó"}]}),
    ("M07", {"number": "9/QĐ", "until": "2026-12-03", "isolated_from": ["Cha"], "isolated_to": "Nhà bà ngoại",
             "grounds": "Bạo lực"}),
]  # fmt: skip


def parts(reader: str, **more: Any) -> tuple[set[str], dict[str, str]]:
    found = view(reader, DOCUMENTS, **{"barred": (), "kept": (), **more})
    return {one.part for one in found.told}, {one.part: one.reason for one in found.withheld}


def test_the_child_hears_its_plan_its_words_decisions_and_where_it_is_safe() -> None:
    told, withheld = parts("CHILD")
    assert told == {"PLAN", "OWN_WORDS", "DECISIONS", "WHEREABOUTS"}
    assert withheld == {"NARRATIVE": "NOT_THEIRS", "INFORMANT": "SEALED"}


def test_a_carer_hears_plan_and_decisions_and_not_the_childs_words_or_where_it_is() -> None:
    told, withheld = parts("MOTHER")
    assert told == {"PLAN", "DECISIONS"}
    assert (withheld["OWN_WORDS"], withheld["WHEREABOUTS"]) == ("NOT_THEIRS", "RISK_IF_TOLD")
    assert "Nhà bà ngoại" not in str(view("MOTHER", DOCUMENTS, barred=(), kept=()))
    assert parts("SUBSTITUTE")[0] == {"PLAN", "DECISIONS", "WHEREABOUTS"}


def test_a_carer_who_is_alleged_hears_nothing() -> None:
    told, withheld = parts("FATHER", barred={"FATHER"})
    assert told == set()
    assert set(withheld) == set(codes("view_parts"))
    assert set(withheld.values()) == {"PERPETRATOR", "SEALED"}


def test_what_would_endanger_the_child_is_withheld_from_whom_it_was_recorded_for() -> None:
    kept = [("MOTHER", "PLAN", "RISK_IF_TOLD"), ("FATHER", "", "CHILD_WISH")]
    assert parts("MOTHER", kept=kept)[0] == {"DECISIONS"}
    assert parts("MOTHER", kept=kept)[1]["PLAN"] == "RISK_IF_TOLD"
    assert parts("FATHER", kept=kept)[0] == set()
    assert "PLAN" in parts("CHILD", kept=kept)[0]


@pytest.mark.parametrize("reader", codes("consent_givers"))
def test_no_view_tells_a_narrative_or_who_was_there(reader: str) -> None:
    said_of = str(view(reader, DOCUMENTS, barred=(), kept=()).told)
    assert "Bạo lực" not in said_of
    assert "Ai Đó" not in said_of
