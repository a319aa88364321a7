"""What an agency sees of a child that was referred to it: little before it has agreed, its slice after, then nothing.

Pure. Sources: process.md §6.4 (provider slice), lifecycle.md (referral: age band, sex, commune, urgency and safety
warnings before acceptance; the named fields of that service afterwards; nothing 30 days after closing).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from models.access import VIEWS, DataClass
from models.lifecycle.referral.services import SERVICES, is_emergency, providers_of
from models.lifecycle.referral.states import LIVE, TAKEN_ON

AFTER: Final = timedelta(days=30)
"""How long after its end an agency still sees what it saw (process.md §6.4: until closed + 30 calendar days)."""


class Slice(StrEnum):
    """How much an agency sees: nothing, the minimum it decides by, or the slice it works with."""

    NOTHING = "nothing"
    MINIMUM = "minimum"
    SLICE = "slice"


class Stands(StrEnum):
    """How somebody in a role of the service stands to a referral.

    ``draft``: it is not sent yet · ``asked``: it is at their unit, which has not agreed · ``agreed``: it has ·
    ``turned away``: it never did, and the referral ended less than ``AFTER`` ago · ``ended``: it had, and the same ·
    ``long ended``: longer ago · ``other``: it is at another unit · ``recused``: it is at theirs, and they must keep out
    of the case · ``withheld``: it had agreed, and the consent was taken back; not of an emergency service.
    """

    DRAFT = "draft"
    ASKED = "asked"
    AGREED = "agreed"
    TURNED_AWAY = "turned away"
    ENDED = "ended"
    LONG_ENDED = "long ended"
    OTHER = "other"
    RECUSED = "recused"
    WITHHELD = "withheld"


SEES: Final[dict[Stands, Slice]] = {
    Stands.DRAFT: Slice.NOTHING,
    Stands.ASKED: Slice.MINIMUM,
    Stands.AGREED: Slice.SLICE,
    Stands.TURNED_AWAY: Slice.MINIMUM,
    Stands.ENDED: Slice.SLICE,
    Stands.LONG_ENDED: Slice.NOTHING,
    Stands.OTHER: Slice.NOTHING,
    Stands.RECUSED: Slice.NOTHING,
    Stands.WITHHELD: Slice.MINIMUM,
}
"""How much they see of it."""

CHILD_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(SERVICES, ("full_name", "birth_date", "estimated_age", "sex")),
    "cash_support": ("full_name", "birth_date"),
    "school_support": ("full_name", "birth_date", "sex"),
    "parenting_reintegration": ("full_name", "estimated_age", "sex"),
}
"""What of the child's identity a service needs, once its agency has agreed. The request's own text comes with it."""

SHARED_CLASSES: Final[dict[str, frozenset[DataClass]]] = {
    code: VIEWS["provider"].classes
    - (frozenset() if is_emergency(code) or code in {"legal_aid", "psychosocial"} else {DataClass.P3})
    for code in SERVICES
}
"""The classes of files of a case that may be shared with an agency: those of the provider's slice, which has no
narrative in it; very sensitive ones with those alone that treat, examine, investigate, shelter or represent a child."""

TAKES_FILES: Final = TAKEN_ON & LIVE
"""States of a referral in which its agency adds files to it."""

SHARED_WITH: Final = LIVE - {"draft"}
"""States of a referral with which the case's people share a file: it is seen once the agency has agreed."""

_BANDS: Final = ((3, "AGE_0_2"), (6, "AGE_3_5"), (11, "AGE_6_10"), (16, "AGE_11_15"))


def sees_of(
    state: str, accepted_at: datetime | None, ended_at: datetime | None, at: datetime, *, withheld: bool = False
) -> Slice:
    """How much the agency a referral was sent to sees of it at an instant.

    Args:
        state: of the referral.
        accepted_at: when the agency agreed, None where it never did.
        ended_at: when the referral ended, None while it lives.
        at: the instant; all timezone-aware.
        withheld: the consent was taken back, and it is no emergency service.
    """
    agreed = accepted_at is not None or state in TAKEN_ON
    if state == "draft":
        return SEES[Stands.DRAFT]
    if ended_at is not None and at >= ended_at + AFTER:
        return SEES[Stands.LONG_ENDED]
    if agreed and withheld:
        return SEES[Stands.WITHHELD]
    if ended_at is None:
        return SEES[Stands.AGREED if agreed else Stands.ASKED]
    return SEES[Stands.ENDED if agreed else Stands.TURNED_AWAY]


def services_of(role: str) -> tuple[str, ...]:
    """The services a role acts as an agency of."""
    return tuple(code for code in SERVICES if role in providers_of(code))


def age_band(age: int | None) -> str:
    """The band of ``age_bands`` a child's full years fall in."""
    if age is None:
        return "AGE_UNKNOWN"
    return next((band for below, band in _BANDS if age < below), "AGE_16_17")


def urgency(service: str, risk: str | None) -> str:
    """How soon an agency is wanted, code of ``urgencies``; the risk itself is not told. Unscored counts as high."""
    if is_emergency(service):
        return "EMERGENCY"
    return "ORDINARY" if risk in ("R1", "R2") else "HIGH"
