"""Reports by anybody, anonymous if they wish: taken in by a system of the hotline's, and a receipt to ask with.

Nothing of where they come from is kept with a report. Of a receipt only a hash is kept; the same report sent again is
one report, and its answer another code for it. What looks like spam or comes in a flood is set aside for somebody to
look at (``api.services.set_aside``); whoever sent it is answered as everybody else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import SYSTEM, Door, Visit
from api.flood import network
from api.identity.tokens import new_receipt_code, recovery_hash
from api.problems import Problem
from api.queries import identity, submissions
from api.queries import public as q
from api.queries.rows import Found
from api.services import reports, set_aside, throttle
from api.shapes.public import PublicReceiptOut, PublicReportIn, StandingOut
from models import suspicion
from models.database import Who, as_part, transaction
from models.forms import ChildInfo, Informant, ReportInput
from models.forms.intake import M01
from models.protocol.rules import PublicDoor
from models.records import set_aside as aside
from models.records.vault import provider
from models.vocabulary import Language

ASKS: Final = 20
"""How often a minute one address may ask about receipts."""
_WINDOW: Final = timedelta(minutes=1)
_NOBODY: Final = Who(system=SYSTEM)
_LOG = structlog.get_logger("api.public")


async def communes(door: Door) -> Sequence[Found]:
    """The communes a report may name: code and both names."""
    now = door.clock.now()
    async with transaction(door.engine, _NOBODY, now) as connection:
        return await q.communes(connection, now)


async def is_open(door: Door) -> bool:
    """Whether this installation takes in reports by anybody."""
    return await set_aside.desk(door) is not None


async def receive(door: Door, key: UUID, given: PublicReportIn, language: Language, address: str) -> PublicReceiptOut:
    """Take a report by anybody in, or set it aside: the answer is the same.

    Raises:
        Problem: ``public-intake-closed``, ``idempotency-key-reused``.
    """
    desk = await set_aside.desk(door)
    if desk is None:
        raise Problem("public-intake-closed")
    visit = set_aside.visit_of(door, desk, language)
    await visit.require("receive_report")
    rules, report = door.reference.protocol_at(visit.now).public_door, _as_report(given)
    flood = await _flood(door, rules, address, visit.now) if rules else []
    code, opened = new_receipt_code(), None
    async with visit.transaction(reports.INTAKE, plan_once=True) as connection:
        report_id, said = await reports.claim(connection, visit, key, report)
        if said is None:
            report = reports.from_system(visit, report)
            why = await _why(connection, report_id, report, rules, flood, visit.now) if rules else []
            if rules and why:
                said = await _set_aside(connection, visit, report_id, report, rules, why)
            else:
                opened = await reports.take_in(connection, visit, report_id, report)
                said = opened.model_dump(mode="json")
            await submissions.answer(connection, report_id, at=visit.now, answer=said)
        if said.get("set_aside"):
            async with as_part(connection, set_aside.PART):
                await q.issue_aside(connection, report_id, recovery_hash(code), visit.now)
        else:
            await q.issue(connection, report_id, recovery_hash(code), visit.now)
    if opened is not None:
        reports.announce(door, opened)
    return PublicReceiptOut.model_validate({"code": code, "received_at": said["received_at"]})


async def _flood(door: Door, rules: PublicDoor, address: str, now: datetime) -> list[str]:
    """Count a report, and say whether it came in a flood; committed at once, so that nobody waits for another's."""
    counted = (
        (suspicion.PACE, throttle.key(door, "report", "everybody"), rules.pace_within, rules.pace_most),
        (suspicion.ONE_ADDRESS, throttle.key(door, "report", network(address)), rules.address_within,
         rules.address_most),
    )  # fmt: skip
    found = []
    async with transaction(door.engine, _NOBODY, now) as connection:
        for why, under, within, most in counted:
            if await identity.count_attempt(connection, under, now, within.span) > most:
                found.append(why)
    return found


async def _why(  # noqa: PLR0917 - one report, whole
    connection: AsyncConnection,
    report_id: UUID,
    report: ReportInput,
    rules: PublicDoor,
    flood: Sequence[str],
    now: datetime,
) -> list[str]:
    """Why a report is to be set aside, as codes; none for what is taken in at once. It is known again from now on.

    One that says the child is in danger now is set aside only where the very same was taken in.
    """
    words = await provider(connection).mac(suspicion.words_of(report))
    within = rules.same_words_within.span
    async with as_part(connection, set_aside.PART):
        known = await aside.is_known(connection, words, flagged=report.flagged, at=now, within=within)
        await aside.remember(connection, report_id, words, flagged=report.flagged, at=now)
    same = [suspicion.SAME_WORDS] if known else []
    if report.flagged:
        return same
    return [*same, *suspicion.odd(report.m01.happened or "", rules.few_words), *flood]


async def _set_aside(  # noqa: PLR0917 - one report, whole
    connection: AsyncConnection,
    visit: Visit,
    report_id: UUID,
    report: ReportInput,
    rules: PublicDoor,
    why: Sequence[str],
) -> dict[str, object]:
    """Set a report aside; what is kept as the answer to its key."""
    async with as_part(connection, set_aside.PART):
        await aside.set_aside(
            connection, report_id, report, reasons=why, receiver=visit.caller.acting, at=visit.now,
            until=visit.now + (rules.waits_in_danger if report.flagged else rules.waits).span,
        )  # fmt: skip
    visit.door.metrics.set_aside.labels(why[0]).inc()
    _LOG.info("report set aside", command_id=str(report_id), reasons=list(why), flagged=report.flagged)
    return {"id": str(report_id), "received_at": visit.now.isoformat(), "set_aside": True}


async def standing(door: Door, code: str, address: str) -> StandingOut:
    """Where the report of a receipt stands. A code that was never given and one mistyped are answered alike.

    Raises:
        Problem: ``receipt-unknown``, ``too-many-requests``.
    """
    now = door.clock.now()
    async with transaction(door.engine, _NOBODY, now) as connection:
        asked = await identity.count_attempt(connection, throttle.key(door, "receipt", address), now, _WINDOW)
        found = await q.standing(connection, recovery_hash(code))
    if asked > ASKS:
        raise Problem("too-many-requests", headers={"Retry-After": str(int(_WINDOW.total_seconds()))})
    if found is None:
        raise Problem("receipt-unknown")
    return StandingOut.model_validate({"standing": found})


def _as_report(given: PublicReportIn) -> ReportInput:
    named = given.name is not None or given.phone is not None
    return ReportInput(
        m01=M01(
            channel="WEB",
            source="CITIZEN" if named else "ANONYMOUS",
            happened=given.happened,
            children=(
                ChildInfo(name=given.child_name, estimated_age=given.child_age, incident_place=given.place),
            ),
            anonymous=not named,
            informant=Informant(name=given.name, phone=given.phone, sealed=True) if named else None,
        ),
        flagged=given.danger,
        trigger="LIFE" if given.danger else None,
        incident_unit=given.commune,
    )  # fmt: skip
