"""docs/security.md claims nothing that no test shows: every test it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
GUIDE = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/\w+\.py)::(\w+)`")


@cache
def declared_in(path: str) -> frozenset[str]:
    file = PROJECT / path
    if not file.is_file():
        return frozenset()
    found = ast.parse(file.read_text(encoding="utf-8")).body
    names = [one.name for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(name for name in names if name.startswith("test_"))


def test_every_test_the_guide_names_is_there() -> None:
    named = NAMED.findall(GUIDE)
    assert len(named) > 50
    assert [f"{path}::{name}" for path, name in named if name not in declared_in(path)] == []


def test_every_claim_of_the_guide_names_a_test() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| ") and not line.startswith(("| They", "| ---"))]
    assert len(rows) > 30
    assert [row for row in rows if not NAMED.search(row)] == []


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    assert "test_no_such_thing" not in declared_in("tests/test_flood.py")
    assert declared_in("tests/test_none.py") == frozenset()
