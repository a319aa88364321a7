"""``record_transition``: one command becomes a recorded move of a case, or a recorded refusal, exactly once."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.clock import Clock as DomainClock
from models.database import Who, transaction
from models.lifecycle import REFUSALS, advance, allowed_in
from models.lifecycle.events import EVENTS
from models.lifecycle.states import ENDED
from models.lifecycle.types import Decision, Refused
from models.messages import Command, Recorded, referral_workflow_id, workflow_id
from models.protocol import EngineError
from models.protocol.types import Clock
from models.records.actor import Acting
from models.records.acts import (
    Act,
    Matter,
    Outcome,
    carry_out,
    facts_of,
    had_a_hand_in_closing,
    places_of,
    snapshot_of,
    submitted_plan,
)
from models.records.attach import attach, detach, target_of
from models.records.audit import audit
from models.records.cases import CaseRow, Surroundings, lock_cases, surroundings
from models.records.conflicts import Judgement, judgement
from models.records.content import (
    REPORTING,
    ContentMismatchError,
    Said,
    StoredDocument,
    StoredReport,
    lock_with_documents,
    read_documents,
    read_report,
    report_id_of,
)
from models.records.following import ELSEWHERE, Scene, keep_pace, settle
from models.records.reference import Reference
from models.records.tells import tell_about
from models.records.transfers import LEADS_ELSEWHERE, Destination, destination, tell_of_transfer
from models.tables import CommandRecord, table
from models.vault import KeysAwayError
from models.writing import put

_COMMAND = table(CommandRecord)
_LOG = structlog.get_logger(__name__)

NOT_YOURS = "not-your-role"
CONTENT_CHANGED = "content-changed"
UNKNOWN_CASE = "unknown-case"
PROMPT = timedelta(seconds=5)
"""How long a caller waits for the answer. Recorded within it, an act was recorded when the service took it in."""


async def recording(
    engine: AsyncEngine, command: Command, record: Callable[[AsyncConnection, Command], Awaitable[Recorded]]
) -> Recorded:
    """Record a command in a transaction of its own, and say of what goes wrong whether trying again may help.

    Args:
        engine: of the worker role.
        command: what is recorded.
        record: does it, in the transaction.

    Raises:
        ApplicationError: ``internal``, not to be retried.
        Exception: PostgreSQL is away or in the way, or the keys are.
    """
    who = Who(command.person_id, command.position_id, "worker", command.case_id)
    try:
        with structlog.contextvars.bound_contextvars(**_line(command)):
            async with transaction(engine, who, command.recorded_at) as connection:
                result = await record(connection, command)
            _LOG.info("transition", outcome="accepted" if result.accepted else "refused", code=result.code)
            return result
    except (OperationalError, InterfaceError, PoolTimeoutError, OSError, KeysAwayError):
        raise
    except DBAPIError as error:
        if error.connection_invalidated or _passes(error):
            raise
        # Without its cause: a driver's message quotes the row, and a failure travels through Temporal.
        raise _internal(error) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the workflow must get an answer
        raise _internal(error) from None


class Transitions:
    """The activity that records commands.

    Args:
        engine: of the worker role.
        reference: protocols, calendars and overrides.
        clock: domain time. A command that waited, while something was down, is judged by those in office when it is
            recorded, not when it was sent.
    """

    def __init__(self, engine: AsyncEngine, reference: Reference, clock: DomainClock) -> None:
        self._engine = engine
        self._reference = reference
        self._clock = clock

    @activity.defn(name="record_transition")
    async def record_transition(self, command: Command) -> Recorded:
        """Record a command; asked again, give the same answer.

        Raises:
            ApplicationError: ``internal``, not to be retried: the fault is in the data or in our code.
            Exception: PostgreSQL is away or in the way, or the keys are; retried until they are back.
        """
        return await recording(self._engine, command, self._record)

    async def _record(self, connection: AsyncConnection, command: Command) -> Recorded:
        case, target, documents = await _locked(connection, command)
        if case is None:
            raise ApplicationError("no such case", type=UNKNOWN_CASE, non_retryable=True)
        structlog.contextvars.bind_contextvars(case_code=case.code, before=case.standing.codes)
        matter, answer = await self._judge(connection, command, case, documents or [])
        if matter.around.answered is not None:
            return Recorded.model_validate(matter.around.answered)
        if documents is None:
            answer = Refused(CONTENT_CHANGED)
        if isinstance(answer, Refused):
            return await _refuse(connection, command, matter, answer)
        outcome = await self._accept(connection, matter, answer, target)
        if isinstance(outcome, Refused):
            return await _refuse(connection, command, matter, outcome)
        structlog.contextvars.bind_contextvars(after=outcome.case.standing.codes)
        await tell_about(connection, outcome.case, matter.act, answer, outcome.changes)
        if EVENTS[command.event].region == "custody" or "propose_transfer" in answer.events:
            await tell_of_transfer(
                connection, case, outcome.case, events=answer.events, started=outcome.changes.started,
                reference=command.command_id, at=command.recorded_at,
            )  # fmt: skip
        woken = outcome.wake_referrals
        if outcome.paced:
            scene = Scene(self._reference, outcome.case, matter.around, command.recorded_at)
            woken = (*woken, *await keep_pace(connection, scene, ended=outcome.case.process in ENDED))
        if command.event in ELSEWHERE:
            scene = Scene(self._reference, outcome.case, matter.around, command.recorded_at)
            woken = (*woken, *await settle(connection, scene, *ELSEWHERE[command.event]))
        result = Recorded(
            command_id=command.command_id,
            accepted=True,
            sequence=outcome.case.sequence,
            snapshot=outcome.snapshot,
            wake=outcome.wake,
            wake_referrals=woken,
        )
        await store_result(connection, command, result)
        return result

    async def _judge(
        self, connection: AsyncConnection, command: Command, case: CaseRow, documents: list[StoredDocument]
    ) -> tuple[Matter, Decision | Refused]:
        said = Said(documents, await _report(connection, command, case))
        now = max(command.recorded_at, self._clock.now())
        around = await surroundings(
            connection,
            case,
            positions=[command.position_id],
            persons=[person for person in _persons(command, said) if person is not None],
            at=now,
            command_id=command.command_id,
            places=places_of(said.report) if command.event == "reopen" else (),
            only_at=_only_at(case, command, said),
        )
        person = acting_of(around, command.person_id, command.position_id)
        principal = principal_of(around, command, person)
        act = Act(
            event=command.event,
            command_id=command.command_id,
            actor=principal or person,
            recorder=person if principal else None,
            on_behalf_role=command.on_behalf_role,
            means=command.means,
            said=said,
            refs=command.content,
            occurred_at=command.occurred_at,
            recorded_at=command.recorded_at,
            written_at=now if now - command.recorded_at > PROMPT else None,
            origin=command.origin,
        )
        plan = await submitted_plan(connection, case) if command.event == "approve_plan" else None
        death_review = command.event == "record_death_review"
        involved = await had_a_hand_in_closing(connection, case) if death_review else frozenset()
        judged = Judgement()
        if command.event == "clear_conflict":
            judged = await judgement(connection, case, said.identifier("person_id"), act.actor, now)
        going = Destination()
        if command.event in LEADS_ELSEWHERE:
            going = await destination(connection, case, command.event, said, now)
        matter = Matter(case, act, around, around.clocks, plan, involved, judged, going)
        if person is None or (speaks_for_another(command) and principal is None):
            return matter, Refused(NOT_YOURS, {"roles": ""})
        return matter, advance(case.standing, command.event, facts_of(matter))

    async def _accept(
        self, connection: AsyncConnection, matter: Matter, decision: Decision, target: CaseRow | None
    ) -> Outcome | Refused:
        try:
            if matter.act.event == "attach":
                return await attach(connection, self._reference, matter, decision, target)
            if matter.act.event == "detach":
                return await detach(connection, self._reference, matter, decision)
            return await carry_out(connection, self._reference, matter, decision)
        except EngineError as error:
            # Clocks are computed before anything is written, so what they refuse leaves nothing behind.
            if error.code not in REFUSALS:
                raise
            return Refused(error.code, {}, allowed_in(matter.case.standing))


def _line(command: Command) -> dict[str, Any]:
    """What a line about a command says: its ids now, the case's code and where it led as they become known."""
    return {
        "command_id": str(command.command_id),
        "workflow_id": referral_workflow_id(command.referral_id)
        if command.referral_id
        else workflow_id(command.case_id),
        "event_code": command.event,
        **dict.fromkeys(("case_code", "before", "after")),
    }


async def _locked(
    connection: AsyncConnection, command: Command
) -> tuple[CaseRow | None, CaseRow | None, list[StoredDocument] | None]:
    """The case and, where it is attached, the one it goes to, both locked; the command's documents.

    No documents (None) where they are not what the command was sent for.
    """
    if command.event != "attach":
        case, documents = await lock_with_documents(connection, command.case_id, command.content)
        return case, None, documents
    found: list[StoredDocument] | None
    try:
        found = await read_documents(connection, command.case_id, command.content)
    except ContentMismatchError:
        found = None
    target_id = target_of(Said(found or []))
    # Both at once, in one order for everybody: two commands must not wait for each other.
    cases = await lock_cases(connection, [command.case_id, *([target_id] if target_id else [])])
    return cases.get(command.case_id), cases.get(target_id) if target_id else None, found


async def _report(connection: AsyncConnection, command: Command, case: CaseRow) -> StoredReport | None:
    """The report an event brings; an attachment brings the one that opened the case.

    One that was never stored is none: the lifecycle says what is missing.
    """
    if command.event in REPORTING:
        with suppress(ContentMismatchError):
            return await read_report(connection, report_id_of(command.command_id))
    if command.event == "attach":
        return await read_report(connection, case.report_id)
    return None


def _persons(command: Command, said: Said) -> list[UUID | None]:
    return [
        command.person_id,
        command.on_behalf_person,
        said.second_approver,
        said.identifier("person_id"),
        said.identifier("owner_id"),
        *(item.assignee for item in said.items(command.command_id)),
        *said.invited,
    ]


def _only_at(case: CaseRow, command: Command, said: Said) -> UUID | None:
    """The one office where whoever is named must serve: that takes the case over, or that holds it and gives a task."""
    if command.event == "accept_transfer":
        return case.transfer_to_id
    return case.unit_id if any(item.assignee for item in said.items(command.command_id)) else None


def acting_of(around: Surroundings, person_id: UUID, position_id: UUID) -> Acting | None:
    """Who sends it, in the position they act from; None where they no longer hold it."""
    post = around.posts.get(person_id)
    if post is None or post.position_id != position_id:
        return None
    return Acting(post.person_id, post.position_id, post.unit_id, post.role)


def speaks_for_another(command: Command) -> bool:
    """Whether it is recorded for a person other than who sends it."""
    return command.on_behalf_person is not None and command.on_behalf_person != command.person_id


def principal_of(around: Surroundings, command: Command, person: Acting | None) -> Acting | None:
    """Whose act it is, where somebody records it for another: that person's position at the offices around."""
    if person is None or not speaks_for_another(command) or command.on_behalf_person is None:
        return None
    post = around.posts.get(command.on_behalf_person)
    if post is None or (command.on_behalf_role is not None and post.role != command.on_behalf_role):
        return None
    return Acting(post.person_id, post.position_id, post.unit_id, post.role)


async def _refuse(connection: AsyncConnection, command: Command, matter: Matter, refused: Refused) -> Recorded:
    case = matter.case
    result = Recorded(
        command_id=command.command_id,
        accepted=False,
        code=refused.code,
        detail=refused.detail,
        allowed=refused.allowed,
        sequence=case.sequence,
        snapshot=snapshot_of(case, matter.clocks),
    )
    await store_result(connection, command, result)
    await audit(
        connection,
        at=command.recorded_at,
        actor=matter.act.recorder or matter.act.actor,
        action=command.event,
        record="case",
        record_id=case.id,
        case_id=case.id,
        command_id=command.command_id,
        outcome="refused",
        code=refused.code,
        detail={"person_id": str(command.person_id), "standing": dict(case.standing.codes)},
        origin=command.origin,
        chained=True,
    )
    return result


async def store_result(connection: AsyncConnection, command: Command, result: Recorded) -> None:
    """Keep the answer to a command, refusals included: the same command has the same answer for ever."""
    await put(
        connection,
        _COMMAND,
        command_id=command.command_id,
        case_id=command.case_id,
        referral_id=command.referral_id,
        event=command.event,
        person_id=command.person_id,
        accepted=result.accepted,
        code=result.code,
        result=result.model_dump(mode="json"),
        recorded_at=command.recorded_at,
    )


_WILL_PASS = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57014"})
"""SQL states that pass by themselves: serialisation, deadlock, lock timeout, a server going down or coming up."""


def _passes(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _WILL_PASS


def _internal(error: Exception) -> ApplicationError:
    # The class only: a message could carry what somebody typed.
    activity.logger.exception("record_transition failed", extra={"error": type(error).__name__})
    return ApplicationError("the command could not be recorded", type="internal", non_retryable=True)


def clock_command_id(clock: Clock, event: str) -> UUID:
    """The command id of an event that a clock itself makes happen: the same whenever its rung is fired again."""
    return uuid5(clock.id, event)


class ClockActs:
    """Records the events a clock itself makes happen, in the transaction that fires its rung.

    Args:
        reference: protocols, calendars and overrides.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    async def __call__(
        self, connection: AsyncConnection, case: CaseRow, event: str, clock: Clock, at: datetime
    ) -> None:
        """Move the case as a clock demands; nothing happens where the chart has no such move any more.

        Args:
            connection: the transaction that fires the rung and holds the case's lock.
            case: the locked case.
            event: the lifecycle's event (``ban_ends``).
            clock: whose rung makes it happen.
            at: the instant it takes effect: the clock's limit.
        """
        act = Act(event, clock_command_id(clock, event), None, Said([]), clock.due_at, at, clock=clock)
        around = await surroundings(connection, case, positions=[], persons=[], at=at)
        matter = Matter(case, act, around, around.clocks)
        decision = advance(case.standing, event, facts_of(matter))
        if isinstance(decision, Decision):
            await carry_out(connection, self._reference, matter, decision)
