"""The worker: the one place that puts workflows, activities, PostgreSQL, the outbox and the sealer together."""

import asyncio
import signal
from datetime import timedelta

import structlog
from prometheus_client import start_http_server
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from activities.attachments import AttachmentCare
from activities.channels import configured
from activities.clamd import Clamd
from activities.delivery import Outbox
from activities.referral import ReferralClockActs, ReferralTransitions
from activities.rungs import RungActivities
from activities.sealing import Sealer
from activities.transition import ClockActs, Transitions
from activities.upkeep import Upkeep
from activities.webhooks import DeliveryActivities, Dispatch, Post
from models.audit import SigningKeys
from models.audit.kept import SealFolder
from models.clock import Clock, PlatformClock
from models.database import connect as connect_database
from models.hardening import hardened
from models.logs import configure_logging
from models.records.reference import Reference, load_reference
from models.settings import CASES_KEPT, Settings
from models.vault.file import FileKeys
from models.vault.objects import ObjectStore
from workflows.case import Case
from workflows.client import CaseDesk
from workflows.connection import connect
from workflows.delivery import Delivery
from workflows.referral import Referral
from workflows.sweep import Sweep, schedule_sweep

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""Activities of one kind at work at once, as many as the connection pool serves without waiting, and tasks of cases
taken at once. Of those the default is 100: in a rush most would wait in the worker for the twenty at work, and Temporal
takes a waiting task for one of a dead worker (``workflows.client.TASK``) and gives it out again, for nothing."""

STICKY = timedelta(seconds=3)
"""How long a case's next task waits for the worker that knows the case. By default 10 s: after a worker died, every
command on its cases would outlast the caller's 5 s, though others are at work already."""


def case_worker(
    client: Client,
    *,
    engine: AsyncEngine,
    clock: Clock,
    desk: CaseDesk,
    reference: Reference,
    task_queue: str,
    kept: int = CASES_KEPT,
    post: Post | None = None,
) -> Worker:
    """A Temporal worker for cases and sweeps, composed but not started.

    Args:
        client: connected to Temporal.
        engine: of the worker role.
        clock: domain time.
        desk: the way to other cases' workflows.
        reference: protocols, calendars and overrides.
        task_queue: where to listen.
        kept: cases kept in memory; with 0 every task replays its case from history.
        post: how events leave for systems of agencies; by default to the public internet only.
    """
    transitions = Transitions(engine, reference, clock)
    referrals = ReferralTransitions(engine, reference, clock)
    rungs = RungActivities(engine, clock, ClockActs(reference), ReferralClockActs(reference), wake=desk.wake_referral)
    deliveries = DeliveryActivities(engine, clock, post or Post())
    upkeep = Upkeep(engine, clock, desk, reference)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Case, Referral, Delivery, Sweep],
        activities=[
            transitions.record_transition,
            referrals.record_referral,
            rungs.fire_rung,
            upkeep.load_case,
            upkeep.load_referral,
            upkeep.wake_case,
            upkeep.wake_referral,
            upkeep.sweep,
            deliveries.next_delivery,
            deliveries.send_delivery,
            deliveries.bury_delivery,
        ],
        max_cached_workflows=kept,
        max_concurrent_activities=AT_ONCE,
        max_concurrent_local_activities=AT_ONCE,
        max_concurrent_workflow_tasks=AT_ONCE,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=timedelta(seconds=10),
    )


async def serve(config: Settings, stop: asyncio.Event) -> None:
    """Run the worker of one process until ``stop`` is set.

    Args:
        config: this process's settings.
        stop: set it to end cleanly: running activities finish, notices in hand are sent.

    Raises:
        OSError, SealError: there are no keys to sign the audit with.
    """
    offset = timedelta(seconds=config.clock_offset_seconds)
    clock = PlatformClock(offset)
    engine = connect_database(
        config.worker_database_url.get_secret_value(), pool_size=config.database_pool, plan_once=True,
        keys=FileKeys(config.vault_file),
    )  # fmt: skip
    client = await connect(config)
    reference = load_reference(config.overrides_dir)
    desk = CaseDesk(client, task_queue=config.task_queue, offset=offset)
    await schedule_sweep(client, config.task_queue)
    outbox = Outbox(engine, clock, configured(config), config)
    sealer = Sealer(engine, clock, SigningKeys.read(config.signing_keys), SealFolder(config.seals))
    if config.worker_metrics_port:
        start_http_server(config.worker_metrics_port, addr="127.0.0.1")
    objects = ObjectStore(config.attachments_url, config.data_dir / "attachments")
    care = AttachmentCare(engine, clock, objects, Clamd(config.clamd) if config.clamd else None)
    dispatch = Dispatch(engine, clock, desk)
    beside = [asyncio.create_task(work.run()) for work in (outbox, care, sealer, dispatch)]
    try:
        async with case_worker(
            client,
            engine=engine,
            clock=clock,
            desk=desk,
            reference=reference,
            task_queue=config.task_queue,
            kept=config.cases_kept,
            post=Post.of(config),
        ):
            log.info("worker ready", task_queue=config.task_queue)
            await stop.wait()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await engine.dispose()


async def _main() -> None:
    config = hardened()
    configure_logging(config)
    # The ids stand in fields of their own (models.logs): no dictionary in the middle of a sentence.
    activity.logger.activity_info_on_message = workflow.logger.workflow_info_on_message = False
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await serve(config, stop)


if __name__ == "__main__":
    asyncio.run(_main())
