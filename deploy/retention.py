"""``annhi retention``: what is due, erasing it by decision, and orders to keep a file all the same."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models import retention as rules
from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.records import retention as records
from models.settings import Settings
from models.tables import Account, CaseFile, table
from models.vault.file import FileKeys
from models.vault.objects import ObjectStore, StoreAwayError

T = TypeVar("T")
_WHO = Who(system="retention")
_CASE, _ACCOUNT = table(CaseFile), table(Account)
_WHY_NOT = {
    "open-or-erased": "hồ sơ đang mở hoặc đã xóa · open, or erased already",
    "too-early": "chưa hết thời hạn · not due yet",
    "held": "có lệnh giữ hồ sơ · on legal hold",
}


class _NoSuchError(Exception):
    """Nobody, or no case, of that name."""


def plan() -> int:
    """Say what would be erased, and change nothing."""
    config, console = Settings(), Console(highlight=False)
    rule = rules.load(config.retention_file)
    found = _run(config, lambda engine, clock: _due(engine, rule, clock))
    _say_rule(console, rule)
    for one in found:
        held = f"  giữ theo lệnh · on hold ×{one.held}" if one.held else ""
        console.print(f"{one.code}  {one.due_on:%d/%m/%Y}{held}")
    console.print(f"{sum(not one.held for one in found)} hồ sơ đến hạn xóa · files due")
    return 0


def run(*, by: str, decision: str) -> int:
    """Erase what is due and not held, each file in a transaction of its own.

    Args:
        by: user name of whoever does it.
        decision: number of the decision to erase.
    """
    config, console = Settings(), Console(highlight=False)
    rule = rules.load(config.retention_file)
    _say_rule(console, rule)

    async def work(engine: AsyncEngine, clock: PlatformClock) -> int:
        async with transaction(engine, _WHO, clock.now()) as connection:
            person = await _person(connection, by)
        objects = ObjectStore(config.attachments_url, config.data_dir / "attachments")
        done = 0
        for one in await _due(engine, rule, clock):
            now = clock.now()
            try:
                async with transaction(engine, Who(system="retention", case_id=one.case_id), now) as connection:
                    names = await records.erase(connection, one.case_id, rule, at=now, by=person, decision=decision)
            except records.NotDueError as why:
                console.print(f"{one.code}  {_WHY_NOT[str(why)]}")
                continue
            console.print(f"{one.code}  đã xóa · erased")
            done += 1
            try:
                for name in names:
                    await objects.delete(name)
            except StoreAwayError:
                console.print("! kho tệp không trả lời; tệp đã không đọc được nữa · the files cannot be read any more")
        return done

    try:
        done = _run(config, work)
    except _NoSuchError as error:
        console.print(f"✗ {error}")
        return 1
    console.print(f"{done} hồ sơ đã xóa · files erased")
    return 0


def hold(*, case: str, by: str, why: str, until: date | None) -> int:
    """Order that a file be kept.

    Args:
        case: its code.
        by: user name of whoever orders it.
        why: the reason; it is sealed as the file is.
        until: the last day, None until it is lifted.
    """

    async def work(connection: AsyncConnection, clock: PlatformClock, case_id: UUID, person: UUID) -> str:
        await records.hold(connection, case_id, by=person, why=why, until=until, at=clock.now())
        return "đã có lệnh giữ · on hold"

    return _on_case(case, by, work)


def lift(*, case: str, by: str) -> int:
    """End the holds on a file.

    Args:
        case: its code.
        by: user name of whoever ends them.
    """

    async def work(connection: AsyncConnection, clock: PlatformClock, case_id: UUID, person: UUID) -> str:
        return f"{await records.lift(connection, case_id, by=person, at=clock.now())} lệnh giữ đã hết · holds lifted"

    return _on_case(case, by, work)


def certificates() -> int:
    """Print every certificate of erasure as JSON lines, and say whether their chain holds."""
    config, console = Settings(), Console(highlight=False, stderr=True)

    async def work(engine: AsyncEngine, clock: PlatformClock) -> int:
        async with transaction(engine, _WHO, clock.now()) as connection:
            entries = await records.certificates(connection)
        for entry in entries:
            print(json.dumps({**entry.certificate, "hash": entry.hash}, ensure_ascii=False))
        broken = records.first_broken(entries)
        if broken is not None:
            console.print(f"✗ biên bản số {broken} không còn nguyên vẹn · certificate {broken} does not hold")
        return int(broken is not None)

    return _run(config, work)


def _on_case(code: str, by: str, work: Callable[[AsyncConnection, PlatformClock, UUID, UUID], Awaitable[str]]) -> int:
    config, console = Settings(), Console(highlight=False)

    async def both(engine: AsyncEngine, clock: PlatformClock) -> str:
        async with transaction(engine, _WHO, clock.now()) as connection:
            person = await _person(connection, by)
            case_id = (await connection.execute(select(_CASE.c.id).where(_CASE.c.code == code))).scalar_one_or_none()
            if case_id is None:
                raise _NoSuchError(f"không có hồ sơ · no such case: {code}")
            return await work(connection, clock, case_id, person)

    try:
        console.print(f"{code}  {_run(config, both)}")
    except _NoSuchError as error:
        console.print(f"✗ {error}")
        return 1
    return 0


async def _due(engine: AsyncEngine, rule: rules.Rule, clock: PlatformClock) -> list[records.Due]:
    async with transaction(engine, _WHO, clock.now()) as connection:
        return await records.due(connection, rule, clock.now())


async def _person(connection: AsyncConnection, username: str) -> UUID:
    found = await connection.execute(select(_ACCOUNT.c.person_id).where(_ACCOUNT.c.username == username))
    person = found.scalar_one_or_none()
    if person is None:
        raise _NoSuchError(f"không có tài khoản · no such account: {username}")
    return UUID(str(person))


def _run(config: Settings, work: Callable[[AsyncEngine, PlatformClock], Awaitable[T]]) -> T:
    async def with_engine() -> T:
        clock = PlatformClock(timedelta(seconds=config.clock_offset_seconds))
        url = config.owner_database_url.get_secret_value()
        engine = connect(url, pool_size=2, keys=FileKeys(config.vault_file))
        try:
            return await work(engine, clock)
        finally:
            await engine.dispose()

    return asyncio.run(with_engine())


def _say_rule(console: Console, rule: rules.Rule) -> None:
    console.print(f"{rule.version}: {rule.basis_vi} · {rule.basis_en}", soft_wrap=True)
