"""People who sign in, for the tests of identity: browsers with cookies, second positions, administrators' acts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx

from deploy.runtime.postgres import Postgres
from tests.api_support import PASSWORD, Door, open_door, problem_code, temporal_away

SITE = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def a_door(postgres: Postgres, key_file: Any, **settings: Any) -> AsyncIterator[Door]:
    """The door while Temporal is away, with settings of its own."""
    async with open_door(postgres, await temporal_away(key_file), **settings) as opened:
        yield opened


def signing(username: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    return {"username": username, "password": password, **more}


async def sign_in(door: Door, username: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Knock, and hear whatever the door says."""
    return await door.http.post("/api/v1/sessions", json=signing(username, password, **more))


async def with_token(door: Door, token: str, method: str, path: str, **more: Any) -> httpx.Response:
    return await door.http.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, **more)


async def code(answer: httpx.Response) -> str:
    return problem_code(answer)


async def second_position(door: Door, username: str, role: str, unit: str) -> UUID:
    """Somebody is given a second position, as their unit's administrator would."""
    row = uuid4()
    await door.sql(
        "INSERT INTO position (id, person_id, unit_id, role, kind, valid_from) "
        "VALUES (:id, :person, :unit, :role, 'person', :at)",
        id=row, person=door.person(username), unit=door.unit(unit), role=role, at=door.clock.at,
    )  # fmt: skip
    return row


async def audited(door: Door, action: str) -> list[tuple[str, str | None]]:
    """Outcomes and codes of an action on record, in order."""
    rows = await door.sql("SELECT outcome, code FROM audit_entry WHERE action = :action ORDER BY at, id", action=action)
    return [(row["outcome"], row["code"]) for row in rows]
