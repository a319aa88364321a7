"""How much may come through the door, whose bucket it is taken from, and what is never refused for being frequent."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from api.flood import URGENT_EVENTS, Flood, is_exempt, is_urgent
from api.problems import PROBLEMS
from deploy.runtime.postgres import Postgres
from models.lifecycle import EVENTS
from models.settings import Settings
from tests.api_support import GATEWAY_TOKEN, Door, open_door, report_body, temporal_away

EACH, URGENT = 6, 12
"""Requests a minute in these tests: one in ten seconds, one in five."""


class Seconds:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def flood(seconds: Seconds) -> Flood:
    return Flood(Settings(requests_per_minute=EACH, urgent_per_minute=URGENT), seconds)


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path, seconds: Seconds) -> AsyncIterator[Door]:
    async with open_door(
        postgres, await temporal_away(key_file), requests_per_minute=EACH, urgent_per_minute=URGENT, seconds=seconds
    ) as opened:
        yield opened


def waits(flood: Flood, times: int, token: str | None, address: str, *, urgent: bool = False) -> list[int]:
    return [flood.wait(token, address, urgent=urgent) for _ in range(times)]


def test_a_bucket_holds_a_minutes_worth_and_fills_evenly(flood: Flood, seconds: Seconds) -> None:
    assert waits(flood, EACH + 1, None, "192.0.2.1") == [0] * EACH + [10]
    seconds.now += 4
    assert flood.wait(None, "192.0.2.1", urgent=False) == 6
    seconds.now += 6
    assert waits(flood, 2, None, "192.0.2.1") == [0, 10]
    seconds.now += 3600
    assert waits(flood, EACH + 1, None, "192.0.2.1") == [0] * EACH + [10]


def test_strangers_share_their_addresss_bucket_whatever_tokens_they_make_up(flood: Flood) -> None:
    assert [flood.wait(f"made up {n}", "192.0.2.1", urgent=False) for n in range(EACH + 1)] == [0] * EACH + [10]
    assert flood.wait(None, "192.0.2.1", urgent=False) == 10
    assert flood.wait(None, "192.0.2.2", urgent=False) == 0


def test_who_was_let_in_is_not_shut_out_by_strangers_at_the_same_address(flood: Flood) -> None:
    flood.let_in("of an officer")
    waits(flood, EACH + 1, None, "192.0.2.1")
    assert waits(flood, EACH + 1, "of an officer", "192.0.2.1") == [0] * EACH + [10]


def test_a_session_has_one_bucket_wherever_it_comes_from(flood: Flood) -> None:
    flood.let_in("stolen")
    assert [flood.wait("stolen", f"192.0.2.{n}", urgent=False) for n in range(EACH + 1)] == [0] * EACH + [10]


def test_a_session_not_heard_from_for_long_is_a_stranger_again(flood: Flood, seconds: Seconds) -> None:
    flood.let_in("of an officer")
    seconds.now += 601
    waits(flood, EACH, None, "192.0.2.1")
    assert flood.wait("of an officer", "192.0.2.1", urgent=False) > 0


def test_an_ipv6_network_is_one_address_and_a_mapped_ipv4_address_is_itself(flood: Flood) -> None:
    assert [flood.wait(None, f"2001:db8::{n:x}", urgent=False) for n in range(EACH + 1)] == [0] * EACH + [10]
    assert flood.wait(None, "2001:db8:0:1::1", urgent=False) == 0
    waits(flood, EACH, None, "192.0.2.9")
    assert flood.wait(None, "::ffff:192.0.2.9", urgent=False) > 0


def test_what_is_urgent_goes_by_the_larger_bucket(flood: Flood) -> None:
    flood.let_in("of an officer")
    waits(flood, EACH + 1, "of an officer", "192.0.2.1")
    assert waits(flood, URGENT + 1, "of an officer", "192.0.2.1", urgent=True) == [0] * URGENT + [5]


def test_a_limit_of_none_is_none() -> None:
    flood = Flood(Settings(requests_per_minute=0, urgent_per_minute=0), Seconds())
    assert set(waits(flood, 5000, None, "192.0.2.1")) == {0}


def test_reports_and_every_event_of_an_emergency_are_urgent() -> None:
    assert set(EVENTS) > URGENT_EVENTS
    assert {"raise_emergency", "apply_measures", "order_isolation", "add_report"} <= URGENT_EVENTS
    assert is_urgent("POST", "/api/v1/reports")
    assert is_urgent("POST", f"/api/v1/cases/{uuid4()}/actions/raise_emergency")
    for method, path in (
        ("GET", "/api/v1/reports"),
        ("POST", "/api/v1/reports/x"),
        ("POST", f"/api/v1/cases/{uuid4()}/actions/accept"),
        ("POST", "/actions/raise_emergency"),
    ):
        assert not is_urgent(method, path)


async def test_who_asks_without_pause_is_told_when_to_come_back_and_reports_are_still_taken(
    door: Door, seconds: Seconds
) -> None:
    await door.sign_in("cpo.a")
    answers = [await door.get("cpo.a", "/me") for _ in range(EACH + 2)]
    assert [answer.status_code for answer in answers[-2:]] == [200, 429]
    refused = answers[-1]
    assert refused.headers["retry-after"] == "10"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too-many-requests"
    assert "tin báo" in refused.json()["next"]
    english = await door.get("cpo.a", "/me", headers={"Accept-Language": "en"})
    assert "reports and emergencies" in english.json()["next"]
    await door.report("cpo.a")
    seconds.now += 10
    assert (await door.get("cpo.a", "/me")).status_code == 200


async def test_a_report_too_many_is_said_not_to_be_on_record_and_its_key_still_takes_it(
    door: Door, seconds: Seconds
) -> None:
    await door.sign_in("cpo.a")
    await door.get("cpo.a", "/me")
    for _ in range(URGENT):
        await door.report("cpo.a")
    key = uuid4()
    refused = await door.post("cpo.a", "/reports", report_body(), key=key)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-reports")
    assert "CHƯA được ghi" in refused.json()["detail"]
    assert "111" in refused.json()["next"]
    assert refused.headers["retry-after"] == "5"
    seconds.now += 5
    assert (await door.post("cpo.a", "/reports", report_body(), key=key)).status_code == 201
    counted = await door.sql("SELECT count(*) AS n FROM report")
    assert counted[0]["n"] == URGENT + 1


async def test_strangers_behind_an_offices_address_do_not_stop_the_office(door: Door) -> None:
    await door.sign_in("cpo.a")
    await door.get("cpo.a", "/me")
    for _ in range(EACH):
        await door.http.get("/api/v1/me", headers={"Authorization": f"Bearer {uuid4()}"})
    stranger = await door.http.get("/api/v1/me", headers={"Authorization": f"Bearer {uuid4()}"})
    assert stranger.status_code == 429
    assert (await door.get("cpo.a", "/me")).status_code == 200


async def test_health_and_the_gateways_receipts_are_never_refused_for_being_frequent(door: Door) -> None:
    body = {"reference": str(uuid4()), "state": "delivered"}
    headers = {"Authorization": f"Bearer {GATEWAY_TOKEN}"}
    answers: list[httpx.Response] = []
    for _ in range(2 * URGENT):
        answers += [
            await door.http.get("/health/live"),
            await door.http.post("/api/v1/gateway/receipts", json=body, headers=headers),
        ]
    assert {answer.status_code for answer in answers} == {200}
    assert not is_exempt("/api/v1/me")
    assert not is_exempt("/sign-in")


def test_both_problems_have_their_status() -> None:
    assert {PROBLEMS[code].status for code in ("too-many-requests", "too-many-reports")} == {429}
