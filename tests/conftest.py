"""Real servers for the tests: PostgreSQL and Temporal once per session, a database and a task queue per test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from deploy.runtime.postgres import API, OWNER, WORKER, Postgres, embedded_postgres
from deploy.runtime.temporal import Temporal, temporal_server
from models import migrations
from models.database import connect
from models.settings import Settings
from models.vault import KeyRing
from models.vault.file import FileKeys
from models.vault.file import create as create_vault
from workflows.connection import connect as connect_temporal

TEMPLATE = "annhi"
_VAULT_FOLDER = tempfile.TemporaryDirectory(prefix="annhi-test-vault-")
VAULT_FILE = Path(_VAULT_FOLDER.name) / "vault.json"
create_vault(VAULT_FILE)
VAULT = FileKeys(VAULT_FILE)
"""What wraps the keys of every case of this run."""


@dataclass(frozen=True)
class Database:
    """A migrated database of its own, with an engine per role."""

    name: str
    server: Postgres
    owner: AsyncEngine
    api: AsyncEngine
    worker: AsyncEngine

    def url(self, role: str) -> str:
        """The URL of a role (``API``, ``WORKER``, ``OWNER``)."""
        return self.server.url(role, self.name)


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
    name = f"t_{uuid4().hex}"
    await postgres.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
    await postgres.sql(f"GRANT CONNECT ON DATABASE {name} TO {API}, {WORKER}")
    made = Database(
        name=name,
        server=postgres,
        owner=connect(postgres.url(OWNER, name), pool_size=3, keys=VAULT),
        api=connect(postgres.url(API, name), pool_size=10, keys=VAULT),
        worker=connect(postgres.url(WORKER, name), pool_size=10, keys=VAULT),
    )
    yield made
    for engine in (made.owner, made.api, made.worker):
        await engine.dispose()
    await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


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
    config = Settings(temporal_address=temporal_process.address, key_file=key_file)
    return await connect_temporal(config)


@pytest.fixture
def task_queue() -> str:
    """A queue nobody else listens on."""
    return f"q-{uuid4().hex}"


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


NO_OFFSET = timedelta(0)
