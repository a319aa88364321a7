"""Real servers: PostgreSQL and Temporal once per session; a database for a test, or a whole service for a module."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from deploy.runtime.postgres import OWNER, Postgres, embedded_postgres
from deploy.runtime.temporal import Temporal, temporal_server
from models import migrations
from models.vault import KeyRing
from tests.api_support import Door, door_of
from tests.databases import TEMPLATE, Database, a_copy
from tests.service import Running, running
from tests.webhook_support import LOCAL, local_post
from tests.world import World, a_world, client_of


@pytest_asyncio.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """One server for the whole run, not durable, with a migrated template database."""
    folder = Path(tempfile.mkdtemp(prefix="annhi-test-pg-"))
    try:
        async with embedded_postgres(folder, durable=False) as server:
            await asyncio.to_thread(migrations.upgrade, server.url(OWNER, TEMPLATE))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    """A fresh copy of the migrated template, dropped afterwards."""
    async with a_copy(postgres) as made:
        yield made


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key ring for payloads."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    KeyRing.create(path)
    return path


@pytest_asyncio.fixture(scope="session")
async def temporal_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Temporal]:
    """A real Temporal server for the whole run."""
    async with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest_asyncio.fixture
async def temporal(temporal_process: Temporal, key_file: Path) -> Client:
    """A client of the real server, with our converter and codec."""
    return await client_of(temporal_process, key_file)


@pytest.fixture
def task_queue() -> str:
    """A queue nobody else listens on."""
    return f"q-{uuid4().hex}"


@pytest.fixture(scope="module")
def receivers_here() -> bool:
    """Whether systems of agencies are on this machine: then the service says that it is here, too."""
    return False


@pytest_asyncio.fixture(scope="module")
async def world(
    postgres: Postgres, temporal_process: Temporal, key_file: Path, receivers_here: bool
) -> AsyncIterator[World]:
    """One worker and one database per module; every test has cases of its own."""
    client = await client_of(temporal_process, key_file)
    async with a_world(postgres, client, post=local_post() if receivers_here else None) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def door(world: World, receivers_here: bool) -> AsyncIterator[Door]:
    """The door in front of it."""
    async with door_of(world, **({"public_url": LOCAL} if receivers_here else {})) as opened:
        yield opened


@pytest.fixture(scope="module")
def signed_in_too() -> tuple[str, ...]:
    """Who of the served is signed in beside the cast of ``tests.service``."""
    return ()


@pytest_asyncio.fixture(scope="module")
async def service(signed_in_too: tuple[str, ...]) -> AsyncIterator[Running]:
    """The service of a module's tests, every server a process of its own."""
    async with running(*signed_in_too) as made:
        yield made


@pytest_asyncio.fixture
async def whole(service: Running) -> AsyncIterator[None]:
    """After every test, also one that failed, all servers run."""
    yield
    await service.heal()


_LONGEST = (
    "test_kill",
    "test_schemathesis",
    "test_runtime_service",
    "test_access_matrix",
    "test_drills",
    "test_walks",
    "test_audit_door",
)
"""Modules that take minutes: begun first, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest modules; within a module and among the others the order stays."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
