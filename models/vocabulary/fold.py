"""Text on its way in and text on its way to a search: two functions, no state."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MARKS_IN_A_ROW: Final = 32
"""Longest run of combining marks kept; Vietnamese needs two, and normalising is quadratic in the run."""

_KEPT: Final = frozenset("\n\t")
# Bidirectional overrides change what a reader sees without changing what was stored: no decision may contain them.
_BIDI: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
_STROKE_D: Final = str.maketrans({"đ": "d", "Đ": "d"})
_LINE_ENDS: Final = re.compile("\r\n?|\u2028|\u2029|\x85")


class UncleanTextError(ValueError):
    """Text that cannot be stored. `code` is stable: text-has-nul, text-has-surrogate or text-has-mark-run."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def clean_text(text: str) -> str:
    r"""Return `text` as it may be stored: NFC, line ends as \n, no control characters but newline and tab.

    Raises:
        UncleanTextError: on NUL (PostgreSQL cannot hold it), on a lone surrogate (not text at all), and on a run of
            more than `MARKS_IN_A_ROW` combining marks. These are refused and not repaired: what was meant is unknown.
    """
    if "\0" in text:
        raise UncleanTextError("text-has-nul")
    run = 0
    kept: list[str] = []
    for char in _LINE_ENDS.sub("\n", text):
        if char in _KEPT or char.isalnum() or char == " ":
            run = 0
        else:
            category = unicodedata.category(char)
            if category == "Cs":
                raise UncleanTextError("text-has-surrogate")
            if category == "Cc" or char in _BIDI:
                continue
            run = run + 1 if category in {"Mn", "Me"} else 0
            if run > MARKS_IN_A_ROW:
                raise UncleanTextError("text-has-mark-run")
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def fold(text: str) -> str:
    """Return `text` for searching: lower case, without tone and vowel marks, đ as d. "Đỗ Thị Ước" is "do thi uoc"."""
    return _bare(_bare(text)).translate(_STROKE_D)


def _bare(text: str) -> str:
    # Twice, because lowering can add marks (İ) and decomposing can add capitals (ℌ).
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if unicodedata.category(c) != "Mn").lower()
