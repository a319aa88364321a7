"""Cases, their deadlines, documents and events. Every statement takes its scope from ``models.records.scope``.

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
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import AFTER, KEPT, Found, Place, placed, unit_columns
from models.access import HOTLINE
from models.database import about, work_on
from models.lifecycle.states import LIVE
from models.records.actor import Acting
from models.records.dated import in_force
from models.records.people import deputyship, is_named_decider
from models.records.scope import CASE, REPORT, in_scope, readable
from models.records.terms import UNIT, Terms, said, terms
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
    Referral,
    Rung,
    Unit,
    table,
)

_CHILD, _UNIT, _PERSON, _DEADLINE, _RUNG = table(Child), table(Unit), table(Person), table(Deadline), table(Rung)
_EVENT, _DOCUMENT, _NOTICE, _BREACH = table(CaseEvent), table(Document), table(Notice), table(Breach)
_DEPUTY, _ESCALATION, _COMMAND, _POSITION = table(Deputy), table(Escalation), table(CommandRecord), table(Position)
_REFERRAL: Final = table(Referral)
_DECLARATION, _GLASS = table(CaseDeclaration), table(BreakGlass)
_OWN: Final = _DEADLINE.c.referral_id.is_(None)
"""A deadline of the case itself, not one of its referrals'."""
_RECEIVER = _UNIT.alias("receiver")
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


def _cases(role: str, which: ColumnElement[bool] | None = None) -> Select[Any]:
    """Cases as they are shown; ``which``: those of a choice that asked for the scope itself."""
    reader = terms(role)
    running = and_(_OWN, _DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open")
    soonest = (
        select(_DEADLINE.c.code, _DEADLINE.c.due_at).where(running).order_by(_DEADLINE.c.due_at).limit(1).lateral()
    )
    overdue = (
        select(func.count()).select_from(_DEADLINE).where(running, _DEADLINE.c.due_at <= reader.at).scalar_subquery()
    )
    # Of the hotline it is asked whether it took the report in; for the others its row need not be found.
    hotline = role in HOTLINE
    brought_by = [(REPORT.c[name] if hotline else null()).label(name) for name in ("receiver_id", "receiver_unit_id")]
    found = (
        select(
            CASE,
            _CHILD.c.full_name,
            _CHILD.c.birth_date,
            _CHILD.c.estimated_age,
            _CHILD.c.sex,
            *unit_columns(_UNIT),
            *unit_columns(_RECEIVER, "receiver"),
            _PERSON.c.full_name.label("owner_name"),
            *brought_by,
            soonest.c.code.label("next_code"),
            soonest.c.due_at.label("next_due_at"),
            overdue.label("overdue"),
            declared_for(CASE.c.id, reader).label("declared"),
            _glass(reader).label("glass_id"),
        )
        .select_from(CASE)
        # Who the child is, is there for whoever sees that class of data.
        .outerjoin(_CHILD, _CHILD.c.id == CASE.c.child_id)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .outerjoin(_RECEIVER, _RECEIVER.c.id == CASE.c.transfer_to_id)
        .outerjoin(_PERSON, _PERSON.c.id == CASE.c.owner_id)
        .outerjoin(soonest, true())
        .where(readable(reader) if which is None else which)
    )
    return found.outerjoin(REPORT, REPORT.c.id == CASE.c.report_id) if hotline else found


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


async def owned_by(
    connection: AsyncConnection, reader: Acting, at: datetime, owner_id: UUID, *, besides: Sequence[UUID]
) -> Sequence[Found]:
    """Id and code of the live cases somebody owns and of some ``besides``, the oldest first.

    All of them the reader's to act on.
    """
    values = said(reader, at, owner_id=owner_id, besides=list(besides))
    rows: Sequence[Found] = (await connection.execute(_owned(reader.role), values)).all()
    return rows


@lru_cache(maxsize=KEPT)
def _owned(role: str) -> Select[Any]:
    theirs = and_(CASE.c.owner_id == bindparam("owner_id"), CASE.c.process.in_(sorted(LIVE)))
    asked_before = CASE.c.id == any_(bindparam("besides", type_=ARRAY(Uuid)))
    return (
        select(CASE.c.id, CASE.c.code)
        .where(or_(theirs, asked_before), in_scope(terms(role)))
        .order_by(CASE.c.receipt_at, CASE.c.id)
    )


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
    return select(
        CASE,
        declared_for(CASE.c.id, reader).label("declared"),
        _glass(reader).label("glass_id"),
        about(cast(CASE.c.id, Text)),
    ).where(CASE.c[by] == bindparam("reference"), readable(reader))


async def find_whole(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """The same with everything that is shown of it, and what the reader has power of in it.

    ``deputises``: the roles they deputise at the case's offices. ``named``: they are the decider named for it.
    ``running``: the codes of its open deadlines. ``not_prosecuted``: the police decided so of one of its referrals.
    """
    by, value = _named(reference)
    if by == "code":
        row = await find(connection, reader, at, reference)
        if row is None:
            return None
        value = row.id
    elif isinstance(value, UUID):
        await work_on(connection, [value])
    return (await connection.execute(_whole(reader.role), said(reader, at, reference=value))).one_or_none()


@lru_cache(maxsize=KEPT)
def _whole(role: str) -> Select[Any]:
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
    not_prosecuted = exists().where(_REFERRAL.c.case_id == CASE.c.id, _REFERRAL.c.outcome == "NOT_PROSECUTED")
    return (
        _cases(role)
        .add_columns(
            deputises.label("deputises"),
            named.label("named"),
            running.label("running"),
            not_prosecuted.label("not_prosecuted"),
        )
        .where(CASE.c.id == bindparam("reference"))
    )


async def find_behind_glass(connection: AsyncConnection, reference: str) -> Found | None:
    """What breaking the glass needs of any case, None where it is unknown or the asker must keep out of it."""
    by, value = _named(reference)
    asked = {"case_id": value if by == "id" else None, "code": value if by == "code" else None}
    return (await connection.execute(_BEHIND_GLASS, asked)).one_or_none()


_BEHIND_GLASS: Final = select(
    func.annhi_behind_glass(
        bindparam("case_id", type_=Uuid()), bindparam("code", type_=Text())
    ).table_valued(
        "id", "code", "unit_id", "process", "owner_id", "flagged", Column("key_wrapped", LargeBinary()), "key_kek"
    )
)  # fmt: skip


async def address(connection: AsyncConnection, reference: str, event: str, key: UUID) -> Found | None:
    """What sending ``event`` needs of a case its sender does not read; None where it is none of theirs.

    ``sight``: ``acts`` where they may send it this event all the same, ``lost`` where they can show that they sent it
    under this key before. Asked of a function of the database: for whoever does not read it the row is not there.
    """
    by, value = _named(reference)
    asked = {"case_id": value if by == "id" else None, "code": value if by == "code" else None}
    return (await connection.execute(_ADDRESS, {**asked, "event": event, "key": key})).one_or_none()


_ADDRESS: Final = select(
    func.annhi_address(
        bindparam("case_id", type_=Uuid()), bindparam("code", type_=Text()), bindparam("event", type_=Text()),
        bindparam("key", type_=Uuid()),
    ).table_valued("id", "code", "unit_id", "process", "sight")
)  # fmt: skip


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
    "after_at": tuple_(CASE.c.receipt_at, CASE.c.id) < AFTER,
}


async def page(
    connection: AsyncConnection,
    reader: Acting,
    at: datetime,
    wanted: Wanted,
    *,
    after: Place | None,
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
    }
    asked = {name: value for name, value in values.items() if value is not None} | placed(after)
    # The page is chosen first: what is shown of a case is then read of these only, and not of all the reader's.
    statement = _page(reader.role, frozenset(asked))
    chosen = (await connection.execute(statement, said(reader, at, limit=limit, **asked))).scalar_one()
    return await shown(connection, reader, at, chosen)


@lru_cache(maxsize=KEPT)
def _page(role: str, asked: frozenset[str]) -> Select[Any]:
    chosen = (
        select(CASE.c.id)
        .select_from(CASE)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .where(readable(terms(role)), *(clause for name, clause in _FILTERS.items() if name in asked))
        .order_by(CASE.c.receipt_at.desc(), CASE.c.id.desc())
        .limit(bindparam("limit", type_=Integer))
        .correlate(None)
    )
    return _opening(chosen)


def _opening(chosen: Select[Any]) -> Select[Any]:
    """Chosen cases as one list, opened in the same statement."""
    ids = func.array(chosen.scalar_subquery(), type_=ARRAY(Uuid))
    found = select(ids.label("ids")).cte("found").prefix_with("MATERIALIZED")  # used twice, and found once
    return select(found.c.ids, about(func.array_to_string(found.c.ids, ",")))


async def shown(connection: AsyncConnection, reader: Acting, at: datetime, chosen: list[UUID]) -> list[Found]:
    """Chosen cases as they are shown, in the order of the choice."""
    if not chosen:
        return []
    rows = {row.id: row for row in await connection.execute(_among(reader.role), said(reader, at, found=chosen))}
    return [rows[one] for one in chosen if one in rows]


async def named_like(
    connection: AsyncConnection, reader: Acting, at: datetime, name: str, limit: int
) -> Sequence[Found]:
    """The reader's cases whose child's folded name is like ``name``, the likest first.

    Which they are is asked of a function of the database with a scope of its own; they are read as any other case.
    """
    return await opened(connection, reader, at, select(func.annhi_search(name, limit)))


async def opened(connection: AsyncConnection, reader: Acting, at: datetime, chosen: Select[Any]) -> Sequence[Found]:
    """Cases as they are shown, in the order of ``chosen``: a statement of ids that asked for the scope itself."""
    return await shown(connection, reader, at, (await connection.execute(_opening(chosen))).scalar_one())


@lru_cache(maxsize=KEPT)
def _among(role: str) -> Select[Any]:
    # Whoever chose them asked for the scope, and row security asks for it here once more.
    return _cases(role, CASE.c.id == any_(bindparam("found", type_=ARRAY(Uuid))))


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


async def outcome(connection: AsyncConnection, command_id: UUID) -> dict[str, Any] | None:
    """What an act of one's own brought about on a case one does not read: events implied, deadlines last touched."""
    found = await connection.execute(select(func.annhi_outcome(command_id, type_=JSONB)))
    done: dict[str, Any] | None = found.scalar_one()
    return done


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
    ids: Sequence[UUID] | None = None,
) -> Sequence[Found]:
    """Documents of a case already found in scope: what counted, and what the reader wrote themselves.

    Their content, sealed, only where they are asked for by id.
    ``colleague``: the author has, or had when writing it, a position in the reader's unit.
    """
    asked = {
        name: value
        for name, value in (("kind", kind), ("version", version), ("document_id", document_id), ("ids", ids))
        if value is not None
    }
    values = {"case_id": case_id, "reader_unit": reader.unit_id, **asked}
    rows: Sequence[Found] = (await connection.execute(_documents(frozenset(asked)), values)).all()
    return rows


_METADATA: Final = tuple(column for column in _DOCUMENT.c if column.name != "sealed")
_LISTED: Final = func.annhi_documents(bindparam("case_id", type_=Uuid())).table_valued(
    *(Column(column.name, column.type) for column in _METADATA), name="listed"
)
_OF_DOCUMENTS: Final[Mapping[str, ColumnElement[bool]]] = {
    "kind": _LISTED.c.kind == bindparam("kind"),
    "version": _LISTED.c.version == bindparam("version"),
    "document_id": _LISTED.c.id == bindparam("document_id"),
    "ids": _LISTED.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
}


@lru_cache(maxsize=KEPT)
def _documents(asked: frozenset[str]) -> Select[Any]:
    colleague = exists().where(
        _POSITION.c.person_id == _LISTED.c.author_id,
        _POSITION.c.unit_id == UNIT,
        in_force(_POSITION, _LISTED.c.created_at),
    )
    # The content itself, sealed, only where a document is asked for by its id.
    sealed = _DOCUMENT.c.sealed if asked & {"document_id", "ids"} else null().label("sealed")
    # That there is a document every reader of the case learns; what stands in it, whoever sees its class of data.
    return (
        select(_LISTED, sealed, _PERSON.c.full_name.label("author_name"), colleague.label("colleague"))
        .select_from(_LISTED)
        .outerjoin(_DOCUMENT, _DOCUMENT.c.id == _LISTED.c.id)
        .join(_PERSON, _PERSON.c.id == _LISTED.c.author_id)
        .where(*(clause for name, clause in _OF_DOCUMENTS.items() if name in asked))
        .order_by(_LISTED.c.created_at, _LISTED.c.id)
    )
