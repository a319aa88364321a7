"""Referrals of a case that is attached to another: they go along and come back with it (lifecycle.md, ``attach``).

A referral keeps its id, its code and its workflow: to its agency nothing has happened. What hangs on it goes with it,
its clocks with the rungs that fired, their breaches and escalations. What was recorded of it stays with the case it was
recorded on, sealed under that case's key: a document names its own case wherever it is read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.referral import LIVE
from models.records.audit import audit
from models.records.cases import CaseRow, lock_cases

# Those somebody still has to do something about: they live, a clock of theirs runs, or a proceeding they began does.
_TO_DO = text(
    """
    SELECT f.id FROM referral f
     WHERE f.case_id = :source
       AND (f.state = ANY(:live)
            OR EXISTS (SELECT FROM deadline d WHERE d.referral_id = f.id AND d.status IN ('open', 'paused'))
            OR (f.outcome IN ('PROSECUTED', 'SUSPENDED')
                AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = f.case_id
                                 AND e.event = 'record_proceeding_end' AND e.recorded_at >= f.updated_at)))
     ORDER BY f.id
    """
).bindparams(bindparam("source", type_=Uuid()), bindparam("live", type_=ARRAY(Text)))

_BROUGHT = text(
    "SELECT f.id FROM referral f WHERE f.case_id = ANY(:cases) AND f.came_through ? :source ORDER BY f.id"
).bindparams(bindparam("cases", type_=ARRAY(Uuid)), bindparam("source", type_=Text()))

_GO = text(
    "UPDATE referral SET case_id = :target, came_through = came_through || to_jsonb(CAST(:source AS text)) "
    "WHERE id = ANY(:referrals)"
).bindparams(bindparam("target", type_=Uuid()), bindparam("referrals", type_=ARRAY(Uuid)))

# What it came through before it came here stays: a case may have been attached to this one first.
_COME_BACK = text(
    """
    UPDATE referral SET case_id = :target, came_through = (
        SELECT coalesce(jsonb_agg(one.id ORDER BY one.place), '[]')
          FROM jsonb_array_elements_text(came_through) WITH ORDINALITY AS one (id, place)
         WHERE one.place < (SELECT min(own.place)
                              FROM jsonb_array_elements_text(came_through) WITH ORDINALITY AS own (id, place)
                             WHERE own.id = :source))
     WHERE id = ANY(:referrals)
    """
).bindparams(
    bindparam("target", type_=Uuid()), bindparam("source", type_=Text()), bindparam("referrals", type_=ARRAY(Uuid))
)

_ALONG = tuple(
    text(statement).bindparams(bindparam("target", type_=Uuid()), bindparam("referrals", type_=ARRAY(Uuid)))
    for statement in (
        *(
            f"UPDATE {name} SET case_id = :target WHERE deadline_id IN "  # noqa: S608 - our own tables
            "(SELECT d.id FROM deadline d WHERE d.referral_id = ANY(:referrals))"
            for name in ("rung", "breach", "escalation")
        ),
        "UPDATE deadline SET case_id = :target WHERE referral_id = ANY(:referrals)",
    )
)


async def carry_referrals(
    connection: AsyncConnection, source: CaseRow, target: CaseRow, at: datetime
) -> tuple[UUID, ...]:
    """Move what is still to be done of a case's referrals to the case it is attached to.

    Args:
        connection: the transaction of the attaching, which holds both cases' locks.
        source: the attached case.
        target: the case it is attached to.
        at: domain instant of recording.

    Returns:
        The referrals, whose workflows are now behind.
    """
    asked = {"source": source.id, "live": sorted(LIVE)}
    going = (await connection.execute(_TO_DO, asked)).scalars().all()
    moved = {"target": target.id, "source": str(source.id), "referrals": list(going)}
    return await _moved(connection, _GO, moved, going, target.id, source.id, at)


async def give_referrals_back(
    connection: AsyncConnection, source: CaseRow, target: CaseRow, at: datetime
) -> tuple[UUID, ...]:
    """Move back what a detached case had brought, and what took up its needs meanwhile.

    Where the case it leaves was attached to a third one, they are found there.

    Args:
        connection: the transaction of the detaching, which holds both cases' locks.
        source: the case that is detached.
        target: the case it was attached to.
        at: domain instant of recording.

    Returns:
        The referrals, whose workflows are now behind.
    """
    through, last = [target.id], target
    while last.attached_to is not None and last.attached_to not in through:
        last = (await lock_cases(connection, [last.attached_to]))[last.attached_to]
        through.append(last.id)
    asked = {"cases": through, "source": str(source.id)}
    coming = (await connection.execute(_BROUGHT, asked)).scalars().all()
    moved = {"target": source.id, "source": str(source.id), "referrals": list(coming)}
    return await _moved(connection, _COME_BACK, moved, coming, source.id, target.id, at)


async def _moved(  # noqa: PLR0917 - one move, whole
    connection: AsyncConnection,
    how: TextClause,
    moved: dict[str, Any],
    referrals: Sequence[UUID],
    to: UUID,
    left: UUID,
    at: datetime,
) -> tuple[UUID, ...]:
    if not referrals:
        return ()
    await connection.execute(how, moved)
    for statement in _ALONG:
        await connection.execute(statement, {"target": to, "referrals": list(referrals)})
    for referral in referrals:
        await audit(
            connection,
            at=at,
            actor=None,
            action="move_referral",
            record="referral",
            record_id=referral,
            case_id=to,
            outcome="done",
            detail={"left": str(left)},
            chained=True,
        )
    return tuple(referrals)
