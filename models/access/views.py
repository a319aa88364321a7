"""What a child and those who speak for it may be told of the case, what is withheld from them, and why. Pure.

Source: process.md §6.4 (guardian view: plan, appointments, decisions served on them, unless ``PERPETRATOR`` or
``RISK_IF_TOLD``). The team reads it before it speaks; nobody outside the team does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.access.consent import CARERS

CHILD: Final = "CHILD"

_DECISION_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "approve_plan": ("number", "signed_on", "signer"),
    "approve_closure": ("number", "signed_on", "signer"),
    "M07": ("number", "signed_on", "signer", "starts_at", "until"),
    "isolation_extension": ("number", "signed_on", "signer", "until"),
    "ban_decision": ("number", "signed_on", "signer", "starts_at", "ends_at"),
}
_STEP_FIELDS: Final = ("key", "measure", "responsible", "service", "due")
_ALWAYS_KEPT: Final[Mapping[str, str]] = {"NARRATIVE": "NOT_THEIRS", "INFORMANT": "SEALED"}
_PARTS = ("PLAN", "DECISIONS", "OWN_WORDS", "WHEREABOUTS")


@dataclass(frozen=True)
class Told:
    """Something that may be told: the part of the record, the kind of document, and the fields of it."""

    part: str
    kind: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Withheld:
    """A part that must not be told, and why: codes of ``view_parts`` and ``withheld_reasons``."""

    part: str
    reason: str


@dataclass(frozen=True)
class View:
    """What somebody may be told, and what not."""

    told: tuple[Told, ...]
    withheld: tuple[Withheld, ...]


def view(
    reader: str,
    documents: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    barred: Collection[str],
    kept: Collection[tuple[str, str, str]],
) -> View:
    """What may be told to one person.

    Args:
        reader: code of ``consent_givers``.
        documents: kind and content of what counts: the plan in force, decisions (for one that is no form of its own the
            event it came with), minutes; later ones after earlier.
        barred: givers alleged to have caused the harm.
        kept: what the team has recorded as to be withheld: reader, part (empty: everything), reason.
    """
    own = [(part, reason) for whom, part, reason in kept if whom == reader]
    if reader in barred:
        reasons = dict.fromkeys((*_PARTS, "NARRATIVE"), "PERPETRATOR") | {"INFORMANT": "SEALED"}
    else:
        reasons = dict(_ALWAYS_KEPT)
        if reader != CHILD:
            reasons["OWN_WORDS"] = "NOT_THEIRS"
        if reader in CARERS:
            # An isolation is one from parents and carers (NĐ 56/2017 Điều 32): where to is told to none of them.
            reasons["WHEREABOUTS"] = "RISK_IF_TOLD"
        reasons |= {part: reason for part in _PARTS for whose, reason in own if whose in ("", part)}
    told = [one for kind, content in documents for one in _of(kind, content) if one.part not in reasons]
    shown = tuple(Withheld(part, reason) for part, reason in sorted(reasons.items()))
    return View(tuple(told), shown)


def _of(kind: str, content: Mapping[str, Any]) -> list[Told]:
    """What one document would tell, part by part."""
    if kind == "M04":
        return [Told("PLAN", kind, _only(step, _STEP_FIELDS)) for step in content.get("measures", ())]
    if kind == "minutes":
        return [Told("OWN_WORDS", kind, _only(content, ("child_views",)))]
    if kind in _DECISION_FIELDS:
        found = [Told("DECISIONS", kind, _only(content, _DECISION_FIELDS[kind]))]
        if kind == "M07":
            found.append(Told("WHEREABOUTS", kind, _only(content, ("isolated_to", "carer"))))
        return found
    return []


def _only(content: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: content[name] for name in names if content.get(name) is not None}
