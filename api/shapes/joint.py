"""Work in common on a case: tasks, conferences, flags, notes."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output, PersonRef, Text
from models.forms.base import LongText

Kind = Literal["task", "conference", "flag"]
State = Literal["open", "paused", "ended", "cancelled"]


class WorkOut(Output):
    """One task, conference or flag. ``content`` is what was written of it: null to whoever does not see it.

    ``ended_by`` … say by what it ended: done, dropped, held, lowered. One of an ended case is ``cancelled``.
    """

    id: UUID
    kind: Kind
    state: State
    due: date
    due_at: Moment
    assignee: PersonRef | None
    made_by: PersonRef | None
    made_at: Moment
    content: dict[str, Any] | None
    withheld: bool
    ended_event: str | None
    ended_label: Text | None
    ended_by: PersonRef | None
    ended_at: Moment | None
    ended_content: dict[str, Any] | None


class WorkListed(Output):
    """One of them in a list over many cases: codes and days; what is to be done stands with the case."""

    id: UUID
    kind: Kind
    case_id: UUID
    case_code: str
    due: date
    due_at: Moment
    overdue: bool
    assignee: PersonRef | None
    flag: str | None


class NoteIn(Input):
    """A note."""

    words: LongText


class NoteOut(Output):
    """A note; ``words`` is null to whoever does not see what is written of the case, or once it is erased."""

    id: UUID
    author: PersonRef
    role: str
    at: Moment
    words: str | None
