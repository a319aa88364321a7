"""What was asked under an idempotency key, and the content that came with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.forms import Part
from models.messages import ContentRef
from models.tables import Document, Submission, new_id, table

_SUBMISSION, _DOCUMENT = table(Submission), table(Document)


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
        insert_once(_SUBMISSION)
        .values(
            id=submission_id, person_id=person_id, key=key, target=target, request_hash=request_hash, case_id=case_id,
            created_at=at,
        )
        .on_conflict_do_nothing()
        .returning(_SUBMISSION.c.id)
    )  # fmt: skip
    if taken.first() is not None:
        return None
    return (await connection.execute(select(_SUBMISSION).where(_SUBMISSION.c.id == submission_id))).one()


async def answer(
    connection: AsyncConnection, submission_id: UUID, *, at: datetime, answer: dict[str, Any] | None = None
) -> None:
    """Note that the answer is known; the first answer stays."""
    values: dict[str, Any] = {"confirmed_at": at}
    if answer is not None:
        values["answer"] = answer
    await connection.execute(
        update(_SUBMISSION)
        .where(_SUBMISSION.c.id == submission_id, _SUBMISSION.c.confirmed_at.is_(None))
        .values(**values)
    )


async def store_documents(
    connection: AsyncConnection,
    *,
    case_id: UUID,
    command_id: UUID,
    author_id: UUID,
    parts: Sequence[Part],
    at: datetime,
) -> None:
    """Store the content of an action; it counts only once the worker freezes it."""
    if parts:
        await connection.execute(
            insert(_DOCUMENT),
            [
                {
                    "id": new_id(),
                    "case_id": case_id,
                    "command_id": command_id,
                    "kind": part.kind,
                    "content": part.content,
                    "content_hash": part.hash,
                    "author_id": author_id,
                    "created_at": at,
                }
                for part in parts
            ],
        )


async def references(connection: AsyncConnection, command_id: UUID) -> tuple[ContentRef, ...]:
    """What a command carries of its content: ids, kinds and hashes."""
    statement = (
        select(_DOCUMENT.c.id, _DOCUMENT.c.kind, _DOCUMENT.c.content_hash)
        .where(_DOCUMENT.c.command_id == command_id)
        .order_by(_DOCUMENT.c.id)
    )
    return tuple(
        ContentRef(id=row.id, kind=row.kind, hash=row.content_hash) for row in await connection.execute(statement)
    )
