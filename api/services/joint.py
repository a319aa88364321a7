"""Work in common on a case: what is to be done by whom until when, and notes of those who may not edit.

Each step is an event of the case; here it is only read. What is written of it stands in the documents of these events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from api import paging
from api.door import Visit
from api.problems import Problem
from api.queries import joint as q
from api.queries import organisation
from api.queries.rows import Found
from api.services import keys
from api.services.cases import contents_of, event_label, find
from api.shapes.base import Page, PersonRef
from api.shapes.joint import Kind, NoteIn, NoteOut, WorkListed, WorkOut
from models.access import HOTLINE, DataClass, sees
from models.calendar.days import TZ
from models.records.vault import key_of, living_key_of
from models.vault import DataKey

KINDS: Final[Mapping[Kind, str]] = {"task": "case_task", "conference": "conference", "flag": "case_flag"}
"""The code of the clock of each kind."""
_KIND_OF: Final[Mapping[str, Kind]] = {code: kind for kind, code in KINDS.items()}
_STATES: Final = {"open": "open", "paused": "paused", "met": "ended"}


async def of_case(visit: Visit, reference: str) -> list[WorkOut]:
    """Every task, conference and flag of a case, ended ones too, in the order in which they were made.

    Raises:
        Problem: ``not-found`` or ``declaration-required``.
    """
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        await visit.note(connection, "read_work", "case", record_id=case.id, case_id=case.id)
        events = await q.events(connection, case.id)
        clocks = await q.clocks(connection, case.id)
        documents = [UUID(one["id"]) for event in events for one in event.documents]
        contents = await contents_of(connection, visit, case.id, documents)
        items = [(event, item) for event in events for item in event.facts.get("items", ())]
        people = {UUID(item["assignee_id"]) for _, item in items if item["assignee_id"]}
        names = await organisation.names(connection, people)
    ended = {event.facts["item_id"]: event for event in events if "item_id" in event.facts}
    return [
        _shown(event, item, clocks.get(item["id"]), ended.get(item["id"]), contents, names) for event, item in items
    ]


async def listed(
    visit: Visit, kinds: Sequence[Kind], *, mine: bool, due_before: datetime | None, cursor: str | None, limit: int
) -> Page[WorkListed]:
    """A page of what is open in the reader's cases, or paused, the soonest due first.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("read_work")
    codes = [KINDS[kind] for kind in kinds or KINDS]
    async with visit.transaction() as connection:
        rows = await q.listed(
            connection, visit.caller.acting, visit.now, codes=codes, mine=mine, due_before=due_before,
            after=paging.decode(cursor), limit=limit + 1,
        )  # fmt: skip
        shown, after = paging.cut(rows, limit, lambda row: (row.due_at, row.id))
        names = await organisation.names(connection, {UUID(row.assignee_id) for row in shown if row.assignee_id})
        await visit.note(connection, "list_work", "case", detail={"cases": sorted({str(row.case_id) for row in shown})})
    return Page[WorkListed](items=[_listed(visit, row, names) for row in shown], next=after)


def _listed(visit: Visit, row: Found, names: Mapping[UUID, str]) -> WorkListed:
    return WorkListed(
        id=UUID(row.subject),
        kind=_KIND_OF[row.code],
        case_id=row.case_id,
        case_code=row.case_code,
        due=date.fromisoformat(row.due),
        due_at=row.due_at,
        overdue=row.status == "open" and row.due_at <= visit.now,
        assignee=_person(row.assignee_id, names),
        flag=row.flag,
    )


async def write_note(visit: Visit, reference: str, key: UUID, given: NoteIn) -> NoteOut:
    """Put a note on record, once. Whoever reads what is written of the case may write one, without a say in it.

    Raises:
        Problem: ``not-permitted``, ``not-found``, ``declaration-required`` or ``idempotency-key-reused``.
    """
    await visit.require("write_note")
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        note = keys.command_id(visit.caller.person_id, key, f"cases/{case.id}/notes")
        sealing = await key_of(connection, case.id)
        new = await q.add_note(
            connection, sealing, note, case_id=case.id, by=visit.caller.acting, words=given.words, at=visit.now
        )
        (row,) = await q.notes(connection, case.id, note)
        if not new and q.words(row, sealing) != given.words:
            raise Problem("idempotency-key-reused", case_id=case.id)
        await visit.note(connection, "write_note" if new else "repeat", "case_note", record_id=note, case_id=case.id)
    return _note(visit, row, sealing)


async def notes(visit: Visit, reference: str) -> list[NoteOut]:
    """The notes of a case.

    Raises:
        Problem: ``not-found`` or ``declaration-required``.
    """
    async with visit.transaction() as connection:
        case = await find(connection, visit, reference)
        rows = await q.notes(connection, case.id)
        key = await living_key_of(connection, case.id) if rows else None
        await visit.note(connection, "read_notes", "case", record_id=case.id, case_id=case.id)
    return [_note(visit, row, key) for row in rows]


def _note(visit: Visit, row: Found, key: DataKey | None) -> NoteOut:
    caller = visit.caller
    # The hotline follows up by codes; what it wrote itself it sees.
    seen = row.author_id == caller.person_id or (
        sees(caller.role, DataClass.P2) and (caller.role not in HOTLINE or visit.glass is not None)
    )
    return NoteOut(
        id=row.id,
        author=PersonRef(id=row.author_id, name=row.author_name),
        role=row.role,
        at=row.at,
        words=q.words(row, key) if seen else None,
    )


@dataclass(frozen=True)
class _Written:
    """What an event's documents say of one thing; ``withheld``: the reader does not see that."""

    content: dict[str, Any] | None
    withheld: bool


def _shown(  # noqa: PLR0917 - one row, whole
    event: Found,
    item: dict[str, Any],
    clock: Found | None,
    ended: Found | None,
    contents: Mapping[UUID, dict[str, Any] | None],
    names: Mapping[UUID, str],
) -> WorkOut:
    written = _written(event, item, contents)
    code = clock.code if clock is not None else KINDS["task"]
    return WorkOut(
        id=UUID(item["id"]),
        kind=_KIND_OF[code],
        state=_STATES.get(clock.status if clock is not None else "met", "cancelled"),
        due=date.fromisoformat(item["due"]),
        due_at=clock.due_at if clock is not None else datetime.combine(date.fromisoformat(item["due"]), _MIDNIGHT, TZ),
        assignee=_person(item["assignee_id"], names),
        made_by=_actor(event),
        made_at=event.recorded_at,
        content=written.content,
        withheld=written.withheld,
        ended_event=ended.event if ended is not None else None,
        ended_label=event_label(ended.event) if ended is not None else None,
        ended_by=_actor(ended) if ended is not None else None,
        ended_at=ended.recorded_at if ended is not None else None,
        ended_content=_ended(ended, contents) if ended is not None else None,
    )


_MIDNIGHT: Final = datetime.min.time()


def _written(event: Found, item: dict[str, Any], contents: Mapping[UUID, dict[str, Any] | None]) -> _Written:
    kinds = {one["kind"]: contents.get(UUID(one["id"])) for one in event.documents}
    if "conference_minutes" not in kinds:
        content = next((kinds[kind] for kind in ("task", "conference_call", "flag") if kind in kinds), None)
        return _Written(content, content is None)
    minutes = kinds["conference_minutes"]
    if minutes is None:
        return _Written(None, withheld=True)
    # Of minutes a task is its own decision, and not the others.
    tasks = [one for one in minutes.get("decisions", ()) if one.get("due")]
    place = [one["id"] for one in event.facts["items"]].index(item["id"])
    return _Written(tasks[place], withheld=False)


def _ended(event: Found, contents: Mapping[UUID, dict[str, Any] | None]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for one in event.documents:
        content = contents.get(UUID(one["id"]))
        found |= {name: value for name, value in (content or {}).items() if name != "item_id"}
    return found or None


def _actor(event: Found) -> PersonRef | None:
    return PersonRef(id=event.actor_id, name=event.actor_name) if event.actor_id else None


def _person(person: str | None, names: Mapping[UUID, str]) -> PersonRef | None:
    return PersonRef(id=UUID(person), name=names[UUID(person)]) if person and UUID(person) in names else None
