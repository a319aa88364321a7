"""What was asked under an idempotency key, and the content that came with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.forms import Part
from models.messages import ContentRef
from models.records.vault import key_of, seal
from models.tables import Document, Submission, new_id, table
from models.writing import Write, binary, put_all, write

_SUBMISSION, _DOCUMENT = table(Submission), table(Document)
_CLAIM: Final = insert_once(_SUBMISSION).on_conflict_do_nothing().returning(_SUBMISSION.c.id)
_ANSWER: Final = Write(
    """
    UPDATE submission t SET confirmed_at = r.confirmed_at, answer = r.answer FROM said, {rows} r
     WHERE t.id = r.id AND t.confirmed_at IS NULL
    """,
    "submission",
    ("id",),
)


async def claim(
    connection: AsyncConnection,
    *,
    submission_id: UUID,
    person_id: UUID,
    key: UUID,
    target: str,
    request_hash: str,
    case_id: UUID | None,
    at: datetime,
) -> Found | None:
    """Take a key for a request; the first gets None and goes on, everybody else the row the first has committed.

    PostgreSQL makes the others wait at the unique key until the first has committed or given up.
    """
    taken = await connection.execute(
        _CLAIM,
        {
            "id": submission_id, "person_id": person_id, "key": key, "target": target, "request_hash": request_hash,
            "case_id": case_id, "created_at": at,
        },
    )  # fmt: skip
    if taken.first() is not None:
        return None
    return (await connection.execute(select(_SUBMISSION).where(_SUBMISSION.c.id == submission_id))).one()


async def under(connection: AsyncConnection, person_id: UUID, key: UUID) -> Sequence[Found]:
    """Everything somebody asked for under one key."""
    statement = select(_SUBMISSION).where(_SUBMISSION.c.person_id == person_id, _SUBMISSION.c.key == key)
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


async def answer(connection: AsyncConnection, submission_id: UUID, *, at: datetime, answer: dict[str, Any]) -> None:
    """Keep the answer; the first one stays."""
    await write(connection, _ANSWER, [{"id": submission_id, "confirmed_at": at, "answer": answer}])


async def confirm(connection: AsyncConnection, submission_ids: Sequence[UUID], *, at: datetime) -> None:
    """Note that the answers are known."""
    await connection.execute(
        update(_SUBMISSION)
        .where(
            _SUBMISSION.c.id == any_(literal(sorted(submission_ids), ARRAY(Uuid))), _SUBMISSION.c.confirmed_at.is_(None)
        )
        .values(confirmed_at=at)
    )


async def store_documents(
    connection: AsyncConnection,
    *,
    case_id: UUID,
    command_id: UUID,
    author_id: UUID,
    parts: Sequence[Part],
    at: datetime,
) -> tuple[ContentRef, ...]:
    """Store the content of an action, encrypted under the case's key; it counts only once the worker freezes it.

    Returns:
        What the command carries of it, in the order of the ids.

    Raises:
        ErasedError: the case's key was destroyed.
        KeysAwayError: it cannot be encrypted now.
    """
    if not parts:
        return ()
    key = await key_of(connection, case_id)
    rows, refs = [], []
    for part in parts:
        document = new_id()
        sealed, digest = seal(key, _DOCUMENT, document, part.content)
        refs.append(ContentRef(id=document, kind=part.kind, hash=digest))
        rows.append(
            {
                "id": document,
                "case_id": case_id,
                "command_id": command_id,
                "kind": part.kind,
                "sealed": binary(sealed),
                "content_hash": digest,
                "author_id": author_id,
                "created_at": at,
            }
        )
    await put_all(connection, _DOCUMENT, rows)
    return tuple(sorted(refs, key=lambda ref: ref.id))


async def references(connection: AsyncConnection, command_id: UUID) -> tuple[ContentRef, ...]:
    """The same of what was stored before."""
    statement = (
        select(_DOCUMENT.c.id, _DOCUMENT.c.kind, _DOCUMENT.c.content_hash)
        .where(_DOCUMENT.c.command_id == command_id)
        .order_by(_DOCUMENT.c.id)
    )
    return tuple(
        ContentRef(id=row.id, kind=row.kind, hash=row.content_hash) for row in await connection.execute(statement)
    )
