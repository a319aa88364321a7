"""Migrating at a start: up to date is left alone, newer is refused."""

import asyncio
from pathlib import Path

import pytest

from deploy.runtime.postgres import OWNER
from deploy.runtime.schema import create_keys, migrate
from deploy.runtime.trouble import Status, Trouble
from models import migrations
from tests.databases import Database


@pytest.mark.servers
async def test_a_migrated_database_stays_at_its_revision(database: Database) -> None:
    assert await asyncio.to_thread(migrate, database.url(OWNER), Path("data")) == migrations.head()


@pytest.mark.servers
async def test_a_database_that_newer_code_migrated_is_refused_and_left_alone(database: Database) -> None:
    await database.server.sql("UPDATE alembic_version SET version_num = '9999'", database=database.name)
    with pytest.raises(Trouble) as caught:
        await asyncio.to_thread(migrate, database.url(OWNER), Path("data"))
    assert caught.value.status is Status.NEWER_DATA
    assert "9999" in caught.value.vi
    assert await asyncio.to_thread(migrations.current, database.url(OWNER)) == "9999"


def test_keys_once_made_are_never_made_again(tmp_path: Path) -> None:
    files = (tmp_path / "keys.json", tmp_path / "vault.json")
    create_keys(*files)
    first = [file.read_text() for file in files]
    create_keys(*files)
    assert [file.read_text() for file in files] == first
