"""Escalations as matters for people: open, acknowledged, resolved. Answering one never stops the ladder (lifecycle.md).

Whoever it went to may answer it, or somebody above: a person in a higher level's role, in the unit that holds the
case or in one it stands under. Who is recused from the case may not, wherever they stand.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.actor import Acting
from models.records.audit import audit
from models.records.dated import in_force
from models.records.people import is_named_decider, keeps_out
from models.records.terms import said, terms
from models.tables import Escalation, EscalationRecipient, UnitParent, table

State = Literal["open", "acknowledged", "resolved"]

RANK: Final = {"CPO": 0, "SUP": 1, "CHAIR": 2, "VCH": 2, "DEL": 2, "DOHD": 3, "DOH": 3, "PROV": 4, "NAT": 5}
"""How high a role stands on the ladder; a role that is not named here stands above nobody."""
_LEVEL: Final = {"E0": 0, "E1": 1, "E2": 2, "E3": 3, "E4": 4}

_ESCALATION, _RECIPIENT, _PARENT = table(Escalation), table(EscalationRecipient), table(UnitParent)


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
    connection: AsyncConnection, escalation: UUID, *, actor: Acting, at: datetime, origin: str | None = None
) -> Answered | NotAnswered:
    """Take an escalation upon oneself. It stays acknowledged by whoever was first.

    Args:
        connection: the transaction of the actor; the audit entry is written in it.
        escalation: which.
        actor: who, in which position.
        at: domain instant.
        origin: from where, as a keyed hash.
    """
    row = await _locked(connection, escalation)
    refused = await _refusal(connection, row, actor, at)
    if refused is None and row.state == "acknowledged" and row.acknowledged_by != actor.person_id:
        refused = NotAnswered("already-acknowledged", row.acknowledged_by)
    if refused is not None:
        await _put_on_record(
            connection, "acknowledge_escalation", escalation, row, actor=actor, at=at, refused=refused, origin=origin
        )
        return refused
    if row.state == "open":
        await connection.execute(
            update(_ESCALATION)
            .where(_ESCALATION.c.id == escalation)
            .values(state="acknowledged", acknowledged_at=at, acknowledged_by=actor.person_id)
        )
    await _put_on_record(connection, "acknowledge_escalation", escalation, row, actor=actor, at=at, origin=origin)
    return Answered(escalation, row.case_id, "acknowledged")


async def settle(
    connection: AsyncConnection,
    escalation: UUID,
    *,
    actor: Acting,
    resolution: str,
    at: datetime,
    origin: str | None = None,
) -> Answered | NotAnswered:
    """Say what was done about an escalation. An open one is acknowledged by the same act.

    Args:
        connection: the transaction of the actor; the audit entry is written in it, without the text.
        escalation: which.
        actor: who, in which position.
        resolution: what was done, cleaned by the caller.
        at: domain instant.
        origin: from where, as a keyed hash.

    Raises:
        ValueError: an empty resolution.
    """
    if not resolution.strip():
        raise ValueError("a resolution says what was done")
    row = await _locked(connection, escalation)
    refused = await _refusal(connection, row, actor, at)
    if refused is not None:
        await _put_on_record(
            connection, "resolve_escalation", escalation, row, actor=actor, at=at, refused=refused, origin=origin
        )
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
    await _put_on_record(connection, "resolve_escalation", escalation, row, actor=actor, at=at, origin=origin)
    return Answered(escalation, row.case_id, "resolved")


async def _locked(connection: AsyncConnection, escalation: UUID) -> Any:
    statement = select(_ESCALATION).where(_ESCALATION.c.id == escalation).with_for_update()
    return (await connection.execute(statement)).one_or_none()


async def _refusal(connection: AsyncConnection, row: Any, actor: Acting, at: datetime) -> NotAnswered | None:
    if row is None:
        return NotAnswered("unknown")
    found = (
        await connection.execute(
            select(
                keeps_out(row.case_id, terms(actor.role)).label("recused"),
                is_named_decider(row.case_id, actor.person_id, at).label("delegate"),
                select(_RECIPIENT.c.person_id)
                .where(
                    _RECIPIENT.c.escalation_id == row.id,
                    _RECIPIENT.c.person_id == actor.person_id,
                    _RECIPIENT.c.watching.is_(False),
                )
                .exists()
                .label("went_to"),
                _stands_over(row.unit_id, actor.unit_id, at).label("over"),
            ),
            said(actor, at),
        )
    ).one()
    if found.recused:
        return NotAnswered("unknown")
    rank = RANK["DEL"] if found.delegate else RANK.get(actor.role, -1)
    in_line = found.delegate or found.over or actor.role == "NAT"
    if not found.went_to and not (in_line and rank > _LEVEL[row.level]):
        return NotAnswered("not-yours")
    if row.state == "resolved":
        return NotAnswered("already-resolved", row.resolved_by)
    return None


def _stands_over(unit: UUID | None, office: UUID, at: datetime) -> Any:
    """Whether an office is the unit or one it stands under at an instant. A case nobody holds is under every office."""
    if unit is None:
        return literal(value=True)
    up = select(literal(unit, _ESCALATION.c.unit_id.type).label("id"), literal(0).label("depth")).cte(
        "up", recursive=True
    )
    up = up.union_all(
        select(_PARENT.c.parent_id, up.c.depth + 1)
        .where(_PARENT.c.unit_id == up.c.id, in_force(_PARENT, at))
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
    origin: str | None = None,
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
        origin=origin,
    )


__all__ = ["Answered", "NotAnswered", "acknowledge", "settle"]
