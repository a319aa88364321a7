"""(b) Reports alone, twenty at once: how long a caller waits until the report is safe."""

import time
from typing import Any

from tests.bench.figures import Outcome, median, spread
from tests.bench.life import report
from tests.bench.office import COMMUNES, Office, at_once, office
from tests.bench.stage import stage

AT_ONCE, LIMIT_MS = 20, 150.0
GOAL = f"p99 ≤ {LIMIT_MS:g} ms at {AT_ONCE} at once"


async def intake(*, small: bool) -> Outcome:
    """Rounds of reports; every one committed to disk with its case, clocks, event, audit entry and notices."""
    rounds, count = (2, 200) if small else (5, 1000)
    async with stage() as servers, office(servers) as desk:
        await at_once(AT_ONCE, range(100), lambda number: _receive(desk, number))
        rows: list[dict[str, Any]] = []
        for _ in range(rounds):
            began = time.perf_counter()
            seconds = await at_once(AT_ONCE, range(count), lambda number: _receive(desk, number))
            took = time.perf_counter() - began
            rows.append({"what": "records", "reports_s": round(count / took, 1), **spread(seconds)})
            rows[-1]["max_ms"] = round(max(seconds) * 1000, 1)
        middle = {name: round(median([row[name] for row in rows]), 2) for name in rows[0] if name != "what"}
        rows.append({"what": "median", **middle})
    notes = [
        f"models.records.intake.receive_report in one process, {AT_ONCE} connections; {rounds} rounds of {count} reports;",
        "without HTTP, sign-in and rendering; no workflow is started meanwhile",
    ]
    return Outcome("intake", GOAL, middle["p99_ms"] <= LIMIT_MS, rows, notes)


async def _receive(desk: Office, number: int) -> float:
    told = report(COMMUNES[number % len(COMMUNES)])
    began = time.perf_counter()
    await desk.receive(told)
    return time.perf_counter() - began
