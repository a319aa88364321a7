"""Databases of tests: copies of a migrated template, each with an engine per role, and what wraps their keys."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.runtime.postgres import API, OWNER, WORKER, Postgres
from models.database import connect
from models.vault import KeyProvider
from models.vault.file import FileKeys
from models.vault.file import create as create_vault

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


@asynccontextmanager
async def a_copy(server: Postgres, template: str = TEMPLATE, keys: KeyProvider = VAULT) -> AsyncIterator[Database]:
    """A fresh copy of a template, dropped at the end."""
    name = f"t_{uuid4().hex}"
    await server.sql(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
    await server.sql(f"GRANT CONNECT ON DATABASE {name} TO {API}, {WORKER}")
    made = Database(
        name=name,
        server=server,
        owner=connect(server.url(OWNER, name), pool_size=3, keys=keys),
        api=connect(server.url(API, name), pool_size=10, keys=keys),
        worker=connect(server.url(WORKER, name), pool_size=10, keys=keys),
    )
    try:
        yield made
    finally:
        for engine in (made.owner, made.api, made.worker):
            await engine.dispose()
        await server.sql(f"DROP DATABASE {name} WITH (FORCE)")
