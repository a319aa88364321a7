"""What attachments need besides being stored and read: scanning, and clearing away what broken-off uploads left.

Runs beside the outbox in the worker, driven by rows alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy import ARRAY, Text, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.clamd import Clamd, ScannerAwayError
from models.clock import Clock
from models.database import Who, transaction
from models.records.attachments import ATTACHMENT, enter
from models.records.audit import audit
from models.records.vault import key_of
from models.vault import AlteredError, ErasedError, KeysAwayError
from models.vault.objects import ObjectStore, StoreAwayError
from models.vault.stream import open_stream

POLL_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 3600.0
STRAY_AFTER: Final = timedelta(hours=24)
"""No upload takes so long: an object without a row that is older was left by one that was broken off."""

SCANS: Final = Counter("annhi_scans", "Attachments scanned.", ["outcome"])
STRAYS: Final = Counter("annhi_stray_objects", "Objects of broken-off uploads removed.")

_AWAY = (ScannerAwayError, StoreAwayError, KeysAwayError, DBAPIError, OSError)
_log = structlog.get_logger(__name__)
_WHO = Who(system="attachments")
_KEPT: Final = select(func.annhi_kept(bindparam("names", type_=ARRAY(Text))))


class AttachmentCare:
    """Scans and sweeps.

    Args:
        engine: of the worker role.
        clock: domain time; the store's own times are compared with it, so both are real time or neither is.
        objects: where the sealed bytes lie.
        scanner: None where none is configured: then what comes in says that it is unscanned.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, objects: ObjectStore, scanner: Clamd | None) -> None:
        self._engine = engine
        self._clock = clock
        self._objects = objects
        self._scanner = scanner

    async def run(self) -> None:
        """Work until cancelled. What is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(self._sweep_quietly, SWEEP_SECONDS))
            if self._scanner is not None:
                group.create_task(self._again(self.scan, POLL_SECONDS))

    async def _again(self, work: Callable[[], Awaitable[Any]], seconds: float) -> None:
        while True:
            try:
                await work()
            except _AWAY as error:
                _log.warning("attachments have to wait", why=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it was, the next round must come
                _log.exception("attachments could not be looked after")
            await asyncio.sleep(seconds)

    async def scan(self) -> int:
        """Scan what was not scanned yet, one after the other. Returns how many there were.

        Raises:
            ScannerAwayError: the scanner is away; the file stays as it is.
        """
        assert self._scanner is not None
        done = 0
        statement = (
            select(ATTACHMENT.c.id, ATTACHMENT.c.case_id, ATTACHMENT.c.object_name)
            .where(ATTACHMENT.c.state.in_(("unscanned", "quarantined")))
            .order_by(ATTACHMENT.c.created_at)
            .limit(20)
        )
        async with transaction(self._engine, _WHO, self._clock.now()) as connection:
            rows = (await connection.execute(statement)).all()
        for row in rows:
            async with transaction(self._engine, self._at(row.case_id), self._clock.now()) as connection:
                try:
                    key = await key_of(connection, row.case_id)
                except ErasedError:
                    continue
            # No transaction is held while the file goes through the scanner.
            try:
                clear = open_stream(key, row.object_name, await self._objects.get(row.object_name))
                state = "infected" if await self._scanner.finds(clear) else "clean"
            except AlteredError:
                _log.exception("an attachment was altered in the store", attachment=str(row.id))
                SCANS.labels("altered").inc()
                continue
            now = self._clock.now()
            async with transaction(self._engine, self._at(row.case_id), now) as connection:
                await connection.execute(
                    update(ATTACHMENT).where(ATTACHMENT.c.id == row.id).values(state=state, scanned_at=now)
                )
                await enter(connection, row.id, "SCANNED", None, at=now)
                await audit(
                    connection, at=now, actor=None, action="scan", record="attachment", record_id=row.id,
                    case_id=row.case_id, outcome=state,
                )  # fmt: skip
            SCANS.labels(state).inc()
            done += 1
        return done

    async def sweep(self) -> int:
        """Remove objects that are no attachment's and that no upload can still be about. Returns how many."""
        removed = 0
        async for names in self._objects.older_than(self._clock.now() - STRAY_AFTER):
            async with transaction(self._engine, _WHO, self._clock.now()) as connection:
                # Not a reading of the table: what row security hid from this process would be taken for a stray.
                kept = set((await connection.execute(_KEPT, {"names": names})).scalars())
            stray = [name for name in names if name not in kept]
            await self._objects.sweep(stray)
            removed += len(stray)
        STRAYS.inc(removed)
        return removed

    async def _sweep_quietly(self) -> None:
        if removed := await self.sweep():
            _log.info("stray objects removed", count=removed)

    @staticmethod
    def _at(case_id: UUID) -> Who:
        return Who(system="attachments", case_id=case_id)
