"""Tasks, conferences, flags and notes: what the record knows of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import AFTER, KEPT, Found, Place, placed
from models.lifecycle.rules import ITEM_CLOCKS
from models.records.actor import Acting
from models.records.scope import CASE, readable
from models.records.terms import said, terms
from models.records.vault import open_text, seal_text
from models.tables import CaseEvent, CaseNote, Deadline, Person, Position, table
from models.vault import DataKey

_EVENT, _DEADLINE, _PERSON, _NOTE = table(CaseEvent), table(Deadline), table(Person), table(CaseNote)
_POSITION = table(Position)


async def events(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """The events that set something to be done or ended it, in order, with who acted."""
    statement = (
        select(
            _EVENT.c.event, _EVENT.c.sequence, _EVENT.c.recorded_at, _EVENT.c.facts, _EVENT.c.documents,
            _EVENT.c.actor_id, _PERSON.c.full_name.label("actor_name"),
        )
        .outerjoin(_PERSON, _PERSON.c.id == _EVENT.c.actor_id)
        .where(_EVENT.c.case_id == case_id, or_(_EVENT.c.facts.has_key("items"), _EVENT.c.facts.has_key("item_id")))
        .order_by(_EVENT.c.sequence)
    )  # fmt: skip
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


async def clocks(connection: AsyncConnection, case_id: UUID) -> dict[str, Found]:
    """The deadlines of what is to be done, by its id."""
    statement = select(_DEADLINE.c.subject, _DEADLINE.c.code, _DEADLINE.c.status, _DEADLINE.c.due_at).where(
        _DEADLINE.c.case_id == case_id, _DEADLINE.c.code.in_(sorted(ITEM_CLOCKS.values()))
    )
    return {row.subject: row for row in await connection.execute(statement)}


async def listed(
    connection: AsyncConnection,
    reader: Acting,
    at: datetime,
    *,
    codes: Sequence[str],
    mine: bool,
    due_before: datetime | None,
    after: Place | None,
    limit: int,
) -> Sequence[Found]:
    """What is open in the reader's cases, or paused, the soonest due first; from ``after`` on, if given."""
    asked: dict[str, Any] = ({} if due_before is None else {"due_before": due_before}) | placed(after)
    statement = _listed(reader.role, mine, frozenset(asked))
    rows: Sequence[Found] = (
        await connection.execute(statement, said(reader, at, codes=list(codes), limit=limit, **asked))
    ).all()
    return rows


_ASKED: Final[Mapping[str, ColumnElement[bool]]] = {
    "due_before": _DEADLINE.c.due_at <= bindparam("due_before", type_=DateTime(timezone=True)),
    "after_at": tuple_(_DEADLINE.c.due_at, _DEADLINE.c.id) > AFTER,
}


@lru_cache(maxsize=KEPT)
def _listed(role: str, mine: bool, asked: frozenset[str]) -> Select[Any]:
    reader = terms(role)
    item = func.jsonb_array_elements(_EVENT.c.facts["items"]).table_valued("value", joins_implicitly=True).alias("item")
    said_of = cast(literal_column("item.value"), JSONB)
    assignee = said_of["assignee_id"].astext
    statement = (
        select(
            _DEADLINE.c.id, _DEADLINE.c.subject, _DEADLINE.c.code, _DEADLINE.c.status, _DEADLINE.c.due_at,
            CASE.c.id.label("case_id"), CASE.c.code.label("case_code"), assignee.label("assignee_id"),
            said_of["due"].astext.label("due"), _EVENT.c.facts["flag"].astext.label("flag"),
        )
        .select_from(_DEADLINE)
        .join(CASE, CASE.c.id == _DEADLINE.c.case_id)
        .join(_EVENT, and_(_EVENT.c.case_id == _DEADLINE.c.case_id, _EVENT.c.facts.has_key("items")))
        .join(item, said_of["id"].astext == _DEADLINE.c.subject)
        .where(
            readable(reader),
            _DEADLINE.c.status.in_(("open", "paused")),
            _DEADLINE.c.code == any_(bindparam("codes", type_=ARRAY(Text))),
            *(clause for name, clause in _ASKED.items() if name in asked),
        )
        .order_by(_DEADLINE.c.due_at, _DEADLINE.c.id)
        .limit(bindparam("limit"))
    )  # fmt: skip
    return statement.where(assignee == cast(reader.person, Text)) if mine else statement


async def add_note(
    connection: AsyncConnection, key: DataKey, note: UUID, *, case_id: UUID, by: Acting, words: str, at: datetime
) -> bool:
    """Put a note on record, sealed, under an id of its own. Returns False where it is there already."""
    made = await connection.execute(
        insert_once(_NOTE)
        .values(
            id=note, case_id=case_id, author_id=by.person_id, position_id=by.position_id, at=at,
            sealed=seal_text(key, _NOTE.c.sealed, note, words),
        )
        .on_conflict_do_nothing(index_elements=[_NOTE.c.id])
    )  # fmt: skip
    return made.rowcount == 1


async def notes(connection: AsyncConnection, case_id: UUID, note: UUID | None = None) -> Sequence[Found]:
    """The notes of a case, the first one first, with who wrote them in which role; of one where it is named."""
    statement = (
        select(_NOTE, _PERSON.c.full_name.label("author_name"), _POSITION.c.role)
        .join(_PERSON, _PERSON.c.id == _NOTE.c.author_id)
        .join(_POSITION, _POSITION.c.id == _NOTE.c.position_id)
        .where(_NOTE.c.case_id == case_id)
        .order_by(_NOTE.c.at, _NOTE.c.id)
    )
    if note is not None:
        statement = statement.where(_NOTE.c.id == note)
    rows: Sequence[Found] = (await connection.execute(statement)).all()
    return rows


def words(row: Found, key: DataKey | None) -> str | None:
    """What a note says."""
    return open_text(key, _NOTE.c.sealed, row.id, row.sealed)
