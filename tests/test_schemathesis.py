"""Every operation of the OpenAPI document, asked by every role with whatever its schema allows and forbids.

Requests are made up by Schemathesis from the document itself and go over the wire to the served door, with a real
worker behind it. Whatever is asked: no 500, and no status, media type or body that the document does not name.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from deploy.seed import sample_organisation
from tests.api_support import NOW, Door, door_of
from tests.api_support import PEOPLE as ACCOUNTS
from tests.served import served
from tests.world import a_world, client_of

pytestmark = pytest.mark.servers

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
UNAUTHORIZED = 401
ACTIONS = "/actions/"
AWAY = 503
"""Said in so many words by a problem; Schemathesis takes any status of the five hundreds for a fault."""


PEOPLE = (
    "cpo.a", "sup.a", "chair.a", "vch.a", "h111", "h111s", "doh", "dohd", "prov", "nat", "aud", "dpo", "admin", "hlt",
    "edu", "wu.a", "pol.a", "leg",
)  # fmt: skip
"""One of every role that the sample organisation has."""

ALLOWED, FORBIDDEN = 2, 1
"""Requests made up for each operation: as its schema says, and as it does not."""

ACTORS = 6
"""How many send the first of them where it is an event of a case: the next ones in turn, so that every role sends every
third event. All other operations are asked by everybody, signed out included. All of them sending every event found
nothing more, and takes a third more of the processor's time."""


@dataclass
class Knocking:
    """The served door, everybody who knocks, and what came of it."""

    door: Door
    url: str
    case: str
    loop: asyncio.AbstractEventLoop
    http: requests.Session
    asked: set[tuple[str, str | None]] = field(default_factory=set)
    answered: Counter[int] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)
    turn: Iterator[str | None] = field(default_factory=lambda: cycle((None, *PEOPLE)))

    def everything(self) -> None:
        """Ask every operation. Runs in a thread of its own, while the loop serves."""
        schema = schemathesis.openapi.from_dict(self.door.app.openapi())
        for result in schema.get_all_operations():
            operation = result.ok()
            for mode, examples in ((GenerationMode.POSITIVE, ALLOWED), (GenerationMode.NEGATIVE, FORBIDDEN)):
                self._made_up(operation, mode, examples)

    def _made_up(self, operation: Any, mode: GenerationMode, examples: int) -> None:
        bounded = settings(
            max_examples=examples, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        first = mode is GenerationMode.POSITIVE

        def send(case: Any) -> None:
            nonlocal first
            many = len(PEOPLE) + 1 if ACTIONS not in operation.path else ACTORS
            for _ in range(many if first else 1):
                self._ask(case, next(self.turn))
            first = False

        # An operation that takes nothing cannot be asked wrongly.
        with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
            given(case=operation.as_strategy(generation_mode=mode))(bounded(send))()

    def _ask(self, case: Any, username: str | None) -> None:
        if "case" in (case.path_parameters or {}):
            case.path_parameters["case"] = self.case
        answer = self._send(case, username)
        if username is not None and answer.status_code == UNAUTHORIZED and "session-ended" in answer.text:
            # An operation asked before has done what it is for.
            asyncio.run_coroutine_threadsafe(self.door.sign_in(username), self.loop).result()
            answer = self._send(case, username)
        self.asked.add((case.operation.label, username))
        self.answered[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS[1:] if answer.status_code == AWAY else CHECKS)
        except FailureGroup as failures:
            said = "; ".join(str(one) for one in failures.exceptions)
            self.found.setdefault(
                f"{case.operation.label} {answer.status_code}",
                f"as {username}: {said}\n{case.as_curl_command()[:1000]}",
            )

    def _send(self, case: Any, username: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self.door.tokens[username]}"} if username else {}
        if "Idempotency-Key" in (case.headers or {}):
            headers["Idempotency-Key"] = str(uuid4())
        return case.call(base_url=self.url, session=self.http, headers=headers)


@pytest_asyncio.fixture
async def knocking(postgres: Postgres, temporal_process: Temporal, key_file: Path) -> AsyncIterator[Knocking]:
    async with (
        a_world(postgres, await client_of(temporal_process, key_file)) as world,
        door_of(world) as door,
        served(door.app, door.app.state.door.settings) as port,
    ):
        for username in PEOPLE:
            await door.sign_in(username)
        case = (await door.report(flagged=True))["cases"][0]["id"]
        with requests.Session() as http:
            yield Knocking(door, f"http://127.0.0.1:{port}", case, asyncio.get_running_loop(), http)


async def test_no_role_gets_an_answer_that_the_document_does_not_name(knocking: Knocking) -> None:
    await asyncio.to_thread(knocking.everything)
    paths = knocking.door.app.openapi()["paths"]
    everywhere = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    events = {one for one in everywhere if ACTIONS in one}
    assert {operation for operation, _ in knocking.asked} == everywhere
    assert knocking.asked >= {(operation, who) for operation in everywhere - events for who in (None, *PEOPLE)}
    assert {who for operation, who in knocking.asked if operation in events} == {None, *PEOPLE}
    assert {200, 201, 204, 401, 403, 404, 409, 422} <= set(knocking.answered)
    assert not knocking.found, "\n\n".join(f"{name}\n{said}" for name, said in knocking.found.items())


def test_who_knocks_has_every_role_that_has_an_account_in_these_tests() -> None:
    sample = sample_organisation(NOW)
    roles = {row["person_id"]: row["role"] for row in sample.rows["position"]}
    asked = {roles[sample.person_ids[name]] for name in PEOPLE}
    assert len(asked) == len(PEOPLE)
    assert asked == {roles[sample.person_ids[name]] for name in ACCOUNTS}
