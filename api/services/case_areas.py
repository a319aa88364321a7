"""In which residential area it happened and the child lives: by it a case goes where its commune is split."""

from api.door import Visit
from api.errors import fault
from api.queries import directory as q
from api.queries import organisation as units
from api.queries.unit_changes import AREA_OF_CASE
from api.services.cases import find, to_write
from api.shapes.directory import CaseAreaIn, CaseAreaOut


async def record(visit: Visit, reference: str, given: CaseAreaIn) -> CaseAreaOut:
    """Record an area of one of the case's communes; the last of each kind holds.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``declaration-required`` or ``invalid-request``.
    """
    await visit.require("record_area")
    async with visit.transaction() as connection:
        case = await to_write(connection, visit, await find(connection, visit, reference))
        communes = [one for one in (case.unit_id, case.incident_unit_id, case.residence_unit_id) if one is not None]
        statement = q.areas(visit.now).where(q.AREA.c.code == given.area_code, q.PLACE.c.unit_id.in_(communes))
        area = await units.one(connection, statement)
        if area is None:
            raise fault("unknown", "body", "area_code")
        row_id = await units.add(
            connection, AREA_OF_CASE, case_id=case.id, area_id=area.id, kind=given.kind, recorded_at=visit.now,
            recorded_by=visit.caller.person_id,
        )  # fmt: skip
        await visit.note(
            connection, "record_area", "case", record_id=case.id, case_id=case.id,
            detail={"kind": given.kind, "area": str(area.id)},
        )  # fmt: skip
    return CaseAreaOut(id=row_id, kind=given.kind, area_code=area.code, area_name=area.name, recorded_at=visit.now)
