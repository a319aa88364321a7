"""Tasks, conferences, flags and notes: work that several people do on a case, each with a day, and chased."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from activities.rungs import fire
from models.calendar import local_date
from models.database import Who, transaction
from models.messages import RungDue
from tests.api_support import Door
from tests.case_support import a_case, allowed, done, proposed, refused, told
from tests.world import World

pytestmark = pytest.mark.servers

WHAT = "Gọi giáo viên chủ nhiệm hỏi việc đi học"


def day(door: Door, ahead: int = 3) -> date:
    return local_date(door.clock.now()) + timedelta(days=ahead)


async def a_task(door: Door, case: str, to: str = "cpo2.a", **more: Any) -> dict[str, Any]:
    task = {"what": WHAT, "assignee_id": str(door.person(to)), "due": day(door).isoformat(), **more}
    await done(door, "cpo.a", case, "add_task", task=task)
    return (await work(door, case))[-1]


async def work(door: Door, case: str, who: str = "cpo.a") -> list[dict[str, Any]]:
    answer = await door.get(who, f"/cases/{case}/work")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def tasks(door: Door, *cases: str) -> list[dict[str, Any]]:
    return [one for case in cases for one in await work(door, case) if one["kind"] == "task"]


async def clocks(door: Door, item: str) -> list[Any]:
    """The deadline of a task, a conference or a flag."""
    return list(await door.sql("SELECT id, status, due_at FROM deadline WHERE subject = :id", id=item))


async def listed(door: Door, who: str, **asked: Any) -> list[str]:
    return [one["id"] for one in await door.every(who, "/work", **asked)]


async def a_conference(door: Door, case: str, *invited: dict[str, str]) -> dict[str, Any]:
    call = {
        "held_at": (door.clock.now() + timedelta(days=1)).isoformat(), "place": "UBND xã", "agenda": ["Rà soát"],
        "invited": list(invited),
    }  # fmt: skip
    await done(door, "sup.a", case, "call_conference", conference=call)
    return (await work(door, case))[-1]


async def note(door: Door, who: str, case: str, words: Any, key: UUID | None = None) -> httpx.Response:
    body = {"words": words} if isinstance(words, str) else words
    return await door.post(who, f"/cases/{case}/notes", body, key=key or uuid4())


async def noted(door: Door, who: str, case: str) -> list[str | None]:
    """What the notes of a case say to somebody."""
    answer = await door.get(who, f"/cases/{case}/notes")
    assert answer.status_code == 200, answer.text
    return [one["words"] for one in answer.json()]


async def test_a_task_has_somebody_and_a_day_and_ends_by_being_done(door: Door) -> None:
    case = await a_case(door)
    assert "complete_task" not in await allowed(door, "cpo.a", case), "there is none yet"
    task = await a_task(door, case)
    assert (task["kind"], task["state"], task["due"]) == ("task", "open", day(door).isoformat())
    assert task["assignee"]["id"] == str(door.person("cpo2.a"))
    assert task["content"]["what"] == WHAT
    assert await told(door, case, "task_given") == {"cpo2.a"}
    assert {"complete_task", "drop_task"} <= await allowed(door, "cpo2.a", case)
    assert task["id"] in await listed(door, "cpo2.a", mine=True)
    assert task["id"] not in await listed(door, "cpo.a", mine=True)
    assert task["id"] in await listed(door, "cpo.a", kind="task")
    assert task["id"] not in await listed(door, "cpo.a", kind="flag")
    assert task["id"] not in await listed(door, "cpo.a", due_before=door.clock.now().isoformat())
    assert await listed(door, "cpo.b") == []
    await done(door, "cpo2.a", case, "complete_task", item_id=task["id"], done="Em vẫn đi học đều")
    (ended,) = await work(door, case)
    assert (ended["state"], ended["ended_event"], ended["ended_content"]) == (
        "ended", "complete_task", {"done": "Em vẫn đi học đều"},
    )  # fmt: skip
    assert ended["ended_by"]["id"] == str(door.person("cpo2.a"))
    assert task["id"] not in await listed(door, "cpo2.a", mine=True)
    again = await refused(door, "cpo2.a", case, "complete_task", item_id=task["id"], done="Lần nữa")
    assert again == (409, "task-not-open")


async def test_whoever_was_given_a_task_is_told_that_it_is_dropped_unless_they_drop_it_themselves(door: Door) -> None:
    case = await a_case(door)
    own, others = await a_task(door, case), await a_task(door, case)
    await done(door, "cpo2.a", case, "drop_task", item_id=own["id"], reason="Đã làm xong bằng cách khác")
    assert await told(door, case, "task_dropped") == set()
    await done(door, "sup.a", case, "drop_task", item_id=others["id"], reason="Không cần nữa")
    assert await told(door, case, "task_dropped") == {"cpo2.a"}
    (inbox,) = [one for one in await door.every("cpo2.a", "/inbox") if one["kind"] == "task_dropped"]
    assert inbox["case_id"] == case


async def test_a_task_that_is_done_is_told_to_nobody_as_dropped(door: Door) -> None:
    case = await a_case(door)
    task = await a_task(door, case)
    await done(door, "sup.a", case, "complete_task", item_id=task["id"], done="Đã gọi")
    assert await told(door, case, "task_dropped") == set()


async def test_what_is_to_be_done_is_read_in_pages_and_each_of_it_once(door: Door) -> None:
    case, other = await a_case(door), await a_case(door)
    # Several end with the same day: their place in the list is told apart by more than that.
    made = {(await a_task(door, one))["id"] for one in (case, case, other, case, other)}
    flag = {"flag": "COURT_DATE", "words": "Phiên tòa", "look_on": day(door).isoformat()}
    await done(door, "sup.a", case, "raise_flag", flag=flag)
    made |= {(await work(door, case))[-1]["id"], (await a_task(door, case, due=day(door, 9).isoformat()))["id"]}
    for who, asked in (("sup.a", {}), ("cpo2.a", {"mine": True}), ("doh", {"kind": ["task", "flag"]})):
        pages = [page async for page in door.pages(who, "/work", limit=2, **asked)]
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        rows = [one for page in pages for one in page]
        ids = [one["id"] for one in rows]
        assert len(ids) == len(set(ids)), "twice"
        wanted = made if who != "cpo2.a" else made - {one["id"] for one in rows if one["kind"] == "flag"}
        mine = {one["id"] for one in rows if one["case_id"] in (case, other)}
        assert mine == ({one["id"] for one in await tasks(door, case, other)} if who == "cpo2.a" else wanted)
        assert [one["due_at"] for one in rows] == sorted(one["due_at"] for one in rows), "the soonest due first"
    assert ids == await listed(door, "doh", kind=["task", "flag"], limit=200)


async def test_a_task_that_stands_still_is_listed_and_not_called_late(door: Door) -> None:
    case = await a_case(door)
    task = await a_task(door, case)
    (before,) = await clocks(door, task["id"])
    pause = {"deadline_id": str(before["id"]), "working_days": 2, "reason": "Giáo viên đi vắng"}
    await done(door, "sup.a", case, "pause_clock", **pause)
    (after,) = await clocks(door, task["id"])
    assert after["due_at"] > before["due_at"]
    assert task["id"] in await listed(door, "cpo2.a", mine=True)
    # No protocol of ours stops a task altogether, as a suspension stops the steps of a plan; one may.
    late = door.clock.now() - timedelta(days=1)
    await door.sql("UPDATE deadline SET due_at = :at WHERE id = :id", id=before["id"], at=late)
    for status, overdue in (("open", True), ("paused", False)):
        await door.sql("UPDATE deadline SET status = :status WHERE id = :id", id=before["id"], status=status)
        (one,) = [one for one in await door.every("cpo2.a", "/work", mine=True) if one["id"] == task["id"]]
        assert one["overdue"] is overdue, status
    assert (await work(door, case))[-1]["state"] == "paused"


async def test_several_tasks_run_beside_each_other_and_each_is_met_by_its_own(door: Door) -> None:
    case = await a_case(door)
    first, second = await a_task(door, case), await a_task(door, case, to="sup.a")
    await done(door, "sup.a", case, "drop_task", item_id=first["id"], reason="Không cần nữa")
    assert [one["state"] for one in await work(door, case)] == ["ended", "open"]
    assert second["id"] in await listed(door, "sup.a", mine=True)


async def test_what_cannot_be_a_task_is_refused_and_says_what_to_do(door: Door) -> None:
    case = await a_case(door)
    task = {"what": WHAT, "assignee_id": str(door.person("cpo2.a")), "due": day(door).isoformat()}
    for changed, code in (
        ({"assignee_id": str(door.person("hlt"))}, "assignee-not-serving"),
        ({"assignee_id": str(door.person("cpo.b"))}, "assignee-not-serving"),
        ({"assignee_id": str(uuid4())}, "assignee-not-serving"),
        ({"due": day(door, -1).isoformat()}, "due-in-the-past"),
        ({"what": "  "}, "invalid-request"),
        ({"what": "x\0y"}, "text-not-storable"),
    ):
        status, said = await refused(door, "cpo.a", case, "add_task", task={**task, **changed})
        assert (status, said) == (422, code), changed
    assert (await refused(door, "pol.a", case, "add_task", task=task))[0] == 404
    other = await a_case(door)
    strange = await a_task(door, other)
    assert await refused(door, "cpo.a", case, "complete_task", item_id=strange["id"], done="x") == (
        409, "task-not-open",
    )  # fmt: skip
    assert await work(door, case) == []


async def test_a_task_is_for_somebody_of_the_unit_that_holds_the_case_who_need_not_keep_out_of_it(door: Door) -> None:
    case = await a_case(door, residence_unit="HN-B")

    async def given_to(who: str) -> tuple[int, str]:
        task = {"what": WHAT, "assignee_id": str(door.person(who)), "due": day(door).isoformat()}
        answer = await door.act("cpo.a", case, "add_task", {"task": task})
        return answer.status_code, answer.json().get("code", "")

    assert await given_to("cpo.b") == (422, "assignee-not-serving"), "the commune where the child lives"
    assert await given_to("cpo2.a") == (200, "")
    recusal = {"person_id": str(door.person("cpo2.a")), "reason": "Người thân", "ground": "RELATIVE"}
    await done(door, "sup.a", case, "record_recusal", **recusal)
    assert await given_to("cpo2.a") == (422, "assignee-not-serving")
    # What a conference decides is given by the same rule.
    conference = await a_conference(door, case, {"organisation": "Công an xã"})
    for who, status in (("cpo.b", 422), ("cpo2.a", 422), ("cpo.a", 200)):
        one = {"decision": "Thăm nhà", "assignee_id": str(door.person(who)), "due": day(door).isoformat()}
        minutes = {"held": True, "chaired_by": "Chủ tịch xã", "participants": [{"name": "Cô giáo"}],
                   "discussion": "Đã thống nhất", "decisions": [one]}  # fmt: skip
        answer = await door.act("sup.a", case, "record_conference", {"item_id": conference["id"], "minutes": minutes})
        assert answer.status_code == status, (who, answer.text)
        assert answer.json().get("code") == ("assignee-not-serving" if status == 422 else None), who


async def test_the_first_rung_of_a_task_reminds_whoever_has_it_and_the_next_their_head_of_office(door: Door) -> None:
    case = await a_case(door)
    task = await a_task(door, case)
    (row,) = await door.sql(
        "SELECT d.id, json_agg(r.ordinal ORDER BY r.due_at) AS ordinals, json_agg(r.due_at ORDER BY r.due_at) AS due "
        "FROM deadline d JOIN rung r ON r.deadline_id = d.id WHERE d.subject = :id GROUP BY d.id",
        id=task["id"],
    )
    for ordinal, level, who in ((0, "E0", "cpo2.a"), (1, "E1", "sup.a")):
        at = door.clock.now() + timedelta(days=9)
        due = RungDue(case_id=UUID(case), deadline_id=row["id"], ordinal=row["ordinals"][ordinal], at=at)
        async with transaction(door.database.worker, Who(system="rung", case_id=UUID(case)), at) as connection:
            fired = await fire(connection, due, at=at)
        (one,) = fired.told
        assert (one.level, {person.person_id for person in one.resolution.recipients}) == (level, {door.person(who)})
        assert not one.resolution.nobody


async def test_a_conference_is_called_held_and_its_decisions_become_tasks(door: Door) -> None:
    case = await a_case(door)
    held_at = door.clock.now() + timedelta(days=2)
    call = {
        "held_at": held_at.isoformat(), "place": "Phòng họp UBND xã", "agenda": ["Việc đi học", "Nơi ở an toàn"],
        "invited": [{"person_id": str(door.person("chair.a"))}, {"person_id": str(door.person("hlt"))},
                    {"organisation": "Trường Tiểu học A"}],
    }  # fmt: skip
    await done(door, "sup.a", case, "call_conference", conference=call)
    assert await told(door, case, "conference_called") == {"chair.a", "hlt"}
    (conference,) = await work(door, case)
    assert await told(door, case, "conference_off") == set()
    assert (conference["kind"], conference["due"]) == ("conference", local_date(held_at).isoformat())
    assert conference["content"]["place"] == call["place"]
    minutes = {
        "held": True, "chaired_by": "Chủ tịch xã", "participants": [{"name": "Cô giáo", "organisation": "Trường"}],
        "discussion": "Đã thống nhất",
        "decisions": [
            {"decision": "Trường theo dõi hằng ngày", "organisation": "Trường Tiểu học A"},
            {"decision": "Thăm nhà hằng tuần", "assignee_id": str(door.person("cpo2.a")), "due": day(door).isoformat()},
            {"decision": "Báo cáo Chủ tịch", "assignee_id": str(door.person("cpo.a")), "due": day(door, 5).isoformat()},
        ],
    }  # fmt: skip
    await done(door, "cpo.a", case, "record_conference", item_id=conference["id"], minutes=minutes)
    seen = await work(door, case)
    assert [(one["kind"], one["state"]) for one in seen] == [
        ("conference", "ended"), ("task", "open"), ("task", "open"),
    ]  # fmt: skip
    assert [one["content"]["decision"] for one in seen[1:]] == ["Thăm nhà hằng tuần", "Báo cáo Chủ tịch"]
    assert await told(door, case, "task_given") == {"cpo2.a"}, "nobody is told what they wrote themselves"
    assert await told(door, case, "conference_off") == set(), "it was held"
    again = await refused(door, "cpo.a", case, "record_conference", item_id=conference["id"], minutes=minutes)
    assert again == (409, "conference-not-open")
    # Minutes are very sensitive: the department sees that there is a task, and not what was said.
    (task, *_) = [one for one in await work(door, case, "doh") if one["kind"] == "task"]
    assert (task["content"], task["withheld"]) == (None, True)


async def test_a_conference_that_was_not_held_says_why(door: Door) -> None:
    case = await a_case(door)
    conference = await a_conference(
        door, case, {"person_id": str(door.person("chair.a"))}, {"person_id": str(door.person("hlt"))},
        {"organisation": "Công an xã"},
    )  # fmt: skip
    silent = await door.act(
        "cpo.a", case, "record_conference", {"item_id": conference["id"], "minutes": {"held": False}}
    )
    assert silent.status_code == 422
    assert "not-held-without-reason" in silent.text
    minutes = {"held": False, "why_not": "Chủ trì bận đột xuất"}
    await done(door, "cpo.a", case, "record_conference", item_id=conference["id"], minutes=minutes)
    (ended,) = await work(door, case)
    assert ended["ended_content"]["why_not"] == minutes["why_not"]
    assert await told(door, case, "conference_off") == {"chair.a", "hlt"}
    # The next one has people of its own, and nobody else is told of it.
    (strangers,) = [await a_conference(door, case, {"organisation": "Công an xã"})]
    await done(door, "cpo.a", case, "record_conference", item_id=strangers["id"], minutes=minutes)
    rows = await door.sql(
        "SELECT person_id FROM notice WHERE case_id = :id AND kind = 'conference_off' AND channel = 'inbox'", id=case
    )
    assert len(rows) == 2


async def test_nobody_whom_the_system_does_not_know_is_invited(door: Door) -> None:
    case = await a_case(door)
    known, unknown = {"person_id": str(door.person("hlt"))}, {"person_id": str(uuid4())}
    call = {
        "held_at": (door.clock.now() + timedelta(days=1)).isoformat(), "place": "UBND xã", "agenda": ["Rà soát"],
    }  # fmt: skip
    said = await refused(door, "sup.a", case, "call_conference", conference={**call, "invited": [known, unknown]})
    assert said == (422, "person-unknown")
    assert await work(door, case) == []
    assert await told(door, case, "conference_called") == set()


async def test_a_flag_has_its_day_and_the_department_may_raise_one(door: Door) -> None:
    case = await a_case(door)
    flag = {"flag": "COURT_DATE", "words": "Phiên tòa sơ thẩm", "look_on": day(door, 10).isoformat()}
    await done(door, "doh", case, "raise_flag", flag=flag)
    (raised,) = await work(door, case)
    assert (raised["kind"], raised["content"]["flag"], raised["due"]) == ("flag", "COURT_DATE", flag["look_on"])
    (one,) = [one for one in await door.every("doh", "/work", kind="flag") if one["case_id"] == case]
    assert (one["flag"], one["overdue"]) == ("COURT_DATE", False)
    assert "Phiên tòa" not in str(one), "codes and days only"
    assert (await refused(door, "cpo.a", case, "raise_flag", flag={**flag, "flag": "NONE"}))[0] == 422
    await done(door, "cpo.a", case, "lower_flag", item_id=raised["id"], reason="Đã xét xử")
    assert (await work(door, case))[0]["state"] == "ended"
    assert await refused(door, "cpo.a", case, "lower_flag", item_id=raised["id"], reason="x") == (409, "flag-not-open")


async def test_what_ends_with_the_case_is_called_off_with_its_reason(door: Door) -> None:
    case = await a_case(door)
    await a_task(door, case)
    await done(door, "cpo.a", case, "rule_out_emergency", reason="Không có dấu hiệu")
    await done(door, "cpo.a", case, "propose_early_closure", closure_reason="MOVED_ABROAD", reason="Ra nước ngoài")
    decision = {"number": "1/QĐ", "signed_on": "2026-11-23", "signer": "Chủ tịch"}
    await done(door, "chair.a", case, "approve_closure", decision=decision)
    assert [one["state"] for one in await work(door, case)] == ["cancelled"]


async def test_a_note_is_written_by_those_who_may_not_edit_and_read_by_those_who_read(door: Door) -> None:
    case = await proposed(door)
    words = "Mẹ cháu đã đến xã chúng tôi hỏi thủ tục 😊"
    made = await note(door, "sup.b", case, words)
    assert made.status_code == 201, made.text
    assert (made.json()["words"], made.json()["role"]) == (words, "SUP")
    for who in ("cpo.a", "doh"):
        assert await noted(door, who, case) == [words]
    assert (await note(door, "prov", case, "x")).status_code == 403
    assert await noted(door, "prov", case) == [], "not even that there is one"
    for who, status in (("hlt", 403), ("cpo2.a", 201), ("chair.b", 201)):
        assert (await note(door, who, case, "x")).status_code == status, who
    elsewhere = await a_case(door)
    assert (await note(door, "cpo.b", elsewhere, "x")).status_code == 404
    for bad in ({"words": ""}, {"words": "a\0b"}, {"words": "x", "more": 1}, {}):
        assert (await note(door, "cpo.a", case, bad)).status_code == 422, bad
    rows = await door.sql("SELECT sealed FROM case_note WHERE case_id = :id", id=case)
    assert all(words.encode() not in bytes(row["sealed"]) for row in rows)


async def test_a_note_sent_twice_with_one_key_is_one_note_and_other_words_need_another_key(door: Door) -> None:
    case, other, key = await a_case(door), await a_case(door), uuid4()
    assert (await door.post("cpo.a", f"/cases/{case}/notes", {"words": "Ghi chú"})).status_code == 422, "no key"
    first = await note(door, "cpo.a", case, "Ghi chú", key)
    again = await note(door, "cpo.a", case, "Ghi chú", key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    changed = await note(door, "cpo.a", case, "Lời khác", key)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency-key-reused")
    assert await noted(door, "cpo.a", case) == ["Ghi chú"]
    # A key is its sender's, for one case; the same words under another key are another note.
    for who, where, with_key in (("sup.a", case, key), ("cpo.a", other, key), ("cpo.a", case, uuid4())):
        assert (await note(door, who, where, "Ghi chú", with_key)).status_code == 201
    assert await noted(door, "cpo.a", case) == ["Ghi chú"] * 3
    assert await noted(door, "cpo.a", other) == ["Ghi chú"]
    rows = await door.sql(
        "SELECT action FROM audit_entry WHERE record_id = :id AND record = 'case_note' ORDER BY at, id",
        id=first.json()["id"],
    )
    assert [row["action"] for row in rows] == ["write_note", "repeat"]


async def test_a_note_sent_twice_at_once_is_one_note(door: Door) -> None:
    case, key = await a_case(door), uuid4()
    answers = await asyncio.gather(*(note(door, "cpo.a", case, "Ghi chú", key) for _ in range(6)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert await noted(door, "cpo.a", case) == ["Ghi chú"]


async def test_a_note_is_never_changed_and_found_by_nobody_who_does_not_read_the_case(door: Door, world: World) -> None:
    case = await a_case(door)
    assert (await note(door, "cpo.a", case, "Ghi chú")).status_code == 201
    for who, count in (("cpo.a", 1), ("sup.a", 1), ("cpo.b", 0), ("hlt", 0), ("admin", 0), ("prov", 0)):
        acting = world.acting(who)
        announced = Who(acting.person_id, acting.position_id)
        async with transaction(door.database.api, announced, door.clock.now()) as connection:
            found = await connection.execute(text("SELECT count(*) FROM case_note WHERE case_id = :id"), {"id": case})
            assert found.scalar_one() == count, who
