"""Attachments: streamed in and out, sealed on the way, never in memory as a whole, every look on record."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from uuid import UUID, uuid4, uuid5

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import ClientDisconnect

from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import attachments
from api.queries.rows import Found
from api.services.cases import find, locate, to_write
from api.shapes.attachments import AttachmentOut, CustodyInput, CustodyOut, State
from api.shapes.base import Page, PersonRef, Text
from models.access import HOTLINE, DataClass, sees
from models.forms.base import Line
from models.records.attachments import (
    MOST,
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


async def add(
    visit: Visit,
    reference: str,
    key: UUID,
    *,
    kind: str,
    data_class: str,
    disposition: str | None,
    pieces: AsyncIterator[bytes],
) -> AttachmentOut:
    """Take a file in: sealed while it comes, on record when all of it is stored.

    Raises:
        Problem: as ``_Coming.passing``; ``not-permitted``, ``not-found``, ``too-many-attachments``, ``content-erased``,
            ``idempotency-key-reused``.
    """
    await visit.require("add_attachment")
    name = _name(disposition)
    async with visit.transaction() as connection:
        # Acting is never held up: a photo is taken in before its author has declared anything.
        case = await to_write(connection, visit, await locate(connection, visit, reference))
        case_key = await key_of(connection, case.id)
        if await count(connection, case.id) >= MOST:
            raise Problem("too-many-attachments", case_id=case.id)
    attachment = uuid5(key, f"{visit.caller.person_id}/cases/{case.id}/attachments")
    coming, object_name = _Coming(pieces, visit.door.settings.attachment_max_bytes), uuid4().hex
    try:
        await visit.door.objects.put(object_name, seal_stream(case_key, object_name, coming.passing()))
    except Problem as problem:
        problem.case_id = case.id
        await visit.deny(problem)
        raise
    stored = Stored(
        attachment, object_name, kind, data_class, coming.type or "", coming.size, coming.digest.hexdigest(), name
    )
    async with visit.transaction() as connection:
        state: State = "quarantined" if visit.door.settings.clamd else "unscanned"
        new = await record(connection, case.id, stored, case_key, visit.caller.acting, state=state, at=visit.now)
        row = await attachments.find(connection, case.id, attachment)
        if row is None:
            raise Problem("idempotency-key-reused", case_id=case.id)
        if new:
            await visit.note(
                connection, "add_attachment", "attachment", record_id=attachment, case_id=case.id,
                detail={"kind": kind, "data_class": data_class, "media_type": stored.media_type, "size": stored.size},
            )  # fmt: skip
        elif row.content_hash != case_key.hash(stored.sha256.encode()):
            raise Problem("idempotency-key-reused", case_id=case.id)
        else:
            await visit.note(connection, "repeat", "attachment", record_id=attachment, case_id=case.id)
        shown = await _shown(connection, visit, row, case_key, whole=True)
    if not new:
        await visit.door.objects.delete(object_name)
    _LOG.info("attachment stored", kind=kind, state=state)
    return shown


async def listed(visit: Visit, reference: str) -> Page[AttachmentOut]:
    """The attachments of a case, as far as the reader may know of them."""
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        rows = await attachments.of_case(connection, case.id)
        key = await living_key_of(connection, case.id) if rows else None
        await visit.note(connection, "list_attachments", "case", record_id=case.id, case_id=case.id)
        items = [await _shown(connection, visit, row, key, whole=False) for row in rows]
    return Page[AttachmentOut](items=items, next=None)


async def read(visit: Visit, reference: str, attachment_id: UUID) -> AttachmentOut:
    """One attachment with its chain of custody."""
    async with visit.transaction() as connection:
        row = await _find(connection, visit, reference, attachment_id)
        shown = await _shown(connection, visit, row, await living_key_of(connection, row.case_id), whole=True)
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
    async with visit.transaction() as connection:
        row = await _find(connection, visit, reference, attachment_id)
        if not _seen(visit, row):
            raise Problem("not-permitted", case_id=row.case_id)
        if row.state == "infected":
            raise Problem("attachment-infected", case_id=row.case_id)
        if row.state == "quarantined" or (row.state == "unscanned" and not visit.door.settings.open_unscanned):
            raise Problem("attachment-quarantined", case_id=row.case_id)
        key = await key_of(connection, row.case_id)
        shown = await _shown(connection, visit, row, key, whole=False)
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
        row = await _of_case(connection, case, attachment_id)
        if not _seen(visit, row):
            raise Problem("not-permitted", case_id=row.case_id)
        key = await key_of(connection, row.case_id)
        words = {name: value for name, value in (("to", said.to), ("note", said.note)) if value is not None}
        await enter(connection, row.id, said.what, visit.caller.acting, at=visit.now, words=words, key=key)
        await visit.note(
            connection, "enter_custody", "attachment", record_id=row.id, case_id=row.case_id, detail={"what": said.what}
        )
        return await _shown(connection, visit, row, key, whole=True)


async def _find(connection: AsyncConnection, visit: Visit, reference: str, attachment_id: UUID) -> Found:
    return await _of_case(connection, await find(connection, visit, reference), attachment_id)


async def _of_case(connection: AsyncConnection, case: Found, attachment_id: UUID) -> Found:
    row = await attachments.find(connection, case.id, attachment_id)
    if row is None:
        raise Problem("not-found", case_id=case.id)
    return row


def _seen(visit: Visit, row: Found) -> bool:
    """Whether the reader may open it: their own, or by the class of data in it; the hotline only its own."""
    role = visit.caller.role
    own = row.author_id == visit.caller.person_id
    return own or (role not in HOTLINE and sees(role, DataClass[row.data_class]))


async def _shown(
    connection: AsyncConnection, visit: Visit, row: Found, key: DataKey | None, *, whole: bool
) -> AttachmentOut:
    seen = _seen(visit, row)
    said = described(key, row) if key is not None and seen else {}
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
        withheld=not seen,
        erased=key is None,
        name=said.get("name"),
        sha256=said.get("sha256"),
        custody=await _custody(connection, row.id, key if seen else None) if whole else None,
    )


async def _custody(connection: AsyncConnection, attachment_id: UUID, key: DataKey | None) -> list[CustodyOut]:
    entries: Sequence[Any] = await custody(connection, attachment_id)
    people = await attachments.names(connection, [one.person_id for one in entries if one.person_id])
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
