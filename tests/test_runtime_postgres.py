"""Embedded PostgreSQL: closed to others, durable, whole again after a kill, and clear when it cannot start."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.runtime.postgres import API, DATABASE, OWNER, WORKER, Postgres, embedded_postgres
from deploy.runtime.processes import identity
from deploy.runtime.trouble import Status, Trouble

pytestmark = pytest.mark.servers


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: under root PostgreSQL's own user must be able to reach it, and a socket's path is short.
    made = Path(tempfile.mkdtemp(prefix="annhi-pg-"))
    yield made
    shutil.rmtree(made)


def server(folder: Path) -> Postgres:
    return Postgres(folder / "postgres", folder / "postgres.json", folder / "postgres.log")


async def ask(url: str, question: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(question))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def test_what_was_committed_survives_kill_9_of_the_server(folder: Path) -> None:
    postgres = server(folder)
    await postgres.prepare()
    child = await postgres.start()
    await postgres.provide()
    await ask(postgres.url(OWNER), "CREATE TABLE kept (n int)")
    await ask(postgres.url(OWNER), "INSERT INTO kept VALUES (7)")
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    again = server(folder)
    await again.prepare()
    second = await again.start()
    try:
        await again.provide()
        assert await ask(again.url(OWNER), "SELECT n FROM kept") == 7
        assert "automatic recovery in progress" in again.log.read_text()
    finally:
        await second.stop()
    assert second.process.returncode == 0
    assert again.log.read_text().rstrip().endswith("database system is shut down")


async def test_a_server_left_by_a_dead_supervisor_is_ended_gently_and_replaced(folder: Path) -> None:
    first = server(folder)
    await first.prepare()
    orphan = await first.start()
    mark = identity(orphan.pid)
    second = server(folder)
    await second.prepare()
    assert identity(orphan.pid) != mark
    assert await orphan.wait() == 0
    child = await second.start()
    await child.stop()


async def test_it_is_durable_closed_and_says_nothing_of_the_data(folder: Path) -> None:
    async with embedded_postgres(folder) as postgres:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await postgres.sql(f"SHOW {setting}") == "on"
        assert await postgres.sql("SHOW listen_addresses") == ""
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0
        assert postgres.passwords_file.stat().st_mode & 0o077 == 0
        with pytest.raises(DBAPIError):
            await ask(postgres.url(OWNER), "SELECT 'Nguyễn Thị Bí Mật'::int")
        await ask(postgres.url(OWNER), "CREATE TABLE once (name text PRIMARY KEY)")
        await ask(postgres.url(OWNER), "INSERT INTO once VALUES ('Lê Văn Kín')")
        with pytest.raises(DBAPIError):
            await ask(postgres.url(OWNER), "INSERT INTO once VALUES ('Lê Văn Kín')")
        log = postgres.log.read_text()
        assert "duplicate key" in log
        assert "Lê Văn Kín" not in log


async def test_the_roles_are_what_they_should_be(folder: Path) -> None:
    async with embedded_postgres(folder, durable=False) as postgres:
        found = await postgres.sql(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'annhi%' AND rolcanlogin"
            " AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication) ORDER BY 1"
        )
        assert found.split() == sorted([OWNER, API, WORKER])
        extensions = await postgres.sql("SELECT extname FROM pg_extension", database=DATABASE)
        assert {"pg_trgm", "unaccent", "btree_gist"} <= set(extensions.split())
        assert await ask(postgres.url(API), "SELECT lower(unaccent('TRẺ EM Đường Láng'))") == "tre em duong lang"
        for role in (API, WORKER):
            with pytest.raises(DBAPIError, match="permission denied"):
                await ask(postgres.url(role), "CREATE TABLE mine (n int)")


async def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    async with embedded_postgres(folder, durable=False) as postgres:
        for role in ("postgres", API):
            url = postgres.url(API).replace(f"//{API}:", f"//{role}:x")
            with pytest.raises(DBAPIError, match="password authentication failed"):
                await ask(url, "SELECT 1")


async def test_a_cluster_of_a_newer_postgresql_is_refused(folder: Path) -> None:
    postgres = server(folder)
    await postgres.prepare()
    (postgres.cluster / "PG_VERSION").write_text("99\n")
    with pytest.raises(Trouble) as caught:
        await postgres.prepare()
    assert caught.value.status is Status.NEWER_DATA
    assert "99" in caught.value.vi


async def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    postgres = server(folder)
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    await postgres.prepare()
    child = await postgres.start()
    await child.stop()
    assert not half.exists()


async def test_lost_passwords_are_said_and_not_replaced(folder: Path) -> None:
    postgres = server(folder)
    await postgres.prepare()
    kept = postgres.passwords_file.read_text()
    postgres.passwords_file.write_text(kept.replace('"postgres": "', '"postgres": "x'))
    with pytest.raises(Trouble, match="restore that file"):
        await postgres.start()
    postgres.passwords_file.unlink()
    with pytest.raises(Trouble, match="restore that file"):
        await postgres.prepare()


async def test_a_data_folder_with_a_long_path_still_has_a_socket(folder: Path) -> None:
    deep = folder / ("dài" * 20) / ("sâu" * 12)
    async with embedded_postgres(deep, durable=False) as postgres:
        assert len(os.fsencode(postgres.socket_dir)) < 80
        assert await ask(postgres.url(API), "SELECT 1") == 1
        postgres.remove_socket_dir()
    assert not postgres.socket_dir.exists()


async def test_starting_and_stopping_leaves_no_process(folder: Path) -> None:
    async with embedded_postgres(folder, durable=False) as postgres:
        cluster = str(postgres.cluster.resolve())
        assert cluster in processes_in(cluster)
    assert processes_in(cluster) == []


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def processes_in(folder: str) -> list[str]:
    """The working folders of processes that work in a folder; every PostgreSQL process works in its cluster."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target == folder:
            found.append(target)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives PostgreSQL another user")
async def test_under_root_the_folders_above_may_be_passed_by_others_but_not_listed_and_it_is_said(folder: Path) -> None:
    assert mode(folder) == 0o700  # as mkdtemp makes it
    postgres = server(folder)
    await postgres.prepare()
    assert mode(folder) == 0o701
    assert [notice for notice in postgres.notices if str(folder) in notice]
    child = await postgres.start()
    await child.stop()
    assert child.process.returncode == 0
