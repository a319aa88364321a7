"""The reports that go with a case when it is attached to another, and that leave it when it is detached again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.cases import CaseRow
from models.records.vault import share_reports, unshare_reports
from models.tables import CaseEvent, CaseReport, Report, new_id, table
from models.writing import Write, write

_LINK, _REPORT, _EVENT = table(CaseReport), table(Report), table(CaseEvent)

Linked = tuple[UUID, datetime, bool, datetime | None]
"""A report of a case as ``Surroundings.reports`` has it: id, received, flagged, acknowledged."""

# A report that is there already (two cases opened by one report, or attached a second time) is the same report: it
# is linked again, and acknowledged if either was.
_BRING = Write(
    """
    INSERT INTO case_report AS c
           (id, case_id, report_id, how, received_at, flagged, acknowledged_at, brought_by, until)
    SELECT id, case_id, report_id, how, received_at, flagged, acknowledged_at, brought_by, until FROM said, {rows}
    ON CONFLICT (case_id, report_id) DO UPDATE
       SET until = NULL,
           brought_by = CASE WHEN c.until IS NULL THEN c.brought_by ELSE excluded.brought_by END,
           acknowledged_at = coalesce(c.acknowledged_at, excluded.acknowledged_at)
    """,
    "case_report",
    ("case_id", "report_id"),
)


async def bring_reports(
    connection: AsyncConnection,
    source: CaseRow,
    target: CaseRow,
    reports: Sequence[Linked],
    *,
    how: str,
    acknowledged: Mapping[str | None, datetime | None],
    at: datetime,
) -> None:
    """Link every report of an attached case to the one it is attached to, each with its own acknowledgement.

    Args:
        connection: the transaction of the attaching.
        source: the attached case.
        target: the case it is attached to.
        reports: the attached case's reports.
        how: ``further`` or ``reopening``: what the report that opened the attached case is there.
        acknowledged: by report id when its clock ``acknowledge`` was met, by the attaching if by nothing before.
        at: domain instant.
    """
    rows = [
        {
            "id": new_id(),
            "case_id": target.id,
            "report_id": report,
            "how": how if report == source.report_id else "further",
            "received_at": received,
            "flagged": flagged,
            "acknowledged_at": seen or acknowledged.get(str(report)),
            "brought_by": source.id,
            "until": None,
        }
        for report, received, flagged, seen in reports
    ]
    await write(connection, _BRING, rows)
    await share_reports(connection, [report for report, *_ in reports], of=source.id, to=target.id, at=at)


async def take_reports_back(connection: AsyncConnection, source: CaseRow, target: CaseRow, at: datetime) -> bool:
    """End what linked a detached case's reports to the case it leaves.

    What was acknowledged meanwhile is acknowledged in the detached case too.

    Args:
        connection: the transaction of the detaching.
        source: the case that is detached.
        target: the case it was attached to.
        at: domain instant.

    Returns:
        Whether the case it leaves is flagged without it: by a report of its own since it began or was reopened, or
        because somebody raised an emergency in it.
    """
    there = _LINK.alias()
    await connection.execute(
        update(_LINK)
        .where(
            _LINK.c.case_id == source.id,
            _LINK.c.acknowledged_at.is_(None),
            there.c.case_id == target.id,
            there.c.brought_by == source.id,
            there.c.report_id == _LINK.c.report_id,
            there.c.acknowledged_at.is_not(None),
        )
        .values(acknowledged_at=there.c.acknowledged_at)
    )
    gone = await connection.execute(
        update(_LINK)
        .where(_LINK.c.case_id == target.id, _LINK.c.brought_by == source.id, _LINK.c.until.is_(None))
        .values(until=at)
        .returning(_LINK.c.report_id)
    )
    await unshare_reports(connection, gone.scalars().all(), target.id)
    reported = exists().where(
        _LINK.c.case_id == target.id,
        _LINK.c.until.is_(None),
        _LINK.c.flagged,
        _LINK.c.received_at >= target.receipt_at,
    )
    raised = exists().where(
        _EVENT.c.case_id == target.id,
        (_EVENT.c.event == "raise_emergency") | _EVENT.c.implied.contains(["raise_emergency"]),
        _EVENT.c.occurred_at >= target.receipt_at,
    )
    return bool((await connection.execute(select(reported | raised))).scalar_one())


_HAS_A_SAY = text(
    """
    WITH RECURSIVE up AS (
        SELECT unnest(CAST(:offices AS uuid[])) AS unit_id, 0 AS depth
        UNION
        SELECT p.parent_id, up.depth + 1 FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
         WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND up.depth < 8
    )
    SELECT EXISTS (SELECT FROM up WHERE unit_id = :unit_id)
    """
)


async def serves(connection: AsyncConnection, offices: Sequence[UUID], unit_id: UUID, at: datetime) -> bool:
    """Whether a unit is one of some offices, or stands above one of them.

    Args:
        connection: any transaction.
        offices: offices of a case.
        unit_id: the unit.
        at: domain instant: the organisation as in force then.
    """
    asked = {"offices": list(offices), "unit_id": unit_id, "at": at}
    return bool((await connection.execute(_HAS_A_SAY, asked)).scalar_one())


async def took_in(connection: AsyncConnection, case: CaseRow, person: UUID) -> bool:
    """Whether a person received a report of a case."""
    received = exists().where(
        _LINK.c.case_id == case.id,
        _LINK.c.until.is_(None),
        _REPORT.c.id == _LINK.c.report_id,
        _REPORT.c.receiver_id == person,
    )
    return bool((await connection.execute(select(received))).scalar_one())
