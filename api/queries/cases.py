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
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import KEPT, Found
from api.scope import CASE, REPORT, actable, in_scope, kept_from, not_, readable
from models.records.actor import Acting
from models.records.people import deputyship, is_named_decider
from models.records.terms import PERSON, UNIT, Terms, said, terms
from models.tables import (
    Breach,
    BreakGlass,
    CaseDeclaration,
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


_DECLARATION, _GLASS = table(CaseDeclaration), table(BreakGlass)
_OWN: Final = _DEADLINE.c.referral_id.is_(None)
"""A deadline of the case itself, not one of its referrals'."""
_ADDRESS = (CASE.c.id, CASE.c.code, CASE.c.unit_id, CASE.c.process)
_OFFICES = (CASE.c.unit_id, CASE.c.incident_unit_id, CASE.c.residence_unit_id)


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
    running = and_(_OWN, _DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open")
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
            declared_for(CASE.c.id, reader).label("declared"),
            _glass(reader).label("glass_id"),
        )
        .select_from(CASE)
        .join(_CHILD, _CHILD.c.id == CASE.c.child_id)
        .join(REPORT, REPORT.c.id == CASE.c.report_id)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .outerjoin(_PERSON, _PERSON.c.id == CASE.c.owner_id)
        .outerjoin(soonest, true())
        .where(readable(reader))
    )


def declared_for(case_id: Any, reader: Terms) -> ColumnElement[bool]:
    """The clause: the reader has declared whether they are related to a case (process.md §6.5)."""
    row = _DECLARATION.alias()
    return exists().where(row.c.case_id == case_id, row.c.person_id == reader.person).correlate_except(row)


def _glass(reader: Terms) -> Any:
    """The grant by which the reader may look into the case now, None where there is none."""
    row = _GLASS.alias()
    return (
        select(row.c.id)
        .where(
            row.c.case_id == CASE.c.id,
            row.c.person_id == reader.person,
            row.c.confirmed_at <= reader.at,
            row.c.ends_at > reader.at,
        )
        .order_by(row.c.ends_at.desc())
        .limit(1)
        .correlate(CASE)
        .scalar_subquery()
    )


async def is_ones_own(connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID) -> bool:
    """Whether a case is in the reader's scope without any broken glass: theirs to act on, as far as their role goes."""
    values = said(reader, at, reference=case_id)
    return (await connection.execute(_own(reader.role), values)).first() is not None


@lru_cache(maxsize=KEPT)
def _own(role: str) -> Select[Any]:
    return select(CASE.c.id).where(CASE.c.id == bindparam("reference"), in_scope(terms(role)))


Reference = Literal["id", "code"]
"""What a case is named by."""


async def find(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """The row of one case by id or code, None where it is unknown or out of scope.

    ``declared``: the reader has declared whether they are related to it. ``glass_id``: the grant by which they may look
    into it now.
    """
    by, value = _named(reference)
    return (await connection.execute(_one(reader.role, by), said(reader, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _one(role: str, by: Reference) -> Select[Any]:
    reader = terms(role)
    return select(CASE, declared_for(CASE.c.id, reader).label("declared"), _glass(reader).label("glass_id")).where(
        CASE.c[by] == bindparam("reference"), readable(reader)
    )


async def find_whole(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """The same with everything that is shown of it, and what the reader has power of in it.

    ``deputises``: the roles they deputise at the case's offices. ``named``: they are the decider named for it.
    ``running``: the codes of its open deadlines.
    """
    by, value = _named(reference)
    return (await connection.execute(_whole(reader.role, by), said(reader, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _whole(role: str, by: Reference) -> Select[Any]:
    reader = terms(role)
    deputises = (
        select(func.array_agg(_DEPUTY.c.role))
        .where(_DEPUTY.c.unit_id.in_(_OFFICES), deputyship(_DEPUTY, CASE.c.id, reader.person, reader.at))
        .correlate(CASE)
        .scalar_subquery()
    )
    named = is_named_decider(CASE.c.id, reader.person, reader.at)
    running = (
        select(func.array_agg(_DEADLINE.c.code))
        .where(_OWN, _DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open")
        .correlate(CASE)
        .scalar_subquery()
    )
    return (
        _cases(role)
        .add_columns(deputises.label("deputises"), named.label("named"), running.label("running"))
        .where(CASE.c[by] == bindparam("reference"))
    )


async def find_behind_glass(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """What breaking the glass needs of any case, None where it is unknown or the reader must keep out of it."""
    by, value = _named(reference)
    return (await connection.execute(_behind_glass(reader.role, by), said(reader, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _behind_glass(role: str, by: Reference) -> Select[Any]:
    columns = (*_ADDRESS, CASE.c.owner_id, CASE.c.flagged)
    return select(*columns).where(CASE.c[by] == bindparam("reference"), not_(kept_from(terms(role))))


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
        _OWN,
        _DEADLINE.c.case_id == CASE.c.id,
        _DEADLINE.c.status == "open",
        _DEADLINE.c.due_at <= bindparam("due_before"),
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


def _with_ladders() -> Select[Any]:
    """Deadlines, each with the rungs on record, who was told at them, and its breaches: one read instead of four."""
    told = (
        _list(
            _object(
                person=_object(id=_PERSON.c.id, name=_PERSON.c.full_name),
                **_columns(_NOTICE, "role", "channel", "state", "deliver_at", "sent_at", "seen_at"),
            ),
            _NOTICE.c.created_at,
            _NOTICE.c.id,
        )
        .join(_PERSON, _PERSON.c.id == _NOTICE.c.person_id)
        .where(_NOTICE.c.deadline_id == _RUNG.c.deadline_id, _NOTICE.c.ordinal == _RUNG.c.ordinal)
        .correlate(_RUNG)
    )
    rungs = (
        _list(
            _object(
                **_columns(_RUNG, "ordinal", "level", "due_at", "state", "fired_at"),
                nobody=func.coalesce(_ESCALATION.c.nobody, false()),
                told=told.scalar_subquery(),
            ),
            _RUNG.c.ordinal,
        )
        .outerjoin(
            _ESCALATION,
            and_(_ESCALATION.c.deadline_id == _RUNG.c.deadline_id, _ESCALATION.c.ordinal == _RUNG.c.ordinal),
        )
        .where(_RUNG.c.deadline_id == _DEADLINE.c.id)
        .correlate(_DEADLINE)
    )
    said_of_a_breach = ("kind", "due_at", "recorded_at", "mark", "met_at", "protocol_version", "calendar_version")
    breaches = (
        _list(_object(**_columns(_BREACH, *said_of_a_breach)), _BREACH.c.recorded_at)
        .where(_BREACH.c.deadline_id == _DEADLINE.c.id)
        .correlate(_DEADLINE)
    )
    return select(
        _DEADLINE.c.id,
        _DEADLINE.c.case_id,
        _DEADLINE.c.code,
        _DEADLINE.c.clock,
        rungs.scalar_subquery().label("rungs"),
        breaches.scalar_subquery().label("breaches"),
    )


def _list(each: ColumnElement[Any], *order: ColumnElement[Any]) -> Select[Any]:
    """Rows as one JSON list; of no rows an empty one."""
    rows = func.jsonb_agg(each).aggregate_order_by(*order)
    return select(func.coalesce(rows, literal_column("'[]'::jsonb"), type_=JSONB))


def _object(**members: ColumnElement[Any]) -> ColumnElement[Any]:
    # The names are this module's own. As literals they are no parameters, of which there would be dozens.
    named: list[ColumnElement[Any]] = []
    for name, value in members.items():
        named += (literal_column(f"'{name}'"), value)
    return func.jsonb_build_object(*named)


def _columns(row: Table, *names: str) -> dict[str, ColumnElement[Any]]:
    return {name: row.c[name] for name in names}


_IN_ORDER = (_DEADLINE.c.started_at, _DEADLINE.c.code, _DEADLINE.c.occurrence)
_DEADLINES: Final = _with_ladders().where(_OWN, _DEADLINE.c.case_id == bindparam("case_id")).order_by(*_IN_ORDER)
_TOUCHED: Final = (
    _with_ladders()
    .add_columns(_EVENT.c.implied)
    .select_from(_EVENT)
    .outerjoin(
        _DEADLINE,
        and_(_OWN, _DEADLINE.c.case_id == _EVENT.c.case_id, _DEADLINE.c.updated_at == _EVENT.c.recorded_at),
    )
    .where(_EVENT.c.case_id == bindparam("case_id"), _EVENT.c.command_id == bindparam("command_id"))
    .order_by(*_IN_ORDER)
)


async def deadlines(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """Every deadline of a case already found in scope, in order of start, with its ladder."""
    rows: Sequence[Found] = (await connection.execute(_DEADLINES, {"case_id": case_id})).all()
    return rows


async def touched(connection: AsyncConnection, case_id: UUID, command_id: UUID) -> Sequence[Found]:
    """The deadlines a command was the last to touch, each with ``implied`` of the command's event.

    Where it touched none there is one row without an ``id``; where it recorded no event, none at all.
    """
    rows: Sequence[Found] = (await connection.execute(_TOUCHED, {"case_id": case_id, "command_id": command_id})).all()
    return rows


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

    Their content, sealed, only where one is asked for.
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
    # The content itself, sealed, only where one document is asked for.
    shown = [column for column in _DOCUMENT.c if "document_id" in asked or column is not _DOCUMENT.c.sealed]
    return (
        select(*shown, _PERSON.c.full_name.label("author_name"), colleague.label("colleague"))
        .join(_PERSON, _PERSON.c.id == _DOCUMENT.c.author_id)
        .where(
            _DOCUMENT.c.case_id == bindparam("case_id"),
            or_(_DOCUMENT.c.frozen_at.is_not(None), _DOCUMENT.c.author_id == PERSON),
        )
        .where(*(clause for name, clause in _OF_DOCUMENTS.items() if name in asked))
        .order_by(_DOCUMENT.c.created_at, _DOCUMENT.c.id)
    )
