"""Taking reports in: never lost, whatever is away.

The report, its cases, their deadlines and the receipt itself are committed in one transaction; the workflows are
started afterwards, on their own, and by the sweep where that did not succeed.
"""

import json
from datetime import datetime
from uuid import UUID

import structlog
from pydantic_core import PydanticCustomError

from api.door import Visit
from api.errors import refused_field
from api.problems import PROBLEMS, Problem
from api.queries import reports, submissions
from api.services import keys
from api.services.cases import brought
from api.services.deadlines import just_started
from api.shapes.base import PersonRef, UnitRef
from api.shapes.cases import StateOut
from api.shapes.reports import LinkedCase, OpenedCase, ReceiptOut, ReportOut
from models.access import HOTLINE, DataClass, sees
from models.forms import ReportInput
from models.protocol.types import Clock
from models.records.intake import Intake, IntakeRefusedError, receive_report

TARGET = "reports"
INTAKE = "intake"
"""The part of the system that finds out who is to be told of a report."""
_LOG = structlog.get_logger("api.reports")


async def receive(visit: Visit, key: UUID, report: ReportInput) -> ReceiptOut:
    """Take a report in and answer with its receipt.

    Raises:
        Problem: ``not-permitted``, ``idempotency-key-reused``, ``invalid-request`` (a receipt in the future).
    """
    await visit.require("receive_report")
    try:
        report.refuse_future(visit.now)
    except PydanticCustomError as error:
        raise refused_field(error, "body", "received_at") from None
    command_id = keys.command_id(visit.caller.person_id, key, TARGET)
    digest = keys.request_hash(report)
    async with visit.transaction(INTAKE, plan_once=True) as connection:
        before = await submissions.claim(
            connection, submission_id=command_id, person_id=visit.caller.person_id, key=key, target=TARGET,
            request_hash=digest, case_id=None, at=visit.now,
        )  # fmt: skip
        if before is not None:
            keys.check_same(before, digest)
            return ReceiptOut.model_validate_json(json.dumps(before.answer))
        try:
            intake = await receive_report(
                connection,
                report=report,
                actor=visit.caller.acting,
                now=visit.now,
                reference=visit.door.reference,
                command_id=command_id,
            )
        except IntakeRefusedError as error:
            raise _refused(error) from None
        receipt = _receipt(visit, intake, flagged=report.flagged)
        await submissions.answer(connection, command_id, at=visit.now, answer=receipt.model_dump(mode="json"))
    visit.door.metrics.reports.labels(str(report.flagged).lower()).inc()
    for opened in receipt.cases:
        _LOG.info("report received", case_code=opened.code, command_id=str(command_id))
        visit.door.starts.soon(opened.id)
    return receipt


async def read(visit: Visit, report_id: UUID) -> ReportOut:
    """One report, in the reader's scope.

    Raises:
        Problem: ``not-found``.
    """
    async with visit.transaction() as connection:
        row = await reports.find(connection, visit.caller.acting, visit.now, report_id)
        if row is None:
            raise Problem("not-found")
        linked = await reports.cases_of(connection, visit.caller.acting, visit.now, report_id)
        role, own = visit.caller.role, row.receiver_id == visit.caller.person_id
        # The whole report names every child in it; who may read only one child's case reads Mẫu 01 in that file.
        whole = await reports.is_whole(connection, report_id)
        seen = own or (whole and sees(role, DataClass.P2))
        if role in HOTLINE:
            seen = brought(visit, row.receiver_id, row.receiver_unit_id)
        content = dict(row.content) if seen else None
        if content is not None and not own and not sees(role, DataClass.INFORMANT):
            content["m01"] = {name: value for name, value in content.get("m01", {}).items() if name != "informant"}
        await visit.note(connection, "read", "report", record_id=report_id, detail={"withheld": not seen})
    return ReportOut(
        id=row.id,
        code=row.code,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        channel=row.channel,
        flagged=row.flagged,
        trigger=row.trigger,
        receiver=PersonRef(id=row.receiver_id, name=row.receiver_name),
        receiver_unit=UnitRef(
            id=row.receiver_unit_id, code=row.unit_code, name_vi=row.unit_name_vi, name_en=row.unit_name_en
        ),
        content_hash=row.content_hash,
        content=content,
        withheld=not seen,
        cases=[LinkedCase(id=each.id, code=each.code) for each in linked],
    )


def _receipt(visit: Visit, intake: Intake, *, flagged: bool) -> ReceiptOut:
    """The receipt of what is about to be committed; nothing of it has to be read back."""
    return ReceiptOut(
        id=intake.report_id,
        code=intake.report_code,
        received_at=intake.received_at,
        recorded_at=visit.now,
        flagged=flagged,
        cases=[
            OpenedCase(
                id=case.case_id,
                code=case.code,
                child_index=case.child_index,
                state=StateOut.model_validate(case.standing),
                deadlines=[just_started(clock) for clock in sorted(case.clocks, key=_in_order)],
            )
            for case in intake.cases
        ],
    )


def _in_order(clock: Clock) -> tuple[datetime, str, int]:
    return clock.started_at, clock.code, clock.occurrence


def _refused(error: IntakeRefusedError) -> Problem:
    code = error.refused.code
    return Problem(code if code in PROBLEMS else "not-permitted", extra={"about": error.refused.detail})
