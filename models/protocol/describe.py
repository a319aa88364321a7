"""The protocol as plain data, for a page and for JSON: what an officer may read of every deadline."""

from typing import Any

from models.protocol.rules import UNVERIFIED, Basis, DeadlineRule, Protocol, RungRule, Variant
from models.protocol.types import MARKS

DESIGN_VI = "Mặc định của hệ thống, không phải quy định của pháp luật"
DESIGN_EN = "A default of this service, no rule of law"

UNITS: dict[str, dict[str, str]] = {
    "min": {"vi": "phút", "en": "minutes"},
    "H": {"vi": "giờ, tính liên tục cả ngày đêm, ngày nghỉ và Tết", "en": "elapsed hours, night and Tết included"},
    "WD": {"vi": "ngày làm việc", "en": "working days"},
    "CD": {"vi": "ngày, tính cả ngày nghỉ", "en": "calendar days"},
    "MONTH": {"vi": "tháng", "en": "months"},
}


def describe(protocol: Protocol) -> dict[str, Any]:
    """Return one protocol version: its head, its parameters and one plain row per deadline, in the file's order."""
    return {
        "version": protocol.version,
        "name": {"vi": protocol.name_vi, "en": protocol.name_en},
        "valid_from": protocol.valid_from.isoformat(),
        "published": protocol.published.isoformat(),
        "legal_basis": [_basis(basis) for basis in protocol.legal_basis],
        "parameters": protocol.parameters.model_dump(mode="json"),
        "marks": dict(MARKS),
        "units": UNITS,
        "rows": [describe_row(rule) for rule in protocol.rows],
        "public_door": protocol.public_door.model_dump(mode="json") if protocol.public_door else None,
        "referrals": _referrals(protocol),
    }


def _referrals(protocol: Protocol) -> dict[str, Any] | None:
    """Return the clocks of referrals, service by service; None for a version that says nothing of them."""
    said = protocol.referrals
    if said is None:
        return None
    owed = {clock.code: clock.owed_by for clock in said.clocks}
    return {
        "night": {"from": said.night_from.isoformat("minutes"), "until": said.night_until.isoformat("minutes")},
        "links": {
            "lasts": str(said.link_lasts),
            "session": str(said.link_session),
            "tries": said.link_tries,
        },
        "services": [
            {
                "code": service.code,
                "emergency": service.emergency,
                "windows": [str(amount) for amount in service.windows],
                "rows": [{**describe_row(rule), "owed_by": owed[rule.code]} for rule in said.rows[service.code]],
            }
            for service in said.services
        ],
    }


def describe_row(rule: DeadlineRule) -> dict[str, Any]:
    """Return one deadline.

    `limits` are the variants in the order they are tried, each with `when` (empty: always, "otherwise" after others),
    `limit` and `unit` (None: the plan's own date), its own mark, its ladder. `legal_basis`: None for a default.
    """
    return {
        "code": rule.code,
        "name": {"vi": rule.name_vi, "en": rule.name_en},
        "kind": rule.kind,
        "mark": MARKS[rule.kind],
        "statutory": rule.kind == "statutory",
        "legal_basis": _basis(rule.basis) if rule.basis is not None else None,
        "verified": rule.basis.verified if rule.basis is not None else None,
        "standing": _standing(rule),
        "note": {"vi": rule.note_vi, "en": rule.note_en},
        "per": rule.per,
        "starts": [start.model_dump(mode="json") for start in rule.starts],
        "met_by": [met.model_dump(mode="json") for met in rule.met_by],
        "series": [str(amount) for amount in rule.series],
        "earlier_date": rule.cap,
        "limits": [_limit(rule, variant) for variant in rule.variants],
        "maximum": rule.maximum,
        "rolls": rule.rolls,
        "pausable": rule.pausable,
        "stops_when_suspended": rule.stops_when_suspended,
        "cancelled_at_final_state": not rule.survives_final,
        "cancelled_by": list(rule.cancelled_by),
        "repeatable": rule.repeatable,
        "covers": list(rule.covers),
    }


def _standing(rule: DeadlineRule) -> dict[str, str]:
    """Return what to say of a row's force; an unchecked basis is never shown as law."""
    if rule.kind == "design":
        return {"vi": DESIGN_VI, "en": DESIGN_EN}
    if rule.basis is None or not rule.basis.verified:
        return {"vi": UNVERIFIED, "en": "not verified"}
    if rule.kind == "local":
        return {"vi": "Quy định của địa phương", "en": "A local rule"}
    return {"vi": "Quy định của pháp luật", "en": "Law"}


def _basis(basis: Basis) -> dict[str, Any]:
    return {"text": basis.text, "verified": basis.verified, "label": basis.label}


def _limit(rule: DeadlineRule, variant: Variant) -> dict[str, Any]:
    kind = variant.kind or rule.kind
    return {
        "when": variant.when.model_dump(mode="json", exclude_defaults=True),
        "when_text": str(variant.when),
        "limit": variant.limit.value if variant.limit is not None else None,
        "unit": variant.limit.unit if variant.limit is not None else None,
        "amount": str(variant.limit) if variant.limit is not None else None,
        "kind": kind,
        "mark": MARKS[kind],
        "ladder": [_rung(rung, variant) for rung in variant.rungs],
    }


def _rung(rung: RungRule, variant: Variant) -> dict[str, Any]:
    return {
        "level": rung.level,
        "at": rung.at.text,
        "at_limit": rung.at.is_limit(variant.limit),
        "breach": rung.breach,
        "condition": rung.condition,
        "then": rung.then,
        "also": list(rung.also),
        "asks": rung.asks,
    }
