"""A receiver that is away for three days, on the time-skipping server: who comes back gets all of it, in order; of what
was given up the owner knows, and sends it again.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from deploy.drill.clock import StageClock
from deploy.runtime.temporal import free_port, time_skipping_server
from models.settings import Settings
from models.tables import Notice, WebhookAttempt
from models.webhooks import TRIED_FOR
from tests.api_support import Door
from tests.receivers import hook
from tests.referral_door_support import done
from tests.webhook_support import a_referral, a_system, deliveries, dispatched, local_post
from tests.world import HOUR, MINUTE, World, eventually
from workflows.client import CaseDesk
from workflows.connection import connect
from workflows.worker import case_worker

pytestmark = pytest.mark.servers


@dataclass
class Skipping:
    """The time-skipping server, a clock that goes by it, and the way to its workflows."""

    client: Client
    clock: StageClock
    desk: CaseDesk


@pytest.fixture(scope="module")
def receivers_here() -> bool:
    return True


async def states(world: World, referral: str, endpoint: str) -> list[str]:
    return [one.state for one in await deliveries(world, referral) if str(one.endpoint_id) == endpoint]


async def test_a_receiver_down_for_three_days(world: World, door: Door, key_file: Path, tmp_path: Path) -> None:
    back_port, never_port = free_port(), free_port()
    back = await a_system(door, f"http://127.0.0.1:{back_port}/an-nhi")
    never = await a_system(door, f"http://127.0.0.1:{never_port}/an-nhi")
    referral = await a_referral(door)
    for event in ("acknowledge", "accept"):
        await done(door, "hlt", referral, event)
    async with time_skipping_server(tmp_path) as address:
        client = await connect(Settings(temporal_address=address, temporal_namespace="default", key_file=key_file))
        began = world.clock.now()
        clock = await StageClock.open(client, began)
        desk = CaseDesk(client, task_queue="skipping", offset=clock.offset, timeout=30)
        async with case_worker(
            client, engine=world.database.worker, clock=clock, desk=desk,  # type: ignore[arg-type]
            reference=world.reference, task_queue="skipping", post=local_post(),
        ):  # fmt: skip
            assert len(await dispatched(world, desk, clock)) == 6
            await until(clock, began + 69 * HOUR + 30 * MINUTE)
            for system in (back, never):
                assert await states(world, referral, system.endpoint) == ["pending"] * 3
            await tried_with_growing_gaps(world, referral)
            async with hook(back_port) as receiver:
                await until(clock, began + 70 * HOUR + 29 * MINUTE)
                await eventually(lambda: all_are(world, referral, back.endpoint, "delivered"))
                assert [one.event["data"]["event"] for one in receiver.taken] == ["send", "acknowledge", "accept"]
            await until(clock, began + TRIED_FOR + 10 * MINUTE)
            await eventually(lambda: all_are(world, referral, never.endpoint, "dead"))
            await owned(world, referral, never.endpoint)
            # Back at last, after the three days: nothing comes by itself, and by a person's word all of it does.
            async with hook(never_port) as receiver:
                assert await dispatched(world, desk, clock) == []
                dead = [one for one in await deliveries(world, referral) if str(one.endpoint_id) == never.endpoint]
                for one in dead:
                    answer = await door.post("sup.a", f"/referrals/{referral}/deliveries/{one.id}/resend")
                    assert answer.status_code == 200, answer.text
                assert len(await dispatched(world, desk, clock)) == 3
                await eventually(lambda: all_are(world, referral, never.endpoint, "delivered"))
                assert [one.id for one in receiver.taken] == [str(one.id) for one in dead]


async def until(clock: StageClock, at: Any) -> None:
    """Hour by hour, so that what is written at an instant says the instant."""
    while clock.now() < at:
        await clock.reach(min(at, clock.now() + HOUR))


async def all_are(world: World, referral: str, endpoint: str, state: str) -> bool:
    return await states(world, referral, endpoint) == [state] * 3


async def tried_with_growing_gaps(world: World, referral: str) -> None:
    """Only the first event of each was tried: often at first, then once an hour."""
    rows = await deliveries(world, referral)
    assert [one.attempts > 0 for one in rows] == [True, True, False, False, False, False]
    for one in rows[:2]:
        tried = sorted(await world.rows(WebhookAttempt, delivery_id=one.id), key=lambda row: row.number)
        assert {row.answer for row in tried} == {"unreachable"}
        assert [row.number for row in tried] == list(range(1, len(tried) + 1))
        assert 70 <= len(tried) <= 90
        first_hour = [row for row in tried if row.at - tried[0].at <= HOUR]
        assert 8 <= len(first_hour) <= 14
        gaps = [later.at - sooner.at for sooner, later in zip(tried[-20:], tried[-19:], strict=False)]
        assert all(gap <= HOUR + timedelta(minutes=5) for gap in gaps)


async def owned(world: World, referral: str, endpoint: str) -> None:
    dead = [one for one in await deliveries(world, referral) if str(one.endpoint_id) == endpoint]
    assert {(one.owner_id, one.owner_unit_id) for one in dead} == {(world.person("sup.a"), world.unit("HN-A"))}
    # An attempt that could not be followed by another within the three days was the last.
    assert all(one.dead_at - one.created_at >= TRIED_FOR - 2 * HOUR for one in dead)
    told = [one for one in await world.rows(Notice, kind="webhook_dead") if one.channel == "inbox"]
    assert [one.person_id for one in told] == [world.person("sup.a")] * 3
