"""A form's fields made of the JSON schema an action names: labels, help, choices and limits stand there and only there.

What was typed is given back wherever a form has to be shown again, and what is wrong is said beside its field.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

from pydantic import ValidationError

from api.language import Both
from models.calendar import TZ
from models.vocabulary import Language, codes, label

Schema = Mapping[str, Any]

_LINE: Final = 200
"""Letters up to which a text is asked for on one line."""
_CHOOSE: Final = Both("Chọn", "Choose")


@dataclass(frozen=True)
class Fields:
    """The fields of one schema.

    Attributes:
        schema: an object's JSON schema, as an allowed action names it (``models.forms``).
        lang: of the page.
        ident: what the ids of the page's fields begin with, for several forms may stand on one page.
        leave_out: fields the page does not ask for.
        vocabularies: where a field's code may be of one of several vocabularies, those that hold here.
        typed: what was typed before, by name.
        wrong: names of fields that were not accepted, with what is wrong about them.
    """

    schema: Schema
    lang: Language
    ident: str
    leave_out: Collection[str] = ()
    vocabularies: Collection[str] = ()
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def html(self) -> str:
        """Them as markup; empty where nothing is asked for."""
        return self._of(self.schema, "", required=True)

    def said(self, typed: Mapping[str, str]) -> dict[str, Any]:
        """What was typed in the schema's shape; what was left empty is not said.

        Args:
            typed: a form's fields by name; those the schema does not know are left out.
        """
        return self._said(self.schema, "", typed)

    def _of(self, schema: Schema, prefix: str, *, required: bool) -> str:
        needed = schema.get("required", ()) if required else ()
        return "".join(
            self._one(f"{prefix}{name}", each, required=name in needed)
            for name, each in schema["properties"].items()
            if prefix or name not in self.leave_out
        )

    def _one(self, name: str, said: Schema, *, required: bool) -> str:
        schema = self._resolved(said)
        if "properties" in schema:
            inner = self._of(schema, f"{name}.", required=required)
            return f"<fieldset><legend>{escape(self._titled(said))}</legend>{self._beside(name)}{inner}</fieldset>"
        ident, value = f"{self.ident}-{name}", self.typed.get(name, "")
        head = f'<label for="{ident}">{escape(self._titled(said))}</label>{self._helped(said)}{self._beside(name)}'
        common = f'id="{ident}" name="{name}"{" required" if required else ""}'
        if name in self.wrong:
            common += f' aria-invalid="true" aria-describedby="{ident}-wrong"'
        return head + self._control(schema, common, value)

    def _control(self, schema: Schema, common: str, value: str) -> str:
        if "enum" in schema:
            options = "".join(
                f'<option value="{code}"{" selected" if code == value else ""}>'
                f"{escape(label(schema['vocabulary'], code, self.lang))}</option>"
                for code in schema["enum"]
            )
            return f'<select {common}><option value="">{escape(_CHOOSE.text(self.lang))}</option>{options}</select>'
        kind = {"date": "date", "date-time": "datetime-local"}.get(schema.get("format", ""))
        if kind is not None:
            return f'<input type="{kind}" {common} value="{escape(value)}">'
        most = int(schema.get("maxLength", _LINE))
        if most > _LINE:
            return f'<textarea {common} rows="4" cols="40" maxlength="{most}">{escape(value)}</textarea>'
        return f'<input {common} maxlength="{most}" value="{escape(value)}">'

    def _titled(self, said: Schema) -> str:
        return str(said["title"] if self.lang == "vi" else said["en"])

    def _helped(self, said: Schema) -> str:
        words = said.get("help_vi" if self.lang == "vi" else "help_en", "")
        return f'<span class="note">{escape(words)}</span>' if words else ""

    def _beside(self, name: str) -> str:
        if name not in self.wrong:
            return ""
        return f'<span class="wrong" id="{self.ident}-{name}-wrong">{escape(self.wrong[name])}</span>'

    def _resolved(self, schema: Schema) -> Schema:
        """A field's own schema: what it refers to, without the chance that it is left out."""
        if "$ref" in schema:
            return self._resolved(self.schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
        if "anyOf" not in schema:
            return schema
        ways = [one for one in schema["anyOf"] if one.get("type") != "null"]
        fitting = [one for one in ways if one.get("vocabulary") in self.vocabularies]
        return self._resolved((fitting or ways)[0])

    def _said(self, of: Schema, prefix: str, typed: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, each in of["properties"].items():
            schema, value = self._resolved(each), typed.get(f"{prefix}{name}", "")
            if not prefix and name in self.leave_out:
                continue
            if "properties" in schema:
                if inner := self._said(schema, f"{prefix}{name}.", typed):
                    found[name] = inner
            elif value.strip():
                found[name] = _local(value) if schema.get("format") == "date-time" else value
        return found


def faults(error: ValidationError, lang: Language) -> dict[str, str]:
    """What is wrong with which fields of a form, in words; a value is never repeated."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_input=False):
        code = str(one["type"]).replace("_", "-")
        words = label("field_faults", code if code in codes("field_faults") else "other", lang)
        # Of a decision's own fields the second step is the field; of a union's, the way that was tried.
        steps = [str(step) for step in one["loc"] if isinstance(step, str) and step.isidentifier()]
        found.setdefault(".".join(steps[:2]), words)
    return found


def _local(value: str) -> str:
    """What a browser says of a local time, as an instant; anything else as it is, for the form to refuse."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return at.isoformat() if at.tzinfo else at.replace(tzinfo=TZ).isoformat()
