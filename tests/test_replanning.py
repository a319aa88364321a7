"""``annhi replan`` on real servers: clocks of cases and of referrals, said before, moved, told to their workflows."""

from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from deploy.replan import _run
from deploy.runtime.temporal import Temporal
from models.calendar import Calendars
from models.calendar.days import DayOff
from models.records.reference import Reference
from models.settings import Settings
from models.tables import AuditEntry
from tests.referral_support import Sent, agree, refer
from tests.world import World, eventually

pytestmark = pytest.mark.servers


def with_day_off(reference: Reference, day: date) -> Reference:
    newest = reference.calendars.get()
    off = {**newest.days_off, day: DayOff(day=day, why="holiday", name_vi="Nghỉ bù", name_en="In lieu")}
    published = newest.published + timedelta(days=1)
    later = newest.model_copy(update={"version": "vn-later", "published": published, "days_off": off})
    return replace(reference, calendars=Calendars(versions=(*reference.calendars.versions, later)))


async def replan(
    world: World, reference: Reference, temporal: Temporal, key_file: Path, *, dry_run: bool
) -> tuple[int, str]:
    config = Settings(
        worker_database_url=SecretStr(world.database.worker.url.render_as_string(hide_password=False)),
        temporal_address=temporal.address,
        key_file=key_file,
        task_queue=world.task_queue,
        clock_offset_seconds=world.offset.total_seconds(),
    )
    said = StringIO()
    _, moved = await _run(config, reference, Console(file=said, highlight=False), None, dry_run=dry_run)
    return moved, said.getvalue()


async def believes(referral: Sent) -> bool:
    believed = await referral.case.world.desk.believed_of_referral(referral.id)
    (clock,) = await referral.clocks("acknowledge")
    rungs = sorted(one["due_at"] for one in clock.clock["rungs"])
    return believed is not None and [one.at.isoformat() for one in believed.deadlines if one.id == clock.id] == [
        rungs[0].replace("Z", "+00:00")
    ]


async def test_a_new_day_off_moves_the_clocks_of_referrals_and_each_is_said_by_its_code(
    world: World, temporal_process: Temporal, key_file: Path
) -> None:
    case = await (await world.case()).assessed()
    await agree(case)
    care = await refer(case, "psychosocial").sent()
    hours = await refer(case, "medical_emergency").sent()
    before = (await care.clocks("acknowledge"))[0].due_at
    untouched = (await hours.clocks("acknowledge"))[0].due_at
    later = with_day_off(world.reference, before.astimezone().date())

    moved, said = await replan(world, later, temporal_process, key_file, dry_run=True)
    code = (await care.row()).code
    assert moved >= 2
    assert f"{code}  acknowledge" in said
    assert f"{(await case.row()).code}  verify" in said
    assert (await care.clocks("acknowledge"))[0].due_at == before, "only said"

    assert (await replan(world, later, temporal_process, key_file, dry_run=False)) == (moved, said)
    after = (await care.clocks("acknowledge"))[0]
    assert (after.due_at, after.clock["calendar_version"]) == (before + timedelta(days=1), "vn-later")
    assert (await hours.clocks("acknowledge"))[0].due_at == untouched, "hours know no days off"
    (entry,) = await world.rows(AuditEntry, action="replan", record_id=care.id)
    assert [one["code"] for one in entry.detail["moved"]] == ["acknowledge"]
    await eventually(lambda: believes(care))
    assert (await replan(world, later, temporal_process, key_file, dry_run=False))[0] == 0
