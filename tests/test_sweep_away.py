"""The sweep while Temporal does not answer: it ends, says so on record, goes on behind, and confirms nothing."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from temporalio.testing import ActivityEnvironment

from activities.upkeep import GIVE_UP_AFTER, Upkeep
from deploy.runtime.temporal import free_port
from deploy.seed import load_organisation, sample_organisation
from models.clock import PlatformClock
from models.database import Who, transaction
from models.forms import ReportInput
from models.messages import workflow_id
from models.records.actor import Acting
from models.records.intake import receive_report
from models.records.reference import load_reference
from models.settings import Settings
from models.tables import CaseFile, CommandRecord, Submission, SweepRun, table
from workflows.client import CaseDesk
from workflows.connection import connect as connect_temporal

pytestmark = pytest.mark.servers

CLOCK = PlatformClock()
CASES = GIVE_UP_AFTER + 2


@pytest.fixture
async def upkeep(database, key_file):
    """Five cases whose workflows were seen once, one command nobody heard the answer of, and no server to ask."""
    now, reference = CLOCK.now(), load_reference()
    made = sample_organisation(now)
    async with transaction(database.owner, Who(system="test"), now) as connection:
        await load_organisation(connection, made)
        position = next(row for row in made.rows["position"] if row["role"] == "CPO")
        cpo = Acting(position["person_id"], position["id"], position["unit_id"], "CPO")
        cases = []
        for _ in range(CASES):
            intake = await receive_report(
                connection, report=ReportInput(), actor=cpo, now=now, reference=reference, command_id=uuid4()
            )
            cases.append(intake.cases[0].case_id)
        await connection.execute(update(table(CaseFile)).values(workflow_seen_at=now))
        asked = {"person_id": cpo.person_id, "case_id": cases[0]}
        command = uuid4()
        await connection.execute(
            insert(Submission).values(
                id=command,
                key=uuid4(),
                target="x",
                request_hash="0" * 64,
                created_at=now - timedelta(minutes=5),
                **asked,
            )
        )
        await connection.execute(
            insert(CommandRecord).values(
                command_id=command, event="acknowledge", accepted=True, result={}, recorded_at=now, **asked
            )
        )
    away = Settings(temporal_address=f"127.0.0.1:{free_port()}", key_file=key_file)
    desk = CaseDesk(await connect_temporal(away, lazy=True), task_queue="q", timeout=0.5)
    return Upkeep(database.worker, CLOCK, desk, reference)


async def swept(database, upkeep):
    await ActivityEnvironment().run(upkeep.sweep)
    async with transaction(database.worker, Who(system="sweep"), CLOCK.now()) as connection:
        runs = table(SweepRun)
        report = (
            await connection.execute(select(runs.c.report).order_by(runs.c.started_at.desc()).limit(1))
        ).scalar_one()
        confirmed = (await connection.execute(select(table(Submission).c.confirmed_at))).scalar_one()
    return report, confirmed


async def test_a_sweep_without_temporal_ends_on_record_and_the_next_goes_on_behind(database, upkeep):
    first, confirmed = await swept(database, upkeep)
    second, _ = await swept(database, upkeep)
    assert first["checked"] == GIVE_UP_AFTER
    assert len([line for line in first["differences"] if line.endswith("no-answer")]) >= GIVE_UP_AFTER
    assert second["checked"] == CASES - GIVE_UP_AFTER
    assert second["cursor"] is None
    assert confirmed is None, "a command whose workflow could not be told counts as heard"


@pytest.mark.usefixtures("upkeep")
async def test_a_case_in_the_queue_is_started_by_every_pass_and_given_no_further_task(database, temporal, task_queue):
    """Twenty thousand reports before a slow worker: what waits must not grow with every pass."""
    cases = table(CaseFile)
    early = CLOCK.now() - timedelta(minutes=5)
    async with transaction(database.owner, Who(system="test"), CLOCK.now()) as connection:
        await connection.execute(update(cases).values(workflow_seen_at=None, created_at=early))
    # Nobody listens on this queue: the worker is there, and has not come to it yet.
    busy = Upkeep(database.worker, CLOCK, CaseDesk(temporal, task_queue=task_queue), load_reference())
    for _ in range(2):
        report, _ = await swept(database, busy)
        assert len(report["started"]) == CASES
    for case_id in report["started"]:
        history = await temporal.get_workflow_handle(workflow_id(UUID(case_id))).fetch_history()
        kinds = [event.WhichOneof("attributes") for event in history.events]
        assert kinds == ["workflow_execution_started_event_attributes", "workflow_task_scheduled_event_attributes"]
        await temporal.get_workflow_handle(workflow_id(UUID(case_id))).terminate()
