"""(g) What row security costs a reader: the same reads with it on and off in turns, in one database."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.queries import cases
from models.database import Who, connect, transaction
from models.records.actor import Acting
from models.records.intake import receive_report
from models.security import GUARDED
from tests.bench.figures import Outcome, median
from tests.bench.life import report
from tests.bench.office import COMMUNES, Office, office
from tests.bench.stage import Stage, stage

Read = Callable[[AsyncConnection, Acting, datetime], Awaitable[Any]]
_TOGETHER: Final = 50
_WARM: Final = 8
"""So often a statement is run before it counts: from the sixth time on PostgreSQL may keep its plan."""
TWICE: Final = 2.0
"""What a read may cost, against the same without. What a command pays: ``tests.bench.protection``."""

_HELD: Final = text(
    "UPDATE case_file SET unit_id = incident_unit_id, process = 'assessing' WHERE unit_id IS NULL AND random() < 0.95"
)


async def guards(*, small: bool) -> Outcome:
    """Reads of one case and of pages, by whom they are dearest for."""
    count, rounds, times = (2000, 4, 40) if small else (20_000, 6, 60)
    async with stage() as servers, office(servers) as desk:
        owner = connect(servers.settings.owner_database_url.get_secret_value(), pool_size=1)
        await _fill(desk, owner, count)
        one = await _one_case(owner)
        found: dict[tuple[str, bool], list[dict[str, float]]] = {}
        for number in range(rounds + 1):
            for on in (True, False):
                await _switch(owner, on=on)
                for what, (who, about, read) in _reads(one).items():
                    run = await _round(servers, desk, desk.people[who], about, read, times)
                    if number:  # the first is for caches and prepared statements
                        found.setdefault((what, on), []).append(run)
        await owner.dispose()
    rows = [_row(what, found[what, False], found[what, True]) for what in _reads(one)]
    notes = [
        f"{count} cases in four communes; {times} transactions of one read, one after the other, on and off in turns,",
        f"medians of {rounds} rounds. ms: what the caller waits; cpu: PostgreSQL's.",
    ]
    met = all(row["cpu_ratio"] <= TWICE for row in rows)
    goal = f"what a read costs PostgreSQL ≤ {TWICE:g}× of the same without"
    return Outcome("guards", goal, met, rows, notes)


def _reads(one: UUID) -> dict[str, tuple[str, UUID | None, Read]]:
    """What is read: by whom, about which case the transaction says it is, and how."""

    async def found(connection: AsyncConnection, reader: Acting, at: datetime) -> Any:
        return await cases.find(connection, reader, at, str(one))

    async def whole(connection: AsyncConnection, reader: Acting, at: datetime) -> Any:
        return await cases.find_whole(connection, reader, at, str(one))

    async def deadlines(connection: AsyncConnection, *_: Any) -> Any:
        return await cases.deadlines(connection, one)

    async def events(connection: AsyncConnection, *_: Any) -> Any:
        return await cases.events(connection, one)

    async def documents(connection: AsyncConnection, reader: Acting, _: datetime) -> Any:
        return await cases.documents(connection, reader, one)

    async def page(connection: AsyncConnection, reader: Acting, at: datetime) -> Any:
        return await cases.page(connection, reader, at, cases.Wanted(), after=None, limit=20)

    return {
        "a case found, commune": ("cpo.a", None, found),
        "a case with all that is shown of it, commune": ("cpo.a", one, whole),
        "the same, province": ("doh", one, whole),
        "its deadlines, with ladders": ("cpo.a", one, deadlines),
        "its events": ("cpo.a", one, events),
        "its documents": ("cpo.a", one, documents),
        "a page of 20, commune": ("cpo.a", None, page),
        "a page of 20, province": ("doh", None, page),
        "a page of 20, hotline": ("h111.2", None, page),
    }


async def _fill(desk: Office, owner: AsyncEngine, count: int) -> None:
    for first in range(0, count, _TOGETHER):
        # One operator took in a twentieth of it.
        actor = desk.people["h111.2" if first // _TOGETHER % 20 == 0 else "h111"]
        async with transaction(
            desk.engine, Who(actor.person_id, actor.position_id, "intake"), desk.clock.now()
        ) as connection:
            for number in range(first, min(count, first + _TOGETHER)):
                told = report(COMMUNES[number % len(COMMUNES)])
                await receive_report(
                    connection, report=told, actor=actor, now=desk.clock.now(), reference=desk.reference,
                    command_id=uuid4(),
                )  # fmt: skip
    async with owner.begin() as connection:
        await connection.execute(_HELD)
    async with owner.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))


async def _one_case(owner: AsyncEngine) -> UUID:
    async with owner.begin() as connection:
        found = await connection.execute(
            text("SELECT c.id FROM case_file c JOIN unit u ON u.id = c.unit_id WHERE u.code = 'HN-A' LIMIT 1")
        )
        one: UUID = found.scalar_one()
        return one


async def _switch(owner: AsyncEngine, *, on: bool) -> None:
    async with owner.begin() as connection:
        for name in GUARDED:
            await connection.execute(text(f"ALTER TABLE {name} {'ENABLE' if on else 'DISABLE'} ROW LEVEL SECURITY"))


async def _round(  # noqa: PLR0917 - one measurement, whole
    servers: Stage, desk: Office, reader: Acting, about: UUID | None, read: Read, times: int
) -> dict[str, float]:
    who = Who(reader.person_id, reader.position_id, case_id=about)
    waited: list[float] = []
    before = servers.cpu_seconds()
    for number in range(times + _WARM):
        if number == _WARM:
            before = servers.cpu_seconds()
        began = time.perf_counter()
        async with transaction(desk.engine, who, desk.clock.now()) as connection:
            await read(connection, reader, desk.clock.now())
        if number >= _WARM:
            waited.append(time.perf_counter() - began)
    used = servers.cpu_seconds()["postgres"] - before["postgres"]
    return {"ms": median(waited) * 1000, "cpu_ms": used / times * 1000}


def _row(what: str, off: list[dict[str, float]], on: list[dict[str, float]]) -> dict[str, Any]:
    said: dict[str, Any] = {"what": what}
    for name in ("ms", "cpu_ms"):
        without, with_it = median([run[name] for run in off]), median([run[name] for run in on])
        said |= {f"{name}_off": round(without, 2), f"{name}_on": round(with_it, 2)}
        said[f"{name.removesuffix('_ms')}_ratio"] = round(with_it / without, 2)
    return said
