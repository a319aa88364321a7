"""Asking a case's workflow for something, from outside it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models.messages import (
    CaseInput,
    Command,
    CommandResult,
    DeliveryInput,
    ReferralInput,
    Snapshot,
    delivery_workflow_id,
    referral_workflow_id,
    workflow_id,
)
from workflows.case import Case
from workflows.delivery import Delivery
from workflows.referral import Referral

TIMEOUT = 4.0
"""Seconds a call may take: the caller has an answer within 5, what the door does around it included (architecture.md).
Longer than a case waits for a worker that died (``workflows.worker.STICKY``), so that one death is not noticed."""

TASK = timedelta(seconds=3)
"""How long Temporal waits for a worker that has taken a case's task and may have died, before another gets it: less
than a caller waits. By default 10 s. A worker that is alive and still at work on a local activity says so in time."""


class TemporalAwayError(Exception):
    """Temporal, or every worker, did not answer in time. The command may still be carried out: ask again, same id."""


class RunEndedError(Exception):
    """The case has no live workflow: it never had one, or it ended with the case."""


class CommandFailedError(Exception):
    """The command could not be recorded for a reason that is ours, not the caller's."""


class CaseDesk:
    """Starts and asks the workflows of cases.

    Args:
        client: connected, or lazy.
        task_queue: where the workers listen.
        offset: domain time minus platform time.
        timeout: seconds a whole call may take, retries included.
    """

    def __init__(
        self, client: Client, *, task_queue: str, offset: timedelta = timedelta(0), timeout: float = TIMEOUT
    ) -> None:
        self.client = client
        self._task_queue = task_queue
        self._offset = offset
        self._timeout = timeout

    async def start(self, case_id: UUID) -> None:
        """Start the workflow of a case; one that runs already is left alone.

        Raises:
            TemporalAwayError: not reachable within the timeout. The sweep will start it.
        """
        await self._start(case_id, signal=None)

    async def wake(self, case_id: UUID) -> None:
        """Tell the workflow of a case that PostgreSQL is ahead of it; start it where it has ended.

        Raises:
            TemporalAwayError: not reachable within the timeout.
        """
        await self._start(case_id, signal="resync")

    async def wake_referral(self, case_id: UUID, referral_id: UUID) -> None:
        """Tell the workflow of a referral that PostgreSQL is ahead of it; start it where there is none.

        Raises:
            TemporalAwayError: not reachable within the timeout.
        """
        about = ReferralInput(case_id=case_id, referral_id=referral_id, offset_seconds=self._offset.total_seconds())
        try:
            async with asyncio.timeout(self._timeout):
                await self.client.start_workflow(
                    Referral.run,
                    about,
                    id=referral_workflow_id(referral_id),
                    task_queue=self._task_queue,
                    task_timeout=TASK,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    start_signal="resync",
                )
        except (TimeoutError, RPCError, RuntimeError) as error:
            raise TemporalAwayError from error

    async def start_delivery(self, about: DeliveryInput) -> None:
        """Start the workflow of a referral's events for an endpoint; tell one that runs to look.

        Raises:
            TemporalAwayError: not reachable within the timeout.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self.client.start_workflow(
                    Delivery.run,
                    about,
                    id=delivery_workflow_id(about.endpoint_id, about.referral_id),
                    task_queue=self._task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    start_signal="look",
                )
        except (TimeoutError, RPCError, RuntimeError) as error:
            raise TemporalAwayError from error

    async def believed(self, case_id: UUID) -> Snapshot | None:
        """What the workflow of a case believes; None where none is running.

        Raises:
            TemporalAwayError: no answer within the timeout.
        """
        return await self._believed(workflow_id(case_id))

    async def believed_of_referral(self, referral_id: UUID) -> Snapshot | None:
        """What the workflow of a referral believes; None where none is running.

        Raises:
            TemporalAwayError: no answer within the timeout.
        """
        return await self._believed(referral_workflow_id(referral_id))

    async def _believed(self, of: str) -> Snapshot | None:
        handle = self.client.get_workflow_handle(of)
        try:
            async with asyncio.timeout(self._timeout):
                described = await handle.describe()
                if described.status != WorkflowExecutionStatus.RUNNING:
                    return None
                snapshot: Snapshot = await handle.query("snapshot", result_type=Snapshot)
                return snapshot
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise TemporalAwayError from error
        except TimeoutError as late:
            raise TemporalAwayError from late

    async def send(self, command: Command, *, may_start: bool = False) -> CommandResult:
        """Send a command and wait for its answer; a refusal is an answer.

        Args:
            command: its id is the update id, so sending it again yields the same answer.
            may_start: start the workflow where it has ended (an event the chart allows in a final state).

        Raises:
            RunEndedError: no live workflow, and ``may_start`` was not given.
            TemporalAwayError: no answer within the timeout.
            CommandFailedError: the worker failed on it.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await (self._update_with_start(command) if may_start else self._update(command))
        except WorkflowUpdateFailedError as failed:
            return _refusal(failed)
        # A lazy client that never reached Temporal says so with a RuntimeError.
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError, RuntimeError) as late:
            raise TemporalAwayError from late
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise RunEndedError from error
            raise TemporalAwayError from error

    async def _update(self, command: Command) -> CommandResult:
        handle = self.client.get_workflow_handle(_workflow_of(command))
        result: CommandResult = await handle.execute_update(
            "command", command, id=str(command.command_id), result_type=CommandResult
        )
        return result

    async def _update_with_start(self, command: Command) -> CommandResult:
        about: CaseInput | ReferralInput = self._input(command.case_id)
        if command.referral_id is not None:
            about = ReferralInput(
                case_id=command.case_id,
                referral_id=command.referral_id,
                offset_seconds=self._offset.total_seconds(),
            )
        start: WithStartWorkflowOperation[Any, None] = WithStartWorkflowOperation(
            "Case" if command.referral_id is None else "Referral",
            about,
            id=_workflow_of(command),
            task_queue=self._task_queue,
            task_timeout=TASK,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
        result: CommandResult = await self.client.execute_update_with_start_workflow(
            "command",
            command,
            id=str(command.command_id),
            result_type=CommandResult,
            start_workflow_operation=start,
        )
        return result

    def _input(self, case_id: UUID) -> CaseInput:
        return CaseInput(case_id=case_id, offset_seconds=self._offset.total_seconds(), locally=True)

    async def _start(self, case_id: UUID, signal: str | None) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self.client.start_workflow(
                    Case.run,
                    self._input(case_id),
                    id=workflow_id(case_id),
                    task_queue=self._task_queue,
                    task_timeout=TASK,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    start_signal=signal,
                )
        except (TimeoutError, RPCError, RuntimeError) as error:
            raise TemporalAwayError from error


def _workflow_of(command: Command) -> str:
    if command.referral_id is not None:
        return referral_workflow_id(command.referral_id)
    return workflow_id(command.case_id)


def _refusal(failed: WorkflowUpdateFailedError) -> CommandResult:
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.details:
        return CommandResult.model_validate(cause.details[0])
    raise CommandFailedError from failed
