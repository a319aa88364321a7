"""The door as the network meets it: slow and oversized requests, odd methods, other origins, proxies, safe headers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from api import edge
from deploy.runtime.postgres import Postgres
from models.settings import Settings
from tests.api_support import Door, open_door, temporal_away
from tests.served import served

pytestmark = pytest.mark.servers

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


async def raw(port: int, sent: bytes, *, patience: float = 60) -> tuple[bytes, bytes]:
    """Send bytes and read until the server closes; head and body of what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        said = await asyncio.wait_for(reader.read(), patience)
    finally:
        writer.close()
    head, _, body = said.partition(b"\r\n\r\n")
    return head, body


def head_of(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: door.test", *headers, "", ""]).encode()


# --- what comes slowly, or is too much --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [False, True])
async def test_a_body_that_does_not_come_is_waited_for_no_longer(
    door: Door, monkeypatch: pytest.MonkeyPatch, page: bool
) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.2)
    path, kind = ("/sign-in", "application/x-www-form-urlencoded") if page else ("/api/v1/sessions", "application/json")
    async with served(door.app, door.app.state.door.settings) as port:
        head, body = await raw(port, head_of("POST", path, f"Content-Type: {kind}", "Content-Length: 100") + b"{")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "body-too-slow"


async def test_a_file_that_stops_coming_is_broken_off_and_leaves_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = (await door.report())["cases"][0]["id"]
    token = door.tokens["cpo.a"]
    monkeypatch.setattr(edge, "PATIENCE", 0.5)
    async with served(door.app, door.app.state.door.settings) as port:
        head, body = await raw(
            port,
            head_of(
                "POST", f"/api/v1/cases/{case}/attachments?kind=PHOTO", f"Authorization: Bearer {token}",
                f"Idempotency-Key: {uuid4()}", "Content-Type: application/octet-stream", "Content-Length: 5000",
            )
            + b"\x89PNG\r\n\x1a\n" + bytes(1000),
        )  # fmt: skip
    assert head.startswith(b"HTTP/1.1 408 "), body
    assert json.loads(body)["code"] == "body-too-slow"
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []


async def test_what_has_come_buys_the_rest_more_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is slow but steady is served: the time allowed grows with every piece."""
    monkeypatch.setattr(edge, "PATIENCE", 1.0)
    body = json.dumps({"username": "nobody", "password": "x" * 150}).encode()
    filler = b" " * 200_000  # at the slowest pace allowed this alone may take most of a minute
    async with served(door.app, door.app.state.door.settings) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        size = len(filler) + len(body)
        writer.write(head_of("POST", "/api/v1/sessions", "Content-Type: application/json", f"Content-Length: {size}"))
        writer.write(filler)
        await writer.drain()
        await asyncio.sleep(1.5)  # longer than the patience, within what the filler has earned
        writer.write(body)
        status = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
    assert b" 401 " in status


async def test_a_head_too_large_is_refused_wherever_it_is_noticed(door: Door) -> None:
    """One that arrives whole is read and refused; one without end is not read on."""
    async with served(door.app, door.app.state.door.settings) as port:
        large, body = await raw(
            port, head_of("GET", "/health/live", "X-Filler: " + "x" * edge.HEAD_LIMIT, "Connection: close")
        )
        endless, _ = await raw(port, b"GET /health/live HTTP/1.1\r\nX-Filler: " + b"x" * 40_000)
        fine, _ = await raw(port, head_of("GET", "/health/live", "X-Filler: " + "x" * 8_000, "Connection: close"))
    assert large.split()[1] in (b"400", b"422"), body
    assert endless.split()[1] == b"400"
    assert fine.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/api/v1/cases", "/api/v1/reference/forms", "/sign-in", "/"])
@pytest.mark.parametrize("query", ["&".join(f"a{n}=1" for n in range(200)), "a=" + "x" * 9000])
async def test_an_address_with_too_much_in_it_is_refused_on_every_route(door: Door, path: str, query: str) -> None:
    answer = await door.http.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": ["query"], "code": "too-long"}]


@pytest.mark.parametrize("path", ["/sign-in", "/set-up", "/sign-out", "/position", "/sign-in/second-factor"])
async def test_the_forms_of_pages_have_the_limits_of_every_body(door: Door, path: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    for content, headers, code in (
        (b"a=" + b"x" * edge.BODY_LIMIT, form, "body-too-large"),
        (b'{"a": 1, "a": 2}', form | {"Content-Type": "application/json"}, "malformed-json"),
        (b"a=1", form | {"Content-Type": "multipart/form-data; boundary=x"}, "media-type-not-supported"),
        (b"a=1", form | {"Content-Type": "text/plain"}, "media-type-not-supported"),
    ):
        answer = await door.http.post(path, content=content, headers=headers)
        assert answer.json()["code"] == code, content[:20]
    many = "&".join(f"f{n}=1" for n in range(50)).encode()
    assert (await door.http.post(path, content=many, headers=form)).status_code == 422


# --- methods, origins, headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", ["/api/v1/cases", "/sign-in", "/health/live"])
async def test_an_odd_method_gets_nothing_back_of_what_it_sent(door: Door, method: str, path: str) -> None:
    answer = await door.http.request(method, path, headers={"X-Said": "echo-echo"})
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert answer.json()["code"] == "method-not-allowed"
    assert "echo-echo" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", ["/api/v1/cases", "/api/v1/sessions", "/api/v1/reports", "/sign-in", "/", "/none"])
async def test_no_other_origin_is_let_read_or_ask_anything(door: Door, path: str) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    asking = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for answer in (await door.http.options(path, headers=asking), await door.http.get(path, headers=origin)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert (await door.http.options(path, headers=asking)).status_code in (404, 405)


async def every_kind_of_answer(door: Door) -> dict[str, httpx.Response]:
    case = (await door.report())["cases"][0]["id"]
    made = await door.call(
        "cpo.a", "POST", f"/cases/{case}/attachments?kind=DOCUMENT", content=b"%PDF-1.7\n%%EOF\n" + bytes(600),
        headers={"Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    get = door.http.get
    return {
        "answer": await door.get("cpo.a", f"/cases/{case}"),
        "empty answer": await door.call("cpo.a", "DELETE", "/sessions/others"),
        "file": await door.get("cpo.a", f"/cases/{case}/attachments/{made.json()['id']}/content"),
        "not signed in": await get("/api/v1/cases"),
        "no such page": await get("/nowhere"),
        "bad body": await door.http.post("/api/v1/sessions", content=b"{"),
        "odd method": await door.http.request("TRACE", "/"),
        "page": await get("/"),
        "sign-in": await get("/sign-in"),
        "docs": await get("/docs"),
        "protocol": await get("/protocol"),
        "lifecycle": await get("/lifecycle"),
        "problem page": await get("/position"),
        "openapi": await get("/api/v1/openapi.json"),
        "health": await get("/health/ready"),
        "metrics": await get("/metrics"),
    }


async def test_every_answer_carries_the_safe_headers_and_no_inline_script(door: Door) -> None:
    for name, answer in (await every_kind_of_answer(door)).items():
        for header, value in ALWAYS.items():
            assert answer.headers[header] == value, (name, header)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), name
        assert "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert "script-src" not in policy, name
        for feature in ("camera", "geolocation", "microphone"):
            assert f"{feature}=()" in answer.headers["permissions-policy"]
        assert "strict-transport-security" not in answer.headers, "over http it would mean nothing"
        assert "server" not in answer.headers


async def test_over_https_every_answer_says_to_come_by_https_only(postgres: Postgres, key_file: Path) -> None:
    async with open_door(postgres, await temporal_away(key_file), public_url="https://an-nhi.example") as door:
        for name, answer in (await every_kind_of_answer(door)).items():
            assert answer.headers["strict-transport-security"].startswith("max-age=31536000"), name


# --- who asked --------------------------------------------------------------------------------------------------------


async def addresses(door: Door, settings: dict[str, Any], *claims: str) -> int:
    """Try to sign in from as many places as are claimed; how many tries were answered before the throttle."""
    config: Settings = door.app.state.door.settings.model_copy(update=settings)
    async with (
        served(door.app, config) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        answers = [
            await http.post(
                "/api/v1/sessions",
                json={"username": f"nobody{number}", "password": "sai"},
                headers={"X-Forwarded-For": claim},
            )
            for number, claim in enumerate(claims)
        ]
    return sum(answer.status_code == 401 for answer in answers)


CLAIMS = [f"198.51.100.{number}" for number in range(9)]


async def test_nobody_says_where_they_come_from_by_themselves(door: Door) -> None:
    assert await addresses(door, {}, *CLAIMS) == 6


async def test_a_named_proxy_is_believed(door: Door) -> None:
    assert await addresses(door, {"trusted_proxies": "127.0.0.1"}, *CLAIMS) == 9


async def test_a_proxy_not_named_is_not_believed(door: Door) -> None:
    assert await addresses(door, {"trusted_proxies": "192.0.2.10"}, *CLAIMS) == 6


async def test_what_was_claimed_to_the_proxy_is_not_believed(door: Door) -> None:
    """The proxy writes who asked it at the end; whatever stands before came from outside."""
    assert await addresses(door, {"trusted_proxies": "127.0.0.1"}, *(f"{one}, 203.0.113.9" for one in CLAIMS)) == 6


@pytest.mark.parametrize(
    ("path", "kind", "takes"),
    [
        ("/reports", "text/plain", ["JSON (application/json)"]),
        ("/directory/imports?sheet=areas", "text/plain", ["CSV (text/csv)", "XLSX (application/vnd.openxml"]),
        ("/directory/imports?sheet=areas", "application/json", ["CSV (text/csv)", "XLSX (application/vnd.openxml"]),
        (
            "/cases/00000000-0000-4000-8000-000000000001/attachments?kind=PHOTO",
            "image/png",
            ["application/octet-stream"],
        ),
    ],
)
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_format_that_is_not_taken_is_answered_with_those_that_are(
    door: Door, path: str, kind: str, takes: list[str], language: str
) -> None:
    headers = {"Content-Type": kind, "Accept-Language": language, "Idempotency-Key": str(uuid4())}
    user = "admin" if "imports" in path else "cpo.a"
    answer = await door.call(user, "POST", path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type-not-supported")
    for said in (answer.json()["detail"], answer.json()["next"]):
        assert all(one in said for one in takes), said
        assert ("JSON" in said) == ("JSON" in takes[0]), said
