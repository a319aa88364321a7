"""Random walks through the real workflow and PostgreSQL: whatever people, time and restarts do, the invariants hold.

Real worker, real rows, Temporal's time-skipping server. A walk is a list of moves drawn by Hypothesis: an act of
somebody, a leap in time, a restart of the worker, the same command again, two at once. After each move the invariants
of lifecycle.md are looked up in the rows. 6 (reading) is the door's; what 9 says of referrals comes with them.

Of invariant 8: one officer writes proposals and stands in for the Chair, so that nothing but the rule itself keeps her
from approving them. Seen to matter: with ``approver-is-author`` taken out of ``models.lifecycle.decide`` the walk fails
with "8: cpo2.a approved what was their own".
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from google.protobuf.empty_pb2 import Empty
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import time_skipping_server
from deploy.seed import sample_organisation
from models.forms import INPUTS
from models.lifecycle import EVENTS, LIVE, allowed_in
from models.lifecycle.types import Standing
from models.messages import Command, CommandResult
from models.records.deadlines import snapshot
from models.records.reference import load_reference
from models.settings import Settings
from models.tables import Deputy, new_id
from tests.world import (
    CONTACT,
    FOLLOW_UP,
    MEASURES,
    MINUTES,
    SIGNED,
    WRITTEN,
    Case,
    World,
    form02,
    form04,
    form06,
    form07,
    seeded_database,
)
from workflows.client import CaseDesk
from workflows.connection import connect as connect_temporal
from workflows.worker import case_worker

pytestmark = pytest.mark.servers

WALKS, LONGEST, SECONDS = 12, 18, 40.0
"""Walks, moves in one, and the seconds after which no further walk is begun."""

START = datetime(2026, 11, 24, 18, tzinfo=UTC)
"""Wed 25 Nov 2026, 01:00 at Hà Nội, the night after the holiday of the 24th."""

ROOM = timedelta(seconds=1.5)
"""The test server wedges a workflow whose timer fires while a command is on its way (docs/decisions/0004)."""

LEAPS = [
    timedelta(**span) for span in ({"minutes": 40}, {"hours": 3}, {"hours": 12, "minutes": 1}, {"days": 1}, {"days": 4})
]

STAFF = {
    "CPO": ("cpo.a", "cpo2.a"),
    "SUP": ("sup.a",),
    "CHAIR": ("chair.a",),
    "VCH": ("vch.a",),
    "H111": ("h111",),
    "DOH": ("doh",),
    "DOHD": ("dohd", "dohd.2"),
    "POL": ("pol.a",),
    "WU": ("wu.a",),
}
BOTH = "cpo2.a"
"""Writes proposals, and is named deputy of the Chair as of SUP: may approve by role whatever she proposed herself."""
OVER_THERE = {"cpo.a": "cpo.b", "cpo2.a": "cpo.b", "sup.a": "sup.b", "chair.a": "chair.b", "vch.a": "chair.b"}
"""Who does it in the commune a case may be handed over to."""
EVERYBODY = sorted({*(name for names in STAFF.values() for name in names), *OVER_THERE.values()})

APPROVALS = {
    "approve_plan": {"submit_plan"},
    "approve_closure": {"propose_closure", "propose_early_closure"},
    "confirm_not_substantiated": {"propose_not_substantiated"},
    "confirm_redirect": {"propose_redirect"},
}
ENDS = {
    "complete_task": "case_task", "drop_task": "case_task", "record_conference": "conference",
    "lower_flag": "case_flag",
}  # fmt: skip
"""What ends a task, a conference, a flag; by the code of its clock."""
ASIDE = {"propose_early_closure", "propose_redirect", "suspend"}
CLOSES = {"approve_closure", "confirm_not_substantiated", "confirm_redirect"}


class Skipping:
    """Domain time that follows the time-skipping server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._seen, self._read = START, 0.0
        self.offset = timedelta(0)

    @classmethod
    async def of(cls, client: Client) -> "Skipping":
        made = cls(client)
        made.offset = START - await made._look()
        return made

    def now(self) -> datetime:
        return self._seen + timedelta(seconds=time.monotonic() - self._read) + self.offset

    async def leap(self, by: timedelta) -> None:
        """Go forward, from timer to timer."""
        request = SleepRequest()
        request.duration.FromTimedelta(by)
        await self._client.test_service.unlock_time_skipping_with_sleep(request, timeout=timedelta(seconds=60))
        await self._look()

    async def _look(self) -> datetime:
        answer = await self._client.test_service.get_current_time(Empty())
        self._seen, self._read = answer.time.ToDatetime(tzinfo=UTC), time.monotonic()
        return self._seen


@dataclass
class Scene:
    """The world, its clock, and the worker that may be sent away and come back."""

    world: World
    clock: Skipping
    worker: AsyncExitStack
    until: float

    async def restart(self) -> None:
        """Another worker. It keeps no case in memory: each task replays its case from history, as after a restart.

        (One that keeps cases would be asked by this test server for what it knew long after it is gone.)
        """
        await self.worker.aclose()
        await self.worker.enter_async_context(
            case_worker(
                self.world.client,
                engine=self.world.database.worker,
                clock=self.world.clock,
                desk=self.world.desk,
                reference=self.world.reference,
                task_queue=self.world.task_queue,
                kept=0,
            )
        )


@pytest_asyncio.fixture(scope="module")
async def scene(postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as things:
        address = await things.enter_async_context(time_skipping_server(tmp_path_factory.mktemp("skipping")))
        database = await things.enter_async_context(seeded_database(postgres))
        client = await connect_temporal(
            Settings(temporal_address=address, temporal_namespace="default", key_file=key_file)
        )
        clock = await Skipping.of(client)
        queue = f"q-{uuid4().hex}"
        world = World(
            database=database,
            client=client,
            task_queue=queue,
            clock=clock,  # type: ignore[arg-type]
            offset=clock.offset,
            reference=load_reference(),
            organisation=sample_organisation(START),
            desk=CaseDesk(client, task_queue=queue, offset=clock.offset, timeout=30),
        )
        await world.add(
            Deputy, id=new_id(), unit_id=world.unit("HN-A"), role="CHAIR", principal_id=world.person("chair.a"),
            deputy_id=world.person(BOTH), valid_from=START - timedelta(days=1),
        )  # fmt: skip
        worker = await things.enter_async_context(AsyncExitStack())
        made = Scene(world, clock, worker, time.monotonic() + SECONDS)
        await made.restart()
        yield made


@dataclass
class Walk:
    """One case on its way."""

    scene: Scene
    case: Case
    said: list[tuple[Command, CommandResult]] = field(default_factory=list)
    before: "Rows | None" = None

    async def standing(self) -> Standing:
        row = await self.case.row()
        return Standing(
            process=row.process, protection=row.protection, ban=row.ban, custody=row.custody, memory=row.memory
        )

    async def prepare(self, code: str, who: str, dice: Random) -> Command:
        await self.make_room()
        fields = await body_for(self, code, dice)
        receipt, now = (await self.case.row()).receipt_at, self.case.now()
        at = dice.choice([None, None, None, receipt, receipt + (now - receipt) / 2])
        return await self.case.prepare(code, who, at=at, **fields)

    async def send(self, *commands: Command) -> list[CommandResult]:
        results = await asyncio.gather(*(self.case.send(command) for command in commands))
        self.said += zip(commands, results, strict=True)
        return results

    async def make_room(self) -> None:
        """Let a timer that is about to fire do so before anybody acts."""
        async with self.case.world.as_owner() as connection:
            held = await snapshot(connection, self.case.id)
        now = self.scene.clock.now()
        while near := [due.at for due in held.deadlines if now - ROOM < due.at < now + ROOM]:
            await self.scene.clock.leap(max(near) + ROOM - now)
            held = await self.settle()
            now = self.scene.clock.now()

    async def settle(self) -> Any:
        """Wait until nothing that is due is outstanding, and the workflow believes what the rows say."""
        until = time.monotonic() + 30
        while True:
            async with self.case.world.as_owner() as connection:
                held = await snapshot(connection, self.case.id)
            due = [one for one in held.deadlines if one.at <= self.scene.clock.now() - timedelta(seconds=0.5)]
            if not due:
                believed = await self.case.world.desk.believed(self.case.id)
                if believed == held or (believed is None and held.ended):
                    return held
            assert time.monotonic() < until, f"never in step: {due}, {held}"
            await asyncio.sleep(0.02)


async def body_for(walk: Walk, code: str, dice: Random) -> dict[str, Any]:
    """What somebody says with an event: complete, and mostly to the point."""
    world, case = walk.case.world, walk.case
    person = dice.choice(EVERYBODY)
    today = walk.scene.clock.now().date()
    more: dict[str, Callable[[], dict[str, Any]]] = {
        "accept": lambda: {"owner_id": world.person("cpo.a")},
        "assign_owner": lambda: {"owner_id": world.person(dice.choice(["cpo.a", "cpo2.a"]))},
        "propose_redirect": lambda: {"destination": "Xã khác", "reason": "Nơi khác"},
        "confirm_redirect": lambda: {"received_by": "Xã khác", "received_at": case.now()},
        "complete_initial_assessment": lambda: {
            "m02": form02(emergency=dice.random() < 0.25, risk=dice.choice([None, "R4"]))
        },
        "substantiate": lambda: {"verification": {"findings": "Có căn cứ"}},
        "propose_not_substantiated": lambda: {"reason": "Không có căn cứ"},
        "complete_detailed_assessment": lambda: {"m03": {"conclusion": "Cần hỗ trợ"}},
        "record_needs_meeting": lambda: {"minutes": MINUTES},
        "submit_plan": lambda: {"m04": form04("a", "b"), "m05": {}},
        "continue_plan": lambda: {"m06": form06("CONTINUE")},
        "propose_closure": lambda: {"m06": form06("END"), "closure_reason": "OBJECTIVES_MET"},
        "propose_early_closure": lambda: {"closure_reason": dice.choice(["DEATH", "MOVED_ABROAD"])},
        "approve_closure": lambda: {"decision": SIGNED},
        "reopen": lambda: _report(dice),
        "add_report": lambda: _report(dice),
        "record_contact": lambda: {"contact": CONTACT},
        "record_follow_up": lambda: {"follow_up": FOLLOW_UP},
        "record_complaint": lambda: {"complaint": dice.choice(["MADE", "NOT_MADE"]), "reason": "Đã hỏi luật sư"},
        "update_risk": lambda: {"risk": dice.choice(["R1", "R2", "R3", "R4"]), "reason": "Đã gặp trẻ"},
        "suspend": lambda: {"reason_code": "COURT_STAY", "reason": "Chờ Tòa"},
        "send_written_report": lambda: {"report": WRITTEN},
        "record_signed_order": lambda: {"order": SIGNED},
        "record_proceeding_end": lambda: {
            "proceeding": {
                "proceeding": "civil", "outcome": "judgment", "body": "Tòa án", "number": "1", "dated": str(today),
            }
        },
        "record_step": lambda: {"step": {"key": dice.choice(["a", "b"]), "outcome": "DONE"}},
        "raise_emergency": lambda: {"trigger": "LIFE"},
        "apply_measures": lambda: {"measures": MEASURES},
        "order_isolation": lambda: {"m07": form07(until=str(today + timedelta(days=9)))},
        "extend_isolation": lambda: {
            "extension": {
                **SIGNED, "until": str(today + dice.choice(LEAPS) * 5), "reason": "Chưa an toàn",
            }
        },
        "end_isolation": lambda: {"end_ground": "CARERS_SAFE"},
        "review_measures": lambda: {"review": {"still_holds": "Còn cần"}},
        "request_ban": lambda: {"request": {"requested_by": "VICTIM", "against": "Cha", "reason": "Bạo lực"}},
        "order_ban": lambda: {"ban": {**SIGNED, "against": "Cha"}},
        "renew_ban": lambda: {"ban": {**SIGNED, "against": "Cha"}},
        "record_recusal": lambda: {"person_id": world.person(person), "ground": "RELATIVE", "reason": "Họ hàng"},
        "clear_conflict": lambda: {"person_id": world.person(person), "reason": "Chỉ trùng tên"},
        "add_task": lambda: {"task": {"what": "Gọi trường", "assignee_id": world.person(person), "due": str(today)}},
        "call_conference": lambda: {
            "conference": {
                "held_at": case.now() + timedelta(hours=1), "place": "UBND xã", "agenda": ["Rà soát"],
                "invited": [{"organisation": "Công an xã"}],
            }
        },
        "raise_flag": lambda: {"flag": {"flag": "SAFETY", "look_on": str(today + dice.choice(LEAPS))}},
        "propose_transfer": lambda: {"to_unit": dice.choice(["HN-A", "HN-B"]), "reason": "Đã chuyển nhà"},
        "assign_transfer": lambda: {"to_unit": dice.choice(["HN-A", "HN-B"]), "reason": "Nơi cư trú"},
        "accept_transfer": lambda: {"owner_id": world.person(dice.choice(["cpo.a", "cpo.b"]))},
        "name_delegate": lambda: {"person_id": world.person("cpo.b"), "for_role": "CHAIR"},
    }  # fmt: skip
    if code == "approve_plan":
        return {"content_hash": (await walk.standing()).memory.get("plan_hash", "0" * 64), "decision": SIGNED}
    if code == "pause_clock":
        clocks = [one.id for one in (await Rows.of(case)).deadlines.values() if one.status == "open"]
        chosen = dice.choice(sorted(clocks)) if clocks else uuid4()
        return {"deadline_id": chosen, "working_days": 1, "reason": "Chờ giấy tờ"}
    if code in ENDS:
        waiting = [one.subject for one in (await Rows.of(case)).deadlines.values() if one.code == ENDS[code]]
        item = {"item_id": dice.choice(sorted(waiting)) if waiting else str(uuid4())}
        return item | (
            {"minutes": {"held": False, "why_not": "Hoãn"}}
            if code == "record_conference"
            else {"done" if code == "complete_task" else "reason": "Xong"}
        )
    if code in more:
        return more[code]()
    return {name: "Vì trẻ" for name, info in INPUTS[code].model_fields.items() if info.is_required()}


def _report(dice: Random) -> dict[str, Any]:
    flagged = dice.random() < 0.5
    return {"m01": {"anonymous": True, "children": [{"condition": "Lại bị đánh"}]}, "flagged": flagged}


@dataclass(frozen=True)
class Rows:
    """Everything on record of a case at one moment."""

    case: Any
    events: list[Any]
    deadlines: dict[UUID, Any]
    counts: dict[str, int]
    rungs: list[Any]
    breaches: set[UUID]
    reports: list[Any]
    told: list[Any]
    recusals: list[Any]
    custody: list[Any]
    fired: list[Any]

    @classmethod
    async def of(cls, case: Case) -> "Rows":
        async with case.world.as_owner() as connection:

            async def all_of(statement: str) -> list[Any]:
                return list((await connection.execute(text(statement), {"case": case.id})).all())

            tables = ("case_event", "document", "command_record", "audit_entry", "case_report", "deadline", "notice",
                      "escalation", "breach", "call_task")  # fmt: skip
            counting = ", ".join(f"(SELECT count(*) FROM {name} WHERE case_id = :case) AS {name}" for name in tables)
            return cls(
                case=(await all_of("SELECT * FROM case_file WHERE id = :case"))[0],
                events=await all_of("SELECT * FROM case_event WHERE case_id = :case ORDER BY sequence"),
                deadlines={one.id: one for one in await all_of("SELECT * FROM deadline WHERE case_id = :case")},
                counts=dict((await all_of(f"SELECT {counting}"))[0]._mapping),
                rungs=await all_of("SELECT * FROM rung WHERE case_id = :case"),
                breaches={
                    one.deadline_id for one in await all_of("SELECT deadline_id FROM breach WHERE case_id = :case")
                },
                reports=await all_of("SELECT * FROM case_report WHERE case_id = :case"),
                told=await all_of(
                    "SELECT person_id, created_at AS at FROM notice WHERE case_id = :case UNION ALL "
                    "SELECT r.person_id, e.opened_at FROM escalation_recipient r "
                    "JOIN escalation e ON e.id = r.escalation_id WHERE e.case_id = :case"
                ),
                recusals=await all_of("SELECT * FROM recusal WHERE case_id = :case"),
                custody=await all_of("SELECT * FROM custody_interval WHERE case_id = :case ORDER BY since, sequence"),
                fired=await all_of(
                    "SELECT record_id, detail->>'ordinal' AS ordinal FROM audit_entry "
                    "WHERE case_id = :case AND action = 'fire_rung' AND outcome = 'fired'"
                ),
            )


MOMENT = timedelta(seconds=2)
"""How long what is due may take until it is on record."""


def invariants_hold(before: Rows, after: Rows, now: datetime) -> None:
    """The invariants of lifecycle.md, by their numbers there, and that every effect is there once."""
    reports_are_decided(after, now)
    the_law_is_kept(before, after, now)
    the_recused_are_kept_out(after)
    approvals_are_another_s(before, after)
    nothing_is_lost(before, after)
    everything_is_once(after, now)
    one_holds_it(after)
    running = [one for one in after.deadlines.values() if one.status in ("open", "paused")]
    assert running or after.case.process not in LIVE, f"11: nothing runs in {after.case.process}"


def one_holds_it(after: Rows) -> None:
    assert [one.unit_id for one in after.custody if one.until is None] == [after.case.unit_id], "never none, never two"
    for earlier, later in zip(after.custody, after.custody[1:], strict=False):
        assert earlier.until == later.since, "custody: a gap, or two at once"
    pending = after.case.custody == "transfer_pending"
    assert (after.case.transfer_to_id is not None) == pending, "asked, and nobody waits; or the other way"


def reports_are_decided(after: Rows, now: datetime) -> None:
    assert [one.report_id for one in after.reports if one.how == "first"] == [after.case.report_id], (
        "1: no intake report"
    )
    clocks = [one for one in after.deadlines.values() if one.code == "emergency_12h"]
    for report in after.reports:
        own = [one for one in clocks if one.subject == str(report.report_id)]
        assert own, "2: a report without its twelve hours"
        assert all(one.due_at <= report.received_at + timedelta(hours=12) for one in own), "2: more than twelve"
    for clock in clocks:
        if clock.due_at < now - MOMENT and clock.id not in after.breaches:
            decided = clock.met_at or _instant(clock.clock.get("ended_at"))
            assert decided is not None, "2: neither a decision nor a breach"
            assert decided <= clock.due_at, "2: decided late, and no breach"


def the_law_is_kept(before: Rows, after: Rows, now: datetime) -> None:
    reopened = "reopen" in [one.event for one in after.events[len(before.events) :]]
    for old in before.deadlines.values():
        new = after.deadlines[old.id]
        if old.status == "open" and old.clock["kind"] == "statutory":
            assert (new.started_at, new.due_at) == (old.started_at, old.due_at), f"3: {old.code} was moved"
            assert not (reopened and new.status == "cancelled"), f"3: {old.code} cancelled by reopening"
    for clock in after.deadlines.values():
        law = _instant(clock.clock.get("statutory_due_at"))
        assert clock.due_at == _instant(clock.clock["due_at"]), "7: a deadline that was not computed"
        assert law is None or clock.due_at <= law, "7: later than the law allows"
        if clock.code == "isolation_max":
            assert clock.due_at - clock.started_at <= timedelta(days=16), "4: isolation beyond its maximum"
            passed = clock.status == "open" and clock.due_at < now - MOMENT
            assert not passed or clock.id in after.breaches, "4: ran on without a ground or a breach"


def the_recused_are_kept_out(after: Rows) -> None:
    for recusal in after.recusals:
        told = [one for one in after.told if one.person_id == recusal.person_id and one.at > recusal.since]
        assert not told, "5: a recused person was told"
        acts = [one for one in after.events if recusal.person_id in (one.actor_id, one.on_behalf_person)]
        assert not [one for one in acts if one.recorded_at > recusal.since], "5: a recused person acted"


def approvals_are_another_s(before: Rows, after: Rows) -> None:
    for number, one in enumerate(after.events):
        if one.event in APPROVALS:
            proposal = next(each for each in reversed(after.events[:number]) if each.event in APPROVALS[one.event])
            assert one.actor_id != proposal.actor_id, "8: approved by its author"
        if one.event in CLOSES:
            assert (one.after["protection"], one.after["ban"]) == ("none", "none"), "9: closed while in force"
    closed = [one for one in after.events[len(before.events) :] if one.event == "approve_closure"]
    assert not closed or before.case.risk != "R4", "9: closed at R4"


def nothing_is_lost(before: Rows, after: Rows) -> None:
    assert [one.id for one in after.events[: len(before.events)]] == [one.id for one in before.events], "10: events"
    assert not before.deadlines.keys() - after.deadlines.keys(), "10: deadlines"
    shrunk = [name for name, rows in before.counts.items() if after.counts[name] < rows]
    assert not shrunk, f"10: {shrunk}"


def everything_is_once(after: Rows, now: datetime) -> None:
    assert [one.sequence for one in after.events] == list(range(1, after.case.sequence + 1)), "an event a sequence"
    fired = [(one.record_id, one.ordinal) for one in after.fired]
    assert len(set(fired)) == len(fired), "a rung fired twice"
    running = {one.id for one in after.deadlines.values() if one.status == "open"}
    due = [one for one in after.rungs if one.deadline_id in running and one.due_at < now - MOMENT]
    assert not [one for one in due if one.state == "planned"], "a rung that was due has not fired"


def _instant(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


async def who_may(walk: Walk, code: str, dice: Random) -> str:
    """Mostly somebody whose role may, of the commune whose it is; sometimes anybody."""
    may = sorted(name for role in EVENTS[code].roles for name in STAFF.get(role, ()))
    who = dice.choice(EVERYBODY if not may or dice.random() < 0.1 else may)
    row = await walk.case.row()
    theirs = code in ("accept_transfer", "refuse_transfer") and row.transfer_to_id is not None
    there = row.transfer_to_id if theirs else row.unit_id
    return OVER_THERE.get(who, who) if there == walk.case.world.unit("HN-B") else who


async def an_event(walk: Walk, dice: Random) -> str:
    """Mostly what the chart allows, and rather onwards than in circles; sometimes anything at all."""
    standing = await walk.standing()
    known = sorted(set(INPUTS) - {"attach", "detach"})
    allowed = [one for one in known if one in allowed_in(standing)]
    onwards = [one for one in allowed if EVENTS[one].region == "process" and not EVENTS[one].stays]
    onwards = [one for one in onwards if not one.startswith("return_") and one not in ASIDE]
    chance = dice.random()
    return dice.choice(known if chance < 0.1 else (onwards or allowed) if chance < 0.6 else allowed)


async def a_beginning(scene: Scene, dice: Random) -> tuple[Case, bool]:
    """A case that somebody has carried some way already, and whether a proposal waits in it."""
    flagged = dice.random() < 0.5
    ago = dice.choice([timedelta(0), timedelta(hours=1), timedelta(hours=11)])
    case = await scene.world.case(flagged=flagged, ago=ago, **({"trigger": "LIFE"} if flagged else {}))
    how = dice.choice(["received", "assessed", "doubted", "doubted", "planned", "approved"])
    note(f"{case.taken.code} flagged {flagged}, received {ago} ago, {how}")
    if how in ("assessed", "doubted"):
        await case.assessed()
    if how == "doubted":
        await case.do("propose_not_substantiated", BOTH, reason="Không có căn cứ")
    if how in ("planned", "approved"):
        await case.planning()
        await case.do("submit_plan", BOTH, m04=form04("a", "b"), m05={})
    if how == "approved":
        plan = (await case.row()).memory["plan_hash"]
        await case.do("approve_plan", "chair.a", content_hash=plan, decision=SIGNED)
    return case, how in ("doubted", "planned")


async def act(walk: Walk, dice: Random) -> str:
    if dice.random() < 0.4 and APPROVALS.keys() & set(allowed_in(await walk.standing())):
        return await the_author_approves(walk, dice)
    code = await an_event(walk, dice)
    command = await walk.prepare(code, await who_may(walk, code, dice), dice)
    (result,) = await walk.send(command)
    return f"{code}: {result.code or 'done'}"


async def the_author_approves(walk: Walk, dice: Random) -> str:
    """Whoever proposed tries to approve it as well: ``BOTH`` has the roles for either."""
    allowed = allowed_in(await walk.standing())
    for one in reversed((await Rows.of(walk.case)).events):
        for code, proposals in APPROVALS.items():
            if one.event in proposals and code in allowed:
                who = next(name for name in EVERYBODY if walk.case.world.person(name) == one.actor_id)
                (result,) = await walk.send(await walk.prepare(code, who, dice))
                assert not result.accepted, f"8: {who} approved what was their own"
                return f"{code} by {who}, its author: {result.code}"
    return "nothing of anybody's to approve"


async def two_at_once(walk: Walk, dice: Random) -> str:
    code = await an_event(walk, dice)
    people = [await who_may(walk, code, dice) for _ in range(2)]
    results = await walk.send(*[await walk.prepare(code, who, dice) for who in people])
    done = [one.sequence for one in results if one.accepted]
    assert len(set(done)) == len(done), "two commands, one sequence"
    return f"{code} twice at once: {[one.code or 'done' for one in results]}"


async def leap(walk: Walk, dice: Random) -> str:
    by = dice.choice(LEAPS)
    await walk.scene.clock.leap(by)
    return f"{by} later"


async def restart(walk: Walk, _dice: Random) -> str:
    await walk.scene.restart()
    return "another worker"


async def again(walk: Walk, dice: Random) -> str:
    if not walk.said:
        return "nothing to repeat"
    command, first = dice.choice(walk.said)
    await walk.make_room()
    result = await walk.case.send(command)
    assert result == first, "the same command, another answer"
    return f"{command.event} again"


MOVES = [act] * 7 + [leap] * 3 + [two_at_once, restart, again]


@settings(
    max_examples=WALKS,
    deadline=None,
    database=None,
    print_blob=True,
    # A move costs server round trips: a failing walk is shown as it was, not made smaller.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
async def test_the_invariants_hold_on_random_walks(scene: Scene, seed: int):
    if time.monotonic() > scene.until:
        event("not begun: out of time")
        return
    dice = Random(seed)
    case, waits = await a_beginning(scene, dice)
    walk = Walk(scene, case)
    try:
        await walk.settle()
        before = await Rows.of(case)
        # What a move can be depends on where the case stands: each has dice of its own, drawn beforehand.
        for number in range(LONGEST):
            dice = Random(seed * LONGEST + number)
            done = await (the_author_approves if waits and number == 0 else dice.choice(MOVES))(walk, dice)
            note(f"{scene.clock.now():%d %b %H:%M:%S} {done}")
            await walk.settle()
            after = await Rows.of(case)
            invariants_hold(before, after, scene.clock.now())
            before = after
        event(f"ended in {before.case.process}")
    finally:
        # Its timers are not to fire in the next walk's time.
        if await case.world.desk.believed(case.id) is not None:
            await case.handle.terminate("the walk is over")
