"""Many at once, and what happens while Temporal or the worker is away: nothing is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deploy.runtime.postgres import DATABASE
from tests.service import (
    STEPS,
    Running,
    command_id,
    confirmed,
    eventually,
    once_each,
    plan_hash,
    record_of,
    report_body,
    workflow_id,
)
from tests.world import contents

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("whole")]

BOUND = 5.0
"""Seconds within which a command must be answered while Temporal is away (architecture.md)."""


async def case_at(service: Running, event: str) -> UUID:
    """A new case that stands where ``event`` is next."""
    case = await service["h111"].report(report_body())
    for step in STEPS:
        if step.event == event:
            await service.in_step(case)
            return case
        await service[step.who].act(case, step.event, await step.body(service, case))
    raise AssertionError(event)


async def count(service: Running, table: str, case: UUID, more: str = "true") -> int:
    (row,) = await service.rows(f"SELECT count(*) AS n FROM {table} WHERE case_id = :case AND {more}", case=case)
    return int(row.n)


async def test_twenty_equal_reports_at_once_are_one_case_and_twenty_equal_answers(service: Running):
    body, key = report_body(flagged=True), uuid4()
    (before,) = await service.rows("SELECT count(*) AS n FROM case_file")
    answers = await asyncio.gather(*(service["h111"].post("/reports", body, key) for _ in range(20)))
    assert [answer.status for answer in answers] == [201] * 20
    assert all(answer.body == answers[0].body for answer in answers)
    (after,) = await service.rows("SELECT count(*) AS n FROM case_file")
    assert after.n == before.n + 1
    case = UUID(answers[0].body["cases"][0]["id"])
    await service.in_step(case)
    await once_each(service, case)
    for table in ("child", "household", "report"):
        (row,) = await service.rows(f"SELECT count(*) AS n FROM {table}")
        assert row.n == after.n, table
    # The same key with other words is not the same request.
    other = await service["h111"].post("/reports", report_body(), key)
    assert (other.status, other.body["code"]) == (422, "idempotency-key-reused")


async def test_the_same_command_twenty_times_at_once_has_one_effect_and_one_answer(service: Running):
    case, key = await case_at(service, "acknowledge"), uuid4()
    path = f"/cases/{case}/actions/acknowledge"
    answers = await asyncio.gather(*(service["cpo.a"].insist(path, {}, key) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert all(answer.body["command"] == answers[0].body["command"] for answer in answers)
    assert await count(service, "case_event", case, "event = 'acknowledge'") == 1
    assert await count(service, "command_record", case) == 1
    # A refusal is an answer too, and as equal.
    key = uuid4()
    refusals = await asyncio.gather(*(service["cpo.a"].insist(path, {}, key) for _ in range(20)))
    assert {(answer.status, answer.body["code"]) for answer in refusals} == {(409, "not-allowed-in-state")}
    assert await count(service, "command_record", case) == 2
    await service.in_step(case)
    await once_each(service, case)


async def test_of_two_people_deciding_at_once_one_wins_and_the_other_is_told_who_and_what(service: Running):
    case = await case_at(service, "approve_plan")
    decision = {"number": "1/QĐ", "signed_on": "2026-11-20", "signer": "Chủ tịch (mẫu)"}
    approve = {"content_hash": await plan_hash(service, case), "decision": decision}
    tries = {
        "chair.a": ("approve_plan", approve),
        "vch.a": ("return_plan", {"reason": "Chưa đủ biện pháp"}),
    }
    answers = await asyncio.gather(
        *(service[who].insist(f"/cases/{case}/actions/{event}", body) for who, (event, body) in tries.items())
    )
    outcome = dict(zip(tries, answers, strict=True))
    assert sorted(answer.status for answer in answers) == [200, 409]
    winner = next(who for who, answer in outcome.items() if answer.status == 200)
    loser = next(who for who in tries if who != winner)
    told = outcome[loser].body
    assert told["code"] == "not-allowed-in-state"
    assert told["latest_event"]["event"] == tries[winner][0]
    assert told["latest_event"]["by"] == (await service[winner].get("/me"))["name"]
    assert "return_plan" not in told["allowed"]
    state = {"approve_plan": "active", "return_plan": "plan_draft"}[tries[winner][0]]
    assert (await service["cpo.a"].get(f"/cases/{case}"))["state"]["process"] == state
    assert await count(service, "case_event", case, "event IN ('approve_plan', 'return_plan')") == 1
    await service.in_step(case)


async def test_many_people_on_one_case_at_once_leave_one_event_for_each_sequence(service: Running):
    case = await case_at(service, "substantiate")
    note = {"follow_up": {"seen": ["Bà ngoại"], "found": "Trẻ ổn định"}}
    everybody = [
        ("cpo.a", "record_follow_up", note),
        ("cpo2.a", "record_follow_up", note),
        ("h111", "add_report", None),
    ]
    asked = [everybody[number % 3] for number in range(18)]
    answers = await asyncio.gather(
        *(
            service[who].insist(f"/cases/{case}/actions/{event}", body or {"m01": report_body()["m01"]})
            for who, event, body in asked
        )
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["command"]["sequence"] for answer in answers}) == 18
    await service.in_step(case)
    await once_each(service, case)
    assert await count(service, "deadline", case, "code = 'emergency_12h'") == 7


async def test_with_temporal_away_reports_are_taken_in_and_the_sweep_starts_them_with_their_receipt(service: Running):
    service.kill("temporal")
    receipt = datetime.now(UTC) - timedelta(minutes=20)
    key, body = uuid4(), report_body(received=receipt)
    answer = await service["h111"].post("/reports", body, key)
    assert answer.status == 201, answer
    assert answer.seconds < BOUND
    (opened,) = answer.body["cases"]
    case = UUID(opened["id"])
    assert opened["code"]
    assert {one["code"] for one in opened["deadlines"]} == {"acknowledge", "emergency_12h", "written_report"}
    again = await service["h111"].post("/reports", body, key)
    assert again.body == answer.body
    # Whatever the API still had in mind of it is gone as well: only the sweep can find this case.
    service.kill("api")
    await service.restart("temporal", "api")
    assert await service.desk.believed(case) is None
    await service.swept(case, "started")
    believed = await service.in_step(case)
    due = {one.code: one.at for one in believed.deadlines}
    assert abs(due["emergency_12h"] - receipt - timedelta(hours=8)) < timedelta(seconds=1), "E1 of the original receipt"
    await service["cpo.a"].act(case, "acknowledge")
    await service.in_step(case)
    await once_each(service, case)


@pytest.mark.parametrize("away", ["temporal killed", "temporal frozen", "worker killed"])
async def test_commands_answer_503_in_time_and_what_was_typed_goes_through_later(service: Running, away: str):
    case = await case_at(service, "complete_detailed_assessment")
    name, how = away.split()
    if how == "frozen":
        service.freeze(name)
    else:
        service.kill(name)
    key, typed = uuid4(), {"m03": {"family": "Mẹ đi làm ca đêm, bà ngoại trông trẻ"}}
    path = f"/cases/{case}/actions/complete_detailed_assessment"
    answer = await service["cpo.a"].post(path, typed, key)
    assert (answer.status, answer.body["code"]) == (503, "command-not-confirmed")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.seconds <= BOUND
    command = command_id(service["cpo.a"], key, case, "complete_detailed_assessment")
    async with service.reading() as connection:
        kept = await contents(connection, case, command_id=command, author_id=service["cpo.a"].id)
    assert [one["family"] for one in kept] == [typed["m03"]["family"]]
    if how == "frozen":
        service.kill(name)
    await service.restart(name)
    later = await service["cpo.a"].insist(path, typed, key)
    assert later.status == 200, later
    assert later.body["command"]["id"] == str(command)
    assert later.body["case"]["state"]["process"] == "needs_meeting"
    assert await count(service, "document", case, "kind = 'M03'") == 1
    await service.in_step(case)
    await once_each(service, case)


_HELD = 20_261_127
"""The advisory lock for which commits wait."""
_HOLD_COMMITS = f"""
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'annhi_worker' THEN
        PERFORM pg_advisory_xact_lock_shared({_HELD});
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON audit_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hold_commit();
"""
_LET_COMMITS_GO = "DROP TRIGGER hold_commit ON audit_entry; DROP FUNCTION hold_commit();"


@asynccontextmanager
async def committed_and_forgotten(service: Running, cases: list[UUID], *dying: str) -> AsyncIterator[None]:
    """Let what happens to some cases inside be committed, and servers die before Temporal hears of it.

    Every transaction is held in its COMMIT; then Temporal and whoever is to die stop hearing, and it is let go: it is
    carried out by PostgreSQL alone, and nobody can say so any more.
    """
    assert service.parts.postgres is not None
    ask = partial(service.parts.postgres.sql, database=DATABASE)

    async def waiting() -> bool:
        return int(await ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'")) >= len(cases)

    async def on_record() -> bool:
        return all([await audited(service, case) > before[case] for case in cases])

    before = {case: await audited(service, case) for case in cases}
    await ask(_HOLD_COMMITS)
    async with service.reading() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:held)"), {"held": _HELD})
        yield
        await eventually(waiting)
        for name in {"temporal", *dying}:
            service.freeze(name)
    await eventually(on_record)
    service.kill(*dying)
    await ask(_LET_COMMITS_GO)


async def audited(service: Running, case: UUID) -> int:
    return await count(service, "audit_entry", case, "action IN ('accept', 'fire_rung')")


async def test_a_command_whose_answer_died_with_worker_and_temporal_is_found_again(service: Running):
    """The weak point of a local activity: its transaction is committed, and nobody but PostgreSQL knows."""
    swept, asked_again = cases = [await case_at(service, "accept") for _ in range(2)]
    calm = await case_at(service, "complete_initial_assessment")
    keys, body = [uuid4() for _ in cases], {"owner_id": str(service["cpo.a"].id)}
    ids = [command_id(service["cpo.a"], key, case, "accept") for case, key in zip(cases, keys, strict=True)]
    async with service.without_sweeps():
        async with committed_and_forgotten(service, cases, "worker", "temporal"):
            sent = [
                asyncio.create_task(service["cpo.a"].post(f"/cases/{case}/actions/accept", body, key))
                for case, key in zip(cases, keys, strict=True)
            ]
        for answer in await asyncio.gather(*sent):
            assert (answer.status, answer.body["code"]) == (503, "command-not-confirmed")
        await service.restart("temporal", "worker")

    for case in cases:
        believed, held = await eventually(lambda case=case: service.believed(case)), await service.held(case)
        assert believed.sequence < held.sequence, "the update survived, so this test shows nothing"

    # Asked again with the same key: the stored answer, and nothing new on record.
    again = await service["cpo.a"].insist(f"/cases/{asked_again}/actions/accept", body, keys[1])
    assert again.status == 200, again
    assert again.body["command"]["id"] == str(ids[1])
    assert again.body["command"]["sequence"] == 3

    await service.swept(swept, "resynced", "sequence")
    for case in cases:
        await service.in_step(case)
        await once_each(service, case)
    (row,) = await service.rows("SELECT confirmed_at FROM submission WHERE id = :id", id=ids[0])
    assert row.confirmed_at is not None
    first = await service["cpo.a"].insist(f"/cases/{swept}/actions/accept", body, keys[0])
    assert (first.status, first.body["command"]["id"]) == (200, str(ids[0]))
    wanted = await record_of(service, calm)
    for case in cases:
        assert await record_of(service, case) == wanted
    # And the cases go on.
    for case in cases:
        await service["cpo.a"].act(case, "complete_initial_assessment", await STEPS[2].body(service, case))
        await service.in_step(case)


async def test_a_command_whose_worker_died_after_the_commit_is_carried_out_once(service: Running):
    """Temporal lives and gives the command to the next worker, which finds that it is done."""
    body, case, key = {"owner_id": str(service["cpo.a"].id)}, await case_at(service, "accept"), uuid4()
    async with service.without_sweeps():
        async with committed_and_forgotten(service, [case], "worker"):
            asked = asyncio.create_task(service["cpo.a"].post(f"/cases/{case}/actions/accept", body, key))
        service.thaw("temporal")
        assert (await asked).status == 503
        await service.restart("worker")
        # No sweep helps: the workflow knows because it was answered.
        await service.in_step(case)
    await once_each(service, case)
    again = await service["cpo.a"].insist(f"/cases/{case}/actions/accept", body, key)
    assert (again.status, again.body["command"]["sequence"]) == (200, 3)
    assert await count(service, "case_event", case, "event = 'accept'") == 1


async def test_a_rung_whose_firing_died_with_worker_and_temporal_is_not_fired_again(service: Running):
    # The rung must still lie ahead when the case is taken hold of; on a slow machine it takes a longer run-up.
    for lead in (4, 10, 25, 60):
        due = datetime.now(UTC) + timedelta(seconds=lead)
        case = await service["h111"].report(report_body(received=due - timedelta(hours=2)))
        await service.in_step(case)
        if datetime.now(UTC) < due - timedelta(seconds=2):
            break
    async with service.without_sweeps():
        async with committed_and_forgotten(service, [case], "worker", "temporal"):
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
        await service.restart("temporal", "worker")
    handle = service.temporal.get_workflow_handle(workflow_id(case))

    async def heard() -> bool:
        history = await handle.fetch_history()
        markers = [event.marker_recorded_event_attributes.details.get("data") for event in history.events]
        return any(b"fire_rung" in data.payloads[0].data for data in markers if data is not None)

    assert not await heard(), "Temporal heard of it, so this test shows nothing"
    # Temporal gives the one that died its time and then the task to the next; that one is told that it has fired.
    await eventually(heard, every=1)
    await service.in_step(case)
    await once_each(service, case)
    assert await count(service, "audit_entry", case, "action = 'fire_rung'") == 1
    assert await count(service, "escalation", case) == 1
    (notices,) = await service.rows(
        "SELECT count(*) AS n, count(DISTINCT (person_id, channel)) AS once FROM notice "
        "WHERE case_id = :case AND ordinal = 0",
        case=case,
    )
    assert notices.n == notices.once > 0


async def test_a_sweep_repairs_a_case_whose_workflow_is_gone(service: Running):
    case = await case_at(service, "substantiate")
    await confirmed(service, case)  # else the sweep looks for another reason, and starts it again
    await service.temporal.get_workflow_handle(workflow_id(case)).terminate("planted by the test")
    assert await service.desk.believed(case) is None
    await service.swept(case, "no-workflow")
    await service.in_step(case)
    await service["cpo.a"].act(case, "substantiate", await STEPS[3].body(service, case))
