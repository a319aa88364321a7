"""Breaking the glass: reading a case that is not one's own, when a child is in danger and there is no time to ask.

A reason, a second person, at most three hours, told at once to the holding unit's head of office and the
data-protection officer, and looked at afterwards within a limit (process.md §6.4). It lends reading, never acting, and
opens no case to whoever must keep out of it.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import cases
from api.queries import emergencies as q
from api.queries.rows import Found
from api.services import conflicts
from api.shapes.base import PersonRef, unit_ref
from api.shapes.emergencies import BreakGlassIn, BreakGlassOut, ReviewIn, Standing
from models.access import DataClass, sees
from models.database import as_part
from models.protocol.arithmetic import limit_instant
from models.records.notices import tell
from models.records.people import CasePlace
from models.records.vault import key_in, living_key_in

WAITS: Final = timedelta(hours=1)
"""How long an asking waits for the second person; after that it is asked anew, with the reason as it is then."""
_MOST_LISTED: Final = 100
_REVIEW: Final = "break_glass_review"
"""The deadline of the review, a clock of the case: its workflow learns of it when it is woken, or by the sweep."""


async def ask(visit: Visit, reference: str, given: BreakGlassIn) -> BreakGlassOut:
    """Ask to look into a case.

    Raises:
        Problem: ``not-permitted``; ``invalid-request``: for longer than the protocol allows; ``not-found``, for an
            unknown case as for one to keep out of; ``already-readable``.
    """
    await visit.require("break_glass")
    most = (_longest(visit) - visit.now) // timedelta(minutes=1)
    minutes = most if given.minutes is None else given.minutes
    if minutes > most:
        raise fault("less-than-equal", "body", "minutes")
    acting = visit.caller.acting
    async with visit.transaction() as connection:
        case = await cases.find_behind_glass(connection, reference)
        if case is None:
            raise Problem("not-found")
        visit.case_id = case.id
        if await cases.find(connection, acting, visit.now, str(case.id)) is not None:
            raise Problem("already-readable", case_id=case.id)
        kept = await conflicts.keep_from_one(connection, visit, case.id)
        if kept is None:
            shown = await _asked(connection, visit, case, given, minutes)
    if kept is not None:
        # Said only now, so that it stays on record whom the case is kept from.
        conflicts.wake(visit, [kept])
        problem = Problem("not-found", case_id=case.id)
        await visit.deny(problem)
        raise problem
    return shown


async def _asked(
    connection: AsyncConnection, visit: Visit, case: Found, given: BreakGlassIn, minutes: int
) -> BreakGlassOut:
    acting = visit.caller.acting
    grant = await q.ask(
        connection, await key_in(connection, case.id, case), case_id=case.id, person_id=acting.person_id,
        position_id=acting.position_id, reason=given.reason, note=given.note, minutes=minutes, asked_at=visit.now,
    )  # fmt: skip
    await _note(connection, visit, "ask_break_glass", grant, case.id, reason=given.reason, minutes=minutes)
    return await _shown(connection, visit, await _found(connection, visit, grant))


async def confirm(visit: Visit, grant: UUID) -> BreakGlassOut:
    """Say, as the second person, that it must be. Access begins now; who must hear of it is told in the same moment.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``second-person-needed``, ``break-glass-not-open``.
    """
    await visit.require("confirm_break_glass")
    async with visit.transaction() as connection:
        await q.lock(connection, grant)
        row = await _found(connection, visit, grant)
        if row.person_id == visit.caller.person_id:
            raise Problem("second-person-needed", case_id=row.case_id)
        if _standing(visit, row) != "asked":
            raise Problem("break-glass-not-open", case_id=row.case_id)
        reference = visit.door.reference
        protocol, calendar = reference.protocol_at(visit.now), reference.calendar_at(visit.now)
        limit = protocol.rule(_REVIEW).variants[-1].limit
        assert limit is not None
        await q.say(
            connection,
            grant,
            confirmed_by=visit.caller.person_id,
            confirmed_at=visit.now,
            ends_at=min(visit.now + timedelta(minutes=row.minutes), _longest(visit)),
            review_due_at=limit_instant(visit.now, limit, calendar),
        )
        place = CasePlace(row.case_id, row.case_code, row.unit_id, row.owner_id, row.flagged)
        async with as_part(connection, conflicts.SCREENING):
            told = await tell(
                connection, place, "glass_broken", reference=grant, at=visit.now, roles=["SUP", "DPO"], clock_unit="H"
            )
        await _note(
            connection, visit, "confirm_break_glass", grant, row.case_id, minutes=row.minutes,
            told=[str(one.person_id) for one in told.recipients],
        )  # fmt: skip
        shown = await _shown(connection, visit, await _found(connection, visit, grant))
    visit.door.starts.wake(row.case_id)
    return shown


async def review(visit: Visit, grant: UUID, given: ReviewIn) -> BreakGlassOut:
    """Look at it afterwards: by the holding unit's head of office or the data-protection officer.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``second-person-needed``, ``break-glass-not-open``.
    """
    await visit.require("review_break_glass")
    async with visit.transaction() as connection:
        await q.lock(connection, grant)
        row = await _found(connection, visit, grant)
        if not row.to_review:
            raise Problem("not-found")
        if visit.caller.person_id in (row.person_id, row.confirmed_by):
            raise Problem("second-person-needed", case_id=row.case_id)
        if row.confirmed_at is None or row.reviewed_at is not None:
            raise Problem("break-glass-not-open", case_id=row.case_id)
        await q.say(
            connection, grant, reviewed_by=visit.caller.person_id, reviewed_at=visit.now, finding=given.finding,
            **q.found(await key_in(connection, row.case_id, row), grant, given.note),
        )  # fmt: skip
        await _note(connection, visit, "review_break_glass", grant, row.case_id, finding=given.finding)
        shown = await _shown(connection, visit, await _found(connection, visit, grant))
    visit.door.starts.wake(row.case_id)
    return shown


async def listed(visit: Visit) -> list[BreakGlassOut]:
    """What the caller asked for or confirmed, and what is theirs to review."""
    async with visit.transaction() as connection:
        rows = await q.listed(connection, _MOST_LISTED)
        await visit.note(connection, "list", "break_glass", detail={"grants": [str(row.id) for row in rows]})
        return [await _shown(connection, visit, row) for row in rows]


async def _found(connection: AsyncConnection, visit: Visit, grant: UUID) -> Found:
    row = await q.find(connection, grant)
    if row is None:
        raise Problem("not-found")
    visit.case_id = row.case_id
    return row


async def _note(
    connection: AsyncConnection, visit: Visit, action: str, grant: UUID, case_id: UUID, **detail: Any
) -> None:
    await visit.note(connection, action, "break_glass", record_id=grant, case_id=case_id, detail=detail)


def _longest(visit: Visit) -> datetime:
    """When what is opened now ends at the latest, by the protocol in force."""
    reference = visit.door.reference
    longest = reference.protocol_at(visit.now).parameters.break_glass_longest
    return limit_instant(visit.now, longest, reference.calendar_at(visit.now))


def _standing(visit: Visit, row: Found) -> Standing:
    if row.confirmed_at is None:
        return "asked" if visit.now < row.asked_at + WAITS else "lapsed"
    return "open" if visit.now < row.ends_at else "ended"


async def _shown(connection: AsyncConnection, visit: Visit, row: Found) -> BreakGlassOut:
    # What was said may speak of the child.
    told = sees(visit.caller.role, DataClass.P2)
    note, finding = q.words(await living_key_in(connection, row.case_id, row), row) if told else (None, None)
    unit = unit_ref(row, row.unit_id)
    return BreakGlassOut(
        id=row.id,
        case_code=row.case_code,
        unit=unit,
        person=PersonRef(id=row.person_id, name=row.person_name),
        role=row.role,
        reason=row.reason,
        note=note,
        minutes=row.minutes,
        standing=_standing(visit, row),
        asked_at=row.asked_at,
        confirmed_by=PersonRef(id=row.confirmed_by, name=row.second_name) if row.confirmed_by else None,
        confirmed_at=row.confirmed_at,
        ends_at=row.ends_at,
        review_due_at=row.review_due_at,
        review_overdue=row.review_due_at is not None and row.reviewed_at is None and row.review_due_at <= visit.now,
        reviewed_by=PersonRef(id=row.reviewed_by, name=row.reviewer_name) if row.reviewed_by else None,
        reviewed_at=row.reviewed_at,
        finding=row.finding,
        finding_note=finding,
    )
