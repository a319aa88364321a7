"""What the guide for agencies' systems tells a programmer to write works as written."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from models.lifecycle.referral import EVENTS
from models.webhooks.events import UNTOLD, event_type
from tests.api_support import Door
from tests.receivers import hook
from tests.webhook_support import NAME, a_referral, a_system, all_in, dispatched
from tests.world import World

GUIDE = (Path(__file__).parents[1] / "docs" / "guides" / "agency-systems.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture(scope="module")
def receivers_here() -> bool:
    return True


def program() -> Callable[..., Awaitable[dict[str, Any] | None]]:
    names: dict[str, Any] = {}
    exec(compile(PROGRAM, "agency-systems.md", "exec"), names)
    return names["take"]  # type: ignore[no-any-return]


@pytest.mark.servers
async def test_the_program_in_the_guide_takes_an_event_and_acknowledges_its_referral_once(
    world: World, door: Door
) -> None:
    take = program()
    async with hook() as receiver:
        system = await a_system(door, receiver.url)
        referral = await a_referral(door)
        await dispatched(world)
        await all_in(world, referral, "delivered")
        (one,) = receiver.taken
        asked = {"secret": system.secret, "token": system.token, "http": door.http}
        with pytest.raises(WebhookVerificationError):
            await take(one.body.replace(b"send", b"SEND"), one.headers, **asked)
        for _ in range(2):
            seen = await take(one.body, one.headers, **asked)
            assert seen is not None
            assert (seen["id"], seen["state"]) == (referral, "acknowledged")
            assert NAME not in str(seen)
        events = await door.sql(
            "SELECT event FROM referral_event WHERE referral_id = :id ORDER BY sequence", id=referral
        )
        assert [row["event"] for row in events].count("acknowledge") == 1
        # What it did comes back to it as an event, of which the program has nothing to do.
        await dispatched(world)
        await all_in(world, referral, "delivered")
        again = receiver.taken[-1]
        assert again.event["data"]["event"] == "acknowledge"
        assert await take(again.body, again.headers, **asked) is None
        assert set(again.event["data"]) == set(re.findall(r"`(\w+)`", re.findall(r"`data` có (.*?)\.", GUIDE)[0]))
        await door.post("admin", f"/webhook-endpoints/{system.endpoint}/end")


def test_the_guide_names_every_event_a_system_is_told_of() -> None:
    said = re.findall(r"^\| `(vn\.\S+)` \| (.+?) \|$", GUIDE, re.MULTILINE)
    assert said == [
        (event_type(code), f"{one.label_vi} · {one.label_en}") for code, one in EVENTS.items() if code not in UNTOLD
    ]
