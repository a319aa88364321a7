"""The database's shape moves forward, once, and says where it is; its SQL is linted as a whole and step by step."""

import asyncio
import io
import re
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from deploy.runtime.postgres import OWNER, Postgres
from models import migrations
from models.database import connect
from models.tables import METADATA
from tests.databases import Database

PROJECT = Path(__file__).resolve().parents[1]
SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"
LINTER_SETTINGS = PROJECT / ".squawk.toml"

STEPS = [step.revision for step in reversed(list(ScriptDirectory.from_config(migrations.config()).walk_revisions()))]


@pytest_asyncio.fixture
async def empty(postgres: Postgres) -> AsyncIterator[str]:
    """The owner's URL of a database that was prepared and never migrated."""
    name = f"m_{uuid4().hex}"
    await postgres.sql(f"CREATE DATABASE {name} OWNER {OWNER}")
    await postgres.sql((PROJECT / "deploy" / "database.sql").read_text(encoding="utf-8"), database=name)
    yield postgres.url(OWNER, name)
    await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def sql(revisions: str = "head") -> str:
    """What alembic would run, as a script."""
    config = migrations.config("postgresql+asyncpg://nobody/nothing")
    config.output_buffer = io.StringIO()
    command.upgrade(config, revisions, sql=True)
    return config.output_buffer.getvalue()


def lint(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SQUAWK, "--config", LINTER_SETTINGS, "--reporter", "gcc", script], capture_output=True, text=True, check=False
    )


@pytest.mark.servers
async def test_a_migrated_database_is_the_one_the_tables_in_code_describe(database: Database) -> None:
    await asyncio.to_thread(migrations.check, database.url(OWNER))


@pytest.mark.servers
async def test_a_table_or_column_without_a_migration_is_noticed(database: Database) -> None:
    async with database.owner.begin() as connection:
        await connection.execute(text("ALTER TABLE child DROP COLUMN sex"))
    with pytest.raises(CommandError, match="sex"):
        await asyncio.to_thread(migrations.check, database.url(OWNER))


@pytest.mark.servers
async def test_upgrading_again_changes_nothing(database: Database) -> None:
    async def shape() -> list[tuple[str, ...]]:
        async with database.owner.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT table_name, column_name, data_type FROM information_schema.columns "
                    "WHERE table_schema = 'public' UNION ALL "
                    "SELECT event_object_table, trigger_name, action_timing FROM information_schema.triggers "
                    "ORDER BY 1, 2, 3"
                )
            )
            return [tuple(row) for row in rows]

    before = await shape()
    for _ in range(2):
        await asyncio.to_thread(migrations.upgrade, database.url(OWNER))
    assert await shape() == before
    assert await asyncio.to_thread(migrations.current, database.url(OWNER)) == migrations.head()


@pytest.mark.servers
async def test_a_database_stopped_halfway_is_taken_on_from_there(empty: str) -> None:
    assert await asyncio.to_thread(migrations.current, empty) is None
    for step in STEPS:
        await asyncio.to_thread(command.upgrade, migrations.config(empty), step)
        assert await asyncio.to_thread(migrations.current, empty) == step
    await asyncio.to_thread(migrations.check, empty)


@pytest.mark.servers
async def test_a_revision_of_newer_code_is_unknown_and_left_alone(database: Database) -> None:
    assert all(migrations.known(step) for step in STEPS)
    assert not migrations.known("9999")
    async with database.owner.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CommandError, match="9999"):
        await asyncio.to_thread(migrations.upgrade, database.url(OWNER))
    assert await asyncio.to_thread(migrations.current, database.url(OWNER)) == "9999"


@pytest.mark.servers
async def test_a_busy_table_fails_the_migration_fast_instead_of_holding_everybody_up(empty: str) -> None:
    """lock_timeout: a migration that waits for a lock makes everybody behind it wait too."""
    engine = connect(empty, pool_size=1)
    try:
        await asyncio.to_thread(command.upgrade, migrations.config(empty), STEPS[0])
        async with engine.begin() as connection:
            await connection.execute(text("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE"))
            started = asyncio.get_running_loop().time()
            with pytest.raises(Exception, match="lock timeout"):
                await asyncio.to_thread(migrations.upgrade, empty)
            assert asyncio.get_running_loop().time() - started < 30
    finally:
        await engine.dispose()


def test_there_is_one_head_and_no_way_back() -> None:
    script = ScriptDirectory.from_config(migrations.config())
    assert script.get_heads() == [migrations.head()] == STEPS[-1:]
    for revision in script.walk_revisions():
        with pytest.raises(NotImplementedError, match="forward only"):
            revision.module.downgrade()


@pytest.mark.parametrize("step", STEPS)
def test_the_sql_of_every_step_is_sound(step: str, tmp_path: Path) -> None:
    before = STEPS[STEPS.index(step) - 1] if STEPS.index(step) else "base"
    script = tmp_path / f"{step}.sql"
    script.write_text(sql(f"{before}:{step}"))
    result = lint(script)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE child DROP COLUMN full_name;", "ban-drop-column"),
        ("ALTER TABLE child ALTER COLUMN full_name SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE child RENAME COLUMN full_name TO name;", "renaming-column"),
        ("CREATE INDEX ON case_event (event);", "require-concurrent-index-creation"),
        ("DROP TABLE child;", "ban-drop-table"),
    ],
)
def test_the_linter_can_fail(statement: str, rule: str, tmp_path: Path) -> None:
    script = tmp_path / "later.sql"
    script.write_text(
        f"BEGIN;\nSET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '60s';\n{statement}\nCOMMIT;\n"
    )
    result = lint(script)
    assert result.returncode != 0
    assert rule in result.stdout


def test_every_rule_left_out_says_why() -> None:
    lines = LINTER_SETTINGS.read_text(encoding="utf-8").splitlines()
    left_out = [line for line in lines if re.match(r'\s+"[a-z-]+",', line)]
    assert left_out
    for line in left_out:
        assert re.search(r"#\s+\S+ \S+ \S+", line), line


def test_the_migrations_make_every_table_there_is() -> None:
    made = set(re.findall(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", sql(), re.MULTILINE))
    assert made == set(METADATA.tables) | {"alembic_version"}
