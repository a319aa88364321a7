"""Where a case goes when another commune takes it over: whether it can, and who is told (lifecycle.md, custody)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.types import Memory
from models.protocol.types import Clock
from models.records.cases import CaseRow
from models.records.content import Said
from models.records.notices import tell, unit_of
from models.records.people import OWNER, CasePlace, ClockUnit
from models.tables import CaseEvent, Position, Unit, table

_EVENT, _POSITION, _UNIT = table(CaseEvent), table(Position), table(Unit)

_COMMUNE, _PROVINCE = "commune", "province"

LEADS_ELSEWHERE = frozenset({"propose_transfer", "assign_transfer", "complete_initial_assessment"})
"""Events that may name the unit a case is to go to."""


@dataclass(frozen=True)
class Destination:
    """The unit an act would give the case to, or propose it to.

    Attributes:
        unit_id: which; None where the act names none.
        allowed: a commune in force that does not hold the case already.
        across: it, or the commune that was asked before, is in another province than the one that holds the case.
    """

    unit_id: UUID | None = None
    allowed: bool = True
    across: bool = False


_ABOVE = text(
    """
    WITH RECURSIVE up AS (
        SELECT start AS unit_id, start AS above FROM unnest(:units) AS start
        UNION
        SELECT up.unit_id, p.parent_id FROM up JOIN unit_parent p ON p.unit_id = up.above
         WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at))
    SELECT up.unit_id, up.above, u.kind FROM up JOIN unit u ON u.id = up.above
     WHERE u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at)
    """
).bindparams(bindparam("units", type_=ARRAY(Uuid)), bindparam("at", type_=DateTime(timezone=True)))


async def destination(connection: AsyncConnection, case: CaseRow, event: str, said: Said, at: datetime) -> Destination:
    """Where an act leads the case, as the organisation is at an instant.

    Args:
        connection: any transaction.
        case: the case before the act.
        event: its code.
        said: what it says.
        at: domain instant.
    """
    if event == "complete_initial_assessment" and said.act("transfer_to_residence") is True:
        to_unit = case.residence_unit_id
    elif (named := said.act("to_unit")) is not None:
        to_unit = (await connection.execute(select(_UNIT.c.id).where(_UNIT.c.code == named))).scalar()
    else:
        return Destination()
    if to_unit is None:
        return Destination(allowed=False)
    refused = case.memory.get(Memory.TRANSFER_REFUSED)
    asked = case.transfer_to_id or (UUID(refused) if refused else None)
    units = [unit for unit in (case.unit_id, asked, to_unit) if unit is not None]
    rows = (await connection.execute(_ABOVE, {"units": units, "at": at})).all()
    in_force = any(row.unit_id == row.above == to_unit and row.kind == _COMMUNE for row in rows)
    provinces = {unit: {row.above for row in rows if row.unit_id == unit and row.kind == _PROVINCE} for unit in units}
    # Nobody else having taken it, the department may also leave it where it is.
    moves = to_unit != case.unit_id or event == "assign_transfer"
    here = provinces.get(case.unit_id, set()) if case.unit_id is not None else set()
    others = [provinces[unit] for unit in (asked, to_unit) if unit is not None and provinces[unit]]
    return Destination(to_unit, allowed=in_force and moves, across=bool(here) and any(not one & here for one in others))


@dataclass(frozen=True)
class _Told:
    kind: str
    unit: UUID | None
    roles: tuple[str, ...]
    owner: UUID | None = None


async def tell_of_transfer(
    connection: AsyncConnection,
    before: CaseRow,
    after: CaseRow,
    *,
    events: tuple[str, ...],
    started: tuple[Clock, ...],
    reference: UUID,
    at: datetime,
) -> None:
    """Tell both sides what became of a transfer, each through its own people.

    Args:
        connection: the transaction of the act.
        before: the case's row before it.
        after: the row after it.
        events: its event and those it implied.
        started: the clocks it started.
        reference: the command's id.
        at: domain instant.
    """
    asked_by = await _requester(connection, after.id) if "decline_request" in events else None
    clock = next((one for one in started if one.code in ("transfer_acceptance", "transfer_request")), None)
    unit: ClockUnit = "H" if after.flagged else unit_of(clock.amount if clock is not None else "")
    for one in _whom(before, after, events, asked_by):
        if one.unit is None:
            continue
        place = CasePlace(after.id, after.code, one.unit, one.owner, after.flagged)
        await tell(
            connection, place, one.kind, reference=reference, at=at, roles=one.roles, clock_unit=unit, deadline=clock
        )


def _whom(before: CaseRow, after: CaseRow, events: tuple[str, ...], asked_by: UUID | None) -> Iterator[_Told]:
    sender = _Told("", before.unit_id, (OWNER, "SUP"), before.owner_id)
    if "propose_transfer" in events:
        yield _Told("transfer_proposed", after.transfer_to_id, ("CPO", "SUP"))
    match events[0]:
        case "accept_transfer":
            yield replace(sender, kind="transfer_accepted")
        case "refuse_transfer":
            yield replace(sender, kind="transfer_refused")
            for unit in (before.unit_id, before.transfer_to_id):
                yield _Told("transfer_unassigned", unit, ("DOH",))
        case "withdraw_transfer":
            yield _Told("transfer_withdrawn", before.transfer_to_id, ("CPO", "SUP"))
        case "assign_transfer":
            yield _Told("transfer_assigned", after.unit_id, ("CPO", "SUP"))
            for unit in {before.unit_id, before.transfer_to_id} - {after.unit_id}:
                yield _Told("transfer_settled", unit, (OWNER, "SUP") if unit == before.unit_id else ("SUP",),
                            before.owner_id if unit == before.unit_id else None)  # fmt: skip
        case "request_transfer":
            yield _Told("transfer_requested", after.unit_id, (OWNER, "SUP"), after.owner_id)
        case "decline_request":
            yield _Told("request_declined", asked_by, ("SUP",))


async def _requester(connection: AsyncConnection, case_id: UUID) -> UUID | None:
    """The unit that asked for the case last."""
    found: UUID | None = (
        await connection.execute(
            select(_POSITION.c.unit_id)
            .join(_EVENT, _EVENT.c.position_id == _POSITION.c.id)
            .where(_EVENT.c.case_id == case_id, _EVENT.c.event == "request_transfer")
            .order_by(_EVENT.c.sequence.desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    return found
