"""Child processes that cannot outlive the supervisor and are not hit by the terminal's Ctrl-C before it."""

import asyncio
import ctypes
import os
import pwd
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)
_TAIL_BYTES: Final = 8192


@dataclass(frozen=True)
class Command:
    """How one program is run and ended.

    Args:
        name: for people and for the log's file name.
        argv: program and arguments.
        env: its whole environment.
        log: file its output is appended to.
        stop: the signal that asks it to end; also sent by the kernel should the supervisor die.
        insist: the signal after ``patience`` seconds.
        to_group: whether ``insist`` goes to the whole session, not to the program alone.
        user: the system user it runs as, where that is another one.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    stop: signal.Signals = signal.SIGTERM
    insist: signal.Signals = signal.SIGKILL
    to_group: bool = True
    patience: float = 20.0
    user: pwd.struct_passwd | None = None


@dataclass
class Child:
    """A running program."""

    command: Command
    process: asyncio.subprocess.Process
    log_start: int
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended as far as is known."""
        return self.process.returncode is None

    async def wait(self) -> int:
        """Its exit status once it has ended; negative where a signal ended it."""
        return await self.process.wait()

    async def stop(self, *, patience: float | None = None) -> None:
        """Ask it to end, wait, insist. Safe to call twice.

        Args:
            patience: seconds to wait before insisting; as the command says by default.
        """
        if not self.running:
            return
        self._signal(self.command.stop, to_group=False)
        try:
            async with asyncio.timeout(self.command.patience if patience is None else patience):
                await self.process.wait()
        except TimeoutError:
            self._signal(self.command.insist, to_group=self.command.to_group)
            await self.process.wait()

    def said(self, lines: int = 5) -> str:
        """The last lines it wrote since it was started."""
        with self.command.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(self.log_start, size), size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def _signal(self, number: signal.Signals, *, to_group: bool) -> None:
        try:
            if to_group:
                os.killpg(self.pid, number)
            else:
                self.process.send_signal(number)
        except ProcessLookupError:
            pass


async def spawn(command: Command) -> Child:
    """Start a program in a session of its own.

    Must be called from the main thread: the kernel ties the child's life to the thread that started it.

    Raises:
        OSError: it cannot be run.
    """
    descriptor = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        start = os.lseek(descriptor, 0, os.SEEK_END)
        user = command.user
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            env=dict(command.env),
            cwd="/" if command.user else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            preexec_fn=_follow(command.stop, os.getpid()),
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=None if user is None else [],
        )
    finally:
        os.close(descriptor)
    return Child(command, process, start)


def identity(pid: int) -> str | None:
    """What tells a process from a later one with the same number: its start in clock ticks since boot; None if gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


async def end_stranger(pid: int, known_as: str, *, patience: float = 20.0) -> bool:
    """End a process that is not our child: what a supervisor that was killed has left behind.

    Args:
        pid: its number.
        known_as: its ``identity`` when it was started; another process by that number is left alone.
        patience: seconds between asking and insisting.

    Returns:
        Whether there was such a process.
    """
    if identity(pid) != known_as:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while identity(pid) == known_as:
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
    return True


async def run(command: Command) -> Child:
    """Run a program to its end; it is ended too where the caller is cancelled."""
    child = await spawn(command)
    try:
        await child.wait()
    finally:
        await child.stop()
    return child


def _follow(death: signal.Signals, parent: int) -> Callable[[], None]:
    def before_exec() -> None:
        # Runs after the change of user, which would clear it.
        _libc.prctl(_PR_SET_PDEATHSIG, int(death))
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return before_exec
