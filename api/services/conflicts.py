"""Conflict of interest at the door (process.md §6.5): what people declare, and what an officer has to decide.

Who is found to match is kept out by ``models.records.conflicts``, in the transaction that brought the name.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.problems import Problem
from api.queries import conflicts as q
from api.queries.rows import Found
from api.services import actions
from api.services.cases import find, locate
from api.shapes.base import PersonRef
from api.shapes.conflicts import ConflictOut, DeclarationIn, DeclarationOut, RelativeIn, RelativeOut, ThroughOut
from models.database import as_part
from models.forms import INPUTS
from models.lifecycle import EVENTS
from models.records.cases import CaseRow
from models.records.conflicts import compare, declare_related, may_judge, ranks_of, screen
from models.records.notices import tell
from models.records.tells import conflict_found, place_of

SCREENING = "screening"
"""The part of the system that keeps cases from people who may be in conflict with them, and tells who decides."""
_RECUSE = "record_recusal"
_NONE = "none"
_OWN_WORDS = "Tự khai khi mở hồ sơ: có quan hệ hoặc quyền lợi liên quan."
"""The reason on a recusal that somebody brings about by their own declaration."""


async def relatives(visit: Visit) -> list[RelativeOut]:
    """What the caller has declared."""
    async with visit.transaction() as connection:
        rows = await q.relatives(connection, visit.caller.person_id)
        await visit.note(connection, "list", "relative")
    return [_relative(row) for row in rows]


async def add_relative(visit: Visit, given: RelativeIn) -> RelativeOut:
    """Declare a relative; the cases it may concern are kept from the caller from this moment on."""
    async with visit.transaction() as connection:
        row_id = await q.add_relative(
            connection, person_id=visit.caller.person_id, name=given.name,
            relation=given.relation, birth_year=given.birth_year, declared_at=visit.now,
        )  # fmt: skip
        await visit.note(connection, "add", "relative", record_id=row_id, detail={"relation": given.relation})
        kept = await keep_from(connection, visit, visit.caller.person_id)
        row = next(each for each in await q.relatives(connection, visit.caller.person_id) if each.id == row_id)
    wake(visit, kept)
    return _relative(row)


async def end_relative(visit: Visit, relative_id: UUID) -> RelativeOut:
    """Take a declaration back. What it has led to stays until an officer decides on it.

    Raises:
        Problem: ``not-found``.
    """
    async with visit.transaction() as connection:
        row = await q.end_relative(connection, visit.caller.person_id, relative_id, visit.now)
        if row is None:
            raise Problem("not-found")
        await visit.note(connection, "end", "relative", record_id=relative_id)
    return _relative(row)


async def keep_from(
    connection: AsyncConnection, visit: Visit, person_id: UUID, *, in_office: datetime | None = None
) -> Sequence[CaseRow]:
    """Keep somebody from the cases they may now be in conflict with, and tell those who decide.

    ``in_office``: when a position of theirs begins, where that is later than now.

    The caller wakes the cases' workflows once its transaction is committed (``wake``).
    """
    async with as_part(connection, SCREENING):
        kept = await screen(connection, person_id, visit.now, in_office=in_office)
        for case in kept:
            await _tell(connection, visit, case, uuid5(case.id, f"conflict/{person_id}"))
    return kept


async def keep_from_one(connection: AsyncConnection, visit: Visit, case_id: UUID) -> CaseRow | None:
    """Keep one case from the caller, who comes to it from elsewhere, where they may be in conflict with it."""
    async with as_part(connection, SCREENING):
        case = await compare(connection, case_id, visit.caller.person_id, visit.now)
        if case is not None:
            await _tell(connection, visit, case, uuid5(case.id, f"conflict/{visit.caller.person_id}"))
    return case


async def _tell(connection: AsyncConnection, visit: Visit, case: CaseRow, reference: UUID) -> None:
    asked = conflict_found(flagged=case.flagged)
    await tell(
        connection, place_of(case), asked.kind, reference=reference, at=visit.now, roles=asked.roles,
        clock_unit=asked.clock_unit,
    )  # fmt: skip


def wake(visit: Visit, kept: Sequence[CaseRow]) -> None:
    """Have the clocks of the decisions started; the sweep does what this does not."""
    for case in kept:
        visit.door.starts.wake(case.id)


async def declare(visit: Visit, reference: str, given: DeclarationIn) -> DeclarationOut:
    """Say whether one is related to a case. The first answer stays; ``related`` may still be said after ``none``.

    Raises:
        Problem: ``not-found``.
    """
    async with visit.transaction() as connection:
        case = await locate(connection, visit, reference)
        if given.answer == _NONE:
            row = await _declared(connection, visit, case.id, given)
            return _declaration(case.code, row, "open")
    recused = await _recuse(visit, case.id)
    async with visit.transaction() as connection:
        row = await _declared(connection, visit, case.id, given)
        if not recused:
            async with as_part(connection, SCREENING):
                await declare_related(connection, case.id, visit.caller.person_id, visit.now)
                await _tell(connection, visit, _row_of(case), row.id)
    if not recused:
        visit.door.starts.wake(case.id)
    return _declaration(case.code, row, "recused" if recused else "kept_out")


async def _declared(connection: AsyncConnection, visit: Visit, case_id: UUID, given: DeclarationIn) -> Found:
    row = await q.declare(
        connection, case_id=case_id, person_id=visit.caller.person_id, position_id=visit.caller.acting.position_id,
        answer=given.answer, relation=given.relation, declared_at=visit.now,
    )  # fmt: skip
    await visit.note(
        connection, "declare", "case", record_id=case_id, case_id=case_id,
        detail={"answer": given.answer, "relation": given.relation},
    )  # fmt: skip
    return row


async def _recuse(visit: Visit, case_id: UUID) -> bool:
    """Record one's own recusal through the case's workflow; False where one's role may not, or it is not confirmed."""
    if visit.caller.role not in EVENTS[_RECUSE].roles:
        return False
    body = INPUTS[_RECUSE].model_validate(
        {"person_id": visit.caller.person_id, "ground": "RELATIVE", "reason": _OWN_WORDS}
    )
    try:
        await actions.act(visit, str(case_id), _RECUSE, uuid5(case_id, "declaration"), body)
    except Problem:
        # It is on record. Whoever said so is kept out all the same, until an officer records what this could not.
        return False
    return True


def _row_of(case: Found) -> CaseRow:
    return CaseRow(**{name: getattr(case, name) for name in CaseRow.__dataclass_fields__})


async def of_case(visit: Visit, reference: str) -> list[ConflictOut]:
    """The conflicts of a case the caller may decide on; nobody judges who stands above them.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``declaration-required``.
    """
    await visit.require("judge_conflicts")
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        rows = await q.of_case(connection, case.id)
        ranks = await ranks_of(connection, [row.person_id for row in rows], visit.now)
        shown = [row for row in rows if may_judge(visit.caller.role, ranks.get(row.person_id, 0))]
        await visit.note(
            connection, "list_conflicts", "case", record_id=case.id, case_id=case.id,
            detail={"conflicts": [str(row.id) for row in shown]},
        )  # fmt: skip
    return [_conflict(row) for row in shown]


def _relative(row: Found) -> RelativeOut:
    return RelativeOut(
        id=row.id,
        name=row.name,
        relation=row.relation,
        birth_year=row.birth_year,
        declared_at=row.declared_at,
        until=row.until,
    )


def _declaration(case_code: str, row: Found, standing: Literal["open", "recused", "kept_out"]) -> DeclarationOut:
    return DeclarationOut(
        case_code=case_code,
        answer=row.answer,
        relation=row.relation,
        declared_at=row.declared_at,
        standing=standing,
    )


def _conflict(row: Found) -> ConflictOut:
    return ConflictOut(
        id=row.id,
        person=PersonRef(id=row.person_id, name=row.person_name),
        through=ThroughOut(name=row.relative_name, relation=row.kin) if row.relative_id else None,
        score=row.score,
        reasons=row.reasons.split(),
        state=row.state,
        found_at=row.found_at,
        decided_at=row.decided_at,
        decided_by=PersonRef(id=row.decided_by, name=row.judge_name) if row.decided_by else None,
    )
