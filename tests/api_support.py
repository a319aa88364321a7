"""The door with the sample organisation behind it, for tests that knock."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import insert, text
from temporalio.client import Client

from api import letting_in
from api.app import create_app
from api.fhir.resources import MEDIA_TYPE
from api.passwords import Passwords
from api.whence import DoorKeys
from deploy.runtime.postgres import Postgres
from deploy.seed import Organisation, sample_organisation
from models.audit.origin import Origins
from models.database import Who, transaction
from models.records.reference import load_reference
from models.settings import Settings
from models.tables import Account, new_id, table
from models.vault import KeyRing
from tests.databases import Database
from tests.world import World, seeded_database
from workflows.client import CaseDesk
from workflows.connection import connect

# Tests say themselves when somebody looks at what is set aside.
letting_in.EVERY_SECONDS = 3600.0

# Unconfigured, structlog draws every traceback with all its variables, which takes longer than the test.
structlog.configure(processors=[structlog.processors.KeyValueRenderer()])

# Mon 23 Nov 2026, 09:00 at Hà Nội: an ordinary office morning.
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
PASSWORD = "bốn từ dễ nhớ thôi"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
REFERENCE = load_reference()
KEYS = DoorKeys(Origins.for_once(), KeyRing({"of-the-tests": bytes(range(32))}, "of-the-tests"))
DECLARE = 428
PROBLEM_TYPES = ("application/problem+json", MEDIA_TYPE)
"""In which types a call is refused: RFC 9457, and FHIR's OperationOutcome under /fhir."""
GATEWAY_TOKEN = "gateway-token-of-the-tests"


def problem_code(answer: httpx.Response) -> str:
    """The code of the problem an answer tells of, in whichever of the two types."""
    body = answer.json()
    if answer.headers["content-type"] == MEDIA_TYPE:
        return str(body["issue"][0]["details"]["coding"][0]["code"])
    return str(body["code"])


@dataclass
class HandClock:
    """A clock moved by hand."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Door:
    """The application, the clock it goes by, and who is signed in."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: Any
    database: Database
    sample: Organisation
    tokens: dict[str, str] = field(default_factory=dict)
    undeclared: bool = False
    """Nobody declares anything that the test itself does not."""

    def unit(self, key: str) -> UUID:
        return self.sample.unit_ids[key]

    def person(self, username: str) -> UUID:
        return self.sample.person_ids[username]

    async def sign_in(self, username: str) -> str:
        answer = await self.http.post("/api/v1/sessions", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.tokens[username] = answer.json()["token"]
        return self.tokens[username]

    async def call(self, username: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        """One request. Whoever is asked for it declares that they are not related to the case, and asks again."""
        headers = dict(more.pop("headers", {}))
        if username is not None:
            token = self.tokens.get(username) or await self.sign_in(username)
            headers["Authorization"] = f"Bearer {token}"
        answer = await self.http.request(method, f"/api/v1{path}", headers=headers, **more)
        while not self.undeclared and answer.status_code == DECLARE and answer.json()["code"] == "declaration-required":
            where = answer.json()["about"]["post"].removeprefix("/api/v1")
            declared = await self.post(username, where, {"answer": "none"})
            assert declared.status_code == 200, declared.text
            answer = await self.http.request(method, f"/api/v1{path}", headers=headers, **more)
        return answer

    async def get(self, username: str | None, path: str, **more: Any) -> httpx.Response:
        return await self.call(username, "GET", path, **more)

    async def pages(self, username: str, path: str, **asked: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The items of a list, page by page, to its last; a cursor that leads back fails."""
        passed: set[str] = set()
        while True:
            answer = await self.get(username, path, params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            yield page["items"]
            if page["next"] is None:
                return
            assert page["next"] not in passed, "the same page again"
            passed.add(page["next"])
            asked["cursor"] = page["next"]

    async def every(self, username: str, path: str, **asked: Any) -> list[dict[str, Any]]:
        """Every item of a list, whatever many pages it takes."""
        return [item async for page in self.pages(username, path, **asked) for item in page]

    async def post(
        self, username: str | None, path: str, body: Any = None, *, key: UUID | None = None
    ) -> httpx.Response:
        headers = {"Idempotency-Key": str(key)} if key else {}
        return await self.call(username, "POST", path, json=body, headers=headers)

    async def report(self, username: str = "cpo.a", **body: Any) -> dict[str, Any]:
        """A report taken in, and its receipt."""
        answer = await self.post(username, "/reports", report_body(**body), key=uuid4())
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def act(
        self, username: str, case: str, event: str, body: Any = None, *, key: UUID | None = None
    ) -> httpx.Response:
        return await self.post(username, f"/cases/{case}/actions/{event}", body or {}, key=key or uuid4())

    async def sql(self, statement: str, **values: Any) -> Any:
        async with transaction(self.database.owner, Who(system="test"), self.clock.now()) as connection:
            result = await connection.execute(text(statement), values)
            return result.mappings().all() if result.returns_rows else None


def report_body(
    *, children: list[dict[str, Any]] | None = None, unit: str | None = "HN-A", flagged: bool = False, **more: Any
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "m01": {"channel": "PHONE", "children": children or [{"name": "Bé Mẫu", "estimated_age": 8}]},
        "flagged": flagged,
        **more,
    }
    if flagged:
        body.setdefault("trigger", "LIFE")
    if unit is not None:
        body["incident_unit"] = unit
    return body


@asynccontextmanager
async def open_door(server: Postgres, client: Client, task_queue: str = "none", **settings: Any) -> AsyncIterator[Door]:
    """The door over a database of its own, with the clock in hand and nobody signed in yet."""
    async with seeded_database(server) as database:
        desk = CaseDesk(client, task_queue=task_queue, timeout=1)
        sample = sample_organisation(NOW)
        async with door_to(
            database, sample=sample, desk=desk, clock=HandClock(), task_queue=task_queue, **settings
        ) as door:
            yield door


async def temporal_away(key_file: Path) -> Client:
    """A client whose server is not there."""
    return await connect(Settings(temporal_address="127.0.0.1:1", key_file=key_file), lazy=True)


@asynccontextmanager
async def door_to(
    database: Database,
    *,
    sample: Organisation,
    desk: CaseDesk,
    clock: Any,
    task_queue: str,
    seconds: Callable[[], float] = time.monotonic,
    **more: Any,
) -> AsyncIterator[Door]:
    """The door over a database with the sample organisation in it."""
    stored = CHEAP.hash(PASSWORD)
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        await connection.execute(
            insert(table(Account)),
            [
                {
                    "id": new_id(), "person_id": sample.person_ids[name], "username": name, "password_hash": stored,
                    "failures": 0, "created_at": NOW,
                }
                for name in PEOPLE
            ],
        )  # fmt: skip
    settings = Settings(
        **{
            "task_queue": task_queue,
            "gateway_token": SecretStr(GATEWAY_TOKEN),
            "public_url": "http://door.test",
            # Most tests are about something else than the second factor and sitting idle.
            "second_factor_roles": "",
            "session_idle_minutes": 12 * 60.0,
            # Tests ask faster than people; those about it set a limit.
            "requests_per_minute": 0,
            "urgent_per_minute": 0,
            **more,
        }
    )
    app = create_app(
        settings, database.api, desk, clock, passwords=Passwords(CHEAP), loaded=REFERENCE, keys=KEYS, seconds=seconds
    )
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5000), raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://door.test") as http,
        app.router.lifespan_context(app),
    ):
        yield Door(app, http, clock, database, sample)


@asynccontextmanager
async def door_of(world: World, *, desk: CaseDesk | None = None, **more: Any) -> AsyncIterator[Door]:
    """The door in front of a world."""
    async with door_to(
        world.database, sample=world.organisation, desk=desk or world.desk, clock=world.clock,
        task_queue=world.task_queue, **more,
    ) as opened:  # fmt: skip
        yield opened


PEOPLE = [
    "cpo.a", "cpo2.a", "sup.a", "chair.a", "vch.a", "pol.a", "cpo.b", "sup.b", "chair.b", "h111", "h111.2", "h111s",
    "doh", "dohd", "prov", "nat", "aud", "dpo", "admin", "hlt", "edu", "wu.a", "leg", "pol.tp",
]  # fmt: skip
"""Everybody the tests sign in as."""
