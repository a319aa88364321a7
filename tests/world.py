"""The service without its door: a seeded database, a real worker on a real server, and people at their desks.

Nothing of ours is replaced. What the API does around a command is done here with the API's own queries and role; only
HTTP is left out. The world plays on Mon 23 Nov 2026, 09:00 at Hà Nội, whatever day it is outside: Temporal gets the
offset, as in a drill. A case may be put forward in time (``later``): people then act, and state, at a later instant,
while its workflow stays where it is; so nothing fires that a test did not ask for. Rungs are made to fire by a receipt
that lies in the past.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from activities.webhooks import Post
from api.queries import submissions
from deploy.runtime.postgres import OWNER, Postgres
from deploy.runtime.processes import Command as ServerCommand
from deploy.runtime.temporal import Temporal, free_port
from deploy.seed import Organisation, load_organisation, sample_organisation
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.forms import INPUTS, ActionInput, ReportInput, parts
from models.messages import Command, CommandResult, workflow_id
from models.records.actor import Acting
from models.records.content import REPORTING, report_id_of
from models.records.intake import IntakeCase, receive_report, store_report
from models.records.reference import Reference, load_reference
from models.records.vault import key_of, keys_of, unseal
from models.settings import Settings
from models.tables import METADATA, CaseFile, Deadline, Document, Position, Rung, table
from models.vault import KeyProvider
from tests.databases import TEMPLATE, VAULT, Database, a_copy
from workflows.client import CaseDesk, RunEndedError
from workflows.connection import connect as connect_temporal
from workflows.worker import case_worker

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""Mon 23 Nov 2026, 09:00 at Hà Nội. The Tuesday after it is a holiday."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

T = TypeVar("T")
Row = Any
_TEST = Who(system="test")
_SEEDED: dict[int, asyncio.Future[str]] = {}


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = 20, why: str = "") -> T:
    """The first truthy answer of ``look``; fails where none comes."""
    until = asyncio.get_running_loop().time() + within
    while not (seen := await look()):
        assert asyncio.get_running_loop().time() < until, f"never seen: {why or look}"
        await asyncio.sleep(0.03)
    return seen


@dataclass
class World:
    """Everything there is; see the module."""

    database: Database
    client: Client
    task_queue: str
    clock: PlatformClock
    offset: timedelta
    reference: Reference
    organisation: Organisation
    desk: CaseDesk
    post: Post | None = None

    def worker(self, client: Client | None = None, task_queue: str | None = None) -> Worker:
        """A worker of this world, composed as the service composes it, not started."""
        return case_worker(
            client or self.client,
            engine=self.database.worker,
            clock=self.clock,
            desk=self.desk,
            reference=self.reference,
            task_queue=task_queue or self.task_queue,
            post=self.post,
        )

    def person(self, username: str) -> UUID:
        return self.organisation.person_ids[username]

    def unit(self, key: str) -> UUID:
        return self.organisation.unit_ids[key]

    def acting(self, username: str) -> Acting:
        """Somebody in the position they sign in with."""
        one = next(row for row in self.organisation.rows["position"] if row["person_id"] == self.person(username))
        return Acting(one["person_id"], one["id"], one["unit_id"], one["role"])

    async def report(
        self,
        by: str = "h111",
        *,
        children: int | list[dict[str, Any]] = 1,
        unit: str | None = "HN-A",
        ago: timedelta = timedelta(0),
        recorded: timedelta = timedelta(0),
        start: bool = True,
        m01: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> list["Case"]:
        """Take a report in as the API does, and start the workflows.

        ``recorded`` says how long ago that was done, ``ago`` how long before that the report was received.
        """
        named = [{} for _ in range(children)] if isinstance(children, int) else children
        now = self.clock.now() - recorded
        told = ReportInput.model_validate(
            {"m01": {"anonymous": True, "children": named, **(m01 or {})}, "received_at": now - ago}
            | ({"incident_unit": unit} if unit else {})
            | more
        )
        who = self.acting(by)
        async with self.as_api(who, now, "intake") as connection:
            intake = await receive_report(
                connection, report=told, actor=who, now=now, reference=self.reference, command_id=uuid4()
            )
        cases = [Case(self, one) for one in intake.cases]
        if start:
            for case in cases:
                await self.desk.start(case.id)
        return cases

    async def case(self, **report: Any) -> "Case":
        """The case of a report about one child."""
        (one,) = await self.report(**report)
        return one

    def as_api(self, who: Acting, at: datetime, part: str | None = None) -> Any:
        return transaction(self.database.api, Who(who.person_id, who.position_id, part), at)

    def as_owner(self) -> Any:
        """The owner may look at everything, and damage what a test wants damaged."""
        return transaction(self.database.owner, _TEST, self.clock.now())

    async def rows(self, model: Any, **where: Any) -> list[Row]:
        of = table(model)
        async with self.as_owner() as connection:
            statement = select(of).where(*(of.c[name] == value for name, value in where.items()))
            return list((await connection.execute(statement.order_by(*of.primary_key.columns))).all())

    async def contents(self, case_id: UUID, **where: Any) -> list[dict[str, Any]]:
        """What the documents of a case say, in the order they were stored."""
        async with self.as_owner() as connection:
            return await contents(connection, case_id, **where)

    async def rows_of(self, name: str) -> list[Row]:
        """Every row of a table by its name."""
        async with self.as_owner() as connection:
            return list((await connection.execute(select(METADATA.tables[name]))).all())

    async def add(self, model: Any, **values: Any) -> None:
        async with self.as_owner() as connection:
            await connection.execute(insert(table(model)).values(**values))

    async def end_position(self, username: str, at: datetime) -> None:
        of = table(Position)
        async with self.as_owner() as connection:
            await connection.execute(update(of).where(of.c.person_id == self.person(username)).values(valid_to=at))


@dataclass
class Case:
    """One case, and how to act on it."""

    world: World
    taken: IntakeCase
    shift: timedelta = timedelta(0)
    sent: list[Command] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.taken.case_id

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.world.client.get_workflow_handle(workflow_id(self.id))

    def now(self) -> datetime:
        return self.world.clock.now() + self.shift

    def later(self, by: timedelta) -> None:
        """From now on people act on this case so much later."""
        self.shift += by

    async def prepare(
        self,
        event: str,
        who: str,
        *,
        at: datetime | None = None,
        behalf: str | None = None,
        behalf_role: str | None = None,
        means: str | None = None,
        command_id: UUID | None = None,
        **fields: Any,
    ) -> Command:
        """Store what was said and make the command of it, as the API does. ``at``: when it happened, if not now."""
        body = INPUTS[event].model_validate(fields)
        acting, now = self.world.acting(who), self.now()
        command_id = command_id or uuid4()
        # As the owner: some acts here were stored while their sender still stood where they could.
        async with transaction(self.world.database.owner, Who(acting.person_id, acting.position_id), now) as connection:
            await submissions.claim(
                connection, submission_id=command_id, person_id=acting.person_id, key=command_id,
                target=f"cases/{self.id}/{event}", request_hash="0" * 64, case_id=self.id, at=now,
            )  # fmt: skip
            content = await submissions.store_documents(
                connection, case_id=self.id, command_id=command_id, author_id=acting.person_id, parts=parts(body),
                at=now,
            )  # fmt: skip
            if event in REPORTING:
                await self._store_report(connection, acting, command_id, body, now)
        made = Command(
            command_id=command_id,
            case_id=self.id,
            event=event,
            person_id=acting.person_id,
            position_id=acting.position_id,
            recorded_at=now,
            occurred_at=at or now,
            on_behalf_person=self.world.person(behalf) if behalf else None,
            on_behalf_role=behalf_role,
            means=means,
            content=content,
        )
        self.sent.append(made)
        return made

    async def _store_report(
        self, connection: AsyncConnection, acting: Acting, command_id: UUID, body: ActionInput, now: datetime
    ) -> None:
        given = {name: getattr(body, name) for name in ReportInput.model_fields if name in type(body).model_fields}
        await store_report(
            connection, report=ReportInput.model_validate(given), actor=acting, now=now,
            report_id=report_id_of(command_id), cases=await keys_of(connection, [self.id]),
        )  # fmt: skip

    async def send(self, command: Command, *, confirm: bool = True) -> CommandResult:
        """Send it through the workflow, starting one where the case has none, as the API does."""
        try:
            result = await self.world.desk.send(command)
        except RunEndedError:
            result = await self.world.desk.send(command, may_start=True)
        if confirm:
            async with transaction(self.world.database.api, Who(system="answers"), self.now()) as connection:
                await submissions.confirm(connection, [command.command_id], at=self.now())
        return result

    async def ask(self, event: str, who: str, **fields: Any) -> CommandResult:
        """Store, send, and give the answer, whatever it is."""
        return await self.send(await self.prepare(event, who, **fields))

    async def do(self, event: str, who: str, **fields: Any) -> CommandResult:
        """The same, and it must be accepted."""
        result = await self.ask(event, who, **fields)
        assert result.accepted, f"{event} by {who}: {result.code} {result.detail}, allowed {result.allowed}"
        return result

    async def refused(self, event: str, who: str, **fields: Any) -> str:
        """The same, and it must be refused; gives the code."""
        result = await self.ask(event, who, **fields)
        assert not result.accepted, f"{event} by {who} was accepted"
        assert result.code
        return result.code

    async def row(self) -> Row:
        (found,) = await self.world.rows(CaseFile, id=self.id)
        return found

    async def rows(self, model: Any, **where: Any) -> list[Row]:
        return await self.world.rows(model, case_id=self.id, **where)

    async def clocks(self, code: str) -> list[Row]:
        """The occurrences of a deadline, in their order."""
        return sorted(await self.rows(Deadline, code=code), key=lambda one: one.occurrence)

    async def clock(self, code: str) -> Row:
        """Its latest occurrence."""
        return (await self.clocks(code))[-1]

    async def open(self) -> set[str]:
        """Codes of the deadlines that run or stand still."""
        return {one.code for one in await self.rows(Deadline) if one.status in ("open", "paused")}

    async def fired(self, code: str) -> list[int]:
        """Ordinals of the rungs of a deadline's first occurrence that fired, or were passed over."""
        first = (await self.clocks(code))[0]
        return [one.ordinal for one in await self.world.rows(Rung, deadline_id=first.id) if one.state != "planned"]

    async def damage(self, **columns: Any) -> None:
        async with self.world.as_owner() as connection:
            await connection.execute(update(table(CaseFile)).where(table(CaseFile).c.id == self.id).values(**columns))

    async def status(self) -> WorkflowExecutionStatus | None:
        return (await self.handle.describe()).status

    async def has_ended(self) -> bool:
        return await self.status() == WorkflowExecutionStatus.COMPLETED

    async def is_seen(self) -> bool:
        """Whether its workflow has noted that it runs, which it does by itself, a moment after it was started."""
        return (await self.row()).workflow_seen_at is not None

    async def seen(self) -> "Case":
        """The case, once its workflow writes nothing of its own accord any more."""
        await eventually(self.is_seen, why=f"{self.id} was never noted as running")
        return self

    async def in_step(self) -> bool:
        """Whether the workflow believes what PostgreSQL holds of the sequence."""
        believed = await self.world.desk.believed(self.id)
        return believed is not None and believed.sequence == (await self.row()).sequence

    # --- what a case passes through, in the fewest words -------------------------------------------------------------

    async def accepted(self, owner: str = "cpo.a") -> "Case":
        await self.do("acknowledge", owner)
        await self.do("accept", owner, owner_id=self.world.person(owner))
        return self

    async def assessed(self, owner: str = "cpo.a", **m02: Any) -> "Case":
        await self.accepted(owner)
        await self.do("complete_initial_assessment", owner, m02=form02(**m02))
        return self

    async def planning(self, owner: str = "cpo.a", **m02: Any) -> "Case":
        await self.assessed(owner, **m02)
        await self.do("substantiate", owner, verification={"findings": "có căn cứ"})
        await self.do("complete_detailed_assessment", owner, m03={"conclusion": "cần hỗ trợ"})
        await self.do("record_needs_meeting", owner, minutes=MINUTES)
        return self


async def contents(connection: AsyncConnection, case_id: UUID, **where: Any) -> list[dict[str, Any]]:
    """What the documents of a case say, in the order they were stored; each is what its hash says."""
    of = table(Document)
    statement = select(of).where(of.c.case_id == case_id, *(of.c[name] == value for name, value in where.items()))
    rows = (await connection.execute(statement.order_by(of.c.id))).all()
    key = await key_of(connection, case_id)
    return [unseal(key, of, one.id, one.sealed, one.content_hash) for one in rows]


def form02(*, emergency: bool = False, risk: str | None = None, **more: Any) -> dict[str, Any]:
    """A Mẫu 02: low on every count, so R2 by itself, unless said otherwise."""
    level = {"level": "THAP"}
    made: dict[str, Any] = dict.fromkeys(
        ("severity", "further_harm", "self_protection", "knows_protector", "other_adult"), level
    )
    made |= {"emergency": emergency, "conclusion": "đã xem xét"}
    if emergency:
        made["trigger"] = "LIFE"
    if risk:
        made |= {"risk_override": risk, "risk_override_reason": "đã gặp trẻ"}
    return made | more


def form04(*keys: str, **more: Any) -> dict[str, Any]:
    """A Mẫu 04 with these steps, due at the end of the year."""
    steps = [{"key": key, "measure": "thăm nhà", "responsible": "cán bộ xã", "due": "2026-12-31"} for key in keys]
    return {"objectives": ["trẻ được an toàn"], "measures": steps, **more}


def form06(conclusion: str) -> dict[str, Any]:
    low = {"level": "THAP"}
    return {"harm": low, "access": low, "obstacles": low, "capacity": {"level": "CAO"}, "conclusion": conclusion}


def form07(until: str = "2026-12-05", **more: Any) -> dict[str, Any]:
    """A Mẫu 07; signed, unless it says ``spoken``."""
    made = {"isolated_from": ISOLATED_FROM, "isolated_to": "nhà tạm lánh", "until": until}
    return made | ({} if more.get("spoken") else SIGNED) | more


SIGNED = {"number": "12/QĐ-UBND", "signed_on": "2026-11-23", "signer": "Chủ tịch xã"}
ISOLATED_FROM = ["cha"]
MINUTES = {"needs": [{"priority": 1, "need": "an toàn"}], "child_views": "muốn ở với bà"}
MEASURES = {"measures": [{"kind": "STOP_HARM"}], "with_whom": ["công an xã"]}
FOLLOW_UP = {"seen": ["trẻ"], "found": "ổn định"}
CONTACT = {"seen": ["trẻ"], "condition": "ổn định"}
WRITTEN = {"happened": "đã xác minh"}


async def _seed(server: Postgres) -> str:
    """A template database with the sample organisation in it, made once per server: a copy takes a fraction of it."""
    name = f"{TEMPLATE}_seeded"
    await server.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
    engine = connect(server.url(OWNER, name), pool_size=1)
    async with transaction(engine, _TEST, MONDAY) as connection:
        await load_organisation(connection, sample_organisation(MONDAY))
    await engine.dispose()
    return name


async def seeded(server: Postgres) -> str:
    """Name of the seeded template."""
    if id(server) not in _SEEDED:
        _SEEDED[id(server)] = asyncio.ensure_future(_seed(server))
    return await _SEEDED[id(server)]


@asynccontextmanager
async def seeded_database(server: Postgres, keys: KeyProvider = VAULT) -> AsyncIterator[Database]:
    """A database of its own with the sample organisation, dropped at the end."""
    async with a_copy(server, await seeded(server), keys) as made:
        yield made


@dataclass(frozen=True)
class Impatient(Temporal):
    """A server that suggests to continue as new after a few events, where others wait for thousands."""

    def command(self) -> ServerCommand:
        made = super().command()
        suggest = f"limit.historyCount.suggestContinueAsNew={SOON}"
        return replace(made, argv=[*made.argv, "--dynamic-config-value", suggest])


SOON = 24
"""Events after which an impatient server suggests to continue as new."""


@asynccontextmanager
async def impatient_server(folder: Path) -> AsyncIterator[Temporal]:
    """One of those, running."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    server = Impatient(folder, folder / "temporal.log", free_port())
    child = await server.start()
    try:
        yield server
    finally:
        await child.stop()


async def client_of(server: Temporal, key_file: Path) -> Client:
    """A client of a server, with our converter and codec."""
    return await connect_temporal(Settings(temporal_address=server.address, key_file=key_file))


@asynccontextmanager
async def a_world(
    server: Postgres,
    client: Client,
    *,
    working: bool = True,
    keys: KeyProvider = VAULT,
    post: Post | None = None,
) -> AsyncIterator[World]:
    """A world on a database and a task queue of its own, with a worker at work unless told otherwise."""
    offset = MONDAY - datetime.now(UTC)
    queue = f"q-{uuid4().hex}"
    async with seeded_database(server, keys) as database:
        world = World(
            database=database,
            client=client,
            task_queue=queue,
            clock=PlatformClock(offset),
            offset=offset,
            reference=load_reference(),
            organisation=sample_organisation(MONDAY),
            desk=CaseDesk(client, task_queue=queue, offset=offset, timeout=30),
            post=post,
        )
        if not working:
            yield world
            return
        async with world.worker():
            yield world
