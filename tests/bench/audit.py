"""(e) What the audit costs: writing an entry, linking it into its case's chain, sealing it, verifying it."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.sealing import Sealer
from deploy.audit import check, export
from models.audit import SigningKeys
from models.audit.kept import SealFolder
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.records.audit import audit
from tests.bench.figures import Outcome, median
from tests.bench.stage import Stage, stage

CASES = 50
_HEAD = text(
    "SELECT chain_seq, chain_hash FROM audit_entry WHERE case_id = :case AND chain_seq IS NOT NULL "
    "ORDER BY chain_seq DESC LIMIT 1"
)

Way = Callable[[AsyncConnection, UUID], Awaitable[None]]


async def audits(*, small: bool) -> Outcome:
    """Transactions of one entry each, in three ways by turns; then all of it sealed and verified."""
    rounds, count = (4, 500) if small else (6, 2000)
    ways: dict[str, Way] = {"an entry": _plain, "a link, by trigger": _linked, "a link, head read first": _read_first}
    async with stage() as servers:
        engine = connect(servers.settings.worker_database_url.get_secret_value(), plan_once=True)
        cases = [uuid4() for _ in range(CASES)]
        found: dict[str, list[dict[str, float]]] = {what: [] for what in ways}
        for number in range(rounds + 1):
            for what, way in ways.items():
                run = await _round(servers, engine, cases, count, way)
                if number:  # the first is for caches and prepared statements
                    found[what].append(run)
        rows: list[dict[str, Any]] = [
            {"what": what, **{name: round(median([run[name] for run in runs]), 3) for name in runs[0]}}
            for what, runs in found.items()
        ]
        rows += await _afterwards(servers, engine)
        await engine.dispose()
    notes = [
        f"{count} transactions of one entry, one after the other, over {CASES} cases; medians of {rounds} rounds, the",
        "ways by turns. head read first: what linking in the application would add, a round trip under the case's lock",
        "(without the hash itself). sealed, verified: all entries of the bench, per entry; verified from an export.",
    ]
    return Outcome("audit", "", None, rows, notes)


async def _plain(connection: AsyncConnection, case: UUID) -> None:
    await _write(connection, case, chained=False)


async def _linked(connection: AsyncConnection, case: UUID) -> None:
    await _write(connection, case, chained=True)


async def _read_first(connection: AsyncConnection, case: UUID) -> None:
    await connection.execute(_HEAD, {"case": case})
    await _write(connection, case, chained=False)


async def _write(connection: AsyncConnection, case: UUID, *, chained: bool) -> None:
    await audit(
        connection, at=datetime.now(UTC), actor=None, action="accept", record="case", record_id=case, case_id=case,
        outcome="done", detail={"sequence": 1, "occurred_at": "2026-11-25T02:00:00+00:00"}, chained=chained,
    )  # fmt: skip


async def _round(servers: Stage, engine: Any, cases: list[UUID], count: int, way: Way) -> dict[str, float]:
    before, began = servers.cpu_seconds(), time.perf_counter()
    for number in range(count):
        async with transaction(engine, Who(system="bench"), datetime.now(UTC)) as connection:
            await way(connection, cases[number % CASES])
    took, after = time.perf_counter() - began, servers.cpu_seconds()
    return {
        "ms": took / count * 1000,
        "postgres_cpu_ms": (after["postgres"] - before["postgres"]) / count * 1000,
        "bench_cpu_ms": (after["bench"] - before["bench"]) / count * 1000,
    }


async def _afterwards(servers: Stage, engine: Any) -> list[dict[str, Any]]:
    config = servers.settings
    keys = SigningKeys.read(config.signing_keys)
    with tempfile.TemporaryDirectory(prefix="annhi-bench-seals-") as folder:
        sealer = Sealer(engine, PlatformClock(), keys, SealFolder(Path(folder) / "seals"))
        before, began, entries = servers.cpu_seconds(), time.perf_counter(), 0
        while sealed := await sealer.seal():
            entries += sealed
            await sealer.keep()
        took, after = time.perf_counter() - began, servers.cpu_seconds()
        rows = [_per_entry("sealed and kept outside", entries, took, before, after)]
        owner = config.owner_database_url.get_secret_value()
        await asyncio.to_thread(export, owner, keys.public, Path(folder) / "export")
        before, began = servers.cpu_seconds(), time.perf_counter()
        verdict = await asyncio.to_thread(check, Path(folder) / "export", Path(folder) / "seals")
        took, after = time.perf_counter() - began, servers.cpu_seconds()
        if not verdict.sound:
            raise RuntimeError(f"the bench's own audit is not sound: {verdict.findings[:3]}")
        rows.append(_per_entry("verified", verdict.entries, took, before, after))
    return rows


def _per_entry(
    what: str, entries: int, took: float, before: dict[str, float], after: dict[str, float]
) -> dict[str, Any]:
    return {
        "what": f"{what} ({entries})",
        "ms": round(took / entries * 1000, 4),
        "postgres_cpu_ms": round((after["postgres"] - before["postgres"]) / entries * 1000, 4),
        "bench_cpu_ms": round((after["bench"] - before["bench"]) / entries * 1000, 4),
    }
