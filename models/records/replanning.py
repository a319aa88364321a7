"""Re-planning open deadlines under a changed calendar or protocol: an operator's command that says what moved.

Nothing moves by itself when a file changes: clocks keep the versions they were computed with until somebody says so,
and what moved then is on record (architecture.md, "Time").
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.calendar import Calendar
from models.protocol import Changes, Move, Protocol, recompute
from models.records.acts import view_of
from models.records.audit import audit
from models.records.cases import lock_cases, surroundings
from models.records.deadlines import load_clocks, store_changes
from models.records.following import waiting_referrals
from models.records.reference import Reference
from models.records.referrals import protocols_of
from models.records.referrals import view_of as view_of_referral
from models.tables import CaseFile, Deadline, table

_CASE, _DEADLINE = table(CaseFile), table(Deadline)


@dataclass(frozen=True)
class Replanned:
    """What moved on one case, or on one of its referrals; ``code`` is what people call it by."""

    case_id: UUID
    code: str
    moves: tuple[Move, ...]
    referral_id: UUID | None = None


async def cases_with_open_deadlines(connection: AsyncConnection, after: UUID | None, limit: int) -> list[UUID]:
    """The next cases, by id, that have a deadline running, be it one of a referral.

    Args:
        connection: any transaction.
        after: the last id of the batch before; None for the first.
        limit: how many at most.
    """
    running = exists().where(_DEADLINE.c.case_id == _CASE.c.id, _DEADLINE.c.status.in_(("open", "paused")))
    statement = select(_CASE.c.id).where(running)
    if after is not None:
        statement = statement.where(_CASE.c.id > after)
    return list((await connection.execute(statement.order_by(_CASE.c.id).limit(limit))).scalars())


async def replan_case(
    connection: AsyncConnection,
    reference: Reference,
    case_id: UUID,
    *,
    at: datetime,
    calendar: Calendar,
    to_protocol: Protocol | None = None,
    keep: bool = True,
) -> tuple[Replanned, ...]:
    """Compute one case's running clocks and those of its referrals anew, and say what moved.

    Args:
        connection: a transaction of the worker role; the case is locked in it.
        reference: every protocol version, for clocks that keep theirs.
        case_id: which case.
        at: domain instant of the command.
        calendar: the version to compute with.
        to_protocol: the version to go over to; without it every clock keeps its own.
        keep: False only says what would move.

    Returns:
        The moves, first the case's own, then those of each referral; nothing of what stays as it is.

    Raises:
        ProtocolError: the version to go over to lacks a deadline that is running, or says nothing of a service.
    """
    case = (await lock_cases(connection, [case_id])).get(case_id)
    if case is None:
        return ()
    around = await surroundings(connection, case, positions=[], persons=[], at=at)
    changes = recompute(
        around.clocks,
        view_of(case, around, at),
        at,
        calendar,
        reference.known,
        to_protocol=to_protocol,
        overrides=reference.overrides,
    )
    computed = [(changes, Replanned(case_id, case.code, changes.moved))]
    for referral in await waiting_referrals(connection, case_id):
        changes = recompute(
            await load_clocks(connection, case_id, referral.id),
            view_of_referral(referral, case, around),
            at,
            calendar,
            protocols_of(reference, referral.service),
            to_protocol=to_protocol.for_service(referral.service) if to_protocol else None,
        )
        computed.append((changes, Replanned(case_id, referral.code, changes.moved, referral.id)))
    touched = [(changes, done) for changes, done in computed if changes.touched]
    if keep:
        for changes, done in touched:
            await _store(connection, changes, done, at, calendar, to_protocol)
    return tuple(done for _, done in touched)


async def _store(  # noqa: PLR0917 - one record, whole
    connection: AsyncConnection,
    changes: Changes,
    done: Replanned,
    at: datetime,
    calendar: Calendar,
    to_protocol: Protocol | None,
) -> None:
    await store_changes(connection, done.case_id, changes, at, referral_id=done.referral_id)
    await audit(
        connection,
        at=at,
        actor=None,
        action="replan",
        record="referral" if done.referral_id else "case",
        record_id=done.referral_id or done.case_id,
        case_id=done.case_id,
        outcome="done",
        chained=True,
        detail={
            "calendar": calendar.version,
            "protocol": to_protocol.version if to_protocol else None,
            "moved": [
                {
                    "deadline": str(move.after.id),
                    "code": move.after.code,
                    "from": move.before.due_at.isoformat(),
                    "to": move.after.due_at.isoformat(),
                }
                for move in changes.moved
            ],
        },
    )
