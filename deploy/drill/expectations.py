"""What must hold of a case, held against what is in PostgreSQL and what the API lets a person read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from deploy.drill.format import Expect, WantReading, shown
from deploy.drill.seen import Row, Seen

SAME = timedelta(seconds=1)
"""Two instants nearer than this are the same: people write seconds, machines keep microseconds."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it held, what was expected, and what was seen instead."""

    held: bool
    expected: str
    seen: str = ""


Nicks = Mapping[Any, str]
"""Ids of people and cases, by the names the file gives them."""


def check(expect: Expect, seen: Seen, nicks: Nicks) -> Iterator[Finding]:
    """Hold a case against what is expected of it; readings excepted, which need the API.

    Args:
        expect: what the file says.
        seen: the case and everything around it, read at the instant in question.
        nicks: the file's names of people and cases, by id.
    """
    yield from _standing(expect, seen, nicks)
    yield from _relations(expect, seen, nicks)
    yield from _each("deadline", expect.deadlines, seen.deadlines, nicks)
    for code in expect.no_open:
        there = [row for row in _own(seen.deadlines) if row["code"] == code and row["status"] == "open"]
        yield Finding(not there, f"no open deadline {code}", _listed(there, ("code", "occurrence", "due"), nicks))
    yield from _each("rung", expect.rungs, seen.rungs, nicks)
    yield from _each("notice", expect.notified, seen.notices, nicks)
    for want in expect.not_notified:
        there = [row for row in seen.notices if _fits(want, row, nicks)]
        yield Finding(not there, f"no notice {_said(want, 'who')}", _listed(there, _FIELDS["notice"], nicks))
    yield from _each("breach", expect.breaches, seen.breaches, nicks)
    for code in expect.no_breach:
        there = [row for row in _own(seen.breaches) if row["code"] == code]
        yield Finding(not there, f"no breach of {code}", _listed(there, _FIELDS["breach"], nicks))
    yield from _each("escalation", expect.escalations, seen.escalations, nicks)
    yield from _each("call", expect.calls, seen.calls, nicks)
    yield from _each("event", expect.events, seen.events, nicks)
    for event in expect.no_event:
        there = [row for row in seen.events if row["event"] == event]
        yield Finding(not there, f"no event {event}", _listed(there, _FIELDS["event"], nicks))
    yield from _each("document", expect.documents, seen.documents, nicks)
    yield from _each("referral", expect.referrals, seen.referrals, nicks)


def reading(want: WantReading, status: int, body: str) -> Finding:
    """Hold what a person was given against what they should get.

    Args:
        want: whom, what, the HTTP status, and words that must or must not be in it.
        status: the status they got.
        body: the text they got.
    """
    what = f"referral {want.referral}" if want.referral else want.what
    expected = f"{want.who} reading {what} gets {want.status}"
    missing = [word for word in want.shows if word not in body]
    leaked = [word for word in want.hides if word in body]
    problems = [f"status {status}"] if status != want.status else []
    problems += [f"does not contain {word!r}" for word in missing] + [f"contains {word!r}" for word in leaked]
    expected += "".join(f", with {word!r}" for word in want.shows) + "".join(
        f", without {word!r}" for word in want.hides
    )
    return Finding(not problems, expected, "; ".join(problems))


def _standing(expect: Expect, seen: Seen, nicks: Nicks) -> Iterator[Finding]:
    if expect.state is not None:
        for region, wanted in expect.state.model_dump(exclude_none=True).items():
            yield Finding(seen.case[region] == wanted, f"{region} is {wanted}", f"{seen.case[region]}")
    for name in ("risk", "flagged", "plan_version", "closed_at", "closure_reason"):
        if name in expect.model_fields_set:
            wanted, found = getattr(expect, name), seen.case[name]
            yield Finding(_same(wanted, found), f"{name} is {_value(wanted, {})}", _value(found, {}))
    for name in ("unit", "transfer_to"):
        if name in expect.model_fields_set:
            wanted, found = getattr(expect, name), seen.case[name]
            yield Finding(found == wanted, f"{name} is {wanted or 'none'}", found or "none")
    if "owner" in expect.model_fields_set:
        found = nicks.get(seen.case["owner_id"])
        yield Finding(found == expect.owner, f"the owner is {expect.owner or 'nobody'}", f"{found or 'nobody'}")


def _relations(expect: Expect, seen: Seen, nicks: Nicks) -> Iterator[Finding]:
    for wanted, found, what in (
        (expect.same_child_as, seen.same_child, "child"),
        (expect.same_household_as, seen.same_household, "household"),
    ):
        if wanted is not None:
            names = sorted(nicks.get(case, "?") for case in found)
            yield Finding(
                wanted in names, f"the same {what} as {wanted}", f"shared with {', '.join(names) or 'no case'}"
            )


# What is shown of a row that nearly fitted, by the kind of expectation.
_FIELDS: dict[str, tuple[str, ...]] = {
    "deadline": ("code", "occurrence", "subject", "status", "started", "due", "met_at"),
    "rung": ("deadline", "occurrence", "level", "at", "state"),
    "notice": ("who", "role", "level", "deadline", "at", "channel", "deliver_at"),
    "breach": ("code", "kind", "due", "recorded_at", "mark"),
    "escalation": ("deadline", "level", "at", "state", "to", "watching", "nobody"),
    "call": ("who", "reason", "state", "at", "outcome", "by"),
    "event": ("event", "by", "on_behalf_of", "means", "occurred_at", "recorded_at", "implied"),
    "document": ("kind", "count", "plan_version", "author"),
    "referral": ("referral", "state", "unit", "outcome", "decline_reason"),
}
_NAMED_BY = {"deadline": "code", "rung": "deadline", "breach": "code", "escalation": "deadline", "event": "event",
             "document": "kind", "notice": "who", "call": "who", "referral": "referral"}  # fmt: skip


def _each(kind: str, wanted: Iterable[BaseModel], rows: list[Row], nicks: Nicks) -> Iterator[Finding]:
    for want in wanted:
        key = _NAMED_BY[kind]
        # A clock of the case and one of a referral may have the same name.
        meant = rows if kind in ("notice", "referral") or getattr(want, "referral", None) else list(_own(rows))
        found = any(_fits(want, row, nicks) for row in meant)
        near = [row for row in meant if _value(row[key], nicks) == getattr(want, key)]
        yield Finding(
            found, f"{kind} {_said(want, key)}", _listed(near, _FIELDS[kind], nicks) or f"no such {kind} at all"
        )


def _own(rows: Iterable[Row]) -> Iterator[Row]:
    """The case's own, without those of its referrals."""
    return (row for row in rows if row.get("referral") is None)


def _fits(want: BaseModel, row: Row, nicks: Nicks) -> bool:
    return all(
        _matches(name, value, row, nicks)
        for name in want.model_fields_set
        if (value := getattr(want, name)) is not None
    )


def _matches(name: str, wanted: Any, row: Row, nicks: Nicks) -> bool:
    if name == "since":
        return bool(row["at"] >= wanted - SAME)
    found = row[name]
    if isinstance(wanted, tuple):
        return sorted(wanted) == sorted(nicks.get(one, one) for one in found or ())
    return _same(wanted, nicks.get(found, found) if found.__hash__ else found)


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, datetime) and isinstance(found, datetime):
        return abs(wanted - found) < SAME
    return bool(wanted == found)


def _said(want: BaseModel, key: str) -> str:
    given = [name for name in type(want).model_fields if name in want.model_fields_set and name != key]
    words = [f"{name} {_value(getattr(want, name), {})}" for name in given]
    return ", ".join([str(getattr(want, key)), *words])


def _listed(rows: Iterable[Row], fields: Iterable[str], nicks: Nicks) -> str:
    told = ([f"{name} {_value(row[name], nicks)}" for name in fields if row[name] is not None] for row in rows)
    return "; ".join(", ".join(words) for words in told)


def _value(value: Any, nicks: Nicks) -> str:
    if isinstance(value, datetime):
        return shown(value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_value(one, nicks) for one in value) + "]"
    if value is None:
        return "none"
    return str(nicks.get(value, value) if value.__hash__ else value)
