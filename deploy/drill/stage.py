"""The stage of a drill: the real service on servers of its own, with a clock that can be moved.

A temporary PostgreSQL database, Temporal's time-skipping server, the worker, the outbox and the API over real HTTP on
the loopback address. Nothing of it outlives the drill.
"""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.client import Client

from activities.channels import configured
from activities.delivery import Outbox
from api.app import create_app
from api.passwords import Passwords
from deploy.drill.cast import Cast
from deploy.drill.clock import DrillFailureError, StageClock
from deploy.drill.format import Drill
from deploy.drill.world import ADMINISTRATOR, World, build
from deploy.runtime.postgres import API, OWNER, WORKER, Postgres, embedded_postgres
from deploy.runtime.temporal import time_skipping_server
from deploy.runtime.trouble import Trouble
from models import migrations
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.records.reference import Reference, load_reference
from models.settings import Settings
from models.tables import Referral, table
from models.vault import KeyRing
from models.vault.file import FileKeys
from models.vault.file import create as create_vault
from workflows.client import CaseDesk
from workflows.connection import connect as connect_temporal
from workflows.worker import case_worker

NAMESPACE = "default"
"""The one namespace the time-skipping server has."""

QUEUE = "drill"

_REFERRAL = table(Referral)


@dataclass
class Stage:
    """Everything a drill needs, at its start.

    ``cases`` and ``referrals`` are those by the names the file gives them; reports and ``refer`` add to them, and
    whatever is passed on by itself.
    """

    drill: Drill
    clock: StageClock
    desk: CaseDesk
    cast: Cast
    world: World
    owner: AsyncEngine
    cases: dict[str, UUID] = field(default_factory=dict)
    referrals: dict[str, UUID] = field(default_factory=dict)

    @property
    def nicks(self) -> dict[UUID, str]:
        """The file's names of people, cases and referrals, by id."""
        people = {person: nick for nick, person in self.world.people.items() if nick != ADMINISTRATOR}
        return people | {made: nick for named in (self.cases, self.referrals) for nick, made in named.items()}

    @property
    def units(self) -> dict[UUID, str]:
        """The file's codes of units, by id."""
        return {unit: code for code, unit in self.world.units.items()}

    async def name_passed_on(self) -> None:
        """Name the referrals that were made by themselves: ``…-2`` where a need goes to its second unit."""
        async with self.reading() as connection:
            passed = select(_REFERRAL.c.id, _REFERRAL.c.rerouted_from).where(_REFERRAL.c.rerouted_from.is_not(None))
            rows = (await connection.execute(passed.order_by(_REFERRAL.c.created_at, _REFERRAL.c.id))).all()
        known = {made: nick for nick, made in self.referrals.items()}
        for row in rows:
            if row.id not in known and row.rerouted_from in known:
                nick, _, number = known[row.rerouted_from].rpartition("-")
                again = number.isdigit() and nick in self.referrals
                known[row.id] = f"{nick}-{int(number) + 1}" if again else f"{known[row.rerouted_from]}-2"
                self.referrals[known[row.id]] = row.id

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may read everything, of the owner role."""
        async with transaction(self.owner, Who(system="drill"), self.clock.now()) as connection:
            yield connection


@asynccontextmanager
async def stage(drill: Drill, *, server: Postgres | None = None) -> AsyncIterator[Stage]:
    """Set a drill's stage, and clear it away at the end.

    Args:
        drill: whose.
        server: a running PostgreSQL to make a database in; one of the drill's own by default.

    Raises:
        DrillFailureError: a server does not start.
    """
    async with AsyncExitStack() as things:
        folder = Path(
            things.enter_context(tempfile.TemporaryDirectory(prefix="annhi-drill-", ignore_cleanup_errors=True))
        )
        try:
            if server is None:
                server = await things.enter_async_context(embedded_postgres(folder / "pg", durable=False))
            database = await things.enter_async_context(_database(server))
            address = await things.enter_async_context(time_skipping_server(folder / "temporal"))
        except (Trouble, OSError, RuntimeError) as trouble:
            raise DrillFailureError(str(trouble)) from trouble
        config = _settings(folder, server, database, address)
        owner = await _engine(things, config, config.owner_database_url)
        client = await _temporal(config)
        password = secrets.token_urlsafe(16)
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))  # nothing real is behind it
        async with transaction(owner, Who(system="drill"), drill.start) as connection:
            world = await build(connection, drill, await passwords.hash(password))
        clock = await StageClock.open(client, drill.start)
        domain = PlatformClock(clock.offset, clock.platform)
        desk = CaseDesk(client, task_queue=QUEUE, offset=clock.offset, timeout=15.0)
        reference = load_reference()
        await _work(things, config, client=client, desk=desk, clock=domain, reference=reference)
        engine = await _engine(things, config, config.database_url)
        http = await _serve(things, create_app(config, engine, desk, domain, passwords=passwords, loaded=reference))
        cases: dict[str, UUID] = {}
        referrals: dict[str, UUID] = {}
        cast = Cast(http, world, cases, referrals, password)
        yield Stage(drill, clock, desk, cast, world, owner, cases, referrals)


@asynccontextmanager
async def _database(postgres: Postgres) -> AsyncIterator[str]:
    name = f"drill_{secrets.token_hex(8)}"
    await postgres.create_database(name)
    try:
        await asyncio.to_thread(migrations.upgrade, postgres.url(OWNER, name))
        yield name
    finally:
        await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def _settings(folder: Path, postgres: Postgres, database: str, address: str) -> Settings:
    keys, vault = folder / "keys.json", folder / "vault.json"
    KeyRing.create(keys)
    create_vault(vault)
    return Settings(
        database_url=SecretStr(postgres.url(API, database)),
        worker_database_url=SecretStr(postgres.url(WORKER, database)),
        owner_database_url=SecretStr(postgres.url(OWNER, database)),
        database_pool=8,
        temporal_address=address,
        temporal_namespace=NAMESPACE,
        task_queue=QUEUE,
        key_file=keys,
        vault_file=vault,
        # The cast signs in by password alone: nobody in a drill has a telephone.
        second_factor_roles="",
        # No way out of the house: notices stay in the inbox, whatever this process's environment says.
        smtp_host="",
        gateway_url="",
        # Nor is anybody kept waiting by how much the cast asks at once.
        requests_per_minute=0,
        urgent_per_minute=0,
        data_dir=folder,
    )


async def _engine(things: AsyncExitStack, config: Settings, url: SecretStr) -> AsyncEngine:
    engine = connect(url.get_secret_value(), pool_size=8, keys=FileKeys(config.vault_file))
    things.push_async_callback(engine.dispose)
    return engine


async def _temporal(config: Settings) -> Client:
    try:
        return await connect_temporal(config)
    except RuntimeError as error:
        raise DrillFailureError(f"the time-skipping server does not answer: {error}") from error


async def _work(
    things: AsyncExitStack,
    config: Settings,
    *,
    client: Client,
    desk: CaseDesk,
    clock: PlatformClock,
    reference: Reference,
) -> None:
    engine = await _engine(things, config, config.worker_database_url)
    outbox = Outbox(engine, clock, configured(config), config)
    sending = asyncio.create_task(outbox.run())
    things.push_async_callback(_ended, sending)
    things.callback(outbox.stop)
    worker = case_worker(client, engine=engine, clock=clock, desk=desk, reference=reference, task_queue=QUEUE)
    await things.enter_async_context(worker)


class _Server(uvicorn.Server):
    """Leaves Ctrl-C to the drill: otherwise the API alone would stop and the drill wait for it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(things: AsyncExitStack, app: FastAPI) -> httpx.AsyncClient:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    things.callback(listening.close)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    things.push_async_callback(_ended, serving)
    things.callback(setattr, server, "should_exit", True)
    until = datetime.now(UTC).timestamp() + 30
    while not server.started:
        if serving.done() or datetime.now(UTC).timestamp() > until:
            raise DrillFailureError("the API does not start")
        await asyncio.sleep(0.02)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
    return await things.enter_async_context(httpx.AsyncClient(base_url=base, timeout=30.0, trust_env=False))


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task], timeout=10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
