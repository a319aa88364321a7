"""Which cases somebody may read: one SQL clause, handed out here and nowhere else.

Every query of cases, documents, deadlines, escalations and reports puts it in its WHERE; a case that is out of scope
is then not there at all, which is why out of scope and unknown answer alike. Recusal comes before everything
(lifecycle.md, invariant 5): it shuts out whoever is recused, and whoever reads only as a recused person's deputy.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, false, literal, or_, select, true, union

from models.access import COMMUNE, Scope, scope
from models.records.actor import Acting
from models.tables import (
    CaseFile,
    CaseReport,
    Delegate,
    Deputy,
    Escalation,
    EscalationRecipient,
    Recusal,
    Report,
    Unit,
    UnitParent,
    table,
)

CASE, REPORT, ESCALATION = table(CaseFile), table(Report), table(Escalation)
_CASE_REPORT, _RECUSAL, _DELEGATE, _DEPUTY = table(CaseReport), table(Recusal), table(Delegate), table(Deputy)
_UNIT, _PARENT, _RECIPIENT = table(Unit), table(UnitParent), table(EscalationRecipient)


def readable(reader: Acting, at: datetime) -> ColumnElement[bool]:
    """The clause on ``case_file``: what ``reader`` may read at the domain instant ``at``."""
    reaches = _reach(reader, at)
    return and_(not_(_recused(reader.person_id, at)), or_(reaches, _named_decider(reader, at), _as_deputy(reader, at)))


def readable_report(reader: Acting, at: datetime) -> ColumnElement[bool]:
    """The clause on ``report``: what one took in oneself, and the reports of the cases one may read."""
    of_case = exists().where(
        _CASE_REPORT.c.report_id == REPORT.c.id, _CASE_REPORT.c.case_id == CASE.c.id, readable(reader, at)
    )
    of_recused = exists().where(
        _CASE_REPORT.c.report_id == REPORT.c.id, _CASE_REPORT.c.case_id == CASE.c.id, _recused(reader.person_id, at)
    )
    return and_(or_(REPORT.c.receiver_id == reader.person_id, of_case), not_(of_recused))


def readable_escalation(reader: Acting, at: datetime) -> ColumnElement[bool]:
    """The clause on ``escalation`` joined with ``case_file``: what was sent to oneself, and one's cases' own."""
    return and_(not_(_recused(reader.person_id, at)), or_(sent_to(reader.person_id), readable(reader, at)))


def sent_to(person_id: UUID) -> ColumnElement[bool]:
    """The clause on ``escalation``: it went to this person."""
    return exists().where(_RECIPIENT.c.escalation_id == ESCALATION.c.id, _RECIPIENT.c.person_id == person_id)


def below(unit_id: UUID, at: datetime) -> Select[Any]:
    """The ids of a unit and every unit below it at an instant."""
    return _descend(select(literal(unit_id, _UNIT.c.id.type).label("id")), at)


def not_(clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """The clause's opposite."""
    return ~clause


def _reach(reader: Acting, at: datetime) -> ColumnElement[bool]:
    match scope(reader.role, "read_case"):
        case Scope.UNIT:
            return _of_unit(reader.unit_id)
        case Scope.PROVINCE:
            units = _province(reader.unit_id, at)
            unrouted = and_(
                CASE.c.unit_id.is_(None), _received(lambda r: r.receiver_unit_id.in_(units) | _nowhere(r, at))
            )
            return or_(CASE.c.unit_id.in_(units), unrouted)
        case Scope.OWN:
            return _received(lambda r: r.receiver_id == reader.person_id)
        case Scope.RECEIVED:
            return _received(lambda r: r.receiver_unit_id == reader.unit_id)
        case Scope.NATIONAL:
            return true()
        case _:
            return false()


def _of_unit(unit_id: UUID) -> ColumnElement[bool]:
    """Held by the unit; or the place of incident or residence, as long as the unit's own report is still unanswered."""
    place = or_(CASE.c.incident_unit_id == unit_id, CASE.c.residence_unit_id == unit_id)
    received_here = and_(place, CASE.c.process == "received", _received(lambda r: r.receiver_unit_id == unit_id))
    return or_(CASE.c.unit_id == unit_id, received_here)


def _received(by: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Some report of the case was taken in so. Aliased: an enclosing query may have ``report`` of its own."""
    link, report = _CASE_REPORT.alias(), REPORT.alias()
    return exists().where(link.c.case_id == CASE.c.id, link.c.report_id == report.c.id, by(report.c))


def _nowhere(report: Any, at: datetime) -> ColumnElement[bool]:
    """The receiver stands under no province: a case nobody holds yet, taken in by a national body."""
    provinces = select(_UNIT.c.id).where(_UNIT.c.kind == "province")
    clause: ColumnElement[bool] = report.receiver_unit_id.not_in(_descend(provinces, at, name="provinces"))
    return clause


def _recused(person_id: UUID, at: datetime) -> ColumnElement[bool]:
    return exists().where(
        _RECUSAL.c.case_id == CASE.c.id,
        _RECUSAL.c.person_id == person_id,
        _RECUSAL.c.since <= at,
        or_(_RECUSAL.c.until.is_(None), _RECUSAL.c.until > at),
    )


def _named_decider(reader: Acting, at: datetime) -> ColumnElement[bool]:
    return exists().where(
        _DELEGATE.c.case_id == CASE.c.id,
        _DELEGATE.c.person_id == reader.person_id,
        _DELEGATE.c.since <= at,
        or_(_DELEGATE.c.until.is_(None), _DELEGATE.c.until > at),
    )


def _as_deputy(reader: Acting, at: datetime) -> ColumnElement[bool]:
    """As deputy of somebody of the case team who is not recused (process.md §6.5: hidden from their delegates too)."""
    principal_recused = (
        exists()
        .where(
            _RECUSAL.c.case_id == CASE.c.id,
            _RECUSAL.c.person_id == _DEPUTY.c.principal_id,
            _RECUSAL.c.since <= at,
            or_(_RECUSAL.c.until.is_(None), _RECUSAL.c.until > at),
        )
        # Named, because from inside the other EXISTS only that one's own table would be taken for the outer one.
        .correlate(CASE, _DEPUTY)
    )
    return exists().where(
        _DEPUTY.c.deputy_id == reader.person_id,
        _DEPUTY.c.unit_id == CASE.c.unit_id,
        _DEPUTY.c.role.in_(sorted(COMMUNE)),
        _in_force(_DEPUTY, at),
        not_(principal_recused),
    )


def _province(unit_id: UUID, at: datetime) -> Select[Any]:
    """The units of the province an office belongs to: everything below the province above it, itself included."""
    own = literal(unit_id, _UNIT.c.id.type)
    up = select(own.label("id")).cte("up", recursive=True)
    up = up.union(select(_PARENT.c.parent_id).join(up, _PARENT.c.unit_id == up.c.id).where(_in_force(_PARENT, at)))
    provinces = select(_UNIT.c.id).join(up, up.c.id == _UNIT.c.id).where(_UNIT.c.kind == "province")
    start = union(select(own.label("id")), provinces).subquery("start")
    return _descend(select(start.c.id), at)


def _descend(start: Select[Any], at: datetime, *, name: str = "down") -> Select[Any]:
    down = start.cte(name, recursive=True)
    down = down.union(
        select(_PARENT.c.unit_id).join(down, _PARENT.c.parent_id == down.c.id).where(_in_force(_PARENT, at))
    )
    return select(down.c.id)


def _in_force(row: Any, at: datetime) -> ColumnElement[bool]:
    return and_(row.c.valid_from <= at, or_(row.c.valid_to.is_(None), row.c.valid_to > at))
