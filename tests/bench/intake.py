"""(b) Reports alone, twenty at once: how long a caller waits until the report is safe."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.bench.door import door
from tests.bench.figures import Outcome, median, spread
from tests.bench.life import report
from tests.bench.office import COMMUNES, Office, at_once, office
from tests.bench.stage import stage

AT_ONCE, LIMIT_MS = 20, 150.0
GOAL = f"p99 ≤ {LIMIT_MS:g} ms at {AT_ONCE} at once, over HTTP"

Receive = Callable[[int], Awaitable[float]]


async def intake(*, small: bool) -> Outcome:
    """Rounds of reports; every one committed to disk with its case, clocks, event, audit entry and notices."""
    rounds, count = (2, 200) if small else (5, 1000)
    async with stage() as servers, office(servers) as desk:
        await servers.start_worker()
        await servers.start_api()
        async with door(servers) as outside:
            ways: dict[str, Receive] = {"records": _at(desk), "HTTP": outside.receive}
            for receive in ways.values():
                await at_once(AT_ONCE, range(100), receive)
            found: dict[str, list[dict[str, float]]] = {what: [] for what in ways}
            for _ in range(rounds):
                for what, receive in ways.items():
                    found[what].append(await _round(count, receive))
    rows: list[dict[str, Any]] = [
        {"what": what, **{name: round(median([run[name] for run in runs]), 2) for name in runs[0]}}
        for what, runs in found.items()
    ]
    notes = [
        f"medians of {rounds} rounds of {count} reports, the two ways in turn; worker and Temporal start each case's",
        "workflow meanwhile for those that came over HTTP, and the bench itself takes part of the processor",
        "records: models.records.intake.receive_report in the bench's process, 20 connections",
    ]
    return Outcome("intake", GOAL, rows[-1]["p99_ms"] <= LIMIT_MS, rows, notes)


def _at(desk: Office) -> Receive:
    async def receive(number: int) -> float:
        told = report(COMMUNES[number % len(COMMUNES)])
        began = time.perf_counter()
        await desk.receive(told)
        return time.perf_counter() - began

    return receive


async def _round(count: int, receive: Receive) -> dict[str, float]:
    began = time.perf_counter()
    seconds = await at_once(AT_ONCE, range(count), receive)
    took = time.perf_counter() - began
    return {"reports_s": count / took, **spread(seconds), "max_ms": max(seconds) * 1000}
