"""Whether the service is ready, dependency by dependency.

PostgreSQL at the newest revision is enough to take a report in, so that is what ready means; with Temporal or every
worker away the service is degraded: commands answer 503 and nobody is chased.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from api.door import Door
from api.shapes.health import Dependency, ReadyOut
from models import migrations
from models.database import Who, transaction

SECONDS: Final = 3.0
UNHEARD_AFTER: Final = timedelta(minutes=2)
"""A worker asks for work at least once a minute."""

_LOG = structlog.get_logger("api.health")


async def ready(door: Door) -> ReadyOut:
    """Ask every dependency at once."""
    (postgres, schema), (temporal, worker) = await asyncio.gather(_database(door), _temporal(door))
    found = [postgres, schema, temporal, worker]
    status = "away" if "away" in (postgres.status, schema.status) else "ok"
    if status == "ok" and any(one.status != "ok" for one in found):
        return ReadyOut(status="degraded", dependencies=found)
    return ReadyOut(status="away" if status == "away" else "ok", dependencies=found)


async def _database(door: Door) -> tuple[Dependency, Dependency]:
    try:
        async with (
            asyncio.timeout(SECONDS),
            transaction(door.engine, Who(system="health"), door.clock.now()) as connection,
        ):
            revision = await migrations.revision_of(connection)
    except (SQLAlchemyError, OSError, TimeoutError):
        _LOG.warning("postgres does not answer", exc_info=True)
        return _away("postgres", "no-answer"), _away("migrations", "unknown")
    at_head = revision == _head()
    migrated = Dependency(
        name="migrations", status="ok" if at_head else "away", code=None if at_head else "not-at-head", heard_at=None
    )
    return Dependency(name="postgres", status="ok", code=None, heard_at=None), migrated


async def _temporal(door: Door) -> tuple[Dependency, Dependency]:
    client = door.desk.client
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=door.settings.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        async with asyncio.timeout(SECONDS):
            answer = await client.workflow_service.describe_task_queue(
                request, timeout=timedelta(seconds=SECONDS), retry=False
            )
    except (RPCError, RuntimeError, OSError, TimeoutError):
        return _away("temporal", "no-answer"), _away("worker", "unknown")
    temporal = Dependency(name="temporal", status="ok", code=None, heard_at=None)
    heard = max((poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in answer.pollers), default=None)
    if heard is None:
        return temporal, _away("worker", "not-heard-from")
    recent = datetime.now(UTC) - heard < UNHEARD_AFTER  # Temporal's own time, not the domain's
    return temporal, Dependency(
        name="worker", status="ok" if recent else "away", code=None if recent else "not-heard-from", heard_at=heard
    )


def _away(name: str, code: str) -> Dependency:
    return Dependency(name=name, status="away", code=code, heard_at=None)


@cache
def _head() -> str:
    return migrations.head()
