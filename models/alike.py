"""Are two children of two cases one and the same? A score from 0 to 100, with its reasons. Pure and deterministic.

It decides nothing: it says which cases an officer should look at, who then attaches them or says that it is another
child. What is not known counts neither way. Names are compared folded (``models.vocabulary.fold``), whatever the order
of their words: what is taken down over the phone has its tone marks wrong, and sometimes the family name last.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from rapidfuzz.fuzz import ratio

from models.vocabulary.fold import fold

POSSIBLE: Final = 45
"""From this score on a case is shown: a whole name alone reaches it; a given name with two further signs does."""

SCORES: Final[dict[str, int]] = {
    "PERSONAL_ID": 100,
    "NAME_SAME": 50,
    "NAME_CLOSE": 35,
    "NAME_PART": 20,
    "BIRTH_DATE": 30,
    "BIRTH_YEAR": 20,
    "BIRTH_YEAR_NEAR": 10,
    "COMMUNE": 10,
    "MOTHER": 25,
    "FATHER": 25,
    "PARENT_CLOSE": 10,
    "SEX_APART": -20,
    "BIRTH_YEAR_APART": -40,
    "PERSONAL_ID_APART": -60,
}
"""What each reason counts for. The codes stand in the vocabulary ``alike_reasons``."""

_CLOSE: Final = 84.0
"""How alike two folded names must be, of 100, to be taken for one name misheard (rapidfuzz's normalised Indel)."""
_YEARS_NEAR: Final = 1
_YEARS_APART: Final = 4
_MOST_LETTERS: Final = 200
_CALLED: Final = frozenset({"be", "chau", "em", "con", "ten", "la", "tre"})
"""Words before a child's name that are none of it; a name is never empty for them."""


@dataclass(frozen=True)
class Child:
    """A child as a case knows them; everything may be unknown.

    Attributes:
        names: the name and what else they are called, as ``plain`` gives them.
        born: the date of birth.
        years: the first and the last year they may have been born in.
        sex: its code.
        communes: where they live, where it happened, and which holds the case: any ids.
        mother, father: names, as ``plain`` gives them.
        personal_id: the number.
    """

    names: frozenset[str] = frozenset()
    born: date | None = None
    years: tuple[int, int] | None = None
    sex: str | None = None
    communes: frozenset[str] = frozenset()
    mother: str = ""
    father: str = ""
    personal_id: str = ""


@dataclass(frozen=True)
class Likeness:
    """How alike two children are, and why: codes of ``SCORES``, in its order."""

    score: int
    reasons: tuple[str, ...]


def plain(name: str | None) -> str:
    """A name as it is compared: folded, its words sorted, without "bé", "cháu" and the like."""
    words = sorted("".join(char if char.isalnum() else " " for char in fold((name or "")[:_MOST_LETTERS])).split())
    return " ".join([word for word in words if word not in _CALLED] or words)


def years_of(born: date | None, estimated_age: int | None, seen: date) -> tuple[int, int] | None:
    """The years a child may be born in.

    Args:
        born: the date of birth, if known.
        estimated_age: in whole years when they were reported.
        seen: the day of the report.
    """
    if born is not None:
        return born.year, born.year
    return None if estimated_age is None else (seen.year - estimated_age - 1, seen.year - estimated_age)


def likeness(one: Child, other: Child) -> Likeness:
    """Compare two children; the order does not matter."""
    found = {
        _numbers(one.personal_id, other.personal_id),
        _names(one.names, other.names),
        _births(one, other),
        *_parents(one, other),
    }
    if one.communes & other.communes:
        found.add("COMMUNE")
    if one.sex and other.sex and one.sex != other.sex:
        found.add("SEX_APART")
    reasons = tuple(code for code in SCORES if code in found)
    return Likeness(max(0, min(100, sum(SCORES[code] for code in reasons))), reasons)


def _numbers(one: str, other: str) -> str | None:
    if not one or not other:
        return None
    return "PERSONAL_ID" if one == other else "PERSONAL_ID_APART"


def _names(here: Collection[str], there: Collection[str]) -> str | None:
    """The best of all pairs of names the two are called by."""
    found = {_name(one, other) for one in here for other in there if one and other}
    return next((code for code in ("NAME_SAME", "NAME_CLOSE", "NAME_PART") if code in found), None)


def _name(one: str, other: str) -> str | None:
    mine, yours = one.split(), other.split()
    whole = min(len(mine), len(yours)) > 1
    if one == other:
        return "NAME_SAME" if whole else "NAME_PART"
    if whole and ratio(one, other) >= _CLOSE:
        return "NAME_CLOSE"
    return "NAME_PART" if set(mine) <= set(yours) or set(yours) <= set(mine) else None


def _births(one: Child, other: Child) -> str | None:
    if one.born is not None and one.born == other.born:
        return "BIRTH_DATE"
    if one.years is None or other.years is None:
        return None
    apart = max(one.years[0], other.years[0]) - min(one.years[1], other.years[1])
    if apart <= 0:
        return "BIRTH_YEAR"
    if apart <= _YEARS_NEAR:
        return "BIRTH_YEAR_NEAR"
    return "BIRTH_YEAR_APART" if apart >= _YEARS_APART else None


def _parents(one: Child, other: Child) -> set[str]:
    found = set()
    for code, mine, yours in (("MOTHER", one.mother, other.mother), ("FATHER", one.father, other.father)):
        match _name(mine, yours) if mine and yours else None:
            case "NAME_SAME":
                found.add(code)
            case "NAME_CLOSE" | "NAME_PART":
                found.add("PARENT_CLOSE")
    return found


__all__ = ["POSSIBLE", "SCORES", "Child", "Likeness", "likeness", "plain", "years_of"]
