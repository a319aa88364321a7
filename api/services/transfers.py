"""Cases on their way from one commune to another: what waits for whom, and who held a case."""

from api import paging
from api.door import Visit
from api.queries import transfers as q
from api.queries.rows import Found
from api.services.cases import event_label, find
from api.shapes.base import Page, PersonRef, UnitRef, unit_ref
from api.shapes.transfers import CustodyIntervalOut, FormerCaseOut, Kind, TransferOut
from models.lifecycle.events import INTAKE


async def under_way(visit: Visit, cursor: str | None, limit: int) -> Page[TransferOut]:
    """A page of what is on its way to or from the reader's unit, or below it, and of what is nobody's.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("read_transfers")
    async with visit.transaction() as connection:
        rows = await q.under_way(
            connection, visit.caller.acting, visit.now, after=paging.decode(cursor), limit=limit + 1
        )
        shown, after = paging.cut(rows, limit, lambda row: (row.place, row.id))
        await visit.note(connection, "list_transfers", "case", detail={"cases": [str(row.id) for row in shown]})
    return Page[TransferOut](items=[_under_way(visit, row) for row in shown], next=after)


async def handed_over(visit: Visit, cursor: str | None, limit: int) -> Page[FormerCaseOut]:
    """A page of what the reader's unit held once; by code alone, for the cases are others' now.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("read_transfers")
    async with visit.transaction() as connection:
        rows = await q.handed_over(
            connection, visit.caller.acting, visit.now, after=paging.decode(cursor), limit=limit + 1
        )
        shown, after = paging.cut(rows, limit, lambda row: (row.until, row.id))
        await visit.note(connection, "list_transfers", "case", detail={"codes": [row.case_code for row in shown]})
    made = [FormerCaseOut(case_code=row.case_code, since=row.since, until=row.until) for row in shown]
    return Page[FormerCaseOut](items=made, next=after)


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
            unit=UnitRef(id=row.unit_id, code=row.unit_code, name_vi=row.unit_name_vi, name_en=row.unit_name_en),
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
        from_unit=unit_ref(row, row.unit_id, "from"),
        to_unit=unit_ref(row, row.transfer_to_id, "to"),
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
