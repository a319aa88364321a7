"""How long a child's file is kept: rules as data, and the day they give. Pure: no SQL, no clock.

Not law: the shipped rule is the proposal of process.md §4.2 and says so wherever it is shown.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """One rule of retention, as its file has it.

    The later of two days counts: ``years_after_that`` years after the child has reached ``child_until_age``, and
    ``years_after_closure`` years after the file was closed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(max_length=60)
    verified: bool
    basis_vi: str
    basis_en: str
    child_until_age: int = Field(ge=0, le=30)
    years_after_that: int = Field(ge=0, le=100)
    years_after_closure: int = Field(ge=1, le=100)


@dataclass(frozen=True)
class Kept:
    """What the rule asks about a file.

    Attributes:
        received_on: when the first report came in.
        closed_on: when it was closed; None while it is open.
        born_on: the child's date of birth, if known.
        estimated_age: in years when the report came in, if that is all that is known.
    """

    received_on: date
    closed_on: date | None
    born_on: date | None
    estimated_age: int | None


def load(path: Path | None = None) -> Rule:
    """The rule in a file, by default the shipped proposal.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such rule.
    """
    said = path.read_text("utf-8") if path else files(__package__).joinpath("data/proposal.toml").read_text("utf-8")
    return Rule.model_validate(tomllib.loads(said))


def due_on(rule: Rule, kept: Kept) -> date | None:
    """The first day on which a file may be erased; None for one that is open.

    Where the date of birth is not known, the child counts as young as it may have been: nothing is erased early.
    """
    if kept.closed_on is None:
        return None
    born = kept.born_on or later(kept.received_on, -(kept.estimated_age or 0))
    grown = later(born, rule.child_until_age + rule.years_after_that)
    return max(grown, later(kept.closed_on, rule.years_after_closure))


def age_on(kept: Kept) -> int | None:
    """The child's age in whole years when the report came in: what statistics keep of it."""
    if kept.born_on is None:
        return kept.estimated_age
    day, born = kept.received_on, kept.born_on
    return max(0, day.year - born.year - ((day.month, day.day) < (born.month, born.day)))


_LEAP: Final = (2, 29)


def later(day: date, years: int) -> date:
    """The same day so many years on; 29 February becomes 1 March."""
    if (day.month, day.day) == _LEAP:
        day = date(day.year, 3, 1)
    return day.replace(year=day.year + years)
