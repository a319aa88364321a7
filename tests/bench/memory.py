"""(d) What it costs to keep cases open that nobody touches."""

import asyncio
from typing import Any

from deploy.runtime.trouble import Trouble
from tests.bench.crowd import open_cases
from tests.bench.figures import Outcome
from tests.bench.life import report
from tests.bench.office import COMMUNES, office
from tests.bench.stage import stage

_SETTLE_SECONDS = 30.0
_MIB = 2**20


async def memory(*, small: bool) -> Outcome:
    """Resident memory of every process without cases, with all of them open, and after the worker was started anew."""
    count = 1000 if small else 20_000
    async with stage() as servers, office(servers) as desk:
        await servers.start_worker()
        notes = [f"{count} open cases, each with its workflow waiting for its first rung; nobody asks for anything"]
        try:
            await servers.start_api()
        except Trouble as trouble:
            notes.append(f"without the API, which does not start: {trouble.en.splitlines()[0]}")
        await asyncio.sleep(5)
        rows = [_row("no case", servers.memory())]
        await open_cases(desk, count, lambda number: report(COMMUNES[number % len(COMMUNES)]))
        rows.append(_row("all just opened", servers.memory()))
        await asyncio.sleep(_SETTLE_SECONDS)
        rows.append(_row(f"{_SETTLE_SECONDS:g} s later", servers.memory()))
        store = sum(path.stat().st_size for path in servers.parts.folder.temporal.iterdir())
        await servers.children["worker"].stop()
        await servers.start_worker()
        await asyncio.sleep(_SETTLE_SECONDS)
        rows.append(_row("worker started anew", servers.memory()))
    notes.append("resident memory in MiB; PostgreSQL all its processes together, shared memory counted once (PSS)")
    notes.append(f"Temporal's store: {store / _MIB:.0f} MiB, {store / count / 1024:.1f} KiB a case")
    return Outcome("memory", "", None, rows, notes)


def _row(when: str, found: dict[str, int]) -> dict[str, Any]:
    return {"what": when, **{name: round(size / _MIB) for name, size in found.items()}}
