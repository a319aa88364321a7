"""What the guide to the directory tells an administrator to write is taken in as written."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.sheets import CSV
from deploy.runtime.postgres import Postgres
from models.directory import PROVIDER_KINDS
from models.directory.sheets import COLUMNS
from tests.api_support import Door, open_door, temporal_away

GUIDE = (Path(__file__).parents[1] / "docs" / "guides" / "directory.md").read_text(encoding="utf-8")
PROVIDERS, AREAS = re.findall(r"```csv\n(.*?)```", GUIDE, re.DOTALL)
(MERGE,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as made:
        yield made


def test_the_guide_names_every_column_in_its_order_and_every_kind() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GUIDE, re.MULTILINE)
    said = [(one.code, f"{one.vi} · {one.en}") for sheet in COLUMNS.values() for one in sheet]
    assert rows == said
    (kinds,) = re.findall(r"^\| `kind` .*$", GUIDE, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", kinds))[1:] == PROVIDER_KINDS


@pytest.mark.servers
@pytest.mark.parametrize(("sheet", "text", "rows"), [("providers", PROVIDERS, 3), ("areas", AREAS, 2)])
async def test_the_examples_come_in(door: Door, sheet: str, text: str, rows: int) -> None:
    params = {"sheet": sheet, "dry_run": "false"}
    answer = await door.call(
        "admin", "POST", "/directory/imports", content=text.encode(), headers={"Content-Type": CSV}, params=params
    )
    told = answer.json()
    assert (told["applied"], told["errors"]) == (True, [])
    assert told["outcomes"]["added"] == len(told["rows"]) == rows


@pytest.mark.servers
async def test_the_merge_in_the_guide_is_understood(door: Door) -> None:
    answer = await door.post("admin", "/unit-changes", json.loads(MERGE))
    assert answer.status_code == 200, answer.text
    assert answer.json()["dry_run"] is True
