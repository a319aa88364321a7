"""Clocks of the protocol engine, to and from their rows. PostgreSQL holds them; the engine alone computes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, any_, bindparam, delete, func, literal_column, select, update
from sqlalchemy import case as choice
from sqlalchemy.dialects.postgresql import array, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.states import ENDED
from models.messages import OpenDeadline, Snapshot
from models.protocol.types import Changes, Clock
from models.protocol.types import Rung as RungOfClock
from models.tables import Breach, CaseFile, Deadline, Rung, new_id, table
from models.writing import Write, change, put_all, write

MET_IN_TIME_RECORDED_LATE = "met_in_time_recorded_late"
MET_LATE = "met_late"

_CASE, _DEADLINE, _RUNG, _BREACH = table(CaseFile), table(Deadline), table(Rung), table(Breach)


_UNPLAN = Write(
    """
    DELETE FROM rung t USING said, jsonb_to_recordset({json}) AS r(deadline_id uuid, ordinals int[])
     WHERE t.deadline_id = r.deadline_id AND t.state = 'planned' AND t.ordinal <> ALL (r.ordinals)
    """,
    "planned rung",
    ("deadline_id",),
)
_PLAN = Write(
    """
    INSERT INTO rung (deadline_id, ordinal, case_id, level, due_at, deliver_at, breach, condition, state)
    SELECT deadline_id, ordinal, case_id, level, due_at, deliver_at, breach, condition, state FROM said, {rows}
    ON CONFLICT (deadline_id, ordinal) DO UPDATE
       SET case_id = excluded.case_id, level = excluded.level, due_at = excluded.due_at,
           deliver_at = excluded.deliver_at, breach = excluded.breach, condition = excluded.condition
     WHERE rung.state = 'planned'
    """,
    "rung",
    ("deadline_id", "ordinal"),
)

# Asked with every rung that fires, so made once.
_NEXT_RUNGS = (
    select(_CASE.c.sequence, _CASE.c.process, _DEADLINE.c.id, _DEADLINE.c.code, _RUNG.c.ordinal, _RUNG.c.due_at)
    .select_from(
        _CASE.outerjoin(
            _DEADLINE,
            and_(
                _DEADLINE.c.case_id == _CASE.c.id,
                _DEADLINE.c.referral_id.is_(None),
                _DEADLINE.c.status == any_(array(["open", "paused"])),
            ),
        ).outerjoin(_RUNG, and_(_RUNG.c.deadline_id == _DEADLINE.c.id, _RUNG.c.state == literal_column("'planned'")))
    )
    .where(_CASE.c.id == bindparam("of_case"))
    .order_by(_DEADLINE.c.id, _RUNG.c.due_at, _RUNG.c.ordinal)
    .ext(distinct_on(_DEADLINE.c.id))
)

_MAY_CHANGE = ("subject", "status", "started_at", "due_at", "met_at", "updated_at", "clock")


async def load_clocks(connection: AsyncConnection, case_id: UUID, referral_id: UUID | None = None) -> list[Clock]:
    """Every clock of a case, or of one of its referrals, with the ordinals that have fired or were passed over.

    Args:
        connection: a transaction that holds the case's row lock, if anything is to be decided by the result.
        case_id: whose.
        referral_id: the referral whose clocks are meant; without it the case's own.
    """
    fired = (
        select(func.array_agg(_RUNG.c.ordinal))
        .where(_RUNG.c.deadline_id == _DEADLINE.c.id, _RUNG.c.state.in_(("fired", "not_needed")))
        .correlate(_DEADLINE)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(_DEADLINE.c.clock, fired.label("fired"))
        .where(_DEADLINE.c.case_id == case_id, _DEADLINE.c.referral_id.is_not_distinct_from(referral_id))
        .order_by(_DEADLINE.c.started_at, _DEADLINE.c.id)
    )
    return [Clock.model_validate({**row.clock, "fired": tuple(sorted(row.fired or ()))}) for row in rows]


async def store_changes(
    connection: AsyncConnection, case_id: UUID, changes: Changes, at: datetime, *, referral_id: UUID | None = None
) -> None:
    """Write what the engine changed: deadlines, their planned rungs, and the marks on breaches since met.

    Args:
        connection: the transaction of the event that caused the changes.
        case_id: whose clocks.
        changes: the engine's answer.
        at: domain instant of recording.
        referral_id: the referral of the case whose clocks they are; without it the case's own.
    """
    new = {clock.id for clock in changes.started}
    started = [clock for clock in changes.touched if clock.id in new]
    changed = [clock for clock in changes.touched if clock.id not in new]
    rows = [{**_row(case_id, clock, at), "referral_id": referral_id} for clock in started]
    await put_all(connection, _DEADLINE, rows)
    await change(connection, _DEADLINE, [_new_values(clock, at) for clock in changed])
    # Planned rungs are a projection of their clock: those that fired stay as they are, the rest follow the clock.
    kept = [{"deadline_id": clock.id, "ordinals": [rung.ordinal for rung in clock.pending]} for clock in changed]
    await put_all(connection, _RUNG, [rung for clock in started for rung in _planned(case_id, clock)])
    await write(connection, _UNPLAN, kept)
    await write(connection, _PLAN, [rung for clock in changed for rung in _planned(case_id, clock)])
    for clock in changes.breaches_met_late:
        await _mark_breach(connection, case_id, clock, at)


async def put_clocks(connection: AsyncConnection, case_id: UUID, clocks: Sequence[Clock], at: datetime) -> None:
    """Write whole clocks that came from another case, what fired included, over what this case had of them.

    Args:
        connection: the transaction of the attaching or detaching.
        case_id: whose clocks they are from now on.
        clocks: as the engine carried them.
        at: domain instant of recording.
    """
    if not clocks:
        return
    statement = insert(_DEADLINE)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_DEADLINE.c.id], set_={name: statement.excluded[name] for name in _MAY_CHANGE}
        ),
        [_row(case_id, clock, at) for clock in clocks],
    )
    await connection.execute(
        delete(_RUNG).where(_RUNG.c.deadline_id.in_([clock.id for clock in clocks]), _RUNG.c.state == "planned")
    )
    rungs = [rung for clock in clocks for rung in (*_planned(case_id, clock), *_fired(case_id, clock, at))]
    if rungs:
        await connection.execute(insert(_RUNG).on_conflict_do_nothing(), rungs)


async def snapshot(connection: AsyncConnection, case_id: UUID) -> Snapshot:
    """What the case's workflow must know: sequence, the next rung of every open deadline, whether it may end.

    A deadline that is open but has no rung to come keeps the case alive too; only a final state with none open ends it.
    """
    rows = (await connection.execute(_NEXT_RUNGS, {"of_case": case_id})).all()
    running = [row for row in rows if row.id is not None]
    return Snapshot(
        case_id=case_id,
        sequence=rows[0].sequence,
        deadlines=tuple(
            OpenDeadline(id=row.id, code=row.code, ordinal=row.ordinal, at=row.due_at)
            for row in running
            if row.ordinal is not None
        ),
        ended=rows[0].process in ENDED and not running,
    )


def referral_snapshot(
    case_id: UUID, referral_id: UUID, sequence: int, clocks: Sequence[Clock], *, final: bool
) -> Snapshot:
    """What a referral's workflow must know, from its row and its clocks; see ``snapshot``."""
    pending = []
    for clock in clocks:
        rung = min(clock.pending, key=lambda each: (each.due_at, each.ordinal), default=None)
        if rung is not None:
            pending.append(OpenDeadline(id=clock.id, code=clock.code, ordinal=rung.ordinal, at=rung.due_at))
    return Snapshot(
        case_id=case_id,
        referral_id=referral_id,
        sequence=sequence,
        deadlines=tuple(sorted(pending, key=lambda due: due.id)),
        ended=final and not any(clock.running for clock in clocks),
    )


def _row(case_id: UUID, clock: Clock, at: datetime) -> dict[str, Any]:
    return {
        "id": clock.id,
        "case_id": case_id,
        "code": clock.code,
        "occurrence": clock.occurrence,
        "subject": clock.subject,
        "status": clock.status,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "met_at": clock.met_at,
        "updated_at": at,
        "clock": clock.model_dump(mode="json", exclude={"fired"}),
    }


def _new_values(clock: Clock, at: datetime) -> dict[str, Any]:
    row = _row(clock.id, clock, at)
    return {name: row[name] for name in ("id", *_MAY_CHANGE)}


def _planned(case_id: UUID, clock: Clock) -> list[dict[str, Any]]:
    return [_rung(case_id, clock, rung) | {"state": "planned", "fired_at": None} for rung in clock.pending]


def _fired(case_id: UUID, clock: Clock, at: datetime) -> list[dict[str, Any]]:
    return [
        _rung(case_id, clock, rung) | {"state": "fired", "fired_at": min(rung.due_at, at)}
        for rung in clock.rungs
        if rung.ordinal in clock.fired
    ]


def _rung(case_id: UUID, clock: Clock, rung: RungOfClock) -> dict[str, Any]:
    return {
        "deadline_id": clock.id,
        "ordinal": rung.ordinal,
        "case_id": case_id,
        "level": rung.level,
        "due_at": rung.due_at,
        "deliver_at": rung.deliver_at,
        "breach": rung.breach,
        "condition": rung.condition,
    }


async def _mark_breach(connection: AsyncConnection, case_id: UUID, clock: Clock, at: datetime) -> None:
    """Make sure of the breach records of a clock that ended after a limit, and mark each by its own limit.

    Met between a local limit and the law's, the clock was late here and in time there: one record says ``met_late``,
    the other ``met_in_time_recorded_late``. Ended unmet, it has no mark.
    """
    ended = clock.ended_at or at
    # An end recorded at a limit itself comes before that limit's rung, unless the rung fired already.
    passed = {rung.due_at for rung in clock.breached}
    for kind, due_at in breached_limits(clock, ended):
        if due_at == ended and due_at not in passed:
            continue
        await connection.execute(
            insert(_BREACH)
            .values(
                id=new_id(),
                case_id=case_id,
                deadline_id=clock.id,
                kind=kind,
                code=clock.code,
                due_at=due_at,
                recorded_at=ended,
                protocol_version=clock.protocol_version,
                calendar_version=clock.calendar_version,
            )
            .on_conflict_do_nothing()
        )
    mark = None
    if clock.met_at is not None:
        mark = choice((_BREACH.c.due_at < clock.met_at, MET_LATE), else_=MET_IN_TIME_RECORDED_LATE)
    await connection.execute(
        update(_BREACH).where(_BREACH.c.deadline_id == clock.id).values(mark=mark, met_at=clock.met_at)
    )


def breached_limits(clock: Clock, at: datetime) -> list[tuple[str, datetime]]:
    """The limits of a clock that have passed at ``at``, with the kind of breach each is.

    A local override shortens a statutory limit: being late against it is a ``local`` breach, and a ``statutory`` one
    only once the law's own limit has passed as well.
    """
    limits = []
    if clock.kind == "statutory" and clock.statutory_due_at is not None:
        if clock.due_at < clock.statutory_due_at:
            limits.append(("local", clock.due_at))
        limits.append(("statutory", clock.statutory_due_at))
    else:
        limits.append((clock.kind, clock.due_at))
    return [(kind, due) for kind, due in limits if due <= at]
