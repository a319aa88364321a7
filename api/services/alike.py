"""Cases that may be of the same child: found by the database in the reader's scope, scored here, decided by a person.

Who the parents are stands in the encrypted reports: they are opened for the likest only. Nothing of a name leaves this
module; on record stands which cases were shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.problems import Problem
from api.queries import alike as q
from api.queries.rows import Found
from api.services.cases import case_out, find, to_write
from api.shapes.alike import AlikeOut, AlikePage, NotSameOut, ReasonOut
from api.shapes.base import PersonRef, Text
from models.access import DataClass, sees
from models.alike import POSSIBLE, SCORES, Child, Likeness, likeness, plain, years_of
from models.calendar import local_date
from models.records.content import frozen
from models.vault import ErasedError
from models.vocabulary import term

_OPENED: Final = 20
"""Of how many candidates the reports are opened: the likest by what is known without."""


async def of_case(visit: Visit, reference: str, *, decided: bool) -> AlikePage:
    """The cases that may be of the same child as one, the likest first.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``declaration-required``.
    """
    await visit.require("search")
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        before = await q.not_same(connection, case.id)
        rows = await q.candidates(connection, visit.caller.acting, visit.now, case.id)
        scored = await _scored(connection, visit, await _looked_at(connection, visit, case), rows)
        shown = [_shown(visit, row, alike, _decision(before, row, alike)) for row, alike in scored]
        items = [one for one in shown if decided or one.not_the_same is None]
        elsewhere = await q.elsewhere(connection, case.id)
        await visit.note(
            connection, "list_alike", "case", record_id=case.id, case_id=case.id,
            detail={"cases": [str(one.case.id) for one in items], "elsewhere": elsewhere},
        )  # fmt: skip
    return AlikePage(items=items, threshold=POSSIBLE, elsewhere=elsewhere)


async def not_the_same(visit: Visit, reference: str, other: str) -> AlikeOut:
    """Put on record that two cases are of two children; asked again for the same reasons, the first answer stays.

    Raises:
        Problem: ``not-permitted``; ``not-found`` for either case; ``declaration-required`` for either.
    """
    await visit.require("search")
    async with visit.transaction() as connection:
        there = await find(connection, visit, other)
        case = await to_write(connection, visit, await find(connection, visit, reference))
        if there.id == case.id:
            raise Problem("not-found", case_id=case.id)
        mine = await _looked_at(connection, visit, case)
        row = await _whole(connection, visit, there)
        alike = likeness(mine, await _with_reports(connection, visit, row))
        before = await q.not_same(connection, case.id)
        if _decision(before, row, alike) is None:
            await q.decide(
                connection, case.id, row.id, visit.caller.acting, visit.now, score=alike.score,
                reasons=" ".join(alike.reasons),
            )  # fmt: skip
            before = await q.not_same(connection, case.id)
        await visit.note(
            connection, "not_same_child", "case", record_id=row.id, case_id=case.id,
            detail={"score": alike.score, "reasons": list(alike.reasons)},
        )  # fmt: skip
        return _shown(visit, row, alike, _decision(before, row, alike))


async def _whole(connection: AsyncConnection, visit: Visit, case: Found) -> Found:
    """A case found in scope, as cases are shown."""
    (row,) = await q.shown(connection, visit.caller.acting, visit.now, [case.id])
    return row


async def _looked_at(connection: AsyncConnection, visit: Visit, case: Found) -> Child:
    return await _with_reports(connection, visit, await _whole(connection, visit, case))


async def _scored(
    connection: AsyncConnection, visit: Visit, mine: Child, rows: Sequence[Found]
) -> list[tuple[Found, Likeness]]:
    """The candidates worth a look with their likeness: first by their rows, the likest then with their reports."""
    first = sorted(((likeness(mine, _child(row)).score, at) for at, row in enumerate(rows)), reverse=True)
    best = [rows[at] for _, at in first[:_OPENED]]
    scored = [(row, likeness(mine, await _with_reports(connection, visit, row))) for row in best]
    scored += [(row, likeness(mine, _child(row))) for row in (rows[at] for _, at in first[_OPENED:])]
    kept = [(row, alike) for row, alike in scored if alike.score >= POSSIBLE]
    return sorted(kept, key=lambda one: (-one[1].score, one[0].receipt_at, one[0].id))


def _child(row: Found) -> Child:
    seen = local_date(row.receipt_at)
    return Child(
        names=_names([row.full_name]),
        born=row.birth_date,
        years=years_of(row.birth_date, row.estimated_age, seen),
        sex=row.sex,
        communes=frozenset(
            str(one) for one in (row.unit_id, row.incident_unit_id, row.residence_unit_id) if one is not None
        ),
    )


async def _with_reports(connection: AsyncConnection, visit: Visit, row: Found) -> Child:
    """A child with what the reports of its case say besides, as far as the reader reads them."""
    child = _child(row)
    if not sees(visit.caller.role, DataClass.P2):
        return child
    try:
        sheets = [
            sheet for _, content in await frozen(connection, row.id, ("M01",)) for sheet in content.get("children", ())
        ]
    except ErasedError:
        return child
    return replace(
        child,
        names=child.names | _names(sheet.get(name) for sheet in sheets for name in ("name", "other_names")),
        mother=_first(plain((sheet.get("mother") or {}).get("name")) for sheet in sheets),
        father=_first(plain((sheet.get("father") or {}).get("name")) for sheet in sheets),
        personal_id=_first("".join((sheet.get("personal_id") or "").split()) for sheet in sheets),
    )


def _names(given: Iterable[Any]) -> frozenset[str]:
    return frozenset(name for name in map(plain, given) if name)


def _first(given: Iterable[str]) -> str:
    return next((one for one in given if one), "")


def _decision(before: Sequence[Found], row: Found, alike: Likeness) -> Found | None:
    """The latest decision that two are not the same child and that still holds: nothing new speaks for it since."""
    return next(
        (
            one
            for one in before
            if row.id in (one.case_id, one.other_id) and set(alike.reasons) <= set(one.reasons.split())
        ),
        None,
    )


def _shown(visit: Visit, row: Found, alike: Likeness, decision: Found | None) -> AlikeOut:
    return AlikeOut(
        case=case_out(visit, row, None),
        score=alike.score,
        reasons=[_reason(code) for code in alike.reasons],
        not_the_same=None
        if decision is None
        else NotSameOut(by=PersonRef(id=decision.decided_by, name=decision.judge_name), at=decision.decided_at),
    )


def _reason(code: str) -> ReasonOut:
    words = term("alike_reasons", code)
    return ReasonOut(code=code, label=Text(vi=words.vi, en=words.en), counts=SCORES[code])
