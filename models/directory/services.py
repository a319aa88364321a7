"""What a child may be referred for, who gives it, and how one reaches them. Service names: lifecycle.md, "Referral".

Which kind of provider gives which service: process.md §1.8 and §2.7.
"""

from typing import Final, Literal

ContactKind = Literal["account", "email", "webhook", "paper"]
CONTACT_KINDS: Final[tuple[ContactKind, ...]] = ("account", "webhook", "email", "paper")
"""Ways to reach a provider, the surest first: people with accounts are chased by the ladder, a letter is not."""

ROLE_OF: Final[dict[str, str]] = {
    "police": "POL",
    "health": "HLT",
    "forensic": "FOR",
    "education": "EDU",
    "legal_aid": "LEG",
    "shelter": "SHL",
    "social_work": "SWC",
    "school_counselling": "EDU",
    "hospital_counselling": "HLT",
    "community_counselling": "SWC",
    "commune_office": "SWC",
    "mass_organisation": "WU",
}
"""The role in which a provider's people act, by the kind of provider."""

PROVIDER_KINDS: Final = tuple(ROLE_OF)

GIVEN_BY: Final[dict[str, frozenset[str]]] = {
    "medical_emergency": frozenset({"health"}),
    "sexual_assault_care": frozenset({"health"}),
    "forensic_examination": frozenset({"forensic", "health"}),
    "police_report": frozenset({"police"}),
    "shelter": frozenset({"shelter", "social_work", "mass_organisation"}),
    "alternative_care": frozenset({"shelter", "social_work", "commune_office"}),
    "legal_aid": frozenset({"legal_aid"}),
    "psychosocial": frozenset(
        {"social_work", "health", "school_counselling", "hospital_counselling", "community_counselling"}
    ),
    "school_support": frozenset({"education", "school_counselling"}),
    "cash_support": frozenset({"commune_office", "social_work"}),
    "civil_registration": frozenset({"commune_office", "police"}),
    "parenting_reintegration": frozenset(
        {"social_work", "commune_office", "community_counselling", "mass_organisation"}
    ),
}
"""Kinds of provider that may give a service: a school is no forensic centre, whatever a file says."""

SERVICES: Final = tuple(GIVEN_BY)
"""The services a child may be referred for, in the order of lifecycle.md."""


def gives(kind: str, service: str) -> bool:
    """Whether a provider of this kind may give the service."""
    return kind in GIVEN_BY.get(service, frozenset())
