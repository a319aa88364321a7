"""Files of a referral: what its agency adds and finds, and what of the case's is shared with it.

Taking in, sealing, scanning and giving out is that of a case's attachments (``api.services.attachments``); here stands
who may when. An agency has its files with its slice (``models.access.slices``), and not a day longer.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.problems import Problem
from api.queries import attachments as q
from api.queries import referrals
from api.queries.rows import Found
from api.services.attachments import Incoming, give_out, of_case, seen, show, show_all, take_in
from api.services.cases import find, to_write
from api.shapes.attachments import AttachmentOut
from api.shapes.base import Page
from models.access import DataClass
from models.access.slices import SHARED_CLASSES, SHARED_WITH, TAKES_FILES, Slice, sees_of
from models.lifecycle.referral import SERVICES, is_emergency
from models.records import attachments
from models.records.attachments import Place
from models.records.consents import allowed
from models.records.vault import living_key_of


def sight(visit: Visit, row: Found) -> Slice:
    """How much of a referral its agency sees now."""
    withheld = row.consent_lost_at is not None and not is_emergency(row.service)
    return sees_of(row.state, row.accepted_at, row.ended_at, visit.now, withheld=withheld)


async def _at_own(connection: AsyncConnection, visit: Visit, referral_id: UUID) -> Found:
    row = await referrals.at_own(connection, visit.caller.acting, visit.now, referral_id)
    if row is None:
        raise Problem("not-found")
    return row


# --- the agency -------------------------------------------------------------------------------------------------------


async def add(visit: Visit, referral_id: UUID, sent: Incoming) -> AttachmentOut:
    """Take in a file of an agency, to a referral it has taken on.

    Raises:
        Problem: as ``take_in``; ``not-permitted``, ``not-found``, ``referral-not-allowed-in-state``.
    """
    await visit.require("add_referral_file")

    async def finds(connection: AsyncConnection) -> Place:
        row = await _at_own(connection, visit, referral_id)
        place = Place(row.case_id, referral_id, row.receiver_id)
        if row.state not in TAKES_FILES or sight(visit, row) is not Slice.SLICE:
            reader, before = visit.caller.acting, sent.id_at(visit, place)
            # Whose answer was lost sends it again, when the referral has gone on: it is there, and that is the answer.
            if await q.find_of_referral(connection, reader, visit.now, referral_id, before) is None:
                raise Problem(
                    "referral-not-allowed-in-state", extra={"about": {"referral": row.state}}, case_id=row.case_id
                )
        return place

    return await take_in(visit, finds, sent)


async def listed(visit: Visit, referral_id: UUID) -> Page[AttachmentOut]:
    """The files a referral shows its agency: none before it has agreed.

    Raises:
        Problem: ``not-permitted``, ``not-found``.
    """
    await visit.require("read_referral_files")
    async with visit.transaction() as connection:
        row = await _at_own(connection, visit, referral_id)
        found = await q.of_referral(connection, visit.caller.acting, visit.now, referral_id)
        await visit.note(connection, "list_attachments", "referral", record_id=row.id, case_id=row.case_id)
        return await show_all(connection, visit, found, agency=True)


async def open_content(
    visit: Visit, referral_id: UUID, attachment_id: UUID
) -> tuple[AttachmentOut, AsyncIterator[bytes]]:
    """The bytes of a file a referral shows its agency.

    Raises:
        Problem: as ``give_out``; ``not-permitted``, ``not-found``.
    """
    await visit.require("read_referral_files")

    async def finds(connection: AsyncConnection) -> Found:
        await _at_own(connection, visit, referral_id)
        row = await q.find_of_referral(connection, visit.caller.acting, visit.now, referral_id, attachment_id)
        if row is None:
            raise Problem("not-found")
        return row

    return await give_out(visit, finds, agency=True)


# --- the case's people ------------------------------------------------------------------------------------------------


async def share(visit: Visit, reference: str, attachment_id: UUID, referral_id: UUID) -> AttachmentOut:
    """Share a file of a case with the agency of one of its live referrals.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``content-erased``, ``attachment-infected``, ``consent-missing``,
            ``attachment-not-shareable``, ``referral-not-allowed-in-state``.
    """
    await visit.require("share_attachment")
    async with visit.transaction() as connection:
        case = await to_write(connection, visit, await find(connection, visit, reference))
        row = await of_case(connection, visit, case, attachment_id)
        referral = await _of_case(connection, visit, case, referral_id)
        refusal = _kept_back(visit, row, referral) or await _unagreed(connection, visit, referral)
        if refusal is not None:
            raise refusal
        key = await living_key_of(connection, row.case_id)
        if key is None:
            raise Problem("content-erased", case_id=row.case_id)
        place = Place(case.id, referral_id, referral.receiver_id)
        new = await attachments.share(connection, place, row.id, visit.caller.acting, at=visit.now)
        if new:
            await attachments.enter(
                connection, row.id, "SHARED", visit.caller.acting, at=visit.now, key=key,
                words={"to": f"{referral.receiver_name_vi} · {referral.code}"},
            )  # fmt: skip
        await visit.note(
            connection, "share_attachment" if new else "repeat", "attachment", record_id=row.id, case_id=row.case_id,
            detail={"referral": str(referral_id)},
        )  # fmt: skip
        return await show(connection, visit, row, key, whole=True)


async def take_back(visit: Visit, reference: str, attachment_id: UUID, referral_id: UUID) -> AttachmentOut:
    """Take a shared file back; its agency finds it no more. What it has downloaded, it has.

    Raises:
        Problem: ``not-permitted``, ``not-found`` for what was never shared.
    """
    await visit.require("share_attachment")
    async with visit.transaction() as connection:
        case = await to_write(connection, visit, await find(connection, visit, reference))
        row = await of_case(connection, visit, case, attachment_id)
        shared = (await q.shares(connection, [row.id])).get(row.id, [])
        with_it = [one for one in shared if one.referral_id == referral_id]
        if not with_it:
            raise Problem("not-found", case_id=row.case_id)
        key = await living_key_of(connection, row.case_id)
        ended = await attachments.end_share(connection, row.id, referral_id, visit.caller.acting, at=visit.now)
        if ended:
            words = {"to": f"{with_it[-1].agency_name_vi} · {with_it[-1].code}"} if key is not None else None
            await attachments.enter(
                connection, row.id, "SHARE_ENDED", visit.caller.acting, at=visit.now, key=key, words=words
            )
        await visit.note(
            connection, "end_share" if ended else "repeat", "attachment", record_id=row.id, case_id=row.case_id,
            detail={"referral": str(referral_id)},
        )  # fmt: skip
        return await show(connection, visit, row, key, whole=True)


async def _of_case(connection: AsyncConnection, visit: Visit, case: Found, referral_id: UUID) -> Found:
    row = await referrals.find(connection, visit.caller.acting, visit.now, referral_id)
    if row is None or row.case_id != case.id:
        raise Problem("not-found", case_id=case.id)
    return row


def _kept_back(visit: Visit, row: Found, referral: Found) -> Problem | None:
    """Why a file is not for the agency of a referral, whoever agreed."""
    if not seen(visit, row):
        return Problem("not-permitted", case_id=row.case_id)
    if row.state == "infected":
        return Problem("attachment-infected", case_id=row.case_id)
    if referral.state not in SHARED_WITH:
        return Problem(
            "referral-not-allowed-in-state", extra={"about": {"referral": referral.state}}, case_id=row.case_id
        )
    if row.referral_id == referral.id or DataClass[row.data_class] not in SHARED_CLASSES[referral.service]:
        return Problem("attachment-not-shareable", case_id=row.case_id)
    return None


async def _unagreed(connection: AsyncConnection, visit: Visit, referral: Found) -> Problem | None:
    """Passing on what a service needs must be agreed to, or its ground recorded; of an emergency service as well."""
    need, through = SERVICES[referral.service].need, [UUID(one) for one in referral.came_through]
    answer = await allowed(connection, referral.case_id, "SHARING", need, visit.now, also=through)
    return None if answer.allowed else Problem("consent-missing", case_id=referral.case_id)
