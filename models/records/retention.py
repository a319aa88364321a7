"""The end of retention: which files are due, holds, and erasing one so that counts, hashes and chains stay.

For the operator's commands, as the owner: the service's own roles can neither destroy a key nor change a child's row.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, and_, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.calendar import local_date
from models.forms import canonical
from models.lifecycle import FINAL
from models.records.audit import audit
from models.records.vault import destroy_key, key_of
from models.retention import Kept, Rule, age_on, due_on
from models.tables import (
    Attachment,
    CaseFile,
    CaseKey,
    CaseNote,
    Child,
    Document,
    Erasure,
    Escalation,
    KeyShare,
    LegalHold,
    Submission,
    new_id,
    table,
)
from models.writing import binary, put

_CASE, _CHILD, _KEY, _HOLD, _ERASURE = (table(one) for one in (CaseFile, Child, CaseKey, LegalHold, Erasure))
_DOCUMENT, _ATTACHMENT, _NOTE, _SHARE = (table(one) for one in (Document, Attachment, CaseNote, KeyShare))
_ESCALATION, _SUBMISSION = table(Escalation), table(Submission)
_INTO = _CASE.alias("into")
_CLOSED = func.greatest(_CASE.c.closed_at, _INTO.c.closed_at)
"""When a file was closed: an attached one with the one it is attached to."""

ERASED_HASH: Final = "0" * 64
"""In place of the hash a request was remembered by."""


@dataclass(frozen=True)
class Due:
    """A file at the end of its retention.

    Attributes:
        case_id: which.
        code: as people call it.
        due_on: the first day on which it may be erased.
        held: by how many orders it has to be kept all the same.
    """

    case_id: UUID
    code: str
    due_on: date
    held: int


class NotDueError(Exception):
    """A file may not be erased now: it is open, its time has not come, or it is held. The message is a code."""


async def due(connection: AsyncConnection, rule: Rule, at: datetime) -> list[Due]:
    """The files that may be erased at an instant, those that are held included, the oldest first.

    Args:
        connection: a transaction of the owner.
        rule: how long files are kept.
        at: domain instant.
    """
    # Nothing closed more recently can be due: the rest is worked out by the rule, row by row.
    earliest = local_date(at).replace(month=1, day=1)
    earliest = earliest.replace(year=earliest.year - rule.years_after_closure + 1)
    rows = await connection.execute(_kept(at).where(earliest > _CLOSED))
    found = []
    for row in rows:
        day = due_on(rule, _facts(row))
        if day is not None and day <= local_date(at):
            found.append(Due(row.id, row.code, day, row.held))
    return sorted(found, key=lambda one: (one.due_on, one.code))


async def erase(
    connection: AsyncConnection, case_id: UUID, rule: Rule, *, at: datetime, by: UUID, decision: str
) -> list[str]:
    """Erase one file: its key is destroyed, what is in clear is anonymised, a certificate is written.

    Args:
        connection: a transaction of the owner, of this file alone.
        case_id: which.
        rule: by which it is due.
        at: domain instant.
        by: the person who does it.
        decision: number of the decision to erase.

    Returns:
        Names of the stored objects that are now unreadable and may be removed.

    Raises:
        NotDueError: it may not be erased.
    """
    await connection.execute(select(_CASE.c.id).where(_CASE.c.id == case_id).with_for_update())
    row = (await connection.execute(_kept(at).where(_CASE.c.id == case_id))).one_or_none()
    if row is None:
        raise NotDueError("open-or-erased")
    day = due_on(rule, _facts(row))
    if day is None or day > local_date(at):
        raise NotDueError("too-early")
    if row.held:
        raise NotDueError("held")
    counts = await _counts(connection, case_id)
    objects = (
        await connection.execute(select(_ATTACHMENT.c.object_name).where(_ATTACHMENT.c.case_id == case_id))
    ).scalars()
    await destroy_key(connection, case_id, at)
    await _anonymise(connection, row)
    await _certify(connection, row, rule, counts, at=at, by=by, decision=decision, day=day)
    return list(objects.all())


async def hold(
    connection: AsyncConnection, case_id: UUID, *, by: UUID, why: str, until: date | None, at: datetime
) -> UUID:
    """Order that a file be kept, to a day or until it is lifted. The reason is sealed as the file is.

    Raises:
        ErasedError: there is nothing left to keep.
    """
    made = new_id()
    # Whoever is erasing the file at this moment comes first, or sees the hold.
    await connection.execute(select(_CASE.c.id).where(_CASE.c.id == case_id).with_for_update())
    key = await key_of(connection, case_id)
    await put(
        connection, _HOLD, id=made, case_id=case_id, ordered_by=by,
        why=binary(key.seal(why.encode(), f"legal_hold/why/{made}")), since=at, until=until,
    )  # fmt: skip
    await audit(
        connection, at=at, actor=None, action="hold", record="case", record_id=case_id, case_id=case_id, outcome="done",
        detail={"hold": str(made), "by": str(by), "until": until.isoformat() if until else None},
    )  # fmt: skip
    return made


async def lift(connection: AsyncConnection, case_id: UUID, *, by: UUID, at: datetime) -> int:
    """End every hold on a file. Returns how many there were."""
    ended = await connection.execute(
        update(_HOLD)
        .where(_HOLD.c.case_id == case_id, _HOLD.c.lifted_at.is_(None))
        .values(lifted_at=at, lifted_by=by)
        .returning(_HOLD.c.id)
    )
    lifted = list(ended.scalars())
    if lifted:
        await audit(
            connection, at=at, actor=None, action="lift_hold", record="case", record_id=case_id, case_id=case_id,
            outcome="done", detail={"holds": [str(one) for one in lifted], "by": str(by)},
        )  # fmt: skip
    return len(lifted)


async def certificates(connection: AsyncConnection) -> Sequence[Any]:
    """Every certificate of erasure, in order."""
    return (await connection.execute(select(_ERASURE).order_by(_ERASURE.c.number))).all()


def first_broken(entries: Sequence[Any]) -> int | None:
    """The number of the first certificate that was altered, left out, put in or moved; None where all hold."""
    before = ""
    for number, entry in enumerate(entries, start=1):
        said = entry.certificate
        if entry.number != number or said["before"] != before or entry.hash != _hash(said):
            return number
        before = entry.hash
    return None


def _kept(at: datetime) -> Any:
    """Files whose key is still there and that are closed for good, with what the rule asks and how often each is held.

    An attached file goes with the one it is attached to, and is judged by when that was closed.
    """
    held = (
        select(func.count())
        .select_from(_HOLD)
        .where(
            or_(_HOLD.c.case_id == _CASE.c.id, _HOLD.c.case_id == _INTO.c.id),
            _HOLD.c.lifted_at.is_(None),
            or_(_HOLD.c.until.is_(None), _HOLD.c.until >= local_date(at)),
        )
        .scalar_subquery()
    )
    return (
        select(
            _CASE.c.id, _CASE.c.code, _CASE.c.child_id, _CASE.c.receipt_at, _CHILD.c.birth_date,
            _CHILD.c.estimated_age, _CLOSED.label("closed_at"),
            held.label("held"),
        )
        .join(_KEY, and_(_KEY.c.case_id == _CASE.c.id, _KEY.c.destroyed_at.is_(None)))
        .join(_CHILD, _CHILD.c.id == _CASE.c.child_id)
        .outerjoin(_INTO, _INTO.c.id == _CASE.c.attached_to)
        .where(
            or_(
                _CASE.c.process.in_(sorted(FINAL)),
                and_(_CASE.c.process == "attached", _INTO.c.process.in_(sorted(FINAL))),
            )
        )
    )  # fmt: skip


def _facts(row: Any) -> Kept:
    return Kept(
        received_on=local_date(row.receipt_at),
        closed_on=local_date(row.closed_at) if row.closed_at else None,
        born_on=row.birth_date,
        estimated_age=row.estimated_age,
    )


async def _counts(connection: AsyncConnection, case_id: UUID) -> dict[str, int]:
    async def of(where: Table) -> int:
        statement = select(func.count()).select_from(where).where(where.c.case_id == case_id)
        return int((await connection.execute(statement)).scalar_one())

    shared = _SHARE.alias()
    living = (
        select(shared.c.record_id)
        .join(_KEY, _KEY.c.case_id == shared.c.case_id)
        .where(shared.c.record_id == _SHARE.c.record_id, shared.c.case_id != case_id, _KEY.c.destroyed_at.is_(None))
    )
    alone = select(func.count()).select_from(_SHARE).where(_SHARE.c.case_id == case_id, ~exists(living))
    return {
        "documents": await of(_DOCUMENT),
        "attachments": await of(_ATTACHMENT),
        "notes": await of(_NOTE),
        "reports_and_informants": int((await connection.execute(alone)).scalar_one()),
        "shared_and_still_readable": await of(_SHARE) - int((await connection.execute(alone)).scalar_one()),
    }


async def _anonymise(connection: AsyncConnection, row: Any) -> None:
    """What stands in clear: the child, unless another file that is kept is about the same row, and free words."""
    other = exists().where(
        _CASE.c.child_id == row.child_id,
        _CASE.c.id != row.id,
        _KEY.c.case_id == _CASE.c.id,
        _KEY.c.destroyed_at.is_(None),
    )
    await connection.execute(
        update(_CHILD)
        .where(_CHILD.c.id == row.child_id, ~other)
        .values(full_name=None, folded_name=None, birth_date=None, estimated_age=age_on(_facts(row)))
    )
    await connection.execute(update(_ESCALATION).where(_ESCALATION.c.case_id == row.id).values(resolution=None))
    await connection.execute(
        update(_SUBMISSION).where(_SUBMISSION.c.case_id == row.id).values(request_hash=ERASED_HASH, answer=None)
    )


async def _certify(
    connection: AsyncConnection,
    row: Any,
    rule: Rule,
    counts: Mapping[str, int],
    *,
    at: datetime,
    by: UUID,
    decision: str,
    day: date,
) -> None:
    await connection.execute(text("LOCK TABLE erasure IN SHARE ROW EXCLUSIVE MODE"))
    last = (await connection.execute(select(_ERASURE).order_by(_ERASURE.c.number.desc()).limit(1))).one_or_none()
    number = last.number + 1 if last else 1
    certificate = {
        "number": number,
        "case": row.code,
        "at": at.isoformat(),
        "by": str(by),
        "decision": decision,
        "rule": rule.version,
        "rule_verified": rule.verified,
        "due_on": day.isoformat(),
        "how": "data key destroyed; name and date of birth removed; age in years, sex and codes kept",
        "counts": dict(counts),
        "before": last.hash if last else "",
    }
    digest = _hash(certificate)
    await put(
        connection, _ERASURE, id=new_id(), number=number, case_id=row.id, at=at, certificate=certificate, hash=digest
    )
    await audit(
        connection, at=at, actor=None, action="erase", record="case", record_id=row.id, case_id=row.id, outcome="done",
        code=rule.version, detail={"by": str(by), "certificate": number, "hash": digest},
    )  # fmt: skip


def _hash(certificate: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(certificate).encode()).hexdigest()
