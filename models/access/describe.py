"""The printed matrix: docs/access.md, made of the table.

``python -m models.access.describe --write docs/access.md`` replaces what stands between the markers in that file;
``--check`` says whether it equals the table (exit status 1 if not). Without either it prints.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.access import (
    ACTIONS,
    DATA,
    EVERYWHERE,
    REACHES,
    SENSITIVE_KINDS,
    DataClass,
    Relation,
    Scope,
    reach,
    reads,
    scope,
    sees,
)
from models.access.routes import ROUTES, UNKNOWN, refusal
from models.access.slices import AFTER, CHILD_FIELDS, SEES, SHARED_CLASSES, SHARED_WITH, TAKES_FILES, Stands
from models.lifecycle.events import EVENTS, PERSON_EVENTS
from models.lifecycle.referral.states import STATES
from models.lifecycle.roles import ROLES

_BEGIN, _END = "<!-- access:begin -->", "<!-- access:end -->"
_YES, _NO = "●", "·"


def matrix() -> str:
    """Every table, in Markdown."""
    return "\n\n".join(
        [
            "## How far a role may do what",
            _actions(),
            "## Which cases a role reads",
            _relations(),
            "## What it sees of them",
            _classes(),
            "Very sensitive by kind of document: " + ", ".join(f"`{kind}`" for kind in sorted(SENSITIVE_KINDS)) + ".",
            "## Who may send which event",
            "To a case they read, unless the last column says otherwise.",
            _events(),
            "## What an agency sees of a referral",
            "Whoever holds a role of the service where it was sent; anybody else finds it by the case, or not at all.",
            _slices(),
            "## Every address",
            "A role that is not named passes. `404` has the same body as for a record that does not exist.",
            _routes(),
        ]
    )


def _actions() -> str:
    rows = [[role, *(_scope(scope(role, action)) for action in ACTIONS)] for role in ROLES]
    return _table(["role", *(f"`{action}`" for action in ACTIONS)], rows)


def _relations() -> str:
    scopes = [[_scope(one), *(_mark(relation in REACHES[one]) for relation in Relation)] for one in Scope]
    roles = [[role, *(_mark(reads(role, relation)) for relation in Relation)] for role in ROLES]
    head = [str(relation) for relation in Relation]
    return "\n\n".join([_table(["scope", *head], scopes), _table(["role", *head], roles)])


def _classes() -> str:
    head = [f"{one.name} {one.value.replace('_', ' ')}" for one in DataClass]
    return _table(["role", *head], [[role, *(_mark(sees(role, one)) for one in DataClass)] for role in DATA])


def _events() -> str:
    rows = []
    for event in sorted(PERSON_EVENTS):
        beyond: dict[str, list[str]] = {}
        for role in ROLES:
            if ways := reach(role, event):
                beyond.setdefault(", ".join(sorted(ways)), []).append(role)
        unread = "; ".join(f"{ways}: {', '.join(roles)}" for ways, roles in beyond.items())
        rows.append([f"`{event}`", ", ".join(role for role in ROLES if role in EVENTS[event].roles), unread or "–"])
    table = _table(["event", "roles", "to a case they do not read"], rows)
    everywhere = ", ".join(sorted(EVERYWHERE))
    return f"{table}\n\n`everywhere` holds for offices of these kinds: {everywhere}."


def _slices() -> str:
    stands = _table(["stands to it", "sees"], [[one.value, SEES[one].value] for one in Stands])
    rows = [[f"`{service}`", ", ".join(f"`{name}`" for name in fields)] for service, fields in CHILD_FIELDS.items()]
    of_child = _table(["service", "of the child, once it has agreed"], rows)
    shared = [
        [f"`{service}`", ", ".join(sorted(one.name for one in classes))] for service, classes in SHARED_CLASSES.items()
    ]
    files = _table(["service", "classes of files that may be shared with it"], shared)
    return "\n\n".join(
        [
            stands,
            f"Less than {AFTER.days} days after the end; then nothing.",
            of_child,
            "Files go with the slice: its own, and those of the case that were shared with this referral.",
            f"It adds files while the referral is {_or(TAKES_FILES)}.",
            f"Files are shared with it while the referral is {_or(SHARED_WITH)}.",
            files,
        ]
    )


def _or(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in STATES if code in codes)


def _routes() -> str:
    rows = []
    for address, rule in ROUTES.items():
        out: dict[str, list[str]] = {}
        if rule.guard not in UNKNOWN:
            out["401"] = ["signed out"]
        for role in ROLES:
            for relation in Relation:
                status = refusal(rule, role, relation)
                if relation is not Relation.SIGNED_OUT and status is not None:
                    out.setdefault(str(status), []).append(role)
        kept = "; ".join(f"{status}: {_who(status, roles)}" for status, roles in sorted(out.items()))
        asked = "the event" if rule.send else f"`{rule.action}`" if rule.action else "–"
        asked += f" of {rule.data.name}" if rule.data is not None else ""
        besides = ", ".join(sorted(rule.besides)) or "–"
        rows.append([f"`{address}`", asked, str(rule.guard), kept or "–", besides])
    return _table(["address", "asks for", "keeps out by", "kept out", "asks besides"], rows)


def _who(status: str, roles: Sequence[str]) -> str:
    if status == "404":
        return "out of scope"
    once = list(dict.fromkeys(roles))
    others = [role for role in ROLES if role not in once]
    if status == "403" and len(others) < len(once):
        return f"every role but {', '.join(others)}"
    return ", ".join(once)


def _scope(one: Scope) -> str:
    return _NO if one is Scope.NONE else str(one)


def _mark(yes: bool) -> str:
    return _YES if yes else _NO


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def replaced(text: str) -> str:
    """A page with the matrix of today between its markers."""
    made = f"{_BEGIN}\n{matrix()}\n{_END}"
    return re.sub(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", lambda _: made, text, flags=re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; gives the exit status."""
    parser = argparse.ArgumentParser(description="the printed matrix of access")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", type=Path)
    how.add_argument("--check", type=Path)
    given = parser.parse_args(arguments)
    if given.write:
        given.write.write_text(replaced(given.write.read_text(encoding="utf-8")), encoding="utf-8")
    elif given.check:
        text = given.check.read_text(encoding="utf-8")
        if replaced(text) != text:
            sys.stderr.write(f"{given.check} differs from the table\n")
            return 1
    else:
        sys.stdout.write(f"{matrix()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
