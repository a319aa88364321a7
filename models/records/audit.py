"""The audit record. An entry is written in the transaction it tells of: no entry, no act."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.actor import SYSTEM_ROLE, Acting
from models.tables import AuditEntry, new_id, table
from models.writing import put

_AUDIT = table(AuditEntry)


async def audit(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: Acting | None,
    action: str,
    record: str,
    outcome: str,
    record_id: UUID | None = None,
    case_id: UUID | None = None,
    command_id: UUID | None = None,
    code: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one entry.

    Args:
        connection: the transaction of the act itself.
        at: domain instant.
        actor: who, or None for a clock of the system.
        action: verb, an event's code or ``read``, ``sign_in``, ``fire_rung`` …
        record: kind of record acted on (``case``, ``session``, ``deadline`` …).
        outcome: ``done`` or ``refused``.
        record_id: which record.
        case_id: the case it belongs to, if any.
        command_id: the command it came with, if any.
        code: refusal code, or rule.
        detail: codes, ids and instants only, JSON-able; never a name or a free text.
    """
    await put(
        connection,
        _AUDIT,
        id=new_id(),
        at=at,
        actor_id=actor.person_id if actor else None,
        position_id=actor.position_id if actor else None,
        role=actor.role if actor else SYSTEM_ROLE,
        action=action,
        record=record,
        record_id=record_id,
        case_id=case_id,
        command_id=command_id,
        outcome=outcome,
        code=code,
        detail=detail or {},
    )
