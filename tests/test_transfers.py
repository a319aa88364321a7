"""A case goes to another commune: the sender holds it until the other has it, and everybody is told (lifecycle.md)."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.database import Who, transaction
from models.lifecycle.types import Memory
from tests.api_support import Door
from tests.case_support import WHY, a_case, allowed, done, proposed, refused, told
from tests.world import form02

pytestmark = pytest.mark.servers

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def clock(door: Door, case: str, code: str) -> dict[str, Any]:
    found = [one for one in (await door.get("doh", f"/cases/{case}/deadlines")).json() if one["code"] == code]
    return dict(found[-1])


async def under_way(door: Door, who: str, case: str) -> list[dict[str, Any]]:
    """The rows of somebody's list of transfers about one case."""
    return [one for one in await door.every(who, "/transfers") if one["case_id"] == case]


async def holders(door: Door, case: str) -> list[tuple[str, str, bool]]:
    rows = (await door.get("doh", f"/cases/{case}/custody")).json()
    return [(one["unit"]["code"], one["event"], one["until"] is None) for one in rows]


async def test_the_sender_holds_until_the_receiver_accepts_and_no_clock_moves(door: Door) -> None:
    case = await proposed(door)
    before = {
        one["id"]: (one["code"], one["due_at"]) for one in (await door.get("doh", f"/cases/{case}/deadlines")).json()
    }
    seen = (await door.get("cpo.a", f"/cases/{case}")).json()
    assert (seen["state"]["custody"], seen["unit"]["code"], seen["transfer_to"]["code"]) == (
        "transfer_pending", "HN-A", "HN-B",
    )  # fmt: skip
    assert await told(door, case, "transfer_proposed") >= {"sup.b"}
    # The receiver reads the dossier, documents included, and may answer; nothing else.
    there = (await door.get("sup.b", f"/cases/{case}")).json()
    assert there["child"]["full_name"] == "Bé Mẫu"
    assert (await door.get("cpo.b", f"/cases/{case}/documents")).json()["items"]
    assert await allowed(door, "sup.b", case) == {"accept_transfer", "refuse_transfer"}
    assert (await refused(door, "cpo.b", case, "record_follow_up", follow_up={"seen": ["trẻ"], "found": "ổn"}))[1] in (
        "not-found", "not-your-unit",
    )  # fmt: skip
    # The sender goes on with the case meanwhile.
    await done(door, "cpo.a", case, "record_follow_up", follow_up={"seen": ["trẻ"], "found": "ổn"})
    (waits,) = await under_way(door, "sup.b", case)
    assert (waits["kind"], waits["from_unit"]["code"], waits["to_unit"]["code"]) == ("incoming", "HN-A", "HN-B")
    assert waits["due_at"] == (await clock(door, case, "transfer_acceptance"))["due_at"]

    answer = await done(door, "sup.b", case, "accept_transfer", owner_id=str(door.person("cpo.b")))
    assert (answer["case"]["unit"]["code"], answer["case"]["owner"]["id"]) == ("HN-B", str(door.person("cpo.b")))
    assert answer["case"]["state"]["custody"] == "held"
    assert answer["case"]["transfer_to"] is None
    assert (await clock(door, case, "transfer_acceptance"))["status"] == "met"
    after = {
        one["id"]: (one["code"], one["due_at"]) for one in (await door.get("doh", f"/cases/{case}/deadlines")).json()
    }
    assert {id_: clock for id_, clock in after.items() if id_ in before} == before, "a clock moved"
    assert await holders(door, case) == [("HN-A", "receive_report", False), ("HN-B", "accept_transfer", True)]
    assert await told(door, case, "transfer_accepted") >= {"cpo.a", "sup.a"}
    # It is the receiver's now, and the sender's no more: what became of it, they still find by its code.
    assert (await door.get("cpo.a", f"/cases/{case}")).status_code == 404
    assert await under_way(door, "sup.a", case) == []
    (gone,) = [one for one in await door.every("sup.a", "/transfers/handed-over") if one["case_code"] == seen["code"]]
    at = [one for one in (await door.get("doh", f"/cases/{case}/custody")).json() if one["unit"]["code"] == "HN-A"]
    assert gone == {"case_code": seen["code"], "since": at[0]["since"], "until": at[0]["until"]}, "its code and days"
    theirs = await door.every("sup.b", "/transfers/handed-over")
    assert seen["code"] not in {one["case_code"] for one in theirs}, "they hold it"
    await done(door, "cpo.b", case, "record_follow_up", follow_up={"seen": ["trẻ"], "found": "ổn"})


async def test_whoever_is_told_when_nobody_answers_serves_at_the_receiver(door: Door) -> None:
    case = await proposed(door)
    (row,) = await door.sql(
        "SELECT clock->'rungs' AS rungs FROM deadline WHERE case_id = :id AND code = 'transfer_acceptance'", id=case
    )
    assert [(rung["level"], rung["asks"]) for rung in row["rungs"]] == [("E1", "receiver"), ("E3", "both")]


async def test_a_refusal_leaves_it_with_the_sender_and_the_department_assigns_it(door: Door) -> None:
    case = await proposed(door)
    assert (await refused(door, "sup.b", case, "refuse_transfer"))[0] == 422
    answer = await done(door, "sup.b", case, "refuse_transfer", reason="Trẻ không cư trú tại đây")
    assert answer["case"] is None, "whoever refused reads it no more"
    assert (await door.get("sup.b", f"/cases/{case}")).status_code == 404
    seen = (await door.get("cpo.a", f"/cases/{case}")).json()
    assert (seen["state"]["custody"], seen["unit"]["code"]) == ("held", "HN-A")
    assert await told(door, case, "transfer_refused") >= {"cpo.a", "sup.a"}
    assert await told(door, case, "transfer_unassigned") == {"doh"}
    assert "assign_transfer" in await allowed(door, "doh", case)
    assert "assign_transfer" not in await allowed(door, "dohd", case)
    assert [one["kind"] for one in await under_way(door, "doh", case)] == ["refused"]
    to_b = {"to_unit": "HN-B", "reason": "Nơi trẻ cư trú"}
    assert await refused(door, "prov", case, "assign_transfer", **to_b) == (403, "transfer-within-province")
    assert (await refused(door, "sup.a", case, "assign_transfer", **to_b))[1] == "not-your-role"
    await done(door, "doh", case, "assign_transfer", **to_b)
    seen = (await door.get("sup.b", f"/cases/{case}")).json()
    assert (seen["unit"]["code"], seen["owner"]) == ("HN-B", None)
    assert await told(door, case, "transfer_assigned") >= {"sup.b"}
    assert await told(door, case, "transfer_settled") >= {"cpo.a", "sup.a"}
    assert [unit for unit, *_ in await holders(door, case)] == ["HN-A", "HN-B"]
    assert "assign_transfer" not in await allowed(door, "doh", case), "a case that is simply held is nobody's to assign"


async def test_a_proposal_is_taken_back_and_the_receiver_reads_no_more(door: Door) -> None:
    case = await proposed(door)
    assert (await refused(door, "sup.b", case, "withdraw_transfer"))[1] in ("not-found", "not-your-unit")
    await done(door, "sup.a", case, "withdraw_transfer")
    assert (await door.get("sup.b", f"/cases/{case}")).status_code == 404
    assert await told(door, case, "transfer_withdrawn") >= {"sup.b"}
    assert await holders(door, case) == [("HN-A", "receive_report", True)]


async def test_a_case_goes_to_a_commune_in_force_and_to_another_one(door: Door) -> None:
    case = await a_case(door)
    for unit in ("HN-A", "HN-SYT", "HN-NOWHERE"):
        assert await refused(door, "cpo.a", case, "propose_transfer", to_unit=unit, reason=WHY) == (
            422, "transfer-unit-not-allowed",
        ), unit  # fmt: skip
    for unit in ("", "HN B", "\x00", 7, None):
        assert (await refused(door, "cpo.a", case, "propose_transfer", to_unit=unit, reason=WHY))[0] == 422, unit
    assert (await refused(door, "chair.a", case, "propose_transfer", to_unit="HN-B", reason=WHY))[1] == (
        "not-your-role"
    )


async def test_who_takes_it_over_names_somebody_of_their_own(door: Door) -> None:
    case = await proposed(door)
    assert (await refused(door, "sup.b", case, "accept_transfer", owner_id=str(door.person("cpo.a"))))[1] == (
        "owner-not-serving"
    )
    assert (await refused(door, "sup.a", case, "accept_transfer", owner_id=str(door.person("cpo.a"))))[
        1
    ] == "not-your-unit"
    assert (await refused(door, "sup.a", case, "assign_owner", owner_id=str(door.person("cpo.b"))))[1] == (
        "owner-not-serving"
    ), "before it has agreed, nobody there owns it"


async def test_nothing_ends_while_a_transfer_waits(door: Door) -> None:
    case = await proposed(door)
    await done(
        door, "cpo.a", case, "propose_early_closure", closure_reason="MOVED_ABROAD", reason="Gia đình ra nước ngoài"
    )
    decision = {"number": "1/QĐ", "signed_on": "2026-11-23", "signer": "Chủ tịch"}
    code = (await refused(door, "chair.a", case, "approve_closure", decision=decision))[1]
    assert code == "emergency-undecided"
    await done(door, "cpo.a", case, "rule_out_emergency", reason="Không có dấu hiệu")
    assert (await refused(door, "chair.a", case, "approve_closure", decision=decision))[1] == "custody-not-held"


async def test_another_commune_asks_for_a_case_whose_code_it_knows_and_learns_nothing_of_it(door: Door) -> None:
    case = await a_case(door)
    code = (await door.get("cpo.a", f"/cases/{case}")).json()["code"]
    answer = await door.act("cpo.b", code, "request_transfer", {"reason": "Trẻ đang ở xã chúng tôi"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["case"] is None
    assert (await door.get("cpo.b", f"/cases/{code}")).status_code == 404
    assert (await refused(door, "sup.b", code, "request_transfer", reason="Xin nhận"))[
        1
    ] == "transfer-already-requested"
    assert (await refused(door, "sup.a", case, "request_transfer", reason="Xin nhận"))[1] == "not-your-unit"
    assert await told(door, case, "transfer_requested") >= {"cpo.a", "sup.a"}
    assert "decline_request" in await allowed(door, "sup.a", case)
    assert [one["kind"] for one in await under_way(door, "sup.a", case)] == ["requested"]
    await done(door, "sup.a", case, "decline_request", reason="Trẻ vẫn ở xã này")
    assert (await clock(door, case, "transfer_request"))["status"] == "met"
    assert await told(door, case, "request_declined") == {"sup.b"}
    assert (await refused(door, "sup.a", case, "decline_request", reason="x"))[1] == "no-transfer-request"
    # Asked again, the proposal is the answer.
    assert (await door.act("cpo.b", code, "request_transfer", {"reason": "Trẻ đã chuyển hẳn"})).status_code == 200
    await done(door, "cpo.a", case, "propose_transfer", to_unit="HN-B", reason=WHY)
    assert (await clock(door, case, "transfer_request"))["status"] == "met"


async def test_a_code_that_is_none_is_not_told_from_one_to_keep_out_of(door: Door) -> None:
    assert await refused(door, "cpo.b", "AN-XXXX-XXXX", "request_transfer", reason="x") == (404, "not-found")
    case = await a_case(door)
    await done(
        door,
        "sup.a",
        case,
        "record_recusal",
        person_id=str(door.person("cpo.b")),
        reason="Người thân",
        ground="RELATIVE",
    )
    assert await refused(door, "cpo.b", case, "request_transfer", reason="x") == (404, "not-found")


async def test_form_02_proposes_the_transfer_to_the_childs_residence_in_the_same_act(door: Door) -> None:
    case = await a_case(door, residence_unit="HN-B")
    answer = await done(
        door, "cpo.a", case, "complete_initial_assessment", m02=form02(risk="R3"), transfer_to_residence=True
    )
    assert answer["command"]["implied"] == ["propose_transfer"]
    assert answer["case"]["transfer_to"]["code"] == "HN-B"
    limit = await clock(door, case, "transfer_acceptance")
    assert limit["amount"].endswith("H"), "R3 is answered within a day"
    unknown = await a_case(door)
    assert await refused(
        door, "cpo.a", unknown, "complete_initial_assessment", m02=form02(), transfer_to_residence=True
    ) == (422, "transfer-unit-not-allowed")
    assert (await door.get("cpo.a", f"/cases/{unknown}")).json()["state"]["process"] == "initial_assessment"


async def test_a_report_that_belongs_nowhere_is_routed_by_the_duty_desk(door: Door) -> None:
    case = str((await door.report("h111", unit=None))["cases"][0]["id"])
    seen = (await door.get("dohd", f"/cases/{case}")).json()
    assert (seen["state"]["custody"], seen["unit"]) == ("unrouted", None)
    assert [one["kind"] for one in await under_way(door, "dohd", case)] == ["unrouted"]
    assert await holders(door, case) == []
    await done(door, "dohd", case, "assign_transfer", to_unit="HN-A", reason="Nơi xảy ra vụ việc")
    assert (await clock(door, case, "route"))["status"] == "met"
    assert await holders(door, case) == [("HN-A", "assign_transfer", True)]
    assert await told(door, case, "transfer_assigned") >= {"sup.a"}
    assert (await door.get("sup.a", f"/cases/{case}")).json()["state"]["custody"] == "held"
    await done(door, "cpo.a", case, "acknowledge")


async def test_reopened_elsewhere_the_former_holder_reads_on_and_acts_no_more(door: Door) -> None:
    case = await a_case(door)
    await done(door, "cpo.a", case, "complete_initial_assessment", m02=form02())
    await done(door, "cpo.a", case, "propose_not_substantiated", reason="Không có căn cứ")
    await done(door, "sup.a", case, "confirm_not_substantiated")
    report = {"m01": {"channel": "PHONE", "children": [{"name": "Bé Mẫu"}]}, "incident_unit": "HN-B"}
    await done(door, "sup.a", case, "reopen", **report)
    seen = (await door.get("cpo.a", f"/cases/{case}")).json()
    assert (seen["unit"]["code"], seen["allowed_actions"]) == ("HN-B", [])
    assert [unit for unit, *_ in await holders(door, case)] == ["HN-A", "HN-B"]
    assert (await refused(door, "cpo.a", case, "assign_owner", owner_id=str(door.person("cpo.a"))))[0] in (403, 404)


async def test_two_answers_at_once_have_one_winner(door: Door) -> None:
    case = await proposed(door)
    await door.get("sup.b", f"/cases/{case}")
    await door.get("cpo.b", f"/cases/{case}")
    answers = await asyncio.gather(
        door.act("sup.b", case, "refuse_transfer", {"reason": "Không tiếp nhận"}),
        door.act("cpo.b", case, "accept_transfer", {"owner_id": str(door.person("cpo.b"))}),
    )
    assert sum(one.status_code == 200 for one in answers) == 1
    (row,) = await door.sql("SELECT count(*) AS n FROM custody_interval WHERE case_id = :id AND until IS NULL", id=case)
    assert row["n"] == 1


async def test_sent_twice_it_is_done_once(door: Door) -> None:
    case, key = await a_case(door), uuid4()
    body = {"to_unit": "HN-B", "reason": WHY}
    first = await door.act("cpo.a", case, "propose_transfer", body, key=key)
    again = await door.act("cpo.a", case, "propose_transfer", body, key=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["command"]["id"] == again.json()["command"]["id"]
    rows = await door.sql("SELECT 1 FROM case_event WHERE case_id = :id AND event = 'propose_transfer'", id=case)
    assert len(rows) == 1


async def test_nobody_else_of_the_receiver_or_elsewhere_reads_it(door: Door) -> None:
    case = await proposed(door)
    for who, status in (("pol.a", 404), ("hlt", 404), ("chair.b", 200), ("cpo.b", 200)):
        assert (await door.get(who, f"/cases/{case}")).status_code == status, who
    assert UUID(case)


async def test_many_on_their_way_are_read_in_pages_and_each_of_them_once(door: Door) -> None:
    waiting = [await proposed(door) for _ in range(3)]
    # Refused, a case waits for no day: it stands behind those that have one.
    refused_ = [await proposed(door) for _ in range(2)]
    for case in refused_:
        await done(door, "sup.b", case, "refuse_transfer", reason="Trẻ không cư trú tại đây")
    pages = [page async for page in door.pages("doh", "/transfers", limit=2)]
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    ids = [one["case_id"] for page in pages for one in page]
    assert len(ids) == len(set(ids)), "a case twice"
    assert {*waiting, *refused_} <= set(ids)
    assert ids == [one["case_id"] for one in await door.every("doh", "/transfers", limit=200)]
    days = [one["due_at"] for page in pages for one in page]
    assert days == sorted(days, key=lambda day: (day is None, day or "")), "the soonest due first"
    assert {one["due_at"] for page in pages for one in page if one["case_id"] in refused_} == {None}


async def test_many_that_were_handed_over_are_read_in_pages_and_each_of_them_once(door: Door) -> None:
    given = [await proposed(door) for _ in range(5)]
    codes = [(await door.get("cpo.a", f"/cases/{case}")).json()["code"] for case in given]
    for case in given:
        await done(door, "sup.b", case, "accept_transfer", owner_id=str(door.person("cpo.b")))
    pages = [page async for page in door.pages("cpo.a", "/transfers/handed-over", limit=2)]
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    found = [one["case_code"] for page in pages for one in page]
    assert found[:5] == codes[::-1], "the latest first"
    assert len(found) == len(set(found)), "a case twice"
    # One that came back is the unit's own again, and one that went twice is told of once.
    back = given[0]
    for there, owner, to in (("cpo.b", "cpo.a", "HN-A"), ("cpo.a", "cpo.b", "HN-B")):
        await done(door, there, back, "propose_transfer", to_unit=to, reason=WHY)
        await done(door, owner, back, "accept_transfer", owner_id=str(door.person(owner)))
        again = [one["case_code"] for one in await door.every("cpo.a", "/transfers/handed-over", limit=2)]
        assert sorted(again) == sorted(set(found) - ({codes[0]} if to == "HN-A" else set()))
    assert again[0] == codes[0]


@pytest.mark.parametrize("path", ["/transfers", "/transfers/handed-over", "/work"])
async def test_a_page_is_of_some_size_and_begins_at_a_place_of_ours(door: Door, path: str) -> None:
    for asked, field in (({"limit": 0}, "limit"), ({"limit": 201}, "limit"), ({"cursor": "e30="}, "cursor")):
        answer = await door.get("sup.a", path, params=asked)
        assert answer.status_code == 422, asked
        assert [one["path"] for one in answer.json()["errors"]] == [["query", field]]


async def another_province(door: Door) -> UUID:
    """A commune of a province of its own; its unit's id."""
    ids = {name: uuid4() for name in ("province", "commune")}
    for kind, unit in ids.items():
        await door.sql(
            "INSERT INTO unit (id, code, kind, name_vi, name_en, is_sample, valid_from) "
            "VALUES (:id, :code, :kind, :name, :name, true, :at)",
            id=unit, code=f"T2-{kind}-{unit.hex[:6]}", kind=kind, name=f"Tỉnh Hai {kind}", at=LONG_AGO,
        )  # fmt: skip
    for unit, parent in ((ids["commune"], ids["province"]),):
        await door.sql(
            "INSERT INTO unit_parent (id, unit_id, parent_id, valid_from) VALUES (:id, :unit, :parent, :at)",
            id=uuid4(), unit=unit, parent=parent, at=LONG_AGO,
        )  # fmt: skip
    return ids["commune"]


async def test_across_provinces_the_committee_or_the_nation_may_decide_and_the_nation_reads_nothing(door: Door) -> None:
    there = await another_province(door)
    ((code,),) = [row.values() for row in await door.sql("SELECT code FROM unit WHERE id = :id", id=there)]
    for who in ("prov", "nat"):
        case = await a_case(door)
        await done(door, "cpo.a", case, "propose_transfer", to_unit=code, reason=WHY)
        assert (await door.get("nat", f"/cases/{case}")).status_code == 404
        answer = await door.act(who, case, "assign_transfer", {"to_unit": code, "reason": "Nơi cư trú"})
        assert answer.status_code == 200, (who, answer.text)
        assert answer.json()["case"] is None
        (row,) = await door.sql("SELECT unit_id, custody FROM case_file WHERE id = :id", id=case)
        assert (row["unit_id"], row["custody"]) == (there, "held")
    within = await proposed(door)
    assert await refused(door, "nat", within, "assign_transfer", to_unit="HN-B", reason="x") == (
        403,
        "transfer-within-province",
    )
    # Whoever refused it was of another province: one province alone does not decide where it goes instead.
    await done(door, "cpo.b", within, "refuse_transfer", reason="Trẻ không ở đây")
    await door.sql(
        "UPDATE case_file SET memory = memory || jsonb_build_object(CAST(:name AS text), CAST(:unit AS text)) "
        "WHERE id = :id",
        name=Memory.TRANSFER_REFUSED, unit=str(there), id=within,
    )  # fmt: skip
    answer = await door.act("nat", within, "assign_transfer", {"to_unit": "HN-C", "reason": "Nơi cư trú"})
    assert answer.status_code == 200, answer.text


async def test_the_database_itself_keeps_who_held_it_and_lets_nobody_else_write_that(door: Door) -> None:
    case = await a_case(door)
    for statement in (
        (
            "INSERT INTO custody_interval (id, case_id, case_code, unit_id, sequence, since) "
            "SELECT gen_random_uuid(), id, code, unit_id, 99, created_at FROM case_file WHERE id = :id"
        ),
        "UPDATE custody_interval SET until = since WHERE case_id = :id",
        "DELETE FROM custody_interval WHERE case_id = :id",
    ):
        for engine in (door.database.api, door.database.worker):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with transaction(engine, Who(system="test"), door.clock.now()) as connection:
                    await connection.execute(text(statement), {"id": case})
    assert await holders(door, case) == [("HN-A", "receive_report", True)]
