"""Taking reports in: never lost, whatever is away.

The report, its cases, their deadlines and the receipt itself are committed in one transaction; the workflows are
started afterwards, on their own, and by the sweep where that did not succeed.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Door, Visit
from api.errors import refused_field
from api.problems import PROBLEMS, Problem
from api.queries import audit, reports, submissions
from api.queries.rows import Found
from api.services import keys
from api.services.cases import brought, declaration_required
from api.services.deadlines import just_started
from api.shapes.base import PersonRef, UnitRef
from api.shapes.cases import StateOut
from api.shapes.reports import InformantOut, InformantReadingInput, LinkedCase, OpenedCase, ReceiptOut, ReportOut
from models.access import HOTLINE, DataClass, sees
from models.forms import AS_STORED, Informant, ReportInput
from models.protocol.types import Clock
from models.records.intake import Intake, IntakeRefusedError, receive_report
from models.records.scope import REPORT
from models.records.vault import shared_key, unseal
from models.vault import ErasedError

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
    async with visit.transaction(INTAKE, plan_once=True) as connection:
        command_id, before = await claim(connection, visit, key, report)
        if before is not None:
            return ReceiptOut.model_validate_json(json.dumps(before))
        receipt = await take_in(connection, visit, command_id, from_system(visit, report))
        await submissions.answer(connection, command_id, at=visit.now, answer=receipt.model_dump(mode="json"))
    announce(visit.door, receipt)
    return receipt


async def claim(
    connection: AsyncConnection, visit: Visit, key: UUID, report: ReportInput
) -> tuple[UUID, dict[str, Any] | None]:
    """Take a key for a report: the id it will have, and what was answered where it was sent before.

    Raises:
        Problem: ``idempotency-key-reused``.
    """
    command_id = keys.command_id(visit.caller.person_id, key, TARGET)
    digest = await keys.request_hash(connection, report)
    before = await submissions.claim(
        connection, submission_id=command_id, person_id=visit.caller.person_id, key=key, target=TARGET,
        request_hash=digest, case_id=None, at=visit.now,
    )  # fmt: skip
    if before is None:
        return command_id, None
    keys.check_same(before, digest)
    await visit.note(connection, "repeat", "report", record_id=command_id)
    return command_id, before.answer


async def take_in(connection: AsyncConnection, visit: Visit, report_id: UUID, report: ReportInput) -> ReceiptOut:
    """A report becomes cases, in a transaction of the part ``INTAKE``; ``announce`` them once it is committed.

    Raises:
        Problem: ``not-permitted``.
    """
    try:
        intake = await receive_report(
            connection,
            report=report,
            actor=visit.caller.acting,
            now=visit.now,
            reference=visit.door.reference,
            command_id=report_id,
            origin=visit.whence.origin,
        )
    except IntakeRefusedError as error:
        raise _refused(error) from None
    return _receipt(visit, intake, flagged=report.flagged)


def announce(door: Door, receipt: ReceiptOut) -> None:
    """Count what was taken in, log it and start its workflows."""
    door.metrics.reports.labels(str(receipt.flagged).lower()).inc()
    for opened in receipt.cases:
        _LOG.info("report received", case_code=opened.code, command_id=str(receipt.id))
        door.starts.soon(opened.id)


_CHANNEL: Final = "SYSTEM"
_SOURCES: Final[dict[str, str]] = {
    **dict.fromkeys(HOTLINE, "HOTLINE"),
    "EDU": "SCHOOL",
    "HLT": "HEALTH",
    "POL": "POLICE",
    **dict.fromkeys(("SHL", "SWC"), "FACILITY"),
    **dict.fromkeys(("WU", "YU", "FF"), "MASS_ORG"),
}
"""Of whom a report is, in the vocabulary ``sources``, where an agency's system does not say."""


def from_system(visit: Visit, report: ReportInput) -> ReportInput:
    """A report with how it came and from whom, where an agency's system sent it and did not say; else as it is."""
    if visit.caller.scopes is None:
        return report
    said = {"channel": report.m01.channel or _CHANNEL, "source": report.m01.source or _SOURCES.get(visit.caller.role)}
    return report.model_copy(update={"m01": report.m01.model_copy(update=said)})


async def read(visit: Visit, report_id: UUID) -> ReportOut:
    """One report, in the reader's scope.

    Raises:
        Problem: ``not-found``; ``declaration-required`` for a case of it that a reader who did not take it in opens for
            the first time.
    """
    async with visit.transaction() as connection:
        row = await reports.find(connection, visit.caller.acting, visit.now, report_id)
        if row is None:
            raise Problem("not-found")
        linked = await _opened(connection, visit, row)
        role, own = visit.caller.role, row.receiver_id == visit.caller.person_id
        # The whole report names every child in it; who may read only one child's case reads Mẫu 01 in that file.
        whole = await reports.is_whole(connection, report_id)
        seen = own or (whole and sees(role, DataClass.P2))
        if role in HOTLINE:
            seen = brought(visit, row.receiver_id, row.receiver_unit_id)
        content, erased = (await _content(connection, row)) if seen else (None, False)
        informant = may_open_informant(visit, row) and await reports.informant(connection, report_id) is not None
        about = await audit.cases_of_report(connection, report_id)
        await visit.note(
            connection,
            "read",
            "report",
            record_id=report_id,
            detail={"withheld": not seen, "erased": erased, "cases": about},
        )
    return ReportOut(
        id=row.id,
        code=row.code,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        channel=row.channel,
        flagged=row.flagged,
        trigger=row.trigger,
        receiver=PersonRef(id=row.receiver_id, name=row.receiver_name),
        by_system=row.receiver_kind == "service",
        receiver_unit=UnitRef(
            id=row.receiver_unit_id, code=row.unit_code, name_vi=row.unit_name_vi, name_en=row.unit_name_en
        ),
        content_hash=row.content_hash,
        content=content,
        withheld=not seen,
        erased=erased,
        informant=informant,
        cases=[LinkedCase(id=each.id, code=each.code) for each in linked],
    )


async def _opened(connection: AsyncConnection, visit: Visit, row: Found) -> Sequence[Found]:
    """The cases of a report the reader may read.

    Raises:
        Problem: ``declaration-required``, unless they took the report in themselves.
    """
    linked = await reports.cases_of(connection, visit.caller.acting, visit.now, row.id)
    unopened = next((each for each in linked if not each.declared), None)
    if unopened is not None and row.receiver_id != visit.caller.person_id:
        raise declaration_required(unopened.id, unopened.code)
    if len(linked) == 1:
        visit.case_id = linked[0].id
    return linked


async def _content(connection: AsyncConnection, row: Found) -> tuple[dict[str, Any] | None, bool]:
    try:
        key = await shared_key(connection, row.id)
    except ErasedError:
        return None, True
    return unseal(key, REPORT, row.id, row.sealed, row.content_hash), False


def may_open_informant(visit: Visit, row: Found) -> bool:
    """Whether the reader of a report may know who informed: who took it in, and the Chair (process.md §6.4)."""
    return row.receiver_id == visit.caller.person_id or sees(visit.caller.role, DataClass.INFORMANT)


async def informant(visit: Visit, report_id: UUID, why: InformantReadingInput) -> InformantOut:
    """Who informed, opened for a reason that stays on record with whoever gave it.

    Raises:
        Problem: ``not-permitted``; ``not-found``, for a report out of scope, as for one that has no informant;
            ``declaration-required``; ``content-erased``.
    """
    await visit.require("read_informant")
    async with visit.transaction() as connection:
        row = await reports.find(connection, visit.caller.acting, visit.now, report_id)
        if row is None:
            raise Problem("not-found")
        if not may_open_informant(visit, row):
            raise Problem("not-permitted")
        await _opened(connection, visit, row)
        found = await reports.informant(connection, report_id)
        if found is None:
            raise Problem("not-found")
        key = await shared_key(connection, found.id)
        said = Informant.model_validate(
            unseal(key, reports.INFORMANT, found.id, found.sealed), context={AS_STORED: True}
        )
        reading = await reports.note_reading(
            connection, found.id, visit.caller.acting, purpose=why.purpose, note=why.note, key=key, at=visit.now
        )
        about = await audit.cases_of_report(connection, report_id)
        await visit.note(
            connection, "read", "informant", record_id=report_id,
            case_id=UUID(about[0]) if len(about) == 1 else None,
            detail={"purpose": why.purpose, "reading": str(reading), "cases": about},
        )  # fmt: skip
    return InformantOut(report_id=report_id, reading_id=reading, **said.model_dump())


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
