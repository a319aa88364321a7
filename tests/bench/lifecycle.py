"""(a) Whole lives of cases, beside the bare floor in the same run."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from temporalio.client import Client

from deploy.runtime.postgres import API
from models.messages import CaseInput, Command, CommandResult, ContentRef
from tests.bench.figures import Outcome, median, spread
from tests.bench.floor import FLOOR_QUEUE
from tests.bench.life import LIFE
from tests.bench.office import at_once, office
from tests.bench.stage import Stage, stage
from models.clock import PlatformClock

THROUGHPUT, LATENCY = 0.6, 2.0
GOAL = f"≥ {THROUGHPUT} of the floor's throughput, p50 ≤ {LATENCY:g}× the floor"

Life = Callable[[int], Awaitable[list[float]]]


async def lifecycles(*, small: bool) -> Outcome:
    """Rounds of floor and service in turn, at 1 and at 20 at once; the ratio of each pair, and their median."""
    rounds = 2 if small else 5
    sizes = {1: 4 if small else 12, 20: 40 if small else 120}
    async with stage() as servers, office(servers) as desk:
        await servers.start_worker()
        await servers.start_module("floor", "tests.bench.floor", API)
        client = await servers.client()
        lives: dict[str, Life] = {"floor": _floor(client), "service": desk.live}
        for life in lives.values():
            await at_once(10, range(20), life)  # connections, caches, prepared statements
        rows: list[dict[str, Any]] = []
        met = True
        for at_a_time, count in sizes.items():
            found: dict[str, list[dict[str, float]]] = {name: [] for name in lives}
            for _ in range(rounds):
                for name, life in lives.items():
                    found[name].append(await _round(servers, at_a_time, count, life))
            for name, runs in found.items():
                rows.append({"what": name, "at once": at_a_time, **_medians(runs)})
            ratios = [
                (service["lives_s"] / floor["lives_s"], service["p50_ms"] / floor["p50_ms"])
                for floor, service in zip(found["floor"], found["service"], strict=True)
            ]
            throughput, latency = (median(each) for each in zip(*ratios, strict=True))
            rows.append(
                {"what": "service / floor", "at once": at_a_time}
                | dict.fromkeys(list(rows[-1])[2:])
                | {"lives_s": round(throughput, 2), "p50_ms": round(latency, 2)}
            )
            met = met and throughput >= THROUGHPUT and latency <= LATENCY
    notes = [
        f"a life is the intake and {len(LIFE)} commands; the floor's the start of a workflow and as many updates, each",
        "with one local activity that does nothing; same server, settings, converter, codec (AES-256-GCM) and worker",
        f"settings; {rounds} rounds of {sizes}, floor and service in turn; medians of the rounds, medians of the ratios;",
        "…_cpu: processor milliseconds per command, by process (client: this one, in the place of the API)",
    ]
    return Outcome("lifecycles", GOAL, met, rows, notes)


def _floor(client: Client) -> Life:
    clock = PlatformClock()

    async def life(_: int) -> list[float]:
        case_id = uuid4()
        handle = await client.start_workflow("Floor", CaseInput(case_id=case_id), id=f"floor/{case_id}", task_queue=FLOOR_QUEUE)
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
        "client_cpu": per_command["bench"],
    }


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median([run[name] for run in runs]), 2) for name in runs[0]}
