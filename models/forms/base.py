"""What every form shares: clean text, titles in both languages, canonical JSON.

A *sheet* is any typed piece of content; a *form* is a sheet that is stored as a document of its own `KIND`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema, to_jsonable_python

from models.vocabulary import clean_text, codes
from models.vocabulary.fold import UncleanTextError

AS_STORED: Final = "as_stored"
"""Validation context key: content read back from the record; its computed values are not judged by today's rules."""

_LINE: Final = 200
_WORDING: Final = 500
_TEXT: Final = 4_000
_LONG: Final = 20_000
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*", re.DOTALL)
_YEARS: Final = range(1900, 2201)


def refused(code: str, sentence: str) -> PydanticCustomError:
    """Return a validation error with a stable `code`; the sentence never repeats what was typed."""
    return PydanticCustomError(code, "{sentence}", {"sentence": sentence})


def says(
    vi: str,
    en: str,
    *,
    help_vi: str = "",
    help_en: str = "",
    basis: str = "",
    verified: bool = True,
    cap: int | None = None,
) -> Any:
    """Return what a field says of itself: titles, help, legal basis; `cap` is the most items a list may hold."""
    extra: dict[str, Any] = {"en": en, "verified": verified}
    extra |= {k: v for k, v in (("help_vi", help_vi), ("help_en", help_en), ("legal_basis", basis)) if v}
    return Field(title=vi, json_schema_extra=extra, max_length=cap)


def _clean(value: object, *, most: int, one_line: bool) -> object:
    if not isinstance(value, str):
        return value
    if len(value) > 4 * most:  # before any work is spent on it
        raise refused("text-too-long", f"The text is longer than {most} characters.")
    try:
        text = clean_text(value)
    except UncleanTextError as unclean:
        raise refused(unclean.code, "The text contains characters that cannot be stored.") from None
    text = " ".join(text.split()) if one_line else text.strip()
    if not text:
        raise refused("text-blank", "There is no text.")
    if len(text) > most:
        raise refused("text-too-long", f"The text is longer than {most} characters.")
    return text


def _text(most: int, *, one_line: bool = False) -> BeforeValidator:
    return BeforeValidator(lambda value: _clean(value, most=most, one_line=one_line))


Line = Annotated[str, _text(_LINE, one_line=True), StringConstraints(min_length=1, max_length=_LINE, strict=True)]
"""One line: a name, an address, a document number."""
Wording = Annotated[str, _text(_WORDING), StringConstraints(min_length=1, max_length=_WORDING, strict=True)]
"""A sentence or two."""
Text = Annotated[str, _text(_TEXT), StringConstraints(min_length=1, max_length=_TEXT, strict=True)]
"""A paragraph or several."""
LongText = Annotated[str, _text(_LONG), StringConstraints(min_length=1, max_length=_LONG, strict=True)]
"""A page or several."""
UnitCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", strict=True)]
"""Code of a unit of the organisation tree."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", strict=True)]
"""Key of a step of a plan: it stays the same from version to version."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", strict=True)]
Flag = StrictBool
Count = StrictInt


def _day(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise refused("date-not-iso", "A date is written as YYYY-MM-DD.") from None
    # A datetime is a date to Python; as a day it would hide which zone was meant.
    if not isinstance(value, date) or isinstance(value, datetime):
        raise refused("date-not-iso", "A date is written as YYYY-MM-DD.")
    if value.year not in _YEARS:
        raise refused("date-out-of-range", "The year must lie between 1900 and 2200.")
    return value


def _instant(value: object) -> object:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            raise refused("instant-not-iso", "An instant is written as YYYY-MM-DDTHH:MM with an offset.") from None
    if not isinstance(value, datetime):
        raise refused("instant-not-iso", "An instant is written as YYYY-MM-DDTHH:MM with an offset.")
    if value.utcoffset() is None:
        raise refused("instant-without-zone", "An instant needs its offset from UTC, for example +07:00.")
    if not _YEARS.start < value.year < _YEARS.stop - 1:  # a year inside, because the offset may move it across
        raise refused("date-out-of-range", "The year must lie between 1901 and 2199.")
    return value.astimezone(UTC)  # one instant, one spelling, one hash


Day = Annotated[date, BeforeValidator(_day)]
"""A calendar date; numbers and times are refused, not converted."""
Instant = Annotated[datetime, BeforeValidator(_instant)]
"""An aware instant, kept in UTC; a naive one is refused."""


class Coded:
    """Annotation: the string is a code of the named vocabulary (of `only` some of it). Codes out of use still load."""

    def __init__(self, name: str, *only: str) -> None:
        self.name = name
        self.codes = only or codes(name)
        unknown = set(self.codes) - set(codes(name))
        if unknown:
            raise ValueError(f"{name} has no {sorted(unknown)}")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.codes), "vocabulary": self.name}

    def _known(self, code: str) -> str:
        if code not in self.codes:
            raise PydanticCustomError(
                "unknown-code", "Not a code of the vocabulary {vocabulary}.", {"vocabulary": self.name}
            )
        return code


Risk = Annotated[str, Coded("risk_levels")]
Trigger = Annotated[str, Coded("emergency_triggers")]
Level = Annotated[str, Coded("criterion_levels")]
Sex = Annotated[str, Coded("sex")]
Role = Annotated[str, Coded("roles")]
Means = Annotated[str, Coded("means")]
AbuseForm = Annotated[str, Coded("abuse_forms")]
Service = Annotated[str, Coded("services")]
MeasureKind = Annotated[str, Coded("measure_kinds")]


class Sheet(BaseModel):
    """A typed piece of content: frozen, nothing unknown in it, titled in both languages.

    A blank text counts as not filled in. Computed values may be sent back as they were read, but not changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    VI: ClassVar[str] = ""
    EN: ClassVar[str] = ""
    BASIS: ClassVar[str] = ""
    VERIFIED: ClassVar[bool] = True
    CARRIES: ClassVar[tuple[str, ...]] = ()
    """Fields that may leave for the command: codes, ids, dates and flags, never text about a person."""

    @model_validator(mode="wrap")
    @classmethod
    def _tidy(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        computed = {k: v for k, v in data.items() if k in cls.model_computed_fields}
        sheet = handler(
            {
                k: v
                for k, v in data.items()
                if k not in computed and not (k in cls.model_fields and isinstance(v, str) and not v.strip())
            }
        )
        stored = bool(info.context and info.context.get(AS_STORED))
        if computed and not stored:
            actual = sheet.model_dump(mode="json", include=set(computed))
            if actual != to_jsonable_python(computed):
                raise refused("computed-differs", "A computed value was changed; leave it out.")
        return sheet

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shown = handler.resolve_ref_schema(handler(schema))
        shown.pop("description", None)  # a docstring speaks to programmers, the titles to people
        shown |= {"title": cls.VI or cls.__name__, "en": cls.EN or cls.__name__, "verified": cls.VERIFIED}
        if cls.BASIS:
            shown["legal_basis"] = cls.BASIS
        return shown

    def carried(self) -> dict[str, Any]:
        """Return what may go with the command, JSON-able: the set fields named in `CARRIES`."""
        return self.model_dump(mode="json", exclude_none=True, include=set(self.CARRIES))


class Form(Sheet):
    """A sheet that becomes a document of its own."""

    KIND: ClassVar[str]


def content(sheet: Sheet) -> dict[str, Any]:
    """Return the JSON-able content of a sheet as it is stored: what is unknown is left out, computed values are in it.

    What is unknown is left out, so a hash stays the same when a form gains a field that may be unknown (None).
    """
    return sheet.model_dump(mode="json", exclude_none=True)


def canonical(value: Mapping[str, Any]) -> str:
    """Return canonical JSON: keys sorted, no white space, NFC, nothing escaped that need not be."""
    return unicodedata.normalize(
        "NFC", json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    )
