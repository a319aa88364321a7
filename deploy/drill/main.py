"""``annhi drill FILE``: play a drill and say what it came to."""

import asyncio
import logging
import os
import sys
import tempfile
import time
from enum import IntEnum
from pathlib import Path

from rich.console import Console
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from deploy.drill.loading import load
from deploy.drill.reading import BadDrillError
from deploy.drill.report import Account, Teller
from deploy.runtime.postgres import Postgres
from models.logs import configure_logging
from models.settings import Settings


class Outcome(IntEnum):
    """Exit status of a drill."""

    PASSED = 0
    FAILED = 1
    BAD_FILE = 2
    ENVIRONMENT = 3


async def play(path: Path, console: Console, *, server: Postgres | None = None) -> Account:
    """Play one drill.

    Args:
        path: the file.
        console: where it is told while it plays; a quiet one tells nothing.
        server: a running PostgreSQL to use; one of the drill's own by default.

    Raises:
        BadDrillError: the file cannot be played.
        DrillFailureError: the stage failed.
    """
    drill = load(path)
    # A file that cannot be played should be told at once, before the service itself is loaded.
    from deploy.drill.runner import Play  # noqa: PLC0415
    from deploy.drill.stage import stage  # noqa: PLC0415

    account, teller, started = Account(drill, str(path)), Teller(console), time.monotonic()
    teller.begin(drill)
    async with stage(drill, server=server) as set_up:
        await Play(set_up, account, teller).run()
    account.seconds = time.monotonic() - started
    teller.end(account)
    return account


def run(path: Path, json: bool, *, server: Postgres | None = None) -> int:
    """Play one drill for the command line.

    Args:
        path: the file.
        json: print one JSON document instead of the ladder.
        server: a running PostgreSQL to use; one of the drill's own by default.

    Returns:
        0 everything held, 1 an expectation failed, 2 the file is bad, 3 the environment failed.
    """
    log = Path(tempfile.gettempdir()) / f"annhi-drill-{os.getuid()}.log"
    with log.open("w", encoding="utf-8") as stream:
        configure_logging(Settings(log_format="json", log_level="INFO"), stream=stream)
        # What Temporal's core library says goes past Python's logging, straight into the ladder; errors still may.
        quiet = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="error")))
        Runtime.set_default(quiet, error_if_already_set=False)
        try:
            account = asyncio.run(play(path, Console(quiet=json, highlight=False, soft_wrap=True), server=server))
        except BadDrillError as bad:
            sys.stderr.write(f"Kịch bản không dùng được · the drill cannot be played: {bad}\n")
            return Outcome.BAD_FILE
        except Exception as failure:  # whatever it was, it was not an expectation that failed
            logging.getLogger(__name__).exception("the environment failed")
            sys.stderr.write(f"Môi trường gặp sự cố · the environment failed: {failure!r}\nNhật ký · log: {log}\n")
            return Outcome.ENVIRONMENT
    if json:
        sys.stdout.write(account.as_json() + "\n")
    return Outcome.FAILED if account.failures else Outcome.PASSED
