"""The sealer: every few seconds a signed seal over the audit entries that came since the last one.

Driven by rows alone, as the outbox is. Several sealers may run beside each other: one has its turn at a time. Every
seal is kept outside the database as well, from wherever the folder left off, so a crash in between loses none.
"""

import asyncio
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from models.audit import Seal, SigningKeys
from models.audit.kept import SealFolder
from models.clock import Clock
from models.database import Who, transaction
from models.records.sealing import my_turn, next_seal, seals_after, seals_among, store_seal

EVERY_SECONDS: Final = 3.0
MOST: Final = 10_000
"""Entries under one seal at most; where there are more, the next seal follows at once."""
AT_A_TIME: Final = 200
"""Seals read at a time, to keep them outside."""

SEALED = Counter("annhi_audit_sealed", "Audit entries sealed.")
LAST = Gauge("annhi_audit_last_seal", "Number of the newest seal that is kept outside the database.")
FAILURES = Counter("annhi_audit_sealer_failures", "Times the sealer could not work.", ["reason"])

_WHO = Who(system="sealer")
_log = structlog.get_logger(__name__)


class Sealer:
    """Seals the audit.

    Args:
        engine: of the worker role.
        clock: domain time, for what a seal says of when it was made.
        keys: who signs.
        folder: where seals are kept outside the database.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, keys: SigningKeys, folder: SealFolder) -> None:
        self._engine = engine
        self._clock = clock
        self._keys = keys
        self._folder = folder
        self._kept: int | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Seal until ``stop`` is called or the task is cancelled. A database that is away is waited for."""
        while not self._stopping.is_set():
            full = False
            try:
                full = await self.seal() == MOST
                await self.keep()
            except Exception as error:  # noqa: BLE001 - a sealer that dies is silence; it looks again in a while
                self._kept = None
                FAILURES.labels(reason=type(error).__name__).inc()
                _log.warning("sealer_waits", error=type(error).__name__)
            if not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), EVERY_SECONDS)

    def stop(self) -> None:
        """Finish the seal at hand, make no more."""
        self._stopping.set()

    async def seal(self) -> int:
        """Seal what can be sealed now.

        Returns:
            How many entries; 0 also where another sealer has its turn.
        """
        now = self._clock.now()
        async with transaction(self._engine, _WHO, now) as connection:
            if not await my_turn(connection):
                return 0
            seal = await next_seal(connection, at=now, key_id=self._keys.active, most=MOST)
            if seal is None:
                return 0
            await store_seal(connection, self._keys.sign(seal))
        SEALED.inc(seal.count)
        return seal.count

    async def keep(self) -> int:
        """Keep outside what is not kept there yet.

        Returns:
            How many seals.
        """
        done = 0
        if self._kept is None:
            self._kept = await self._left_off()
        while seals := await self._after(self._kept):
            await asyncio.to_thread(self._append, seals)
            self._kept = seals[-1].number
            done += len(seals)
        LAST.set(self._kept)
        return done

    async def _after(self, number: int) -> list[Seal]:
        async with transaction(self._engine, _WHO, self._clock.now()) as connection:
            return await seals_after(connection, number, AT_A_TIME)

    def _append(self, seals: list[Seal]) -> None:
        with self._folder.writing():
            # Another worker may keep its seals in the same folder, and have been faster.
            there = {one.number: one.hash for one in islice(self._folder.newest(), 2 * AT_A_TIME)}
            self._folder.append(one for one in seals if there.get(one.number) != one.hash)

    async def _left_off(self) -> int:
        """The last seal that is both in the folder and on record, the same in both.

        Where the newest kept one is not on record, the database was set back, by a restored backup or by somebody: that
        is said loudly, and what is on record is kept beside it from there on. ``annhi audit verify`` names the rest.
        """
        await asyncio.to_thread(self._publish)
        kept = self._folder.newest()
        strays = 0
        while some := await asyncio.to_thread(lambda: list(islice(kept, AT_A_TIME))):
            async with transaction(self._engine, _WHO, self._clock.now()) as connection:
                known = await seals_among(connection, [one.number for one in some])
            for one in some:
                if one.number in known and known[one.number].hash == one.hash:
                    self._warn(strays)
                    return one.number
                strays += 1
        self._warn(strays)
        return 0

    def _warn(self, strays: int) -> None:
        if strays:
            FAILURES.labels(reason="seals_differ").inc()
            _log.error("audit_seals_differ", kept_but_not_on_record=strays)

    def _publish(self) -> None:
        with self._folder.writing():
            self._folder.publish(self._keys.public)
