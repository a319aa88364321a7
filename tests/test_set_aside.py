"""Reports by anybody that look like spam or come in a flood: set aside, looked at, let in; none is ever dropped."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import structlog

from api import letting_in
from api.letting_in import LettingIn
from api.services import set_aside
from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.database import Who, transaction
from models.protocol.arithmetic import Amount
from models.protocol.registry import Protocols
from models.records import set_aside as records
from models.settings import Settings
from models.suspicion import odd
from models.vault import KeysAwayError
from models.vocabulary import codes, label
from tests.api_support import NOW, REFERENCE, Door, door_to
from tests.identity_support import a_door, audited, code
from tests.rotation import rotated
from tests.test_public_reports import CANARY, DESK, PERSON, fill, send, standing
from tests.world import World, a_world
from workflows.connection import connect

_SAID = REFERENCE.protocols.versions[-1].public_door
assert _SAID is not None
WAITS = _SAID.waits.span
pytestmark = pytest.mark.servers

AD = "Vay nhanh tại https://vay-nhanh.example nhé"


async def with_desk(door: Door, position: UUID = DESK, person: UUID = PERSON) -> Door:
    """The system in whose name reports by anybody are taken in."""
    await door.sql(
        "INSERT INTO person (id, full_name, language, is_sample) VALUES (:id, 'Cổng báo tin (mẫu)', 'vi', true)",
        id=person,
    )
    await door.sql(
        "INSERT INTO position (id, person_id, unit_id, role, kind, valid_from) "
        "VALUES (:id, :person, :unit, 'H111', 'service', :at)",
        id=position, person=person, unit=door.unit("111"), at=NOW - timedelta(days=400),
    )  # fmt: skip
    return door


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file, public_desk=DESK) as opened:
        yield await with_desk(opened)


@contextmanager
def rules(door: Door, **public_door: Any) -> Iterator[None]:
    """Another protocol is in force: what it says of the public door is otherwise."""
    inside = door.app.state.door
    shipped = inside.reference.protocol_at(door.clock.now())
    changed = shipped.model_copy(update={"public_door": shipped.public_door.model_copy(update=public_door)})
    door.app.state.door = replace(inside, reference=replace(inside.reference, protocols=Protocols(versions=(changed,))))
    try:
        yield
    finally:
        door.app.state.door = inside


@asynccontextmanager
async def from_address(door: Door, address: str) -> AsyncIterator[Door]:
    """Somebody who comes from another address."""
    transport = httpx.ASGITransport(app=door.app, client=(address, 5000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door.test") as http:
        yield replace(door, http=http)


async def rows(door: Door) -> Any:
    return await door.sql("SELECT * FROM set_aside ORDER BY received_at, id")


async def count(door: Door, what: str = "report") -> int:
    (row,) = await door.sql(f"SELECT count(*) AS n FROM {what}")
    return int(row["n"])


async def an_ad(door: Door, **body: Any) -> str:
    """Something set aside, and its id."""
    before = {row["id"] for row in await rows(door)}
    assert (await send(door, happened=AD, **body)).status_code == 201
    (made,) = {row["id"] for row in await rows(door)} - before
    return str(made)


async def due(door: Door) -> int:
    """What the task of an API process does when it looks."""
    return await set_aside.let_in_due(door.app.state.door)


def inside(door: Door) -> Any:
    return door.app.state.door


# --- what is set aside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        (AD, ("LINKS",)),
        ("www.example.com", ("LINKS",)),
        ("xem Bit.Example.VN/khuyen-mai ngay", ("LINKS",)),
        ("..., 123 !!", ("NO_WORDS",)),
        ("😢😢😢", ("NO_WORDS",)),
        ("Cứu", ()),
        ("Help!", ()),
        ("0912 345 678 gọi tôi", ()),
        ("Bố đánh cháu. Cháu khóc.Hàng xóm nghe", ()),
        ("Có người đăng ảnh của cháu ở https://mang.example/anh, xin cứu cháu với", ()),
        ("儿童被打", ()),
    ],
)
def test_few_and_plain_signs_and_none_by_how_little_is_said(happened: str, why: tuple[str, ...]) -> None:
    assert odd(happened, _SAID.few_words) == why  # type: ignore[union-attr]


def test_long_and_hostile_text_is_looked_at_in_no_time() -> None:
    for hostile in (
        "a." * 10_000,
        "http://" * 2_800,
        "www." * 5_000,
        "a-" * 10_000,
        "." * 20_000,
        "a" * 20_000 + ".co",
    ):
        began = time.monotonic()
        odd(hostile, 5)
        assert time.monotonic() - began < 1, hostile[:10]


@pytest.mark.parametrize(
    ("why", "sent", "said"),
    [
        (
            "SAME_WORDS",
            [{"happened": "Tôi nghe cháu khóc suốt đêm"}, {"happened": "TÔI NGHE  chau khoc suốt đêm\n"}],
            {},
        ),
        ("LINKS", [{"happened": AD}], {}),
        ("NO_WORDS", [{"happened": "123"}], {}),
        ("ONE_ADDRESS", [{"happened": "Tin một"}, {"happened": "Tin hai"}], {"address_most": 1}),
        ("PACE", [{"happened": "Tin một"}, {"happened": "Tin hai"}], {"pace_most": 1}),
    ],
)
async def test_what_is_set_aside_becomes_no_case_yet_and_its_receipt_is_as_every_other(
    door: Door, why: str, sent: list[dict[str, Any]], said: dict[str, Any]
) -> None:
    with rules(door, **said):
        answers = [await send(door, commune="HN-A", **body) for body in sent]
    plain = await send(door, happened="Một tin báo bình thường, đủ lời kể")
    for answer in answers:
        assert (answer.status_code, set(answer.json())) == (201, set(plain.json()))
        assert answer.headers.keys() == plain.headers.keys()
        assert (await standing(door, answer.json()["code"])).json() == {"standing": "received"}
    (row,) = await rows(door)
    assert row["reasons"] == why
    assert (row["received_at"], row["due_at"]) == (NOW, NOW + WAITS)
    assert await count(door, "case_file") == len(sent)
    assert why in codes("set_aside_reasons")


@pytest.mark.parametrize(
    "other",
    [{"place": "Ngõ 4"}, {"child_name": "Bé Khác"}, {"child_age": 8}, {"commune": "HN-B"}, {"happened": "Khác"}],
)
async def test_few_words_about_another_child_or_place_are_other_words(door: Door, other: dict[str, Any]) -> None:
    body = {"happened": "Trẻ bị đánh", "place": "Ngõ 3", "child_name": "Bé Mẫu", "child_age": 7, "commune": "HN-A"}
    await send(door, **body)
    await send(door, **{**body, **other})
    assert await rows(door) == []
    assert await count(door, "case_file") == 2


async def test_after_a_day_the_same_words_are_new_and_nothing_of_them_is_kept(door: Door) -> None:
    await send(door)
    door.clock.forward(hours=23, minutes=59)
    await send(door, name="Người khác")
    (row,) = await rows(door)
    assert row["reasons"] == "SAME_WORDS"
    door.clock.forward(hours=24, minutes=1)
    await send(door)
    assert len(await rows(door)) == 1, "of a day ago"
    await due(door)
    assert await count(door, "public_words") == 1


async def test_an_address_is_counted_for_itself_and_a_network_as_one(door: Door) -> None:
    with rules(door, address_most=1, pace_most=100):
        for number, address in enumerate(("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1")):
            async with from_address(door, address) as there:
                await send(there, happened=f"Tin số {number}")
        door.clock.forward(hours=1, minutes=1)
        async with from_address(door, "2001:db8::3") as there:
            await send(there, happened="Một giờ sau")
    (row,) = await rows(door)
    assert row["reasons"] == "ONE_ADDRESS"
    kept = json.dumps([dict(one) for one in await door.sql("SELECT * FROM sign_in_throttle")], default=str)
    assert "192.0.2" not in kept
    assert "2001" not in kept


async def test_danger_waits_for_no_flood_and_no_sign(door: Door) -> None:
    with rules(door, address_most=1, pace_most=1):
        for number in range(4):
            await send(door, happened=f"{AD} {number}", danger=True)
        await send(door, happened="123", danger=True)
    assert await rows(door) == []
    assert await count(door, "case_file") == 5


async def test_danger_is_set_aside_only_where_the_very_same_was_taken_in(door: Door) -> None:
    await an_ad(door)
    await send(door, happened=AD, danger=True)
    assert await count(door, "case_file") == 1, "what was set aside is no report that was taken in"
    await send(door, happened="Cháu bị đánh")
    await send(door, happened="Cháu bị đánh", danger=True)
    assert await count(door, "case_file") == 3, "that the child is in danger now was not said before"
    await send(door, happened="chau bi đánh", danger=True)
    assert {row["flagged"]: row["reasons"] for row in await rows(door)} == {False: "LINKS", True: "SAME_WORDS"}
    assert await count(door, "case_file") == 3
    door.clock.forward(minutes=10)
    assert await due(door) == 1, "who must acknowledge it within half an hour has time left"
    (found,) = await door.sql(
        "SELECT flagged, receipt_at FROM case_file ORDER BY created_at DESC, flagged DESC LIMIT 1"
    )
    assert (found["flagged"], found["receipt_at"]) == (True, NOW)


async def test_the_same_at_the_same_moment_goes_in_once_and_the_rest_is_set_aside(door: Door) -> None:
    answers = await asyncio.gather(*(send(door) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert await count(door, "case_file") == 1
    assert {row["reasons"] for row in await rows(door)} == {"SAME_WORDS"}
    assert len(await rows(door)) == 5


async def test_a_key_sent_again_is_one_report_set_aside_or_not_and_every_receipt_holds(door: Door) -> None:
    key = uuid4()
    answers = [await send(door, key, happened=AD) for _ in range(2)]
    assert len(await rows(door)) == 1
    assert len({answer.json()["code"] for answer in answers}) == 2
    assert await code(await send(door, key, happened="khác")) == "idempotency-key-reused"
    door.clock.forward(minutes=31)
    await due(door)
    late = await send(door, key, happened=AD)
    assert late.json()["received_at"] == answers[0].json()["received_at"]
    for answer in (*answers, late):
        assert (await standing(door, answer.json()["code"])).json() == {"standing": "received"}
    assert await count(door) == 1


async def test_a_protocol_that_says_nothing_of_it_sets_nothing_aside(door: Door) -> None:
    shipped = inside(door).reference.protocol_at(NOW).model_copy(update={"public_door": None})
    silent = replace(inside(door).reference, protocols=Protocols(versions=(shipped,)))
    door.app.state.door = replace(inside(door), reference=silent)
    await send(door, happened=AD)
    await send(door, happened=AD)
    assert await count(door, "case_file") == 2
    assert await due(door) == 0


async def test_the_page_says_the_same_of_what_is_set_aside(door: Door) -> None:
    plain, aside = await fill(door, happened="Đủ lời kể về việc này"), await fill(door, happened=AD)
    assert len(await rows(door)) == 1
    assert aside.status_code == plain.status_code == 201

    def shape(answer: Any) -> str:
        head, _, rest = answer.text.partition('class="receipt">')
        return str(head + rest.partition("<")[2])

    assert shape(aside) == shape(plain)


# --- what is kept, and who sees it ------------------------------------------------------------------------------------


async def test_it_is_sealed_and_says_nothing_in_logs_or_audit(
    door: Door, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with structlog.testing.capture_logs() as said:
        sent = await send(door, happened="Hoàng-Yến-CANARY x.example.vn", child_name=CANARY, name=CANARY, phone=CANARY)
        (row,) = await rows(door)
        assert row["reasons"] == "LINKS"
        await door.get("h111", f"/set-aside/{row['id']}")
        await door.post("h111", f"/set-aside/{row['id']}/put-away", {"reason": "SPAM"})
        await door.post("h111", f"/set-aside/{row['id']}/let-in")
    kept = await door.sql(
        "SELECT to_jsonb(s)::text AS t FROM set_aside s UNION ALL SELECT to_jsonb(w)::text FROM public_words w "
        "UNION ALL SELECT to_jsonb(a)::text FROM audit_entry a "
        "UNION ALL SELECT to_jsonb(r)::text FROM set_aside_receipt r"
    )
    everything = str([dict(row), said, [dict(one) for one in kept]]) + capsys.readouterr().out + caplog.text
    assert "report set aside" in everything
    for word in ("CANARY", "Hoàng Yến", b"CANARY".hex(), sent.json()["code"]):
        assert word not in everything
    origins = await door.sql("SELECT origin FROM audit_entry WHERE actor_id = :p", p=PERSON)
    assert {one["origin"] for one in origins} == {None}


async def test_the_hotline_lists_the_oldest_first_in_pages_and_reads_one_on_record(door: Door) -> None:
    made = []
    for number in range(3):
        made.append(await an_ad(door, place=f"Ngõ {number}", name="Lê Thị Hàng Xóm", phone="0000123"))
        door.clock.forward(minutes=1)
    first = (await door.get("h111", "/set-aside", params={"limit": 2})).json()
    rest = (await door.get("h111s", "/set-aside", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["id"] for one in (*first["items"], *rest["items"])] == made
    assert rest["next"] is None
    assert "vay" not in json.dumps(first).lower()
    assert first["items"][0]["state"] == "waiting"
    assert first["items"][0]["goes_in_at"] == (NOW + WAITS).isoformat().replace("+00:00", "Z")
    shown = await door.get("h111", f"/set-aside/{made[0]}")
    assert shown.json()["content"]["m01"]["happened"] == AD
    assert shown.json()["content"]["m01"]["children"][0]["incident_place"] == "Ngõ 0"
    assert shown.json()["informant"] is True
    assert "Hàng Xóm" not in shown.text
    assert "0000123" not in shown.text
    entries = await door.sql(
        "SELECT action, record_id, detail, actor_id FROM audit_entry WHERE record = 'set_aside' ORDER BY at, id"
    )
    assert [(one["action"], one["record_id"]) for one in entries] == [
        ("list", None), ("list", None), ("read", UUID(made[0])),
    ]  # fmt: skip
    assert entries[0]["detail"] == {"set_aside": made[:2]}
    assert entries[2]["actor_id"] == door.person("h111")


async def test_nobody_but_the_hotline_whose_system_took_it_in_finds_it(door: Door) -> None:
    item = await an_ad(door)
    for username in ("cpo.a", "sup.a", "chair.a", "doh", "dohd", "prov", "nat", "aud", "dpo", "admin", "pol.a"):
        for answer in (
            await door.get(username, "/set-aside"),
            await door.get(username, f"/set-aside/{item}"),
            await door.post(username, f"/set-aside/{item}/let-in"),
            await door.post(username, f"/set-aside/{item}/put-away", {"reason": "SPAM"}),
        ):
            assert (answer.status_code, await code(answer)) == (403, "not-permitted"), username
    await door.sql("UPDATE set_aside SET receiver_unit_id = :unit", unit=door.unit("HN-A"))
    assert (await door.get("h111", "/set-aside")).json()["items"] == []
    for answer in (
        await door.get("h111s", f"/set-aside/{item}"),
        await door.post("h111s", f"/set-aside/{item}/let-in"),
        await door.post("h111s", f"/set-aside/{item}/put-away", {"reason": "SPAM"}),
        await door.get("h111s", f"/set-aside/{uuid4()}"),
    ):
        assert (answer.status_code, await code(answer)) == (404, "not-found")
    (row,) = await rows(door)
    assert row["decision"] is None


async def test_row_security_keeps_it_from_whoever_the_code_forgot_to_ask(door: Door) -> None:
    await an_ad(door)

    async def found(username: str | None, part: str | None = None) -> int:
        person = door.person(username) if username else None
        position = None
        if username:
            (held,) = await door.sql("SELECT id FROM position WHERE person_id = :id LIMIT 1", id=person)
            position = held["id"]
        async with transaction(door.database.api, Who(person, position, part), door.clock.now()) as connection:
            return len((await connection.execute(records.SET_ASIDE.select())).all())

    assert [await found(name) for name in ("h111", "h111s")] == [1, 1]
    assert [await found(name) for name in ("cpo.a", "dohd", "aud", None)] == [0, 0, 0, 0]
    assert [await found(None, part) for part in ("intake", "door", "screening", "public_door", "metrics")] == [
        0, 0, 0, 1, 1,
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"reason": "KHONG_CO"}, {"reason": "SPAM", "x": 1}, {"reason": None}, [], "SPAM"])
async def test_putting_away_asks_for_a_reason_of_the_vocabulary(door: Door, body: Any) -> None:
    item = await an_ad(door)
    answer = await door.post("h111", f"/set-aside/{item}/put-away", body)
    assert (answer.status_code, await code(answer)) == (422, "invalid-request")
    (row,) = await rows(door)
    assert row["decision"] is None


@pytest.mark.parametrize(
    "asked", [{"cursor": "x"}, {"cursor": "bnVsbA=="}, {"limit": 0}, {"limit": 1000}, {"state": "x"}, {"x": "1"}]
)
async def test_a_list_asked_for_wrongly_is_a_clear_problem(door: Door, asked: dict[str, Any]) -> None:
    assert (await door.get("h111", "/set-aside", params=asked)).status_code == 422
    assert (await door.get("h111", "/set-aside/khong-phai-ma")).status_code == 422


def test_every_reason_has_its_words_in_both_languages() -> None:
    for name in ("set_aside_reasons", "put_away_reasons"):
        for one in codes(name):
            assert label(name, one, "vi") != label(name, one, "en")


# --- letting in and putting away --------------------------------------------------------------------------------------


async def test_what_is_let_in_is_the_report_it_would_have_been_received_when_it_was_sent(door: Door) -> None:
    body = {"commune": "HN-A", "child_name": "Bé Mẫu", "child_age": 7, "name": "Lê Thị Hàng Xóm", "phone": "0000123"}
    receipt = (await send(door, happened=AD, **body)).json()
    (row,) = await rows(door)
    await send(door, happened=f"{AD} này đủ lời để không bị để riêng nữa", **body)
    door.clock.forward(minutes=10)
    answer = await door.post("h111", f"/set-aside/{row['id']}/let-in")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["state"], shown["decided_by"]["id"]) == ("taken_in", str(door.person("h111")))
    assert datetime.fromisoformat(shown["received_at"]) == NOW
    cases = await door.sql(
        "SELECT c.id, c.receipt_at, c.report_id, r.received_at, r.recorded_at, r.receiver_position_id, u.code AS unit "
        "FROM case_file c JOIN report r ON r.id = c.report_id JOIN unit u ON u.id = c.unit_id ORDER BY c.created_at"
    )
    plain, aside = cases
    assert aside["report_id"] == row["id"]
    assert (aside["receipt_at"], aside["received_at"], aside["recorded_at"]) == (NOW, NOW, NOW + timedelta(minutes=10))
    assert (aside["unit"], aside["receiver_position_id"]) == ("HN-A", DESK)
    clocks = [
        await door.sql("SELECT code, started_at, due_at FROM deadline WHERE case_id = :id ORDER BY code", id=one["id"])
        for one in (plain, aside)
    ]
    assert [dict(one) for one in clocks[0]] == [dict(one) for one in clocks[1]]
    told = []
    for one in (plain, aside):
        await door.get("chair.a", f"/cases/{one['id']}")
        report = (await door.get("chair.a", f"/reports/{one['report_id']}")).json()
        opened = await door.post("chair.a", f"/reports/{one['report_id']}/informant/readings", {"purpose": "ASK_AGAIN"})
        assert opened.json()["name"] == "Lê Thị Hàng Xóm"
        report["content"]["m01"].pop("happened")
        assert report["content"].pop("received_at", None) in {None, receipt["received_at"]}
        told.append({name: report[name] for name in ("content", "channel", "by_system", "receiver", "informant")})
    assert told[0] == told[1]
    assert (await standing(door, receipt["code"])).json() == {"standing": "received"}
    await door.sql("UPDATE case_file SET process = 'screening' WHERE id = :id", id=aside["id"])
    assert (await standing(door, receipt["code"])).json() == {"standing": "taken_up"}
    (left,) = await rows(door)
    assert (left["sealed"], left["kek"], left["wrapped"]) == (None, None, None)
    read = (await door.get("h111", f"/set-aside/{row['id']}")).json()
    assert (read["content"], read["informant"]) == (None, False)
    assert await audited(door, "let_in") == [("done", None)]
    (went,) = await door.sql("SELECT actor_id, detail FROM audit_entry WHERE action = 'went_in'")
    assert (went["actor_id"], went["detail"]["by_itself"], went["detail"]["cases"]) == (
        PERSON,
        False,
        [str(aside["id"])],
    )


async def test_put_away_is_handled_never_goes_in_by_itself_and_can_be_let_in_after_all(door: Door) -> None:
    receipt = (await send(door, happened=AD, commune="HN-A")).json()["code"]
    (row,) = await rows(door)
    path = f"/set-aside/{row['id']}"
    shown = (await door.post("h111s", f"{path}/put-away", {"reason": "SPAM"})).json()
    assert (shown["state"], shown["put_away_as"], shown["goes_in_at"]) == ("put_away", "SPAM", None)
    again = (await door.post("h111", f"{path}/put-away", {"reason": "TRIAL"})).json()
    assert (again["put_away_as"], again["decided_by"]["id"]) == ("SPAM", str(door.person("h111s"))), "the first stands"
    assert (await standing(door, receipt)).json() == {"standing": "handled"}
    door.clock.forward(days=2)
    door.tokens.clear()
    assert await due(door) == 0
    assert (await door.get("h111", "/set-aside")).json()["items"] == []
    listed = (await door.get("h111", "/set-aside", params={"state": "put_away"})).json()["items"]
    assert [one["id"] for one in listed] == [str(row["id"])]
    assert (await door.get("h111", path)).json()["content"]["m01"]["happened"] == AD
    after = (await door.post("h111", f"{path}/let-in")).json()
    assert (after["state"], after["put_away_as"]) == ("taken_in", None)
    (case,) = await door.sql("SELECT receipt_at FROM case_file")
    assert case["receipt_at"] == NOW
    assert (await standing(door, receipt)).json() == {"standing": "received"}
    refused = await door.post("h111", f"{path}/put-away", {"reason": "SPAM"})
    assert (refused.status_code, await code(refused)) == (409, "already-let-in")
    history = await door.sql(
        "SELECT action, detail FROM audit_entry WHERE action IN ('put_away', 'let_in') ORDER BY at, id"
    )
    assert [(one["action"], one["detail"]["before"]) for one in history] == [
        ("put_away", None), ("put_away", "put_away"), ("let_in", "put_away"),
    ]  # fmt: skip
    listed = (await door.get("h111", "/set-aside", params={"state": "taken_in"})).json()["items"]
    assert [one["id"] for one in listed] == [str(row["id"])]


async def test_two_officers_and_the_clock_at_once_let_it_in_once(door: Door) -> None:
    item = await an_ad(door, commune="HN-A")
    await door.sign_in("h111"), await door.sign_in("h111s")
    door.clock.forward(minutes=31)
    answers = await asyncio.gather(
        *(door.post(name, f"/set-aside/{item}/let-in") for name in ("h111", "h111s", "h111")), due(door), due(door)
    )
    assert [answer.json()["state"] for answer in answers[:3]] == ["taken_in"] * 3
    assert sum(answers[3:]) <= 1
    assert (await count(door), await count(door, "case_file"), await count(door, "case_key")) == (1, 1, 1)
    assert len(await audited(door, "went_in")) == 1
    later = await door.post("h111s", f"/set-aside/{item}/let-in")
    assert (later.status_code, later.json()["state"]) == (200, "taken_in")
    assert await count(door) == 1


async def test_one_lets_in_and_the_other_puts_away_and_one_of_them_is_told_so(door: Door) -> None:
    await door.sign_in("h111"), await door.sign_in("h111s")
    for number in range(4):
        item = await an_ad(door, place=f"Ngõ {number}")
        into, away = await asyncio.gather(
            door.post("h111", f"/set-aside/{item}/let-in"),
            door.post("h111s", f"/set-aside/{item}/put-away", {"reason": "SPAM"}),
        )
        assert into.json()["state"] == "taken_in", "to let in holds, whoever came first"
        assert away.status_code in {200, 409}
        assert await count(door) == number + 1


async def test_who_read_it_before_it_was_a_case_is_in_the_report_of_who_accessed_the_case(door: Door) -> None:
    item, other = await an_ad(door, place="Ngõ 1"), await an_ad(door, place="Ngõ 2")
    await door.get("h111.2", f"/set-aside/{item}")
    await door.get("h111s", f"/set-aside/{other}")
    for one in (item, other):
        await door.post("h111", f"/set-aside/{one}/let-in")
    (case,) = await door.sql("SELECT id FROM case_file WHERE report_id = :id", id=UUID(item))
    asked = await door.get("dpo", f"/cases/{case['id']}/access-report", headers={"X-Purpose": "rights_request"})
    assert asked.status_code == 200, asked.text
    assert door.person("h111.2").hex in asked.text.replace("-", "")
    assert door.person("h111").hex in asked.text.replace("-", "")
    assert door.person("h111s").hex not in asked.text.replace("-", "")


# --- never forgotten --------------------------------------------------------------------------------------------------


async def test_what_nobody_looked_at_goes_in_by_itself_after_its_time_and_once(door: Door) -> None:
    await an_ad(door, commune="HN-A")
    door.clock.at = NOW + WAITS - timedelta(seconds=1)
    assert await due(door) == 0
    door.clock.at = NOW + WAITS
    assert sum(await asyncio.gather(*(due(door) for _ in range(5)))) == 1
    assert await due(door) == 0
    (case,) = await door.sql("SELECT receipt_at FROM case_file")
    assert case["receipt_at"] == NOW
    (row,) = await rows(door)
    assert (row["decision"], row["taken_in_at"]) == (None, NOW + WAITS)
    (went,) = await door.sql("SELECT detail FROM audit_entry WHERE action = 'went_in'")
    assert went["detail"]["by_itself"] is True


async def test_how_long_it_waits_is_the_protocols_to_say_on_the_day_it_came(door: Door) -> None:
    with rules(door, waits=Amount.parse("2 H")):
        await an_ad(door)
    door.clock.forward(minutes=119)
    assert await due(door) == 0
    door.clock.forward(minutes=1)
    assert await due(door) == 1


async def test_an_officers_word_that_could_not_be_carried_out_is_made_good(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = await an_ad(door)

    async def away(*_: Any, **__: Any) -> Any:
        raise KeysAwayError("away")

    with monkeypatch.context() as now:
        now.setattr(set_aside.aside, "words", away)
        assert (await door.post("h111", f"/set-aside/{item}/let-in")).status_code == 503
        assert await due(door) == 0
    (row,) = await rows(door)
    assert (row["decision"], row["taken_in_at"], await count(door)) == ("let_in", None, 0)
    assert (await door.get("h111", "/set-aside")).json()["items"][0]["state"] == "let_in"
    refused = await door.post("h111s", f"/set-aside/{item}/put-away", {"reason": "SPAM"})
    assert await code(refused) == "already-let-in"
    assert await due(door) == 1
    assert await count(door) == 1


async def test_one_that_cannot_be_taken_in_keeps_out_no_other_and_is_said_without_a_word_of_it(door: Door) -> None:
    first, second = await an_ad(door, place="Ngõ 1"), await an_ad(door, place="Ngõ 2")
    await door.sql("UPDATE set_aside SET sealed = '\\x00' WHERE id = :id", id=UUID(first))
    door.clock.forward(minutes=31)
    with structlog.testing.capture_logs() as said:
        assert await due(door) == 1
    errors = [one for one in said if one["log_level"] == "error"]
    assert [(one["command_id"], one["error"]) for one in errors] == [(first, "AlteredError")]
    assert [str(row["id"]) for row in await rows(door) if row["taken_in_at"]] == [second]


async def test_it_goes_in_though_the_door_was_closed_or_given_to_another_system(door: Door) -> None:
    items = [await an_ad(door, place=f"Ngõ {number}") for number in range(3)]
    closed = inside(door).settings.model_copy(update={"public_desk": None})
    door.app.state.door = replace(inside(door), settings=closed)
    assert (await door.post("h111", f"/set-aside/{items[0]}/let-in")).json()["state"] == "taken_in"
    await door.sql("UPDATE position SET valid_to = :at WHERE id = :id", at=door.clock.now(), id=DESK)
    waiting = await door.post("h111", f"/set-aside/{items[1]}/let-in")
    assert waiting.json()["state"] == "let_in", "it waits for a system in whose name it can be taken in"
    other, person = uuid4(), uuid4()
    await with_desk(door, other, person)
    door.app.state.door = replace(inside(door), settings=closed.model_copy(update={"public_desk": other}))
    door.clock.forward(minutes=31)
    assert await due(door) == 2
    taken = await door.sql("SELECT receiver_position_id, count(*) AS n FROM report GROUP BY 1 ORDER BY 2")
    assert [(row["receiver_position_id"], row["n"]) for row in taken] == [(DESK, 1), (other, 2)]


async def test_every_api_process_looks_by_itself_and_goes_on_after_a_failure(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_in, "EVERY_SECONDS", 0.02)
    await an_ad(door)
    door.clock.forward(minutes=31)
    looks = 0
    real = letting_in.let_in_due

    async def failing_once(here: Any) -> int:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError("PostgreSQL is away")
        return await real(here)

    monkeypatch.setattr(letting_in, "let_in_due", failing_once)
    async with door.app.router.lifespan_context(door.app):
        for _ in range(200):
            if await count(door) == 1:
                break
            await asyncio.sleep(0.05)
    assert await count(door) == 1
    seen = looks
    await asyncio.sleep(0.1)
    assert looks == seen, "it ends with its process"
    await LettingIn(inside(door)).settle()


async def test_what_waits_is_counted_without_a_word_of_it(door: Door) -> None:
    await an_ad(door)
    door.clock.forward(minutes=5)
    shown = (await door.http.get("/metrics")).text
    assert 'annhi_reports_set_aside_total{reason="LINKS"} 1.0' in shown
    assert "annhi_record_set_aside 1.0" in shown
    assert "annhi_record_set_aside_oldest_seconds 300.0" in shown


async def test_a_key_that_is_rotated_wraps_it_anew(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    item = await an_ad(door)
    async with transaction(door.database.owner, Who(system="keys"), NOW) as connection:
        await rotated(connection, records, monkeypatch)
    assert (await door.get("h111", f"/set-aside/{item}")).json()["content"]["m01"]["happened"] == AD


# --- with Temporal ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def world(postgres: Postgres, temporal_process: Temporal, key_file: Any) -> AsyncIterator[World]:
    client = await connect(Settings(temporal_address=temporal_process.address, key_file=key_file))
    async with a_world(postgres, client) as made:
        yield made


async def test_what_went_in_by_itself_is_a_case_people_work_on_and_its_clock_ran_meanwhile(world: World) -> None:
    async with door_to(
        world.database, sample=world.organisation, desk=world.desk, clock=world.clock, task_queue=world.task_queue,
        public_desk=DESK,
    ) as door:  # fmt: skip
        await with_desk(door)
        receipt = (await send(door, happened=AD, commune="HN-A")).json()["code"]
        sent_at = door.clock.now()
        (row,) = await rows(door)
        await door.sql("UPDATE set_aside SET due_at = :at", at=door.clock.now())
        assert await due(door) == 1
        (case,) = await door.sql("SELECT id, receipt_at FROM case_file WHERE report_id = :id", id=row["id"])
        assert abs((case["receipt_at"] - sent_at).total_seconds()) < 1
        started = f"case_file WHERE id = '{case['id']}' AND workflow_seen_at IS NOT NULL"
        for _ in range(100):
            if await count(door, started):
                break
            await asyncio.sleep(0.1)
        assert await count(door, started), "its workflow runs before anybody has done anything"
        await door.get("cpo.a", f"/cases/{case['id']}")
        done = await door.act("cpo.a", str(case["id"]), "acknowledge")
        assert done.status_code == 200, done.text
        assert (await standing(door, receipt)).json() == {"standing": "taken_up"}


async def test_the_page_of_the_protocol_says_what_is_set_aside_and_for_how_long(door: Door) -> None:
    with rules(door, waits=Amount.parse("45 min"), pace_most=77):
        vi, en = [(await door.http.get("/protocol", params={"lang": lang})).text for lang in ("vi", "en")]
    for page, words in ((vi, ("45 phút", "quá 77 tin", "10 phút")), (en, ("45 minutes", "more than 77", "10 minutes"))):
        assert all(one in page for one in words), words
        assert "{" not in page.partition("<body")[2].partition("<h2>Chuyển gửi")[0]
