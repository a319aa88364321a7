"""The bare floor: what Temporal, its library and our codec cost where nothing is decided and nothing recorded.

A workflow that takes updates one after the other, each with one local activity that does nothing, on the server, with
the converter, the codec and the worker settings of the service. ``python -m tests.bench.floor`` is its worker.
"""

import asyncio
import signal
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from models.messages import CaseInput, Command, CommandResult
    from models.settings import settings
    from workflows.connection import connect
    from workflows.worker import AT_ONCE

FLOOR_QUEUE = "floor"


@activity.defn(name="nothing")
async def nothing(command: Command) -> CommandResult:
    """Answer at once."""
    return CommandResult(command_id=command.command_id, accepted=True, sequence=1)


@workflow.defn(name="Floor")
class Floor:
    """As many updates as come, until told that it was the last."""

    @workflow.init
    def __init__(self, start: CaseInput) -> None:  # noqa: ARG002 - the same input as a case has
        self._lock = asyncio.Lock()
        self._over = False

    @workflow.run
    async def run(self, start: CaseInput) -> None:  # noqa: ARG002
        """Wait for the end."""
        await workflow.wait_condition(lambda: self._over)

    @workflow.update(name="command", unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def command(self, command: Command) -> CommandResult:
        """Do nothing, in the order of arrival."""
        async with self._lock:
            return await workflow.execute_local_activity(nothing, command, start_to_close_timeout=timedelta(seconds=10))


async def _main() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with Worker(
        await connect(settings()),
        task_queue=FLOOR_QUEUE,
        workflows=[Floor],
        activities=[nothing],
        max_concurrent_activities=AT_ONCE,
        max_concurrent_local_activities=AT_ONCE,
    ):
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main())
