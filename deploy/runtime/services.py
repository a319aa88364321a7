"""The four long-running parts and the two that run once, each told only what it needs to know."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from deploy.runtime.layout import HOST, PROJECT, DataFolder, Ports
from deploy.runtime.postgres import API, OWNER, WORKER, Postgres
from deploy.runtime.processes import Child, Command, spawn
from deploy.runtime.temporal import Temporal
from deploy.runtime.trouble import Status, Trouble
from deploy.sample_ids import PUBLIC_DESK
from models.settings import Settings

_READY_SECONDS: Final = 90.0
_URLS: Final = ("ANNHI_DATABASE_URL", "ANNHI_WORKER_DATABASE_URL", "ANNHI_OWNER_DATABASE_URL")


@dataclass(frozen=True)
class Service:
    """A part that is to run for as long as the supervisor does.

    Args:
        name: short, for log file and messages.
        label: for people, both languages.
        start: starts it and returns when it is ready; raises ``Trouble`` where it does not come up.
    """

    name: str
    label: str
    start: Callable[[], Awaitable[Child]]


@dataclass(frozen=True)
class Parts:
    """Everything composed for one data folder.

    An ``ANNHI_*_DATABASE_URL`` or ``ANNHI_TEMPORAL_ADDRESS`` in the environment means that server is somebody else's:
    it is used and not started.

    Attributes:
        through: a module, and its arguments, that worker and API are run through, such as a bench's that counts.
    """

    folder: DataFolder
    ports: Ports
    environ: Mapping[str, str]
    through: tuple[str, ...] = ()

    @cached_property
    def postgres(self) -> Postgres | None:
        """The embedded server; None where the environment names another."""
        if any(self._given(name) for name in _URLS):
            return None
        passwords = self.folder.secrets / "postgres.json"
        return Postgres(self.folder.postgres, passwords, self.folder.logs / "postgres.log")

    @cached_property
    def temporal(self) -> Temporal | None:
        """The embedded server; None where the environment names another."""
        if self.environ.get("ANNHI_TEMPORAL_ADDRESS"):
            return None
        return Temporal(self.folder.temporal, self.folder.logs / "temporal.log", self.ports.temporal, self.ports.ui)

    @property
    def api_host(self) -> str:
        """The address the API listens on."""
        return self.environ.get("ANNHI_API_HOST") or HOST

    @property
    def public_url(self) -> str:
        """The address people use, without a slash at the end."""
        return (self.environ.get("ANNHI_PUBLIC_URL") or f"http://{HOST}:{self.ports.api}").rstrip("/")

    @property
    def ui_url(self) -> str:
        """The address of Temporal's own pages, where the embedded server has them."""
        return f"http://{HOST}:{self.ports.ui}"

    @property
    def task_queue(self) -> str:
        """The queue worker and API meet on."""
        return self.environ.get("ANNHI_TASK_QUEUE") or "annhi"

    @property
    def key_file(self) -> Path:
        """The payload keys."""
        return Path(self.environ.get("ANNHI_KEY_FILE") or self.folder.key_file)

    @property
    def vault_file(self) -> Path:
        """The keys of what is encrypted in the database."""
        return Path(self.environ.get("ANNHI_VAULT_FILE") or self.folder.vault_file)

    @property
    def settings(self) -> Settings:
        """What the environment says of the service, before its own servers are there to be named."""
        given = {
            name.removeprefix("ANNHI_").lower(): value
            for name, value in self.environ.items()
            if name.startswith("ANNHI_") and value
        }
        known = {"public_url": self.public_url, "api_host": self.api_host, "data_dir": self.folder.root,
                 "key_file": self.key_file, "vault_file": self.vault_file}  # fmt: skip
        return Settings.model_validate(given | known)

    def _given(self, name: str) -> dict[str, str]:
        """What the environment says of a secret: the variable itself, or the one that names its file; or nothing."""
        twins = (name, f"{name}_FILE")
        return {twin: self.environ[twin] for twin in twins if self.environ.get(twin)}

    def environment(self, *roles: str) -> dict[str, str]:
        """The environment of a process that may act as the given database roles and no other.

        Args:
            roles: of ``annhi_api``, ``annhi_worker``, ``annhi_owner``.
        """
        urls = dict(zip((API, WORKER, OWNER), _URLS, strict=True))
        env = {name: value for name, value in self.environ.items() if name.removesuffix("_FILE") not in _URLS}
        postgres, temporal = self.postgres, self.temporal
        for role in roles:
            given = self._given(urls[role]) if postgres is None else {urls[role]: postgres.url(role)}
            if not given:
                raise Trouble(
                    Status.BAD_SETTING,
                    f"Thiếu {urls[role]}: khi dùng PostgreSQL bên ngoài phải khai báo đủ {', '.join(_URLS)}.",
                    f"{urls[role]} is missing: with a PostgreSQL of your own set all of {', '.join(_URLS)}.",
                )
            env |= given
        if temporal is not None:
            env["ANNHI_TEMPORAL_ADDRESS"] = temporal.address
            env["ANNHI_TEMPORAL_NAMESPACE"] = temporal.namespace
        if postgres is not None and self.settings.local:
            # The sample on this machine: everybody may look around. An installation of its own asks for them.
            env.setdefault("ANNHI_SECOND_FACTOR_ROLES", "")
            env.setdefault("ANNHI_PUBLIC_DESK", str(PUBLIC_DESK))
        return env | {
            "ANNHI_DATA_DIR": str(self.folder.root),
            "ANNHI_KEY_FILE": str(self.key_file),
            "ANNHI_VAULT_FILE": str(self.vault_file),
            "ANNHI_TASK_QUEUE": self.task_queue,
            "ANNHI_API_HOST": self.api_host,
            "ANNHI_API_PORT": str(self.ports.api),
            "ANNHI_PUBLIC_URL": self.public_url,
            "PYTHONUNBUFFERED": "1",
        }

    def everything(self) -> dict[str, str]:
        """The environment of a command that may act as every role: migrations, seed, drills, demo."""
        return self.environment(API, WORKER, OWNER)

    def once(self, name: str, *module: str) -> Command:
        """A Python module that runs to its end, with every role."""
        return self._python(name, self.everything(), *module)

    def servers(self) -> list[Service]:
        """PostgreSQL and Temporal, as far as they are ours, in the order they start."""
        found = []
        if (postgres := self.postgres) is not None:

            async def start_postgres() -> Child:
                await postgres.prepare()
                child = await postgres.start()
                try:
                    await postgres.provide()
                except BaseException:
                    await child.stop()
                    raise
                return child

            found.append(Service("postgres", "Cơ sở dữ liệu · PostgreSQL", start_postgres))
        if (temporal := self.temporal) is not None:
            found.append(Service("temporal", "Quy trình bền vững · Temporal", temporal.start))
        return found

    def processes(self) -> list[Service]:
        """Worker and API, in the order they start."""
        return [
            Service("worker", "Xử lý hồ sơ · worker", self._start_worker),
            Service("api", "Cổng dịch vụ · API", self._start_api),
        ]

    async def _start_worker(self) -> Child:
        child = await spawn(self._python("worker", self.environment(WORKER), *self.through, "workflows.worker"))
        return await _until(child, lambda: self._polls(child))

    async def _start_api(self) -> Child:
        child = await spawn(self._python("api", self.environment(API), *self.through, "api"))
        return await _until(child, self._answers)

    async def _polls(self, child: Child) -> bool:
        """Whether the worker has asked for work since it was started; elsewhere's Temporal: whether it still runs."""
        temporal = self.temporal
        if temporal is None:
            await asyncio.sleep(2)
            return child.running
        since = time.time() - (time.monotonic() - child.started)
        try:
            pollers = await temporal.pollers(self.task_queue)
        except RuntimeError:
            return False
        return any(datetime.fromisoformat(str(one["lastAccessTime"])).timestamp() > since for one in pollers)

    async def _answers(self) -> bool:
        """Whether the API says 200 to its readiness question."""
        host = HOST if self.api_host in ("0.0.0.0", "::") else self.api_host  # noqa: S104 - compared, not bound
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(host, self.ports.api)
                try:
                    writer.write(f"GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                    status = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in status

    def _python(self, name: str, env: Mapping[str, str], *module: str) -> Command:
        # The rooms are found from wherever ``annhi`` was called.
        path = os.pathsep.join(filter(None, (str(PROJECT), env.get("PYTHONPATH"))))
        return Command(
            name=name,
            argv=[sys.executable, "-m", *module],
            env={**env, "PYTHONPATH": path},
            log=self.folder.logs / f"{name}.log",
        )


async def _until(child: Child, ready: Callable[[], Awaitable[bool]]) -> Child:
    """The child once it is ready.

    Raises:
        Trouble: it ended, or was not ready in time; it is stopped then.
    """
    name, log = child.command.name, child.command.log
    deadline = time.monotonic() + _READY_SECONDS
    try:
        while child.running and time.monotonic() < deadline:
            if await ready():
                return child
            await asyncio.sleep(0.2)
    except BaseException:
        await child.stop()
        raise
    if child.running:
        await child.stop()
        vi, en = f"chưa sẵn sàng sau {_READY_SECONDS:.0f} giây", f"is not ready after {_READY_SECONDS:.0f} s"
    else:
        status = child.process.returncode
        vi, en = f"dừng ngay khi khởi động (mã {status})", f"ended as it started (status {status})"
    said = child.said(3)
    raise Trouble(Status.FAILED, f"{name} {vi}; xem {log}.", f"{name} {en}; see {log}.\n{said}".rstrip())
