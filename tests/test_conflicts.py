"""Conflict of interest through the door: whoever may be the alleged person is kept out until an officer decides."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from api.services.conflicts import SCREENING
from models.database import Who, as_part, transaction
from models.records.conflicts import declare_related, school_is_where
from tests.api_support import Door
from tests.world import World, eventually, form02

pytestmark = pytest.mark.servers

CHAIR_A, SUP_A, POL_A = "Phạm Văn Thành", "Ngô Thị Lan Phương", "Cao Mạnh Hùng"


@pytest_asyncio.fixture(autouse=True)
async def nobody_declares_by_itself(door: Door) -> AsyncIterator[None]:
    yield
    door.undeclared = False


async def case_about(door: Door, name: str | None, *, by: str = "h111", flagged: bool = False, **sheet: Any) -> str:
    """The case of a report that names somebody."""
    child = {"name": "Bé Mẫu", "alleged": [{"name": name, **sheet}] if name else []}
    return str((await door.report(by, children=[child], flagged=flagged))["cases"][0]["id"])


async def status(door: Door, username: str, case: str, path: str = "") -> int:
    return (await door.get(username, f"/cases/{case}{path}")).status_code


async def conflicts(door: Door, case: str, username: str = "doh") -> list[dict[str, Any]]:
    answer = await door.get(username, f"/cases/{case}/conflicts")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()
    return listed


async def clock(door: Door, case: str, code: str, subject: str | None = None) -> list[str]:
    rows = await door.sql(
        "SELECT status FROM deadline WHERE case_id = :case AND code = :code AND (:who::text IS NULL OR subject = :who) "
        "ORDER BY occurrence".replace(":who::text", "CAST(:who AS text)"),
        case=case, code=code, who=subject,
    )  # fmt: skip
    return [row["status"] for row in rows]


async def clear(door: Door, by: str, case: str, who: str) -> Any:
    return await door.act(by, case, "clear_conflict", {"person_id": str(door.person(who)), "reason": "Chỉ trùng tên"})


# --- found, and kept out --------------------------------------------------------------------------------------------


async def test_whoever_the_report_names_cannot_find_open_count_or_be_told_of_the_case(door: Door) -> None:
    case = await case_about(door, "ông " + CHAIR_A.lower(), flagged=True)
    for path in ("", "/timeline", "/deadlines", "/documents", "/household", "/conflicts"):
        assert await status(door, "chair.a", case, path) == 404, path
    listed = (await door.get("chair.a", "/cases")).json()["items"]
    assert case not in {one["id"] for one in listed}
    # Her vice-chair acts in her name, and is out with her until the province names a decider.
    assert await status(door, "vch.a", case) == 404
    told = await door.sql("SELECT DISTINCT person_id FROM notice WHERE case_id = :case", case=case)
    people = {row["person_id"] for row in told}
    assert door.person("chair.a") not in people
    assert door.person("vch.a") not in people
    assert door.person("dohd") in people or door.person("dohd.2") in people or door.person("dohd.3") in people
    acted = await door.act("chair.a", case, "stand_down", {"reason": "x"})
    assert acted.status_code == 404
    for reader in ("cpo.a", "sup.a", "doh"):
        assert await status(door, reader, case) == 200, reader


async def test_a_possible_match_is_one_row_with_its_reasons_and_a_clock(door: Door) -> None:
    case = await case_about(door, CHAIR_A, birth_year=1975)
    (one,) = await conflicts(door, case)
    assert one["person"]["id"] == str(door.person("chair.a"))
    assert (one["state"], one["reasons"], one["through"]) == ("possible", ["NAME_SAME", "SAME_COMMUNE"], None)
    assert await clock(door, case, "conflict_decision") == ["open"]
    due = await door.sql(
        "SELECT due_at, subject FROM deadline WHERE case_id = :c AND code = 'conflict_decision'", c=case
    )
    assert due[0]["subject"] == str(door.person("chair.a"))
    flagged = await case_about(door, CHAIR_A, flagged=True)
    ladder = await door.sql(
        "SELECT r.level FROM rung r JOIN deadline d ON d.id = r.deadline_id "
        "WHERE d.case_id = :case AND d.code = 'conflict_decision' ORDER BY r.ordinal", case=flagged,
    )  # fmt: skip
    assert [row["level"] for row in ladder] == ["E1", "E3"]


async def test_a_name_nobody_bears_keeps_nobody_out_and_starts_nothing(door: Door) -> None:
    case = await case_about(door, "Nguyễn Văn Không Ai")
    assert await conflicts(door, case) == []
    assert await clock(door, case, "conflict_decision") == []
    assert await status(door, "chair.a", case) == 200


async def test_a_later_document_keeps_out_from_its_own_transaction_on(door: Door) -> None:
    case = await case_about(door, None)
    assert await status(door, "sup.a", case) == 200
    for event, body in (("acknowledge", {}), ("accept", {"owner_id": str(door.person("cpo.a"))})):
        assert (await door.act("cpo.a", case, event, body)).status_code == 200
    m02 = form02(alleged=[{"name": SUP_A, "relation": "HO_HANG"}])
    assert (await door.act("cpo.a", case, "complete_initial_assessment", {"m02": m02})).status_code == 200
    assert await status(door, "sup.a", case) == 404
    assert await clock(door, case, "conflict_decision", str(door.person("sup.a"))) == ["open"]
    # cpo2.a is her deputy, but reads it in a post of his own.
    assert await status(door, "cpo2.a", case) == 200


async def test_a_declared_relative_keeps_the_declarer_out_of_cases_to_come(door: Door) -> None:
    body = {"name": "Cao Thị Bí Ẩn", "relation": "VO_CHONG", "birth_year": 1990}
    assert (await door.post("cpo2.a", "/me/relatives", body)).status_code == 201
    case = await case_about(door, "Cao Thị Bí Ẩn")
    assert await status(door, "cpo2.a", case) == 404
    (one,) = await conflicts(door, case)
    assert one["through"] == {"name": "Cao Thị Bí Ẩn", "relation": "VO_CHONG"}
    # Whoever is born too far apart is another person.
    assert await status(door, "cpo2.a", await case_about(door, "Cao Thị Bí Ẩn", birth_year=1950)) == 200


async def test_declaring_a_relative_keeps_out_of_the_cases_there_are_and_starts_the_clock(door: Door) -> None:
    case = await case_about(door, "Lê Chưa Khai")
    assert await status(door, "cpo.a", case) == 200
    mine = (await door.post("cpo.a", "/me/relatives", {"name": "Lê Chưa Khai", "relation": "CON"})).json()
    assert await status(door, "cpo.a", case) == 404

    async def clocked() -> bool:
        return await clock(door, case, "conflict_decision", str(door.person("cpo.a"))) == ["open"]

    await eventually(clocked, why="the workflow was woken and the clock started")
    ended = await door.post("cpo.a", f"/me/relatives/{mine['id']}/end")
    assert ended.json()["until"]
    assert await status(door, "cpo.a", case) == 404, "what it led to is the officers' to decide"
    assert (await door.post("cpo.a", f"/me/relatives/{mine['id']}/end")).status_code == 404
    assert (await clear(door, "sup.a", case, "cpo.a")).status_code == 200


async def test_relatives_are_seen_by_the_declarer_alone(door: Door) -> None:
    await door.post("pol.a", "/me/relatives", {"name": "Cao Riêng Tư", "relation": "CON"})
    assert [one["name"] for one in (await door.get("pol.a", "/me/relatives")).json()] == ["Cao Riêng Tư"]
    for other in ("sup.a", "admin", "doh"):
        assert "Cao Riêng Tư" not in (await door.get(other, "/me/relatives")).text
    theirs = (await door.get("pol.a", "/me/relatives")).json()[0]["id"]
    assert (await door.post("sup.a", f"/me/relatives/{theirs}/end")).status_code == 404


async def test_whoever_takes_office_is_kept_out_before_opening_anything(door: Door) -> None:
    case = await case_about(door, "Bùi Sắp Đến")
    person = (await door.post("admin", "/people", {"full_name": "Bùi Sắp Đến"})).json()["id"]
    given = {"person_id": person, "unit_id": str(door.unit("HN-A")), "role": "CPO"}
    assert (await door.post("admin", "/positions", given)).status_code == 201
    rows = await door.sql(
        "SELECT reason FROM recusal WHERE case_id = :case AND person_id = :who", case=case, who=person
    )
    assert [row["reason"] for row in rows] == ["POSSIBLE"]


async def test_whoever_breaks_the_glass_from_elsewhere_is_compared_first(door: Door) -> None:
    case = await case_about(door, "Bùi Đức Thịnh")
    asked = {"reason": "CHILD_FOUND", "note": "x", "minutes": 30}
    refused = await door.post("sup.b", f"/cases/{case}/break-glass", asked)
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found")
    (one,) = await conflicts(door, case)
    assert (one["person"]["id"], one["state"]) == (str(door.person("sup.b")), "possible")


async def test_a_decider_named_from_elsewhere_who_may_be_in_conflict_decides_nothing(door: Door) -> None:
    case = await case_about(door, "Bùi Đức Thịnh")
    body = {"person_id": str(door.person("chair.a")), "ground": "OTHER", "reason": "x"}
    assert (await door.act("doh", case, "record_recusal", body)).status_code == 200
    named = {"person_id": str(door.person("sup.b")), "for_role": "CHAIR"}
    assert (await door.act("dohd", case, "name_delegate", named)).status_code == 200
    assert await status(door, "sup.b", case) == 404
    another = {"person_id": str(door.person("doh")), "for_role": "CHAIR"}
    assert (await door.act("dohd", case, "name_delegate", another)).status_code == 200


async def test_a_person_under_another_name_is_compared_anew(door: Door) -> None:
    case = await case_about(door, "Hà Đổi Tên")
    person = door.person("grp.a")
    found = await door.get("admin", f"/people/{person}")
    body = {"full_name": "Hà Đổi Tên", "email": None, "phone": None, "language": "vi"}
    changed = await door.call(
        "admin", "PUT", f"/people/{person}", json=body, headers={"If-Match": found.headers["ETag"]}
    )
    assert changed.status_code == 200, changed.text
    assert [one["person"]["id"] for one in await conflicts(door, case)] == [str(person)]


# --- decided ---------------------------------------------------------------------------------------------------------


async def test_cleared_opens_the_case_again_and_the_same_reasons_do_not_shut_it_twice(door: Door) -> None:
    case = await case_about(door, SUP_A)
    answer = await clear(door, "chair.a", case, "sup.a")
    assert answer.status_code == 200, answer.text
    assert [one["code"] for one in answer.json()["met"]] == ["conflict_decision"]
    assert await status(door, "sup.a", case) == 200
    (one,) = await conflicts(door, case)
    assert (one["state"], one["decided_by"]["id"]) == ("cleared", str(door.person("chair.a")))
    again = await door.act("cpo.a", case, "add_report", {"m01": {"children": [{"alleged": [{"name": SUP_A}]}]}})
    assert again.status_code == 200, again.text
    assert await status(door, "sup.a", case) == 200
    more = {"name": SUP_A, "relation": "CAN_BO"}
    assert (
        await door.act("cpo.a", case, "add_report", {"m01": {"children": [{"alleged": [more]}]}})
    ).status_code == 200
    assert await status(door, "sup.a", case) == 404, "a new reason is a new matter"


async def test_confirmed_recuses_through_the_write_path_and_a_decider_is_wanted(door: Door) -> None:
    case = await case_about(door, CHAIR_A)
    body = {"person_id": str(door.person("chair.a")), "ground": "ALLEGED", "reason": "Đúng là người này"}
    assert (await door.act("doh", case, "record_recusal", body)).status_code == 200
    (one,) = await conflicts(door, case)
    assert one["state"] == "confirmed"
    assert await clock(door, case, "conflict_decision") == ["met"]
    assert await clock(door, case, "name_delegate") == ["open"]
    assert await status(door, "chair.a", case) == 404
    assert (await clear(door, "doh", case, "chair.a")).json()["code"] == "no-conflict-on-record"


async def test_nobody_judges_themselves_or_whoever_stands_above_them(door: Door) -> None:
    case = await case_about(door, CHAIR_A)
    assert (await clear(door, "chair.a", case, "chair.a")).status_code == 404
    refused = await clear(door, "sup.a", case, "chair.a")
    assert (refused.status_code, refused.json()["code"]) == (403, "judge-not-outside")
    assert await conflicts(door, case, "sup.a") == [], "nor do they see what there is to judge"
    assert (await clear(door, "cpo.a", case, "chair.a")).json()["code"] == "not-your-role"
    assert (await door.get("cpo.a", f"/cases/{case}/conflicts")).json()["code"] == "not-permitted"
    assert (await clear(door, "dohd", case, "chair.a")).status_code == 200
    assert await status(door, "chair.a", case) == 200
    assert await status(door, "vch.a", case) == 200


async def test_a_decider_named_meanwhile_goes_when_the_match_is_cleared(door: Door) -> None:
    case = await case_about(door, CHAIR_A)
    named = {"person_id": str(door.person("doh")), "for_role": "CHAIR"}
    assert (await door.act("dohd", case, "name_delegate", named)).status_code == 200
    assert (await clear(door, "dohd", case, "chair.a")).status_code == 200
    left = await door.sql("SELECT count(*) AS n FROM delegate WHERE case_id = :case AND until IS NULL", case=case)
    assert left[0]["n"] == 0


# --- declared on first opening ---------------------------------------------------------------------------------------


async def test_reading_asks_first_once_and_says_where_to_answer(door: Door) -> None:
    door.undeclared = True
    case = await case_about(door, None)
    refused = await door.get("sup.a", f"/cases/{case}")
    said = refused.json()
    assert (refused.status_code, said["code"]) == (428, "declaration-required")
    assert "Bé Mẫu" not in refused.text
    for path in ("/timeline", "/deadlines", "/documents", "/household", "/conflicts"):
        assert await status(door, "sup.a", case, path) == 428, path
    (listed,) = [one for one in (await door.get("sup.a", "/cases")).json()["items"] if one["id"] == case]
    assert (listed["child"], listed["state"]["process"]) == (None, "received")
    answer = await door.post("sup.a", said["about"]["post"].removeprefix("/api/v1"), {"answer": "none"})
    assert (answer.status_code, answer.json()["standing"]) == (200, "open")
    assert (await door.get("sup.a", f"/cases/{case}")).json()["child"]["full_name"] == "Bé Mẫu"
    (listed,) = [one for one in (await door.get("sup.a", "/cases")).json()["items"] if one["id"] == case]
    assert listed["child"]["full_name"] == "Bé Mẫu"


async def test_a_report_asks_for_its_cases_and_not_whoever_took_it_in(door: Door) -> None:
    door.undeclared = True
    report = (await door.report("cpo.a"))["id"]
    assert (await door.get("cpo.a", f"/reports/{report}")).status_code == 200
    assert (await door.get("sup.a", f"/reports/{report}")).json()["code"] == "declaration-required"


async def test_acting_never_waits_for_a_declaration_and_shows_no_child_without_one(door: Door) -> None:
    door.undeclared = True
    case = await case_about(door, None, flagged=True)
    measures = {"measures": [{"kind": "STOP_HARM"}], "with_whom": ["Công an xã"], "child_now": "Trạm y tế"}
    for username, event, body in (("dohd", "acknowledge", {}), ("cpo.a", "apply_measures", {"measures": measures})):
        answer = await door.act(username, case, event, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["case"]["child"] is None
        assert "Bé Mẫu" not in answer.text
    assert await status(door, "dohd", case) == 428


async def test_declaring_a_relation_recuses_at_once_and_through_the_write_path(door: Door) -> None:
    door.undeclared = True
    case = await case_about(door, None)
    answer = await door.post("sup.a", f"/cases/{case}/declaration", {"answer": "related", "relation": "CHAU"})
    assert (answer.status_code, answer.json()["standing"]) == (200, "recused")
    assert await status(door, "sup.a", case) == 404
    assert await clock(door, case, "name_delegate") == ["open"]
    again = await door.post("sup.a", f"/cases/{case}/declaration", {"answer": "none"})
    assert again.status_code == 404, "it is not taken back by saying otherwise"


async def test_declaring_a_relation_in_a_role_that_records_none_waits_for_an_officer(door: Door) -> None:
    case = await case_about(door, None)
    answer = await door.post("prov", f"/cases/{case}/declaration", {"answer": "related", "relation": "KHAC"})
    assert answer.json()["standing"] == "kept_out"
    assert await status(door, "prov", case) == 404
    (one,) = await conflicts(door, case)
    assert (one["state"], one["reasons"]) == ("possible", ["DECLARED"])


async def test_a_provisional_recusal_is_a_link_of_the_cases_chain_however_many_come_at_once(door: Door) -> None:
    case = UUID(await case_about(door, None))
    people = [door.person(one) for one in ("cpo.a", "sup.a", "chair.a", "vch.a", "doh", "dohd", "prov", "edu")]

    async def declares_related(person: UUID) -> None:
        async with (
            transaction(door.database.api, Who(person_id=person), door.clock.now()) as connection,
            as_part(connection, SCREENING),
        ):
            await declare_related(connection, case, person, door.clock.now())

    await asyncio.gather(*(declares_related(one) for one in people))
    links = await door.sql(
        "SELECT e.record_id, e.action, e.chain_seq, e.chain_hash = sha256(coalesce(lag(e.chain_hash) OVER chain, '') "
        "|| convert_to(audit_text(jsonb_populate_record(e, '{\"chain_hash\": null}')), 'UTF8')) AS holds "
        "FROM audit_entry e WHERE e.case_id = :case AND e.chain_seq IS NOT NULL "
        "WINDOW chain AS (ORDER BY e.chain_seq) ORDER BY e.chain_seq", case=case,
    )  # fmt: skip
    assert {row["record_id"] for row in links if row["action"] == "find_conflict"} == set(people)
    assert [row["chain_seq"] for row in links] == list(range(1, len(links) + 1))
    assert all(row["holds"] for row in links)


@pytest.mark.parametrize(
    "body", [{"answer": "related"}, {"answer": "none", "relation": "CON"}, {"answer": "maybe"}, {}, {"answer": None}]
)
async def test_half_a_declaration_is_refused(door: Door, body: dict[str, Any]) -> None:
    case = await case_about(door, None)
    answer = await door.post("sup.a", f"/cases/{case}/declaration", body)
    assert answer.json()["code"] == "invalid-request"


async def test_an_unknown_case_is_not_declared_for(door: Door) -> None:
    assert (await door.post("sup.a", f"/cases/{uuid4()}/declaration", {"answer": "none"})).status_code == 404
    case = await case_about(door, None)
    assert (await door.post("cpo.b", f"/cases/{case}/declaration", {"answer": "none"})).status_code == 404


async def test_the_review_of_an_opening_in_an_emergency_is_a_clock_of_the_case(door: Door) -> None:
    case = await case_about(door, None)
    asked = {"reason": "CHILD_FOUND", "note": "x", "minutes": 30}
    grant = (await door.post("cpo.b", f"/cases/{case}/break-glass", asked)).json()["id"]
    assert (await door.post("sup.b", f"/break-glass/{grant}/confirm")).status_code == 200

    async def stands(status: str) -> bool:
        return await clock(door, case, "break_glass_review", grant) == [status]

    await eventually(lambda: stands("open"), why="the workflow was woken and the clock started")
    due = await door.sql(
        "SELECT due_at FROM deadline WHERE case_id = :case AND subject = :grant", case=case, grant=grant
    )
    listed = await door.sql("SELECT review_due_at FROM break_glass WHERE id = :grant", grant=grant)
    assert due[0]["due_at"] == listed[0]["review_due_at"]
    found = {"finding": "JUSTIFIED", "note": "x"}
    assert (await door.post("sup.a", f"/break-glass/{grant}/review", found)).status_code == 200
    await eventually(lambda: stands("met"), why="the review met it")


async def test_the_record_says_whether_the_school_is_the_setting(door: Door, world: World) -> None:
    plain, school = await case_about(door, "Ai Đó"), await case_about(door, "Ai Đó", relation="NHA_TRUONG")
    async with world.as_owner() as connection:
        assert not await school_is_where(connection, UUID(plain))
        assert await school_is_where(connection, UUID(school))
