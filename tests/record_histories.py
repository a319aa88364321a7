"""Record the histories that tests/test_replay.py replays: ``.venv/bin/python -m tests.record_histories``.

Representative runs are played on real servers and stored as the server holds them: sealed, with the key ring committed
beside them (``histories/keys.json``, made for nothing else). So a replay goes through our codec, our converter and our
messages as a worker in production does, and a change of any of them that could not read a running case is noticed too.

A folder is one version of the workflows that cases may have been started under. The last one is recorded over until it
is released; then a new folder is begun, and the old one stays as long as such cases may run (``v1``: rungs fired by
ordinary activities, before docs/decisions/0005).
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from deploy.runtime.postgres import OWNER, embedded_postgres
from deploy.runtime.temporal import temporal_server
from models import migrations
from models.messages import delivery_workflow_id
from tests.api_support import door_of
from tests.databases import TEMPLATE
from tests.receivers import hook
from tests.referral_door_support import done
from tests.referral_support import Sent, agree, refer, referrals_of
from tests.webhook_support import LOCAL, a_referral, a_system, all_in, dispatched, local_post
from tests.world import (
    FOLLOW_UP,
    HOUR,
    MEASURES,
    SIGNED,
    WRITTEN,
    Case,
    World,
    a_world,
    client_of,
    eventually,
    form04,
    form07,
    impatient_server,
)
from workflows.sweep import Sweep

FOLDER = Path(__file__).parent / "histories"
KEYS = FOLDER / "keys.json"
NOW = FOLDER / "v2"
"""Where the present version's histories are recorded."""

Found = dict[str, str]
"""Histories as JSON by the name of their file."""


async def unfounded(world: World) -> Found:
    """S3: received, assessed, not substantiated, and the run ended with it."""
    case = await (await world.case()).assessed()
    await case.refused("approve_closure", "chair.a", decision=SIGNED)
    await case.do("propose_not_substantiated", "cpo.a", reason="trẻ khỏe mạnh")
    await case.do("confirm_not_substantiated", "sup.a")
    await case.do("send_written_report", "cpo.a", report=WRITTEN)
    await eventually(case.has_ended)
    return {"s3-not-substantiated": await history(case)}


async def emergency(world: World) -> Found:
    """Flagged hours ago, so that rungs fire at once and one a moment later; then measures, isolation and a plan."""
    case = await world.case(ago=8 * HOUR - timedelta(seconds=2), flagged=True, trigger="LIFE")
    await eventually(lambda: _fired(case, "emergency_12h", 3))
    await case.planning(emergency=True)
    await case.do("apply_measures", "cpo.a", measures=MEASURES)
    await case.do("order_isolation", "chair.a", m07=form07(spoken=True))
    await case.do("submit_plan", "cpo.a", m04=form04("tham-nha"), m05={})
    approval = {"content_hash": (await case.row()).memory["plan_hash"], "decision": SIGNED}
    await case.do("approve_plan", "chair.a", **approval)
    return {"emergency-with-rungs": await history(case)}


async def _fired(case: Case, code: str, how_many: int) -> bool:
    return len(await case.fired(code)) == how_many


async def attached(world: World) -> Found:
    """Two cases of one child become one: the attached run ends, the other is woken; then the same is undone."""
    known = await (await world.case()).assessed()
    fresh = await world.case(ago=3 * HOUR, flagged=True, trigger="LIFE")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    await eventually(known.in_step)
    await eventually(fresh.has_ended)
    ended = await history(fresh)
    await fresh.do("detach", "sup.a", reason="nhầm")
    await eventually(known.in_step)
    await eventually(fresh.in_step)
    return {
        "attached": ended,
        "attached-to": await history(known),
        "detached-after-its-run-had-ended": await history(fresh),
    }


async def household(world: World) -> Found:
    """Siblings: one at R4 wakes the other, whose clocks move."""
    first, second = await world.report(children=2)
    for case in (first, second):
        await case.assessed()
    due = (await first.clock("follow_up")).due_at
    await second.do("update_risk", "cpo.a", risk="R4", reason="gãy tay")
    await eventually(lambda: _before(first, due))
    return {"sibling-that-wakes": await history(second), "sibling-that-is-woken": await history(first)}


async def _before(case: Case, due: object) -> bool:
    believed = await case.world.desk.believed(case.id)
    earliest = [one.at for one in believed.deadlines if one.code == "follow_up"] if believed else []
    return bool(earliest) and (await case.clock("follow_up")).due_at != due


async def reopened(world: World) -> Found:
    """Ended, and long after reopened by Update-with-Start: the new run knows nothing but the case's id."""
    case = await (await world.case()).assessed()
    await case.do("propose_early_closure", "cpo.a", closure_reason="MOVED_ABROAD", reason="đã đi")
    await case.do("approve_closure", "chair.a", decision=SIGNED)
    await case.do("send_written_report", "cpo.a", report=WRITTEN)
    await eventually(case.has_ended)
    case.later(timedelta(days=100))
    await case.do("reopen", "h111", m01={"anonymous": True, "children": [{}]}, owner_id=world.person("cpo.a"))
    await case.do("acknowledge_report", "cpo.a")
    return {"reopened": await history(case)}


async def referred(world: World) -> Found:
    """A referral to its end; one that is declined and wakes the next; one that nobody answers, until it expires."""
    case = await (await world.case(ago=30 * HOUR)).accepted()
    await agree(case)
    aid = await (await refer(case, "legal_aid").sent()).accepted()
    await aid.do("start_service", "leg")
    await aid.do("deliver", "leg", outcome="PROVIDED")
    await aid.do("confirm", "cpo.a")
    await eventually(aid.has_ended)
    care = await refer(case, "psychosocial").sent()
    await care.do("acknowledge", "swc")
    await care.do("decline", "swc", decline_reason="NO_CAPACITY")
    await eventually(lambda: _passed_on(case, care))
    (passed,) = [one for one in await referrals_of(case, "psychosocial") if one.rerouted_from == care.id]
    silent = refer(case, "school_support")
    long_ago = case.now() - 29 * HOUR
    emergency = refer(case, "police_report")
    for one, to in ((silent, "HN-A-TH"), (emergency, "HN-A")):
        await one.do("ask_service", "cpo.a", service=one.service, at=long_ago)
        await one.do("send", "cpo.a", receiver_id=str(world.unit(to)), at=long_ago)
    await eventually(lambda: _asked_again(emergency))
    await silent.do("revoke", "cpo.a", reason="không cần nữa")
    await eventually(silent.has_ended)
    return {
        "referral-closed": await history(aid),
        "referral-declined": await history(care),
        "referral-passed-on": await history(Sent(case, "psychosocial", passed.id)),
        "referral-unanswered": await history(emergency),
        "referral-revoked": await history(silent),
    }


async def _passed_on(case: Case, before: Sent) -> bool:
    found = [one for one in await referrals_of(case, before.service) if one.rerouted_from == before.id]
    return bool(found) and await Sent(case, before.service, found[0].id).is_seen()


async def _asked_again(referral: Sent) -> bool:
    return "ask_again" in [one.event for one in await referral.events()]


async def delivered(world: World) -> Found:
    """A system of an agency is told three things in order; the first goes wrong once and is sent again."""
    async with hook() as receiver, door_of(world, public_url=LOCAL) as door:
        system = await a_system(door, receiver.url)
        referral = await a_referral(door)
        for event in ("acknowledge", "accept"):
            await done(door, "hlt", referral, event)
        answers = iter((500,))
        receiver.answer = lambda _: next(answers, 204)
        await dispatched(world)
        await all_in(world, referral, "delivered")
    name = delivery_workflow_id(UUID(system.endpoint), UUID(referral))
    handle = world.client.get_workflow_handle(name)
    await handle.result()
    return {"delivered": (await handle.fetch_history()).to_json()}


async def swept(world: World) -> Found:
    """One pass of the sweep, with something to start."""
    await world.case(recorded=timedelta(minutes=1), start=False)
    handle = await world.client.start_workflow(Sweep.run, id=f"sweep-{uuid4()}", task_queue=world.task_queue)
    await handle.result()
    return {"sweep": (await handle.fetch_history()).to_json()}


async def continued(world: World) -> Found:
    """On an impatient server: a run that ended by continuing as new, and one that began so."""
    case = await (await world.case()).assessed()
    while not (before := await _continued_from(case)):
        await case.do("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    await case.send(case.sent[-1])  # answered from what was carried over
    await case.do("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    run = world.client.get_workflow_handle(case.handle.id, run_id=before)
    return {
        "continues-as-new": (await run.fetch_history()).to_json(),
        "continued": await history(case),
    }


async def _continued_from(case: Case) -> str:
    first = await anext(aiter(case.handle.fetch_history_events()))
    return str(first.workflow_execution_started_event_attributes.continued_execution_run_id)


async def history(case: Case | Sent) -> str:
    """The latest run's history, as the server holds it."""
    return (await case.handle.fetch_history()).to_json()


STORIES: tuple[Callable[[World], Awaitable[Found]], ...] = (
    unfounded, emergency, attached, household, reopened, referred, delivered, swept,
)  # fmt: skip
ON_AN_IMPATIENT_SERVER: tuple[Callable[[World], Awaitable[Found]], ...] = (continued,)


async def record(folder: Path) -> list[str]:
    """Play every story and store its histories in a folder, which is emptied first. Gives their names."""
    found: Found = {}
    work = Path(tempfile.mkdtemp(prefix="annhi-histories-"))
    try:
        async with AsyncExitStack() as stack:
            postgres = await stack.enter_async_context(embedded_postgres(work / "postgres", durable=False))
            await asyncio.to_thread(migrations.upgrade, postgres.url(OWNER, TEMPLATE))
            usual = await stack.enter_async_context(temporal_server(work / "temporal"))
            impatient = await stack.enter_async_context(impatient_server(work / "impatient"))
            for server, stories in ((usual, STORIES), (impatient, ON_AN_IMPATIENT_SERVER)):
                async with a_world(postgres, await client_of(server, KEYS), post=local_post()) as world:
                    for story in stories:
                        found |= await story(world)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _store(folder, found)
    return sorted(found)


def _store(folder: Path, found: Found) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in found.items():
        compact = json.dumps(_anonymous(json.loads(text)), separators=(",", ":"), sort_keys=True)
        (folder / f"{name}.json").write_text(f"{compact}\n", encoding="utf-8")


def _anonymous(value: Any) -> Any:
    """Without the names of the machine and the processes it was recorded with."""
    if isinstance(value, dict):
        return {key: "recorder" if key == "identity" else _anonymous(one) for key, one in value.items()}
    return [_anonymous(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    for line in asyncio.run(record(NOW)):
        sys.stdout.write(f"{line}\n")
