"""Is the alleged person somebody who works with the system, or a close relative of one? A score with its reasons.

Pure and deterministic: the same two descriptions give the same answer. It decides nothing; it says whom an officer
outside the conflict must look at (process.md §6.5), and until then the case is kept from them. Names are compared
folded (``models.vocabulary.fold``): a report taken down over the phone has its tone marks wrong as often as not.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from models.vocabulary.fold import fold

POSSIBLE: Final = 50
"""From this score on, a match is possible: a whole name alone reaches it, a given name with two further signs too."""

SCORES: Final[dict[str, int]] = {
    "NAME_SAME": 50,
    "NAME_PARTS": 40,
    "NAME_CLOSE": 35,
    "GIVEN_NAME": 20,
    "BIRTH_YEAR": 25,
    "BIRTH_YEAR_NEAR": 10,
    "BIRTH_YEAR_APART": -40,
    "AGE_BAND_APART": -60,
    "SAME_COMMUNE": 15,
    "ROLE_FITS": 15,
    "WORKPLACE": 20,
}
"""What each reason counts for. The codes stand in the vocabulary ``conflict_reasons``."""

_CLOSE: Final = 0.88
"""How alike two folded names must be to be taken for one name mistyped (difflib's ratio)."""
_YEARS_NEAR: Final = 2
_YEARS_APART: Final = 6
_BRACKETS: Final = re.compile(r"\([^()]*\)")
_TITLES: Final = frozenset(
    {"ong", "ba", "anh", "chi", "co", "chu", "bac", "thay", "cau", "di", "em", "ngai", "bs", "ths", "ts", "gv"}
)
"""Words before a name that are none of it; the rest of a name is never empty for them."""
_BANDS: Final = {"UNDER_14": (0, 13), "FROM_14_TO_15": (14, 15), "FROM_16_TO_17": (16, 17), "ADULT": (18, 150)}
_AT_WORK: Final[dict[str, frozenset[str]]] = {
    "NHA_TRUONG": frozenset({"EDU"}),
    "CO_SO_TRO_GIUP": frozenset({"SHL", "SWC", "HLT", "LEG", "FOR"}),
    "CAN_BO": frozenset({"CPO", "SUP", "CHAIR", "VCH", "GRP", "POL", "WU", "YU", "FF", "DOH", "DOHD", "PROV"}),
}
"""Relations to the child that are a post, and the roles of this system that post may be."""
_GROWN_UP: Final = 18


@dataclass(frozen=True)
class Alleged:
    """A person alleged to have caused the harm, as a document describes them. Everything may be unknown.

    Names and workplace are folded. ``units`` are the ids of the communes they may be at home in: the one stated, else
    the case's own.
    """

    name: str
    birth_year: int | None = None
    age_band: str | None = None
    relation: str | None = None
    workplace: str | None = None
    units: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Known:
    """Somebody the system knows: a person who works with it (``roles``), or a relative one has declared (none).

    ``units`` are the ids of the offices they, or whoever declared them, serve in and stand under; ``offices`` the
    folded names of the former.
    """

    name: str
    birth_year: int | None = None
    roles: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    offices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """How well two descriptions fit, and why: codes of ``SCORES``, in its order."""

    score: int
    reasons: tuple[str, ...]


def match(alleged: Alleged, known: Known, year: int) -> Match | None:
    """Compare; None where the two need not be taken for one person.

    Args:
        alleged: of the case's document.
        known: of the system.
        year: the calendar year it is, for age bands.
    """
    by_name = _names(alleged.name, known.name)
    if by_name is None:
        return None
    found = {by_name, _years(alleged.birth_year, known.birth_year), _band(alleged, known, year)}
    if alleged.units & known.units:
        found.add("SAME_COMMUNE")
    if known.roles & _AT_WORK.get(alleged.relation or "", frozenset()):
        found.add("ROLE_FITS")
    if alleged.workplace and any(_same_place(alleged.workplace, office) for office in known.offices):
        found.add("WORKPLACE")
    reasons = tuple(code for code in SCORES if code in found)
    score = min(100, sum(SCORES[code] for code in reasons))
    return Match(score, reasons) if score >= POSSIBLE else None


def plain_name(name: str) -> str:
    """A name as it is compared: folded, without what stands in brackets and without "ông", "cô giáo" before it."""
    words = [word.strip(".,;:()\"'") for word in _BRACKETS.sub(" ", fold(name)).split()]
    words = [word for word in words if word]
    if words[:2] == ["co", "giao"] or words[:2] == ["thay", "giao"] or words[:2] == ["bac", "si"]:
        words = words[2:] or words
    while len(words) > 1 and words[0] in _TITLES:
        words = words[1:]
    return " ".join(words)


def _names(one: str, other: str) -> str | None:
    if not one or not other:
        return None
    here, there = one.split(), other.split()
    if sorted(here) == sorted(there):
        return "NAME_SAME" if len(here) > 1 else "GIVEN_NAME"
    if len(here) == 1 or len(there) == 1:
        return "GIVEN_NAME" if here[-1] == there[-1] else None
    if here[0] == there[0] and here[-1] == there[-1]:
        return "NAME_PARTS"
    return "NAME_CLOSE" if SequenceMatcher(None, one, other, autojunk=False).ratio() >= _CLOSE else None


def _years(one: int | None, other: int | None) -> str | None:
    if one is None or other is None:
        return None
    apart = abs(one - other)
    if apart == 0:
        return "BIRTH_YEAR"
    if apart <= _YEARS_NEAR:
        return "BIRTH_YEAR_NEAR"
    return "BIRTH_YEAR_APART" if apart >= _YEARS_APART else None


def _band(alleged: Alleged, known: Known, year: int) -> str | None:
    """An age band the other cannot be in, a birthday this way or that allowed for."""
    band = _BANDS.get(alleged.age_band or "")
    if band is None:
        return None
    if known.birth_year is not None:
        age = year - known.birth_year
        return None if band[0] <= age <= band[1] + 1 else "AGE_BAND_APART"
    return "AGE_BAND_APART" if known.roles and band[1] < _GROWN_UP else None


def _same_place(one: str, other: str) -> bool:
    return one in other or other in one


def school_is_setting(environments: frozenset[str], relations: frozenset[str]) -> bool:
    """Whether the school is where the harm is said to have been done, or by whose staff.

    The school-support referral is then not proposed by itself (process.md §6.5): the school would hear of it through
    those it is about.

    Args:
        environments: codes of ``environments`` the case's documents name.
        relations: codes of ``perpetrator_relations`` they name.
    """
    return "SCHOOL" in environments or "NHA_TRUONG" in relations
