"""``annhi keys``: rotate what wraps the cases' keys, while the service runs.

A rotation is: ``rotate`` (a new key wraps from now on), ``rewrap`` (so it does what is there), and, once no backup that
is to be restored needs it any more, ``retire`` of the old one. docs/decisions/0008-encryption.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.clock import PlatformClock
from models.database import Who, connect, transaction
from models.records import vault
from models.records.audit import audit
from models.settings import Settings
from models.vault import KeysAwayError
from models.vault import file as key_file

T = TypeVar("T")
_BATCH = 500
_WHO = Who(system="keys")


def status() -> int:
    """Say which key wraps how many."""
    config, console = Settings(), Console(highlight=False)
    used = asyncio.run(_with_keys(config, _in_use))
    active = asyncio.run(key_file.FileKeys(config.vault_file).active())
    for name in sorted(key_file.names(config.vault_file) | set(used)):
        said = ["đang dùng · active"] if name == active else []
        if name not in key_file.names(config.vault_file):
            said.append("THIẾU trong tệp khóa · MISSING in the key file")
        console.print(f"{name}  {used.get(name, 0)} hồ sơ · cases  {'; '.join(said)}".rstrip())
    return 0


def rotate(*, add_only: bool, to: str | None) -> int:
    """Add a key and make it the active one.

    Args:
        add_only: only add it: for several machines, each with its own copy of the file.
        to: make this one active, added before.
    """
    path, console = Settings().vault_file, Console(highlight=False)
    try:
        name = to or key_file.add(path)
        if not add_only:
            key_file.activate(path, name)
    except KeysAwayError as error:
        console.print(f"✗ {error}", soft_wrap=True)
        return 1
    console.print(f"{name}  {'đã thêm · added' if add_only else 'đang dùng · active'}")
    return 0


def rewrap() -> int:
    """Wrap every living data key by the active key, in batches of transactions of their own."""
    config, console = Settings(), Console(highlight=False)
    try:
        done = asyncio.run(_with_keys(config, _rewrap))
    except KeysAwayError as error:
        console.print(f"✗ {error}", soft_wrap=True)
        return 1
    console.print(f"{done} khóa hồ sơ đã bọc lại · cases' keys wrapped anew")
    return 0


def retire(*, key: str) -> int:
    """Take a key out of the file for good; refused while it wraps a living data key.

    Args:
        key: its id.
    """
    config, console = Settings(), Console(highlight=False)
    used = asyncio.run(_with_keys(config, _in_use)).get(key, 0)
    if used:
        console.print(f"✗ {key} còn bọc khóa của {used} hồ sơ; hãy chạy annhi keys rewrap · still wraps {used} keys")
        return 1
    try:
        key_file.retire(config.vault_file, key)
    except KeysAwayError as error:
        console.print(f"✗ {error}", soft_wrap=True)
        return 1
    asyncio.run(_with_keys(config, lambda engine, clock: _note(engine, clock, "retire_key", {"kek": key})))
    console.print(f"{key}  đã hủy · retired")
    return 0


async def _with_keys(config: Settings, work: Callable[[AsyncEngine, PlatformClock], Awaitable[T]]) -> T:
    clock = PlatformClock(timedelta(seconds=config.clock_offset_seconds))
    engine = connect(
        config.owner_database_url.get_secret_value(), pool_size=2, keys=key_file.FileKeys(config.vault_file)
    )
    try:
        return await work(engine, clock)
    finally:
        await engine.dispose()


async def _in_use(engine: AsyncEngine, clock: PlatformClock) -> dict[str, int]:
    async with transaction(engine, _WHO, clock.now()) as connection:
        return await vault.in_use(connection)


async def _rewrap(engine: AsyncEngine, clock: PlatformClock) -> int:
    done = 0
    while True:
        async with transaction(engine, _WHO, clock.now()) as connection:
            count = await vault.rewrap(connection, _BATCH)
            if not count:
                return done
            await _entry(
                connection, clock, "rewrap_keys", {"to": await vault.provider(connection).active(), "keys": count}
            )
        done += count


async def _note(engine: AsyncEngine, clock: PlatformClock, action: str, detail: dict[str, object]) -> None:
    async with transaction(engine, _WHO, clock.now()) as connection:
        await _entry(connection, clock, action, detail)


async def _entry(connection: AsyncConnection, clock: PlatformClock, action: str, detail: dict[str, object]) -> None:
    await audit(connection, at=clock.now(), actor=None, action=action, record="key", outcome="done", detail=detail)
