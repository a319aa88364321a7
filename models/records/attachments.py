"""Attachments on record: their rows, and the chain of custody, one entry for everything that is done with one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.forms import canonical
from models.records.actor import Acting
from models.records.vault import seal, unseal
from models.tables import Attachment, AttachmentShare, CustodyEntry, new_id, table
from models.vault import AlteredError, DataKey
from models.writing import binary, put

ATTACHMENT, SHARE, _ENTRY = table(Attachment), table(AttachmentShare), table(CustodyEntry)

MOST: Final = 300
"""Attachments one case may have, beside those of its referrals."""
MOST_OF_REFERRAL: Final = 50
"""Attachments an agency may add to one referral: its own number, for it sees of no other how many there are."""


@dataclass(frozen=True)
class Place:
    """Where a file is put: into a case by its people, or to a referral by the agency that answers it.

    Attributes:
        case_id: the case, under whose key it is sealed.
        referral_id: the referral, None for a file of the case's people.
        agency_id: the agency's office, as ``referral_id``.
    """

    case_id: UUID
    referral_id: UUID | None = None
    agency_id: UUID | None = None

    @property
    def target(self) -> str:
        """What the key of a request is bound to."""
        return f"cases/{self.case_id}" if self.referral_id is None else f"referrals/{self.referral_id}"

    @property
    def most(self) -> int:
        """How many files it may have."""
        return MOST if self.referral_id is None else MOST_OF_REFERRAL


@dataclass(frozen=True)
class Stored:
    """A file whose sealed bytes are in the store, before it is on record.

    Attributes:
        id: derived from the request.
        object_name: of the sealed bytes.
        kind: what it is to the case.
        data_class: ``P1``, ``P2`` or ``P3``.
        media_type: by its content.
        size: bytes in clear.
        sha256: of the clear bytes, hex.
        name: as its sender called it, if they did.
    """

    id: UUID
    object_name: str
    kind: str
    data_class: str
    media_type: str
    size: int
    sha256: str
    name: str | None


async def record(
    connection: AsyncConnection, place: Place, stored: Stored, key: DataKey, actor: Acting, *, state: str, at: datetime
) -> bool:
    """Put a stored file on record, with the first entry of its custody.

    Returns:
        False where it is on record already: somebody else was first with the same request.
    """
    described = {"name": stored.name, "sha256": stored.sha256}
    sealed, _ = seal(key, ATTACHMENT, stored.id, described)
    taken = await connection.execute(
        insert(ATTACHMENT)
        .values(
            id=stored.id, case_id=place.case_id, object_name=stored.object_name, kind=stored.kind,
            data_class=stored.data_class, media_type=stored.media_type, size=stored.size, sealed=sealed,
            content_hash=key.hash(stored.sha256.encode()), author_id=actor.person_id, created_at=at, state=state,
            referral_id=place.referral_id, agency_id=place.agency_id,
        )
        .on_conflict_do_nothing()
        .returning(ATTACHMENT.c.id)
    )  # fmt: skip
    if taken.first() is None:
        return False
    await enter(connection, stored.id, "RECEIVED", actor, at=at)
    return True


def described(key: DataKey, row: Any) -> dict[str, Any]:
    """Name and SHA-256 of an attachment.

    Raises:
        AlteredError: the row is not what was stored.
    """
    said = unseal(key, ATTACHMENT, row.id, row.sealed)
    if not key.names(said["sha256"].encode(), row.content_hash):
        raise AlteredError
    return said


async def share(connection: AsyncConnection, place: Place, attachment_id: UUID, actor: Acting, *, at: datetime) -> bool:
    """Share a file with the agency of a referral.

    Returns:
        False where it is shared with it already.
    """
    taken = await connection.execute(
        insert(SHARE)
        .values(
            id=new_id(), attachment_id=attachment_id, referral_id=place.referral_id, case_id=place.case_id,
            shared_by=actor.person_id, position_id=actor.position_id, shared_at=at,
        )
        .on_conflict_do_nothing()
        .returning(SHARE.c.id)
    )  # fmt: skip
    return taken.first() is not None


async def end_share(
    connection: AsyncConnection, attachment_id: UUID, referral_id: UUID, actor: Acting, *, at: datetime
) -> bool:
    """Take a shared file back. Returns False where it is shared with this referral no longer."""
    ended = await connection.execute(
        update(SHARE)
        .where(
            SHARE.c.attachment_id == attachment_id, SHARE.c.referral_id == referral_id, SHARE.c.ended_at.is_(None)
        )
        .values(ended_by=actor.person_id, ended_position_id=actor.position_id, ended_at=at)
    )  # fmt: skip
    return bool(ended.rowcount)


async def count(connection: AsyncConnection, place: Place) -> int:
    """How many attachments a case has from its own people, or a referral from its agency."""
    here = (
        (ATTACHMENT.c.case_id == place.case_id) & ATTACHMENT.c.referral_id.is_(None)
        if place.referral_id is None
        else ATTACHMENT.c.referral_id == place.referral_id
    )
    statement = select(func.count()).select_from(ATTACHMENT).where(here)
    return int((await connection.execute(statement)).scalar_one())


async def enter(
    connection: AsyncConnection,
    attachment_id: UUID,
    what: str,
    actor: Acting | None,
    *,
    at: datetime,
    words: dict[str, Any] | None = None,
    key: DataKey | None = None,
) -> None:
    """Add an entry to an attachment's chain of custody.

    Args:
        connection: the transaction of what is entered.
        attachment_id: which.
        what: a code of ``custody_acts``.
        actor: who, None for the scanner.
        at: domain instant.
        words: to whom, and what for; sealed.
        key: the case's, needed for words.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": str(attachment_id)})
    last = (await connection.execute(_of(attachment_id).order_by(_ENTRY.c.sequence.desc()).limit(1))).one_or_none()
    entry = new_id()
    sealed = key.seal(canonical(words).encode(), _place(entry)) if words and key else None
    values = {
        "id": entry,
        "attachment_id": attachment_id,
        "sequence": last.sequence + 1 if last else 1,
        "what": what,
        "at": at,
        "person_id": actor.person_id if actor else None,
        "position_id": actor.position_id if actor else None,
        "words": sealed,
    }
    digest = _hash(values, last.hash if last else "")
    await put(connection, _ENTRY, **values | {"words": binary(sealed) if sealed else None, "hash": digest})


async def custody(connection: AsyncConnection, attachment_id: UUID) -> Sequence[Any]:
    """The chain of custody of an attachment, in order."""
    return (await connection.execute(_of(attachment_id).order_by(_ENTRY.c.sequence))).all()


def first_broken(entries: Sequence[Any]) -> int | None:
    """The sequence number at which a chain of custody does not hold: altered, left out, put in or moved."""
    before = ""
    for number, entry in enumerate(entries, start=1):
        if entry.sequence != number or entry.hash != _hash(entry._mapping, before):  # noqa: SLF001 - a row's columns by name
            return number
        before = entry.hash
    return None


def words_of(entry: Any, key: DataKey) -> dict[str, Any]:
    """What an entry says in words; nothing where it has none."""
    if entry.words is None:
        return {}
    said: dict[str, Any] = from_json(key.open(entry.words, _place(entry.id)))
    return said


def _of(attachment_id: UUID) -> Any:
    return select(_ENTRY).where(_ENTRY.c.attachment_id == attachment_id)


def _place(entry: UUID) -> str:
    return f"custody_entry/words/{entry}"


def _hash(values: Any, before: str) -> str:
    said = {
        name: str(values[name]) for name in ("id", "attachment_id", "sequence", "what", "person_id", "position_id")
    } | {
        "at": values["at"].astimezone(UTC).isoformat(),
        "words": values["words"].hex() if values["words"] else "",
        "before": before,
    }
    return hashlib.sha256(canonical(said).encode()).hexdigest()
