"""The door behind the real HTTP server with the settings it is served with, for tests about the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from api.__main__ import how_served
from models.settings import Settings


@asynccontextmanager
async def served(app: FastAPI, settings: Settings) -> AsyncIterator[int]:
    """Serve the application on a free port of the loopback address; gives the port."""
    config = how_served(app, settings.model_copy(update={"api_host": "127.0.0.1", "api_port": 0}))
    config.lifespan = "off"  # whoever composed the application runs that
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    running = asyncio.create_task(server.main_loop())
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await running
        await server.shutdown()
