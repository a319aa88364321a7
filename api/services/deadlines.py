"""Deadlines as people read them: what is due when, why, and who was told."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import cases
from api.queries.rows import Found
from api.shapes.base import Text
from api.shapes.cases import BreachOut, DeadlineOut, ExplanationOut, RungOut
from models.protocol.arithmetic import ProtocolError
from models.protocol.registry import shipped_protocols
from models.protocol.rules import DeadlineRule
from models.protocol.types import MARKS, Clock
from models.protocol.types import Rung as Planned
from models.vocabulary import codes, term

_OnRecord = Mapping[str, Any]
"""What became of a rung: members of ``RungOut``."""

_TO_COME: _OnRecord = {"state": "planned", "fired_at": None, "nobody": False, "told": []}
_NOT_NEEDED: _OnRecord = {**_TO_COME, "state": "not_needed"}


async def deadlines_of(connection: AsyncConnection, case_id: UUID) -> list[DeadlineOut]:
    """The deadlines of a case already found in scope, each with its rungs, notices and breaches."""
    return [deadline_out(row) for row in await cases.deadlines(connection, case_id)]


def deadline_out(row: Found) -> DeadlineOut:
    """A row of ``api.queries.cases.deadlines`` as it is shown."""
    clock = Clock.model_validate(row.clock)
    rungs = {one["ordinal"]: one for one in row.rungs}
    return _deadline(clock, rungs, [BreachOut.model_validate(one) for one in row.breaches])


def just_started(clock: Clock) -> DeadlineOut:
    """The same of a clock that this transaction has started: its rungs are all to come, nobody was told at one yet."""
    return _deadline(clock, {rung.ordinal: _TO_COME for rung in clock.pending}, [])


def _deadline(clock: Clock, rungs: Mapping[int, _OnRecord], breaches: list[BreachOut]) -> DeadlineOut:
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
        explanation=ExplanationOut.model_validate(clock.explanation),
        rungs=[_rung(one, rungs.get(one.ordinal, _NOT_NEEDED)) for one in clock.rungs],
        breaches=breaches,
    )


def _rung(planned: Planned, on_record: _OnRecord) -> RungOut:
    return RungOut(
        ordinal=planned.ordinal,
        level=planned.level,
        at=planned.at,
        due_at=planned.due_at,
        deliver_at=planned.deliver_at,
        breach=planned.breach,
        condition=planned.condition,
        state=on_record["state"],
        fired_at=on_record["fired_at"],
        nobody=on_record["nobody"],
        told=on_record["told"],
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
