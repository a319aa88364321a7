"""The same people at the door: over HTTP, signed in, as a client of the API would work."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from deploy.seed import sample_organisation
from models.clock import PlatformClock
from models.forms import content
from tests.bench.life import LIFE, Told, report
from tests.bench.office import COMMUNES, RefusedError
from tests.bench.stage import Stage


@dataclass(frozen=True)
class Door:
    """The API, and the tokens of those who use it."""

    http: httpx.AsyncClient
    tokens: dict[str, str]
    owners: dict[str, Any]

    async def post(self, who: str, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Ask as somebody, under a new idempotency key unless told which.

        Raises:
            RefusedError: the answer is no success.
        """
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": key or str(uuid4())}
        answer = await self.http.post(path, json=body, headers=headers)
        if not answer.is_success:
            raise RefusedError(f"{path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

    async def receive(self, number: int) -> float:
        """Hand a report in. Returns the seconds until its receipt was there."""
        told = content(report(COMMUNES[number % len(COMMUNES)]))
        began = time.perf_counter()
        await self.post("h111", "/reports", told)
        return time.perf_counter() - began

    async def live(self, number: int) -> list[float]:
        """One life of a case. Returns the seconds each command took, without the intake."""
        unit = COMMUNES[number % len(COMMUNES)]
        suffix = unit.rsplit("-", 1)[-1].lower()
        receipt = await self.post("h111", "/reports", content(report(unit)))
        case = receipt["cases"][0]["id"]
        told = Told(self.owners[f"cpo.{suffix}"], PlatformClock().now().date())
        seconds = []
        for step in LIFE:
            body = step.says(told)
            began = time.perf_counter()
            await self.post(f"{step.who}.{suffix}", f"/cases/{case}/actions/{step.event}", body)
            seconds.append(time.perf_counter() - began)
            if step.event == "submit_plan":
                told.plan_hash = await self._plan_hash(f"cpo.{suffix}", case)
        return seconds

    async def _plan_hash(self, who: str, case: str) -> str:
        # Acting asks for no declaration, reading for the first time does.
        await self.post(who, f"/cases/{case}/declaration", {"answer": "none"})
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = await self.http.get(f"/cases/{case}/documents", params={"kind": "M04"}, headers=headers)
        return str(answer.raise_for_status().json()["items"][-1]["content_hash"])


@asynccontextmanager
async def door(servers: Stage, *more: str) -> AsyncIterator[Door]:
    """Sign everybody in who has a part, and ``more``; the API must be running."""
    lines = servers.parts.folder.accounts.read_text(encoding="utf-8").splitlines()
    passwords = dict(line.split()[:2] for line in lines if line and not line.startswith("#"))
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    async with httpx.AsyncClient(base_url=f"{servers.url}/api/v1", timeout=60, limits=limits) as http:
        tokens = {}
        for who in ("h111", *more, *(f"{role}.{unit[-1].lower()}" for unit in COMMUNES for role in ("cpo", "chair"))):
            answer = await http.post("/sessions", json={"username": who, "password": passwords[who]})
            answer.raise_for_status()
            tokens[who] = answer.json()["token"]
        yield Door(http, tokens, sample_organisation(PlatformClock().now()).person_ids)
