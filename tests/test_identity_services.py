"""Systems of agencies: what a token may do, until when, and what becomes of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from api.door import IDENTITY
from deploy.runtime.postgres import Postgres
from models.access import SERVICE_SCOPES, service_scope
from models.vocabulary import codes
from tests.api_support import Door, report_body
from tests.identity_support import a_door, audited, code, with_token

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


async def service(door: Door, *, unit: str = "HN-BV", role: str = "HLT") -> str:
    body = {"name": "Hệ thống bệnh viện (mẫu)", "unit_id": str(door.unit(unit)), "role": role}
    made = await door.post("admin", "/services", body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def token_for(door: Door, position: str, *scopes: str, days: float = 30) -> dict[str, Any]:
    until = door.clock.at + timedelta(days=days)
    body = {"scopes": list(scopes), "expires_at": until.isoformat()}
    made = await door.post("admin", f"/services/{position}/tokens", body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def report(door: Door, secret: str) -> Any:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": str(uuid4())}
    return await door.http.post("/api/v1/reports", json=report_body(), headers=headers)


def test_the_scopes_are_one_list_with_its_words() -> None:
    assert codes("token_scopes") == SERVICE_SCOPES


async def test_every_scope_names_a_part_of_the_api_and_none_opens_what_is_peoples_business(door: Door) -> None:
    parts = {
        service_scope(str(tag), reads=method in ("GET", "HEAD"))
        for path, operations in door.app.openapi()["paths"].items()
        if path.startswith("/api/v1")
        for method, tag in ((name.upper(), operation["tags"][0]) for name, operation in operations.items())
    }
    assert set(SERVICE_SCOPES) <= parts
    for part in (IDENTITY, "escalations", "notices"):
        assert not [scope for scope in SERVICE_SCOPES if scope.startswith(f"{part}:")]
    assert "organisation:write" not in SERVICE_SCOPES


async def test_a_token_does_what_its_scope_says_in_its_own_name(door: Door) -> None:
    position = await service(door)
    secret = (await token_for(door, position, "reports:write"))["secret"]
    assert secret.startswith("ans_")
    taken = await report(door, secret)
    assert taken.status_code == 201, taken.text
    (entry,) = await door.sql("SELECT position_id, role FROM audit_entry WHERE action = 'receive_report'")
    assert (str(entry["position_id"]), entry["role"]) == (position, "HLT")


@pytest.mark.parametrize("scope", SERVICE_SCOPES)
async def test_a_token_outside_its_scope_is_refused_everywhere_and_that_is_on_record(door: Door, scope: str) -> None:
    secret = (await token_for(door, await service(door), scope))["secret"]
    refused = []
    for path, operations in door.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if {"HTTPBearer": []} not in operation.get("security", []):
                continue
            needed = service_scope(operation["tags"][0], reads=method == "get")
            if needed == scope:
                continue
            filled = path.replace("/actions/{event}", "/actions/acknowledge")
            for name in ("case", "person", "unit", "position", "token", "session", "factor"):
                filled = filled.replace("{" + name + "}", str(uuid4()))
            filled = (
                filled
                if "{" not in filled
                else "/".join(str(uuid4()) if step.startswith("{") else step for step in filled.split("/"))
            )
            answer = await with_token(door, secret, method.upper(), filled.removeprefix("/api/v1"))
            assert await code(answer) == "not-permitted", (method, path, answer.text)
            refused.append(path)
    assert len(refused) > 20
    assert len(await audited(door, "request")) == len(refused)


async def test_a_scope_widens_nothing(door: Door) -> None:
    """Whatever its system's token says: a hospital reads the cases referred to it, and a relay point reads none."""
    case = (await door.report())["cases"][0]["code"]
    assert (await door.get("cpo.a", "/cases")).json()["items"]
    secret = (await token_for(door, await service(door), "cases:read"))["secret"]
    assert (await with_token(door, secret, "GET", "/cases")).json()["items"] == []
    assert await code(await with_token(door, secret, "GET", f"/cases/{case}")) == "not-found"
    relay = (await token_for(door, await service(door, unit="HN-A", role="WU"), "cases:read"))["secret"]
    assert await code(await with_token(door, relay, "GET", "/cases")) == "not-permitted"


async def test_the_token_is_stored_nowhere_and_is_no_cookie(door: Door) -> None:
    position = await service(door)
    secret = (await token_for(door, position, "reports:write"))["secret"]
    for table in ("service_token", "audit_entry"):
        assert secret not in str(await door.sql(f"SELECT t::text AS row FROM {table} t"))
    listed = await door.get("admin", f"/services/{position}/tokens")
    assert secret not in listed.text
    cookie = {"Cookie": f"__Host-annhi={secret}", "Sec-Fetch-Site": "same-origin"}
    assert await code(await door.http.get("/api/v1/me", headers=cookie)) == "not-signed-in"


async def test_one_sees_when_a_token_was_used_last(door: Door) -> None:
    position = await service(door)
    secret = (await token_for(door, position, "reports:write"))["secret"]
    assert (await door.get("admin", f"/services/{position}/tokens")).json()[0]["seen_at"] is None
    door.clock.forward(minutes=5)
    await report(door, secret)
    seen = (await door.get("admin", f"/services/{position}/tokens")).json()[0]["seen_at"]
    assert seen is not None
    assert door.clock.at.isoformat().replace("+00:00", "Z") == seen


async def test_a_token_ends_when_it_said_and_at_once_when_revoked(door: Door) -> None:
    position = await service(door)
    short = await token_for(door, position, "reports:write", days=1)
    other = await token_for(door, position, "reports:write")
    assert (await door.post("admin", f"/service-tokens/{other['token']['id']}/revoke")).status_code == 204
    assert await code(await report(door, other["secret"])) == "session-ended"
    again = await door.post("admin", f"/service-tokens/{other['token']['id']}/revoke")
    assert await code(again) == "already-ended"
    assert (await report(door, short["secret"])).status_code == 201
    door.clock.forward(days=1)
    assert await code(await report(door, short["secret"])) == "session-ended"


async def test_an_unused_token_does_not_sit_idle_to_its_end(door: Door) -> None:
    secret = (await token_for(door, await service(door), "reports:write"))["secret"]
    door.clock.forward(days=29)
    assert (await report(door, secret)).status_code == 201


async def test_rotation_overlaps_and_then_the_old_one_is_over(door: Door) -> None:
    old = await token_for(door, await service(door), "reports:write")
    until = (door.clock.at + timedelta(days=90)).isoformat()
    new = await door.post(
        "admin", f"/service-tokens/{old['token']['id']}/rotate", {"expires_at": until, "overlap_hours": 2}
    )
    assert new.status_code == 201, new.text
    assert new.json()["token"]["scopes"] == ["reports:write"]
    for secret in (old["secret"], new.json()["secret"]):
        assert (await report(door, secret)).status_code == 201
    door.clock.forward(hours=2)
    assert await code(await report(door, old["secret"])) == "session-ended"
    assert (await report(door, new.json()["secret"])).status_code == 201


async def test_when_the_system_s_position_ends_its_tokens_do(door: Door) -> None:
    position = await service(door)
    secret = (await token_for(door, position, "reports:write"))["secret"]
    door.clock.forward(minutes=1)
    assert (await door.post("admin", f"/positions/{position}/end", {})).status_code == 200
    assert await code(await report(door, secret)) == "position-ended"
    assert await code(await door.post("admin", f"/services/{position}/tokens", _wanted(door))) == "not-found"


def _wanted(door: Door, **more: Any) -> dict[str, Any]:
    until = door.clock.at + timedelta(days=1)
    return {"scopes": ["reports:write"], "expires_at": until.isoformat(), **more}


async def test_who_gives_tokens_and_to_what(door: Door) -> None:
    position = await service(door)
    wanted = _wanted(door)
    for by in ("cpo.a", "doh", "nat"):
        assert await code(await door.post(by, f"/services/{position}/tokens", wanted)) == "not-permitted"
    person = (await door.get("cpo.a", "/me")).json()["position"]["id"]
    # A person's position gets no token: people sign in.
    assert await code(await door.post("admin", f"/services/{person}/tokens", wanted)) == "not-found"
    assert await code(await door.get("admin", f"/services/{person}/tokens")) == "not-found"
    for unit, role, expected in (("VN", "NAT", "invalid-request"), ("HN-BV", "CHAIR", "not-yours-to-grant")):
        body = {"name": "Hệ thống", "unit_id": str(door.unit(unit)), "role": role}
        assert await code(await door.post("admin", "/services", body)) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["organisation:write"]},
        {"scopes": ["reports:write", "reports:write"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"expires_at": "2026-12-01T00:00:00"},
    ],
)
async def test_a_token_is_for_known_scopes_and_for_a_time(door: Door, more: dict[str, Any]) -> None:
    answer = await door.post("admin", f"/services/{await service(door)}/tokens", _wanted(door, **more))
    assert answer.status_code == 422
