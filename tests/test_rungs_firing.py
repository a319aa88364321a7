"""A rung fires once, reaches people, tells them, records what breached; and goes on where nobody can be reached."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import event as listening
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.rungs import FiredRung, RungActivities, clock_unit, fire, report
from models.database import Who, transaction
from models.messages import RungDue, Snapshot
from models.protocol.types import Changes, Clock
from models.records.cases import CaseRow
from models.records.deadlines import load_clocks, store_changes
from models.records.notices import inbox
from models.records.people import CasePlace
from models.tables import (
    AuditEntry,
    Breach,
    CallTask,
    CaseEvent,
    Deadline,
    Escalation,
    Notice,
    Rung,
    new_id,
    table,
)
from tests.people_support import NOW, Province, ladder, load_province, rung, store

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


class At:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def emergency(case: CasePlace, *conditions: str | None, occurrence: int = 1) -> Clock:
    """The ladder of `emergency_12h`, flagged."""
    asked = [*conditions, None, None][:2]
    return ladder(
        case,
        "emergency_12h",
        "12 H",
        rung(1, "E1", "2 H", NOW + 2 * HOUR, condition=asked[0]),
        rung(2, "E2", "4 H", NOW + 4 * HOUR, condition=asked[1]),
        rung(3, "E3", "8 H", NOW + 8 * HOUR),
        rung(4, "E4", "limit", NOW + 12 * HOUR, breach=True, statutory=True),
        occurrence=occurrence,
    )


async def put(province: Province, case: CasePlace, clock: Clock) -> Clock:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await store(connection, case, clock)
    return clock


async def rows(province: Province, model: Any, case: CasePlace) -> list[Any]:
    of = table(model)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        return list((await connection.execute(select(of).where(of.c.case_id == case.id))).all())


async def state_of(province: Province, clock: Clock) -> dict[int, str]:
    of = table(Rung)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        found = await connection.execute(select(of.c.ordinal, of.c.state).where(of.c.deadline_id == clock.id))
        return {row.ordinal: row.state for row in found}


async def fired(
    database: Any, case: CasePlace, clock: Clock, ordinal: int, *, at: datetime | None = None, **more: Any
) -> FiredRung:
    step = next(one for one in clock.rungs if one.ordinal == ordinal)
    at = at or step.due_at
    async with transaction(database.worker, Who(system="rung", case_id=case.id), at) as connection:
        return await fire(
            connection, RungDue(case_id=case.id, deadline_id=clock.id, ordinal=ordinal, at=at), at=at, **more
        )


async def test_a_rung_tells_its_people_and_leaves_an_escalation_and_a_record(database: Any, province: Province) -> None:
    case = await province.case("HN-A", owner="cpo.a", flagged=True)
    clock = await put(province, case, emergency(case))
    await fired(database, case, clock, 1)
    (escalation,) = await rows(province, Escalation, case)
    assert (escalation.level, escalation.state, escalation.nobody, escalation.unit_id) == (
        *("E1", "open", False),
        province.unit("HN-A"),
    )
    notices = await rows(province, Notice, case)
    assert {(province.name(one.person_id), one.channel) for one in notices} == {
        ("sup.a", "inbox"),
        ("sup.a", "email"),
        ("sup.a", "sms"),
    }
    (entry,) = await rows(province, AuditEntry, case)
    assert (entry.action, entry.outcome, entry.code, entry.role, entry.actor_id) == (
        *("fire_rung", "fired", "emergency_12h", "SYSTEM"),
        None,
    )
    assert entry.record_id == clock.id
    assert await state_of(province, clock) == {1: "fired", 2: "planned", 3: "planned", 4: "planned"}


async def test_a_rung_that_fired_is_a_line_with_its_level_and_the_case(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    due = RungDue(case_id=case.id, deadline_id=clock.id, ordinal=1, at=clock.rungs[0].due_at)
    with capture_logs() as said:
        report(await fired(database, case, clock, 1), due, due.at)
    (line,) = [one for one in said if one["event"] == "rung_fired"]
    assert (line["rung"], line["case_code"], line["workflow_id"]) == ("E1", case.code, f"case/{case.id}")
    assert (line["log_level"], line["told"]) == ("info", 1)


async def test_a_notice_holds_codes_and_instants_only(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    await fired(database, case, clock, 3)
    for one in await rows(province, Notice, case):
        assert set(one._mapping["values"]) == {"case", "deadline", "due_at", "level", "unit", "watching"}
        assert one._mapping["values"]["case"] == case.code


async def test_fired_again_by_a_retry_or_by_twenty_at_once_it_has_fired_once(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    results = await asyncio.gather(*(fired(database, case, clock, 3) for _ in range(20)))
    assert Counter(one.outcome for one in results) == {"fired": 1, "nothing": 19}
    assert len(await rows(province, Escalation, case)) == 1
    keys = [(one.person_id, one.channel) for one in await rows(province, Notice, case)]
    assert len(keys) == len(set(keys)) > 0
    assert len(await rows(province, AuditEntry, case)) == 1


async def test_a_rung_whose_instant_was_moved_away_waits(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    early = await fired(database, case, clock, 1, at=NOW + 2 * HOUR - timedelta(seconds=1))
    assert early.outcome == "not_yet"
    assert await rows(province, Notice, case) == []
    assert (await fired(database, case, clock, 1, at=NOW + 2 * HOUR)).outcome == "fired"


@pytest.mark.parametrize("status", ["met", "cancelled", "paused"])
async def test_a_deadline_that_no_longer_runs_fires_nothing(database: Any, province: Province, status: str) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(table(Deadline).update().values(status=status))
    assert (await fired(database, case, clock, 1)).outcome == "nothing"
    assert await rows(province, AuditEntry, case) == []


async def event(province: Province, case: CasePlace, code: str, at: datetime, implied: tuple[str, ...] = ()) -> None:
    async with transaction(province.engine, Who(system="test"), at) as connection:
        await connection.execute(
            insert(table(CaseEvent)).values(
                id=new_id(),
                case_id=case.id,
                sequence=2,
                command_id=new_id(),
                event=code,
                implied=list(implied),
                before={},
                after={},
                role="CPO",
                occurred_at=at,
                recorded_at=at,
                documents=[],
                facts={},
                protocol_version="x",
            )
        )


DECIDED = "no_assessment_ruleout_or_measure_since_start"


@pytest.mark.parametrize(
    ("what", "after", "outcome"),
    [
        ("rule_out_emergency", HOUR, "not_needed"),
        ("complete_initial_assessment", HOUR, "not_needed"),
        ("complete_initial_assessment", -HOUR, "fired"),
        ("record_follow_up", HOUR, "fired"),
    ],
)
async def test_a_conditional_rung_asks_the_record_when_it_fires(
    database: Any, province: Province, what: str, after: timedelta, outcome: str
) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case, None, DECIDED))
    await event(province, case, what, NOW + after)
    assert (await fired(database, case, clock, 2)).outcome == outcome
    assert (await state_of(province, clock))[2] == outcome
    assert bool(await rows(province, Notice, case)) == (outcome == "fired")
    assert [one.outcome for one in await rows(province, AuditEntry, case)] == [outcome]


async def test_an_implied_event_counts_for_a_condition_too(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case, None, DECIDED))
    await event(province, case, "record_signed_order", NOW + HOUR, ("apply_measures",))
    assert (await fired(database, case, clock, 2)).outcome == "not_needed"


@pytest.mark.parametrize(
    ("status", "owner", "outcome"), [("met", "cpo.a", "not_needed"), ("met", None, "fired"), ("open", "cpo.a", "fired")]
)
async def test_a_rung_for_unacknowledged_or_unowned_asks_for_both(
    database: Any, province: Province, status: str, owner: str | None, outcome: str
) -> None:
    case = await province.case(owner=owner)
    report = new_id()
    acknowledging = ladder(
        case, "acknowledge", "30 min", rung(1, "E1", "limit", NOW + HOUR / 2), kind="design", subject=str(report)
    )
    await put(province, case, acknowledging.model_copy(update={"status": status}))
    clock = emergency(case, "unacknowledged_or_unowned").model_copy(update={"subject": str(report)})
    await put(province, case, clock)
    assert (await fired(database, case, clock, 1)).outcome == outcome


async def test_at_the_limit_the_breach_is_recorded_with_its_versions(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    await fired(database, case, clock, 4, at=NOW + 12 * HOUR + timedelta(seconds=7))
    (breach,) = await rows(province, Breach, case)
    assert (breach.kind, breach.code, breach.due_at, breach.recorded_at) == (
        *("statutory", "emergency_12h", NOW + 12 * HOUR),
        NOW + 12 * HOUR + timedelta(seconds=7),
    )
    assert (breach.protocol_version, breach.calendar_version) == (clock.protocol_version, clock.calendar_version)


async def test_a_stricter_local_limit_breaches_locally_before_the_law_s(database: Any, province: Province) -> None:
    case = await province.case()
    clock = ladder(case, "emergency_12h", "8 H", rung(1, "E4", "limit", NOW + 8 * HOUR, breach=True))
    clock = await put(province, case, clock.model_copy(update={"statutory_due_at": NOW + 12 * HOUR}))
    await fired(database, case, clock, 1)
    assert [one.kind for one in await rows(province, Breach, case)] == ["local"]


@pytest.mark.parametrize(
    ("met", "marks"),
    [
        (7, {"local": "met_in_time_recorded_late", "statutory": "met_in_time_recorded_late"}),
        (8, {"local": "met_in_time_recorded_late", "statutory": "met_in_time_recorded_late"}),
        (10, {"local": "met_late", "statutory": "met_in_time_recorded_late"}),
        (12, {"local": "met_late", "statutory": "met_in_time_recorded_late"}),
        (13, {"local": "met_late", "statutory": "met_late"}),
    ],
)
@pytest.mark.parametrize("rungs_fired", [True, False])
async def test_late_here_and_in_time_before_the_law_are_two_records_each_with_its_own_mark(
    database: Any, province: Province, met: int, marks: dict[str, str], *, rungs_fired: bool
) -> None:
    """Recorded 14 hours after receipt, where the commune set itself 8 and the law gives 12."""
    case, clock = await _shortened(province)
    if rungs_fired:
        for ordinal in (1, 2):
            await fired(database, case, clock, ordinal)
    await _end(province, case, met=met, recorded=14)
    found = {one.kind: one for one in await rows(province, Breach, case)}
    assert {kind: one.mark for kind, one in found.items()} == marks
    assert {one.met_at for one in found.values()} == {NOW + met * HOUR}
    assert {kind: one.due_at for kind, one in found.items()} == {"local": NOW + 8 * HOUR, "statutory": NOW + 12 * HOUR}


@pytest.mark.parametrize(("recorded", "kinds"), [(11, ["local"]), (12, ["local"]), (13, ["local", "statutory"])])
async def test_only_limits_that_had_passed_when_the_end_was_recorded_are_breached(
    province: Province, recorded: int, kinds: list[str]
) -> None:
    """An end recorded at the law's limit itself comes before its rung."""
    case, _ = await _shortened(province)
    await _end(province, case, met=None, recorded=recorded)
    found = await rows(province, Breach, case)
    assert sorted(one.kind for one in found) == kinds
    assert {(one.mark, one.met_at) for one in found} == {(None, None)}


async def _shortened(province: Province) -> tuple[CasePlace, Clock]:
    """The 12 hours where a commune set itself 8."""
    case = await province.case()
    clock = ladder(
        case,
        "emergency_12h",
        "8 H",
        rung(1, "E4", "limit", NOW + 8 * HOUR, breach=True),
        rung(2, "E4", "12 H", NOW + 12 * HOUR, breach=True, statutory=True),
    )
    return case, await put(province, case, clock.model_copy(update={"statutory_due_at": NOW + 12 * HOUR}))


async def _end(province: Province, case: CasePlace, *, met: int | None, recorded: int) -> None:
    """Meet it so many hours after receipt, or cancel it; put on record after so many."""
    at = NOW + recorded * HOUR
    how: dict[str, Any] = {"status": "cancelled", "cancel_reason": "redirected"}
    if met is not None:
        how = {"status": "met", "met_at": NOW + met * HOUR, "met_by": "rule_out_emergency"}
    async with transaction(province.engine, Who(system="test"), at) as connection:
        (loaded,) = await load_clocks(connection, case.id)
        ended = loaded.model_copy(update={"ended_at": at, **how})
        await store_changes(connection, case.id, Changes(met=(ended,), breaches_met_late=(ended,)), at)


async def test_where_nobody_is_reached_the_next_level_hears_at_once(database: Any, province: Province) -> None:
    case = await province.case()
    await province.absent("chair.a")
    await province.absent("vch.a")
    clock = await put(province, case, emergency(case))
    result = await fired(database, case, clock, 2)
    assert [(one.level, one.resolution.nobody, one.pulled) for one in result.told] == [
        ("E2", True, False),
        ("E3", False, True),
    ]
    assert await state_of(province, clock) == {1: "planned", 2: "fired", 3: "fired", 4: "planned"}
    by_level = {one.level: one for one in await rows(province, Escalation, case)}
    assert (by_level["E2"].nobody, by_level["E3"].nobody) == (True, False)
    pulled = {one.detail["level"]: one for one in await rows(province, AuditEntry, case)}["E3"]
    assert pulled.detail["due_at"] == (NOW + 8 * HOUR).isoformat()
    assert pulled.detail["pulled_by"] == 2
    assert (await fired(database, case, clock, 3)).outcome == "nothing"


async def test_a_limit_told_early_is_still_a_limit_at_its_own_instant(database: Any, province: Province) -> None:
    case = await province.case()
    await province.end_positions("dohd", "dohd.2", "dohd.3")
    clock = await put(province, case, emergency(case))
    result = await fired(database, case, clock, 3)
    assert [(one.level, one.pulled) for one in result.told] == [("E3", False), ("E4", True)]
    assert await rows(province, Breach, case) == []
    assert (await state_of(province, clock))[4] == "planned"
    told = {(one.person_id, one.channel): one.id for one in await rows(province, Notice, case) if one.ordinal == 4}
    assert told
    await fired(database, case, clock, 4)
    assert [one.kind for one in await rows(province, Breach, case)] == ["statutory"]
    assert (await state_of(province, clock))[4] == "fired"
    again = {(one.person_id, one.channel): one.id for one in await rows(province, Notice, case) if one.ordinal == 4}
    assert again == told


async def test_with_nobody_on_the_whole_ladder_the_operator_is_alerted(database: Any, province: Province) -> None:
    case = await province.case()
    await province.end_positions("dohd", "dohd.2", "dohd.3", "prov", "nat")
    clock = await put(province, case, emergency(case))
    result = await fired(database, case, clock, 3)
    assert result.alerts == ("nobody-reached", "province-not-reached")
    assert all(one.nobody for one in await rows(province, Escalation, case))


async def test_the_province_standing_in_for_nobody_is_no_alert(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    assert (await fired(database, case, clock, 4)).alerts == ()


async def test_at_e4_the_nation_finds_it_in_its_inbox_and_is_not_disturbed(database: Any, province: Province) -> None:
    """lifecycle.md: "E4 PROV, logged nationally"."""
    case = await province.case()
    clock = await put(province, case, emergency(case))
    result = await fired(database, case, clock, 4)
    notices = {(province.name(one.person_id), one.channel): one for one in await rows(province, Notice, case)}
    assert set(notices) == {("prov", "inbox"), ("prov", "email"), ("prov", "sms"), ("prov", "voice"), ("nat", "inbox")}
    logged = notices["nat", "inbox"]
    assert (logged.kind, logged.state, logged.values["watching"]) == ("logged_nationally", "delivered", True)
    assert set(logged.values) == {"case", "deadline", "due_at", "level", "unit", "watching"}
    async with transaction(database.api, Who(province.person("nat")), NOW + 13 * HOUR) as connection:
        assert [one.id for one in await inbox(connection, province.person("nat"), NOW + 13 * HOUR)] == [logged.id]
    assert {province.name(one.person_id) for one in await rows(province, CallTask, case)} == {"prov"}
    (entry,) = await rows(province, AuditEntry, case)
    assert entry.detail["logged_nationally"]
    assert result.alerts == ()


async def test_a_nation_that_was_only_informed_has_not_been_reached(database: Any, province: Province) -> None:
    """With nobody at the province it is the nation that must act, and is told as one who must."""
    await province.end_positions("prov")
    case = await province.case()
    clock = await put(province, case, emergency(case))
    result = await fired(database, case, clock, 4)
    assert result.alerts == ("province-not-reached",)
    notices = [one for one in await rows(province, Notice, case) if one.person_id == province.person("nat")]
    assert {one.kind for one in notices} == {"rung_after"}
    assert "voice" in {one.channel for one in notices}


async def test_a_day_rung_waits_for_the_morning_and_leaves_the_phone_alone(database: Any, province: Province) -> None:
    case = await province.case(owner="cpo.a")
    midnight = datetime(2026, 11, 24, 17, tzinfo=UTC)
    morning = midnight + timedelta(hours=8)
    clock = ladder(case, "verify", "3 WD", rung(1, "E1", "2 WD", midnight, deliver_at=morning), kind="design")
    await put(province, case, clock)
    await fired(database, case, clock, 1)
    notices = await rows(province, Notice, case)
    assert {one.channel for one in notices} == {"inbox", "email"}
    assert {one.deliver_at for one in notices} == {morning}
    assert {one.next_attempt_at for one in notices} == {morning}
    assert await rows(province, CallTask, case) == []


async def test_an_hour_rung_at_e3_is_phoned_by_the_hotline_s_shift_lead(database: Any, province: Province) -> None:
    case = await province.case(flagged=True)
    clock = await put(province, case, emergency(case))
    await fired(database, case, clock, 3)
    (call,) = await rows(province, CallTask, case)
    assert province.name(call.person_id).startswith("dohd")
    assert (call.caller_unit_id, call.reason, call.state) == (province.unit("111"), "escalation", "open")
    voices = [province.name(one.person_id) for one in await rows(province, Notice, case) if one.channel == "voice"]
    assert voices == [province.name(call.person_id)]


async def test_the_second_time_at_one_level_the_commune_s_police_are_phoned(database: Any, province: Province) -> None:
    case = await province.case("HN-B", flagged=True)
    clock = ladder(
        case,
        "acknowledge",
        "30 min",
        rung(1, "E1", "30 min", NOW + HOUR / 2),
        rung(2, "E3", "60 min", NOW + HOUR),
        rung(3, "E3", "2 H", NOW + 2 * HOUR),
        kind="design",
    )
    await put(province, case, clock)
    await fired(database, case, clock, 2)
    assert "police" not in {one.reason for one in await rows(province, CallTask, case)}
    await fired(database, case, clock, 3)
    police = [one for one in await rows(province, CallTask, case) if one.reason == "police"]
    assert [province.name(one.person_id) for one in police] == ["pol.b"]
    assert police[0].caller_unit_id == province.unit("111")


async def test_nobody_recused_is_told_by_any_rung(database: Any, province: Province) -> None:
    case = await province.case(owner="cpo.a")
    for one in ("sup.a", "chair.a", await province.on_shift("HN-SYT", "DOHD", NOW + 2 * HOUR)):
        await province.recuse(case, one)
    clock = await put(province, case, emergency(case))
    await fired(database, case, clock, 1)
    told = {province.name(one.person_id) for one in await rows(province, Notice, case)}
    assert told.isdisjoint({"sup.a", "chair.a", "vch.a"})
    assert "prov" in told


async def test_what_a_clock_makes_happen_is_recorded_in_the_same_transaction(database: Any, province: Province) -> None:
    case = await province.case()
    clock = ladder(case, "ban_max", "3 CD", rung(1, "E1", "limit", NOW + 72 * HOUR, then="ban_ends"))
    await put(province, case, clock)
    seen: list[tuple[UUID, str]] = []

    async def then(_c: AsyncConnection, row: CaseRow, what: str, _k: Clock, _at: datetime) -> None:
        seen.append((row.id, what))
        raise LookupError

    with pytest.raises(LookupError):
        await fired(database, case, clock, 1, then=then)
    # Neither is without the other: what could not be recorded was not told.
    assert seen == [(case.id, "ban_ends")]
    assert await rows(province, Escalation, case) == []
    assert await state_of(province, clock) == {1: "planned"}


async def test_what_ends_by_itself_is_told_as_ended_and_not_as_late(database: Any, province: Province) -> None:
    case = await province.case()
    steps = [rung(1, "E1", "-24 H", NOW + 48 * HOUR), rung(2, "E0", "limit", NOW + 72 * HOUR, then="ban_ends")]
    clock = ladder(case, "ban_max", "3 CD", *steps)
    clock = await put(province, case, clock.model_copy(update={"due_at": NOW + 72 * HOUR}))

    async def then(*_: Any) -> None:
        return

    await fired(database, case, clock, 1)
    await fired(database, case, clock, 2, then=then)
    kinds = {one.ordinal: one.kind for one in await rows(province, Notice, case)}
    assert kinds == {1: "rung_before", 2: "rung_ends"}


async def test_the_activity_answers_with_what_the_workflow_waits_for_next(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    doing = RungActivities(database.worker, At(NOW + 2 * HOUR - timedelta(seconds=1)))
    due = RungDue(case_id=case.id, deadline_id=clock.id, ordinal=1, at=NOW + 2 * HOUR)
    answers = [await ActivityEnvironment().run(doing.fire_rung, due) for _ in range(2)]
    assert answers[0] == answers[1]
    assert isinstance(answers[0], Snapshot)
    assert [(one.ordinal, one.at) for one in answers[0].deadlines] == [(2, NOW + 4 * HOUR)]


async def test_a_rung_of_hours_is_told_from_one_of_days_by_its_wording() -> None:
    case = CasePlace(new_id(), "x", None, None, flagged=False)
    hours, days = ladder(case, "a", "12 H"), ladder(case, "b", "3 CD")
    for clock, at, unit in [
        (hours, "limit", "H"),
        (hours, "75 %", "H"),
        (days, "limit", "day"),
        (days, "24 H", "H"),
        (days, "+2 WD", "day"),
        (hours, "+2 WD", "day"),
        (ladder(case, "c", "30 min"), "limit", "H"),
    ]:
        assert clock_unit(clock, rung(1, "E1", at, NOW)) == unit, (clock.amount, at)


async def test_a_rung_costs_few_statements(database: Any, province: Province) -> None:
    case = await province.case()
    clock = await put(province, case, emergency(case))
    said: list[str] = []
    listening.listen(
        database.worker.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: said.append(statement)
    )
    await fired(database, case, clock, 1)
    assert 0 < len(said) <= 9, said
