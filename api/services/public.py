"""Reports by anybody, anonymous if they wish: taken in by a system of the hotline's, and a receipt to ask with.

Nothing of where they come from is kept with a report. Of a receipt only a hash is kept; the same report sent again is
one report, and its answer another code for it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from api.door import SYSTEM, Caller, Door, Visit
from api.identity.tokens import new_receipt_code, recovery_hash
from api.problems import Problem
from api.queries import identity
from api.queries import public as q
from api.queries.rows import Found
from api.services import reports, throttle
from api.shapes.public import PublicReceiptOut, PublicReportIn, StandingOut
from models.database import Who, transaction
from models.forms import ChildInfo, Informant, ReportInput
from models.forms.intake import M01
from models.records.actor import Acting
from models.vocabulary import Language

ASKS: Final = 20
"""How often a minute one address may ask about receipts."""
_WINDOW: Final = timedelta(minutes=1)
_NOBODY: Final = Who(system=SYSTEM)


async def communes(door: Door) -> Sequence[Found]:
    """The communes a report may name: code and both names."""
    now = door.clock.now()
    async with transaction(door.engine, _NOBODY, now) as connection:
        return await q.communes(connection, now)


async def is_open(door: Door) -> bool:
    """Whether this installation takes in reports by anybody."""
    return await _desk(door) is not None


async def receive(door: Door, key: UUID, given: PublicReportIn, language: Language) -> PublicReceiptOut:
    """Take a report by anybody in.

    Raises:
        Problem: ``public-intake-closed``, ``idempotency-key-reused``.
    """
    desk = await _desk(door)
    if desk is None:
        raise Problem("public-intake-closed")
    now = door.clock.now()
    acting = Acting(person_id=desk.person_id, position_id=desk.id, unit_id=desk.unit_id, role=desk.role)
    caller = Caller(
        acting=acting, name=desk.full_name, language=language, token_id=desk.id, account_id=None, scopes=frozenset(),
        cookie=False, second_factor=None, expires_at=now + _WINDOW,
    )  # fmt: skip
    receipt = await reports.receive(Visit(door, caller, now, language), key, _as_report(given))
    code = new_receipt_code()
    async with transaction(door.engine, Who(acting.person_id, acting.position_id, reports.INTAKE), now) as connection:
        await q.issue(connection, receipt.id, recovery_hash(code), now)
    return PublicReceiptOut(code=code, received_at=receipt.received_at)


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


async def _desk(door: Door) -> Found | None:
    """The system in whose name reports by anybody are taken in, while it is in force."""
    if door.settings.public_desk is None:
        return None
    now = door.clock.now()
    async with transaction(door.engine, _NOBODY, now) as connection:
        return await q.desk(connection, door.settings.public_desk, now)


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
