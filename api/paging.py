"""Keyset pages: a cursor names the last row that was read, so a page never shifts under the reader."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.errors import fault
from api.problems import Problem
from api.queries.rows import Place
from api.shapes.base import Input

MOST: Final = 200
DEFAULT: Final = 50

Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows at most.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


class Paged(Input):
    """What is asked of every list that is read by pages, for the lists whose other questions stand in a model."""

    cursor: Annotated[str | None, Field(max_length=200, description="`next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST, description="Rows at most.")] = DEFAULT


def encode(place: Place) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps([place[0].isoformat(), str(place[1])]).encode()).decode()


def decode(cursor: str | None) -> Place | None:
    """The place of a cursor.

    Raises:
        Problem: ``invalid-request`` where it is none of ours.
    """
    if cursor is None:
        return None
    try:
        instant, identity = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        place = datetime.fromisoformat(instant), UUID(identity)
        if place[0].tzinfo is None:
            raise _not_ours()
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _not_ours() from None
    return place


def cut(rows: Sequence[Any], limit: int, place: Any) -> tuple[list[Any], str | None]:
    """The rows of a page and the cursor of the next, of ``limit + 1`` rows read; ``place`` gives a row's."""
    shown = list(rows[:limit])
    return shown, encode(place(shown[-1])) if len(rows) > limit else None


def _not_ours() -> Problem:
    return fault("cursor-not-valid", "query", "cursor")
