"""(c) Many rungs in one minute: all fired, none twice, how late."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from models.database import Who, connect, transaction
from models.tables import AuditEntry, CaseFile, Deadline, Escalation, Notice, Rung, table
from tests.bench.crowd import open_cases
from tests.bench.figures import Outcome, percentile
from tests.bench.life import report
from tests.bench.office import COMMUNES, Office, office
from tests.bench.stage import Stage, stage

LIMIT = timedelta(minutes=3)
GOAL = f"all fired, none twice, the last within {LIMIT.total_seconds():g} s"
_FIRST_RUNG = timedelta(hours=2)
"""Of `acknowledge` where the report is not flagged."""
_MINUTE = timedelta(minutes=1)
_GIVE_UP = timedelta(minutes=10)

_RUNG, _DEADLINE, _ESCALATION = table(Rung), table(Deadline), table(Escalation)
_AUDIT, _NOTICE, _CASE = table(AuditEntry), table(Notice), table(CaseFile)


async def rungs(*, small: bool) -> Outcome:
    """Cases whose first rung falls due within one minute, some minutes from now; then watch."""
    count = 500 if small else 5000
    async with stage() as servers, office(servers) as desk:
        await servers.start_worker()
        # So far ahead that all cases are open before, even on a slow machine.
        first = desk.clock.now() + timedelta(seconds=45 + count / 12)
        receipt = first - _FIRST_RUNG
        await open_cases(
            desk,
            count,
            lambda number: report(
                COMMUNES[number % len(COMMUNES)], received_at=(receipt + number / count * _MINUTE).isoformat()
            ),
        )
        spare = (first - desk.clock.now()).total_seconds()
        if spare < 0:
            raise RuntimeError(f"opening {count} cases took {-spare:.0f} s too long; the bench would measure that")
        await asyncio.sleep(spare)
        used = await _watch(servers, desk, first, count)
        found = await _look(servers, first)
    late = found.pop("late")
    fired = len(late)
    met = fired == count and not found["twice"] and late[-1] <= LIMIT.total_seconds()
    row: dict[str, Any] = {
        "rungs": count,
        "fired": fired,
        **found,
        **{f"p{share}_s": round(percentile(late, share), 2) for share in (50, 95, 99)},
        "last_s": round(late[-1], 2),
        **used,
    }
    notes = [
        f"{count} open cases, each with the first rung of `acknowledge` due within one and the same minute; one worker",
        "process; lateness = the firing's domain instant minus the rung's; twice = a rung audited as fired more than",
        "once, or a person told of it more than once over one channel;",
        f"{spare:.0f} s between the last case opened and the first rung",
    ]
    return Outcome("rungs", GOAL, met, [row], notes)


async def _watch(servers: Stage, desk: Office, first: datetime, count: int) -> dict[str, float]:
    """Wait until all have fired, or it is no use."""
    before = servers.cpu_seconds()
    while desk.clock.now() < first + _MINUTE + _GIVE_UP:
        await asyncio.sleep(2)
        async with transaction(desk.engine, Who(system="metrics"), desk.clock.now()) as connection:
            statement = select(func.count()).select_from(_ESCALATION)
            if (await connection.execute(statement)).scalar_one() >= count:
                break
    await asyncio.sleep(5)
    used = servers.cpu_seconds()
    return {
        f"{name}_cpu": round((used[name] - before[name]) / count * 1000, 1)
        for name in ("temporal", "worker", "postgres")
    }


async def _look(servers: Stage, first: datetime) -> dict[str, Any]:
    # As the owner: no part of the service finds the audit record of every case.
    owner = connect(servers.settings.owner_database_url.get_secret_value(), pool_size=1)
    async with transaction(owner, Who(system="bench"), first) as connection:
        rows = await connection.execute(
            select(_RUNG.c.fired_at, _RUNG.c.due_at)
            .join(_DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
            .where(_DEADLINE.c.code == "acknowledge", _RUNG.c.state == "fired", _RUNG.c.due_at < first + 2 * _MINUTE)
        )
        late = sorted((row.fired_at - row.due_at).total_seconds() for row in rows)
        audited = Counter(
            (row.record_id, row.ordinal)
            for row in await connection.execute(
                select(_AUDIT.c.record_id, _AUDIT.c.detail["ordinal"].astext.label("ordinal")).where(
                    _AUDIT.c.action == "fire_rung", _AUDIT.c.outcome == "fired"
                )
            )
        )
        told = await connection.execute(
            select(func.count())
            .where(_NOTICE.c.escalation_id.is_not(None))
            .group_by(_NOTICE.c.escalation_id, _NOTICE.c.person_id, _NOTICE.c.channel)
            .having(func.count() > 1)
        )
        twice = sum(times > 1 for times in audited.values()) + len(told.all())
    await owner.dispose()
    return {"late": late, "twice": twice}
