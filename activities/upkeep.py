"""Loading, waking and comparing: what keeps workflows and PostgreSQL in step."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Select, Update, and_, exists, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.webhooks import start_waiting
from models.clock import Clock
from models.database import Who, transaction
from models.lifecycle.referral import LIVE as LIVE_REFERRAL
from models.lifecycle.states import ENDED, LIVE
from models.messages import DeliveryInput, ReferralRef, Snapshot, SweepReport, referral_workflow_id
from models.records.acts import keep_pace, snapshot_of
from models.records.cases import lock_cases, surroundings
from models.records.deadlines import load_clocks
from models.records.following import Scene, nudge
from models.records.following import keep_pace as pace_referrals
from models.records.reference import Reference
from models.records.referrals import read_referral, read_where_it_is
from models.records.referrals import snapshot_of as snapshot_of_referral
from models.records.withdrawal import follow_consent
from models.tables import CaseFile, CommandRecord, Deadline, Referral, Rung, Submission, SweepRun, new_id, table

_CASE, _DEADLINE, _RUNG = table(CaseFile), table(Deadline), table(Rung)
_REFERRAL = table(Referral)
_SUBMISSION, _COMMAND, _SWEEP = table(Submission), table(CommandRecord), table(SweepRun)

# Literals: a plan for any value (``models.database.connect``, plan_once) could not use the indexes of these alone.
_PLANNED, _OPEN = _RUNG.c.state == literal_column("'planned'"), _DEADLINE.c.status == literal_column("'open'")

UNSTARTED_AFTER = timedelta(seconds=20)
"""How long a case may be without a workflow before the sweep starts one: the API is about to do it itself."""
UNCONFIRMED_AFTER = timedelta(seconds=30)
"""How long a command may be recorded without its caller having heard so, before the workflow is told to look."""
OVERDUE_AFTER = timedelta(seconds=45)
"""How far a planned rung may lie behind before the workflow is told to look."""
BATCH = 200
"""Cases, and as many referrals, compared with their workflows in one sweep; the next one goes on from there."""
GIVE_UP_AFTER = 3
"""So many cases in a row without an answer mean that Temporal is away; fewer, that these cases are in trouble."""


class Desk(Protocol):
    """What the upkeep needs of Temporal. Each raises where Temporal is away."""

    async def start(self, case_id: UUID) -> None:
        """Start a case's workflow; one that runs is left alone."""

    async def wake(self, case_id: UUID) -> None:
        """Tell a case's workflow to read PostgreSQL again; start it where there is none."""

    async def wake_referral(self, case_id: UUID, referral_id: UUID) -> None:
        """The same of a referral's."""

    async def start_delivery(self, about: DeliveryInput) -> None:
        """Start the workflow of a referral's events for an endpoint; tell one that runs to look."""

    async def believed(self, case_id: UUID) -> Snapshot | None:
        """What a case's workflow believes; None where none runs."""

    async def believed_of_referral(self, referral_id: UUID) -> Snapshot | None:
        """What a referral's workflow believes; None where none runs."""


class Upkeep:
    """Activities that keep workflows and rows in step.

    Args:
        engine: of the worker role.
        clock: domain time.
        desk: the way to the workflows.
        reference: protocols, calendars and overrides.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, desk: Desk, reference: Reference) -> None:
        self._reference = reference
        self._engine = engine
        self._clock = clock
        self._desk = desk
        self._cases_of: dict[UUID, UUID] = {}

    @activity.defn(name="load_case")
    async def load_case(self, case_id: UUID) -> Snapshot:
        """What a workflow must know of its case, its clocks paced by its household; notes that the case has a workflow.

        Raises:
            ApplicationError: there is no such case.
        """
        now = self._clock.now()
        async with self._transaction(case_id) as connection:
            case = (await lock_cases(connection, [case_id])).get(case_id)
            if case is None:
                raise ApplicationError("no such case", type="unknown-case", non_retryable=True)
            await connection.execute(
                update(_CASE)
                .where(_CASE.c.id == case_id, _CASE.c.workflow_seen_at.is_(None))
                .values(workflow_seen_at=now)
            )
            held = snapshot_of(case, await keep_pace(connection, self._reference, case, now))
            around = await surroundings(connection, case, positions=[], persons=[], at=now)
            scene = Scene(self._reference, case, around, now)
            moved = await pace_referrals(connection, scene, ended=case.process in ENDED)
        for referral in moved:
            # Committed already: what this does not reach, the sweep does.
            with suppress(Exception):
                await self._desk.wake_referral(case_id, referral)
        return held

    @activity.defn(name="load_referral")
    async def load_referral(self, about: ReferralRef) -> Snapshot:
        """What a workflow must know of its referral, its clocks at the case's pace; notes that it has a workflow.

        One that was never made, as its asking was refused, has ended. One that moved with its case is found there.
        """
        async with self._transaction(about.case_id) as connection:
            held = await self._held(connection, about)
            await connection.execute(
                update(_REFERRAL)
                .where(_REFERRAL.c.id == about.referral_id, _REFERRAL.c.workflow_seen_at.is_(None))
                .values(workflow_seen_at=self._clock.now())
            )
        return held

    async def _held(self, connection: AsyncConnection, about: ReferralRef) -> Snapshot:
        """What PostgreSQL holds of a referral, at the pace of the case it is at."""
        now = self._clock.now()
        case = (await lock_cases(connection, [about.case_id])).get(about.case_id)
        referral = None
        if case is not None:
            case, referral = await read_where_it_is(connection, case, about.referral_id)
        if case is None or referral is None:
            return Snapshot(case_id=about.case_id, referral_id=about.referral_id, sequence=0, ended=True)
        around = await surroundings(connection, case, positions=[], persons=[], at=now)
        scene = Scene(self._reference, case, around, now)
        ended = ("case_ended",) if case.process in ENDED else ()
        await nudge(connection, scene, referral, "update_household_risk", *ended)
        referral = await follow_consent(connection, scene, referral)
        return snapshot_of_referral(referral, await load_clocks(connection, case.id, referral.id))

    @activity.defn(name="wake_referral")
    async def wake_referral(self, referral_id: UUID) -> None:
        """Tell a referral's workflow that PostgreSQL is ahead of it; start it where there is none."""
        async with self._transaction() as connection:
            referral = await read_referral(connection, referral_id)
        if referral is not None:
            await self._desk.wake_referral(referral.case_id, referral_id)

    @activity.defn(name="wake_case")
    async def wake_case(self, case_id: UUID) -> None:
        """Tell another case's workflow that PostgreSQL is ahead of it."""
        await self._desk.wake(case_id)

    @activity.defn(name="sweep")
    async def sweep(self) -> SweepReport:
        """Start what has no workflow, wake what is behind, compare a batch, and put on record what was found."""
        now = self._clock.now()
        async with self._transaction() as connection:
            unstarted = await _ids(connection, _unstarted(now))
            behind = await _ids(connection, _unconfirmed(now)) + await _ids(connection, overdue(now))
            referrals = await _pairs(connection, _unstarted_referrals(now))
            late = await _pairs(connection, _unconfirmed_referrals(now)) | await _pairs(
                connection, _overdue_referrals(now)
            )
            batch = await _ids(connection, _live_after(await _cursor(connection, "cursor")))
            living = await _pairs(connection, _referrals_after(await _cursor(connection, "referral_cursor")))
            run = new_id()
            await connection.execute(insert(_SWEEP).values(id=run, started_at=now, report={}))
        behind = [case_id for case_id in dict.fromkeys(behind) if case_id not in unstarted]
        starting, waking, comparing = _Turns(unstarted), _Turns(behind), _Turns(batch)
        # Started only, not woken: in a rush, thousands that wait for a worker would get one task more with every pass.
        started = [case_id async for case_id, _ in starting.each(self._started)]
        resynced = [case_id async for case_id, _ in waking.each(self._woken)]
        differences = [line async for _, line in comparing.each(self._difference)]
        self._cases_of = living | referrals | late
        beginning = _Turns(list(referrals))
        reminding = _Turns([one for one in late if one not in referrals])
        begun = [referral_id async for referral_id, _ in beginning.each(self._woken_referral)]
        reminded = [referral_id async for referral_id, _ in reminding.each(self._woken_referral)]
        matching = _Turns(list(living))
        differences += [line async for _, line in matching.each(self._difference_of_referral)]
        sent: list[UUID] = []
        with suppress(Exception):  # Temporal is away: the next sweep finds them again
            sent = await start_waiting(self._engine, self._clock, self._desk, activity.heartbeat)
        unanswered = (
            *(referral_workflow_id(one) for turns in (beginning, reminding, matching) for one in turns.unanswered),
            *starting.unanswered,
            *waking.unanswered,
            *comparing.unanswered,
        )
        differences += [f"{one} no-answer" for one in dict.fromkeys(unanswered)]
        report = SweepReport(
            started=tuple(started),
            resynced=tuple(resynced),
            differences=tuple(differences),
            checked=comparing.taken,
            referrals_started=tuple(begun),
            referrals_resynced=tuple(reminded),
            referrals_checked=matching.taken,
            deliveries_started=tuple(sent),
        )
        async with self._transaction() as connection:
            await connection.execute(_confirm(now, resynced))
            await connection.execute(_confirm_referrals(now, [*begun, *reminded]))
            await connection.execute(
                update(_SWEEP)
                .where(_SWEEP.c.id == run)
                .values(
                    ended_at=self._clock.now(),
                    report={
                        **report.model_dump(mode="json"),
                        "cursor": comparing.cursor,
                        "referral_cursor": matching.cursor,
                    },
                )
            )
        if started or resynced or differences:
            activity.logger.warning(
                "sweep repaired", extra={"started": len(started), "resynced": len(resynced), "differed": differences}
            )
        return report

    async def _started(self, case_id: UUID) -> bool:
        await self._desk.start(case_id)
        return True

    async def _woken_referral(self, referral_id: UUID) -> bool:
        await self._desk.wake_referral(self._cases_of[referral_id], referral_id)
        return True

    async def _woken(self, case_id: UUID) -> bool:
        await self._desk.wake(case_id)
        return True

    async def _difference(self, case_id: UUID) -> str | None:
        """Compare a case with its workflow and repair: PostgreSQL holds, so the workflow is told to read it again."""
        believed = await self._desk.believed(case_id)
        async with self._transaction(case_id) as connection:
            case = (await lock_cases(connection, [case_id]))[case_id]
            # A sibling's new pace reaches a case by a wake; one that was lost in a crash is made good here.
            held = snapshot_of(case, await keep_pace(connection, self._reference, case, self._clock.now()))
        found = _differs(believed, held)
        # A command may have passed between the two looks: only what still differs is a difference.
        if found is None or (believed is not None and await self._desk.believed(case_id) == held):
            return None
        await self._desk.wake(case_id)
        return f"{case_id} {found}"

    async def _difference_of_referral(self, referral_id: UUID) -> str | None:
        """The same of a referral."""
        case_id = self._cases_of[referral_id]
        believed = await self._desk.believed_of_referral(referral_id)
        async with self._transaction(case_id) as connection:
            held = await self._held(connection, ReferralRef(case_id=case_id, referral_id=referral_id))
        found = _differs(believed, held)
        if found is None or (believed is not None and await self._desk.believed_of_referral(referral_id) == held):
            return None
        await self._desk.wake_referral(held.case_id, referral_id)
        return f"{referral_workflow_id(referral_id)} {found}"

    def _transaction(self, case_id: UUID | None = None) -> AbstractAsyncContextManager[AsyncConnection]:
        who = Who(system="worker", case_id=case_id) if case_id is not None else Who(system="sweep")
        return transaction(self._engine, who, self._clock.now())


def _differs(believed: Snapshot | None, held: Snapshot) -> str | None:
    """In what a workflow and PostgreSQL differ, as a code."""
    if believed is None:
        return None if held.ended else "no-workflow"
    if believed.sequence != held.sequence:
        return "sequence"
    if set(believed.deadlines) != set(held.deadlines):
        return "deadlines"
    return "case" if believed.case_id != held.case_id else None


_T = TypeVar("_T")


class _Turns:
    """One case's turn after the other: each is a sign of life, and a case that does not answer holds up no other.

    After some in a row without an answer the rest is left to the next sweep, which goes on behind them.

    Attributes:
        unanswered: the cases that did not answer.
        taken: how many had their turn.
        given_up: too many in a row did not answer.
        last: the case whose turn was last.
    """

    def __init__(self, cases: Sequence[UUID]) -> None:
        self.unanswered: list[UUID] = []
        self.taken = 0
        self.given_up = False
        self.last: UUID | None = None
        self._cases = cases

    @property
    def cursor(self) -> str | None:
        """Where the next sweep goes on; None where it begins again."""
        return None if self.taken < BATCH and not self.given_up else str(self.last)

    async def each(self, work: Callable[[UUID], Awaitable[_T | None]]) -> AsyncIterator[tuple[UUID, _T]]:
        """What the work gives for each case, where it gives anything."""
        in_a_row = 0
        for case_id in self._cases:
            self.taken, self.last = self.taken + 1, case_id
            activity.heartbeat()
            try:
                given = await work(case_id)
            except Exception:  # noqa: BLE001 - whatever the way to Temporal raises
                self.unanswered.append(case_id)
                in_a_row += 1
                if in_a_row >= GIVE_UP_AFTER:
                    self.given_up = True
                    return
                continue
            in_a_row = 0
            if given:
                yield case_id, given


def _unstarted(now: datetime) -> Select[Any]:
    return select(_CASE.c.id).where(_CASE.c.workflow_seen_at.is_(None), _CASE.c.created_at < now - UNSTARTED_AFTER)


def _unconfirmed(now: datetime) -> Select[Any]:
    return (
        select(_SUBMISSION.c.case_id)
        .join(_COMMAND, _COMMAND.c.command_id == _SUBMISSION.c.id)
        .where(
            _SUBMISSION.c.confirmed_at.is_(None),
            _SUBMISSION.c.created_at < now - UNCONFIRMED_AFTER,
            _SUBMISSION.c.case_id.is_not(None),
            _COMMAND.c.referral_id.is_(None),
        )
        .distinct()
    )


def _unconfirmed_referrals(now: datetime) -> Select[Any]:
    return (
        select(_REFERRAL.c.id, _REFERRAL.c.case_id)
        .join(_COMMAND, _COMMAND.c.referral_id == _REFERRAL.c.id)
        .join(_SUBMISSION, _SUBMISSION.c.id == _COMMAND.c.command_id)
        .where(_SUBMISSION.c.confirmed_at.is_(None), _SUBMISSION.c.created_at < now - UNCONFIRMED_AFTER)
        .distinct()
    )


def _unstarted_referrals(now: datetime) -> Select[Any]:
    return select(_REFERRAL.c.id, _REFERRAL.c.case_id).where(
        _REFERRAL.c.workflow_seen_at.is_(None), _REFERRAL.c.updated_at < now - UNSTARTED_AFTER
    )


def _overdue_referrals(now: datetime) -> Select[Any]:
    return (
        select(_DEADLINE.c.referral_id, _RUNG.c.case_id)
        .join(_DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
        .where(_PLANNED, _OPEN, _RUNG.c.due_at < now - OVERDUE_AFTER, _DEADLINE.c.referral_id.is_not(None))
        .distinct()
    )


def _confirm_referrals(now: datetime, woken: Sequence[UUID]) -> Update:
    of_these = exists().where(_COMMAND.c.command_id == _SUBMISSION.c.id, _COMMAND.c.referral_id.in_(woken))
    return (
        update(_SUBMISSION)
        .where(_SUBMISSION.c.confirmed_at.is_(None), _SUBMISSION.c.created_at < now - UNCONFIRMED_AFTER, of_these)
        .values(confirmed_at=now)
    )


def _confirm(now: datetime, woken: Sequence[UUID]) -> Update:
    """Only what was told to look again needs no second telling."""
    return (
        update(_SUBMISSION)
        .where(
            _SUBMISSION.c.confirmed_at.is_(None),
            _SUBMISSION.c.created_at < now - UNCONFIRMED_AFTER,
            _SUBMISSION.c.case_id.in_(woken),
            exists().where(_COMMAND.c.command_id == _SUBMISSION.c.id, _COMMAND.c.referral_id.is_(None)),
        )
        .values(confirmed_at=now)
    )


def overdue(now: datetime) -> Select[Any]:
    """Cases with a planned rung that lies behind."""
    return (
        select(_RUNG.c.case_id)
        .join(_DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
        .where(_PLANNED, _OPEN, _RUNG.c.due_at < now - OVERDUE_AFTER, _DEADLINE.c.referral_id.is_(None))
        .distinct()
    )


def _live_after(after: UUID | None) -> Select[Any]:
    open_deadline = exists().where(_DEADLINE.c.case_id == _CASE.c.id, _DEADLINE.c.referral_id.is_(None), _OPEN)
    live = select(_CASE.c.id).where(
        _CASE.c.workflow_seen_at.is_not(None), or_(_CASE.c.process.in_(sorted(LIVE)), open_deadline)
    )
    if after is not None:
        live = live.where(_CASE.c.id > after)
    return live.order_by(_CASE.c.id).limit(BATCH)


def _referrals_after(after: UUID | None) -> Select[Any]:
    open_deadline = exists().where(_DEADLINE.c.referral_id == _REFERRAL.c.id, _OPEN)
    live = select(_REFERRAL.c.id, _REFERRAL.c.case_id).where(
        _REFERRAL.c.workflow_seen_at.is_not(None), or_(_REFERRAL.c.state.in_(sorted(LIVE_REFERRAL)), open_deadline)
    )
    if after is not None:
        live = live.where(_REFERRAL.c.id > after)
    return live.order_by(_REFERRAL.c.id).limit(BATCH)


async def _cursor(connection: AsyncConnection, name: str) -> UUID | None:
    cursor = (
        await connection.execute(
            select(_SWEEP.c.report[name].astext)
            .where(and_(_SWEEP.c.ended_at.is_not(None), func.jsonb_typeof(_SWEEP.c.report) == "object"))
            .order_by(_SWEEP.c.started_at.desc(), _SWEEP.c.id.desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    return UUID(cursor) if cursor else None


async def _pairs(connection: AsyncConnection, statement: Select[Any]) -> dict[UUID, UUID]:
    """Referrals, each with its case."""
    return {row[0]: row[1] for row in (await connection.execute(statement)).all()}


async def _ids(connection: AsyncConnection, statement: Select[Any]) -> list[UUID]:
    return list((await connection.execute(statement)).scalars())
