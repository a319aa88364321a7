"""Cases that may be of the same child, at the door: who is shown which, what is decided, and that it is remembered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.runtime.postgres import Postgres
from tests.api_support import DECLARE, Door
from tests.identity_support import a_door, code

pytestmark = pytest.mark.servers

AN = {
    "name": "Nguyễn Hoài An", "dob": "2017-04-02", "sex": "FEMALE", "mother": {"name": "Trần Thị Hoa"},
    "father": {"name": "Nguyễn Văn Ba"},
}  # fmt: skip


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


async def a_case(door: Door, by: str = "cpo.a", *, unit: str = "HN-A", **child: Any) -> dict[str, Any]:
    taken = await door.report(by, children=[child], unit=unit)
    case: dict[str, Any] = taken["cases"][0]
    return case


async def alike(door: Door, case: dict[str, Any], by: str = "cpo.a", **asked: Any) -> dict[str, Any]:
    answer = await door.get(by, f"/cases/{case['id']}/possible-duplicates", params=asked)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def codes_of(page: dict[str, Any]) -> list[str]:
    return [one["case"]["code"] for one in page["items"]]


async def test_the_same_child_told_of_in_other_words_is_shown_with_a_score_and_its_reasons(door: Door) -> None:
    before = await a_case(door, **AN)
    await a_case(door, name="Lê Quốc Bảo", dob="2012-01-01")
    case = await a_case(
        door, name="hoai an nguyen", estimated_age=9, mother={"name": "Tran Thi Hoa"}, father={"name": "Ba Duy"}
    )
    page = await alike(door, case)
    assert codes_of(page) == [before["code"]]
    (found,) = page["items"]
    reasons = [one["code"] for one in found["reasons"]]
    assert reasons == ["NAME_SAME", "BIRTH_YEAR", "COMMUNE", "MOTHER"]
    assert found["score"] == 100
    assert found["reasons"][0]["label"] == {"vi": "Trùng họ tên", "en": "The same name"}
    assert page["elsewhere"] is False


async def test_a_child_without_a_name_is_compared_by_birth_place_and_parents(door: Door) -> None:
    before = await a_case(door, **AN)
    case = await a_case(door, estimated_age=9, mother={"name": "Trần Thị Hoa"})
    assert codes_of(await alike(door, case)) == [before["code"]]


async def test_children_of_one_report_are_not_shown_to_each_other(door: Door) -> None:
    taken = await door.report("cpo.a", children=[AN, AN])
    assert codes_of(await alike(door, taken["cases"][0])) == []


async def test_whoever_has_not_declared_for_the_other_case_is_not_shown_the_child(door: Door) -> None:
    before = await a_case(door, **AN)
    case = await a_case(door, by="cpo2.a", **AN)
    await alike(door, case, by="sup.a")
    (found,) = (await alike(door, case, by="sup.a"))["items"]
    assert (found["case"]["code"], found["case"]["child"]) == (before["code"], None)


async def test_a_case_of_another_unit_is_a_yes_and_nothing_more_and_the_province_sees_it(door: Door) -> None:
    there = await a_case(door, by="cpo.b", unit="HN-B", **AN)
    case = await a_case(door, **AN)
    answer = await door.get("cpo.a", f"/cases/{case['id']}/possible-duplicates")
    assert answer.json()["items"] == []
    assert answer.json()["elsewhere"] is True
    assert there["code"] not in answer.text
    assert there["id"] not in answer.text
    province = await alike(door, case, by="dohd")
    assert codes_of(province) == [there["code"]]
    assert province["elsewhere"] is False


async def test_a_given_name_or_another_age_elsewhere_is_not_even_a_yes(door: Door) -> None:
    await a_case(door, by="cpo.b", unit="HN-B", name="An", dob="2017-04-02")
    await a_case(door, by="cpo.b", unit="HN-B", name="Nguyễn Hoài An", dob="2011-04-02")
    for child in ({"name": "An", "dob": "2017-04-02"}, AN, {"name": "Nguyễn Hoài An"}):
        assert (await alike(door, await a_case(door, **child)))["elsewhere"] is False


async def test_whoever_must_keep_out_of_the_other_case_is_shown_nothing_of_it_and_told_nothing(door: Door) -> None:
    before = await a_case(door, **AN)
    case = await a_case(door, **AN)
    assert codes_of(await alike(door, case)) == [before["code"]]
    await door.sql(
        "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (gen_random_uuid(), :case, :who, 'x', :at)",
        case=before["id"], who=door.person("cpo.a"), at=door.clock.at,
    )  # fmt: skip
    page = await alike(door, case)
    assert (page["items"], page["elsewhere"]) == ([], False)


async def test_not_the_same_is_remembered_with_who_and_when_from_either_side(door: Door) -> None:
    before, case = await a_case(door, **AN), await a_case(door, **AN)
    where = f"/cases/{case['id']}/possible-duplicates/{before['code']}/not-the-same"
    said = await door.post("cpo.a", where)
    assert said.status_code == 200, said.text
    decided = said.json()["not_the_same"]
    assert decided["by"]["id"] == str(door.person("cpo.a"))
    for one in (case, before):
        assert codes_of(await alike(door, one)) == []
    (shown,) = (await alike(door, before, decided=True))["items"]
    assert (shown["case"]["code"], shown["not_the_same"]) == (case["code"], decided)
    door.clock.forward(minutes=5)
    assert (await door.post("sup.a", where)).json()["not_the_same"] == decided
    (count,) = await door.sql("SELECT count(*) AS n FROM not_same_child")
    assert count["n"] == 1
    (entry,) = await door.sql(
        "SELECT case_id, record_id, actor_id FROM audit_entry WHERE action = 'not_same_child' AND actor_id = :who",
        who=door.person("cpo.a"),
    )
    assert (str(entry["case_id"]), str(entry["record_id"])) == (case["id"], before["id"])


async def test_what_speaks_for_it_anew_shows_them_again(door: Door) -> None:
    before, case = await a_case(door, **AN), await a_case(door, **AN)
    await door.post("cpo.a", f"/cases/{case['id']}/possible-duplicates/{before['id']}/not-the-same")
    assert codes_of(await alike(door, case)) == []
    await door.sql("ALTER TABLE not_same_child DISABLE TRIGGER append_only")
    await door.sql("UPDATE not_same_child SET reasons = 'NAME_SAME COMMUNE'")
    assert codes_of(await alike(door, case)) == [before["code"]]


async def test_it_is_decided_by_whoever_has_opened_both_and_in_scope_only(door: Door) -> None:
    before, case = await a_case(door, **AN), await a_case(door, **AN)
    there = await a_case(door, by="cpo.b", unit="HN-B", **AN)
    where = f"/cases/{case['id']}/possible-duplicates"
    door.undeclared = True
    assert (await door.post("sup.a", f"{where}/{before['id']}/not-the-same")).status_code == DECLARE
    door.undeclared = False
    assert await code(await door.post("cpo.a", f"{where}/{there['id']}/not-the-same")) == "not-found"
    assert await code(await door.post("cpo.a", f"{where}/{case['id']}/not-the-same")) == "not-found"
    for role in ("prov", "edu", "dpo"):
        assert await code(await door.get(role, where)) == "not-permitted"
    (count,) = await door.sql("SELECT count(*) AS n FROM not_same_child")
    assert count["n"] == 0


async def test_a_case_that_was_erased_is_still_compared_by_what_is_left(door: Door) -> None:
    before, case = await a_case(door, **AN), await a_case(door, **AN)
    await door.sql(
        "UPDATE case_key SET wrapped = NULL, kek = NULL, destroyed_at = :at WHERE case_id = :id",
        id=before["id"], at=door.clock.at,
    )  # fmt: skip
    assert codes_of(await alike(door, case)) == [before["code"]]
