"""An audit with every kind of entry in it, sealed and kept outside, for tests that tamper with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from activities.sealing import Sealer
from deploy.audit import check, export
from deploy.runtime.postgres import OWNER
from models.audit import SigningKeys, Verdict
from models.audit.kept import SealFolder
from models.database import Who, transaction, work_on
from models.records.actor import Acting
from models.records.audit import audit, seal_reason
from models.vault import KeyRing
from tests.databases import Database

NOW = datetime(2026, 11, 25, 2, 0, 0, 123456, tzinfo=UTC)
RING = KeyRing({"k": bytes(32)}, "k")
CASE, OTHER = UUID(int=0xA), UUID(int=0xB)
OFFICER = Acting(UUID(int=1), UUID(int=2), UUID(int=3), "CPO")
WHO = Who(OFFICER.person_id, OFFICER.position_id, "test", CASE)
NASTY: dict[str, Any] = {
    "quotes": "\"'\\",
    "control": "\u0001\u001f\u007f\t\n\r\b\f",
    "unicode": "Bé Nhiên, Đỗ Thị Ổi \u2028\u2029\ufeff 👧🏽 e\u0301",
    "numbers": [0, -1, 1.5, 1e-7, 123456789012345678901234567890],
    "deep": {"b": 1, "a": None, "aa": True, "": []},
}
"""Whatever JSON may hold. Nothing of it is ever in an entry of ours, and the form must stand it all the same."""


@dataclass
class Clock:
    at: datetime = NOW

    def now(self) -> datetime:
        self.at += timedelta(microseconds=7)
        return self.at


@dataclass
class Books:
    """A database's audit, its sealer, and the folder where its seals are kept."""

    database: Database
    folder: Path
    keys: SigningKeys
    clock: Clock = field(default_factory=Clock)

    @property
    def kept(self) -> Path:
        return self.folder / "seals"

    def sealer(self) -> Sealer:
        return Sealer(self.database.worker, self.clock, self.keys, SealFolder(self.kept))

    async def seal(self) -> int:
        sealer = self.sealer()
        count = await sealer.seal()
        await sealer.keep()
        return count

    async def note(self, action: str = "read", *, engine: Any = None, **more: Any) -> None:
        """One entry in a transaction of its own."""
        async with transaction(engine or self.database.api, WHO, self.clock.now()) as connection:
            await entry(connection, self.clock, action, **more)

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        """What the owner of the tables does with every trigger off."""
        async with self.database.owner.begin() as connection:
            for table in ("audit_entry", "audit_seal"):
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            result = await connection.execute(text(statement), values)
            rows = list(result.all()) if result.returns_rows else []
            for table in ("audit_entry", "audit_seal"):
                await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return rows

    def export(self) -> Path:
        folder = self.folder / f"export-{uuid4().hex}"
        export(self.database.url(OWNER), self.keys.public, folder)
        return folder

    def check(self, *, kept: bool = True) -> Verdict:
        """What the verification says of the database as it is. Not for use inside an event loop."""
        return check(self.export(), self.kept if kept else None)


async def entry(connection: Any, clock: Clock, action: str = "read", **more: Any) -> None:
    given: dict[str, Any] = {"actor": OFFICER, "record": "case", "outcome": "done", **more}
    await audit(connection, at=clock.now(), action=action, **given)


async def fill(books: Books) -> None:
    """Every kind of row, under four seals and one not sealed yet; every column has a value somewhere."""
    worker = books.database.worker
    for number in range(3):
        async with transaction(worker, WHO, books.clock.now()) as connection:
            await work_on(connection, [OTHER])
            for case in (CASE, OTHER):
                await entry(connection, books.clock, "accept", case_id=case, record_id=case, chained=True,
                            command_id=uuid4(), detail={"sequence": number}, origin="ab12")  # fmt: skip
            await entry(connection, books.clock, "fire_rung", actor=None, record="deadline", record_id=uuid4(),
                        case_id=CASE, code="verify", outcome="fired", chained=True)  # fmt: skip
        await books.note(case_id=CASE, purpose="supervision", reason=seal_reason(RING, "vì trẻ"), origin="ab12")
        await books.note("list", detail={"cases": [str(CASE), str(OTHER)]})
        await books.note("sign_in", actor=None, record="session", outcome="refused", code="sign-in-failed")
        await books.note("nasty", detail=NASTY)
        await books.seal()
    await books.note("accept", engine=worker, case_id=CASE, chained=True)
    await books.seal()
    await books.note("accept", engine=worker, case_id=CASE, chained=True)
    await books.note("read", case_id=OTHER)


@asynccontextmanager
async def filled_books(database: Database, folder: Path) -> AsyncIterator[Books]:
    SigningKeys.create(folder / "audit.json")
    books = Books(database, folder, SigningKeys.read(folder / "audit.json"))
    await fill(books)
    yield books
