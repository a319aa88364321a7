"""One command from the desk to the record, and whole cases made of them."""
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.settings import Settings
from tests.world import *
from workflows.connection import connect as connect_temporal


@pytest_asyncio.fixture(scope="module")
async def world(postgres: Postgres, temporal_process: Temporal, key_file: Path) -> AsyncIterator[World]:
    client = await connect_temporal(Settings(temporal_address=temporal_process.address, key_file=key_file))
    async with a_world(postgres, client) as made:
        yield made

async def test_a(world: World) -> None:
    case = await world.case()
    await case.planning()
    print(await case.open())
