"""Attachments: those of cases already found in scope, and those of a referral for the agency that answers it."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found, unit_columns
from models.records.actor import Acting
from models.records.attachments import ATTACHMENT, SHARE
from models.records.scope import CASE, REFERRAL, readable, served
from models.records.terms import said, terms
from models.tables import Person, Position, Unit, table

_PERSON, _UNIT, _POSITION = table(Person), table(Unit), table(Position)
_ENDER = _PERSON.alias("ender")
_CAME = REFERRAL.alias("came")
"""The referral a file came with."""


def _attachments() -> Select[tuple[object, ...]]:
    return (
        select(
            ATTACHMENT,
            _PERSON.c.full_name.label("author_name"),
            _CAME.c.code.label("referral_code"),
            *unit_columns(_UNIT, "agency"),
        )
        .join(_PERSON, _PERSON.c.id == ATTACHMENT.c.author_id)
        .outerjoin(_CAME, _CAME.c.id == ATTACHMENT.c.referral_id)
        .outerjoin(_UNIT, _UNIT.c.id == ATTACHMENT.c.agency_id)
    )


@lru_cache(maxsize=KEPT)
def _of_case(role: str) -> Select[Any]:
    """Of a case: what was recorded on it, and what an agency had added to a referral before that came to it."""
    case_id = bindparam("case_id", type_=Uuid())
    came = and_(
        ATTACHMENT.c.referral_id.in_(select(REFERRAL.c.id).where(REFERRAL.c.case_id == case_id)),
        exists(select(CASE.c.id).where(CASE.c.id == ATTACHMENT.c.case_id, readable(terms(role)))),
    )
    return _attachments().where(or_(ATTACHMENT.c.case_id == case_id, came))


@lru_cache(maxsize=KEPT)
def _of_referral(role: str) -> Select[Any]:
    """Of a referral, for as long as its agency sees its slice: its own files, and those shared with it."""
    one = bindparam("referral_id", type_=Uuid())
    shared = select(SHARE.c.attachment_id).where(SHARE.c.referral_id == one, SHARE.c.ended_at.is_(None))
    seen = exists(select(REFERRAL.c.id).where(REFERRAL.c.id == one, served(terms(role))))
    return _attachments().where(or_(ATTACHMENT.c.referral_id == one, ATTACHMENT.c.id.in_(shared)), seen)


_ORDER = (ATTACHMENT.c.created_at, ATTACHMENT.c.id)


async def of_case(connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID) -> Sequence[Found]:
    """Every attachment of a case, in the order they came."""
    statement = _of_case(reader.role).order_by(*_ORDER)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, case_id=case_id))).all()
    return rows


async def find(
    connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID, attachment_id: UUID
) -> Found | None:
    """One attachment of a case; None where it is another case's."""
    statement = _of_case(reader.role).where(ATTACHMENT.c.id == attachment_id)
    return (await connection.execute(statement, said(reader, at, case_id=case_id))).one_or_none()


async def of_referral(connection: AsyncConnection, reader: Acting, at: datetime, referral_id: UUID) -> Sequence[Found]:
    """Every attachment a referral shows its agency, in the order they came."""
    statement = _of_referral(reader.role).order_by(*_ORDER)
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, referral_id=referral_id))).all()
    return rows


async def find_of_referral(
    connection: AsyncConnection, reader: Acting, at: datetime, referral_id: UUID, attachment_id: UUID
) -> Found | None:
    """One attachment a referral shows its agency."""
    statement = _of_referral(reader.role).where(ATTACHMENT.c.id == attachment_id)
    return (await connection.execute(statement, said(reader, at, referral_id=referral_id))).one_or_none()


async def shares(connection: AsyncConnection, attachment_ids: Sequence[UUID]) -> dict[UUID, list[Found]]:
    """With whom some attachments are or were shared, in the order it was done."""
    rows = await connection.execute(
        select(
            SHARE, REFERRAL.c.code, REFERRAL.c.receiver_id, *unit_columns(_UNIT, "agency"),
            _PERSON.c.full_name.label("sharer_name"), _ENDER.c.full_name.label("ender_name"),
        )
        .join(REFERRAL, REFERRAL.c.id == SHARE.c.referral_id)
        .join(_PERSON, _PERSON.c.id == SHARE.c.shared_by)
        .outerjoin(_UNIT, _UNIT.c.id == REFERRAL.c.receiver_id)
        .outerjoin(_ENDER, _ENDER.c.id == SHARE.c.ended_by)
        .where(SHARE.c.attachment_id.in_(attachment_ids))
        .order_by(SHARE.c.shared_at, SHARE.c.id)
    )  # fmt: skip
    found: dict[UUID, list[Found]] = {}
    for row in rows:
        found.setdefault(row.attachment_id, []).append(row)
    return found
