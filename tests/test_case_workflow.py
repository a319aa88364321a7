"""The workflow of a case: it stays alive, loses nothing, fires once, ends when it may, and is put right."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.transition import Transitions
from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.messages import Command, CommandResult, Recorded, Snapshot, SweepReport
from models.tables import (
    AuditEntry,
    CaseEvent,
    CaseFile,
    CommandRecord,
    Deadline,
    Escalation,
    Notice,
    Submission,
    SweepRun,
    table,
)
from tests.world import (
    DAY,
    FOLLOW_UP,
    HOUR,
    MINUTE,
    WRITTEN,
    Case,
    World,
    a_world,
    client_of,
    eventually,
    impatient_server,
)
from workflows.case import Case as CaseWorkflow
from workflows.client import CaseDesk, CommandFailedError, RunEndedError, TemporalAwayError
from workflows.sweep import SCHEDULE_ID, Sweep, schedule_sweep

pytestmark = pytest.mark.servers
SECOND = timedelta(seconds=1)
MANY = 20
"""Commands at once: a few times what an impatient server takes before it suggests to continue as new."""


@pytest_asyncio.fixture(scope="module")
async def client(temporal_process: Temporal, key_file: Path) -> Client:
    return await client_of(temporal_process, key_file)


@pytest_asyncio.fixture
async def quiet_world(postgres: Postgres, client: Client) -> AsyncIterator[World]:
    """One in which nobody else has a case."""
    async with a_world(postgres, client) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def impatient(
    postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with (
        impatient_server(tmp_path_factory.mktemp("impatient")) as server,
        a_world(postgres, await client_of(server, key_file)) as made,
    ):
        yield made


async def kinds(case: Case, run_id: str | None = None) -> Counter[int]:
    """How many events of each kind a run's history has; the latest run's by default."""
    handle = case.world.client.get_workflow_handle(case.handle.id, run_id=run_id)
    return Counter([event.event_type async for event in handle.fetch_history_events()])


async def runs(case: Case) -> list[str]:
    """Ids of all runs of the case's workflow, the latest first, followed back from it."""
    found = [(await case.handle.describe()).run_id]
    while True:
        handle = case.world.client.get_workflow_handle(case.handle.id, run_id=found[-1])
        first = await anext(aiter(handle.fetch_history_events()))
        before = first.workflow_execution_started_event_attributes.continued_execution_run_id
        if not before:
            return found
        found.append(before)


@asynccontextmanager
async def locked(case: Case) -> AsyncIterator[None]:
    """Hold the lock of the case's row, as a transaction that takes its time."""
    async with case.world.as_owner() as connection:
        await connection.execute(select(table(CaseFile).c.id).where(table(CaseFile).c.id == case.id).with_for_update())
        yield


# --- it stays alive ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [{"memory": ["no", "mapping"]}, {"process": "nowhere"}, {"custody": "banned"}],
    ids=["memory", "state", "region"],
)
async def test_a_damaged_case_answers_internal_and_goes_on_once_it_is_repaired(
    world: World, damage: dict[str, Any]
) -> None:
    case = await world.case()
    await case.seen()
    row = await case.row()
    await case.damage(**damage)
    with pytest.raises(CommandFailedError):
        await case.ask("acknowledge", "cpo.a")
    assert await case.status() == WorkflowExecutionStatus.RUNNING
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in await kinds(case)
    assert await case.rows(CommandRecord) == []
    await case.damage(**{name: getattr(row, name) for name in damage})
    await case.do("acknowledge", "cpo.a")
    assert (await case.row()).process == "screening"


class Faulty:
    """Activities that go wrong in ways ours never should; the first time only, where there is a ``then``."""

    def __init__(self, fault: Any, then: Transitions | None = None) -> None:
        self._fault = fault
        self._then = then
        self._calls = 0

    @activity.defn(name="record_transition")
    async def record_transition(self, command: Command) -> Any:
        self._calls += 1
        if self._then is not None and self._calls > 1:
            return await self._then.record_transition(command)
        if isinstance(self._fault, Exception):
            raise self._fault
        return self._fault

    @activity.defn(name="load_case")
    async def load_case(self, case_id: UUID) -> Snapshot:
        return Snapshot(case_id=case_id, sequence=1)


@pytest.mark.parametrize(
    "fault",
    [None, ApplicationError("hỏng", type="odd", non_retryable=True), ApplicationError("hỏng", non_retryable=True)],
    ids=["nothing", "odd-error", "no-type"],
)
async def test_no_exception_of_any_kind_kills_a_handlers_workflow(
    postgres: Postgres, client: Client, fault: Any
) -> None:
    async with a_world(postgres, client, working=False) as world:
        case = await world.case(start=False)
        faulty = Faulty(fault)
        async with Worker(
            client,
            task_queue=world.task_queue,
            workflows=[CaseWorkflow],
            activities=[faulty.record_transition, faulty.load_case],
        ):
            await world.desk.start(case.id)
            with pytest.raises(CommandFailedError):
                await case.ask("acknowledge", "cpo.a")
            assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in await kinds(case)
        async with world.worker():
            await case.do("acknowledge", "cpo.a")


async def test_an_answer_that_cannot_be_read_is_asked_for_again_until_it_can(
    postgres: Postgres, client: Client
) -> None:
    """Two versions of us at work: the task fails and is tried again, the command is neither lost nor given up."""
    async with a_world(postgres, client, working=False) as world:
        case = await world.case(start=False)
        mixed = Faulty({"from": "another version"}, Transitions(world.database.worker, world.reference, world.clock))
        async with Worker(
            client,
            task_queue=world.task_queue,
            workflows=[CaseWorkflow],
            activities=[mixed.record_transition, mixed.load_case],
        ):
            await world.desk.start(case.id)
            command = await case.prepare("acknowledge", "cpo.a")
            with suppress(TemporalAwayError):
                await world.desk.send(command)
            await eventually(lambda: _recorded(case))
            assert (await eventually(lambda: _sent(case, command))).accepted
        assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in await kinds(case)
        assert [one.event for one in await case.rows(CaseEvent)] == ["receive_report", "acknowledge"]


async def _sent(case: Case, command: Command) -> CommandResult | None:
    with suppress(TemporalAwayError):
        return await case.world.desk.send(command)
    return None


async def _recorded(case: Case) -> bool:
    return bool(await case.rows(CommandRecord))


async def test_a_command_of_another_case_is_refused_at_the_door(world: World) -> None:
    case, other = await world.case(), await world.case()
    strayed = await other.prepare("acknowledge", "cpo.a")
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await case.handle.execute_update("command", strayed, id=str(strayed.command_id))
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "wrong-case"
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED not in await kinds(case)
    assert (await case.row()).sequence == (await other.row()).sequence == 1


async def test_a_command_nobody_answered_in_time_is_asked_again_under_its_id(
    postgres: Postgres, client: Client
) -> None:
    async with a_world(postgres, client, working=False) as world:
        case = await world.case()
        command = await case.prepare("acknowledge", "cpo.a")
        hasty = CaseDesk(client, task_queue=world.task_queue, offset=world.offset, timeout=0.5)
        with pytest.raises(TemporalAwayError):
            await hasty.send(command)
        async with world.worker():
            assert (await case.send(command)).accepted
        assert len(await case.rows(CaseEvent)) == 2


# --- it loses nothing -------------------------------------------------------------------------------------------------


async def test_commands_in_flight_while_it_continues_as_new_are_all_answered(impatient: World) -> None:
    case = await (await impatient.case()).assessed()
    commands = [await case.prepare("record_follow_up", "cpo.a", follow_up=FOLLOW_UP) for _ in range(MANY)]
    results = await asyncio.gather(*(case.send(one, confirm=False) for one in commands))
    assert all(one.accepted for one in results)
    assert {one.command_id for one in results} == {one.command_id for one in commands}
    assert sorted(one.sequence for one in await case.rows(CaseEvent)) == list(range(1, 4 + MANY + 1))
    await eventually(lambda: _continued(case), why="it continued as new")
    await eventually(case.in_step)


async def _continued(case: Case) -> bool:
    return len(await runs(case)) > 1


async def test_results_survive_continuing_as_new_and_are_given_without_asking_again(impatient: World) -> None:
    case = await (await impatient.case()).accepted()
    refusal = await case.prepare("accept", "chair.a", owner_id=impatient.person("cpo.a"))
    told = await case.send(refusal)
    first = await runs(case)
    while not await _continued(case):
        await case.do("assign_owner", "sup.a", owner_id=impatient.person("cpo.a"))
    last = (await runs(case))[0]
    assert last not in first
    before = (await kinds(case))[EventType.EVENT_TYPE_MARKER_RECORDED]
    for command in (case.sent[0], refusal):
        again = await case.send(command)
        assert again.accepted == (command is not refusal)
        assert again.command_id == command.command_id
    assert await case.send(refusal) == told
    assert (await runs(case))[0] == last
    assert (await kinds(case, last))[EventType.EVENT_TYPE_MARKER_RECORDED] == before, "an activity was asked again"


async def test_a_run_ends_with_its_case_and_a_new_one_reopens_it_long_after(world: World) -> None:
    case = await (await world.case()).assessed()
    await case.do("propose_not_substantiated", "cpo.a", reason="không có căn cứ")
    await case.do("confirm_not_substantiated", "sup.a")
    # Final, but the written report is still owed: it waits.
    await asyncio.sleep(0.3)
    assert await case.status() == WorkflowExecutionStatus.RUNNING
    await case.do("send_written_report", "cpo.a", report=WRITTEN)
    await eventually(case.has_ended)
    ended = (await case.handle.describe()).run_id
    believed = await world.desk.believed(case.id)
    assert believed is None
    late = await case.prepare("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    with pytest.raises(RunEndedError):
        await world.desk.send(late)
    # Asked all the same, the chart refuses, and the run ends again.
    refused = await world.desk.send(late, may_start=True)
    assert (refused.accepted, refused.code) == (False, "not-allowed-in-state")
    await eventually(case.has_ended)

    case.later(200 * DAY)
    told = case.now() - 10 * MINUTE
    reopening = await case.prepare(
        "reopen", "h111", m01={"anonymous": True, "children": [{}]}, received_at=told, owner_id=world.person("cpo2.a")
    )
    first, second = await asyncio.gather(*(world.desk.send(reopening, may_start=True) for _ in range(2)))
    assert first == second
    assert first.accepted
    row = await case.row()
    assert (row.process, row.receipt_at, row.owner_id, row.plan_version) == (
        *("initial_assessment", told, world.person("cpo2.a")),
        2,
    )
    run = (await case.handle.describe()).run_id
    assert run != ended
    assert await case.status() == WorkflowExecutionStatus.RUNNING
    assert {"acknowledge", "emergency_12h", "written_report", "initial_assessment"} <= await case.open()
    await case.do("acknowledge_report", "cpo2.a")
    await eventually(case.in_step)


# --- rungs ------------------------------------------------------------------------------------------------------------


async def fired_in_history(case: Case) -> int:
    """How many rungs the workflow has fired, as its history tells: by local activities, none of them left over."""
    found = 0
    async for event in case.handle.fetch_history_events():
        assert event.activity_task_scheduled_event_attributes.activity_type.name != "fire_rung"
        data = event.marker_recorded_event_attributes.details.get("data")
        found += data is not None and json.loads(data.payloads[0].data)["activity_type"] == "fire_rung"
    return found


async def test_each_rung_fires_once_and_the_ladder_goes_on(world: World) -> None:
    case = await world.case(ago=12 * HOUR - 2 * SECOND, flagged=True, trigger="LIFE")
    clock = await case.clock("emergency_12h")
    await eventually(lambda: _fired(case, "emergency_12h", {0, 1, 2}))
    await eventually(lambda: _fired(case, "acknowledge", {0, 1, 2}))
    await eventually(lambda: _fired(case, "emergency_12h", {0, 1, 2, 3}), why="the limit, two seconds later")
    await asyncio.sleep(0.5)
    entries = await case.rows(AuditEntry, action="fire_rung", outcome="fired")
    fired = Counter((one.record_id, one.detail["ordinal"]) for one in entries)
    assert set(fired.values()) == {1}
    assert {ordinal for deadline, ordinal in fired if deadline == clock.id} == {0, 1, 2, 3}
    assert await fired_in_history(case) == len(fired)
    assert {(one.deadline_id, one.ordinal) for one in await case.rows(Escalation)} == set(fired)
    told = Counter((one.deadline_id, one.ordinal, one.person_id, one.channel) for one in await case.rows(Notice))
    assert set(told.values()) == {1}
    assert not [one for one in (await world.desk.believed(case.id)).deadlines if one.id == clock.id]  # type: ignore[union-attr]


async def _fired(case: Case, code: str, ordinals: set[int]) -> bool:
    return set(await case.fired(code)) == ordinals


async def test_a_rung_that_keeps_failing_holds_up_no_other_and_fires_when_it_can(world: World) -> None:
    case = await world.case(ago=2 * HOUR - 3 * SECOND, flagged=True, trigger="LIFE")
    await eventually(lambda: _fired(case, "acknowledge", {0, 1}))
    sound = await case.clock("emergency_12h")
    of = table(Deadline)
    async with world.as_owner() as connection:
        await connection.execute(update(of).where(of.c.id == sound.id).values(clock={"status": "open"}))
    # Both are due at the same instant; the one cannot be read.
    await eventually(lambda: _fired(case, "acknowledge", {0, 1, 2}))
    assert await case.fired("emergency_12h") == []
    # It goes on by itself, and the case's task is free for others meanwhile.
    await eventually(lambda: _an_activity_is_pending(case))
    async with world.as_owner() as connection:
        await connection.execute(update(of).where(of.c.id == sound.id).values(clock=sound.clock))
    await eventually(lambda: _fired(case, "emergency_12h", {0}))
    await case.do("acknowledge", "cpo.a")


async def _an_activity_is_pending(case: Case) -> bool:
    return bool((await case.handle.describe()).raw_description.pending_activities)


async def test_commands_at_the_limit_come_before_the_limits_rung(world: World) -> None:
    case = await world.case(ago=2 * HOUR - 2.5 * SECOND)
    due = (await case.clock("acknowledge")).due_at
    slow = await case.prepare("acknowledge", "chair.a")
    meets = await case.prepare("acknowledge", "cpo.a")
    async with locked(case):
        first = asyncio.create_task(case.send(slow))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(case.send(meets))
        await asyncio.sleep((due - world.clock.now()).total_seconds() + 1)
        assert not first.done()
    assert ((await first).accepted, (await second).accepted) == (False, True)
    clock = await case.clock("acknowledge")
    assert (clock.status, clock.met_at < due < world.clock.now()) == ("met", True)
    await asyncio.sleep(0.3)
    assert await fired_in_history(case) == 0
    assert await case.rows(Escalation) == []


# --- it is put right --------------------------------------------------------------------------------------------------


async def unheard(case: Case, event: str, who: str, **fields: Any) -> Recorded:
    """Record a command whose workflow never hears of it: worker and server died after the commit."""
    command = await case.prepare(event, who, **fields)
    result: Recorded = await ActivityEnvironment().run(
        Transitions(case.world.database.worker, case.world.reference, case.world.clock).record_transition, command
    )
    assert result.accepted
    return result


async def test_a_workflow_that_is_behind_adopts_what_postgresql_holds(world: World) -> None:
    case = await world.case()
    await case.seen()
    await eventually(case.in_step)
    await unheard(case, "acknowledge", "cpo.a")
    assert not await case.in_step()
    await world.desk.wake(case.id)
    await eventually(case.in_step)
    assert {one.code for one in (await world.desk.believed(case.id)).deadlines} == await case.open()  # type: ignore[union-attr]


async def sweep(world: World) -> SweepReport:
    return await world.client.execute_workflow(Sweep.run, id=f"sweep-{uuid4()}", task_queue=world.task_queue)


async def test_the_sweep_starts_what_has_no_workflow_from_the_original_receipt(quiet_world: World) -> None:
    world = quiet_world
    lost = await world.case(recorded=MINUTE, ago=3 * HOUR, start=False)
    new = await world.case(start=False)
    report = await sweep(world)
    assert (report.started, report.resynced) == ((lost.id,), ())
    await eventually(lambda: _fired(lost, "acknowledge", {0}), why="E1, two hours after the receipt")
    assert await world.desk.believed(new.id) is None
    assert not await new.is_seen()
    await lost.seen()
    # The other one is started by the API a moment later; nothing is left to do.
    await world.desk.start(new.id)
    await new.seen()
    second = await sweep(world)
    assert (second.started, second.resynced, second.differences, second.checked) == ((), (), (), 2)
    first, last = sorted(await world.rows(SweepRun), key=lambda one: one.started_at)
    assert SweepReport.model_validate(first.report).started == (lost.id,)
    assert (first.ended_at is not None, last.ended_at is not None) == (True, True)


async def test_the_sweep_tells_the_workflow_of_a_command_nobody_heard_the_answer_of(quiet_world: World) -> None:
    world = quiet_world
    case = await world.case(recorded=2 * MINUTE)
    case.later(-MINUTE)
    await unheard(case, "acknowledge", "cpo.a")
    (submission,) = await world.rows(Submission)
    assert submission.confirmed_at is None
    report = await sweep(world)
    assert report.resynced == (case.id,)
    await eventually(case.in_step)
    (submission,) = await world.rows(Submission)
    assert submission.confirmed_at is not None
    again = await sweep(world)
    assert (again.resynced, again.differences) == ((), ())


async def test_the_sweep_finds_repairs_and_reports_every_difference(quiet_world: World) -> None:
    world = quiet_world
    behind, gone, sound, over = [await world.case() for _ in range(4)]
    for case in (behind, gone, sound, over):
        await case.seen()
    await unheard(behind, "acknowledge", "cpo.a")
    await gone.handle.terminate()
    await over.handle.terminate()
    report = await sweep(world)
    assert set(report.differences) == {f"{behind.id} sequence", f"{gone.id} no-workflow", f"{over.id} no-workflow"}
    assert report.checked == 4
    for case in (behind, gone, over):
        await eventually(case.in_step)
    (run,) = await world.rows(SweepRun)
    assert SweepReport.model_validate(run.report) == report
    assert (await sweep(world)).differences == ()


async def test_the_schedule_of_the_sweep_is_made_once_however_often_it_is_asked_for(quiet_world: World) -> None:
    world = quiet_world
    try:
        for _ in range(3):
            await schedule_sweep(world.client, world.task_queue)
        found = [one.id async for one in await world.client.list_schedules()]
        assert found.count(SCHEDULE_ID) <= 1  # the list lags behind
        described = await world.client.get_schedule_handle(SCHEDULE_ID).describe()
        assert [one.every for one in described.schedule.spec.intervals] == [MINUTE]
        await eventually(lambda: _swept(world), why="it runs at once, not after a minute")
        assert len(await world.rows(SweepRun)) == 1
    finally:
        await world.client.get_schedule_handle(SCHEDULE_ID).delete()


async def _swept(world: World) -> bool:
    return any(one.ended_at for one in await world.rows(SweepRun))
