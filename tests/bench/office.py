"""People at their desks: they do at the records what the API does for them, without HTTP in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from api.confirming import Confirmations
from api.queries import submissions
from deploy.seed import sample_organisation
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.forms import ActionInput, ReportInput, parts
from models.messages import Command, ContentRef
from models.records.actor import Acting
from models.records.intake import IntakeCase, receive_report
from models.records.reference import Reference, load_reference
from models.vault.file import FileKeys
from tests.bench.life import LIFE, Told, report
from tests.bench.stage import Stage
from workflows.client import CaseDesk

T = TypeVar("T")
COMMUNES = ("HN-A", "HN-B", "HN-C", "HN-D")


class RefusedError(Exception):
    """A command of the bench was refused: the bench is wrong, or the service is."""


@dataclass(frozen=True)
class Office:
    """The API's side of the write path."""

    engine: AsyncEngine
    desk: CaseDesk
    clock: PlatformClock
    reference: Reference
    people: dict[str, Acting]
    confirmations: Confirmations

    async def receive(self, told: ReportInput) -> IntakeCase:
        """Take a report in, committed; the workflow is not started here."""
        actor = self.people["h111"]
        now = self.clock.now()
        async with transaction(self.engine, Who(actor.person_id, actor.position_id, "intake"), now) as connection:
            intake = await receive_report(
                connection, report=told, actor=actor, now=now, reference=self.reference, command_id=uuid4()
            )
        return intake.cases[0]

    async def act(self, case_id: UUID, event: str, who: str, body: ActionInput) -> tuple[ContentRef, ...]:
        """Store what was said, send the command, note that the answer is known. Returns what was stored.

        Raises:
            RefusedError: it was not accepted.
        """
        actor = self.people[who]
        command_id, now = uuid4(), self.clock.now()
        asking = Who(actor.person_id, actor.position_id)
        async with transaction(self.engine, asking, now) as connection:
            await submissions.claim(
                connection, submission_id=command_id, person_id=actor.person_id, key=command_id,
                target=f"cases/{case_id}/{event}", request_hash="0" * 64, case_id=case_id, at=now,
            )  # fmt: skip
            content = await submissions.store_documents(
                connection, case_id=case_id, command_id=command_id, author_id=actor.person_id, parts=parts(body),
                at=now,
            )  # fmt: skip
        result = await self.desk.send(
            Command(
                command_id=command_id,
                case_id=case_id,
                event=event,
                person_id=actor.person_id,
                position_id=actor.position_id,
                recorded_at=now,
                occurred_at=now,
                content=content,
            )
        )
        self.confirmations.note(command_id)
        if not result.accepted:
            raise RefusedError(f"{event}: {result.code} {result.detail}")
        return content

    async def live(self, number: int) -> list[float]:
        """One life of a case. Returns the seconds each command took, without the intake."""
        letter = COMMUNES[number % len(COMMUNES)]
        suffix = letter.rsplit("-", 1)[-1].lower()
        case = await self.receive(report(letter))
        await self.desk.start(case.case_id)
        told = Told(self.people[f"cpo.{suffix}"].person_id, self.clock.now().date())
        seconds = []
        for step in LIFE:
            body = told.body(step)
            began = time.perf_counter()
            stored = await self.act(case.case_id, step.event, f"{step.who}.{suffix}", body)
            seconds.append(time.perf_counter() - began)
            told.plan_hash = next((ref.hash for ref in stored if ref.kind == "M04"), told.plan_hash)
        return seconds


@asynccontextmanager
async def office(stage: Stage, *, pool: int = 20) -> AsyncIterator[Office]:
    """The desks of a stage."""
    config = stage.settings
    clock = PlatformClock()
    organisation = sample_organisation(clock.now())
    positions = {row["id"]: row for row in organisation.rows["position"]}
    people = {
        account.username: Acting(
            account.person_id, account.position_id, positions[account.position_id]["unit_id"], account.role
        )
        for account in organisation.accounts
    }
    engine = connect(config.database_url.get_secret_value(), pool_size=pool, keys=FileKeys(config.vault_file))
    confirmations = Confirmations(engine, clock)
    try:
        desk = CaseDesk(await stage.client(), task_queue=config.task_queue, timeout=30)
        yield Office(engine, desk, clock, load_reference(), people, confirmations)
    finally:
        await confirmations.settle()
        await engine.dispose()


async def at_once(how_many: int, numbers: range, work: Callable[[int], Awaitable[T]]) -> list[T]:
    """Work through numbers, so many at once; the first failure ends it."""
    waiting = iter(numbers)
    done: list[T] = []

    async def one() -> None:
        for number in waiting:
            done.append(await work(number))  # noqa: PERF401 - a failure must not lose what is done

    async with asyncio.TaskGroup() as group:
        for _ in range(how_many):
            group.create_task(one())
    return done
