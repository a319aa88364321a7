"""Reports by anybody: the page without script and its twin in the API, the receipt, and what is told of it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from api.flood import is_urgent
from api.services.public import ASKS
from deploy.runtime.postgres import Postgres
from tests.api_support import Door
from tests.identity_support import a_door, code

pytestmark = pytest.mark.servers

DESK = UUID("5d1b0c52-4d0a-4a3e-9f0a-0d9f1c3a7b11")
PERSON = UUID("0f4f1d4c-6a55-4d9b-8a68-2d4f5f0f9a12")
CANARY = "Bé Chim Hoàng Yến 0987-CANARY"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file, public_desk=DESK) as opened:
        await opened.sql(
            "INSERT INTO person (id, full_name, language, is_sample) VALUES (:id, 'Cổng báo tin (mẫu)', 'vi', true)",
            id=PERSON,
        )
        await opened.sql(
            "INSERT INTO position (id, person_id, unit_id, role, kind, valid_from) "
            "VALUES (:id, :person, :unit, 'H111', 'service', :at)",
            id=DESK, person=PERSON, unit=opened.unit("111"), at=opened.clock.at,
        )  # fmt: skip
        yield opened


async def send(door: Door, key: UUID | None = None, **body: Any) -> Any:
    said = {"happened": "Tôi nghe cháu khóc suốt đêm", **body}
    return await door.http.post(
        "/api/v1/public/reports", json=said, headers={"Idempotency-Key": str(key or uuid4())}
    )  # fmt: skip


async def standing(door: Door, receipt: str) -> Any:
    return await door.http.post("/api/v1/public/reports/standing", json={"code": receipt})


async def the_case(door: Door) -> Any:
    (row,) = await door.sql(
        "SELECT c.id, c.code, c.flagged, c.protection, c.custody, c.report_id, u.code AS unit, r.channel "
        "FROM case_file c JOIN report r ON r.id = c.report_id LEFT JOIN unit u ON u.id = c.unit_id"
    )
    return row


async def test_anybody_reports_and_the_commune_reads_it_and_nobody_learns_who_it_was(door: Door) -> None:
    sent = await send(door, commune="HN-A", child_name="Bé Mẫu", child_age=7, place="Ngõ 3")
    assert sent.status_code == 201, sent.text
    case = await the_case(door)
    assert (case["unit"], case["channel"], case["flagged"]) == ("HN-A", "WEB", False)
    await door.get("sup.a", f"/cases/{case['id']}")
    seen = (await door.get("sup.a", f"/reports/{case['report_id']}")).json()
    assert seen["by_system"] is True
    assert seen["informant"] is False
    assert seen["content"]["m01"]["anonymous"] is True
    assert seen["content"]["m01"]["source"] == "ANONYMOUS"
    assert {
        row["origin"] for row in await door.sql("SELECT origin FROM audit_entry WHERE actor_id = :p", p=PERSON)
    } == {None}


async def test_who_gives_a_name_is_the_sealed_informant(door: Door) -> None:
    await send(door, commune="HN-A", name="Lê Thị Hàng Xóm", phone="0000123")
    case = await the_case(door)
    await door.get("chair.a", f"/cases/{case['id']}")
    answer = await door.get("chair.a", f"/reports/{case['report_id']}")
    assert "Hàng Xóm" not in answer.text
    assert answer.json()["informant"] is True
    opened = await door.post("chair.a", f"/reports/{case['report_id']}/informant/readings", {"purpose": "ASK_AGAIN"})
    assert (opened.json()["name"], opened.json()["sealed"]) == ("Lê Thị Hàng Xóm", True)


async def test_danger_makes_it_an_emergency_and_an_unknown_place_the_province_s(door: Door) -> None:
    await send(door, danger=True)
    case = await the_case(door)
    assert (case["flagged"], case["protection"], case["custody"]) == (True, "emergency", "unrouted")


async def test_the_receipt_says_received_then_taken_up_then_handled_and_nothing_else(door: Door) -> None:
    receipt = (await send(door, commune="HN-A")).json()["code"]
    assert re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}", receipt)
    (kept,) = await door.sql("SELECT * FROM public_receipt")
    assert receipt not in str(dict(kept))
    case = (await the_case(door))["id"]
    for process, expected in (("received", "received"), ("screening", "taken_up"), ("closed", "handled")):
        await door.sql("UPDATE case_file SET process = :to WHERE id = :id", to=process, id=case)
        for typed in (receipt, receipt.upper().replace("-", " ")):
            assert (await standing(door, typed)).json() == {"standing": expected}


async def test_codes_that_were_never_given_are_answered_alike_and_asking_is_limited(door: Door) -> None:
    answers = [await standing(door, typed) for typed in ("aaaa-bbbb-cccc-dddd-eeee", "x", "'; --", "🐦" * 30)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text.split('"trace_id"')[0] for answer in answers}) == 1
    for _ in range(ASKS - len(answers)):
        assert (await standing(door, "aaaa")).status_code == 404
    receipt = (await send(door)).json()["code"]
    assert (await standing(door, receipt)).status_code == 429
    door.clock.forward(minutes=2)
    assert (await standing(door, receipt)).status_code == 200


async def test_the_same_report_sent_twice_is_one_and_both_receipts_hold(door: Door) -> None:
    key = uuid4()
    first, again = await send(door, key), await send(door, key)
    assert (first.status_code, again.status_code) == (201, 201)
    (count,) = await door.sql("SELECT count(*) AS n FROM report")
    assert count["n"] == 1
    for one in (first, again):
        assert (await standing(door, one.json()["code"])).status_code == 200
    assert await code(await send(door, key, happened="khác")) == "idempotency-key-reused"


@pytest.mark.parametrize("body", [
    {"happened": ""}, {"happened": "a\0b"}, {"happened": None}, {"happened": "x" * 2_000_000}, {"child_age": 99},
    {"child_age": "bảy"}, {"unknown": "x"}, {"danger": "yes"}, {"name": "x" * 5000},
])  # fmt: skip
async def test_a_bad_report_is_a_clear_problem_and_its_words_are_not_repeated(door: Door, body: Any) -> None:
    refused = await send(door, **body)
    assert refused.status_code in {400, 413, 422}, refused.text
    assert "x" * 50 not in refused.text
    (count,) = await door.sql("SELECT count(*) AS n FROM report")
    assert count["n"] == 0


async def test_without_a_desk_it_is_closed_and_says_whom_to_phone(postgres: Postgres, key_file: Path) -> None:
    async with a_door(postgres, key_file) as closed:
        assert await code(await send(closed)) == "public-intake-closed"
        shown = await closed.http.get("/bao-tin?lang=vi")
        assert shown.status_code == 503
        assert "111" in shown.text


def test_a_report_by_anybody_goes_by_the_larger_bucket() -> None:
    assert is_urgent("POST", "/bao-tin")
    assert is_urgent("POST", "/api/v1/public/reports")
    assert not is_urgent("GET", "/bao-tin")
    assert not is_urgent("POST", "/bao-tin/tra-cuu")
    assert not is_urgent("POST", "/api/v1/public/reports/standing")


# --- the page ---------------------------------------------------------------------------------------------------------


async def fill(door: Door, lang: str = "vi", **typed: str) -> Any:
    shown = await door.http.get(f"/bao-tin?lang={lang}")
    assert shown.status_code == 200, shown.text
    key = re.search(r'name="key" value="([^"]+)"', shown.text)
    assert key
    return await door.http.post(f"/bao-tin?lang={lang}", data={"key": key[1], **typed}, headers=OURS)


async def test_the_page_takes_a_report_in_and_shows_the_receipt_once(
    door: Door, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    done = await fill(door, happened=CANARY, commune="HN-A", child_name=CANARY, child_age="7", danger="yes")
    assert done.status_code == 201, done.text
    found = re.search(r'class="receipt">([^<]+)<', done.text)
    assert found
    assert "113" in done.text
    assert (await the_case(door))["flagged"] is True
    asked = await door.http.post("/bao-tin/tra-cuu?lang=vi", data={"code": found[1]}, headers=OURS)
    assert "Tin báo đã được tiếp nhận." in asked.text
    # Wherever this run of the tests sends its lines.
    logged = capsys.readouterr().out + caplog.text
    assert "bao-tin" in logged
    assert "CANARY" not in logged
    assert found[1] not in logged
    assert "<script" not in done.text


@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_what_was_typed_stays_where_something_is_wrong(door: Door, lang: str) -> None:
    again = await fill(door, lang, happened="Cháu <b>khóc</b> 😢", child_age="bảy", commune="HN-B", danger="yes")
    assert again.status_code == 422
    assert "Cháu &lt;b&gt;khóc&lt;/b&gt; 😢" in again.text
    assert 'value="bảy"' in again.text
    assert '<option value="HN-B" selected>' in again.text
    assert 'value="yes" checked' in again.text
    assert 'href="#child_age"' in again.text


async def test_a_form_from_another_site_or_without_its_key_takes_nothing_in(door: Door) -> None:
    elsewhere = await door.http.post("/bao-tin", data={"happened": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    lost = await door.http.post("/bao-tin", data={"happened": "còn đây", "key": "?"}, headers=OURS)
    assert lost.status_code == 422
    assert "còn đây" in lost.text
