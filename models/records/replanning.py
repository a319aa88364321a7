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
from models.protocol import Move, Protocol, recompute
from models.records.acts import view_of
from models.records.audit import audit
from models.records.cases import lock_cases, surroundings
from models.records.deadlines import store_changes
from models.records.reference import Reference
from models.tables import CaseFile, Deadline, table

_CASE, _DEADLINE = table(CaseFile), table(Deadline)


@dataclass(frozen=True)
class Replanned:
    """What moved on one case."""

    case_id: UUID
    code: str
    moves: tuple[Move, ...]


async def cases_with_open_deadlines(connection: AsyncConnection, after: UUID | None, limit: int) -> list[UUID]:
    """The next cases, by id, that have a deadline running.

    Args:
        connection: any transaction.
        after: the last id of the batch before; None for the first.
        limit: how many at most.
    """
    running = exists().where(
        _DEADLINE.c.case_id == _CASE.c.id, _DEADLINE.c.referral_id.is_(None), _DEADLINE.c.status.in_(("open", "paused"))
    )
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
) -> Replanned | None:
    """Compute one case's running clocks anew and say what moved.

    Args:
        connection: a transaction of the worker role; the case is locked in it.
        reference: every protocol version, for clocks that keep theirs.
        case_id: which case.
        at: domain instant of the command.
        calendar: the version to compute with.
        to_protocol: the version to go over to; without it every clock keeps its own.
        keep: False only says what would move.

    Returns:
        The moves; None where nothing moves or the case is gone.
    """
    case = (await lock_cases(connection, [case_id])).get(case_id)
    if case is None:
        return None
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
    if not changes.touched:
        return None
    if keep:
        await store_changes(connection, case_id, changes, at)
        await audit(
            connection,
            at=at,
            actor=None,
            action="replan",
            record="case",
            record_id=case_id,
            case_id=case_id,
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
    return Replanned(case_id, case.code, changes.moved)
