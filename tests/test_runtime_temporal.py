"""The real Temporal server on its file store, and the time-skipping one."""

import os
import signal
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from deploy.runtime.processes import spawn
from deploy.runtime.temporal import (
    PRAGMAS,
    SEARCH_ATTRIBUTES,
    Temporal,
    free_port,
    server_version,
    temporal_server,
    time_skipping_server,
)

pytestmark = pytest.mark.servers


async def start_case(server: Temporal, name: str) -> None:
    client = await Client.connect(server.address, namespace=server.namespace)
    await client.start_workflow("Case", id=name, task_queue="nobody")


async def test_namespace_retention_and_search_attributes_are_there_and_a_second_start_keeps_them(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        async with temporal_server(tmp_path) as server:
            described = await server.operate("namespace", "describe", "--namespace", server.namespace)
            assert "8760h0m0s" in described
            listed = await server.operate("search-attribute", "list", "--namespace", server.namespace)
            for name in SEARCH_ATTRIBUTES:
                assert name in listed
            assert await server.pollers("nobody") == []


async def test_a_workflow_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    server = Temporal(tmp_path, tmp_path / "temporal.log", free_port())
    child = await server.start()
    await start_case(server, "case/1")
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    again = await server.start()
    try:
        client = await Client.connect(server.address, namespace=server.namespace)
        described = await client.get_workflow_handle("case/1").describe()
        assert described.workflow_type == "Case"
        with pytest.raises(RPCError):
            await client.get_workflow_handle("case/2").describe()
    finally:
        await again.stop()
    assert again.process.returncode == 0


async def test_the_store_writes_ahead_and_the_server_was_told_to_sync_each_commit(tmp_path: Path) -> None:
    """The effect of FULL was seen with strace: docs/decisions/0001-embedded-runtime.md."""
    server = Temporal(tmp_path, tmp_path / "temporal.log", free_port())
    command = server.command()
    told = type(command)(**{**vars(command), "argv": [*command.argv, "--log-config"]})
    child = await spawn(told)
    try:
        await server._answer(child)
        log = server.log.read_text()
        for pragma in PRAGMAS:
            name, _, value = pragma.partition("=")
            assert f"{name}: {value}" in log
        header = (tmp_path / "temporal.db").read_bytes()[18:20]
        assert header == b"\x02\x02"  # SQLite's file format: read and write version 2 is the write-ahead log
        assert (tmp_path / "temporal.db-wal").stat().st_size > 0
    finally:
        await child.stop()


async def test_the_time_skipping_server_answers_and_stops(tmp_path: Path) -> None:
    async with time_skipping_server(tmp_path) as address:
        client = await Client.connect(address)
        handle = await client.start_workflow("Case", id="case/1", task_queue="nobody")
        assert (await handle.describe()).id == "case/1"
    with pytest.raises(RuntimeError):
        await Client.connect(address)


def test_the_version_is_the_servers_and_not_the_programs() -> None:
    assert [part.isdecimal() for part in server_version().split(".")] == [True, True, True]
