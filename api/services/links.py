"""Handing out answer links: made, mailed, listed and taken back by the office that sent a referral."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.problems import Problem
from api.queries import links as q
from api.queries import referrals
from api.queries.rows import Found
from api.services import keys
from api.shapes.links import LinkIn, LinkOut, NewLinkOut
from models.database import as_part
from models.directory.services import ROLE_OF
from models.lifecycle.referral import LIVE, SERVICES
from models.protocol.arithmetic import Amount, limit_instant
from models.records import answer_links as links
from models.records.notices import Occasion, write_notices
from models.records.people import CasePlace, Recipient

KIND = "answer_link"
"""The notice that carries a link."""


async def issue(visit: Visit, referral_id: UUID, key: UUID, wanted: LinkIn) -> NewLinkOut:
    """A link for the agency a referral is at; the one that still waited to be opened ends. Asked again, the same one.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``link-not-possible`` or ``no-mail-address``.
    """
    await visit.require("link_referral")
    link_id = uuid5(keys.command_id(visit.caller.person_id, key, f"referrals/{referral_id}/links"), "link")
    async with visit.transaction() as connection:
        row = await _referral(connection, visit, referral_id)
        if (there := await links.read(connection, link_id)) is not None:
            made = await links.secrets_of(connection, there)
            return _new(visit, there, made)
        if row.state not in LIVE or row.state == "draft":
            raise Problem("link-not-possible", case_id=row.case_id)
        role = await _role(connection, visit, row)
        position = await q.position_for(connection, referral_id, role)
        if position is None:
            raise Problem("link-not-possible", case_id=row.case_id)
        if wanted.how == "email" and not position.address:
            raise Problem("no-mail-address", case_id=row.case_id)
        lasts, until = _lasts(visit, row)
        made = await links.make(
            connection, row, position.position_id, wanted.how, visit.caller.acting, link_id, visit.now, until
        )
        if wanted.how == "email":
            await _mail(connection, visit, row, position, link_id, lasts)
        await visit.note(
            connection, "issue_link", "referral", record_id=referral_id, case_id=row.case_id,
            detail={"link": str(link_id), "how": wanted.how},
        )  # fmt: skip
        written = await links.read(connection, link_id)
        return _new(visit, written, made)


def _lasts(visit: Visit, row: Found) -> tuple[Amount, datetime]:
    """How long a link made now waits to be opened, and until when, by the protocol in force."""
    reference = visit.door.reference
    said = reference.protocol_at(visit.now).referrals
    if said is None:
        raise Problem("link-not-possible", case_id=row.case_id)
    return said.link_lasts, limit_instant(visit.now, said.link_lasts, reference.calendar_at(visit.now))


async def _role(connection: AsyncConnection, visit: Visit, row: Found) -> str:
    """The role in which an agency answers: by what kind of provider it is, else any that gives the service."""
    giving = SERVICES[row.service].providers
    kinds = await q.kinds_of(connection, row.receiver_id, visit.now)
    return next((ROLE_OF[kind] for kind in kinds if ROLE_OF[kind] in giving), min(giving))


async def _mail(  # noqa: PLR0917 - one mail, whole
    connection: AsyncConnection, visit: Visit, row: Found, position: Found, link_id: UUID, lasts: Amount
) -> None:
    """By the outbox, as every notice; the link itself is written into the mail when it is sent."""
    occasion = Occasion(
        kind=KIND,
        values={"service": row.service, "referral": str(row.id), "link": str(link_id), "lasts": str(lasts)},
        clock_unit="day",
        deliver_at=visit.now,
        reference=str(link_id),
    )
    place = CasePlace(row.case_id, row.code, row.commune_id, row.owner_id, False)
    to = Recipient(position.person_id, _role_in_notice(row), email=position.address)
    async with as_part(connection, "linking"):
        await write_notices(connection, place, [to], occasion, visit.now)


def _role_in_notice(row: Found) -> str:
    """What stands as the role of who is written to: nobody in particular at the agency."""
    return min(SERVICES[row.service].providers)


async def listed(visit: Visit, referral_id: UUID) -> list[LinkOut]:
    """The links of a referral, the newest first, with the words of the one that still waits.

    Raises:
        Problem: ``not-permitted`` or ``not-found``.
    """
    await visit.require("link_referral")
    async with visit.transaction() as connection:
        row = await _referral(connection, visit, referral_id)
        found = await q.of_referral(connection, referral_id)
        await visit.note(connection, "list_links", "referral", record_id=referral_id, case_id=row.case_id)
        return [await _shown(connection, one, visit.now) for one in found]


async def take_back(visit: Visit, referral_id: UUID, link_id: UUID) -> None:
    """End a link, and whatever is open with it, at once.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``link-not-usable`` for one that has ended.
    """
    await visit.require("link_referral")
    async with visit.transaction() as connection:
        row = await _referral(connection, visit, referral_id)
        link = await links.read(connection, link_id)
        if link is None or link.referral_id != referral_id:
            raise Problem("not-found")
        if not await links.end(connection, referral_id, "taken_back", visit.now, link_id=link_id):
            raise Problem("link-not-usable", case_id=row.case_id)
        await visit.note(
            connection, "end_link", "referral", record_id=referral_id, case_id=row.case_id,
            detail={"link": str(link_id)},
        )  # fmt: skip


async def to_print(visit: Visit, referral_id: UUID, link_id: UUID) -> tuple[Found, Any, links.Made]:
    """A referral, its link and the secrets of it, for the sheet that is printed: of one for paper that still waits.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``link-not-usable``.
    """
    await visit.require("link_referral")
    async with visit.transaction() as connection:
        row = await _referral(connection, visit, referral_id)
        link = await q.by_id(connection, link_id)
        if link is None or link.referral_id != referral_id or link.how != "paper":
            raise Problem("not-found")
        if standing(link, visit.now) != "waiting":
            raise Problem("link-not-usable", case_id=row.case_id)
        await visit.note(
            connection, "print_link", "referral", record_id=referral_id, case_id=row.case_id,
            detail={"link": str(link_id)},
        )  # fmt: skip
        return row, link, await links.secrets_of(connection, link)


async def _referral(connection: AsyncConnection, visit: Visit, referral_id: UUID) -> Found:
    """A referral of a case the caller reads."""
    row = await referrals.find(connection, visit.caller.acting, visit.now, referral_id)
    if row is None or not row.reads_case:
        raise Problem("not-found")
    return row


def standing(link: Any, now: datetime) -> str:
    """How a link stands at an instant."""
    if link.ended_at is not None:
        return str(link.ended_why)
    if link.opened_at is not None:
        return "opened"
    return "expired" if link.expires_at <= now else "waiting"


async def _shown(connection: AsyncConnection, link: Any, now: datetime) -> LinkOut:
    how_it_stands = standing(link, now)
    phrase = (await links.secrets_of(connection, link)).phrase if how_it_stands == "waiting" else None
    return LinkOut(standing=how_it_stands, phrase=phrase, **_plain(link))


def _new(visit: Visit, link: Any, made: links.Made) -> NewLinkOut:
    waits = standing(link, visit.now) == "waiting"
    where = links.address(visit.door.settings.public_url, made.token)
    return NewLinkOut(
        standing=standing(link, visit.now),
        phrase=made.phrase if waits else None,
        address=where if waits and link.how == "paper" else None,
        **_plain(link),
    )


def _plain(link: Any) -> dict[str, Any]:
    return {name: getattr(link, name) for name in ("id", "how", "tries", "issued_at", "expires_at", "opened_at")}
