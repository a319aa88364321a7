"""Cases, their deadlines, documents and events. Every statement takes its scope from ``api.scope``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from api.scope import CASE, REPORT, actable, readable
from models.records.actor import Acting
from models.records.people import deputyship, is_named_decider
from models.tables import (
    Breach,
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


_DECLARATION = table(CaseDeclaration)
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


def _cases(reader: Acting, at: datetime) -> Select[Any]:
    running = and_(_DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open")
    soonest = (
        select(_DEADLINE.c.code, _DEADLINE.c.due_at).where(running).order_by(_DEADLINE.c.due_at).limit(1).lateral()
    )
    overdue = select(func.count()).select_from(_DEADLINE).where(running, _DEADLINE.c.due_at <= at).scalar_subquery()
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
        )
        .select_from(CASE)
        .join(_CHILD, _CHILD.c.id == CASE.c.child_id)
        .join(REPORT, REPORT.c.id == CASE.c.report_id)
        .outerjoin(_UNIT, _UNIT.c.id == CASE.c.unit_id)
        .outerjoin(_PERSON, _PERSON.c.id == CASE.c.owner_id)
        .outerjoin(soonest, true())
        .where(readable(reader, at))
    )


def declared_for(case_id: Any, reader: Acting) -> ColumnElement[bool]:
    """The clause: the reader has declared whether they are related to a case (process.md §6.5)."""
    row = _DECLARATION.alias()
    return exists().where(row.c.case_id == case_id, row.c.person_id == reader.person_id).correlate_except(row)


async def find(connection: AsyncConnection, reader: Acting, at: datetime, reference: str) -> Found | None:
    """One case by id or code, None where it is unknown or out of scope."""
    return (await connection.execute(_cases(reader, at).where(_named(reference)))).one_or_none()


async def find_to_act(
    connection: AsyncConnection, actor: Acting, at: datetime, reference: str, event: str
) -> Found | None:
    """What sending ``event`` needs of a case the actor may send it to but not read; None where they may not."""
    statement = select(*_ADDRESS).where(_named(reference), actable(actor, event, at))
    return (await connection.execute(statement)).one_or_none()


async def find_sent(connection: AsyncConnection, reference: str) -> Found | None:
    """The same of any case, for whoever can show that they sent it something before."""
    return (await connection.execute(select(*_ADDRESS).where(_named(reference)))).one_or_none()


def _named(reference: str) -> ColumnElement[bool]:
    try:
        return CASE.c.id == UUID(reference)
    except ValueError:
        return CASE.c.code == reference


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
    statement = _cases(reader, at)
    for column, values in (
        (CASE.c.process, wanted.process),
        (CASE.c.protection, wanted.protection),
        (CASE.c.risk, wanted.risk),
    ):
        if values:
            statement = statement.where(column.in_(sorted(values)))
    if wanted.unit_code is not None:
        statement = statement.where(_UNIT.c.code == wanted.unit_code)
    if wanted.owner_id is not None:
        statement = statement.where(CASE.c.owner_id == wanted.owner_id)
    if wanted.household_id is not None:
        statement = statement.where(CASE.c.household_id == wanted.household_id)
    if wanted.due_before is not None:
        statement = statement.where(
            exists().where(
                _DEADLINE.c.case_id == CASE.c.id, _DEADLINE.c.status == "open", _DEADLINE.c.due_at <= wanted.due_before
            )
        )
    if after is not None:
        statement = statement.where(tuple_(CASE.c.receipt_at, CASE.c.id) < tuple_(*after))
    ordered = statement.order_by(CASE.c.receipt_at.desc(), CASE.c.id.desc()).limit(limit)
    rows: Sequence[Found] = (await connection.execute(ordered)).all()
    return rows


async def standings(connection: AsyncConnection, case_ids: Collection[UUID]) -> Sequence[Found]:
    """The four codes of cases just opened or already found in scope."""
    statement = select(CASE.c.id, CASE.c.process, CASE.c.protection, CASE.c.ban, CASE.c.custody)
    return (await connection.execute(statement.where(CASE.c.id.in_(sorted(case_ids))))).all()


async def reader_powers(
    connection: AsyncConnection, reader: Acting, at: datetime, case_id: UUID, offices: Collection[UUID]
) -> tuple[frozenset[str], bool]:
    """The roles the reader deputises at the case's offices, and whether they are the decider named for it."""
    roles = await connection.execute(
        select(_DEPUTY.c.role).where(
            _DEPUTY.c.unit_id.in_(sorted(offices)), deputyship(_DEPUTY, case_id, reader.person_id, at)
        )
    )
    named = await connection.execute(select(is_named_decider(case_id, reader.person_id, at)))
    return frozenset(roles.scalars()), bool(named.scalar_one())


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
    colleague = exists().where(
        _POSITION.c.person_id == _DOCUMENT.c.author_id,
        _POSITION.c.unit_id == reader.unit_id,
        _POSITION.c.valid_from <= _DOCUMENT.c.created_at,
        or_(_POSITION.c.valid_to.is_(None), _POSITION.c.valid_to > _DOCUMENT.c.created_at),
    )
    own = _DOCUMENT.c.author_id == reader.person_id
    statement = (
        select(_DOCUMENT, _PERSON.c.full_name.label("author_name"), colleague.label("colleague"))
        .join(_PERSON, _PERSON.c.id == _DOCUMENT.c.author_id)
        .where(_DOCUMENT.c.case_id == case_id, or_(_DOCUMENT.c.frozen_at.is_not(None), own))
        .order_by(_DOCUMENT.c.created_at, _DOCUMENT.c.id)
    )
    if kind is not None:
        statement = statement.where(_DOCUMENT.c.kind == kind)
    if version is not None:
        statement = statement.where(_DOCUMENT.c.version == version)
    if document_id is not None:
        statement = statement.where(_DOCUMENT.c.id == document_id)
    return (await connection.execute(statement)).all()
