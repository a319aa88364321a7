"""Amounts, places of rungs and conditions of the protocol in words, for people who read a table or a notice."""

from collections.abc import Callable
from typing import Any, Literal

from models.protocol.arithmetic import Amount, At

Language = Literal["vi", "en"]

_UNITS: dict[str, dict[Language, tuple[str, str]]] = {
    "min": {"vi": ("phút", "phút"), "en": ("minute", "minutes")},
    "H": {"vi": ("giờ", "giờ"), "en": ("hour", "hours")},
    "WD": {"vi": ("ngày làm việc", "ngày làm việc"), "en": ("working day", "working days")},
    "CD": {"vi": ("ngày", "ngày"), "en": ("calendar day", "calendar days")},
    "MONTH": {"vi": ("tháng", "tháng"), "en": ("month", "months")},
}
_CONDITIONS: dict[str, dict[Language, str]] = {
    "flagged": {"vi": "báo khẩn cấp", "en": "flagged as an emergency"},
    "not flagged": {"vi": "không báo khẩn cấp", "en": "not flagged"},
    "emergency": {"vi": "trẻ đang được bảo vệ khẩn cấp", "en": "the child is in emergency protection"},
    "no emergency": {"vi": "trẻ không trong diện khẩn cấp", "en": "no emergency"},
    "unacknowledged_or_unowned": {
        "vi": "khi chưa ai xác nhận hoặc chưa ai phụ trách",
        "en": "while unacknowledged or unowned",
    },
    "no_assessment_ruleout_or_measure_since_start": {
        "vi": "khi chưa có Mẫu 02, kết luận hay biện pháp nào",
        "en": "while there is no Mẫu 02, rule-out or measure",
    },
}


def amount_words(text: str, lang: Language) -> str:
    """A length of time in words: ``5 WD`` is "5 ngày làm việc"."""
    amount = Amount.parse(text)
    return _counted(amount.value, amount.unit, lang)


def place_words(text: str, lang: Language) -> str:
    """Where a rung stands, in words: ``+2 WD`` is "quá hạn 2 ngày làm việc"."""
    at = At.parse(text)
    if at.unit == "limit":
        return "khi hết hạn" if lang == "vi" else "at the limit"
    if at.unit == "%":
        return f"{at.value} % thời hạn" if lang == "vi" else f"{at.value} % of the limit"
    length = _counted(at.value, at.unit, lang)
    if at.sign == "+":
        return f"quá hạn {length}" if lang == "vi" else f"{length} after it"
    if at.sign == "-":
        return f"trước hạn {length}" if lang == "vi" else f"{length} before it"
    return f"sau {length}" if lang == "vi" else f"after {length}"


def condition_words(code: str, lang: Language) -> str:
    """A rung's condition in words."""
    return _CONDITIONS[code][lang]


def when_words(when: dict[str, Any], lang: Language, event: Callable[[str], str]) -> str:
    """When a variant holds, in words; empty where it always does.

    Args:
        when: as ``describe`` gives it.
        lang: of the words.
        event: label of an event's code in that language.
    """
    words = [
        condition_words(name if value else f"{'no' if name == 'emergency' else 'not'} {name}", lang)
        for name in ("flagged", "emergency")
        if (value := when.get(name)) is not None
    ]
    if risks := when.get("risk"):
        words.append(("nguy cơ " if lang == "vi" else "risk ") + ", ".join(risks))
    words += [event(code) for code in when.get("start", ())]
    return "; ".join(words)


def _counted(value: int, unit: str, lang: Language) -> str:
    one, several = _UNITS[unit][lang]
    return f"{value} {one if value == 1 else several}"
