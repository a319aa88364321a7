"""Deadlines as people read them: what is due when, why, and who was told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import cases
from api.queries.rows import Found
from api.shapes.base import PersonRef, Text
from api.shapes.cases import BreachOut, DeadlineOut, ExplanationOut, RungOut, ToldOut
from models.protocol.arithmetic import ProtocolError
from models.protocol.registry import shipped_protocols
from models.protocol.rules import DeadlineRule
from models.protocol.types import MARKS, Clock
from models.vocabulary import codes, term

ByRung = Mapping[tuple[UUID, int], list[ToldOut]]


async def deadlines_of(connection: AsyncConnection, case_ids: Collection[UUID]) -> dict[UUID, list[DeadlineOut]]:
    """The deadlines of cases already found in scope, each with its rungs, notices and breaches, by case."""
    rungs = {(row.deadline_id, row.ordinal): row for row in await cases.rungs(connection, case_ids)}
    told = told_by_rung(await cases.told(connection, case_ids))
    breaches: dict[UUID, list[BreachOut]] = {}
    for row in await cases.breaches(connection, case_ids):
        breaches.setdefault(row.deadline_id, []).append(_breach(row))
    found: dict[UUID, list[DeadlineOut]] = {case_id: [] for case_id in case_ids}
    for row in await cases.deadlines(connection, case_ids):
        clock = Clock.model_validate(row.clock)
        found[row.case_id].append(_deadline(clock, rungs, told, breaches.get(row.id, [])))
    return found


def started(clocks: Collection[Clock]) -> list[DeadlineOut]:
    """Deadlines that were started this moment: nothing of them has fired, and nobody was told yet."""
    ordered = sorted(clocks, key=lambda clock: (clock.started_at, clock.code, clock.occurrence))
    return [_deadline(clock, {}, {}, [], fresh=True) for clock in ordered]


def touched(found: Collection[Mapping[str, Any]]) -> list[DeadlineOut]:
    """The deadlines an act was the last to touch, as ``api.queries.cases.outcome`` has them."""
    shown = []
    for one in found:
        clock = Clock.model_validate(one["clock"])
        rungs = {(clock.id, rung["ordinal"]): SimpleNamespace(nobody=False, **rung) for rung in one["rungs"]}
        shown.append(_deadline(clock, rungs, {}, []))
    return shown


def told_by_rung(notices: Iterable[Found]) -> dict[tuple[UUID, int], list[ToldOut]]:
    """Notices by the rung they belong to."""
    found: dict[tuple[UUID, int], list[ToldOut]] = {}
    for row in notices:
        if row.ordinal is not None:
            found.setdefault((row.deadline_id, row.ordinal), []).append(
                ToldOut(
                    person=PersonRef(id=row.person_id, name=row.full_name),
                    role=row.role,
                    channel=row.channel,
                    state=row.state,
                    deliver_at=row.deliver_at,
                    sent_at=row.sent_at,
                    seen_at=row.seen_at,
                )
            )
    return found


def _deadline(
    clock: Clock,
    rungs: Mapping[tuple[UUID, int], Found],
    told: ByRung,
    breaches: Sequence[BreachOut],
    *,
    fresh: bool = False,
) -> DeadlineOut:
    rule = _rule(clock)
    basis = rule.basis if rule else None
    return DeadlineOut(
        id=clock.id,
        code=clock.code,
        name=_name(clock.code, rule),
        mark=MARKS[clock.kind],
        basis=basis.text if basis else None,
        basis_verified=basis.verified if basis else None,
        occurrence=clock.occurrence,
        subject=clock.subject,
        status=clock.status,
        start_event=clock.start_event,
        started_at=clock.started_at,
        due_at=clock.due_at,
        statutory_due_at=clock.statutory_due_at,
        amount=clock.amount,
        variant=clock.variant,
        met_at=clock.met_at,
        met_by=clock.met_by,
        met_late=clock.met_late,
        recorded_late=clock.recorded_late,
        ended_at=clock.ended_at,
        cancel_reason=clock.cancel_reason,
        protocol_version=clock.protocol_version,
        calendar_version=clock.calendar_version,
        override=clock.override,
        explanation=ExplanationOut.model_validate(clock.explanation.model_dump()),
        rungs=[_rung(clock, one, rungs, told, fresh=fresh and one in clock.pending) for one in clock.rungs],
        breaches=list(breaches),
    )


def _rung(clock: Clock, planned: Any, rows: Mapping[tuple[UUID, int], Found], told: ByRung, *, fresh: bool) -> RungOut:
    key = (clock.id, planned.ordinal)
    row = rows.get(key)
    return RungOut(
        ordinal=planned.ordinal,
        level=planned.level,
        at=planned.at,
        due_at=planned.due_at,
        deliver_at=planned.deliver_at,
        breach=planned.breach,
        condition=planned.condition,
        state=row.state if row else "planned" if fresh else "not_needed",
        fired_at=row.fired_at if row else None,
        nobody=row.nobody if row else False,
        told=told.get(key, []),
    )


def _breach(row: Found) -> BreachOut:
    return BreachOut(
        kind=row.kind,
        due_at=row.due_at,
        recorded_at=row.recorded_at,
        mark=row.mark,
        met_at=row.met_at,
        protocol_version=row.protocol_version,
        calendar_version=row.calendar_version,
    )


def _rule(clock: Clock) -> DeadlineRule | None:
    try:
        return shipped_protocols().get(clock.protocol_version).deadlines.get(clock.code)
    except ProtocolError:  # computed by a version this build no longer ships
        return None


def _name(code: str, rule: DeadlineRule | None) -> Text:
    if rule is not None:
        return Text(vi=rule.name_vi, en=rule.name_en)
    if code in codes("deadlines"):
        found = term("deadlines", code)
        return Text(vi=found.vi, en=found.en)
    return Text(vi=code, en=code)
