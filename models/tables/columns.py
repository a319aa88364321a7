"""Column types and conventions every table shares."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

Instant: Any = DateTime(timezone=True)
Json: Any = JSONB(none_as_null=True)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA: MetaData = SQLModel.metadata


def new_id() -> UUID:
    """A UUID of version 7: made in the application, ordered by time. Nothing decides anything by the time in it."""
    return uuid7()


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model, for set-based statements: ``table(Deadline).c.status``."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]


def key() -> Any:
    """A primary key made in the application."""
    return Field(default_factory=new_id, primary_key=True)


def instant(*, index: bool = False) -> Any:
    """A required timezone-aware instant."""
    return Field(sa_type=Instant, index=index)


def instant_or_none(*, index: bool = False) -> Any:
    """An optional timezone-aware instant."""
    return Field(default=None, sa_type=Instant, nullable=True, index=index)


__all__ = ["METADATA", "Instant", "Json", "datetime", "instant", "instant_or_none", "key", "new_id", "table"]
