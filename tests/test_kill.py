"""Kill -9 of every server at every step of a case: the case ends in the same state, each effect once.

Three cases take each step around one kill: one has its answer just before it, one is in flight, one is sent just after.
All ask again with the same key until they have their answer, as a page does. Nothing is judged by how long it took.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from deploy.audit import check_database
from models.audit.kept import KEYS, SealFolder
from tests.service import (
    SERVERS,
    STEPS,
    Answer,
    Running,
    Step,
    eventually,
    once_each,
    record_of,
    report_body,
)

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("whole")]

IN_FLIGHT = (0.005, 0.02, 0.03, 0.01, 0.045, 0.015, 0.06, 0.025)
"""Seconds between sending a command and the kill: from before its content is stored to after its answer."""


def late_report() -> dict[str, Any]:
    """A report that was written down two hours after its receipt, so that its first rung is due at once."""
    return report_body(received=datetime.now(UTC) - timedelta(hours=2, minutes=1))


def forgotten_emergency() -> dict[str, Any]:
    """A flagged report that lay for thirteen hours: every rung of two ladders is due, and one limit has passed."""
    return report_body(received=datetime.now(UTC) - timedelta(hours=13), flagged=True)


@dataclass
class Course:
    """One case on its way, with every request it made and the answer it got."""

    service: Running
    case: UUID = field(default_factory=lambda: UUID(int=0))
    asked: list[tuple[str, str, dict[str, Any], UUID]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def report(self) -> None:
        answer = await self._ask("h111", "/reports", late_report())
        assert answer.status == 201, answer
        self.case = UUID(answer.body["cases"][0]["id"])

    async def take(self, step: Step) -> None:
        body = await step.body(self.service, self.case)
        answer = await self._ask(step.who, f"/cases/{self.case}/actions/{step.event}", body)
        assert answer.status == 200, answer

    async def ask_everything_again(self) -> None:
        """Every request once more, with its key: the same command, the same receipt."""
        for (who, path, body, key), first in zip(self.asked, self.answers, strict=True):
            again = await self.service[who].insist(path, body, key)
            assert again.status == first.status
            assert again.body.get("command") == first.body.get("command"), path
            if path == "/reports":
                assert again.body == first.body

    async def _ask(self, who: str, path: str, body: dict[str, Any]) -> Answer:
        key = uuid4()
        self.asked.append((who, path, body, key))
        answer = await self.service[who].insist(path, body, key)
        self.answers.append(answer)
        return answer


async def first_rung_fired(service: Running, case: UUID, rungs: int = 1) -> None:
    """Wait until a case's overdue rungs have fired. Where nobody has started its workflow, that is the sweep's work."""

    async def fired() -> bool:
        found = await service.rows(
            "SELECT workflow_seen_at AS seen, (SELECT count(*) FROM rung WHERE case_id = :case AND state = 'fired') AS "
            "fired FROM case_file WHERE id = :case",
            case=case,
        )
        assert found, "there was a receipt, and the case is gone"
        (row,) = found
        if row.seen is None:
            await service.sweep()
        return row.fired >= rungs

    await eventually(fired, every=0.3)


async def delivered(service: Running, *cases: UUID) -> None:
    """Every notice of these cases that is due has left, and whatever left twice left as the same message."""
    where = "case_id = ANY(:cases) AND state IN ('pending', 'sending') AND deliver_at <= :now"
    values = {"cases": list(cases), "now": datetime.now(UTC)}
    # What a killed sender had in hand is in doubt until its lease is over; let it be over now.
    await service.run(f"UPDATE notice SET next_attempt_at = :now WHERE {where}", **values)

    async def none_left() -> bool:
        return not await service.rows(f"SELECT id FROM notice WHERE {where}", **values)

    await eventually(none_left)
    rows = await service.rows(
        "SELECT n.*, p.email, p.phone FROM notice n JOIN person p ON p.id = n.person_id "
        "WHERE case_id = ANY(:cases) AND channel <> 'inbox' AND deliver_at <= :now",
        **values,
    )
    assert {row.state for row in rows} == {"sent"}
    mails = [(mail["Message-ID"], mail["To"], mail["Subject"], mail.get_content()) for mail in service.mails.mails]
    texts = [(one["key"], one["to"], one["channel"], one["text"]) for one in service.messages.requests]
    assert {row.message_id for row in rows if row.channel == "email"} <= {mail[0] for mail in mails}
    assert {str(row.id) for row in rows if row.channel != "email"} <= {one[0] for one in texts}
    for copies in (Counter(mails), Counter(texts)):
        names = Counter(message[0] for message in copies)
        assert set(names.values()) <= {1}, "one id, two messages"
    known = await service.rows("SELECT id, message_id FROM notice")
    assert {mail[0] for mail in mails} | {one[0] for one in texts} <= {str(n) for row in known for n in row}


def statuses(service: Running) -> set[int]:
    return {seen for person in service.people.values() for seen in person.seen if isinstance(seen, int)}


@pytest_asyncio.fixture(scope="module")
async def undisturbed(service: Running) -> dict[str, Any]:
    """The record of a case during which nothing happened to the servers."""
    course = Course(service)
    await course.report()
    await first_rung_fired(service, course.case)
    for step in STEPS:
        await course.take(step)
    await service.in_step(course.case)
    await course.ask_everything_again()
    await once_each(service, course.case)
    await delivered(service, course.case)
    return await record_of(service, course.case)


@pytest.mark.parametrize("victim", SERVERS)
async def test_a_case_ends_the_same_however_often_a_server_is_killed(
    service: Running, undisturbed: dict[str, Any], victim: str
):
    before, during, after = courses = [Course(service) for _ in range(3)]
    for number, step in enumerate((None, *STEPS)):

        async def go(course: Course, step: Step | None = step) -> None:
            await (course.report() if step is None else course.take(step))

        await go(before)
        in_flight = asyncio.create_task(go(during))
        await asyncio.sleep(IN_FLIGHT[(number + SERVERS.index(victim)) % len(IN_FLIGHT)])
        service.kill(victim)
        too_late = asyncio.create_task(go(after))
        await service.restart(victim)
        await asyncio.gather(in_flight, too_late)
        if step is None:
            await asyncio.gather(*(first_rung_fired(service, course.case) for course in courses))

    for course in courses:
        await service.in_step(course.case)
        await course.ask_everything_again()
        await once_each(service, course.case)
        assert await record_of(service, course.case) == undisturbed
        assert [answer.body["command"]["sequence"] for answer in course.answers[1:]] == list(range(2, len(STEPS) + 2))
    await delivered(service, *(course.case for course in courses))
    assert statuses(service) <= {200, 201, 503}


async def test_a_burst_of_rungs_fires_once_each_while_servers_are_killed(service: Running):
    async def report() -> UUID:
        return await service["h111"].report(forgotten_emergency())

    calm = await report()

    async def all_fired(case: UUID) -> bool:
        rows = await service.rows(
            "SELECT r.state FROM rung r JOIN deadline d ON d.id = r.deadline_id "
            "WHERE r.case_id = :case AND r.due_at <= :now AND d.status = 'open'",
            case=case,
            now=datetime.now(UTC),
        )
        if rows and all(row.state == "planned" for row in rows):
            await service.sweep()
        return bool(rows) and all(row.state != "planned" for row in rows)

    await eventually(lambda: all_fired(calm), every=0.5)
    await service.in_step(calm)
    wanted = await record_of(service, calm)
    assert len(wanted["escalations"]) >= 6
    assert any("emergency_12h" in breach for breach in wanted["breaches"])

    cases = []
    for victims in (("worker",), ("temporal",), ("postgres",), ("temporal", "worker"), ("api",)):
        cases += [await report() for _ in range(2)]
        await asyncio.sleep(0.1)
        service.kill(*victims)
        await service.restart(*victims)
    for case in cases:
        await eventually(lambda case=case: all_fired(case), every=0.5)
        await service.in_step(case)
        await once_each(service, case)
        assert await record_of(service, case) == wanted
    await delivered(service, *cases)


@pytest.mark.parametrize("victims", [("worker",), ("temporal",), ("worker", "temporal"), ("postgres",)], ids="+".join)
async def test_a_rung_that_falls_due_while_servers_are_away_fires_once_when_they_are_back(
    service: Running, victims: tuple[str, ...]
):
    # The rung must still lie ahead when the kill comes; on a slow machine it takes a longer run-up.
    for lead in (4, 10, 25, 60):
        due = datetime.now(UTC) + timedelta(seconds=lead)
        case = await service["h111"].report(report_body(received=due - timedelta(hours=2)))
        await service.in_step(case)
        service.kill(*victims)
        if datetime.now(UTC) < due - timedelta(seconds=0.5):
            break
        await service.restart(*victims)
    await asyncio.sleep((due - datetime.now(UTC)).total_seconds() + 0.5)
    if "postgres" not in victims:
        assert await states_of_first_rung(service, case) == [("planned", None)], "nobody was there to fire it"
    await service.restart(*victims)

    async def fired() -> bool:
        return [state for state, _ in await states_of_first_rung(service, case)] == ["fired"]

    await eventually(fired)
    await service.in_step(case)
    await once_each(service, case)
    ((_, at),) = await states_of_first_rung(service, case)
    assert at >= due
    (row,) = await service.rows("SELECT count(*) AS n FROM escalation WHERE case_id = :case", case=case)
    assert row.n == 1
    await delivered(service, case)


async def test_the_audit_is_sound_and_sealed_whole_whatever_was_killed(service: Running):
    """Every entry of everything above under one seal, every seal kept outside, by whichever worker lived."""
    course = Course(service)
    await course.report()
    for victim, step in zip(SERVERS, STEPS, strict=False):
        going = asyncio.create_task(course.take(step))
        await asyncio.sleep(IN_FLIGHT[0])
        service.kill(victim)
        await service.restart(victim)
        await going
    await service.in_step(course.case)
    url = service.parts.everything()["ANNHI_OWNER_DATABASE_URL"]
    kept = service.parts.folder.root / "seals"

    async def sealed() -> bool:
        verdict = await asyncio.to_thread(check_database, url, kept, kept / KEYS)
        assert verdict.sound, verdict.findings
        assert verdict.linked > len(SERVERS)
        newest = next(SealFolder(kept).newest())
        return verdict.unsealed == 0 and newest.number == verdict.last

    await eventually(sealed, every=2)


async def states_of_first_rung(service: Running, case: UUID) -> list[tuple[str, datetime | None]]:
    rows = await service.rows(
        "SELECT r.state, r.fired_at FROM rung r JOIN deadline d ON d.id = r.deadline_id "
        "WHERE r.case_id = :case AND d.code = 'acknowledge' AND r.ordinal = 0",
        case=case,
    )
    return [(row.state, row.fired_at) for row in rows]
