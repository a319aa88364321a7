"""One-time links: made, found by what was shown once, and read again by whoever mails or prints them.

A link is a token of 256 bits; the phrase that proves it reached the right office goes another way, over the phone or
on the same paper, and is short: it is tried a few times and no more. How often, and how long a link lasts, the protocol
says (``[referrals]``). Both are kept as hashes, and wrapped by the vault's key (``models.vault``) so that the outbox
can write the one and the sending office read the other out; whoever holds the database alone can do neither.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.actor import Acting
from models.records.vault import bound_to, provider
from models.tables import AnswerLink, table
from models.vault import Wrapped

LINK = table(AnswerLink)

_WORDS: Final = (
    "áo", "bàn", "biển", "bút", "cá", "cau", "cầu", "chim", "chợ", "chuối", "cỏ", "cơm", "cửa", "dừa", "đèn", "đồi",
    "gạo", "ghế", "gió", "hồ", "hoa", "khoai", "kẹo", "lá", "lúa", "mây", "mèo", "mưa", "muối", "nắng", "ngô", "nhà",
    "nón", "núi", "ổi", "ong", "quạt", "rau", "rừng", "sách", "sao", "sen", "sóng", "sông", "táo", "thuyền", "tre",
    "trăng", "trâu", "trống", "vải", "vịt", "voi", "vở", "vườn", "xe", "xoài", "chè", "dép", "đá", "đất", "gà", "mía",
    "khế",
)  # fmt: skip
"""Sixty-four short words anybody can read out and write down; four of them are 24 bits, for five tries."""
_LONG: Final = 4


@dataclass(frozen=True)
class Made:
    """A new link: its id, the token that is in its address, the phrase that opens it."""

    id: UUID
    token: str
    phrase: str


def hashed(secret: str) -> str:
    """What is stored of a token or a cookie."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def phrase_hash(link_id: UUID, phrase: str) -> str:
    """What is stored of a phrase, however it was typed: capitals, spaces and commas do not matter."""
    return hashed(f"{link_id}/{' '.join(phrase.casefold().replace(',', ' ').split())}")


async def make(  # noqa: PLR0917 - one row, whole
    connection: AsyncConnection,
    referral: Any,
    position_id: UUID,
    how: str,
    by: Acting,
    link_id: UUID,
    at: datetime,
    until: datetime,
) -> Made:
    """A link for a referral, to be opened before ``until``; one that still opens is replaced by it.

    Raises:
        KeysAwayError: there is nothing to wrap its secrets with now.
    """
    made = Made(link_id, secrets.token_urlsafe(32), " ".join(secrets.choice(_WORDS) for _ in range(_LONG)))
    keys = provider(connection)
    wrapped = await keys.wrap(f"{made.token}/{made.phrase}".encode(), bound_to(LINK, link_id))
    await end(connection, referral.id, "replaced", at)
    await connection.execute(
        LINK.insert().values(
            id=link_id, referral_id=referral.id, case_id=referral.case_id, position_id=position_id, how=how,
            token_hash=hashed(made.token), phrase_hash=phrase_hash(link_id, made.phrase),
            kek=wrapped.kek, wrapped=wrapped.key, issued_by=by.person_id, office_id=by.unit_id, issued_at=at,
            expires_at=until, tries=0,
        )
    )  # fmt: skip
    return made


async def end(
    connection: AsyncConnection, referral_id: UUID, why: str, at: datetime, *, link_id: UUID | None = None
) -> int:
    """End the link of a referral that can still be used, opened or not. Returns how many it were."""
    clause = LINK.c.id == link_id if link_id is not None else LINK.c.opened_at.is_(None)
    ended = await connection.execute(
        update(LINK)
        .where(LINK.c.referral_id == referral_id, LINK.c.ended_at.is_(None), clause)
        .values(ended_at=at, ended_why=why)
    )
    return ended.rowcount


async def secrets_of(connection: AsyncConnection, row: Any) -> Made:
    """Token and phrase of a link, for whoever mails, prints or reads it out.

    Raises:
        KeysAwayError, AlteredError: they cannot be unwrapped.
    """
    clear = await provider(connection).unwrap(Wrapped(row.kek, row.wrapped), bound_to(LINK, row.id))
    token, _, phrase = clear.decode().partition("/")
    return Made(row.id, token, phrase)


async def read(connection: AsyncConnection, link_id: UUID) -> Row[Any] | None:
    """A link by its id."""
    return (await connection.execute(select(LINK).where(LINK.c.id == link_id))).one_or_none()


def address(public_url: str, token: str) -> str:
    """Where a link leads."""
    return f"{public_url.rstrip('/')}/answer?link={token}"
