"""Cases through the door, for tests: taken in, acted on, proposed to another commune, and who was told of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.api_support import Door

WHY = "Trẻ về sống với bà ở xã khác"


async def case_of(door: Door, username: str = "cpo.a", **report: Any) -> str:
    """The case of a report about one child."""
    return str((await door.report(username, **report))["cases"][0]["id"])


async def a_case(door: Door, **report: Any) -> str:
    """A case of commune A with an owner."""
    case = await case_of(door, **report)
    await done(door, "cpo.a", case, "acknowledge")
    await done(door, "cpo.a", case, "accept", owner_id=str(door.person("cpo.a")))
    return case


async def proposed(door: Door, to: str = "HN-B", **report: Any) -> str:
    """One of those that waits for another commune's answer."""
    case = await a_case(door, **report)
    await done(door, "cpo.a", case, "propose_transfer", to_unit=to, reason=WHY, handover="Gọi cho bà")
    return case


async def done(
    door: Door, username: str, case: str, event: str, body: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """An act that must be accepted, and its answer."""
    answer = await door.act(username, case, event, {**(body or {}), **more})
    assert answer.status_code == 200, (event, answer.text)
    return dict(answer.json())


async def refused(door: Door, username: str, case: str, event: str, **body: Any) -> tuple[int, str]:
    """An act that must not be, and how it is refused."""
    answer = await door.act(username, case, event, body)
    assert answer.status_code >= 400, (event, answer.text)
    return answer.status_code, answer.json()["code"]


async def allowed(door: Door, username: str, case: str) -> set[str]:
    """The acts a case offers somebody."""
    return {one["event"] for one in (await door.get(username, f"/cases/{case}")).json()["allowed_actions"]}


async def told(door: Door, case: str, kind: str) -> set[str]:
    """Usernames of those who had a notice of a kind about a case."""
    rows = await door.sql(
        "SELECT DISTINCT person_id FROM notice WHERE case_id = :id AND kind = :kind", id=case, kind=kind
    )
    names = {person: name for name, person in door.sample.person_ids.items()}
    return {names[row["person_id"]] for row in rows}


async def recuse(door: Door, case: str | UUID, person: UUID) -> None:
    """Somebody must keep out of a case, as if that had been recorded a minute ago."""
    await door.sql(
        "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :who, 'relative', :at)",
        id=uuid4(), case=case, who=person, at=door.clock.now() - timedelta(minutes=1),
    )  # fmt: skip
