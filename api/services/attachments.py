"""Attachments: streamed in and out, sealed on the way, never in memory as a whole, every look on record."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import ClientDisconnect

from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import attachments, organisation
from api.queries.rows import Found
from api.services import keys
from api.services.cases import find, locate, to_write
from api.shapes.attachments import AttachmentOut, CustodyInput, CustodyOut, OfReferralOut, ShareOut, State
from api.shapes.base import Page, PersonRef, Text, unit_ref
from models.access import HOTLINE, DataClass, sees
from models.forms.base import Line
from models.records.attachments import (
    Place,
    Stored,
    count,
    custody,
    described,
    enter,
    record,
    words_of,
)
from models.records.vault import key_of, living_key_of
from models.vault import DataKey
from models.vault.media import HEAD, media_type
from models.vault.stream import open_stream, seal_stream
from models.vocabulary import term

_LOG = structlog.get_logger("api.attachments")
_NAME: TypeAdapter[str] = TypeAdapter(Line)
_NOT_ALLOWED: Final = "42501"
"""SQLSTATE ``insufficient_privilege``: what row security answers to a row that may not be written."""


@dataclass(frozen=True)
class Incoming:
    """A file as it was sent, with what was said of it. ``disposition``: the header that has its name."""

    key: UUID
    kind: str
    data_class: str
    disposition: str | None
    pieces: AsyncIterator[bytes]

    def id_at(self, visit: Visit, place: Place) -> UUID:
        """The attachment this request makes, however often it is sent."""
        return keys.command_id(visit.caller.person_id, self.key, f"{place.target}/attachments")


@dataclass
class _Coming:
    """A file on its way in: counted, hashed and looked at as it passes."""

    pieces: AsyncIterator[bytes]
    most: int
    size: int = 0
    head: bytes = b""
    type: str | None = None
    digest: Any = field(default_factory=hashlib.sha256)

    async def passing(self) -> AsyncIterator[bytes]:
        """The pieces, as long as they may go on.

        Raises:
            Problem: ``attachment-too-large``, ``attachment-type-not-allowed``, ``attachment-broken-off``.
        """
        try:
            async for piece in self.pieces:
                self.size += len(piece)
                if self.size > self.most:
                    raise Problem("attachment-too-large")
                self.digest.update(piece)
                if self.type is None:
                    self.head += piece
                    if len(self.head) < HEAD:
                        continue
                    self._look()
                    piece, self.head = self.head, b""  # noqa: PLW2901 - what was held back goes first
                yield piece
        except ClientDisconnect:
            raise Problem("attachment-broken-off") from None
        if self.type is None:
            self._look()
            yield self.head

    def _look(self) -> None:
        self.type = media_type(self.head[:HEAD])
        if self.type is None:
            raise Problem("attachment-type-not-allowed")


async def add(visit: Visit, reference: str, sent: Incoming) -> AttachmentOut:
    """Take a file of a case in.

    Raises:
        Problem: as ``take_in``; ``not-permitted``.
    """
    await visit.require("add_attachment")

    async def finds(connection: AsyncConnection) -> Place:
        # Acting is never held up: a photo is taken in before its author has declared anything.
        case = await to_write(connection, visit, await locate(connection, visit, reference))
        return Place(case.id)

    return await take_in(visit, finds, sent)


async def take_in(visit: Visit, finds: Callable[[AsyncConnection], Awaitable[Place]], sent: Incoming) -> AttachmentOut:
    """Take a file in: sealed while it comes, on record when all of it is stored.

    Args:
        visit: of whoever may add it.
        finds: where it is put; asked again when all of it has come, for much may have happened meanwhile.
        sent: the file.

    Raises:
        Problem: as ``_Coming.passing`` and as ``finds``; ``not-found``, ``too-many-attachments``, ``content-erased``,
            ``idempotency-key-reused``.
    """
    name = _name(sent.disposition)
    async with visit.transaction() as connection:
        place = await finds(connection)
        case_key = await key_of(connection, place.case_id)
        if await count(connection, place) >= place.most:
            raise Problem("too-many-attachments", case_id=place.case_id)
    coming, object_name = _Coming(sent.pieces, visit.door.settings.attachment_max_bytes), uuid4().hex
    try:
        await visit.door.objects.put(object_name, seal_stream(case_key, object_name, coming.passing()))
    except Problem as problem:
        problem.case_id = place.case_id
        await visit.deny(problem)
        raise
    stored = Stored(
        sent.id_at(visit, place), object_name, sent.kind, sent.data_class, coming.type or "", coming.size,
        coming.digest.hexdigest(), name,
    )  # fmt: skip
    kept = False
    try:
        async with visit.transaction() as connection:
            if await finds(connection) != place:
                # Sealed under the key of a case the referral has left: the same request finds the other.
                raise Problem("attachment-broken-off", case_id=place.case_id)
            shown, kept = await _entered(connection, visit, place, stored, case_key)
    except DBAPIError as error:
        if place.referral_id is None or getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED:
            raise
        # The referral ended since it was found; row security looked again. The same request is told so by ``finds``.
        raise Problem("attachment-broken-off", case_id=place.case_id) from None
    finally:
        if not kept:
            await visit.door.objects.delete(object_name)
    return shown


async def _entered(
    connection: AsyncConnection, visit: Visit, place: Place, stored: Stored, case_key: DataKey
) -> tuple[AttachmentOut, bool]:
    """Put a stored file on record, once. Says whether this one is the one that counts."""
    state: State = "quarantined" if visit.door.settings.clamd else "unscanned"
    # Looked for first: row security would refuse to add again what may no longer be added, though it is there.
    row, new = await _at(connection, visit, place, stored.id), False
    if row is None:
        new = await record(connection, place, stored, case_key, visit.caller.acting, state=state, at=visit.now)
        row = await _at(connection, visit, place, stored.id)
    if row is None or not (new or row.content_hash == case_key.hash(stored.sha256.encode())):
        raise Problem("idempotency-key-reused", case_id=place.case_id)
    of = {"referral": str(place.referral_id)} if place.referral_id else {}
    said = {"kind": stored.kind, "data_class": stored.data_class, "media_type": stored.media_type, "size": stored.size}
    await visit.note(
        connection, "add_attachment" if new else "repeat", "attachment", record_id=row.id, case_id=place.case_id,
        detail=said | of if new else None,
    )  # fmt: skip
    if new:
        _LOG.info("attachment stored", kind=stored.kind, state=state)
    return await show(connection, visit, row, case_key, whole=True, agency=place.referral_id is not None), new


async def _at(connection: AsyncConnection, visit: Visit, place: Place, attachment_id: UUID) -> Found | None:
    reader, at = visit.caller.acting, visit.now
    if place.referral_id is not None:
        return await attachments.find_of_referral(connection, reader, at, place.referral_id, attachment_id)
    return await attachments.find(connection, reader, at, place.case_id, attachment_id)


async def listed(visit: Visit, reference: str) -> Page[AttachmentOut]:
    """The attachments of a case, as far as the reader may know of them."""
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        rows = await attachments.of_case(connection, visit.caller.acting, visit.now, case.id)
        await visit.note(connection, "list_attachments", "case", record_id=case.id, case_id=case.id)
        return await show_all(connection, visit, rows)


async def show_all(
    connection: AsyncConnection, visit: Visit, rows: Sequence[Found], *, agency: bool = False
) -> Page[AttachmentOut]:
    """Attachments in a list. What came with a referral may be sealed under the key of the case that was at then."""
    keys = {case_id: await living_key_of(connection, case_id) for case_id in {row.case_id for row in rows}}
    shared = await attachments.shares(connection, [row.id for row in rows]) if rows and not agency else {}
    items = [
        await show(connection, visit, row, keys[row.case_id], shared.get(row.id, []), whole=False, agency=agency)
        for row in rows
    ]
    return Page[AttachmentOut](items=items, next=None)


async def read(visit: Visit, reference: str, attachment_id: UUID) -> AttachmentOut:
    """One attachment with its chain of custody."""
    async with visit.transaction() as connection:
        row = await _find(connection, visit, reference, attachment_id)
        shown = await show(connection, visit, row, await living_key_of(connection, row.case_id), whole=True)
        await visit.note(
            connection, "read", "attachment", record_id=row.id, case_id=row.case_id,
            detail={"withheld": shown.withheld, "erased": shown.erased},
        )  # fmt: skip
    return shown


async def open_content(visit: Visit, reference: str, attachment_id: UUID) -> tuple[AttachmentOut, AsyncIterator[bytes]]:
    """The bytes of an attachment. Who opened it is on record before the first of them is given.

    Raises:
        Problem: ``not-found``, ``not-permitted``, ``attachment-quarantined``, ``attachment-infected``,
            ``content-erased``.
    """
    await visit.require("read_attachment")

    async def finds(connection: AsyncConnection) -> Found:
        row = await _find(connection, visit, reference, attachment_id)
        if not seen(visit, row):
            raise Problem("not-permitted", case_id=row.case_id)
        return row

    return await give_out(visit, finds)


async def give_out(
    visit: Visit, finds: Callable[[AsyncConnection], Awaitable[Found]], *, agency: bool = False
) -> tuple[AttachmentOut, AsyncIterator[bytes]]:
    """The bytes of an attachment its reader may see.

    Args:
        visit: of the reader.
        finds: the row.
        agency: they read it as the agency of a referral.

    Raises:
        Problem: as ``finds``; ``attachment-quarantined``, ``attachment-infected``, ``content-erased``.
    """
    async with visit.transaction() as connection:
        row = await finds(connection)
        if row.state == "infected":
            raise Problem("attachment-infected", case_id=row.case_id)
        if row.state == "quarantined" or (row.state == "unscanned" and not visit.door.settings.open_unscanned):
            raise Problem("attachment-quarantined", case_id=row.case_id)
        key = await key_of(connection, row.case_id)
        shown = await show(connection, visit, row, key, whole=False, agency=agency)
    # The first frame is opened before anything is on record or answered: a file that is away was not looked at.
    clear = open_stream(key, row.object_name, await visit.door.objects.get(row.object_name))
    first = await anext(clear)
    async with visit.transaction() as connection:
        await enter(connection, row.id, "VIEWED", visit.caller.acting, at=visit.now)
        await visit.note(connection, "open", "attachment", record_id=row.id, case_id=row.case_id)
    return shown, _then(first, clear)


async def enter_custody(visit: Visit, reference: str, attachment_id: UUID, said: CustodyInput) -> AttachmentOut:
    """Enter what was done with the original.

    Raises:
        Problem: ``not-found``, ``not-permitted``, ``content-erased``, ``invalid-request``.
    """
    await visit.require("add_attachment")
    if said.what == "HANDED_OVER" and said.to is None:
        raise fault("field-missing", "body", "to")
    async with visit.transaction() as connection:
        case = await to_write(connection, visit, await find(connection, visit, reference))
        row = await of_case(connection, visit, case, attachment_id)
        if not seen(visit, row):
            raise Problem("not-permitted", case_id=row.case_id)
        key = await key_of(connection, row.case_id)
        words = {name: value for name, value in (("to", said.to), ("note", said.note)) if value is not None}
        await enter(connection, row.id, said.what, visit.caller.acting, at=visit.now, words=words, key=key)
        await visit.note(
            connection, "enter_custody", "attachment", record_id=row.id, case_id=row.case_id, detail={"what": said.what}
        )
        return await show(connection, visit, row, key, whole=True)


async def _find(connection: AsyncConnection, visit: Visit, reference: str, attachment_id: UUID) -> Found:
    return await of_case(connection, visit, await find(connection, visit, reference), attachment_id)


async def of_case(connection: AsyncConnection, visit: Visit, case: Found, attachment_id: UUID) -> Found:
    """One attachment of a case already found.

    Raises:
        Problem: ``not-found``.
    """
    row = await attachments.find(connection, visit.caller.acting, visit.now, case.id, attachment_id)
    if row is None:
        raise Problem("not-found", case_id=case.id)
    return row


def seen(visit: Visit, row: Found) -> bool:
    """Whether the reader may open it: their own, or by the class of data in it; the hotline only its own."""
    role = visit.caller.role
    own = row.author_id == visit.caller.person_id
    return own or (role not in HOTLINE and sees(role, DataClass[row.data_class]))


async def show(
    connection: AsyncConnection,
    visit: Visit,
    row: Found,
    key: DataKey | None,
    shared: Sequence[Found] | None = None,
    *,
    whole: bool,
    agency: bool = False,
) -> AttachmentOut:
    """An attachment as its reader may see it.

    Args:
        connection: a transaction.
        visit: of the reader.
        row: the attachment.
        key: of the case it is sealed under, None where it was destroyed.
        shared: with whom it is or was shared; looked up where it is not given.
        whole: with its chain of custody.
        agency: the reader is the agency of a referral, which sees whatever it finds, and nothing of who else does.
    """
    may_see = agency or seen(visit, row)
    said = described(key, row) if key is not None and may_see else {}
    label = term("attachment_kinds", row.kind)
    return AttachmentOut(
        id=row.id,
        kind=row.kind,
        label=Text(vi=label.vi, en=label.en),
        data_class=row.data_class,
        media_type=row.media_type,
        size=row.size,
        state=row.state,
        author=PersonRef(id=row.author_id, name=row.author_name),
        created_at=row.created_at,
        withheld=not may_see,
        erased=key is None,
        name=said.get("name"),
        sha256=said.get("sha256"),
        referral=_of_referral(row),
        shares=None if agency else await _shares(connection, row, shared),
        custody=await _custody(connection, row.id, key if may_see else None) if whole and not agency else None,
    )


def _of_referral(row: Found) -> OfReferralOut | None:
    agency = unit_ref(row, row.agency_id, "agency")
    if agency is None:
        return None
    return OfReferralOut(id=row.referral_id, code=row.referral_code, agency=agency)


async def _shares(connection: AsyncConnection, row: Found, shared: Sequence[Found] | None) -> list[ShareOut]:
    if shared is None:
        shared = (await attachments.shares(connection, [row.id])).get(row.id, [])
    return [
        ShareOut(
            referral=one.referral_id,
            code=one.code,
            agency=unit_ref(one, one.receiver_id, "agency"),
            shared_by=PersonRef(id=one.shared_by, name=one.sharer_name),
            shared_at=one.shared_at,
            ended_by=PersonRef(id=one.ended_by, name=one.ender_name) if one.ended_by else None,
            ended_at=one.ended_at,
        )
        for one in shared
    ]


async def _custody(connection: AsyncConnection, attachment_id: UUID, key: DataKey | None) -> list[CustodyOut]:
    entries: Sequence[Any] = await custody(connection, attachment_id)
    people = await organisation.names(connection, [one.person_id for one in entries if one.person_id])
    rows = await organisation.offices(connection, [one.position_id for one in entries if one.position_id])
    offices = {position: unit_ref(row, row.unit_id) for position, row in rows.items()}
    shown = []
    for one in entries:
        words = words_of(one, key) if key is not None else {}
        label = term("custody_acts", one.what)
        shown.append(
            CustodyOut(
                sequence=one.sequence,
                what=one.what,
                label=Text(vi=label.vi, en=label.en),
                at=one.at,
                by=PersonRef(id=one.person_id, name=people[one.person_id]) if one.person_id else None,
                unit=offices.get(one.position_id),
                to=words.get("to"),
                note=words.get("note"),
                hash=one.hash,
            )
        )
    return shown


def _name(disposition: str | None) -> str | None:
    """The name a file came with, from ``Content-Disposition`` (RFC 6266): only ever shown, never trusted."""
    if disposition is None:
        return None
    header = Message()
    header["Content-Disposition"] = disposition
    found = header.get_filename()
    if found is None:
        return None
    try:
        return _NAME.validate_python(found.rsplit("/", 1)[-1].rsplit("\\", 1)[-1])
    except ValidationError:
        raise fault("name-not-usable", "header", "Content-Disposition") from None


async def _then(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
