"""The service as ``make up`` runs it, on a data folder of its own that is gone afterwards.

Servers, worker and API are the real processes with the real settings: PostgreSQL writes through before it answers,
Temporal's store has WAL and synchronous=FULL.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from temporalio.client import Client

from deploy.runtime.layout import HOST, DataFolder, Ports
from deploy.runtime.processes import Child, Command, run, spawn
from deploy.runtime.schema import create_keys
from deploy.runtime.services import Parts, Service
from deploy.runtime.temporal import free_port
from models.settings import Settings
from workflows.connection import connect


@dataclass
class Stage:
    """A running service."""

    parts: Parts
    children: dict[str, Child] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings its processes have, with every role."""
        env = self.parts.everything()
        lower = {name.removeprefix("ANNHI_").lower(): value for name, value in env.items() if name.startswith("ANNHI_")}
        return Settings.model_validate(lower)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self.parts.ports.api}"

    async def client(self) -> Client:
        """A client of its Temporal, with our converter and codec."""
        return await connect(self.settings)

    async def start(self, service: Service, name: str = "") -> Child:
        """Start one of its parts; it is stopped with the stage."""
        child = await service.start()
        self.children[name or service.name] = child
        return child

    async def start_worker(self, name: str = "worker") -> Child:
        """Start a worker process and wait until it asks for work."""
        return await self.start(self.parts.processes()[0], name)

    async def start_api(self) -> Child:
        """Start the API and wait until it is ready."""
        return await self.start(self.parts.processes()[1])

    async def start_module(self, name: str, module: str, *roles: str) -> Child:
        """Start a Python module of the benches as a process of its own."""
        command = self.parts.once(name, module)
        env = self.parts.environment(*roles) | {"PYTHONPATH": command.env["PYTHONPATH"]}
        child = await spawn(Command(name=name, argv=command.argv, env=env, log=command.log))
        self.children[name] = child
        return child

    def memory(self) -> dict[str, int]:
        """Resident memory in bytes by part; PostgreSQL's processes counted by their own share (PSS)."""
        return {name: _resident(child.pid, shared=name == "postgres") for name, child in self.children.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time used so far by part, and by this process (``bench``)."""
        used = {name: _cpu(child.pid) for name, child in self.children.items()}
        return used | {"bench": sum(os.times()[:2])}


@asynccontextmanager
async def stage(through: tuple[str, ...] = ()) -> AsyncIterator[Stage]:
    """Servers, schema and sample organisation in a new folder; stopped and removed at the end, whatever happens.

    Args:
        through: a module, and its arguments, that worker and API are run through.
    """
    root = _root()
    parts: Parts | None = None
    made: Stage | None = None
    try:
        folder = DataFolder(root / "data")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")}
        # A bench asks as a thousand officers do, by a handful of sessions.
        clean |= {"ANNHI_REQUESTS_PER_MINUTE": "0", "ANNHI_URGENT_PER_MINUTE": "0"}
        # Nobody here has a second factor in their pocket.
        clean |= {"ANNHI_SECOND_FACTOR_ROLES": ""}
        parts = Parts(folder, Ports(free_port(), free_port(), free_port()), clean, through)
        folder.create()
        create_keys(parts.key_file, parts.vault_file)
        made = Stage(parts)
        for service in parts.servers():
            await made.start(service)
        for name, module in (("migrate", ("deploy.cli", "migrate")), ("seed", ("deploy.seed",))):
            child = await run(parts.once(name, *module))
            if child.process.returncode:
                raise RuntimeError(f"{name} failed:\n{child.said(8)}")
        yield made
    finally:
        for child in reversed(list(made.children.values()) if made else []):
            await child.stop()
        if parts is not None and parts.postgres is not None:
            parts.postgres.remove_socket_dir()
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


def _root() -> Path:
    """A folder that PostgreSQL's own user may pass through."""
    root = Path(tempfile.mkdtemp(prefix="annhi-bench-"))
    root.chmod(0o711)
    return root


def _family(pid: int) -> list[psutil.Process]:
    try:
        one = psutil.Process(pid)
        return [one, *one.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(pid: int, *, shared: bool) -> int:
    total = 0
    for process in _family(pid):
        try:
            # Each backend counts the shared buffers it touched as its own; PSS divides them.
            total += process.memory_full_info().pss if shared else process.memory_info().rss
        except psutil.Error:
            continue
    return total


def _cpu(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
