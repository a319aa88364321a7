"""Escalations as matters for people: open, acknowledged, resolved. Answering one never stops the ladder (lifecycle.md).

Whoever it went to may answer it, or somebody above: a person in a higher level's role, in the unit that holds the
case or in one it stands under. Who is recused from the case may not, wherever they stand.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, and_, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.actor import Acting
from models.records.audit import audit
from models.tables import CaseFile, Delegate, Escalation, EscalationRecipient, Recusal, UnitParent, table

State = Literal["open", "acknowledged", "resolved"]

RANK: Final = {"CPO": 0, "SUP": 1, "CHAIR": 2, "VCH": 2, "DEL": 2, "DOHD": 3, "DOH": 3, "PROV": 4, "NAT": 5}
"""How high a role stands on the ladder; a role that is not named here stands above nobody."""
_LEVEL: Final = {"E0": 0, "E1": 1, "E2": 2, "E3": 3, "E4": 4}

_ESCALATION, _RECIPIENT, _CASE = table(Escalation), table(EscalationRecipient), table(CaseFile)
_RECUSAL, _DELEGATE, _PARENT = table(Recusal), table(Delegate), table(UnitParent)


@dataclass(frozen=True)
class Answered:
    """The escalation after it was answered."""

    id: UUID
    case_id: UUID
    state: State


@dataclass(frozen=True)
class NotAnswered:
    """Why not. ``unknown`` is also the answer to whoever may not know of it.

    ``by`` is who has answered already.
    """

    code: Literal["unknown", "not-yours", "already-acknowledged", "already-resolved"]
    by: UUID | None = None


async def acknowledge(
    connection: AsyncConnection, escalation: UUID, *, actor: Acting, at: datetime
) -> Answered | NotAnswered:
    """Take an escalation upon oneself. It stays acknowledged by whoever was first.

    Args:
        connection: the transaction of the actor; the audit entry is written in it.
        escalation: which.
        actor: who, in which position.
        at: domain instant.
    """
    row = await _locked(connection, escalation)
    refused = await _refusal(connection, row, actor, at)
    if refused is None and row.state == "acknowledged" and row.acknowledged_by != actor.person_id:
        refused = NotAnswered("already-acknowledged", row.acknowledged_by)
    if refused is not None:
        await _put_on_record(connection, "acknowledge_escalation", escalation, row, actor=actor, at=at, refused=refused)
        return refused
    if row.state == "open":
        await connection.execute(
            update(_ESCALATION)
            .where(_ESCALATION.c.id == escalation)
            .values(state="acknowledged", acknowledged_at=at, acknowledged_by=actor.person_id)
        )
        await _put_on_record(connection, "acknowledge_escalation", escalation, row, actor=actor, at=at)
    return Answered(escalation, row.case_id, "acknowledged")


async def settle(
    connection: AsyncConnection, escalation: UUID, *, actor: Acting, resolution: str, at: datetime
) -> Answered | NotAnswered:
    """Say what was done about an escalation. An open one is acknowledged by the same act.

    Args:
        connection: the transaction of the actor; the audit entry is written in it, without the text.
        escalation: which.
        actor: who, in which position.
        resolution: what was done, cleaned by the caller.
        at: domain instant.

    Raises:
        ValueError: an empty resolution.
    """
    if not resolution.strip():
        raise ValueError("a resolution says what was done")
    row = await _locked(connection, escalation)
    refused = await _refusal(connection, row, actor, at)
    if refused is not None:
        await _put_on_record(connection, "resolve_escalation", escalation, row, actor=actor, at=at, refused=refused)
        return refused
    await connection.execute(
        update(_ESCALATION)
        .where(_ESCALATION.c.id == escalation)
        .values(
            state="resolved",
            resolved_at=at,
            resolved_by=actor.person_id,
            resolution=resolution,
            acknowledged_at=row.acknowledged_at or at,
            acknowledged_by=row.acknowledged_by or actor.person_id,
        )
    )
    await _put_on_record(connection, "resolve_escalation", escalation, row, actor=actor, at=at)
    return Answered(escalation, row.case_id, "resolved")


@dataclass(frozen=True)
class Filter:
    """Which escalations to list; what is None does not matter.

    Attributes:
        person_id: those that went to this person.
        acting_only: of those, only the ones where the person is to act.
        unit_ids: those of cases held by these units.
        states: in these states.
        levels: of these levels.
        opened_before: at least this old.
        case_id: of this case.
        nobody: those that reached nobody, or not.
    """

    person_id: UUID | None = None
    acting_only: bool = False
    unit_ids: Collection[UUID] | None = None
    states: Collection[State] | None = None
    levels: Collection[str] | None = None
    opened_before: datetime | None = None
    case_id: UUID | None = None
    nobody: bool | None = None


async def page(
    connection: AsyncConnection,
    wanted: Filter,
    *,
    reader: UUID,
    at: datetime,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[Any]:
    """A page of escalations, the oldest first: who waits longest is read first.

    Args:
        connection: the reader's transaction. What the reader may see at all is the caller's to say, by ``wanted``.
        wanted: which.
        reader: who reads; cases they are recused from are left out.
        at: domain instant.
        after: ``(opened_at, id)`` of the last row of the page before.
        limit: rows at most.

    Returns:
        Rows of ``escalation`` with ``case_code``.
    """
    recused = _in_force(_RECUSAL.c.since, _RECUSAL.c.until, at)
    statement = (
        select(_ESCALATION, _CASE.c.code.label("case_code"))
        .join_from(_ESCALATION, _CASE, _CASE.c.id == _ESCALATION.c.case_id)
        .where(
            ~select(_RECUSAL.c.id)
            .where(_RECUSAL.c.case_id == _ESCALATION.c.case_id, _RECUSAL.c.person_id == reader, recused)
            .exists()
        )
    )
    statement = _narrowed(statement, wanted)
    if after is not None:
        statement = statement.where(tuple_(_ESCALATION.c.opened_at, _ESCALATION.c.id) > tuple_(*after))
    return (await connection.execute(statement.order_by(_ESCALATION.c.opened_at, _ESCALATION.c.id).limit(limit))).all()


def _narrowed(statement: Select[Any], wanted: Filter) -> Select[Any]:
    e = _ESCALATION.c
    if wanted.person_id is not None:
        mine = select(_RECIPIENT.c.escalation_id).where(_RECIPIENT.c.person_id == wanted.person_id)
        if wanted.acting_only:
            mine = mine.where(_RECIPIENT.c.watching.is_(False))
        statement = statement.where(e.id.in_(mine))
    for column, values in ((e.unit_id, wanted.unit_ids), (e.state, wanted.states), (e.level, wanted.levels)):
        if values is not None:
            statement = statement.where(column.in_(sorted(values)))
    if wanted.opened_before is not None:
        statement = statement.where(e.opened_at <= wanted.opened_before)
    if wanted.case_id is not None:
        statement = statement.where(e.case_id == wanted.case_id)
    if wanted.nobody is not None:
        statement = statement.where(e.nobody.is_(wanted.nobody))
    return statement


async def recipients(connection: AsyncConnection, escalations: Collection[UUID]) -> Sequence[Any]:
    """Whom escalations went to: rows of ``escalation_recipient`` in a fixed order."""
    statement = (
        select(_RECIPIENT)
        .where(_RECIPIENT.c.escalation_id.in_(sorted(escalations)))
        .order_by(_RECIPIENT.c.escalation_id, _RECIPIENT.c.watching, _RECIPIENT.c.person_id)
    )
    return (await connection.execute(statement)).all()


async def _locked(connection: AsyncConnection, escalation: UUID) -> Any:
    statement = select(_ESCALATION).where(_ESCALATION.c.id == escalation).with_for_update()
    return (await connection.execute(statement)).one_or_none()


async def _refusal(connection: AsyncConnection, row: Any, actor: Acting, at: datetime) -> NotAnswered | None:
    if row is None:
        return NotAnswered("unknown")
    said = (
        await connection.execute(
            select(
                _exists(_RECUSAL, row.case_id, actor, at).label("recused"),
                _exists(_DELEGATE, row.case_id, actor, at).label("delegate"),
                select(_RECIPIENT.c.person_id)
                .where(
                    _RECIPIENT.c.escalation_id == row.id,
                    _RECIPIENT.c.person_id == actor.person_id,
                    _RECIPIENT.c.watching.is_(False),
                )
                .exists()
                .label("went_to"),
                _stands_over(row.unit_id, actor.unit_id, at).label("over"),
            )
        )
    ).one()
    if said.recused:
        return NotAnswered("unknown")
    rank = RANK["DEL"] if said.delegate else RANK.get(actor.role, -1)
    in_line = said.delegate or said.over or actor.role == "NAT"
    if not said.went_to and not (in_line and rank > _LEVEL[row.level]):
        return NotAnswered("not-yours")
    if row.state == "resolved":
        return NotAnswered("already-resolved", row.resolved_by)
    return None


def _in_force(since: Any, until: Any, at: datetime) -> Any:
    return and_(since <= at, or_(until.is_(None), until > at))


def _exists(of: Any, case_id: UUID, actor: Acting, at: datetime) -> Any:
    return (
        select(of.c.id)
        .where(of.c.case_id == case_id, of.c.person_id == actor.person_id, _in_force(of.c.since, of.c.until, at))
        .exists()
    )


def _stands_over(unit: UUID | None, office: UUID, at: datetime) -> Any:
    """Whether an office is the unit or one it stands under at an instant. A case nobody holds is under every office."""
    if unit is None:
        return literal(value=True)
    up = select(literal(unit, _ESCALATION.c.unit_id.type).label("id"), literal(0).label("depth")).cte(
        "up", recursive=True
    )
    up = up.union_all(
        select(_PARENT.c.parent_id, up.c.depth + 1)
        .where(_PARENT.c.unit_id == up.c.id, _in_force(_PARENT.c.valid_from, _PARENT.c.valid_to, at))
        .where(up.c.depth < _DEEPEST)
    )
    return select(up.c.id).where(up.c.id == office).exists()


_DEEPEST: Final = 8


async def _put_on_record(
    connection: AsyncConnection,
    action: str,
    escalation: UUID,
    row: Any,
    *,
    actor: Acting,
    at: datetime,
    refused: NotAnswered | None = None,
) -> None:
    await audit(
        connection,
        at=at,
        actor=actor,
        action=action,
        record="escalation",
        record_id=escalation,
        case_id=row.case_id if row is not None else None,
        outcome="done" if refused is None else "refused",
        code=refused.code if refused is not None else None,
        detail={"level": row.level} if row is not None else {},
    )


__all__ = ["Answered", "Filter", "NotAnswered", "acknowledge", "page", "recipients", "settle"]
