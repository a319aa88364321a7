"""``python -m api``: serve the door of one process."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.edge import HEAD_LIMIT
from api.whence import DoorKeys
from models.clock import PlatformClock
from models.database import connect as connect_database
from models.hardening import hardened
from models.logs import configure_logging
from models.settings import Settings
from models.vault.file import FileKeys
from workflows.client import CaseDesk
from workflows.connection import connect


class _Server(uvicorn.Server):
    """Ends with status 0 when it is told to; uvicorn's own raises the signal again once it has shut down."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down in good order at SIGINT or SIGTERM; a second SIGINT does not wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def how_served(app: FastAPI, config: Settings) -> uvicorn.Config:
    """How the HTTP server meets the network.

    Who asked is told by ``X-Forwarded-For`` only where a proxy says so that ``trusted_proxies`` names; without one the
    header is not read at all. A head that has not ended after ``HEAD_LIMIT`` bytes is not read further.
    """
    return uvicorn.Config(
        app,
        host=config.api_host,
        port=config.api_port,
        http="h11",
        ws="none",
        h11_max_incomplete_event_size=HEAD_LIMIT,
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=config.trusted_proxies,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


async def serve(config: Settings) -> None:
    """Serve until told to stop; requests under way are answered first.

    Args:
        config: this process's settings.

    Raises:
        OSError, ValueError: a file of keys is missing or holds none.
    """
    offset = timedelta(seconds=config.clock_offset_seconds)
    engine = connect_database(
        config.database_url.get_secret_value(), pool_size=config.database_pool, keys=FileKeys(config.vault_file)
    )
    # Lazy: reports are taken in while Temporal is away.
    client = await connect(config, lazy=True)
    desk = CaseDesk(client, task_queue=config.task_queue, offset=offset)
    app = create_app(config, engine, desk, PlatformClock(offset), keys=DoorKeys.read(config))
    server = _Server(how_served(app, config))
    try:
        await server.serve()
    finally:
        await engine.dispose()


def main() -> None:
    """The command."""
    config = hardened()
    configure_logging(config)
    asyncio.run(serve(config))


if __name__ == "__main__":
    main()
