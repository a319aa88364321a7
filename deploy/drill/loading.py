"""Loading a drill: reading, typing, and checking that its names and instants fit together."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ValidationError

from deploy.drill.format import Act, Drill, MakeReport, Refer, Step, shown
from deploy.drill.reading import BadDrillError, Path_, Source, read, read_text
from deploy.drill.refs import filled, references
from models.forms import INPUTS, ReportInput
from models.forms.referral import REFERRAL_INPUTS, AskedService

_Problem = tuple[Path_, str]


def load(path: Path) -> Drill:
    """Read, type and cross-check a drill file.

    Raises:
        BadDrillError: with file, line and what was expected; the first problem found.
    """
    return _typed(read(path))


def loads(text: str, file: str = "<drill>") -> Drill:
    """The same from text. Raises ``BadDrillError``."""
    return _typed(read_text(text, file))


def _typed(source: Source) -> Drill:
    try:
        drill = Drill.model_validate(source.data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path: Path_ = tuple(problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise BadDrillError(source.file, source.line(path), f"{_where(source.data, path)}{message}") from error
    for path, message in _inconsistencies(drill):
        raise BadDrillError(source.file, source.line(path), f"{_where(source.data, path)}{message}")
    return drill


def _where(data: Any, path: Path_) -> str:
    """The path in words; a step is named by its number (from 1) and what it says of itself."""
    words: list[str] = []
    for index, part in enumerate(path):
        if isinstance(part, str):
            words.append(part)
        elif path[0] == "steps" and index == 1:
            step = data["steps"][part]
            said = step.get("says") if isinstance(step, dict) else None
            words[-1] = f"step {part + 1}" + (f" ({said})" if said else "")
        else:
            words[-1] = f"{words[-1]} {part + 1}"
    return " › ".join(words) + ": " if words else ""


def _inconsistencies(drill: Drill) -> Iterator[_Problem]:
    yield from _stage(drill)
    yield from _order(drill)
    yield from _names(drill)
    yield from _referrals(drill)
    yield from _forms(drill)


def _stage(drill: Drill) -> Iterator[_Problem]:
    codes = {unit.code for unit in drill.units}
    named: list[_Problem] = [
        (("units", i, "parent"), unit.parent) for i, unit in enumerate(drill.units) if unit.parent is not None
    ]
    for nick, actor in drill.cast.items():
        named.append((("cast", nick, "unit"), actor.unit))
        named += [(("cast", nick, "also", i, "unit"), office.unit) for i, office in enumerate(actor.also)]
    for index, step in enumerate(drill.steps):
        if step.refer is not None and step.refer.unit is not None:
            named.append((("steps", index, "refer", "unit"), step.refer.unit))
        if step.expect is not None:
            wanted = (("unit", step.expect.unit), ("transfer_to", step.expect.transfer_to))
            named += [(("steps", index, "expect", name), code) for name, code in wanted if code is not None]
    yield from ((path, f"no unit has the code {code!r}") for path, code in named if code not in codes)

    people: list[_Problem] = [(("absences", i, "who"), absence.who) for i, absence in enumerate(drill.absences)]
    people += [(("deputies", i, "who"), deputy.who) for i, deputy in enumerate(drill.deputies)]
    people += [(("deputies", i, "deputy"), deputy.deputy) for i, deputy in enumerate(drill.deputies)]
    people += [(("rota", i, "who"), shift.who) for i, shift in enumerate(drill.rota)]
    yield from (_unknown(path, nick) for path, nick in people if nick not in drill.cast)
    for name in ("absences", "rota"):
        for index, span in enumerate(getattr(drill, name)):
            if span.until <= span.start:
                yield (name, index, "until"), "must come after from"


def _unknown(path: Path_, nick: str) -> _Problem:
    return path, f"nobody in the cast is called {nick!r}"


def _order(drill: Drill) -> Iterator[_Problem]:
    before = drill.start
    for index, step in enumerate(drill.steps):
        if step.at < before:
            yield ("steps", index, "at"), f"is before the step above it (or the start), which is at {shown(before)}"
        before = max(before, step.at)
    if drill.end < before:
        yield ("end",), f"is before the last step, which is at {shown(before)}"


def _names(drill: Drill) -> Iterator[_Problem]:
    cases: set[str] = set()
    for index, step in enumerate(drill.steps):
        for path, nick in _people(step):
            if nick not in drill.cast:
                yield _unknown(("steps", index, *path), nick)
        for path, nick in _cases(step):
            if nick not in cases:
                yield ("steps", index, *path), f"no report above opens a case called {nick!r}"
        yield from _pointers(drill, index, step, cases)
        if step.report is not None:
            for place, nick in enumerate(step.report.opens):
                if nick in cases:
                    yield ("steps", index, "report", "opens", place), f"a case called {nick!r} is open already"
                cases.add(nick)


_PASSED_ON: Final = re.compile(r"-[0-9]+$")


_MAY_BE_OF_ONE: Final = (
    "deadlines", "rungs", "notified", "not_notified", "breaches", "escalations", "referrals", "reading",
)  # fmt: skip


def _referrals(drill: Drill) -> Iterator[_Problem]:
    known: set[str] = set()
    for index, step in enumerate(drill.steps):
        for path, nick in _named_referrals(step):
            if nick not in known and _PASSED_ON.sub("", nick) not in known:
                yield ("steps", index, *path), f"nothing above refers a child under the name {nick!r}"
        if step.refer is not None:
            if step.refer.opens in known or _PASSED_ON.search(step.refer.opens):
                yield ("steps", index, "refer", "opens"), "is taken, or ends like a referral that was passed on (-2)"
            known.add(step.refer.opens)


def _named_referrals(step: Step) -> Iterator[_Problem]:
    if step.act is not None and step.act.referral is not None:
        yield ("act", "referral"), step.act.referral
    if step.expect is not None:
        for field in _MAY_BE_OF_ONE:
            for index, want in enumerate(getattr(step.expect, field)):
                if want.referral is not None:
                    yield ("expect", field, index, "referral"), want.referral


def _pointers(drill: Drill, index: int, step: Step, cases: set[str]) -> Iterator[_Problem]:
    for kind, name in references(getattr(getattr(step, step.kind), "form", {})):
        known = drill.cast if kind == "person" else cases
        if name.split("/")[0] not in known:
            yield ("steps", index, step.kind, "form"), f"${{{kind}:{name}}} points at nobody and nothing above"


def _forms(drill: Drill) -> Iterator[_Problem]:
    """Forms as the API will read them; where a refusal is expected the form may be as wrong as it likes."""
    for index, step in enumerate(drill.steps):
        part = step.report or step.act or step.refer
        if part is None:
            continue
        body, form = _body(part)
        if body is None:
            yield (
                ("steps", index, "act", "event"),
                f"{part.event!r} is no event of the lifecycle that a person may send",  # type: ignore[union-attr]
            )
        elif part.refused is None:
            try:
                body.model_validate(filled(form, _any_id))
            except ValidationError as error:
                problem = error.errors(include_url=False, include_input=False)[0]
                path: Path_ = ("steps", index, step.kind, "form", *problem["loc"])
                yield path, f"{problem['msg']} ({body.__name__})"


def _body(part: MakeReport | Act | Refer) -> tuple[type[BaseModel] | None, dict[str, Any]]:
    """The model the API will read a form with, None for an event there is not; and the form as it is sent."""
    match part:
        case MakeReport():
            return ReportInput, part.form
        case Refer():
            return AskedService, {"service": part.service, "receiver": part.unit, **part.form}
        case Act(referral=None):
            return INPUTS.get(part.event), part.form
        case Act():
            return REFERRAL_INPUTS.get(part.event), {"event": part.event, **part.form}


def _any_id(kind: str, _name: str) -> str:
    return "0" * 64 if kind == "plan" else str(UUID(int=0))


def _people(step: Step) -> Iterator[_Problem]:
    yield from _under((step.kind,), getattr(step, step.kind))
    if step.act is not None and step.act.on_behalf_of is not None:
        yield from _under(("act", "on_behalf_of"), step.act.on_behalf_of)
    if step.expect is not None:
        for field in ("notified", "not_notified", "reading", "events", "documents", "escalations", "calls"):
            for index, want in enumerate(getattr(step.expect, field)):
                yield from _under(("expect", field, index), want)


def _under(path: Path_, part: object) -> Iterator[_Problem]:
    for name in ("by", "who", "owner", "allowed_for", "on_behalf_of", "author", "to", "watching"):
        value = getattr(part, name, None)
        for nick in value if isinstance(value, tuple) else (value,):
            if isinstance(nick, str):
                yield (*path, name), nick


def _cases(step: Step) -> Iterator[_Problem]:
    part = getattr(step, step.kind)
    for name in ("case", "same_child_as", "same_household_as"):
        nick = getattr(part, name, None)
        if nick is not None:
            yield (step.kind, name), nick
