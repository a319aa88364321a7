"""Time-bounded rows and how they change: what holds ends, and what is to hold begins. Nothing is overwritten. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.calendar import local_date


class DirectoryError(ValueError):
    """An entry that cannot be taken. ``code``: of the vocabulary ``import_errors``; ``column``: where, if anywhere."""

    def __init__(self, code: str, column: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


@dataclass(frozen=True, slots=True)
class Held:
    """A row that is there: its values, and from when until before when they hold."""

    id: UUID
    values: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class End:
    """A row ends."""

    table: str
    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Add:
    """A row is added. ``id``: made beforehand where others point at it."""

    table: str
    values: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime | None = None
    id: UUID | None = None


Write = End | Add


def supersede(
    table: str,
    held: Sequence[Held],
    values: Mapping[str, Any],
    *,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Write]:
    """What has to be written so that ``values`` hold from ``since`` until before ``until``.

    Args:
        table: whose rows these are.
        held: the rows of the same thing that are not over at ``at``.
        values: what is to hold.
        at: domain instant of the act.
        since: from when; ``at`` where nothing is said, on the same day, or where it is since when the last row holds.
        until: until before when; without end where nothing is said.

    Raises:
        DirectoryError: ``in-the-past``, ``ends-before-it-starts`` or ``already-planned``.
    """
    for one in held:
        if dict(one.values) == dict(values) and one.valid_to == until and since in (None, one.valid_from):
            return []
    last = max(held, key=lambda one: one.valid_from, default=None)
    begins = since if since is not None and since > at and (last is None or since != last.valid_from) else at
    is_new = last is None or since != last.valid_from
    if since is not None and since < at and is_new and local_date(since) != local_date(at):
        raise DirectoryError("in-the-past", "valid_from")
    if until is not None and until <= begins:
        raise DirectoryError("ends-before-it-starts", "valid_to")
    if last is None:
        return [Add(table, values, begins, until)]
    goes_on = dict(last.values) == dict(values) and begins == at and last.valid_from <= at
    if goes_on and until is not None and (last.valid_to is None or until <= last.valid_to):
        return [End(table, last.id, until)]
    if last.valid_from >= begins:
        raise DirectoryError("already-planned", "valid_from")
    ends: list[Write] = [End(table, last.id, begins)] if last.valid_to is None or last.valid_to > begins else []
    return [*ends, Add(table, values, begins, until)]


def cease(table: str, held: Sequence[Held], *, at: datetime) -> list[Write]:
    """What has to be written so that none of these rows holds from ``at`` on.

    Raises:
        DirectoryError: ``already-planned``: one has not begun yet, and what was said is not taken back.
    """
    if any(one.valid_from >= at for one in held):
        raise DirectoryError("already-planned")
    return [End(table, one.id, at) for one in held if one.valid_to is None or one.valid_to > at]
