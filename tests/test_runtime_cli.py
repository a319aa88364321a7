"""The command line ends with the status it means, whatever it has loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.runtime.temporal import Temporal
from deploy.runtime.trouble import Status

PROJECT = Path(__file__).resolve().parents[1]


def python(code: str, *words: str, data: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=PROJECT,
        env=clean | {"ANNHI_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.servers
@pytest.mark.parametrize(("words", "status"), [(["status"], Status.NOT_RUNNING), (["--help"], 0), (["nonsense"], 2)])
def test_a_process_that_has_used_temporal_ends_with_its_own_status(
    temporal_process: Temporal, tmp_path: Path, words: list[str], status: int
) -> None:
    code = (
        "import asyncio, sys\n"
        "from temporalio.client import Client\n"
        "from deploy.cli import main\n"
        "asyncio.run(Client.connect(sys.argv.pop(1)))\n"
        "main()\n"
    )
    for _ in range(3):
        result = python(code, temporal_process.address, *words, data=tmp_path)
        assert result.returncode == status, result.stderr
        assert result.stdout + result.stderr


def test_the_command_line_itself_loads_neither_temporal_nor_sql(tmp_path: Path) -> None:
    code = (
        "import sys, deploy.cli\n"
        "print([name for name in ('temporalio', 'sqlalchemy', 'fastapi', 'alembic') if name in sys.modules])"
    )
    assert python(code, data=tmp_path).stdout.strip() == "[]"


def test_help_lists_every_command_in_both_languages(tmp_path: Path) -> None:
    result = python("from deploy.cli import main; main()", "--help", data=tmp_path)
    for command in ("up", "status", "reset", "migrate", "seed", "link", "demo", "drill", "psql", "audit"):
        assert f" {command} " in result.stdout
    assert "bảo vệ trẻ em" in result.stdout
