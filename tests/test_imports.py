"""The rooms of the architecture: who may import whom. Lazy imports inside functions count as well."""

import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import grimp
import pytest

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("deploy", "api", "workflows", "activities", "models")

PURE = (
    "models.access",
    "models.audit",
    "models.calendar",
    "models.forms",
    "models.lifecycle",
    "models.messages",
    "models.protocol",
    "models.vocabulary",
)
PURE_LIBRARIES = sys.stdlib_module_names | {"pydantic", "pydantic_core", "statemachine", "annotated_types"}
GENERATORS = {"models.calendar.generate": {"holidays"}}
"""Commands that make data files; nothing imports them."""
SIGNS = {"models.audit.seals": {"cryptography"}}
"""The one library an inspector needs beside Python to verify an audit."""

COMPOSERS = {"workflows.worker", "workflows.connection", "workflows.codec"}
NOT_IN_WORKFLOWS = (
    *("sqlalchemy", "sqlmodel", "asyncpg", "alembic", "fastapi", "starlette", "httpx", "aiosmtplib", "cryptography"),
    *("models.database", "models.tables", "models.records", "models.lifecycle", "statemachine"),
)


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


def inside(*packages: str) -> list[str]:
    """The modules of packages, the packages included."""
    return sorted(
        name for name in graph().modules if any(name == one or name.startswith(f"{one}.") for one in packages)
    )


def test_the_import_contracts_hold() -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    result = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", inside(*PURE))
def test_a_pure_module_imports_only_the_standard_library_pydantic_statemachine_and_pure_modules(module: str) -> None:
    allowed = PURE_LIBRARIES | GENERATORS.get(module, set()) | SIGNS.get(module, set())
    strangers = {
        name
        for name in graph().find_modules_directly_imported_by(module)
        if name.split(".")[0] not in allowed and name != "models" and name not in inside(*PURE)
    }
    assert not strangers


@pytest.mark.parametrize("module", sorted(GENERATORS))
def test_nothing_imports_a_generator(module: str) -> None:
    assert not graph().find_modules_that_directly_import(module)


@pytest.mark.parametrize("module", [name for name in inside("workflows") if name not in COMPOSERS])
def test_a_workflow_module_reaches_no_sql_no_web_no_tables_and_no_chart(module: str) -> None:
    known = [name for name in NOT_IN_WORKFLOWS if name in graph().modules]
    chains = {name: graph().find_shortest_chain(module, name, as_packages=False) for name in known}
    assert {name: chain for name, chain in chains.items() if chain} == {}


def test_these_checks_see_what_they_forbid() -> None:
    """A contract over a graph that lost its modules would hold for ever."""
    assert graph().find_shortest_chain("workflows.worker", "sqlalchemy")
    assert "pydantic" in graph().find_modules_directly_imported_by("models.messages")
    assert len(inside("workflows")) > len(COMPOSERS)
    for room in PURE:
        assert inside(room), room
