"""A rotation of the keys that wrap others, in one process."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records import vault
from models.vault import KeysAwayError


async def rotated(connection: AsyncConnection, reads: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrap anew whatever there is by a next key; ``reads`` opens with it from then on, and with no other."""
    keys = vault.provider(connection)
    before = await vault.in_use(connection)
    assert set(before) == {await keys.active()}
    assert await vault.rewrap(connection, 100) == 0
    other = Rotated(keys)
    for module in (vault, reads):
        monkeypatch.setattr(module, "provider", lambda _: other)
    assert await vault.rewrap(connection, 100) == sum(before.values())
    assert await vault.in_use(connection) == {"next": sum(before.values())}
    other.alone = True


class Rotated:
    """Keys after a rotation: what the next one wraps, only the next one opens."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys
        self.alone = False
        """The keys before it are retired."""

    async def active(self) -> str:
        return "next"

    async def wrap(self, key: bytes, bound: str) -> Any:
        return replace(await self.keys.wrap(key, f"{bound}/next"), kek="next")

    async def unwrap(self, wrapped: Any, bound: str) -> bytes:
        if wrapped.kek == "next":
            wrapped, bound = replace(wrapped, kek=await self.keys.active()), f"{bound}/next"
        elif self.alone:
            raise KeysAwayError(wrapped.kek)
        return bytes(await self.keys.unwrap(wrapped, bound))
