"""Cases on their way from one commune to another: what waits for whom, and who held a case."""

from api.door import Visit
from api.queries import transfers as q
from api.queries.rows import Found
from api.services.cases import event_label, find
from api.shapes.base import PersonRef, UnitRef
from api.shapes.transfers import CustodyIntervalOut, Kind, TransferOut
from models.access import COMMUNE
from models.lifecycle.events import INTAKE


async def listed(visit: Visit) -> list[TransferOut]:
    """The reader's list.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("read_transfers")
    acting = visit.caller.acting
    async with visit.transaction() as connection:
        rows = await q.under_way(connection, acting, visit.now)
        gone = await q.handed_over(connection, acting, visit.now) if acting.role in COMMUNE else []
        await visit.note(connection, "list_transfers", "case", detail={"cases": [str(row.id) for row in rows]})
    return [_under_way(visit, row) for row in rows] + [_handed_over(row) for row in gone]


async def custody(visit: Visit, reference: str) -> list[CustodyIntervalOut]:
    """Who held a case from when to when.

    Raises:
        Problem: ``not-found`` or ``declaration-required``.
    """
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        await visit.note(connection, "read_custody", "case", record_id=case.id, case_id=case.id)
        rows = await q.intervals(connection, case.id)
    return [
        CustodyIntervalOut(
            unit=_unit(row, "unit"),
            since=row.since,
            until=row.until,
            event=row.event or INTAKE,
            label=event_label(row.event or INTAKE),
            by=PersonRef(id=row.actor_id, name=row.full_name) if row.actor_id else None,
        )
        for row in rows
    ]


def _under_way(visit: Visit, row: Found) -> TransferOut:
    return TransferOut(
        kind=_kind(visit, row),
        case_id=row.id,
        case_code=row.code,
        from_unit=_unit(row, "from") if row.unit_id else None,
        to_unit=_unit(row, "to") if row.transfer_to_id else None,
        risk=row.risk,
        since=row.started_at or row.updated_at,
        due_at=row.due_at,
    )


def _kind(visit: Visit, row: Found) -> Kind:
    if row.custody == "unrouted":
        return "unrouted"
    if row.transfer_to_id is not None:
        return "incoming" if row.transfer_to_id == visit.caller.acting.unit_id else "outgoing"
    return "requested" if row.clock == "transfer_request" else "refused"


def _handed_over(row: Found) -> TransferOut:
    return TransferOut(
        kind="handed_over",
        case_id=None,
        case_code=row.case_code,
        from_unit=_unit(row, "from"),
        to_unit=None,
        risk=None,
        since=row.until,
        due_at=None,
    )


def _unit(row: Found, name: str) -> UnitRef:
    return UnitRef(**{column: getattr(row, f"{name}_{column}") for column in ("id", "code", "name_vi", "name_en")})
