"""One command, from the door to the record (architecture.md).

Content is stored in a short transaction of its own; ids and codes go through the case's workflow; the answer is read
from PostgreSQL. No session is held while Temporal is waited for. Whether an act may happen is the lifecycle's to say:
the door says only who asks, and whether the case is theirs to see.
"""

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.problems import PROBLEMS, Problem
from api.queries import cases, reports, submissions
from api.queries.rows import Found
from api.services import keys
from api.services.cases import locate, owns, standing_of, whole
from api.services.deadlines import deadline_out
from api.shapes.cases import ActionOut, CommandOut
from models.database import work_on
from models.forms import ActionInput, OnBehalf, ReportInput, parts
from models.forms.inputs import Attach
from models.lifecycle import LIVE, allowed_in
from models.messages import Command, CommandResult, ContentRef, workflow_id
from models.records.content import REPORTING, report_id_of
from models.records.intake import store_report
from models.records.vault import keys_of
from workflows.client import RunEndedError, TemporalAwayError

_LOG = structlog.get_logger("api.actions")


Sight = Literal["reads", "acts", "lost"]
"""What the sender may do with the case: read it; send it this event unread; only hear the answer they are owed."""


@dataclass(frozen=True)
class _Asked:
    """A command ready to be sent, what its sender may see of the case, and the answer it got before, if it did."""

    command: Command
    row: Found
    sight: Sight
    before: CommandResult | None


async def act(visit: Visit, reference: str, event: str, key: UUID, body: ActionInput) -> ActionOut:
    """Carry out an event on a case.

    Raises:
        Problem: ``not-found``, ``idempotency-key-reused``, ``command-not-confirmed``, or the lifecycle's refusal.
    """
    asked = await _store(visit, reference, event, key, body)
    structlog.contextvars.bind_contextvars(
        command_id=str(asked.command.command_id), workflow_id=workflow_id(asked.row.id), event_code=event
    )
    result = asked.before or await _send(visit, asked)
    return await _answer(visit, asked, result)


async def _store(visit: Visit, reference: str, event: str, key: UUID, body: ActionInput) -> _Asked:
    """Keep what was typed, once, and make the command of it."""
    async with visit.transaction(about=reference) as connection:
        digest = await keys.request_hash(connection, body)
        row, sight = await _addressed(connection, visit, reference, event, key)
        target = _target(row.id, event)
        command_id = keys.command_id(visit.caller.person_id, key, target)
        principal = await _principal(connection, body.on_behalf_of, row, visit.now)
        before = await submissions.claim(
            connection, submission_id=command_id, person_id=visit.caller.person_id, key=key, target=target,
            request_hash=digest, case_id=row.id, at=visit.now,
        )  # fmt: skip
        if before is None:
            if isinstance(body, Attach):
                # What is attached acts on the other case as well: that one must be theirs too.
                await locate(connection, visit, str(body.target_case))
            taken_in, stored = visit.now, None
            content = await _store_content(connection, visit, row.id, command_id, event, body)
        else:
            keys.check_same(before, digest)
            taken_in, stored = before.created_at, await cases.command_result(connection, command_id)
            content = await submissions.references(connection, command_id)
        command = Command(
            command_id=command_id,
            case_id=row.id,
            event=event,
            person_id=visit.caller.person_id,
            position_id=visit.caller.acting.position_id,
            recorded_at=taken_in,
            occurred_at=body.occurred_at or taken_in,
            on_behalf_person=principal,
            on_behalf_role=body.on_behalf_of.role if body.on_behalf_of else None,
            means=body.on_behalf_of.means if body.on_behalf_of else None,
            content=content,
            origin=visit.whence.origin,
        )
    return _Asked(command, row, sight, CommandResult.model_validate(stored) if stored is not None else None)


async def _addressed(
    connection: AsyncConnection, visit: Visit, reference: str, event: str, key: UUID
) -> tuple[Found, Sight]:
    """The case an act is sent to, and what the sender may see of it.

    Raises:
        Problem: ``not-found``.
    """
    acting = visit.caller.acting
    row = await cases.find(connection, acting, visit.now, reference)
    if row is not None and await owns(connection, visit, row):
        structlog.contextvars.bind_contextvars(case_code=row.code)
        return row, "reads"
    unseen = await cases.address(connection, reference, event, key)
    if unseen is None:
        raise Problem("not-found")
    structlog.contextvars.bind_contextvars(case_code=unseen.code)
    await work_on(connection, [unseen.id])
    # Whoever is asked to take a case over reads it.
    asked = row is not None and row.transfer_to_id == acting.unit_id and unseen.sight == "acts"
    return unseen, "reads" if asked else unseen.sight


def _target(case_id: UUID, event: str) -> str:
    return f"cases/{case_id}/{event}"


async def _store_content(  # noqa: PLR0917 - an act, whole
    connection: AsyncConnection, visit: Visit, case_id: UUID, command_id: UUID, event: str, body: ActionInput
) -> tuple[ContentRef, ...]:
    refs = await submissions.store_documents(
        connection, case_id=case_id, command_id=command_id, author_id=visit.caller.person_id, parts=parts(body),
        at=visit.now,
    )  # fmt: skip
    if event in REPORTING:
        given = {name: getattr(body, name) for name in ReportInput.model_fields if name in type(body).model_fields}
        await store_report(
            connection,
            report=ReportInput.model_validate(given),
            actor=visit.caller.acting,
            now=visit.now,
            report_id=report_id_of(command_id),
            cases=await keys_of(connection, [case_id]),
        )
    return refs


async def _principal(connection: AsyncConnection, on_behalf: OnBehalf | None, row: Found, now: datetime) -> UUID | None:
    """The person an act is recorded for; where only a role is named, the one who holds it at the case's office.

    Raises:
        Problem: ``invalid-request`` where that is nobody, or more than one.
    """
    if on_behalf is None or on_behalf.person_id is not None:
        return on_behalf.person_id if on_behalf else None
    found = await reports.holders(connection, row.unit_id, on_behalf.role or "", now) if row.unit_id else []
    if len(found) != 1:
        raise fault("person-not-clear", "body", "on_behalf_of", "person_id")
    return found[0]


async def _send(visit: Visit, asked: _Asked) -> CommandResult:
    """Send the command through the case's workflow.

    Raises:
        Problem: ``command-not-confirmed`` while Temporal is away; ``not-allowed-in-state`` where the run has ended and
            the event is none that a final state allows.
    """
    try:
        try:
            return await visit.door.desk.send(asked.command)
        except RunEndedError:
            await _may_start(visit, asked)
            return await visit.door.desk.send(asked.command, may_start=True)
    except (TemporalAwayError, RunEndedError):
        _LOG.warning("command not confirmed", exc_info=True)
        visit.door.metrics.commands.labels(asked.command.event, "unconfirmed").inc()
        problem = Problem("command-not-confirmed", case_id=asked.row.id)
        await visit.deny(problem)
        raise problem from None


async def _may_start(visit: Visit, asked: _Asked) -> None:
    """The case has no run: look at its row whether one may be started for this event."""
    async with visit.transaction() as connection:
        row = await cases.find(connection, visit.caller.acting, visit.now, str(asked.row.id))
        if row is None:
            if asked.row.process not in LIVE:  # none of the acts on a case unseen is one of an ended case
                raise Problem("not-allowed-in-state", case_id=asked.row.id)
            return
        allowed = allowed_in(standing_of(row))
        if row.process not in LIVE and asked.command.event not in allowed:
            latest = await _latest(connection, visit, row.id)
            raise Problem(
                "not-allowed-in-state",
                extra={"allowed": list(allowed), "about": {"process": row.process}, **latest},
                case_id=row.id,
            )


async def _answer(visit: Visit, asked: _Asked, result: CommandResult) -> ActionOut:
    visit.door.metrics.commands.labels(asked.command.event, "accepted" if result.accepted else "refused").inc()
    _LOG.info("command", outcome="accepted" if result.accepted else "refused", code=result.code)
    visit.door.confirmations.note(result.command_id)
    async with visit.transaction(about=asked.row.id) as connection:
        if asked.before is not None:
            # The command's own entry tells who had the answer the first time.
            await visit.note(connection, "repeat", "case", record_id=asked.row.id, case_id=asked.row.id)
        refusal = None if result.accepted else await _refusal(connection, visit, asked, result)
        answer = await _done(connection, visit, asked, result) if refusal is None else None
    if answer is None:
        assert refusal is not None
        raise refusal
    return answer


async def _refusal(connection: AsyncConnection, visit: Visit, asked: _Asked, result: CommandResult) -> Problem:
    code = result.code or "internal"
    if code == "recused" and asked.command.on_behalf_person is None:
        return Problem("not-found", audited=True)
    if code not in PROBLEMS:
        _LOG.error("refusal without a sentence", code=code)
        code = "internal"
    if asked.sight != "reads":
        return Problem(code, audited=True)
    extra: dict[str, Any] = {"allowed": list(result.allowed), "about": result.detail}
    if PROBLEMS[code].status == 409:  # noqa: PLR2004 - the status of a case that stands otherwise
        extra |= await _latest(connection, visit, asked.row.id)
    return Problem(code, extra=extra, audited=True)


async def _latest(connection: AsyncConnection, visit: Visit, case_id: UUID) -> dict[str, Any]:
    """Who moved the case last, where that was somebody else: an officer's name and role, and the event."""
    event = await cases.latest_event(connection, case_id)
    if event is None or event.actor_id in (None, visit.caller.person_id):
        return {}
    return {
        "latest_event": {
            "event": event.event,
            "by": event.full_name,
            "role": event.role,
            "recorded_at": event.recorded_at.isoformat(),
        }
    }


async def _done(connection: AsyncConnection, visit: Visit, asked: _Asked, result: CommandResult) -> ActionOut:
    if asked.sight != "reads":
        return await _done_unseen(connection, asked, result)
    row = await cases.find_whole(connection, visit.caller.acting, visit.now, str(asked.row.id))
    if row is None:
        return await _done_unseen(connection, asked, result)
    touched = await cases.touched(connection, asked.row.id, result.command_id)
    implied = list(touched[0].implied) if touched else []
    causes = {asked.command.event, *implied}
    changed = [deadline_out(one) for one in touched if one.id is not None]
    started = [one for one in changed if one.status == "open" and one.start_event in causes]
    met = [one for one in changed if one.status == "met"]
    told = {one.id for one in (*started, *met)}
    return ActionOut(
        command=_command(asked, result, implied, result.sequence),
        case=whole(visit, row, own=await owns(connection, visit, row)),
        started=started,
        met=met,
        changed=[one for one in changed if one.id not in told],
    )


async def _done_unseen(connection: AsyncConnection, asked: _Asked, result: CommandResult) -> ActionOut:
    """The answer to whoever may not read the case, or not any more: that it was done, and what is due of it by when.

    Where the act took the case out of one's own sight, the deadlines are no longer one's business either.
    """
    done = await cases.outcome(connection, result.command_id) if asked.sight == "acts" else None
    changed = [deadline_out(SimpleNamespace(**one)) for one in done["deadlines"]] if done is not None else []
    causes = {asked.command.event, *(done["implied"] if done is not None else ())}
    return ActionOut(
        command=_command(asked, result, [], None),
        case=None,
        started=[one for one in changed if one.status == "open" and one.start_event in causes],
        met=[],
        changed=[],
    )


def _command(asked: _Asked, result: CommandResult, implied: list[str], sequence: int | None) -> CommandOut:
    return CommandOut(
        id=result.command_id,
        event=asked.command.event,
        case_code=asked.row.code,
        occurred_at=asked.command.occurred_at,
        recorded_at=asked.command.recorded_at,
        sequence=sequence,
        implied=implied,
    )
