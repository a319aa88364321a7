"""What an act's stored content says, in the words of the lifecycle and of the deadline engine.

The command carries ids and hashes; here the documents behind them are read, checked against their hashes, and turned
into facts: codes, dates, ids, and the names of the fields that were filled in. No text leaves this module.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.calendar import local_date
from models.lifecycle.facts import DocumentFact
from models.messages import ContentRef
from models.protocol.types import PlanStep
from models.records.cases import CASE_COLUMNS, CaseRow
from models.records.vault import WITH_KEY, key_in, key_of, unseal
from models.tables import CaseFile, CaseKey, Document, Report, table
from models.vault import AlteredError

_CASE, _DOCUMENT, _REPORT, _CASE_KEY = table(CaseFile), table(Document), table(Report), table(CaseKey)

REPORTING = frozenset({"add_report", "reopen"})
"""Events that bring a report of their own, stored by the API beside the documents."""


class ContentMismatchError(Exception):
    """The stored content is not what the command was sent for: missing, another case's, or another hash."""


def report_id_of(command_id: UUID) -> UUID:
    """The id of the report a command brings: derived, so that a repeated request finds the same row."""
    return uuid5(command_id, "report")


@dataclass(frozen=True)
class StoredDocument:
    """One document of an act."""

    id: UUID
    kind: str
    hash: str
    author: UUID
    content: Mapping[str, Any]


@dataclass(frozen=True)
class StoredReport:
    """The report an act brings."""

    id: UUID
    received_at: datetime
    flagged: bool
    trigger: str | None
    incident_unit_id: UUID | None
    residence_unit_id: UUID | None
    receiver_unit_id: UUID


@dataclass(frozen=True)
class Item:
    """Something to be done by a day: a task, a conference, a flag to look at. ``id`` comes of the act's command."""

    id: UUID
    due: date
    assignee: UUID | None = None


def _item(item: UUID, due: str, assignee: str | None = None) -> Item:
    return Item(item, date.fromisoformat(due), UUID(assignee) if assignee else None)


# A form that is itself a signed decision: with a number it counts as the ``decision`` the lifecycle asks for.
_DECISIONS = frozenset({"M07", "isolation_extension", "ban_decision", "signed_order"})


class Said:
    """What one act says, over all its documents.

    Args:
        documents: the act's documents.
        report: the report it brings, if any.
    """

    def __init__(self, documents: Sequence[StoredDocument], report: StoredReport | None = None) -> None:
        self.documents = tuple(documents)
        self.report = report
        self._by_kind = {document.kind: document.content for document in documents}
        self._act = self._by_kind.get("act", {})

    def without(self, *names: str) -> "Said":
        """The same, with some fields of the act itself left unsaid."""
        kept = [
            replace(one, content={name: value for name, value in one.content.items() if name not in names})
            if one.kind == "act"
            else one
            for one in self.documents
        ]
        return Said(kept, self.report)

    @property
    def document_facts(self) -> dict[str, DocumentFact]:
        """Hash and author by kind."""
        return {one.kind: DocumentFact(content_hash=one.hash, author=str(one.author)) for one in self.documents}

    @property
    def given(self) -> frozenset[str]:
        """Names of the fields that were filled in, as ``models.forms.given`` names them from a body."""
        names = {
            name
            for document in self.documents
            for name, value in document.content.items()
            if value not in (None, "", [], False)
        }
        if any(one.kind in _DECISIONS and one.content.get("number") for one in self.documents):
            names.add("decision")
        return frozenset(names | ({"step"} if "step_record" in self._by_kind else set()))

    def act(self, name: str) -> Any:
        """A field of the act itself, None where it was not given."""
        return self._act.get(name)

    def anywhere(self, name: str) -> Any:
        """A field of any of the documents, the act's own first."""
        if name in self._act:
            return self._act[name]
        return next((content[name] for content in self._by_kind.values() if name in content), None)

    def identifier(self, name: str) -> UUID | None:
        """An id the act names."""
        value = self._act.get(name)
        return UUID(value) if value else None

    @property
    def emergency(self) -> bool | None:
        """Mẫu 02's answer."""
        answer = self._by_kind.get("M02", {}).get("emergency")
        return answer if isinstance(answer, bool) else None

    @property
    def trigger(self) -> str | None:
        """The emergency's trigger: named by the act, by Mẫu 02, or by the report."""
        found = self._act.get("trigger") or self._by_kind.get("M02", {}).get("trigger")
        return found or (self.report.trigger if self.report else None)

    @property
    def risk(self) -> str | None:
        """The risk level the act sets."""
        return self._act.get("risk") or self._by_kind.get("M02", {}).get("risk")

    @property
    def closure_reason(self) -> str | None:
        """Why the case is proposed to end."""
        return self._act.get("closure_reason")

    @property
    def spoken(self) -> bool:
        """The order was given by word of mouth."""
        return any(content.get("spoken") is True for content in self._by_kind.values())

    @property
    def ground(self) -> bool:
        """A competent body's ground for a longer isolation is recorded with the act."""
        return isinstance(self._by_kind.get("isolation_extension", {}).get("ground"), Mapping)

    @property
    def ground_end(self) -> date | None:
        """Until when that ground is in force."""
        ground = self._by_kind.get("isolation_extension", {}).get("ground")
        return _day(ground.get("until")) if isinstance(ground, Mapping) else None

    @property
    def isolation_until(self) -> date | None:
        """The last day of the isolation the act orders."""
        content = self._by_kind.get("M07") or self._by_kind.get("isolation_extension") or {}
        return _day(content.get("until"))

    def isolation_days(self, began: datetime | None, occurred_at: datetime) -> int | None:
        """Calendar days of the whole isolation up to the end this act orders; the first day is not counted.

        Args:
            began: when the running isolation began, None where this act begins it.
            occurred_at: when this act happened.
        """
        until = self.isolation_until
        if until is None:
            return None
        first = began or occurred_at
        if began is None and (starts := self._by_kind.get("M07", {}).get("starts_at")):
            first = datetime.fromisoformat(starts)
        return max(0, (until - local_date(first)).days)

    def ban_days(self, occurred_at: datetime) -> int | None:
        """Calendar days of the ban, a begun one counting whole."""
        ban = self._by_kind.get("ban_decision")
        if ban is None or not ban.get("ends_at"):
            return None
        starts = datetime.fromisoformat(ban["starts_at"]) if ban.get("starts_at") else occurred_at
        return max(0, ceil((datetime.fromisoformat(ban["ends_at"]) - starts) / timedelta(days=1)))

    @property
    def ban_requester(self) -> str | None:
        """In what capacity somebody asked for the ban."""
        found = self._by_kind.get("ban_request", {}).get("requested_by")
        return found if isinstance(found, str) else None

    @property
    def step(self) -> str | None:
        """Key of the plan step recorded."""
        found = self._by_kind.get("step_record", {}).get("key")
        return found if isinstance(found, str) else None

    @property
    def item(self) -> str | None:
        """Id of the task, conference or flag the act is about."""
        found = self._act.get("item_id")
        return str(found) if found else None

    @property
    def flag_code(self) -> str | None:
        """Which flag the act raises."""
        found = self._by_kind.get("flag", {}).get("flag")
        return str(found) if found else None

    def items(self, command_id: UUID) -> tuple[Item, ...]:
        """What the act sets to be done: a task, a conference to be held, a day to look again, tasks of minutes."""
        if (task := self._by_kind.get("task")) is not None:
            return (_item(command_id, task["due"], task["assignee_id"]),)
        if (call := self._by_kind.get("conference_call")) is not None:
            return (_item(command_id, local_date(datetime.fromisoformat(call["held_at"])).isoformat()),)
        if (flag := self._by_kind.get("flag")) is not None:
            return (_item(command_id, flag["look_on"]),)
        decisions = self._by_kind.get("conference_minutes", {}).get("decisions", ())
        return tuple(
            _item(uuid5(command_id, str(place)), one["due"], one["assignee_id"])
            for place, one in enumerate(decisions)
            if one.get("due")
        )

    @property
    def invited(self) -> tuple[UUID, ...]:
        """People of the system who are invited to a conference."""
        invited = self._by_kind.get("conference_call", {}).get("invited", ())
        return tuple(UUID(one["person_id"]) for one in invited if one.get("person_id"))

    @property
    def held(self) -> bool:
        """A conference took place; True of everything that is no conference's minutes."""
        return bool(self._by_kind.get("conference_minutes", {}).get("held", True))

    @property
    def second_approver(self) -> UUID | None:
        """Who approved a closure exception as the second."""
        exception = self._act.get("exception")
        return UUID(exception["second_approver"]) if isinstance(exception, Mapping) else None


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


def plan_of(content: Mapping[str, Any]) -> tuple[tuple[PlanStep, ...], date | None]:
    """The steps of a Mẫu 04 with their last days, and the plan's own review date."""
    steps = tuple(
        PlanStep(key=step["key"], due=date.fromisoformat(step["due"])) for step in content.get("measures", ())
    )
    review = content.get("review_on")
    return steps, date.fromisoformat(review) if review else None


_THESE_DOCUMENTS = (
    select(
        func.json_agg(
            func.json_build_object(
                *("id", _DOCUMENT.c.id, "kind", _DOCUMENT.c.kind, "hash", _DOCUMENT.c.content_hash),
                *("author", _DOCUMENT.c.author_id, "sealed", func.encode(_DOCUMENT.c.sealed, "hex")),
            )
        )
    )
    .where(
        _DOCUMENT.c.id == any_(bindparam("documents", type_=ARRAY(Uuid))), _DOCUMENT.c.case_id == bindparam("case_id")
    )
    .scalar_subquery()
    .label("documents")
)
_ONLY_DOCUMENTS = select(*WITH_KEY, _THESE_DOCUMENTS).where(_CASE_KEY.c.case_id == bindparam("case_id"))
_LOCKED_WITH_DOCUMENTS = (
    select(*CASE_COLUMNS, *WITH_KEY, _THESE_DOCUMENTS)
    .outerjoin_from(_CASE, _CASE_KEY, _CASE_KEY.c.case_id == _CASE.c.id)
    .where(CASE_COLUMNS[0] == bindparam("case_id"))
    .with_for_update(of=_CASE)
)


async def frozen(
    connection: AsyncConnection, case_id: UUID, kinds: Collection[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Kind and content of the case's documents of some kinds that count, the earlier first.

    Raises:
        ErasedError: the case's key was destroyed.
        KeysAwayError: they cannot be decrypted now.
    """
    statement = (
        select(_DOCUMENT.c.id, _DOCUMENT.c.kind, _DOCUMENT.c.sealed, _DOCUMENT.c.content_hash)
        .where(_DOCUMENT.c.case_id == case_id, _DOCUMENT.c.kind.in_(sorted(kinds)), _DOCUMENT.c.frozen_at.is_not(None))
        .order_by(_DOCUMENT.c.sequence, _DOCUMENT.c.id)
    )
    rows = (await connection.execute(statement)).all()
    if not rows:
        return []
    key = await key_of(connection, case_id)
    return [(row.kind, unseal(key, _DOCUMENT, row.id, row.sealed, row.content_hash)) for row in rows]


async def read_documents(
    connection: AsyncConnection, case_id: UUID, refs: Sequence[ContentRef]
) -> list[StoredDocument]:
    """The documents a command points at.

    Raises:
        ContentMismatchError: one is missing, is another case's, or does not have the content the command names.
        KeysAwayError: they cannot be decrypted now.
    """
    if not refs:
        return []
    asked = {"documents": [ref.id for ref in refs], "case_id": case_id}
    return await _opened(connection, case_id, refs, (await connection.execute(_ONLY_DOCUMENTS, asked)).one_or_none())


async def lock_with_documents(
    connection: AsyncConnection, case_id: UUID, refs: Sequence[ContentRef]
) -> tuple[CaseRow | None, list[StoredDocument] | None]:
    """Lock a case and read the documents a command points at, in one round trip.

    Returns:
        The case, None where there is none, and its documents, None where they are not what the command was sent for:
        see ``read_documents``.

    Raises:
        KeysAwayError: they cannot be decrypted now.
    """
    asked = {"documents": [ref.id for ref in refs], "case_id": case_id}
    row = (await connection.execute(_LOCKED_WITH_DOCUMENTS, asked)).one_or_none()
    if row is None:
        return None, None
    case = CaseRow(*row[: len(CASE_COLUMNS)])
    try:
        return case, await _opened(connection, case_id, refs, row)
    except ContentMismatchError:
        return case, None


async def _opened(
    connection: AsyncConnection, case_id: UUID, refs: Sequence[ContentRef], row: Any
) -> list[StoredDocument]:
    """The documents of a row that has them sealed, beside the case's key."""
    if not refs:
        return []
    rows = {UUID(one["id"]): one for one in (row.documents or () if row is not None else ())}
    if any(ref.id not in rows or rows[ref.id]["hash"] != ref.hash for ref in refs):
        raise ContentMismatchError
    key = await key_in(connection, case_id, row)
    documents = []
    for ref in refs:
        one = rows[ref.id]
        try:
            content = unseal(key, _DOCUMENT, ref.id, bytes.fromhex(one["sealed"]), ref.hash)
        except AlteredError:
            raise ContentMismatchError from None
        documents.append(StoredDocument(ref.id, one["kind"], ref.hash, UUID(one["author"]), content))
    return documents


async def read_report(connection: AsyncConnection, report_id: UUID) -> StoredReport:
    """A report as far as clocks and places go.

    Raises:
        ContentMismatchError: there is none.
    """
    row = (
        await connection.execute(
            select(
                _REPORT.c.id,
                _REPORT.c.received_at,
                _REPORT.c.flagged,
                _REPORT.c.trigger,
                _REPORT.c.incident_unit_id,
                _REPORT.c.residence_unit_id,
                _REPORT.c.receiver_unit_id,
            ).where(_REPORT.c.id == report_id)
        )
    ).one_or_none()
    if row is None:
        raise ContentMismatchError
    return StoredReport(
        id=row.id,
        received_at=row.received_at.astimezone(UTC),
        flagged=row.flagged,
        trigger=row.trigger,
        incident_unit_id=row.incident_unit_id,
        residence_unit_id=row.residence_unit_id,
        receiver_unit_id=row.receiver_unit_id,
    )
