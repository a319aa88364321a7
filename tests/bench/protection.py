"""(f) What protects a file costs, as a share of a command: row security, audit and encryption."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from models.database import connect
from tests.bench import metered
from tests.bench.door import door
from tests.bench.figures import Outcome, median, spread
from tests.bench.life import LIFE
from tests.bench.lifecycle import Life
from tests.bench.office import at_once
from tests.bench.stage import stage

SHARE = 25
_GUARDED = text(
    "SELECT c.oid::regclass::text AS name, c.relforcerowsecurity AS forced FROM pg_class c "
    "WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') ORDER BY 1"
)


async def protection(*, small: bool) -> Outcome:
    """Lives over HTTP, one at a time, without row security and without audit by turns, encryption counted."""
    rounds, lives = (3, 4) if small else (7, 12)
    with tempfile.TemporaryDirectory(prefix="annhi-bench-metered-") as name:
        folder = Path(name)
        async with stage(("tests.bench.metered", name)) as servers:
            await servers.start_worker()
            await servers.start_api()
            owner = connect(servers.settings.owner_database_url.get_secret_value())
            try:
                async with owner.connect() as connection:
                    guarded = [str(row.name) for row in await connection.execute(_GUARDED)]
                async with door(servers) as outside:
                    runs: list[dict[str, float]] = []
                    for number in range(rounds + 1):
                        run = await _round(owner, guarded, outside.live, lives, folder)
                        if number:  # the first is for caches and prepared statements
                            runs.append(run)
            finally:
                await owner.dispose()
    found = {what: round(median([run[what] for run in runs]), 2) for what in runs[0]}
    whole = round(sum(list(found.values())[1:]) / found["a command"] * 100, 1)
    rows: list[dict[str, Any]] = [
        {"what": what, "ms": found[what], "percent of p50": round(found[what] / found["a command"] * 100, 1)}
        for what in found
    ]
    rows.append({"what": "together", "ms": None, "percent of p50": whole})
    notes = [
        f"p50 of a command over HTTP, medians of {rounds} rounds of {lives} lives one at a time, by turns; row",
        f"security: how much more than without it on the {len(guarded)} tables that have it; audit: how much more than",
        "without entries; encryption: the mean time inside it in API and worker, waiting for the database included",
        "(payloads to Temporal, keys of cases, sealing and opening of content)",
    ]
    return Outcome("protection", f"together ≤ {SHARE} % of a command's p50", whole <= SHARE, rows, notes)


async def _round(owner: AsyncEngine, guarded: list[str], live: Life, lives: int, folder: Path) -> dict[str, float]:
    async def p50() -> float:
        await at_once(1, range(1), live)  # plans are made anew after a change of policies
        return spread([each for one in await at_once(1, range(lives), live) for each in one])["p50_ms"]

    await _switch(owner, guarded, on=False)
    open_to_all = await p50()
    await _switch(owner, guarded, on=True)
    before = metered.read(folder)
    whole = await p50()
    await asyncio.sleep(0.5)  # the counters are written five times a second
    encryption = (metered.read(folder) - before) / ((lives + 1) * len(LIFE)) * 1000
    (folder / metered.NO_AUDIT).touch()
    untold = await p50()
    (folder / metered.NO_AUDIT).unlink()
    return {
        "a command": whole,
        "row security": whole - open_to_all,
        "audit": whole - untold,
        "encryption": encryption,
    }


async def _switch(owner: AsyncEngine, guarded: list[str], *, on: bool) -> None:
    async with owner.begin() as connection:
        for name in guarded:
            await connection.execute(text(f"ALTER TABLE {name} {'ENABLE' if on else 'DISABLE'} ROW LEVEL SECURITY"))
