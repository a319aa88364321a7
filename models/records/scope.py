"""Which cases somebody may read: one SQL clause, handed out here and nowhere else.

Every query of cases, documents, deadlines, escalations and reports puts it in its WHERE, and PostgreSQL's row security
asks it again (``models.security``); a case that is out of scope is then not there at all, which is why out of scope and
unknown answer alike. Recusal comes before everything
(lifecycle.md, invariant 5): it shuts out whoever must keep out (``models.records.people.keeps_out``), and whoever
reads only as a recused person's deputy.

Beside reading there is acting: whoever may take in a report may add to a case they cannot read (``within``). They
name it exactly, and the answer tells them nothing of it.

A clause is made of a role and of expressions for the person, the office and the instant (``models.records.terms``),
never of values: what is built with it serves everybody in that role.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Interval, Select, and_, exists, false, literal, or_, select, true, union

from models.access import COMMUNE, EVERYWHERE, Reach, Scope, reach, scope
from models.access.slices import AFTER, TAKES_FILES, services_of
from models.lifecycle.referral.states import TAKEN_ON
from models.lifecycle.rules import EMERGENCY_SERVICES
from models.records.dated import in_force
from models.records.people import deputyship, has_broken_glass, is_named_decider, keeps_out
from models.records.terms import Terms
from models.tables import (
    CaseFile,
    CaseReport,
    Deputy,
    Escalation,
    EscalationRecipient,
    Referral,
    Report,
    Unit,
    UnitParent,
    table,
)

CASE, REPORT, ESCALATION = table(CaseFile), table(Report), table(Escalation)
REFERRAL = table(Referral)
_CASE_REPORT, _DEPUTY = table(CaseReport), table(Deputy)
_UNIT, _PARENT, _RECIPIENT = table(Unit), table(UnitParent), table(EscalationRecipient)


BROUGHT = frozenset({Scope.OWN, Scope.RECEIVED})
"""Whoever reads so far reads what they, or their office, took in."""


def readable(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``case_file``: what ``reader`` may read. Broken glass shows no case to whoever must keep out."""
    glass = has_broken_glass(CASE.c.id, reader.person, reader.at)
    return and_(not_(_out(reader)), or_(_own(reader), glass, looks_on(reader)))


def in_scope(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``case_file``: what ``reader`` may act on besides: reading in an emergency lends nobody a power."""
    return and_(not_(_out(reader)), _own(reader))


def looks_on(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``case_file``: ``reader`` reads it without a say in it.

    Of a commune's team: the commune it was proposed to, until that is answered, and the one that held it before it was
    reopened elsewhere (lifecycle.md, custody).
    """
    if scope(reader.role, "read_case") is not Scope.UNIT:
        return false()
    return or_(CASE.c.transfer_to_id == reader.unit, CASE.c.former_unit_id == reader.unit)


def kept_from(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``case_file``: ``reader`` must keep out of it."""
    return _out(reader)


def reviewable(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``case_file``: breaking its glass is ``reader``'s to look at afterwards.

    That is the head of the holding office, and the data-protection officer of the province.
    """
    match scope(reader.role, "review_break_glass"):
        case Scope.UNIT:
            return CASE.c.unit_id == reader.unit
        case Scope.PROVINCE:
            return or_(CASE.c.unit_id.in_(province(reader)), CASE.c.unit_id.is_(None))
        case _:
            return false()


def _own(reader: Terms) -> ColumnElement[bool]:
    named = is_named_decider(CASE.c.id, reader.person, reader.at)
    return or_(_reach(reader), named, _as_deputy(reader))


def within(actor: Terms, event: str) -> ColumnElement[bool]:
    """The clause on ``case_file``: where ``actor`` may send ``event`` though the case is not theirs to read.

    Whoever must keep out is not left out by it.
    """
    return or_(false(), *(_within(how, actor) for how in sorted(reach(actor.role, event))))


def readable_report(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``report``: what one took in oneself, and the reports of the cases one may read."""
    of_case = exists().where(
        _CASE_REPORT.c.report_id == REPORT.c.id,
        _CASE_REPORT.c.until.is_(None),
        _CASE_REPORT.c.case_id == CASE.c.id,
        readable(reader),
    )
    of_recused = exists().where(
        _CASE_REPORT.c.report_id == REPORT.c.id, _CASE_REPORT.c.case_id == CASE.c.id, _out(reader)
    )
    return and_(or_(REPORT.c.receiver_id == reader.person, of_case), not_(of_recused))


def at_agency(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``referral``: it was sent to the reader's unit, whose service they give.

    For as long as it lasts and a while after (``models.access.slices``); a recused person has no part in it.
    """
    kept = or_(REFERRAL.c.ended_at.is_(None), REFERRAL.c.ended_at > reader.at - literal(AFTER, Interval()))
    return and_(
        REFERRAL.c.receiver_id == reader.unit,
        REFERRAL.c.state != "draft",
        REFERRAL.c.service.in_(sorted(services_of(reader.role))),
        kept,
        not_(keeps_out(REFERRAL.c.case_id, reader)),
    )


def agreed() -> ColumnElement[bool]:
    """The clause on ``referral``: its agency said yes at some time, and sees its slice while it sees the referral.

    Once the consent it was sent with is taken back, it does not; an emergency service goes on.
    """
    # In its own braces wherever it is put.
    yes = or_(REFERRAL.c.accepted_at.is_not(None), REFERRAL.c.state.in_(sorted(TAKEN_ON)))
    goes_on = or_(REFERRAL.c.consent_lost_at.is_(None), REFERRAL.c.service.in_(sorted(EMERGENCY_SERVICES)))
    return and_(yes, goes_on).self_group()


def served(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``referral``: the reader sees its slice, and with it its files."""
    return and_(at_agency(reader), agreed())


def takes_files(reader: Terms) -> ColumnElement[bool]:
    """The clause on ``referral``: the reader may add a file to it."""
    return and_(served(reader), REFERRAL.c.state.in_(sorted(TAKES_FILES)))


def readable_escalation(reader: Terms, case: ColumnElement[bool]) -> ColumnElement[bool]:
    """The clause on ``escalation`` joined with ``case_file``: what was sent to oneself, and one's cases' own.

    ``case`` is ``readable`` of the same reader, which a statement may hold once only.
    """
    return and_(not_(_out(reader)), or_(sent_to(reader.person), case))


def sent_to(person: ColumnElement[Any]) -> ColumnElement[bool]:
    """The clause on ``escalation``: it went to this person."""
    return exists().where(_RECIPIENT.c.escalation_id == ESCALATION.c.id, _RECIPIENT.c.person_id == person)


def below(unit: ColumnElement[Any], at: ColumnElement[Any]) -> Select[Any]:
    """The ids of a unit and every unit below it at an instant."""
    return _descend(select(unit.label("id")), at)


def not_(clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """The clause's opposite."""
    return ~clause


def _reach(reader: Terms) -> ColumnElement[bool]:
    match scope(reader.role, "read_case"):
        case Scope.UNIT:
            return _of_unit(reader.unit)
        case Scope.PROVINCE:
            units = province(reader)
            unrouted = and_(
                CASE.c.unit_id.is_(None), _received(lambda r: r.receiver_unit_id.in_(units) | _nowhere(r, reader.at))
            )
            return or_(CASE.c.unit_id.in_(units), unrouted)
        case Scope.OWN | Scope.RECEIVED:
            return _received(_taken_in(reader), brought_it=True)
        case Scope.NATIONAL:
            return true()
        case _:
            return false()


def _of_unit(unit: ColumnElement[Any]) -> ColumnElement[bool]:
    """Held by the unit; or the place of incident or residence, as long as the unit's own report is still unanswered."""
    place = or_(CASE.c.incident_unit_id == unit, CASE.c.residence_unit_id == unit)
    received_here = and_(place, CASE.c.process == "received", _received(lambda r: r.receiver_unit_id == unit))
    return or_(CASE.c.unit_id == unit, received_here)


def brought(reader: Terms) -> Select[Any]:
    """The ids of the cases that the reader, or their office, took in, for a role that reads those (``BROUGHT``)."""
    link, report = _CASE_REPORT.alias(), REPORT.alias()
    return select(link.c.case_id).where(_links(link, report, _taken_in(reader), brought_it=True))


def _taken_in(reader: Terms) -> Callable[[Any], ColumnElement[bool]]:
    if scope(reader.role, "read_case") is Scope.OWN:
        return lambda report: report.receiver_id == reader.person
    return lambda report: report.receiver_unit_id == reader.unit


def _received(by: Callable[[Any], ColumnElement[bool]], *, brought_it: bool = False) -> ColumnElement[bool]:
    """Some report of the case was taken in so. Aliased: an enclosing query may have ``report`` of its own."""
    link, report = _CASE_REPORT.alias(), REPORT.alias()
    return exists().where(link.c.case_id == CASE.c.id, _links(link, report, by, brought_it=brought_it))


def _links(
    link: Any, report: Any, by: Callable[[Any], ColumnElement[bool]], *, brought_it: bool
) -> ColumnElement[bool]:
    """Between a case and a report of it.

    ``brought_it``: one that opened or reopened it. A further one is added by whoever knows the case's code, and must
    not be the way to read it.
    """
    which = link.c.how != "further" if brought_it else true()
    return and_(link.c.report_id == report.c.id, link.c.until.is_(None), which, by(report.c))


def _nowhere(report: Any, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """The receiver stands under no province: a case nobody holds yet, taken in by a national body."""
    provinces = select(_UNIT.c.id).where(_UNIT.c.kind == "province")
    clause: ColumnElement[bool] = report.receiver_unit_id.not_in(_descend(provinces, at, name="provinces"))
    return clause


def _out(reader: Terms) -> ColumnElement[bool]:
    return keeps_out(CASE.c.id, reader)


def _as_deputy(reader: Terms) -> ColumnElement[bool]:
    """As deputy of somebody of the case team who is not recused (process.md §6.5: hidden from their delegates too)."""
    return exists().where(
        _DEPUTY.c.unit_id == CASE.c.unit_id,
        _DEPUTY.c.role.in_(sorted(COMMUNE)),
        deputyship(_DEPUTY, CASE.c.id, reader.person, reader.at),
    )


def _within(how: Reach, actor: Terms) -> ColumnElement[bool]:
    places = (CASE.c.unit_id, CASE.c.incident_unit_id, CASE.c.residence_unit_id)
    match how:
        case Reach.PLACE:
            return or_(*(place == actor.unit for place in places[1:]))
        case Reach.COMMUNE:
            return or_(*(place == actor.unit for place in places))
        case Reach.PROVINCE:
            office = exists().where(_UNIT.c.id == actor.unit, _UNIT.c.kind.not_in(("commune", *sorted(EVERYWHERE))))
            units = province(actor, heads=("province", "committee"))
            return and_(office, or_(*(place.in_(units) for place in places)))
        case Reach.EVERYWHERE:
            return exists().where(_UNIT.c.id == actor.unit, _UNIT.c.kind.in_(sorted(EVERYWHERE)))
        case _:
            return _hands_over(how, actor)


def _hands_over(how: Reach, actor: Terms) -> ColumnElement[bool]:
    match how:
        case Reach.ASKED:
            return CASE.c.transfer_to_id == actor.unit
        case Reach.ANOTHER_COMMUNE:
            commune = exists().where(_UNIT.c.id == actor.unit, _UNIT.c.kind == "commune")
            return and_(commune, CASE.c.unit_id.is_not(None), CASE.c.unit_id != actor.unit)
        case Reach.NATION:
            return exists().where(_UNIT.c.id == actor.unit, _UNIT.c.kind == "national")
        case _:
            return false()


def province(reader: Terms, *, heads: Sequence[str] = ("province",)) -> Select[Any]:
    """The units of the province an office belongs to: everything below the head above it, itself included."""
    up = select(reader.unit.label("id")).cte("up", recursive=True)
    up = up.union(
        select(_PARENT.c.parent_id).join(up, _PARENT.c.unit_id == up.c.id).where(in_force(_PARENT, reader.at))
    )
    provinces = select(_UNIT.c.id).join(up, up.c.id == _UNIT.c.id).where(_UNIT.c.kind.in_(heads))
    start = union(select(reader.unit.label("id")), provinces).subquery("start")
    return _descend(select(start.c.id), reader.at)


def _descend(start: Select[Any], at: ColumnElement[Any], *, name: str = "down") -> Select[Any]:
    down = start.cte(name, recursive=True)
    down = down.union(
        select(_PARENT.c.unit_id).join(down, _PARENT.c.parent_id == down.c.id).where(in_force(_PARENT, at))
    )
    return select(down.c.id)
