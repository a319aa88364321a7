"""Thousands of open cases, made as fast as the machine allows: the real intake, many reports to a transaction."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select

from models.database import Who, transaction
from models.forms import ReportInput
from models.records.intake import receive_report
from models.tables import CaseFile, table
from tests.bench.office import Office, at_once

_CASE = table(CaseFile)
_TOGETHER = 50
"""Reports to a transaction: the bench is not about intake."""


async def open_cases(desk: Office, count: int, told: Callable[[int], ReportInput]) -> list[UUID]:
    """Take reports in and start the workflows of their cases; returns when every workflow has read its case."""
    actor = desk.people["h111"]
    opened: list[UUID] = []

    async def batch(number: int) -> None:
        now = desk.clock.now()
        made = []
        async with transaction(desk.engine, Who(actor.person_id, actor.position_id, "intake"), now) as connection:
            for index in range(number * _TOGETHER, min(count, (number + 1) * _TOGETHER)):
                intake = await receive_report(
                    connection,
                    report=told(index),
                    actor=actor,
                    now=now,
                    reference=desk.reference,
                    command_id=uuid4(),
                )
                made += [case.case_id for case in intake.cases]
        await start_all(desk, made)
        opened.extend(made)

    await at_once(4, range(-(-count // _TOGETHER)), batch)
    await _all_seen(desk)
    return opened


async def start_all(desk: Office, cases: Iterable[UUID]) -> None:
    """Start workflows, a few at once."""
    waiting = iter(cases)

    async def one() -> None:
        for case_id in waiting:
            await desk.desk.start(case_id)

    await asyncio.gather(*(one() for _ in range(10)))


async def _all_seen(desk: Office, patience: timedelta = timedelta(minutes=30)) -> None:
    """Wait until no case is left whose workflow has not read it.

    Raises:
        TimeoutError: some never did.
    """
    async with asyncio.timeout(patience.total_seconds()):
        while await _unseen(desk):  # noqa: ASYNC110 - another process writes what is waited for
            await asyncio.sleep(1)


async def _unseen(desk: Office) -> int:
    async with transaction(desk.engine, Who(system="metrics"), desk.clock.now()) as connection:
        statement = select(func.count()).select_from(_CASE).where(_CASE.c.workflow_seen_at.is_(None))
        return int((await connection.execute(statement)).scalar_one())
