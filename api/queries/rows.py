"""What every module of queries knows: the type of a row, and how many statements it keeps."""

from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, FromClause, Uuid, bindparam, tuple_

Found: TypeAlias = Any
"""A row as SQLAlchemy gives it: its columns are attributes, named by the statement that asked for them."""

KEPT: Final = 128
"""How many statements of one kind are kept, by role and shape; of a client that asks in more ways, the last ones."""

Place: TypeAlias = tuple[datetime, UUID]
"""Where a row stands in a list that is read by pages: its instant and its id."""

AFTER: Final = tuple_(bindparam("after_at", type_=DateTime(timezone=True)), bindparam("after_id", type_=Uuid()))
"""The place a page begins behind, for a statement that is kept; ``placed`` gives its values."""


def placed(after: Place | None) -> dict[str, Any]:
    """The values of ``AFTER``; none for the first page."""
    return {} if after is None else {"after_at": after[0], "after_id": after[1]}


def unit_columns(unit: FromClause, name: str = "unit") -> list[ColumnElement[Any]]:
    """What is shown of an office, under ``<name>_code`` and so on: ``api.shapes.base.unit_ref`` reads them."""
    return [unit.c[column].label(f"{name}_{column}") for column in ("code", "name_vi", "name_en")]
