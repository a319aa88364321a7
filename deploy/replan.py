"""``annhi replan``: compute every open deadline anew under the newest calendar, and say what moved.

The services keep running: each case is re-planned with its referrals under its own lock, and their workflows are told
to look again.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from models.calendar import TZ
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.protocol import ProtocolError
from models.records.reference import Reference, load_reference
from models.records.replanning import Replanned, cases_with_open_deadlines, replan_case
from models.settings import Settings
from workflows.client import CaseDesk, TemporalAwayError
from workflows.connection import connect as connect_temporal

_BATCH = 200
_WHO = Who(system="replan")


def main(protocol: str | None, *, dry_run: bool) -> int:
    """Re-plan; 0 when every case was looked at, 1 when it cannot be done.

    Args:
        protocol: the version to go over to; None keeps every clock's own and applies the newest calendar.
        dry_run: only say what would move.
    """
    console = Console(highlight=False)
    config = Settings()
    reference = load_reference(config.overrides_dir)
    try:
        version = reference.protocols.get(protocol).version if protocol else None
    except ProtocolError as error:
        console.print(f"✗ {error}")
        return 1
    seen, moved = asyncio.run(_run(config, reference, console, version, dry_run=dry_run))
    would = "sẽ dời · would move" if dry_run else "đã dời · moved"
    console.print(f"{seen} hồ sơ · cases, {moved} thời hạn {would}")
    return 0


async def _run(
    config: Settings, reference: Reference, console: Console, version: str | None, *, dry_run: bool
) -> tuple[int, int]:
    offset = timedelta(seconds=config.clock_offset_seconds)
    clock = PlatformClock(offset)
    engine = connect(config.worker_database_url.get_secret_value(), pool_size=2)
    desk = CaseDesk(await connect_temporal(config, lazy=True), task_queue=config.task_queue, offset=offset)
    seen, moved, after = 0, 0, None
    try:
        while batch := await _batch(engine, clock.now(), after):
            after = batch[-1]
            for case_id in batch:
                seen += 1
                for done in await _one(engine, reference, case_id, clock.now(), version, dry_run=dry_run):
                    moved += len(done.moves)
                    _say(console, done)
                    if not dry_run:
                        await _wake(desk, done, console)
    finally:
        await engine.dispose()
    return seen, moved


async def _batch(engine: AsyncEngine, now: datetime, after: UUID | None) -> list[UUID]:
    async with transaction(engine, _WHO, now) as connection:
        return await cases_with_open_deadlines(connection, after, _BATCH)


async def _one(
    engine: AsyncEngine, reference: Reference, case_id: UUID, now: datetime, version: str | None, *, dry_run: bool
) -> tuple[Replanned, ...]:
    async with transaction(engine, Who(system="replan", case_id=case_id), now) as connection:
        return await replan_case(
            connection,
            reference,
            case_id,
            at=now,
            calendar=reference.calendars.get(),
            to_protocol=reference.protocols.get(version) if version else None,
            keep=not dry_run,
        )


def _say(console: Console, done: Replanned) -> None:
    for move in done.moves:
        before, after = (
            when.astimezone(TZ).strftime("%d/%m/%Y %H:%M") for when in (move.before.due_at, move.after.due_at)
        )
        later = "  (muộn hơn · later)" if move.lengthened else ""
        console.print(f"{done.code}  {move.after.code}  {before} → {after}{later}", soft_wrap=True)


async def _wake(desk: CaseDesk, done: Replanned, console: Console) -> None:
    try:
        if done.referral_id is None:
            await desk.wake(done.case_id)
        else:
            await desk.wake_referral(done.case_id, done.referral_id)
    except TemporalAwayError:
        # The record has moved; the sweep tells the workflow when Temporal is back.
        console.print(
            "! Temporal không trả lời; đợt rà soát sẽ báo lại · the sweep will tell the workflow", style="yellow"
        )
