"""What holds when, as SQL: the one clause for every row that has a beginning and may have an end.

A row holds from its beginning on, until before its end. The two are called ``valid_from`` and ``valid_to``, ``since``
and ``until``, or ``starts_at`` and ``ends_at``; a row has one of these pairs.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, and_, or_

_PAIRS: Final = (("valid_from", "valid_to"), ("since", "until"), ("starts_at", "ends_at"))


def in_force(row: FromClause, at: Any) -> ColumnElement[bool]:
    """A row (a table or an alias of it) holds at an instant, a value or an expression."""
    begins, _ = _span(row)
    return and_(begins <= at, not_over(row, at))


def not_over(row: FromClause, at: Any) -> ColumnElement[bool]:
    """A row holds at an instant, or will."""
    _, ends = _span(row)
    return or_(ends.is_(None), ends > at)


def _span(row: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    begins, ends = next(pair for pair in _PAIRS if pair[0] in row.c)
    return row.c[begins], row.c[ends]
