"""The sweep: a short workflow run by a schedule, so that it happens once at a time and leaves a trace of its own."""

from datetime import timedelta

from temporalio import workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from models.messages import SweepReport

SCHEDULE_ID = "sweep"
EVERY = timedelta(minutes=1)


@workflow.defn(name="Sweep")
class Sweep:
    """One pass over what PostgreSQL and Temporal may disagree on."""

    @workflow.run
    async def run(self) -> SweepReport:
        """Sweep once; a failing pass is given up, the next one starts a minute later."""
        report: SweepReport = await workflow.execute_activity(
            "sweep",
            result_type=SweepReport,
            start_to_close_timeout=timedelta(minutes=5),
            # The sweep of a worker that died must not keep the next ones waiting: it repairs what that death left.
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return report


async def schedule_sweep(client: Client, task_queue: str) -> None:
    """Make sure that the sweep runs every minute, never twice at once. Safe to call at every start.

    Args:
        client: connected to a server that has schedules.
        task_queue: where the workers listen.
    """
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(Sweep.run, id=SCHEDULE_ID, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    try:
        await client.create_schedule(SCHEDULE_ID, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        return
