"""What was set aside of the reports by anybody: looked at by the hotline, let in or put away, and never forgotten.

A decision is written down first and carried out afterwards, in a transaction of the system in whose name the report
came: so an officer's word stands even where the report cannot be taken in this very moment, and it is made good by
``let_in_due``, which also takes in what nobody has looked at in time. Taking in happens once, whoever comes first.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api import paging
from api.door import SYSTEM, Caller, Door, Visit
from api.language import DEFAULT
from api.problems import Problem
from api.queries import public
from api.queries import set_aside as q
from api.queries.rows import Found
from api.services import reports
from api.shapes.base import Page, PersonRef
from api.shapes.set_aside import SetAsideOut, SetAsideRead, State
from models.database import Who, as_part, transaction
from models.forms import content
from models.records import set_aside as aside
from models.records.actor import Acting
from models.vocabulary import Language

PART: Final = "public_door"
"""The part of the system that knows reports again and sets them aside."""
_RECORD: Final = "set_aside"
_A_VISIT: Final = timedelta(minutes=1)
_LOG = structlog.get_logger("api.set_aside")


async def desk(door: Door, instead: UUID | None = None) -> Found | None:
    """The system in whose name reports by anybody are taken in, while it is in force; else the one ``instead``."""
    now = door.clock.now()
    async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
        for position in (door.settings.public_desk, instead):
            found = None if position is None else await public.desk(connection, position, now)
            if found is not None:
                return found
    return None


def visit_of(door: Door, of: Found, language: Language = DEFAULT) -> Visit:
    """A visit in the name of such a system."""
    now = door.clock.now()
    acting = Acting(person_id=of.person_id, position_id=of.id, unit_id=of.unit_id, role=of.role)
    caller = Caller(
        acting=acting, name=of.full_name, language=language, token_id=of.id, account_id=None, scopes=frozenset(),
        cookie=False, second_factor=None, expires_at=now + _A_VISIT,
    )  # fmt: skip
    return Visit(door, caller, now, language)


async def page(visit: Visit, state: State, cursor: str | None, limit: int) -> Page[SetAsideOut]:
    """What was set aside and stands so, the oldest first.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("judge_set_aside")
    async with visit.transaction() as connection:
        rows = await q.page(connection, visit.caller.acting, state, after=paging.decode(cursor), limit=limit + 1)
        shown, after = paging.cut(rows, limit, lambda row: (row.received_at, row.id))
        await visit.note(connection, "list", _RECORD, detail={"set_aside": [str(row.id) for row in shown]})
    return Page[SetAsideOut](items=[SetAsideOut(**_shown(row)) for row in shown], next=after)


async def read(visit: Visit, report_id: UUID) -> SetAsideRead:
    """One of them with what was told; who told it is opened to nobody before it is a report.

    Raises:
        Problem: ``not-permitted``, ``not-found``.
    """
    await visit.require("judge_set_aside")
    async with visit.transaction() as connection:
        row = await _found(connection, visit, report_id)
        said, informant = None, False
        if row.sealed is not None:
            said = content(await aside.words(connection, row))
            informant = said["m01"].pop("informant", None) is not None
        await visit.note(connection, "read", _RECORD, record_id=report_id, detail={"withheld": said is None})
    return SetAsideRead(**_shown(row), content=said, informant=informant)


async def let_in(visit: Visit, report_id: UUID) -> SetAsideOut:
    """Let one in, though it was put away before: it becomes a report and a case, received when it was sent.

    Raises:
        Problem: ``not-permitted``, ``not-found``.
    """
    await visit.require("judge_set_aside")
    async with visit.transaction() as connection:
        row = await _found(connection, visit, report_id, lock=True)
        if row.taken_in_at is None and row.decision != aside.LET_IN:
            await aside.decide(
                connection, report_id, aside.LET_IN, visit.caller.acting, visit.now, put_away_as=None
            )  # fmt: skip
        await visit.note(
            connection, "let_in", _RECORD, record_id=report_id,
            detail={"reasons": row.reasons.split(), "before": row.decision},
        )  # fmt: skip
    await take_in(visit.door, report_id)
    return await _as_it_stands(visit, report_id)


async def put_away(visit: Visit, report_id: UUID, reason: str) -> SetAsideOut:
    """Put one away as no report. It is kept, and can be let in after all.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``already-let-in``.
    """
    await visit.require("judge_set_aside")
    async with visit.transaction() as connection:
        row = await _found(connection, visit, report_id, lock=True)
        if row.taken_in_at is not None or row.decision == aside.LET_IN:
            raise Problem("already-let-in")
        if row.decision is None:
            await aside.decide(
                connection, report_id, aside.PUT_AWAY, visit.caller.acting, visit.now, put_away_as=reason
            )  # fmt: skip
        await visit.note(
            connection, "put_away", _RECORD, record_id=report_id,
            detail={"reasons": row.reasons.split(), "before": row.decision, "as": reason},
        )  # fmt: skip
    return await _as_it_stands(visit, report_id)


async def let_in_due(door: Door) -> int:
    """Take in what was let in and is not in yet, and what nobody has looked at in time. Says how many it were.

    One that cannot be taken in holds up no other, and is tried again the next time.
    """
    now = door.clock.now()
    rules = door.reference.protocol_at(now).public_door
    async with transaction(door.engine, Who(system=PART), now) as connection:
        if rules is not None:
            await aside.forget(connection, now - rules.same_words_within.span)
        waiting = await aside.due(connection, now)
    count = 0
    for report_id in waiting:
        try:
            count += await take_in(door, report_id)
        except Exception as error:  # noqa: BLE001 - whatever keeps one out must not keep out the next
            _LOG.error("report set aside not taken in", command_id=str(report_id), error=type(error).__name__)
    return count


async def take_in(door: Door, report_id: UUID) -> bool:
    """Make a report and its cases of one that may go in now. False where it is in, or may not."""
    async with transaction(door.engine, Who(system=PART), door.clock.now()) as connection:
        row = await q.one(connection, report_id)
    of = None if row is None else await desk(door, row.receiver_position_id)
    if of is None:
        _LOG.error("report set aside not taken in: no desk is named", command_id=str(report_id))
        return False
    visit = visit_of(door, of)
    async with visit.transaction(reports.INTAKE, plan_once=True) as connection:
        async with as_part(connection, PART):
            row = await aside.lock(connection, report_id)
            if row is None or not aside.may_go_in(row, visit.now):
                return False
            report = await aside.words(connection, row)
            await aside.taken_in(connection, report_id, visit.now)
        receipt = await reports.take_in(connection, visit, report_id, report)
        await visit.note(
            connection, "went_in", _RECORD, record_id=report_id,
            detail={
                "reasons": row.reasons.split(),
                "by_itself": row.decision is None,
                "cases": [str(one.id) for one in receipt.cases],
            },
        )  # fmt: skip
    _LOG.info("report set aside taken in", command_id=str(report_id), by_itself=row.decision is None)
    reports.announce(door, receipt)
    return True


async def _found(connection: AsyncConnection, visit: Visit, report_id: UUID, *, lock: bool = False) -> Found:
    row = await q.find(connection, visit.caller.acting, report_id, lock=lock)
    if row is None:
        raise Problem("not-found")
    return row


async def _as_it_stands(visit: Visit, report_id: UUID) -> SetAsideOut:
    async with visit.transaction() as connection:
        return SetAsideOut(**_shown(await _found(connection, visit, report_id)))


def _shown(row: Found) -> dict[str, Any]:
    state = "taken_in" if row.taken_in_at is not None else row.decision or "waiting"
    decided_by = None if row.decided_by is None else PersonRef(id=row.decided_by, name=row.decided_name)
    return {
        "id": row.id,
        "state": state,
        "received_at": row.received_at,
        "reasons": row.reasons.split(),
        "flagged": row.flagged,
        "goes_in_at": row.due_at if state == "waiting" else None,
        "decided_by": decided_by,
        "decided_at": row.decided_at,
        "put_away_as": row.put_away_as,
        "taken_in_at": row.taken_in_at,
    }
