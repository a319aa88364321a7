"""Starts everything in order, keeps it running, ends it in the opposite order.

PostgreSQL → Temporal → migrations → seed → worker → API. Whatever ends by itself is started again, with a growing
pause, and it is said. Nothing is decided here about cases: a part that was away goes on from what PostgreSQL and
Temporal hold.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from deploy.runtime import lock, preflight
from deploy.runtime.console import Progress
from deploy.runtime.layout import DataFolder, Ports, read_json, write_json
from deploy.runtime.postgres import MAJOR
from deploy.runtime.processes import Child, end_stranger, identity, run
from deploy.runtime.services import Parts, Service
from deploy.runtime.temporal import server_version
from deploy.runtime.trouble import Status, Trouble

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY_SECONDS: Final = 60.0
"""Having run so long, a part's next pause is the first one again."""
_LOG_LIMIT: Final = 64 * 1024 * 1024
_LOGS_KEPT: Final = 3
_LOG_LOOK_SECONDS: Final = 60.0


@dataclass
class Supervisor:
    """One run of the service.

    Args:
        parts: what to run and where.
        progress: where to say so.
    """

    parts: Parts
    progress: Progress
    _children: dict[str, Child] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _leave: asyncio.Event = field(default_factory=asyncio.Event)
    _signals: int = 0

    async def run(self) -> None:
        """Run until told to stop by SIGINT or SIGTERM.

        Raises:
            Trouble: it could not start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_leave)
        began = time.monotonic()
        starting = asyncio.create_task(self._start())
        leaving = asyncio.create_task(self._leave.wait())
        try:
            await asyncio.wait({starting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                self._say_where(*starting.result(), time.monotonic() - began)
                await leaving
        finally:
            for task in (starting, leaving):
                task.cancel()
            await asyncio.gather(starting, leaving, return_exceptions=True)
            await self._stop()

    async def _start(self) -> tuple[bool, str]:
        """Bring everything up; gives whether sample accounts were made now, and the schema's revision."""
        for service in self.parts.servers():
            await self._keep(service)
        if (postgres := self.parts.postgres) is not None:
            for notice in postgres.notices:
                self.progress.note(notice)
        with self.progress.step("Lược đồ dữ liệu · migrations"):
            schema = (await self._once("migrate", "deploy.cli", "migrate")).splitlines()[-1]
        before = _modified(self.parts.folder.accounts)
        with self.progress.step("Dữ liệu tham chiếu và tài khoản mẫu · reference data and sample accounts"):
            await self._once("seed", "deploy.seed")
        for service in self.parts.processes():
            await self._keep(service)
        stamp_version(self.parts.folder, schema=schema)
        self._tasks.append(asyncio.create_task(self._rotate_logs()))
        return _modified(self.parts.folder.accounts) != before, schema

    async def _once(self, name: str, *module: str) -> str:
        """Run a module to its end and give what it said last.

        Raises:
            Trouble: it failed; with its own sentences where it had some.
        """
        child = await run(self.parts.once(name, *module))
        words = child.said(8)
        status = child.process.returncode or 0
        if status == 0:
            return words or "-"
        if status == Status.NEWER_DATA:
            vi, _, en = words.rpartition("\n")
            raise Trouble(Status.NEWER_DATA, vi.rpartition("\n")[2], en)
        log = child.command.log
        raise Trouble(
            Status.FAILED,
            f"Bước {name} không xong (mã {status}); xem {log}.",
            f"The step {name} failed (status {status}); see {log}.\n{words}",
        )

    async def _keep(self, service: Service) -> None:
        """Start a service and from then on keep it running."""
        with self.progress.step(service.label):
            self._running(service, await service.start())
        self._tasks.append(asyncio.create_task(self._watch(service)))

    async def _watch(self, service: Service) -> None:
        pause = _FIRST_PAUSE
        while True:
            child = self._children[service.name]
            status = await child.wait()
            if self._leave.is_set():
                return
            if time.monotonic() - child.started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            why = f"tín hiệu · signal {-status}" if status < 0 else f"mã · status {status}"
            self.progress.warn(f"{service.label}: dừng đột ngột · ended ({why}); {child.command.log}")
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                try:
                    self._running(service, await service.start())
                except (Trouble, OSError, RuntimeError) as error:
                    said = error.en.splitlines()[0] if isinstance(error, Trouble) else str(error)
                    self.progress.warn(f"{service.label}: thử lại sau · again in {pause:.0f} s ({said})")
                else:
                    break
            self.progress.warn(f"{service.label}: đã chạy lại · running again (pid {self._children[service.name].pid})")

    def _running(self, service: Service, child: Child) -> None:
        self._children[service.name] = child
        write_json(
            self.parts.folder.running,
            {
                "supervisor": os.getpid(),
                "processes": {name: [one.pid, identity(one.pid)] for name, one in self._children.items()},
                "url": self.parts.public_url,
                "ports": {
                    "api": self.parts.ports.api,
                    "temporal": self.parts.ports.temporal,
                    "ui": self.parts.ports.ui,
                },
            },
        )

    async def _stop(self) -> None:
        self._leave.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        children = list(self._children.values())
        if any(child.running for child in children):
            self.progress.note("Đang dừng · stopping …")
        for child in reversed(children):
            stopping = asyncio.create_task(child.stop())
            while not stopping.done():
                await asyncio.wait({stopping}, timeout=0.2)
                if self._signals > 1 and not stopping.done():
                    await child.stop(patience=0)
        self.parts.folder.running.unlink(missing_ok=True)
        self.progress.note("Đã dừng, dữ liệu còn nguyên · stopped, the data is kept: " + str(self.parts.folder.root))

    def _asked_to_leave(self) -> None:
        self._signals += 1
        self._leave.set()
        if self._signals == 2:  # noqa: PLR2004 - the second Ctrl-C is the impatient one
            self.progress.warn("Dừng ngay · stopping at once")

    def _say_where(self, new_accounts: bool, schema: str, seconds: float) -> None:
        parts, folder = self.parts, self.parts.folder
        url = parts.public_url
        self.progress.plain()
        self.progress.plain(f"An Nhi đang chạy · is running ({seconds:.0f} s, schema {schema})")
        rows = [("Trang làm việc · pages", url), ("API", f"{url}/api/v1"), ("Tài liệu API · API docs", f"{url}/docs")]
        if parts.temporal is not None:
            rows.append(("Temporal", parts.ui_url))
        rows += [("Dữ liệu · data", str(folder.root)), ("Nhật ký · logs", str(folder.logs))]
        if folder.accounts.exists():
            rows.append(("Tài khoản mẫu · sample accounts", str(folder.accounts)))
        self.progress.table(rows)
        if new_accounts and folder.accounts.exists():
            self.progress.plain()
            self.progress.plain(folder.accounts.read_text(encoding="utf-8").rstrip())
        self.progress.plain()
        self.progress.plain("Thử ở cửa sổ khác · try in another terminal:  make demo")
        self.progress.plain("Dừng · stop:  Ctrl-C")

    async def _rotate_logs(self) -> None:
        """Copy a grown log aside and empty it; the writers append, so they go on at the new beginning."""
        while True:
            await asyncio.sleep(_LOG_LOOK_SECONDS)
            for log in self.parts.folder.logs.glob("*.log"):
                if log.stat().st_size > _LOG_LIMIT:
                    await asyncio.to_thread(_turn, log)


async def end_leftovers(folder: DataFolder) -> None:
    """End what a killed supervisor left; PostgreSQL, which must not be killed, is waited for where it is started."""
    for name, (pid, known_as) in read_json(folder.running).get("processes", {}).items():
        if name != "postgres":
            await end_stranger(pid, known_as)
    folder.running.unlink(missing_ok=True)


def stamp_version(folder: DataFolder, *, schema: str | None = None) -> None:
    """Write which versions this folder's data is of; this also marks the folder as ours."""
    known = {"format": preflight.DATA_FORMAT, "app": version("annhi"), "postgres": MAJOR, "temporal": server_version()}
    write_json(folder.version, read_json(folder.version) | known | ({} if schema is None else {"schema": schema}))


def up(environ: Mapping[str, str], progress: Progress) -> Status | None:
    """Run the service until it is told to stop.

    Args:
        environ: the settings.
        progress: where to say what happens.

    Returns:
        None after a clean end, else why it could not run, which has been said.
    """
    try:
        folder, ports = DataFolder.from_environment(environ), Ports.from_environment(environ)
        preflight.check_writable(folder)
        with lock.exclusive(folder.lock):
            preflight.check_disk(folder)
            preflight.check_data_version(folder, postgres=MAJOR, temporal=server_version())
            parts = Parts(folder, ports, environ)
            preflight.check_settings(lambda: parts.settings)
            preflight.check_keys(folder.temporal, parts.key_file)
            asyncio.run(end_leftovers(folder))
            preflight.check_port(ports.api, "ANNHI_API_PORT", parts.api_host)
            if parts.temporal is not None:
                preflight.check_port(ports.temporal, "ANNHI_TEMPORAL_PORT")
                preflight.check_port(ports.ui, "ANNHI_TEMPORAL_UI_PORT")
            stamp_version(folder)
            asyncio.run(Supervisor(parts, progress).run())
    except Trouble as trouble:
        progress.trouble(trouble)
        return trouble.status
    return None


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _turn(log: Path) -> None:
    for number in range(_LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.rename(log.with_name(f"{log.name}.{number + 1}"))
    aside = log.with_name(f"{log.name}.1")
    aside.write_bytes(log.read_bytes())
    aside.chmod(0o600)
    os.truncate(log, 0)
