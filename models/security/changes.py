"""What changed in row security since the scripts that earlier migrations ran."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from models.migrations.scripts import NEXT
from models.security import made

_FUNCTION: Final = re.compile(r"CREATE OR REPLACE FUNCTION (?P<head>(?P<name>\w+)\(.*?\) RETURNS .*?) LANGUAGE ")
_POLICY: Final = re.compile(r"(?P<act>CREATE|DROP) POLICY (?P<name>\w+) ON (?P<table>\w+)")
_DROPPED: Final = re.compile(r"DROP FUNCTION (?P<name>\w+)\(")
_AGAIN: Final = re.compile(r"(COMMENT|REVOKE ALL) ON FUNCTION (?P<name>\w+)\(")


class WholeNeededError(Exception):
    """The change cannot be made piece by piece: run ``models.security.script`` whole, which drops everything first."""


def changes(ran: Iterable[str]) -> str:
    """The SQL that leads from what earlier scripts made to what is made today.

    Args:
        ran: the scripts, in the order they ran. The first begins with nothing or clears what was there.

    Returns: empty where nothing changed.

    Raises:
        WholeNeededError: a function has other arguments or columns or another caller, or a table is guarded no longer.
    """
    before: dict[str, str] = {}
    for script in ran:
        for statement in filter(str.strip, script.split(NEXT)):
            _apply(before, statement)
    return "".join(statement + NEXT for statement in _between(before, {_key(one): one for one in made()}))


def _apply(state: dict[str, str], statement: str) -> None:
    if statement.startswith("DO "):  # Clears what was there.
        state.clear()
    elif (policy := _POLICY.match(statement)) and policy["act"] == "DROP":
        del state[_key(statement)]
    elif dropped := _DROPPED.match(statement):
        for key in [key for key in state if dropped["name"] in key.split()]:
            del state[key]
    else:
        state[_key(statement)] = statement


def _key(statement: str) -> str:
    """What a statement makes; two of the same key replace one another."""
    if policy := _POLICY.match(statement):
        return f"policy {policy['table']} {policy['name']}"
    if function := _FUNCTION.match(statement):
        return f"function {function['name']}"
    if again := _AGAIN.match(statement):
        return f"{again[1]} {again['name']}"
    return statement


def _between(before: dict[str, str], today: dict[str, str]) -> Iterator[str]:
    for key in before.keys() - today.keys():
        if not key.startswith("policy "):
            raise WholeNeededError(before[key].splitlines()[0])
    for key, statement in before.items():
        if (policy := _POLICY.match(statement)) and today.get(key) != statement:
            yield f"DROP POLICY {policy['name']} ON {policy['table']}"
    for key, statement in today.items():
        old = before.get(key, "")
        if old == statement:
            continue
        was, is_now = _FUNCTION.match(old), _FUNCTION.match(statement)
        if was and is_now and was["head"] != is_now["head"]:
            raise WholeNeededError(is_now["head"])
        yield statement
