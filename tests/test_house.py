"""The house rules as tests: lint, format, types, and nothing in the tree that ties it to one registry."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))
REGISTRY = re.compile(
    # In pieces, so that this file does not contain what it looks for.
    r"://[^\s\"'<>]*(?:" + "|".join(["py" + r"pi\b", "python" + r"hosted\b", r"/simple\b", "npm" + r"js\b"]) + ")"
    r"|--(?:extra-)?" + "index-url" + r"[ =]\S*:|find-" + r"links[ =]\s*\S*/"
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / words[0], *words[1:]], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.parametrize("words", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=" ".join)
def test_the_source_passes(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 0, result.stdout + result.stderr


def tracked() -> list[Path]:
    """The files of the tree as git knows them, new ones included; ignored ones are not looked at."""
    result = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [PROJECT / name for name in result.stdout.split("\0") if name]


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for path in tracked()
        if path.is_file()
        if (match := REGISTRY.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert found == []


def test_the_registry_rule_can_fail() -> None:
    host = "py" + "pi"
    assert REGISTRY.search(f"https://{host}.example.org/a")
    assert REGISTRY.search("--" + "index-url https://example.org/x")
    assert not REGISTRY.search("http://127.0.0.1:8080/docs")


def test_every_requirement_of_the_project_is_locked_with_a_hash() -> None:
    lock = (PROJECT / "deploy" / "requirements.lock").read_text(encoding="utf-8")
    entries = dict(
        re.findall(r"^([A-Za-z0-9_.-]+)==[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+)", lock, re.MULTILINE)
    )
    source = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(r'^    "([A-Za-z0-9_.-]+)(?:[><=~!]=?[^"]*)?",$', source, re.MULTILINE)
    assert len(wanted) > 20
    assert {name.lower() for name in wanted} - {name.lower() for name in entries} == set()
    assert len(re.findall(r"^[^\s#]", lock, re.MULTILINE)) == len(entries)


_IN_FORCE = re.compile(
    r"\b(valid_to|until|ends_at)\)?\.is_\(None\)\)?\s*[,|]\s*\(?[\w.]*\b(valid_to|until|ends_at)\s*>(?!=)"
)


def test_what_holds_when_is_written_in_one_place() -> None:
    """A row in force at an instant, as an expression: everybody asks ``models.records.dated``."""
    found = [
        str(path.relative_to(PROJECT))
        for room in ("models", "activities", "workflows", "api", "deploy")
        for path in sorted((PROJECT / room).rglob("*.py"))
        if _IN_FORCE.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_rule_of_what_holds_when_can_fail() -> None:
    assert _IN_FORCE.search("or_(row.c.valid_to.is_(None), row.c.valid_to > at)")
    assert _IN_FORCE.search("(_P.c.until.is_(None)) | (_P.c.until > at)")
    assert not _IN_FORCE.search("or_(ends.is_(None), ends > at)")
