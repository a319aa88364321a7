"""What the workflows of a case and of a referral have in common: they keep time and order, and decide nothing.

They do not know the charts. A command goes to an activity, which lets the chart decide and PostgreSQL hold; the
workflow adopts the result, waits for the earliest rung or the next command, and fires what is due.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from uuid import UUID

    from models.messages import (
        Command,
        CommandResult,
        OpenDeadline,
        Recorded,
        ReferralRef,
        RungDue,
        Snapshot,
    )

RECENT = 40
"""How many results survive a continue-as-new; PostgreSQL remembers all of them anyway."""

_MOMENT = timedelta(milliseconds=1)

# Retried for as long as it takes: a rung or a command is never given up because a server is away.
_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=20)
)

_ONCE = RetryPolicy(maximum_attempts=1)


class Keeper:
    """One life from its first event until it is final and no deadline is open.

    A workflow says which activities record its commands and read its rows (``RECORD``, ``LOAD``), which id it is read
    by, and how it continues as new.

    Args:
        snapshot: what it knows; ``stale`` where it has yet to read it.
        subject: id of the case or referral.
        offset_seconds: domain time minus platform time.
        recent: results carried over from the run before.
        locally: its rungs are tried by local activities first.
    """

    RECORD: ClassVar[str]
    LOAD: ClassVar[str]

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        subject: UUID,
        stale: bool,
        offset_seconds: float,
        recent: tuple[CommandResult, ...],
        locally: bool,
    ) -> None:
        self._subject = subject
        self._offset = timedelta(seconds=offset_seconds)
        self._locally = locally
        self._lock = asyncio.Lock()
        self._snapshot = snapshot
        self._recent: dict[UUID, CommandResult] = {result.command_id: result for result in recent}
        self._stale = stale
        self._firing: set[tuple[UUID, int]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._changes = 0
        self._reloads = 0
        self._alarm: asyncio.Task[None] | None = None
        self._rings_at = self._now()

    def _about(self) -> UUID | ReferralRef:
        """What the rows are read by."""
        raise NotImplementedError

    def _is_mine(self, command: Command) -> bool:
        """Whether a command is for this workflow."""
        raise NotImplementedError

    def _continue(self) -> None:
        """Continue as new, with what is known."""
        raise NotImplementedError

    async def _keep(self) -> None:
        """Wait, fire, adopt; until it has ended or its history has grown long."""
        while True:
            if self._stale:
                await self._reload()
            elif not self._may_leave():
                await self._wait()
            elif self._snapshot.ended:
                return
            else:
                self._continue()

    @workflow.update(name="command", unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def command(self, command: Command) -> CommandResult:
        """Record one command, in the order of arrival, once.

        Raises:
            ApplicationError: the command was refused; ``type`` is the refusal's code, the details hold the result.
        """
        try:
            async with self._lock:
                result = self._recent.get(command.command_id)
                if result is None:
                    result = self._remember(await self._record(command))
        except FailureError:
            raise
        except Exception as error:  # a plain exception would fail the workflow task for ever
            raise ApplicationError("the command could not be recorded", type="internal", non_retryable=True) from error
        if not result.accepted:
            raise ApplicationError(
                "refused", result.model_dump(mode="json"), type=result.code or "refused", non_retryable=True
            )
        return result

    @command.validator
    def _has_right_shape(self, command: Command) -> None:
        # Shape only: judging the state here would refuse the legal second of two queued commands.
        if not self._is_mine(command):
            raise ApplicationError("this is another's workflow", type="wrong-case", non_retryable=True)

    @workflow.signal(name="resync")
    def resync(self) -> None:
        """PostgreSQL is ahead: read it again."""
        self._stale = True
        self._changes += 1

    @workflow.query(name="snapshot")
    def snapshot(self) -> Snapshot:
        """What this workflow believes; the sweep holds it against PostgreSQL."""
        return self._snapshot

    async def _record(self, command: Command) -> Recorded:
        # A local activity: short, idempotent by command id, and about twice as fast as an ordinary one
        # (docs/performance.md). What a crash between its commit and our answer may lose, resync brings back.
        seen = self._reloads
        result: Recorded = await workflow.execute_local_activity(
            self.RECORD,
            command,
            result_type=Recorded,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=_PATIENT,
            local_retry_threshold=timedelta(seconds=2),
        )
        self._adopt(result.snapshot, seen)
        return result

    async def _reload(self) -> None:
        self._stale = False
        snapshot: Snapshot = await workflow.execute_local_activity(
            self.LOAD,
            self._about(),
            result_type=Snapshot,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=_PATIENT,
            local_retry_threshold=timedelta(seconds=2),
        )
        self._adopt(snapshot, self._reloads)
        self._reloads += 1

    async def _wait(self) -> None:
        seen = self._changes
        due = self._earliest()
        if due is not None:
            # A timer even for what is overdue: commands that came in while a handler was at work are delivered with
            # its firing, and handled before it. Straight after a handler they are not here yet.
            self._set_alarm(max(due.at, self._now() + _MOMENT))
        await workflow.wait_condition(lambda: self._changes != seen or self._may_leave() or self._rang())
        if self._rang():
            self._alarm = None
            await self._fire_after_queue()

    def _set_alarm(self, at: datetime) -> None:
        """Be woken at an instant. An earlier alarm stays: where it rings for nothing, that costs one look.

        Set anew at every command it would cost the server two more events each time (docs/performance.md).
        """
        if self._alarm is not None:
            if self._rings_at <= at:
                return
            self._alarm.cancel()
        self._rings_at = at
        self._alarm = asyncio.create_task(asyncio.sleep((at - self._now()).total_seconds()))

    def _rang(self) -> bool:
        return self._alarm is not None and self._alarm.done()

    async def _fire_after_queue(self) -> None:
        # A command stamped at the limit itself comes before the limit's rung: let the queue drain, then look again.
        async with self._lock:
            pass
        now = self._now()
        for due in self._waiting():
            if due.at <= now:
                self._firing.add((due.id, due.ordinal))
                # Each on its own, so that one rung that keeps failing cannot hold up the others.
                self._spawn(self._fire(due))

    async def _fire(self, due: OpenDeadline) -> None:
        seen = self._reloads
        try:
            rung = RungDue(
                case_id=self._snapshot.case_id,
                deadline_id=due.id,
                ordinal=due.ordinal,
                at=self._now(),
                referral_id=self._snapshot.referral_id,
            )
            self._adopt(await self._fired(rung), seen)
        finally:
            self._firing.discard((due.id, due.ordinal))
            self._changes += 1

    async def _fired(self, rung: RungDue) -> Snapshot:
        # Tried once as a local activity, at half the cost (docs/decisions/0005). One that fails there must not keep the
        # case's task, and with it people, waiting: it goes on as an ordinary activity, for as long as it takes.
        # Until 1 December 2027 a run may be open, or kept, that began before 26 November 2026: it fires as recorded.
        if self._locally:
            with suppress(FailureError):
                tried: Snapshot = await workflow.execute_local_activity(
                    "fire_rung",
                    rung,
                    result_type=Snapshot,
                    start_to_close_timeout=timedelta(seconds=5),
                    retry_policy=_ONCE,
                )
                return tried
        fired: Snapshot = await workflow.execute_activity(
            "fire_rung",
            rung,
            result_type=Snapshot,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=_PATIENT,
        )
        return fired

    async def _wake(self, how: str, other: UUID) -> None:
        await workflow.execute_activity(how, other, start_to_close_timeout=timedelta(seconds=10), retry_policy=_PATIENT)
        self._changes += 1

    def _remember(self, recorded: Recorded) -> CommandResult:
        answer = self._recent[recorded.command_id] = recorded.answer
        while len(self._recent) > RECENT:
            self._recent.pop(next(iter(self._recent)))
        for other in recorded.wake:
            self._spawn(self._wake("wake_case", other))
        for other in recorded.wake_referrals:
            self._spawn(self._wake("wake_referral", other))
        return answer

    def _adopt(self, snapshot: Snapshot, reloads: int) -> None:
        """Take over what an activity saw, unless it is older than what is known.

        Clocks may move without the sequence (a calendar, a sibling's pace). Of two looks at one sequence, taken while
        the case was read again, neither is known to be the newer: a third one settles the matter.
        """
        if snapshot.sequence == self._snapshot.sequence and reloads != self._reloads:
            self._stale = True
        elif snapshot.sequence >= self._snapshot.sequence:
            self._snapshot = snapshot
        self._changes += 1

    def _waiting(self) -> list[OpenDeadline]:
        waiting = [due for due in self._snapshot.deadlines if (due.id, due.ordinal) not in self._firing]
        return sorted(waiting, key=lambda due: (due.at, due.id, due.ordinal))

    def _earliest(self) -> OpenDeadline | None:
        return next(iter(self._waiting()), None)

    def _may_leave(self) -> bool:
        """Nothing is under way, and the case has ended or its history has grown long."""
        quiet = not self._background and not self._lock.locked() and workflow.all_handlers_finished()
        return quiet and (self._snapshot.ended or workflow.info().is_continue_as_new_suggested())

    def _now(self) -> datetime:
        return workflow.now() + self._offset

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
