"""Kill -9 of every server at every step of a referral: each notice, delivery and passing on is there once.

As ``tests/test_kill.py`` does for a case: one referral has its answer just before the kill, one is in flight, one is
sent just after. A hospital that takes webhooks is told of every event at least once, always as the same message, and in
order; what it declines goes to one other unit, once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.receivers import Hook, hook
from tests.referral_door_support import CONSENT
from tests.service import SERVERS, Running, eventually, once_each, report_body
from tests.test_kill import IN_FLIGHT

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("whole")]

HOSPITAL = "HN-BV"


@dataclass(frozen=True)
class Step:
    """Who does what to which of the two referrals of a case."""

    who: str
    event: str
    about: str
    body: dict[str, Any] = field(default_factory=dict)


STEPS = (
    Step("cpo.a", "ask", "declined"),
    Step("hlt", "acknowledge", "declined"),
    Step("hlt", "decline", "declined", {"decline_reason": "NO_CAPACITY"}),
    Step("cpo.a", "ask", "served"),
    Step("hlt", "acknowledge", "served"),
    Step("hlt", "accept", "served"),
    Step("hlt", "start_service", "served"),
    Step("hlt", "deliver", "served", {"outcome": "PROVIDED", "report": "Đã khám, cho về"}),
    Step("cpo.a", "confirm", "served"),
)
SERVICES = {"declined": "psychosocial", "served": "medical_emergency"}


@dataclass
class Course:
    """One case on its way, with its two referrals."""

    service: Running
    case: UUID = field(default_factory=lambda: UUID(int=0))
    referrals: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> None:
        self.case = await self.service["cpo.a"].report(report_body())
        await self.service["cpo.a"].act(self.case, "acknowledge")
        await self.service["cpo.a"].act(self.case, "accept", {"owner_id": str(self.service["cpo.a"].id)})
        await self.service["cpo.a"].get(f"/cases/{self.case}")  # declares
        for scope in ("SHARING", "SERVICE"):
            answer = await self.service["cpo.a"].insist(f"/cases/{self.case}/consents", {"scope": scope, **CONSENT})
            assert answer.status == 201, answer

    async def take(self, step: Step) -> None:
        person, key = self.service[step.who], uuid4()
        if step.event == "ask":
            asked = {"service": SERVICES[step.about], "receiver": HOSPITAL, "request": "Trẻ cần giúp"}
            path, body = f"/cases/{self.case}/referrals", dict[str, Any](referrals=[asked])
        else:
            path, body = f"/referrals/{self.referrals[step.about]}/actions", {"event": step.event, **step.body}
        answer = await person.insist(path, body, key)
        assert answer.status == 200, answer
        while step.event == "ask" and answer.body[0]["problem"] and answer.body[0]["problem"]["status"] == 503:
            # Of several each has a result of its own; the page asks again with the same key.
            await asyncio.sleep(0.1)
            answer = await person.insist(path, body, key)
        if step.event == "ask":
            assert answer.body[0]["problem"] is None, answer
            self.referrals[step.about] = answer.body[0]["referral"]["id"]
        again = await person.insist(path, body, key)
        assert again.status == 200
        assert step.event != "ask" or again.body[0]["referral"]["id"] == self.referrals[step.about]


async def record_of(service: Running, case: UUID) -> dict[str, list[str]]:
    """What is on record of a case's referrals, without ids and instants.

    Which unit a referral is passed on to is decided by how much each has to do, so by the other cases of this test:
    of it only that there is one is compared, and that each of its people is told once.
    """

    async def lines(statement: str) -> list[str]:
        return sorted(str(tuple(row)) for row in await service.rows(statement, case=case))

    return {
        "referrals": await lines(
            f"SELECT r.service, u.code = '{HOSPITAL}', r.state, r.outcome, r.sequence, r.rerouted_from IS NOT NULL "
            "FROM referral r LEFT JOIN unit u ON u.id = r.receiver_id WHERE r.case_id = :case"
        ),
        "events": await lines(
            "SELECT r.service, r.rerouted_from IS NULL, e.sequence, e.event, e.implied, e.role FROM referral_event e "
            "JOIN referral r ON r.id = e.referral_id WHERE e.case_id = :case"
        ),
        "deadlines": await lines(
            "SELECT r.service, d.code, d.occurrence, d.status FROM deadline d JOIN referral r ON r.id = d.referral_id "
            "WHERE d.case_id = :case"
        ),
        "notices": await lines(
            "SELECT DISTINCT kind, CASE WHEN role IN ('CPO', 'HLT') THEN role ELSE 'next' END, channel, count(*) "
            "FROM notice WHERE case_id = :case GROUP BY kind, role, channel, person_id"
        ),
        "commands": await lines("SELECT event, accepted, code FROM command_record WHERE case_id = :case"),
        "deliveries": await lines("SELECT sequence, event, state FROM webhook_delivery WHERE case_id = :case"),
    }


@pytest.fixture(scope="module")
def signed_in_too() -> tuple[str, ...]:
    return ("hlt", "admin")


@pytest_asyncio.fixture(scope="module")
async def system(service: Running) -> AsyncIterator[Hook]:
    """The hospital's own system, which lives through every kill."""
    async with hook() as made:
        (unit,) = await service.rows("SELECT id FROM unit WHERE code = :code", code=HOSPITAL)
        admin = service["admin"]
        wanted = {"name": "Hệ thống bệnh viện (mẫu)", "unit_id": str(unit.id), "role": "HLT"}
        position = (await admin.insist("/services", wanted)).body["id"]
        answer = await admin.insist(f"/services/{position}/endpoints", {"url": made.url})
        assert answer.status == 201, answer
        yield made


async def told_everything(service: Running, system: Hook, case: UUID) -> None:
    """Every event of the case's referrals reached the hospital: as one message each, in order."""

    async def delivered() -> bool:
        rows = await service.rows("SELECT state FROM webhook_delivery WHERE case_id = :case", case=case)
        return bool(rows) and {row.state for row in rows} == {"delivered"}

    await eventually(delivered, every=0.5)
    rows = await service.rows(
        "SELECT id, referral_id, sequence FROM webhook_delivery WHERE case_id = :case ORDER BY referral_id, sequence",
        case=case,
    )
    assert not [key for key, n in Counter((row.referral_id, row.sequence) for row in rows).items() if n > 1]
    for referral in {row.referral_id for row in rows}:
        own = [str(row.id) for row in rows if row.referral_id == referral]
        first_seen = list(dict.fromkeys(one.id for one in system.taken if one.id in own))
        assert first_seen == own, "in order, and none left out"
    bodies: dict[str, set[bytes]] = {}
    for one in system.taken:
        bodies.setdefault(one.id, set()).add(one.body)
    assert {len(seen) for seen in bodies.values()} == {1}, "one id, two messages"


@pytest_asyncio.fixture(scope="module")
async def undisturbed(service: Running, system: Hook) -> dict[str, Any]:
    """The record of referrals during which nothing happened to the servers."""
    course = Course(service)
    await course.begin()
    for step in STEPS:
        await course.take(step)
    await told_everything(service, system, course.case)
    record = await record_of(service, course.case)
    assert len([one for one in record["referrals"] if "psychosocial" in one]) == 2, "passed on once"
    return record


@pytest.mark.parametrize("victim", SERVERS)
async def test_a_referral_ends_the_same_however_often_a_server_is_killed(
    service: Running, system: Hook, undisturbed: dict[str, Any], victim: str
) -> None:
    before, during, after = courses = [Course(service) for _ in range(3)]
    for course in courses:
        await course.begin()
    for number, step in enumerate(STEPS):
        await before.take(step)
        in_flight = asyncio.create_task(during.take(step))
        await asyncio.sleep(IN_FLIGHT[(number + SERVERS.index(victim)) % len(IN_FLIGHT)])
        service.kill(victim)
        too_late = asyncio.create_task(after.take(step))
        await service.restart(victim)
        await asyncio.gather(in_flight, too_late)
    for course in courses:
        await told_everything(service, system, course.case)
        await service.in_step(course.case)
        await once_each(service, course.case)
        assert await record_of(service, course.case) == undisturbed
