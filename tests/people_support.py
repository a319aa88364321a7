"""A sample province and cases in it, straight in the tables, for tests of who is told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deploy.seed import Organisation, load_organisation, sample_organisation
from models.calendar import load_calendar
from models.database import Who, transaction
from models.protocol.arithmetic import Amount, limit_instant
from models.protocol.types import Clock, Explanation, clock_id
from models.protocol.types import Rung as Step
from models.records.people import CasePlace
from models.tables import (
    Absence,
    CaseFile,
    Child,
    Deadline,
    Delegate,
    Household,
    Person,
    Position,
    Recusal,
    Report,
    Rung,
    Shift,
    Unit,
    new_id,
    table,
)

# Mon 23 Nov 2026, 09:00 at Hà Nội: an ordinary office morning.
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Province:
    """The loaded sample and the owner's engine, which may write everything."""

    engine: AsyncEngine
    sample: Organisation

    def person(self, username: str) -> UUID:
        return self.sample.person_ids[username]

    def who(self, username: str, part: str | None = None) -> Who:
        """Somebody in their position, as the API announces them."""
        account = next(one for one in self.sample.accounts if one.username == username)
        return Who(account.person_id, account.position_id, part)

    def unit(self, key: str) -> UUID:
        return self.sample.unit_ids[key]

    def name(self, person: UUID) -> str:
        return next(name for name, known in self.sample.person_ids.items() if known == person)

    def names(self, people: Any) -> list[str]:
        return [self.name(one.person_id) for one in people]

    async def add(self, model: Any, **values: Any) -> None:
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            await connection.execute(insert(table(model)).values(id=new_id(), **values))

    async def absent(self, username: str, since: datetime = NOW - timedelta(days=1), days: float = 14) -> None:
        await self.add(
            Absence,
            person_id=self.person(username),
            starts_at=since,
            ends_at=since + timedelta(days=days),
            reason="leave",
        )

    async def recuse(self, case: CasePlace, username: str) -> None:
        await self.add(
            Recusal, case_id=case.id, person_id=self.person(username), reason="relative", since=NOW - timedelta(days=1)
        )

    async def delegate(self, case: CasePlace, username: str) -> None:
        await self.add(Delegate, case_id=case.id, person_id=self.person(username), since=NOW - timedelta(days=1))

    async def end_positions(self, *usernames: str) -> None:
        people = [self.person(one) for one in usernames]
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            statement = table(Position).update().where(table(Position).c.person_id.in_(people))
            await connection.execute(statement.values(valid_to=NOW - timedelta(hours=1)))

    async def without_rota(self, unit: str, role: str) -> None:
        shifts = table(Shift)
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            await connection.execute(shifts.delete().where(shifts.c.unit_id == self.unit(unit), shifts.c.role == role))

    async def second_province(self) -> UUID:
        """Another province with a duty desk of one, who is on duty whenever; their person id."""
        desk, officer = new_id(), new_id()
        names = {"name_vi": "Sở Y tế Tỉnh Hai (mẫu)", "name_en": "Second Department (sample)"}
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            await connection.execute(
                insert(table(Unit)).values(id=desk, code="T2-SYT", kind="province", valid_from=LONG_AGO, **names)
            )
            await connection.execute(insert(table(Person)).values(id=officer, full_name="Trực ban Hai (mẫu)"))
        await self.add(Position, unit_id=desk, person_id=officer, role="DOHD", valid_from=LONG_AGO)
        await self.add(Position, unit_id=desk, person_id=officer, role="PROV", valid_from=LONG_AGO)
        self.sample.person_ids["dohd.t2"] = officer
        return officer

    async def on_shift(self, unit: str, role: str, at: datetime) -> str:
        shifts = table(Shift)
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            person = await connection.scalar(
                select(shifts.c.person_id).where(
                    shifts.c.unit_id == self.unit(unit),
                    shifts.c.role == role,
                    shifts.c.starts_at <= at,
                    shifts.c.ends_at > at,
                )
            )
        return self.name(person)

    async def case(self, unit: str | None = "HN-A", *, owner: str | None = None, flagged: bool = False) -> CasePlace:
        """A received case held by a unit, reported to the hotline (unrouted where the unit is None)."""
        household, child, report, case_id = new_id(), new_id(), new_id(), new_id()
        code = f"HN-{uuid4().hex[:8]}"
        held = self.unit(unit) if unit else None
        place = CasePlace(case_id, code, held, self.person(owner) if owner else None, flagged)
        h111 = next(one for one in self.sample.accounts if one.username == "h111")
        async with transaction(self.engine, Who(system="test"), NOW) as connection:
            await connection.execute(insert(table(Household)).values(id=household, created_at=NOW))
            await connection.execute(insert(table(Child)).values(id=child, household_id=household, created_at=NOW))
            await connection.execute(
                insert(table(Report)).values(
                    id=report,
                    code=f"R-{uuid4().hex[:8]}",
                    received_at=NOW,
                    recorded_at=NOW,
                    channel="hotline",
                    flagged=flagged,
                    incident_unit_id=held,
                    receiver_id=h111.person_id,
                    receiver_position_id=h111.position_id,
                    receiver_unit_id=self.unit("111"),
                    sealed=b"",
                    content_hash="0" * 64,
                )
            )
            await connection.execute(
                insert(table(CaseFile)).values(
                    id=case_id,
                    code=code,
                    child_id=child,
                    household_id=household,
                    report_id=report,
                    created_at=NOW,
                    receipt_at=NOW,
                    unit_id=held,
                    incident_unit_id=held,
                    owner_id=place.owner_id,
                    process="received",
                    protection="none",
                    ban="none",
                    custody="held" if held else "unrouted",
                    memory={},
                    flagged=flagged,
                    sequence=1,
                    protocol_version="vn-d56-2026-11-22",
                    updated_at=NOW,
                )
            )
        return place


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something holds that other tasks bring about; fail after so many seconds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it watches things that know nothing of events
            await asyncio.sleep(0.01)


async def load_province(engine: AsyncEngine, at: datetime = NOW) -> Province:
    """The sample province in a database, with its rota around an instant."""
    sample = sample_organisation(at)
    async with transaction(engine, Who(system="test"), at) as connection:
        await load_organisation(connection, sample)
    return Province(engine, sample)


def ladder(
    case: CasePlace,
    code: str,
    amount: str,
    *rungs: Step,
    kind: str = "statutory",
    occurrence: int = 1,
    started_at: datetime = NOW,
    subject: str | None = None,
) -> Clock:
    """A clock of a case with the given rungs, its limit computed by the protocol's own arithmetic."""
    due = limit_instant(started_at, Amount.parse(amount), load_calendar())
    return Clock.model_validate(
        {
            "id": clock_id(case.id, code, occurrence),
            "code": code,
            "occurrence": occurrence,
            "subject": subject,
            "kind": kind,
            "start_event": "receive_report",
            "started_at": started_at,
            "due_at": due,
            "statutory_due_at": due if kind == "statutory" else None,
            "amount": amount,
            "rungs": rungs,
            "protocol_version": "vn-d56-2026-11-22",
            "calendar_version": load_calendar().version,
            "explanation": Explanation(start_event="receive_report", amount=amount, variant=""),
        }
    )


def rung(ordinal: int, level: str, at: str, due_at: datetime, **more: Any) -> Step:
    """One rung, delivered when it fires unless said otherwise."""
    return Step.model_validate(
        {"ordinal": ordinal, "level": level, "at": at, "due_at": due_at, "deliver_at": due_at} | more
    )


async def store(connection: AsyncConnection, case: CasePlace, clock: Clock) -> None:
    """Write a clock and its planned rungs as the record has them."""
    await connection.execute(
        insert(table(Deadline)).values(
            id=clock.id,
            case_id=case.id,
            code=clock.code,
            occurrence=clock.occurrence,
            subject=clock.subject,
            status=clock.status,
            started_at=clock.started_at,
            due_at=clock.due_at,
            updated_at=clock.started_at,
            clock=clock.model_dump(mode="json", exclude={"fired"}),
        )
    )
    await connection.execute(
        insert(table(Rung)),
        [
            {
                "deadline_id": clock.id,
                "case_id": case.id,
                "state": "planned",
                **step.model_dump(include={"ordinal", "level", "due_at", "deliver_at", "breach", "condition"}),
            }
            for step in clock.rungs
        ],
    )


__all__ = ["NOW", "Province", "ladder", "load_province", "rung", "store", "until"]
