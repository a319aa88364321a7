"""The real processes on a data folder of their own, to be killed one by one; and people who use them over HTTP.

PostgreSQL (durable), Temporal, ``python -m workflows.worker`` and ``python -m api`` run as ``annhi up`` runs them. Mail
and messages go to receivers in the test's process, which live through every kill.

What takes a worker or an API seconds to start is importing. After a kill they are therefore forked from a nursery: a
process that has imported the same modules, connected nothing, and then does what ``python -m`` does.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4, uuid5

import httpx
import psutil
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from deploy.runtime.layout import PROJECT, DataFolder, Ports
from deploy.runtime.postgres import API, OWNER, WORKER
from deploy.runtime.processes import Child
from deploy.runtime.schema import create_keys
from deploy.runtime.services import Parts, Service
from deploy.runtime.temporal import free_port
from deploy.seed import load_accounts, load_organisation, load_references, sample_organisation
from models import migrations
from models.database import Who, connect, transaction
from models.messages import Snapshot, workflow_id
from models.records.deadlines import snapshot
from models.settings import Settings
from models.vault.file import FileKeys
from tests.receivers import Gateway, Mailbox, gateway, mailbox
from workflows.client import CaseDesk, TemporalAwayError
from workflows.connection import connect as connect_temporal

SERVERS = ("postgres", "temporal", "worker", "api")
PATIENCE = 90.0
"""Seconds a test waits for something that must come; nothing is judged by how long it took."""

CAST = ("h111", "cpo.a", "cpo2.a", "sup.a", "chair.a", "vch.a")


T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = PATIENCE, every: float = 0.1) -> T:
    """The first truthy answer of ``look``; fails where none comes."""
    until = time.monotonic() + within
    while True:
        seen = await look()
        if seen:
            return seen
        assert time.monotonic() < until, f"never seen: {look}"
        await asyncio.sleep(every)


@dataclass
class Answer:
    """What the door said, and how long the one call took."""

    status: int
    body: Any
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)


class Person:
    """Somebody signed in. ``seen`` collects every status and fault they met on the way to an answer."""

    def __init__(self, http: httpx.AsyncClient, username: str, token: str, person_id: UUID) -> None:
        self.username = username
        self.id = person_id
        self.seen: list[int | str] = []
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        answer = await self._http.get(path, headers=self._headers)
        while answer.status_code == 428:
            await self.insist(answer.json()["about"]["post"].removeprefix("/api/v1"), {"answer": "none"})
            answer = await self._http.get(path, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, key: UUID) -> Answer:
        """Ask once."""
        began = time.monotonic()
        answer = await self._http.post(path, headers={**self._headers, "Idempotency-Key": str(key)}, json=body)
        self.seen.append(answer.status_code)
        return Answer(answer.status_code, answer.json(), time.monotonic() - began, answer.headers)

    async def insist(self, path: str, body: Any, key: UUID | None = None) -> Answer:
        """Ask with one key until there is an answer, as a page does whose connection was lost."""
        key = key or uuid4()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                answer = await self.post(path, body, key)
            except httpx.TransportError as lost:
                self.seen.append(type(lost).__name__)
            else:
                if answer.status != 503:
                    return answer
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path} was never answered: {self.seen[-20:]}")

    async def report(self, body: Any, key: UUID | None = None) -> UUID:
        """Hand a report about one child in, until there is a receipt; gives the case."""
        answer = await self.insist("/reports", body, key)
        assert answer.status == 201, answer
        (case,) = answer.body["cases"]
        return UUID(case["id"])

    async def act(self, case: UUID, event: str, body: Any = None, key: UUID | None = None) -> Answer:
        """Carry an event out, until there is an answer; it must be a yes."""
        answer = await self.insist(f"/cases/{case}/actions/{event}", body or {}, key)
        assert answer.status == 200, answer
        return answer


@dataclass
class Running:
    """The service as a test holds it."""

    parts: Parts
    owner: AsyncEngine
    temporal: Client
    desk: CaseDesk
    mails: Mailbox
    messages: Gateway
    nursery: "Nursery"
    children: dict[str, "Child | Forked"] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    http: httpx.AsyncClient | None = None

    def __getitem__(self, username: str) -> Person:
        return self.people[username]

    async def start(self, *names: str) -> None:
        """Start servers, in the order they need each other; PostgreSQL and Temporal are ready then."""
        for name in sorted(names, key=SERVERS.index):
            if name in self.nursery.modules and name in self.children:
                self.children[name] = await self.nursery.bear(name, self.parts)
            else:
                self.children[name] = await self._service(name).start()

    def kill(self, *names: str) -> None:
        """SIGKILL, to a server and every process it made. Returns at once; ``start`` waits for the end."""
        for name in names:
            for process in _family(self.children[name].pid):
                process.kill()

    async def restart(self, *names: str) -> None:
        """Start what was killed."""
        for name in names:
            status = await asyncio.wait_for(self.children[name].wait(), 30)
            assert status == -signal.SIGKILL, (name, status)
        await self.start(*names)

    async def heal(self) -> None:
        """Start whatever is not running, so that one test's end is another's beginning."""
        for name in SERVERS:
            family = _family(self.children[name].pid)
            if not family or family[0].status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                self.kill(name)
                await self.restart(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP: it neither answers nor hears, until it is killed or goes on."""
        for process in _family(self.children[name].pid):
            process.suspend()

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        for process in _family(self.children[name].pid):
            process.resume()

    async def stop(self) -> None:
        for name in reversed(SERVERS):
            if name in self.children:
                await self.children[name].stop(patience=10)

    async def sign_in(self, *usernames: str) -> None:
        """Sign people of the sample in with the passwords the seed wrote down."""
        assert self.http is not None
        lines = [line.split() for line in self.parts.folder.accounts.read_text().splitlines() if line[:1] != "#"]
        passwords = {line[0]: line[1] for line in lines if line}
        for name in usernames:
            answer = await self.http.post("/sessions", json={"username": name, "password": passwords[name]})
            assert answer.status_code == 201, answer.text
            token = answer.json()["token"]
            person = Person(self.http, name, token, UUID(int=0))
            person.id = UUID((await person.get("/me"))["person_id"])
            self.people[name] = person

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """A transaction of the owner."""
        async with transaction(self.owner, Who(system="test"), datetime.now(UTC)) as connection:
            yield connection

    async def rows(self, statement: str, **values: Any) -> list[Row[Any]]:
        """What the owner reads; a server that is just coming back is asked again."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                async with self.reading() as connection:
                    return list((await connection.execute(text(statement), values)).all())
            except (DBAPIError, OSError):
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)

    async def run(self, statement: str, **values: Any) -> int:
        """What the owner writes: the passing of time, or a fault that is planted."""
        async with self.reading() as connection:
            return int((await connection.execute(text(statement), values)).rowcount)

    async def held(self, case: UUID) -> Snapshot:
        """What PostgreSQL holds of a case, as its workflow ought to know it."""
        async with self.reading() as connection:
            return await snapshot(connection, case)

    async def believed(self, case: UUID) -> Snapshot | None:
        """What the workflow believes; None where none runs, or none answers yet."""
        try:
            return await self.desk.believed(case)
        except TemporalAwayError:
            return None

    async def in_step(self, case: UUID) -> Snapshot:
        """Wait until the workflow believes what PostgreSQL holds."""

        async def same() -> Snapshot | None:
            held = await self.held(case)
            believed = await self.believed(case)
            if believed is None:
                return held if held.ended else None
            return held if believed == held else None

        return await eventually(same)

    async def sweep(self, *, later: timedelta = timedelta(minutes=2)) -> list[dict[str, Any]]:
        """As if ``later`` had passed: the rows grow older, then the sweep runs; what it and every later one reported.

        The sweep looks at ages in PostgreSQL; waiting for them would only make the test slow.
        """
        async with self.reading() as connection:
            for rows in ("case_file WHERE workflow_seen_at IS NULL", "submission WHERE confirmed_at IS NULL"):
                name, _, which = rows.partition(" ")
                older = f"UPDATE {name} SET created_at = created_at - CAST(:later AS interval) {which}"
                await connection.execute(text(older), {"later": later})
        since = datetime.now(UTC)
        handle = self.temporal.get_schedule_handle("sweep")

        async def done() -> list[Any]:
            return await self.rows(
                "SELECT report FROM sweep_run WHERE started_at >= :since AND ended_at IS NOT NULL", since=since
            )

        async def nudged() -> list[Any]:
            await handle.trigger()
            await asyncio.sleep(0.3)
            return await done()

        return [row.report for row in await eventually(nudged, every=1)]

    async def swept(self, case: UUID, *what: str) -> None:
        """Sweep until a report says so of a case: ``started``, ``resynced``, or one of its differences by its code."""
        seen: list[dict[str, Any]] = []

        async def said() -> bool:
            seen.extend(await self.sweep())
            lines = [line for report in seen for line in report["differences"]]
            lines += [f"{one} {kind}" for report in seen for kind in ("started", "resynced") for one in report[kind]]
            return any(f"{case} {kind}" in lines for kind in what)

        await eventually(said, every=0.5)

    @asynccontextmanager
    async def without_sweeps(self) -> AsyncIterator[None]:
        """No sweep runs by itself inside."""
        handle = self.temporal.get_schedule_handle("sweep")
        await handle.pause()

        async def none_runs() -> bool:
            return not (await handle.describe()).info.running_actions

        try:
            await eventually(none_runs)
            yield
        finally:
            await handle.unpause()

    def _service(self, name: str) -> Service:
        found = [*self.parts.servers(), *self.parts.processes()]
        return next(one for one in found if one.name == name)


_NURSERY = """
import ctypes, json, os, runpy, signal, sys, warnings
import api.app, api.__main__, workflows.worker
warnings.simplefilter("ignore", RuntimeWarning)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "wait" in asked:
        print(os.waitpid(asked["wait"], 0)[1], flush=True)
        continue
    pid = os.fork()
    if not pid:
        os.setsid()
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # none outlives the nursery, and so the test
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, log), (2, log)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv = [asked["module"]]
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
        os._exit(0)
    print(pid, flush=True)
"""


@dataclass
class Forked:
    """A process the nursery bore; the same verbs as a ``Child``."""

    pid: int
    nursery: "Nursery"

    async def wait(self) -> int:
        """How it ended; negative where a signal ended it."""
        return os.waitstatus_to_exitcode(int(await self.nursery.ask({"wait": self.pid})))

    async def stop(self, *, patience: float) -> None:
        for process in _family(self.pid):
            process.terminate()
        try:
            await asyncio.wait_for(self.wait(), patience)
        except TimeoutError:
            for process in _family(self.pid):
                process.kill()


class Nursery:
    """A process with everything imported, which forks workers and APIs."""

    modules: ClassVar[dict[str, str]] = {"worker": "workflows.worker", "api": "api"}

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> "AsyncIterator[Nursery]":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _NURSERY),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        try:
            yield cls(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.kill()
            await process.wait()

    async def bear(self, name: str, parts: Parts) -> Forked:
        """A new worker or API, with the environment ``annhi up`` gives it."""
        role = {"worker": WORKER, "api": API}[name]
        asked = {
            "module": self.modules[name],
            "env": parts.environment(role),
            "log": str(parts.folder.logs / f"{name}.log"),
        }
        return Forked(int(await self.ask(asked)), self)

    async def ask(self, asked: Mapping[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            while (line := (await self._process.stdout.readline()).decode().strip()) == "ready":
                continue
            return line


def _family(pid: int) -> list[psutil.Process]:
    """A process and all that came of it; the parent first, so that it cannot replace a child."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@asynccontextmanager
async def running(*more: str) -> AsyncIterator[Running]:
    """The whole service, freshly seeded, stopped at the end; ``more``: who is signed in beside the cast."""
    async with AsyncExitStack() as things:
        root = Path(things.enter_context(tempfile.TemporaryDirectory(prefix="annhi-kill-", ignore_cleanup_errors=True)))
        root.chmod(0o711)  # noqa: ASYNC240 - PostgreSQL's own user must get through
        mails = await things.enter_async_context(mailbox())
        messages = await things.enter_async_context(gateway())
        folder = DataFolder(root / "data")
        folder.create()
        create_keys(folder.key_file, folder.vault_file)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")} | {
            "ANNHI_SMTP_HOST": "127.0.0.1",
            "ANNHI_SMTP_PORT": str(mails.port),
            "ANNHI_GATEWAY_URL": messages.url,
            # A test looks again and again, as no officer does.
            "ANNHI_REQUESTS_PER_MINUTE": "0",
            "ANNHI_URGENT_PER_MINUTE": "0",
            # These tests are about something else than second factors.
            "ANNHI_SECOND_FACTOR_ROLES": "",
        }
        parts = Parts(folder, Ports(api=free_port(), temporal=free_port(), ui=free_port()), environ)
        assert parts.postgres is not None
        assert parts.temporal is not None
        nursery = await things.enter_async_context(Nursery.open())
        service = Running(parts, None, None, None, mails, messages, nursery)  # type: ignore[arg-type]
        things.push_async_callback(service.stop)
        await service.start("postgres", "temporal")
        await asyncio.to_thread(migrations.upgrade, parts.postgres.url(OWNER))
        service.owner = connect(parts.postgres.url(OWNER), pool_size=5, keys=FileKeys(parts.vault_file))
        things.push_async_callback(service.owner.dispose)
        await _seed(service, *more)
        service.temporal = await connect_temporal(
            Settings(temporal_address=parts.temporal.address, key_file=parts.key_file)
        )
        service.desk = CaseDesk(service.temporal, task_queue=parts.task_queue)
        await service.start("worker", "api")
        service.http = await things.enter_async_context(
            httpx.AsyncClient(
                base_url=f"{parts.public_url}/api/v1",
                timeout=30,
                trust_env=False,
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            )
        )
        await service.sign_in(*CAST, *more)
        try:
            yield service
        except BaseException:
            for log in sorted(folder.logs.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
            raise


async def _seed(service: Running, *more: str) -> None:
    now = datetime.now(UTC)
    organisation = sample_organisation(now)
    async with service.reading() as connection:
        await load_references(connection, now)
        await load_organisation(connection, organisation)
        accounts = [account for account in organisation.accounts if account.username in (*CAST, *more)]
        await load_accounts(connection, accounts, service.parts.folder.accounts, now)


# What people say at each step of a case that goes well.

_LOW = {"level": "THAP"}
_DECISION = {"number": "12/QĐ-UBND", "signed_on": "2026-11-20", "signer": "Chủ tịch UBND xã (mẫu)"}


def report_body(*, received: datetime | None = None, flagged: bool = False) -> dict[str, Any]:
    """A report about one child of commune A."""
    body: dict[str, Any] = {
        "m01": {"anonymous": True, "children": [{"condition": "Bé khóc nhiều đêm, có vết bầm ở tay"}]},
        "incident_unit": "HN-A",
    }
    if received is not None:
        body["received_at"] = received.isoformat()
    if flagged:
        body |= {"flagged": True, "trigger": "HEALTH"}
    return body


def m02() -> dict[str, Any]:
    """A first assessment that finds no emergency and the least risk."""
    good = {"level": "CAO"}
    return {
        "m02": {
            "severity": _LOW,
            "further_harm": _LOW,
            "self_protection": good,
            "knows_protector": good,
            "other_adult": good,
            "emergency": False,
        }
    }


def plan_body(due: date | None = None) -> dict[str, Any]:
    """A plan of one step with the draft of its decision."""
    step = {
        "key": "tham-nha",
        "measure": "Thăm nhà hằng tuần",
        "responsible": "Cán bộ trẻ em xã",
        "due": (due or datetime.now(UTC).date() + timedelta(days=40)).isoformat(),
    }
    return {"m04": {"objectives": ["Trẻ được an toàn"], "measures": [step]}, "m05": {}}


def m06(conclusion: str) -> dict[str, Any]:
    """A review."""
    return {"harm": _LOW, "access": _LOW, "obstacles": _LOW, "capacity": {"level": "CAO"}, "conclusion": conclusion}


@dataclass(frozen=True)
class Step:
    """One step of a case: who does what."""

    event: str
    who: str
    body: Callable[["Running", UUID], Awaitable[dict[str, Any]]]


async def plan_hash(service: Running, case: UUID) -> str:
    """The hash of the plan that was submitted last."""
    (row,) = await service.rows(
        "SELECT content_hash FROM document WHERE case_id = :case AND kind = 'M04' ORDER BY version DESC LIMIT 1",
        case=case,
    )
    return str(row.content_hash)


def _says(body: Mapping[str, Any]) -> Callable[["Running", UUID], Awaitable[dict[str, Any]]]:
    async def said(_service: Running, _case: UUID) -> dict[str, Any]:
        return dict(body)

    return said


async def _owner(service: Running, _case: UUID) -> dict[str, Any]:
    return {"owner_id": str(service["cpo.a"].id)}


async def _approval(service: Running, case: UUID) -> dict[str, Any]:
    return {"content_hash": await plan_hash(service, case), "decision": _DECISION}


STEPS = (
    Step("acknowledge", "cpo.a", _says({})),
    Step("accept", "cpo.a", _owner),
    Step("complete_initial_assessment", "cpo.a", _says(m02())),
    Step("substantiate", "cpo.a", _says({"verification": {"findings": "Có căn cứ: vết bầm do bị đánh"}})),
    Step("complete_detailed_assessment", "cpo.a", _says({"m03": {"family": "Mẹ đi làm ca đêm"}})),
    Step(
        "record_needs_meeting",
        "cpo.a",
        _says({"minutes": {"needs": [{"need": "An toàn", "priority": 1}], "child_views": "Muốn ở với bà"}}),
    ),
    Step("submit_plan", "cpo.a", _says(plan_body())),
    Step("approve_plan", "chair.a", _approval),
    Step("start_review", "cpo.a", _says({})),
    Step("propose_closure", "cpo.a", _says({"m06": m06("END"), "closure_reason": "OBJECTIVES_MET"})),
    Step("approve_closure", "chair.a", _says({"decision": _DECISION})),
    Step("send_written_report", "cpo.a", _says({"report": {"happened": "Trẻ bị đánh nhiều lần"}})),
)
"""A case from its acknowledgement to its closure, and what is owed after it."""


async def confirmed(service: Running, case: UUID) -> None:
    """Wait until it is noted that every command was answered: together, a moment after the answers."""

    async def noted() -> bool:
        waiting = "SELECT id FROM submission WHERE case_id = :case AND confirmed_at IS NULL"
        return not await service.rows(waiting, case=case)

    await eventually(noted)


async def record_of(service: Running, case: UUID) -> dict[str, Any]:
    """Everything a case is on record with, without ids and instants: equal cases have equal records."""

    await confirmed(service, case)

    async def lines(statement: str) -> list[str]:
        return sorted(
            json.dumps(list(row), default=str, sort_keys=True) for row in await service.rows(statement, case=case)
        )

    return {
        "case": await lines(
            "SELECT process, protection, ban, custody, risk, flagged, plan_version, sequence, closure_reason, "
            "workflow_seen_at IS NOT NULL FROM case_file WHERE id = :case"
        ),
        "reports": await lines(
            "SELECT how, flagged, acknowledged_at IS NOT NULL FROM case_report WHERE case_id = :case"
        ),
        "events": await lines(
            "SELECT sequence, event, implied, before, after, role, documents IS NULL FROM case_event "
            "WHERE case_id = :case"
        ),
        "commands": await lines("SELECT event, accepted, code FROM command_record WHERE case_id = :case"),
        "submissions": await lines("SELECT count(*), count(confirmed_at) FROM submission WHERE case_id = :case"),
        "documents": await lines(
            "SELECT kind, version, plan_version, sequence, frozen_at IS NOT NULL FROM document WHERE case_id = :case"
        ),
        "deadlines": await lines("SELECT code, occurrence, status FROM deadline WHERE case_id = :case"),
        "rungs": await lines(
            "SELECT d.code, d.occurrence, r.ordinal, r.level, r.state FROM rung r "
            "JOIN deadline d ON d.id = r.deadline_id WHERE r.case_id = :case"
        ),
        "escalations": await lines(
            "SELECT d.code, d.occurrence, e.ordinal, e.level, e.nobody, count(r.person_id) FROM escalation e "
            "JOIN deadline d ON d.id = e.deadline_id LEFT JOIN escalation_recipient r ON r.escalation_id = e.id "
            "WHERE e.case_id = :case GROUP BY 1, 2, 3, 4, 5"
        ),
        "notices": await lines(
            "SELECT n.kind, d.code, d.occurrence, n.ordinal, n.role, n.channel, count(*) FROM notice n "
            "LEFT JOIN deadline d ON d.id = n.deadline_id WHERE n.case_id = :case GROUP BY 1, 2, 3, 4, 5, 6"
        ),
        "breaches": await lines("SELECT code, kind, mark FROM breach WHERE case_id = :case"),
        # What was done is told once; that somebody tried in vain while a server was away may stand there often.
        "audit": await lines(
            "SELECT action, outcome, count(*) FROM audit_entry WHERE case_id = :case AND outcome <> 'refused' "
            "AND action NOT IN ('read', 'repeat') GROUP BY 1, 2"
        ),
    }


async def once_each(service: Running, case: UUID) -> None:
    """Nothing of a case happened twice, whatever its record looks like."""
    for what, statement in {
        "an event of a sequence": (
            "SELECT sequence FROM case_event WHERE case_id = :case GROUP BY 1 HAVING count(*) > 1"
        ),
        "a command": "SELECT command_id FROM case_event WHERE case_id = :case GROUP BY 1 HAVING count(*) > 1",
        "an audit entry of a command": (
            "SELECT command_id FROM audit_entry WHERE case_id = :case AND command_id IS NOT NULL "
            "GROUP BY 1 HAVING count(*) > 1"
        ),
        "a notice": (
            "SELECT deadline_id, ordinal, kind, person_id, channel FROM notice WHERE case_id = :case "
            "AND deadline_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1"
        ),
        "an escalation": (
            "SELECT deadline_id, ordinal FROM escalation WHERE case_id = :case GROUP BY 1, 2 HAVING count(*) > 1"
        ),
        "a firing": (
            "SELECT record_id, detail->>'ordinal' FROM audit_entry WHERE case_id = :case AND action LIKE '%rung%' "
            "AND outcome = 'fired' GROUP BY 1, 2 HAVING count(*) > 1"
        ),
    }.items():
        assert not await service.rows(statement, case=case), f"{what} stands twice"
    (gaps,) = await service.rows(
        "SELECT count(*) AS events, max(sequence) AS last, (SELECT sequence FROM case_file WHERE id = :case) AS held "
        "FROM case_event WHERE case_id = :case",
        case=case,
    )
    assert gaps.events == gaps.last == gaps.held


def command_id(person: Person, key: UUID, case: UUID, event: str) -> UUID:
    """The command a key stands for (architecture.md: uuid5 of key and target)."""
    return uuid5(key, f"{person.id}/cases/{case}/{event}")


__all__ = [
    "SERVERS",
    "STEPS",
    "Answer",
    "Person",
    "Running",
    "Step",
    "command_id",
    "eventually",
    "once_each",
    "record_of",
    "report_body",
    "running",
    "workflow_id",
]
