"""The pages an officer opens without signing in: words for codes, both languages, nothing loaded from elsewhere."""

import re
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from api.app import create_app
from models.clock import PlatformClock
from models.lifecycle import EVENTS as CASE_EVENTS
from models.lifecycle.describe import moves
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS
from models.lifecycle.types import REGIONS
from models.protocol.rules import UNVERIFIED
from models.settings import Settings

PAGES = ("/", "/docs", "/protocol", "/lifecycle")


@pytest_asyncio.fixture(scope="session")
async def client():
    # The pages read what is shipped, neither the database nor Temporal: none is given to them.
    nothing = cast("Any", None)
    app = create_app(Settings(), nothing, nothing, PlatformClock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_a_page_is_there_in_both_languages_and_loads_nothing(client, path, lang):
    answer = await client.get(path, params={"lang": lang})
    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert not re.search(r"<script|src=|https?://|@import|<link", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("browser", "shown"), [("en-GB,en;q=0.9,vi;q=0.2", "en"), ("vi-VN,vi", "vi"), ("fr", "vi"), (None, "vi")]
)
async def test_a_page_speaks_the_language_of_the_browser_and_else_vietnamese(client, path, browser, shown):
    answer = await client.get(path, headers={"Accept-Language": browser} if browser else {})
    assert f'<html lang="{shown}">' in answer.text


async def test_the_protocol_is_told_in_words(client):
    shown = (await client.get("/protocol")).text
    for words in (
        "5 ngày làm việc",
        "12 giờ",
        "30 phút",
        "báo khẩn cấp",
        "quá hạn 2 ngày làm việc",
        "1 tháng, 3 tháng",
    ):
        assert words in shown
    seen = re.sub(r"<[^>]*>", " ", shown)
    assert not re.search(r"\b(WD|CD|MONTH|flagged|return_plan|otherwise)\b", seen)


@pytest.mark.parametrize("path", ["/protocol", "/lifecycle"])
@pytest.mark.parametrize("lang", ["vi", "en"])
async def test_no_code_is_shown_where_words_belong(client, path, lang):
    shown = (await client.get(path, params={"lang": lang})).text
    told = re.sub(r"<pre>.*?</pre>", " ", shown, flags=re.DOTALL)
    assert re.findall(r"\b[a-z]+_[a-z_]+\b", re.sub(r"<[^>]*>", " ", told)) == []


async def test_a_referrals_clock_names_the_referrals_own_event(client):
    shown = (await client.get("/protocol", params={"lang": "en"})).text
    ours, referrals = shown.split("Referrals to services")
    assert f"<li>{CASE_EVENTS['acknowledge'].label_en}</li>" in ours
    assert f"<li>{REFERRAL_EVENTS['acknowledge'].label_en}</li>" in referrals
    assert f"<li>{CASE_EVENTS['acknowledge'].label_en}</li>" not in referrals


async def test_both_charts_are_told_as_moves(client):
    shown = (await client.get("/lifecycle", params={"lang": "en"})).text
    assert "The life of a referral" in shown
    assert REFERRAL_EVENTS["wait_for_order"].label_en in shown
    assert "the agency" in shown


async def test_an_act_has_one_row_for_each_place_it_leads_to(client):
    shown = (await client.get("/lifecycle", params={"lang": "en"})).text
    ours = shown.split("The life of a referral")[0]
    ends = {(move.region, move.event, move.source == move.target or move.target) for move in moves()}
    # A head for each chart beside.
    assert ours.count("<tr") == len(ends) + len(REGIONS)
    assert "any state that has not ended, but" in ours
    assert "stays as it is" in ours


async def test_what_is_not_checked_against_the_law_says_so(client):
    for lang in ("vi", "en"):
        assert UNVERIFIED in (await client.get("/protocol", params={"lang": lang})).text


async def test_every_operation_is_on_the_page_of_the_api(client):
    shown = (await client.get("/docs")).text
    described = (await client.get("/api/v1/openapi.json")).json()
    missing = [path for path in described["paths"] if path not in shown]
    assert described["paths"]
    assert not missing
