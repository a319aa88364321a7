"""Agencies with a system of their own, for tests: their position, their token, their endpoint, all through the door."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from activities.webhooks import Post, start_waiting
from models.tables import WebhookAttempt, WebhookDelivery
from models.webhooks import Destinations
from tests.api_support import Door
from tests.referral_door_support import a_case, asked
from tests.world import World, eventually
from workflows.client import CaseDesk

LOCAL = "http://127.0.0.1:8080"
"""Where the door says it is: on this machine, so that receivers may be on it too."""
NAME = "Bé Mẫu Tên Riêng"


def local_post() -> Post:
    """The way out of a service that is for this machine alone."""
    return Post(LOCAL, Destinations(local=True))


@dataclass
class System:
    """A system of an agency: its position, its endpoint, its secret and its token."""

    position: str
    endpoint: str
    secret: str
    token: str


async def a_system(door: Door, url: str, *, unit: str = "HN-BV", role: str = "HLT") -> System:
    body = {"name": "Hệ thống (mẫu)", "unit_id": str(door.unit(unit)), "role": role}
    position = (await made(door, "/services", body))["id"]
    endpoint = await made(door, f"/services/{position}/endpoints", {"url": url})
    until = (door.clock.now() + timedelta(days=30)).isoformat()
    token = await made(
        door, f"/services/{position}/tokens", {"scopes": ["referrals:read", "referrals:write"], "expires_at": until}
    )
    return System(position, endpoint["endpoint"]["id"], endpoint["secret"], token["secret"])


async def made(door: Door, path: str, body: Any) -> Any:
    answer = await door.post("admin", path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def a_referral(door: Door, *, service: str = "psychosocial", receiver: str = "HN-BV", **more: Any) -> str:
    wanted = {"service": service, "receiver": receiver, "request": "Trẻ cần được tham vấn tâm lý", **more}
    (result,) = await asked(door, await a_case(door, name=NAME), wanted)
    assert result["problem"] is None, result
    return str(result["referral"]["id"])


async def dispatched(world: World, desk: CaseDesk | None = None, clock: Any = None) -> list[UUID]:
    """What the worker's loop does once a second."""
    return await start_waiting(world.database.worker, clock or world.clock, desk or world.desk)


async def deliveries(world: World, referral: str) -> list[Any]:
    rows = await world.rows(WebhookDelivery, referral_id=UUID(referral))
    return sorted(rows, key=lambda one: one.sequence)


async def attempts(world: World, delivery: UUID) -> list[str]:
    rows = await world.rows(WebhookAttempt, delivery_id=delivery)
    return [one.answer for one in sorted(rows, key=lambda one: one.number)]


async def all_in(world: World, referral: str, state: str) -> list[Any]:
    """Wait until every event of a referral has come to a state."""

    async def look() -> list[Any]:
        rows = await deliveries(world, referral)
        return rows if rows and {one.state for one in rows} == {state} else []

    return await eventually(look, why=f"not all {state}")
