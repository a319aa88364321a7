"""Cases, their deadlines, documents and events. Every statement takes its scope from ``api.scope``.

A statement with a scope is made once per role and shape (what is asked for, not which values) and kept: making it
costs the API more than running it (docs/performance.md).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found
from api.scope import CASE, REPORT, actable, readable
from models.records.actor import Acting
from models.records.people import deputyship, is_named_decider
from models.records.terms import AT, PERSON, UNIT, said, terms
from models.tables import (
    Breach,
    CaseEvent,
    Child,
    CommandRecord,
    Deadline,
    Deputy,
    Document,
    Escalation,
    Notice,
    Person,
    Position,
    Rung,
    Unit,
    table,
)

_CHILD, _UNIT, _PERSON, _DEADLINE, _RUNG = table(Child), table(Unit), table(Person), table(Deadline), table(Rung)
_EVENT, _DOCUMENT, _NOTICE, _BREACH = table(CaseEvent), table(Document), table(Notice), table(Breach)
_DEPUTY, _ESCALATION, _COMMAND, _POSITION = table(Deputy), table(Escalation), table(CommandRecord), table(Position)


_ADDRESS = (CASE.c.id, CASE.c.code, CASE.c.unit_id, CASE.c.process)


@dataclass(frozen=True)
class Wanted:
    """Which cases to list; what is None does not matter."""

    process: Collection[str] | None = None
    protection: Collection[str] | None = None
    risk: Collection[str] | None = None
    unit_code: str | None = None
    owner_id: UUID | None = None
    household_id: UUID | None = None
    due_before: datetime | None = None


def _cases(role: str) -> Select[Any]:
    reader = terms(role)
    running = and_(_DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open")
    soonest = (
        select(_DEADLINE.c.code, _DEADLINE.c.due_at).where(running).order_by(_DEADLINE.c.due_at).limit(1).lateral()
    )
    overdue = (
        select(func.count()).select_from(_DEADLINE).where(running, _DEADLINE.c.due_at <= reader.at).scalar_subquery()
    )
    return (
        select(
            CASE,
            _CHILD.c.full_name,
            _CHILD.c.birth_date,
            _CHILD.c.estimated_age,
            _CHILD.c.sex,
            _UNIT.c.code.label("unit_code"),
            _UNIT.c.name_vi.label("unit_name_vi"),
            _UNIT.c.name_en.label("unit_name_en"),
            _PERSON.c.full_name.label("owner_name"),
            REPORT.c.receiver_id.label("receiver_id"),
            REPORT.c.receiver_unit_id.label("receiver_unit_id"),
            soonest.c.code.label("next_code"),
            soonest.c.due_at.label("next_due_at"),
            overdue.label("overdue"),
        )
        .select_from(CASE)
        .join(_CHILD, _CHILD.c.id == CASE.c.child_id)
        .join(REPORT, REPORT.c.id == CASE.c.report_id)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .outerjoin(_PERSON, _PERSON.c.id == CASE.c.owner_id)
        .outerjoin(soonest, true())
        .where(readable(reader))
    )


Reference = Literal["id", "code"]
"""What a case is named by."""


async def find(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """One case by id or code, None where it is unknown or out of scope."""
    by, value = _named(reference)
    return (await connection.execute(_one(reader.role, by), said(reader, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _one(role: str, by: Reference) -> Select[Any]:
    return _cases(role).where(CASE.c[by] == bindparam("reference"))


async def find_to_act(
    connection: AsyncConnection, actor: Acting, at: datetime, reference: str, event: str
) -> Found | None:
    """What sending ``event`` needs of a case the actor may send it to but not read; None where they may not."""
    by, value = _named(reference)
    statement = _one_to_act(actor.role, event, by)
    return (await connection.execute(statement, said(actor, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _one_to_act(role: str, event: str, by: Reference) -> Select[Any]:
    return select(*_ADDRESS).where(CASE.c[by] == bindparam("reference"), actable(terms(role), event))


async def find_sent(connection: AsyncConnection, reference: str) -> Found | None:
    """The same of any case, for whoever can show that they sent it something before."""
    by, value = _named(reference)
    return (await connection.execute(select(*_ADDRESS).where(CASE.c[by] == value))).one_or_none()


def _named(reference: str) -> tuple[Reference, UUID | str]:
    try:
        return "id", UUID(reference)
    except ValueError:
        return "code", reference


_FILTERS: Final[Mapping[str, ColumnElement[bool]]] = {
    "process": CASE.c.process == any_(bindparam("process", type_=ARRAY(Text))),
    "protection": CASE.c.protection == any_(bindparam("protection", type_=ARRAY(Text))),
    "risk": CASE.c.risk == any_(bindparam("risk", type_=ARRAY(Text))),
    "unit_code": _UNIT.c.code == bindparam("unit_code"),
    "owner_id": CASE.c.owner_id == bindparam("owner_id"),
    "household_id": CASE.c.household_id == bindparam("household_id"),
    "due_before": exists().where(
        _DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open", _DEADLINE.c.due_at <= bindparam("due_before")
    ),
    "after_at": tuple_(CASE.c.receipt_at, CASE.c.id)
    < tuple_(bindparam("after_at", type_=DateTime(timezone=True)), bindparam("after_id", type_=Uuid())),
}


async def page(
    connection: AsyncConnection,
    reader: Acting,
    at: datetime,
    wanted: Wanted,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Found]:
    """A page of the reader's cases, the newest receipt first."""
    values: dict[str, Any] = {
        "process": sorted(wanted.process or ()) or None,
        "protection": sorted(wanted.protection or ()) or None,
        "risk": sorted(wanted.risk or ()) or None,
        "unit_code": wanted.unit_code,
        "owner_id": wanted.owner_id,
        "household_id": wanted.household_id,
        "due_before": wanted.due_before,
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
    }
    asked = {name: value for name, value in values.items() if value is not None}
    statement = _page(reader.role, frozenset(asked))
    rows: Sequence[Found] = (await connection.execute(statement, said(reader, at, limit=limit, **asked))).all()
    return rows


@lru_cache(maxsize=KEPT)
def _page(role: str, asked: frozenset[str]) -> Select[Any]:
    return (
        _cases(role)
        .where(*(clause for name, clause in _FILTERS.items() if name in asked))
        .order_by(CASE.c.receipt_at.desc(), CASE.c.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


async def standings(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """The four codes of cases just opened or already found in scope."""
    statement = select(CASE.c.id, CASE.c.process, CASE.c.protection, CASE.c.ban, CASE.c.custody)
    return (await connection.execute(statement.where(CASE.c.id.in_(sorted(case_ids))))).all()


async def reader_powers(
    connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID, offices: Collection[UUID]
) -> tuple[frozenset[str], bool]:
    """The roles the reader deputises at the case's offices, and whether they are the decider named for it."""
    values = said(reader, at, case_id=case_id)
    roles = await connection.execute(_DEPUTISES, values | {"offices": sorted(offices)})
    named = await connection.execute(_NAMED, values)
    return frozenset(roles.scalars()), bool(named.scalar_one())


_CASE_ID = bindparam("case_id", type_=Uuid())
_DEPUTISES: Final = select(_DEPUTY.c.role).where(
    _DEPUTY.c.unit_id == any_(bindparam("offices", type_=ARRAY(Uuid))), deputyship(_DEPUTY, _CASE_ID, PERSON, AT)
)
_NAMED: Final = select(is_named_decider(_CASE_ID, PERSON, AT))


async def deadlines(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """Every deadline of cases already found in scope, in order of start."""
    statement = (
        select(_DEADLINE)
        .where(_DEADLINE.c.case_id.in_(sorted(case_ids)))
        .order_by(_DEADLINE.c.started_at, _DEADLINE.c.code, _DEADLINE.c.occurrence)
    )
    return (await connection.execute(statement)).all()


async def touched_at(connection: AsyncConnection, case_id: UUID, at: datetime) -> frozenset[UUID]:
    """Ids of the deadlines last changed by what was recorded at an instant."""
    statement = select(_DEADLINE.c.id).where(_DEADLINE.c.case_id == case_id, _DEADLINE.c.updated_at == at)
    return frozenset((await connection.execute(statement)).scalars())


async def rungs(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """What became of the rungs of these cases, with whether anybody was there to be told."""
    statement = (
        select(_RUNG, func.coalesce(_ESCALATION.c.nobody, False).label("nobody"))
        .outerjoin(
            _ESCALATION,
            and_(_ESCALATION.c.deadline_id == _RUNG.c.deadline_id, _ESCALATION.c.ordinal == _RUNG.c.ordinal),
        )
        .where(_RUNG.c.case_id.in_(sorted(case_ids)))
    )
    return (await connection.execute(statement)).all()


async def told(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """The notices of the rungs of these cases, by whom they went to."""
    statement = (
        select(_NOTICE, _PERSON.c.full_name)
        .join(_PERSON, _PERSON.c.id == _NOTICE.c.person_id)
        .where(_NOTICE.c.case_id.in_(sorted(case_ids)), _NOTICE.c.deadline_id.is_not(None))
        .order_by(_NOTICE.c.created_at, _NOTICE.c.id)
    )
    return (await connection.execute(statement)).all()


async def breaches(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """The breaches of these cases."""
    statement = select(_BREACH).where(_BREACH.c.case_id.in_(sorted(case_ids))).order_by(_BREACH.c.recorded_at)
    return (await connection.execute(statement)).all()


async def events(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """Every event of a case in order, with the names of who acted and for whom."""
    principal = _PERSON.alias("principal")
    statement = (
        select(_EVENT, _PERSON.c.full_name.label("actor_name"), principal.c.full_name.label("principal_name"))
        .outerjoin(_PERSON, _PERSON.c.id == _EVENT.c.actor_id)
        .outerjoin(principal, principal.c.id == _EVENT.c.on_behalf_person)
        .where(_EVENT.c.case_id == case_id)
        .order_by(_EVENT.c.sequence)
    )
    return (await connection.execute(statement)).all()


async def event_of(connection: AsyncConnection, case_id: UUID, command_id: UUID) -> Found | None:
    """The event a command recorded on a case."""
    statement = select(_EVENT).where(_EVENT.c.case_id == case_id, _EVENT.c.command_id == command_id)
    return (await connection.execute(statement)).one_or_none()


async def latest_event(connection: AsyncConnection, case_id: UUID) -> Found | None:
    """The last event of a case, with the name of who acted."""
    statement = (
        select(_EVENT.c.event, _EVENT.c.role, _EVENT.c.actor_id, _EVENT.c.recorded_at, _PERSON.c.full_name)
        .outerjoin(_PERSON, _PERSON.c.id == _EVENT.c.actor_id)
        .where(_EVENT.c.case_id == case_id)
        .order_by(_EVENT.c.sequence.desc())
        .limit(1)
    )
    return (await connection.execute(statement)).one_or_none()


async def command_result(connection: AsyncConnection, command_id: UUID) -> dict[str, Any] | None:
    """The stored answer to a command, None while it has none."""
    statement = select(_COMMAND.c.result).where(_COMMAND.c.command_id == command_id)
    return (await connection.execute(statement)).scalar_one_or_none()


async def documents(
    connection: AsyncConnection,
    reader: Acting,
    case_id: UUID,
    *,
    kind: str | None = None,
    version: int | None = None,
    document_id: UUID | None = None,
) -> Sequence[Found]:
    """Documents of a case already found in scope: what counted, and what the reader wrote themselves.

    ``colleague``: the author has, or had when writing it, a position in the reader's unit.
    """
    asked = {
        name: value
        for name, value in (("kind", kind), ("version", version), ("document_id", document_id))
        if value is not None
    }
    values = {"case_id": case_id, "reader_person": reader.person_id, "reader_unit": reader.unit_id, **asked}
    rows: Sequence[Found] = (await connection.execute(_documents(frozenset(asked)), values)).all()
    return rows


_OF_DOCUMENTS: Final[Mapping[str, ColumnElement[bool]]] = {
    "kind": _DOCUMENT.c.kind == bindparam("kind"),
    "version": _DOCUMENT.c.version == bindparam("version"),
    "document_id": _DOCUMENT.c.id == bindparam("document_id"),
}


@lru_cache(maxsize=KEPT)
def _documents(asked: frozenset[str]) -> Select[Any]:
    colleague = exists().where(
        _POSITION.c.person_id == _DOCUMENT.c.author_id,
        _POSITION.c.unit_id == UNIT,
        _POSITION.c.valid_from <= _DOCUMENT.c.created_at,
        or_(_POSITION.c.valid_to.is_(None), _POSITION.c.valid_to > _DOCUMENT.c.created_at),
    )
    return (
        select(_DOCUMENT, _PERSON.c.full_name.label("author_name"), colleague.label("colleague"))
        .join(_PERSON, _PERSON.c.id == _DOCUMENT.c.author_id)
        .where(
            _DOCUMENT.c.case_id == _CASE_ID, or_(_DOCUMENT.c.frozen_at.is_not(None), _DOCUMENT.c.author_id == PERSON)
        )
        .where(*(clause for name, clause in _OF_DOCUMENTS.items() if name in asked))
        .order_by(_DOCUMENT.c.created_at, _DOCUMENT.c.id)
    )
