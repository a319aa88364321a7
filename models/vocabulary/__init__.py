"""The words of the service: codes with their Vietnamese and English labels, dated, with their legal basis.

The data are TOML files under `data/`, one table per vocabulary. A code keeps its meaning for ever: a term that falls
out of use gets a `valid_to`, and a new meaning gets a new code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from models.vocabulary.fold import clean_text, fold

__all__ = [
    "Language",
    "Term",
    "clean_text",
    "codes",
    "fold",
    "in_force",
    "label",
    "names",
    "term",
    "title",
    "vocabulary",
]

Language = Literal["vi", "en"]

_FROM_THE_START: Final = date(2017, 6, 1)  # Luật Trẻ em 102/2016/QH13 in force


@dataclass(frozen=True, slots=True)
class Term:
    """One word: its code, both labels, when it may be chosen, and what stands behind it.

    `valid_to` is the last day on which it may be chosen, None while it is in use. `legal_basis` is empty for a word of
    our own design. `verified` is False where something is claimed of the law that was not checked against its text; a
    page must say so. `parent` is the code of the broader term.
    """

    code: str
    vi: str
    en: str
    valid_from: date
    valid_to: date | None
    legal_basis: str
    verified: bool
    parent: str | None = None

    def label(self, lang: Language) -> str:
        """Return the label in `lang`."""
        return self.vi if lang == "vi" else self.en

    def holds_on(self, day: date) -> bool:
        """Tell whether the term may be chosen on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def names() -> tuple[str, ...]:
    """Return the names of all vocabularies, sorted."""
    return tuple(sorted(_load()))


def vocabulary(name: str) -> tuple[Term, ...]:
    """Return every term of a vocabulary, those out of use included, in the order of its file (KeyError if unknown)."""
    return tuple(_load()[name][1].values())


def in_force(name: str, day: date) -> tuple[Term, ...]:
    """Return the terms of a vocabulary that may be chosen on `day`."""
    return tuple(t for t in vocabulary(name) if t.holds_on(day))


def codes(name: str) -> tuple[str, ...]:
    """Return the codes of a vocabulary in the order of its file, those out of use included."""
    return tuple(_load()[name][1])


def term(name: str, code: str) -> Term:
    """Return one term (KeyError if the vocabulary or the code is unknown)."""
    return _load()[name][1][code]


def label(name: str, code: str, lang: Language) -> str:
    """Return the label of one code in `lang` (KeyError if the vocabulary or the code is unknown)."""
    return term(name, code).label(lang)


def title(name: str, lang: Language) -> str:
    """Return the title of the vocabulary itself in `lang`."""
    return _load()[name][0][lang]


@cache
def _load() -> dict[str, tuple[dict[str, str], dict[str, Term]]]:
    loaded: dict[str, tuple[dict[str, str], dict[str, Term]]] = {}
    for file in sorted(files(__package__).joinpath("data").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if name in loaded:
                raise ValueError(f"vocabulary {name} is defined twice")
            loaded[name] = ({"vi": table["vi"], "en": table["en"]}, _terms(name, table))
    return loaded


def _terms(name: str, table: dict[str, Any]) -> dict[str, Term]:
    terms: dict[str, Term] = {}
    for row in table["terms"]:
        entry = Term(
            code=row["code"],
            vi=row["vi"],
            en=row["en"],
            valid_from=row.get("valid_from", table.get("valid_from", _FROM_THE_START)),
            valid_to=row.get("valid_to"),
            legal_basis=row.get("legal_basis", table.get("legal_basis", "")),
            verified=row.get("verified", table.get("verified", True)),
            parent=row.get("parent"),
        )
        if entry.code in terms:
            raise ValueError(f"{name}: code {entry.code} is used twice")
        terms[entry.code] = entry
    return terms
