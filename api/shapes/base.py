"""What every shape shares."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from api.language import Both


class Output(BaseModel):
    """Something that goes out: every member always there, none with a default, so that none is forgotten."""

    model_config = ConfigDict(frozen=True, from_attributes=True, extra="forbid")


class Input(BaseModel):
    """Something that comes in: an unknown member is refused and nothing is applied."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Item = TypeVar("Item")


class Page(Output, Generic[Item]):
    """One page of a list. ``next`` is the cursor of the one after it, null on the last."""

    items: list[Item]
    next: str | None


class Text(Output):
    """A label in both languages."""

    vi: str
    en: str


def text(both: Both | tuple[str, str]) -> Text:
    """A label from a pair."""
    return Text(vi=both[0], en=both[1])


class PersonRef(Output):
    """A person who works with the system, as others may name them."""

    id: UUID
    name: str


class UnitRef(Output):
    """An office, by its code and names."""

    id: UUID
    code: str
    name_vi: str
    name_en: str


def unit_ref(row: Any, unit_id: UUID | None, name: str = "unit") -> UnitRef | None:
    """The office of an id, whose code and names a row has under ``<name>_code`` and so on; None where there is none."""
    if unit_id is None:
        return None
    said = {column: getattr(row, f"{name}_{column}") for column in ("code", "name_vi", "name_en")}
    return UnitRef(id=unit_id, **said)


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", strict=True)]
"""A code chosen by an administrator."""

Moment = datetime
"""An instant, ISO 8601 in UTC."""
