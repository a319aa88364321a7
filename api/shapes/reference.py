"""Reference data: what everybody may know."""

from datetime import date
from typing import Any

from api.shapes.base import Output, Text


class ProtocolRef(Output):
    """One version of the protocol."""

    version: str
    name: Text
    valid_from: date
    published: date
    in_force: bool


class TermOut(Output):
    """One word of a vocabulary; ``verified`` false: claimed of the law, not yet checked against its text."""

    code: str
    label: Text
    valid_from: date
    valid_to: date | None
    legal_basis: str
    verified: bool
    parent: str | None


class VocabularyRef(Output):
    """A vocabulary by name and title."""

    name: str
    title: Text


class VocabularyOut(Output):
    """A vocabulary with its terms, those out of use included."""

    name: str
    title: Text
    terms: list[TermOut]


class FormOut(Output):
    """A form's JSON schema, titled in both languages."""

    kind: str
    input: dict[str, Any]


class ProblemRef(Output):
    """A problem code, its status and its sentences."""

    code: str
    status: int
    title: Text
    detail: Text
    next: Text
