"""The audit record. An entry is written in the transaction it tells of: no entry, no act."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from models.protocol.types import Clock
from models.records.actor import SYSTEM_ROLE, Acting
from models.tables import AuditEntry, new_id, table
from models.writing import put

_AUDIT = table(AuditEntry)
_NEXT = 0
"""Asks PostgreSQL for the next place in the case's chain."""


class Sealing(Protocol):
    """A key ring (``workflows.codec.KeyRing``), as far as a reason needs one."""

    def seal(self, clear: bytes) -> tuple[str, bytes]:
        """The id of the key it was made with, and the sealed bytes."""

    def open(self, name: str, sealed: bytes) -> bytes:
        """The clear bytes."""


@dataclass(frozen=True)
class SealedReason:
    """Why something was done, in somebody's own words, encrypted: the chain and the seals run over the ciphertext."""

    key: str
    text: bytes


def seal_reason(ring: Sealing, words: str) -> SealedReason:
    """Encrypt a reason."""
    return SealedReason(*ring.seal(words.encode()))


def open_reason(ring: Sealing, key: str, text: bytes) -> str:
    """The words of a reason."""
    return ring.open(key, text).decode()


def of_clock(clock: Clock) -> dict[str, Any]:
    """What an entry says of an act that a clock made happen: which, by what rule, and the versions it was set by."""
    return {
        "deadline": str(clock.id),
        "rule": clock.code,
        "limit": clock.due_at.isoformat(),
        "protocol": clock.protocol_version,
        "calendar": clock.calendar_version,
        **({"override": clock.override} if clock.override else {}),
    }


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
    purpose: str | None = None,
    reason: SealedReason | None = None,
    origin: str | None = None,
    chained: bool = False,
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
        detail: codes, ids and instants only, JSON-able; never a name or a free text. ``cases`` lists the ids of cases
            that were shown beside each other: whoever asks who has seen a case finds them by it.
        purpose: why, of the vocabulary ``purposes``.
        reason: why, in words.
        origin: a keyed hash of the address it came from.
        chained: a link of the case's chain: for whoever holds the case's row lock, has just made the case, or
            has a row of it inserted that names it and keeps others of their kind waiting (``keep_out``).
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
        purpose=purpose,
        reason_key=reason.key if reason else None,
        reason=f"\\x{reason.text.hex()}" if reason else None,
        origin=origin,
        chain_seq=_NEXT if chained and case_id is not None else None,
    )
