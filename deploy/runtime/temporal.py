"""A real Temporal server on a file store that loses nothing, and the time-skipping one for drills and tests."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from deploy.runtime.layout import HOST, NAMESPACE
from deploy.runtime.processes import Child, Command, spawn
from deploy.runtime.trouble import Status, Trouble

PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL")
"""With the write-ahead log a commit is on the disk only under FULL; NORMAL syncs at checkpoints, and a power failure
takes back what was answered. The server takes any word as a pragma without complaint, so a test looks at the effect."""

SEARCH_ATTRIBUTES: Final = {"AnnhiState": "Keyword", "AnnhiUnit": "Keyword"}
"""Opaque codes only: they are stored in clear."""

RETENTION: Final = "365d"
"""How long the history of an ended run is kept for inquiry; the record itself is in PostgreSQL for good."""

DYNAMIC_CONFIG: Final = (
    # 10 by default: twenty people acting on one case at once would be refused by the server before we decide.
    "history.maxInFlightUpdates=100",
    # 2000 by default, for the life of a run: a long case continues as new on suggestion well before.
    "history.maxTotalUpdates=10000",
    # 5 s by default: how stale the list of pollers may be, which the supervisor asks to see that the worker is at work.
    'matching.TaskQueueInfoByBuildIdTTL="500ms"',
    # 1 s by default, for clocks of several hosts that differ: every shorter timer waits that long. Here is one host,
    # and what is overdue is fired by a timer of a millisecond (docs/decisions/0005).
    'history.timerProcessorMaxTimeShift="20ms"',
)
"""Each line says why. Whoever adds one has measured it (docs/performance.md)."""

_START_SECONDS: Final = 120.0


@cache
def program(name: str) -> str:
    """The path of a Temporal program: in this environment's scripts folder, PATH only after that.

    Raises:
        Trouble: it is nowhere.
    """
    scripts = Path(sysconfig.get_path("scripts")) / name
    found = str(scripts) if scripts.exists() else shutil.which(name)
    if found is None:
        raise Trouble(
            Status.FAILED,
            f"Không thấy chương trình {name} trong môi trường Python này; hãy chạy lại make up.",
            f"The program {name} is not in this Python environment; run make up again.",
        )
    return found


@cache
def server_version() -> str:
    """The version of the server inside the program, e.g. ``1.32.0``."""
    words = subprocess.run([program("temporal"), "--version"], capture_output=True, text=True, check=True).stdout
    _, _, rest = words.partition("Server ")
    return rest.partition(",")[0].strip() or "0"


@dataclass(frozen=True)
class Temporal:
    """One development server with a file store.

    Args:
        folder: holds the store ``temporal.db``; must exist.
        log: the server's log, JSON lines.
        port: gRPC port on the loopback address.
        ui_port: port of the web interface; None for none.
        namespace: made and kept in shape.
    """

    folder: Path
    log: Path
    port: int
    ui_port: int | None = None
    namespace: str = NAMESPACE

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"{HOST}:{self.port}"

    def command(self) -> Command:
        """How the server is run."""
        interface = ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        return Command(
            name="temporal",
            argv=[
                *(program("temporal"), "server", "start-dev", "--disable-config-env"),
                *("--ip", HOST, "--port", str(self.port), *interface, "--ui-disable-news-fetch"),
                *("--db-filename", str(self.folder / "temporal.db"), "--namespace", self.namespace),
                *_each("--sqlite-pragma", PRAGMAS),
                *_each("--search-attribute", [f"{name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]),
                *_each("--dynamic-config-value", DYNAMIC_CONFIG),
                *("--log-format", "json", "--log-level", "warn"),
            ],
            env=_environment(),
            log=self.log,
            stop=signal.SIGTERM,
            patience=30.0,
        )

    async def start(self) -> Child:
        """Start it and wait until the namespace answers.

        Raises:
            Trouble: it does not come up; the sentence points to the log.
        """
        child = await spawn(self.command())
        try:
            await self._answer(child)
            await self.operate("namespace", "update", "--namespace", self.namespace, "--retention", RETENTION)
        except BaseException:
            await child.stop()
            raise
        return child

    async def operate(self, *words: str) -> str:
        """Run ``temporal operator …`` on this server and return what it prints.

        Raises:
            RuntimeError: it refuses, with its words.
        """
        return await self._ask("operator", *words)

    async def pollers(self, task_queue: str) -> list[dict[str, Any]]:
        """Who asks the queue for work, as the server knows: ``identity``, ``lastAccessTime``, ``taskQueueType``."""
        words = ("--task-queue", task_queue, "--namespace", self.namespace, "--output", "json")
        answer = json.loads(await self._ask("task-queue", "describe", *words))
        return list(answer.get("pollers") or [])

    async def _ask(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(program("temporal"), *words, "--address", self.address, "--disable-config-env"),
            *("--command-timeout", "10s"),
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, problem = await process.communicate()
        if process.returncode:
            raise RuntimeError(problem.decode("utf-8", "replace").strip())
        return output.decode("utf-8", "replace")

    async def _answer(self, child: Child) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while child.running and time.monotonic() < deadline:
            try:
                await self.operate("search-attribute", "list", "--namespace", self.namespace)
            except RuntimeError:
                await asyncio.sleep(0.2)
            else:
                return
        raise _refused(self.log, child)


@asynccontextmanager
async def temporal_server(
    folder: Path, *, port: int | None = None, ui_port: int | None = None
) -> AsyncIterator[Temporal]:
    """A running server with our namespace and search attributes, stopped at the end. For tests and benches.

    Args:
        folder: for store and log; made where missing, left in place.
        port: gRPC port; a free one by default.
        ui_port: port of the web interface; none by default.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    server = Temporal(folder, folder / "temporal.log", port or free_port(), ui_port)
    child = await server.start()
    try:
        yield server
    finally:
        await child.stop()


@asynccontextmanager
async def time_skipping_server(folder: Path, *, port: int | None = None) -> AsyncIterator[str]:
    """A running time-skipping server; gives its ``host:port`` and stops it at the end.

    It starts at wall time, only goes forward, keeps nothing, and has the one namespace ``default``; Updates work,
    schedules, list and count do not.

    Args:
        folder: for its log; made where missing.
        port: a free one by default.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    port = port or free_port()
    command = Command(
        name="temporal-test-server",
        argv=[program("temporal-test-server"), str(port)],
        env=_environment(),
        log=folder / "temporal-test-server.log",
        patience=5.0,
    )
    child = await spawn(command)
    try:
        await _listening(child, port)
        yield f"{HOST}:{port}"
    finally:
        await child.stop()


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        number: int = probe.getsockname()[1]
        return number


async def _listening(child: Child, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while child.running and time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise _refused(child.command.log, child)


def _each(flag: str, values: Any) -> list[str]:
    return [word for value in values for word in (flag, value)]


def _environment() -> dict[str, str]:
    # HOME for the program's own settings file, which --disable-config-env leaves unread.
    return {"PATH": os.defpath, "HOME": os.environ.get("HOME", "/"), "TZ": "UTC"}


def _refused(log: Path, child: Child) -> Trouble:
    return Trouble(
        Status.FAILED,
        f"Temporal không khởi động được; xem {log}.",
        f"Temporal does not start; see {log}.\n{child.said(3)}".rstrip(),
    )
