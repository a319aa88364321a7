"""(a) Whole lives of cases, beside the bare floor in the same run."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from temporalio.client import Client

from deploy.runtime.postgres import API
from models.clock import PlatformClock
from models.messages import CaseInput, Command, CommandResult, ContentRef
from tests.bench.door import door
from tests.bench.figures import Outcome, median, spread
from tests.bench.floor import FLOOR_QUEUE
from tests.bench.life import LIFE
from tests.bench.office import at_once, office
from tests.bench.stage import Stage, stage

THROUGHPUT, LATENCY = 0.6, 2.0
GOAL = f"≥ {THROUGHPUT} of the floor's throughput, p50 ≤ {LATENCY:g}× the floor"

Life = Callable[[int], Awaitable[list[float]]]


async def lifecycles(*, small: bool) -> Outcome:
    """Rounds of floor and service in turn, at 1 and at 20 at once; the ratio of each pair, and their median."""
    rounds = 2 if small else 5
    sizes = {1: 4 if small else 12, 20: 40 if small else 120}
    async with stage() as servers, office(servers) as desk:
        await servers.start_worker()
        await servers.start_api()
        await servers.start_module("floor", "tests.bench.floor", API)
        async with door(servers) as outside:
            ways: dict[str, Life] = {
                "floor": _floor(await servers.client()), "service": desk.live, "over HTTP": outside.live,
            }  # fmt: skip
            for life in ways.values():
                await at_once(10, range(20), life)  # connections, caches, prepared statements
            found: dict[int, dict[str, list[dict[str, float]]]] = {}
            for at_a_time, count in sizes.items():
                found[at_a_time] = {what: [] for what in ways}
                for _ in range(rounds):
                    for what, life in ways.items():
                        found[at_a_time][what].append(await _round(servers, at_a_time, count, life))
    rows: list[dict[str, Any]] = []
    met = True
    for at_a_time, runs in found.items():
        rows += [{"what": what, "at once": at_a_time, **_medians(each)} for what, each in runs.items()]
        for what in ("service", "over HTTP"):
            ratio = _ratio(runs["floor"], runs[what])
            rows.append({"what": f"{what} / floor", "at once": at_a_time} | dict.fromkeys(list(rows[0])[2:]) | ratio)
            if what == "service":
                met = met and ratio["lives_s"] >= THROUGHPUT and ratio["p50_ms"] <= LATENCY
    notes = [
        f"a life is the intake and {len(LIFE)} commands; the floor's the start of a workflow and as many updates, each",
        "with one local activity that does nothing; same server, settings, converter, codec (AES-256-GCM) and worker",
        f"settings; {rounds} rounds of {sizes}, one way after the other; medians of the rounds, medians of the ratios;",
        "the goal is about the service at its records (content stored, command sent, answer noted), as the floor has",
        "no HTTP either; …_cpu: processor milliseconds per command by process (client: the bench itself)",
    ]
    return Outcome("lifecycles", GOAL, met, rows, notes)


def _ratio(floor: list[dict[str, float]], ours: list[dict[str, float]]) -> dict[str, float]:
    """Median of the ratios of neighbouring rounds."""
    pairs = list(zip(floor, ours, strict=True))
    return {name: round(median([our[name] / bare[name] for bare, our in pairs]), 2) for name in ("lives_s", "p50_ms")}


def _floor(client: Client) -> Life:
    clock = PlatformClock()

    async def life(_: int) -> list[float]:
        case_id = uuid4()
        handle = await client.start_workflow(
            "Floor", CaseInput(case_id=case_id), id=f"floor/{case_id}", task_queue=FLOOR_QUEUE
        )
        seconds = []
        for step in LIFE:
            now = clock.now()
            began = time.perf_counter()
            command = Command(
                command_id=uuid4(), case_id=case_id, event=step.event, person_id=case_id, position_id=case_id,
                recorded_at=now, occurred_at=now, content=(ContentRef(id=case_id, kind="act", hash="0" * 64),),
            )  # fmt: skip
            await handle.execute_update("command", command, id=str(command.command_id), result_type=CommandResult)
            seconds.append(time.perf_counter() - began)
        return seconds

    return life


async def _round(servers: Stage, at_a_time: int, count: int, life: Life) -> dict[str, float]:
    before, began = servers.cpu_seconds(), time.perf_counter()
    seconds = [each for one in await at_once(at_a_time, range(count), life) for each in one]
    took = time.perf_counter() - began
    used = servers.cpu_seconds()
    per_command = {name: (used[name] - before[name]) / len(seconds) * 1000 for name in used}
    return {
        "lives_s": count / took,
        "commands_s": len(seconds) / took,
        **spread(seconds),
        "temporal_cpu": per_command["temporal"],
        "worker_cpu": per_command["worker"] + per_command["floor"],
        "postgres_cpu": per_command["postgres"],
        "api_cpu": per_command["api"],
        "client_cpu": per_command["bench"],
    }


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median([run[name] for run in runs]), 2) for name in runs[0]}
