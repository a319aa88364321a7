"""Idempotency keys: one request, one effect, however often it is sent."""

from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.problems import Problem
from models.forms import canonical
from models.records.vault import provider

IdempotencyKey = Annotated[
    UUID,
    Header(
        alias="Idempotency-Key",
        description="A UUID of your own making. The same request with the same key has one effect and one answer.",
    ),
]


def command_id(person_id: UUID, key: UUID, target: str) -> UUID:
    """The id of the command a key stands for: another person's same key is another command."""
    return uuid5(key, f"{person_id}/{target}")


async def request_hash(connection: AsyncConnection, body: BaseModel) -> str:
    """What a key is bound to: what was asked, not how it was spelt. Keyed, so that nobody can try what it was.

    Raises:
        KeysAwayError: not now.
    """
    said = canonical(body.model_dump(mode="json", exclude_none=True))
    return await provider(connection).mac(said.encode())


def check_same(row: Any, digest: str) -> None:
    """Raise ``idempotency-key-reused`` where a key came with another request before."""
    if row.request_hash != digest:
        raise Problem("idempotency-key-reused", case_id=row.case_id)
