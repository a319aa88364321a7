"""Reports by anybody that were set aside: sealed like every report's words, until they are taken in.

A report has no case yet under whose key it could stand, so what is set aside has a data key of its own, wrapped by the
key that wraps the cases' keys. Once it is taken in its words are the report's, under its cases' keys, and are erased
with these: here they are gone. docs/decisions/0018-reports-from-outside.md.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, delete, exists, or_, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.forms import AS_STORED, ReportInput, content
from models.records.actor import Acting
from models.records.vault import bound_to, provider, seal, unseal
from models.tables import PublicWords, SetAside, table
from models.vault import DataKey, Wrapped
from models.writing import binary, put

SET_ASIDE = table(SetAside)
_WORDS = table(PublicWords)

LET_IN: Final = "let_in"
PUT_AWAY: Final = "put_away"

WAITING: Final = and_(SET_ASIDE.c.taken_in_at.is_(None), SET_ASIDE.c.decision.is_distinct_from(PUT_AWAY))
"""It has yet to go in."""
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 0))")


# --- what is known again ----------------------------------------------------------------------------------------------


async def is_known(
    connection: AsyncConnection, words_hash: str, *, flagged: bool, at: datetime, within: timedelta
) -> bool:
    """Whether the very same report came within a time. Whoever brings the same at this moment waits for the first.

    Of one that says the child is in danger now only another one counts that said so too, and that was taken in.

    Args:
        connection: a transaction of the part ``public_door``.
        words_hash: keyed, of what is said.
        flagged: the child is in danger now.
        at: domain instant.
        within: how long one is remembered.
    """
    await connection.execute(_ALONE, {"of": f"public words/{words_hash}"})
    waits = exists().where(SET_ASIDE.c.id == _WORDS.c.id, SET_ASIDE.c.taken_in_at.is_(None))
    same = select(_WORDS.c.id).where(
        _WORDS.c.words_hash == words_hash,
        _WORDS.c.received_at > at - within,
        and_(_WORDS.c.flagged, ~waits) if flagged else true(),
    )
    return (await connection.execute(same.limit(1))).first() is not None


async def remember(
    connection: AsyncConnection, report_id: UUID, words_hash: str, *, flagged: bool, at: datetime
) -> None:
    """Know a report again from now on."""
    await put(connection, _WORDS, id=report_id, words_hash=words_hash, flagged=flagged, received_at=at)


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """Know no report again that came before an instant."""
    await connection.execute(delete(_WORDS).where(_WORDS.c.received_at <= before))


# --- what is set aside ------------------------------------------------------------------------------------------------


async def set_aside(
    connection: AsyncConnection,
    report_id: UUID,
    report: ReportInput,
    *,
    reasons: Sequence[str],
    receiver: Acting,
    at: datetime,
    until: datetime,
) -> None:
    """Set a report aside.

    Args:
        connection: a transaction of the part ``public_door``, on behalf of whoever took it in.
        report_id: the id it will have as a report.
        report: what was told.
        reasons: why, of the vocabulary ``set_aside_reasons``.
        receiver: who took it in.
        at: when it was received.
        until: when it goes in by itself.

    Raises:
        KeysAwayError: there is nothing to encrypt it with now.
    """
    key = DataKey.new()
    sealed, digest = seal(key, SET_ASIDE, report_id, content(report))
    wrapped = await provider(connection).wrap(key.raw, bound_to(SET_ASIDE, report_id))
    await put(
        connection,
        SET_ASIDE,
        id=report_id,
        received_at=at,
        reasons=" ".join(reasons),
        flagged=report.flagged,
        receiver_id=receiver.person_id,
        receiver_position_id=receiver.position_id,
        receiver_unit_id=receiver.unit_id,
        sealed=binary(sealed),
        content_hash=digest,
        kek=wrapped.kek,
        wrapped=binary(wrapped.key),
        due_at=until,
    )


async def words(connection: AsyncConnection, row: Any) -> ReportInput:
    """What was told, with the instant it was received.

    Raises:
        KeysAwayError: it cannot be opened now.
        AlteredError: it is not what was stored.
    """
    raw = await provider(connection).unwrap(Wrapped(row.kek, row.wrapped), bound_to(SET_ASIDE, row.id))
    said = unseal(DataKey(raw), SET_ASIDE, row.id, row.sealed, row.content_hash)
    report = ReportInput.model_validate(said, context={AS_STORED: True})
    return report.model_copy(update={"received_at": row.received_at})


async def lock(connection: AsyncConnection, report_id: UUID) -> Row[Any] | None:
    """One of them, for whoever decides on it or takes it in: one after the other."""
    statement = select(SET_ASIDE).where(SET_ASIDE.c.id == report_id).with_for_update()
    return (await connection.execute(statement)).one_or_none()


async def decide(
    connection: AsyncConnection, report_id: UUID, decision: str, by: Acting, at: datetime, *, put_away_as: str | None
) -> None:
    """Write down what somebody decided, who holds the lock."""
    await connection.execute(
        update(SET_ASIDE)
        .where(SET_ASIDE.c.id == report_id)
        .values(
            decision=decision,
            decided_by=by.person_id,
            decided_position_id=by.position_id,
            decided_at=at,
            put_away_as=put_away_as,
        )
    )


def may_go_in(row: Any, at: datetime) -> bool:
    """Whether one is to be taken in now: somebody let it in, or nobody has looked at it in time."""
    return row.taken_in_at is None and (row.decision == LET_IN or (row.decision is None and row.due_at <= at))


async def due(connection: AsyncConnection, at: datetime) -> Sequence[UUID]:
    """All of which ``may_go_in`` holds, the oldest first: one that cannot go in now holds up no other."""
    statement = (
        select(SET_ASIDE.c.id)
        .where(WAITING, or_(SET_ASIDE.c.decision == LET_IN, SET_ASIDE.c.due_at <= at))
        .order_by(SET_ASIDE.c.received_at, SET_ASIDE.c.id)
    )
    return (await connection.execute(statement)).scalars().all()


async def taken_in(connection: AsyncConnection, report_id: UUID, at: datetime) -> None:
    """It is a report now: its words are there, and nowhere else."""
    await connection.execute(
        update(SET_ASIDE).where(SET_ASIDE.c.id == report_id).values(taken_in_at=at, sealed=None, kek=None, wrapped=None)
    )
