"""Watching the record while a drill plays: what is due next, what is still outstanding, what is new."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.drill.format import shown
from deploy.drill.report import Line
from deploy.drill.stage import Stage
from models.lifecycle.referral import LIVE
from models.lifecycle.states import ENDED
from models.messages import Snapshot
from models.records.deadlines import load_clocks, snapshot
from models.records.referrals import ReferralRow, read_referral, snapshot_of
from models.tables import (
    Breach,
    CallTask,
    CaseFile,
    Deadline,
    Escalation,
    EscalationRecipient,
    Notice,
    Referral,
    Rung,
    table,
)

_CASE, _DEADLINE, _RUNG, _NOTICE = table(CaseFile), table(Deadline), table(Rung), table(Notice)
_REFERRAL = table(Referral)
_BREACH, _CALL, _ESCALATION, _RECIPIENT = table(Breach), table(CallTask), table(Escalation), table(EscalationRecipient)


class Watch:
    """Looks at PostgreSQL and at the workflows, and remembers what it has told of.

    Args:
        stage: whose record.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._told: set[Any] = set()

    async def next_due(self) -> datetime | None:
        """The instant of the earliest rung still to come, of any case."""
        async with self._stage.reading() as connection:
            due = (
                await connection.execute(
                    select(func.min(_RUNG.c.due_at))
                    .join_from(_RUNG, _DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
                    .where(_RUNG.c.state == "planned", _DEADLINE.c.status == "open")
                )
            ).scalar_one()
        return due if due is None else _aware(due)

    async def outstanding(self, at: datetime) -> list[str]:
        """What is still to be done by ``at``, in words; nothing where all is at rest."""
        async with self._stage.reading() as connection:
            rows = (
                await connection.execute(
                    select(_DEADLINE.c.code, _RUNG.c.level, _RUNG.c.due_at)
                    .join_from(_RUNG, _DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
                    .where(_RUNG.c.state == "planned", _DEADLINE.c.status == "open", _RUNG.c.due_at <= at)
                )
            ).all()
            held = {case: await snapshot(connection, case) for case in await _cases(connection)}
            referrals = {row.id: await _snapshot(connection, row) for row in await _referrals(connection)}
        found = [f"rung {row.level} of {row.code} due {shown(row.due_at)} has not fired" for row in rows]
        if found:
            return found
        desk = self._stage.desk
        for matters, ask in ((held, desk.believed), (referrals, desk.believed_of_referral)):
            for matter, record in matters.items():
                name = self._stage.nicks.get(matter, matter)
                believed = await ask(matter)
                if believed is None and not record.ended:
                    found.append(f"{name} has no workflow")
                elif believed is not None and believed != record:
                    found.append(f"the workflow of {name} is not where the record is")
        return found

    async def news(self) -> list[Line]:
        """What happened since the last look and was nobody's act: rungs, first notices, breaches, calls asked for."""
        await self._stage.name_passed_on()
        async with self._stage.reading() as connection:
            lines = [
                *await self._rungs(connection),
                *await self._first_notices(connection),
                *await self._breaches(connection),
                *await self._calls(connection),
            ]
        return sorted(lines, key=lambda line: line.at)

    async def _rungs(self, connection: AsyncConnection) -> list[Line]:
        rows = await connection.execute(
            select(_RUNG, _DEADLINE.c.code, _DEADLINE.c.referral_id, _DEADLINE.c.due_at.label("limit"),
                   _ESCALATION.c.id.label("escalation"), _ESCALATION.c.nobody)
            .join_from(_RUNG, _DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
            .join(_ESCALATION, (_ESCALATION.c.deadline_id == _RUNG.c.deadline_id)
                  & (_ESCALATION.c.ordinal == _RUNG.c.ordinal), isouter=True)
            .where(_RUNG.c.state != "planned")
        )  # fmt: skip
        fresh = [row for row in rows if self._is_new(("rung", row.deadline_id, row.ordinal))]
        told = await self._recipients(connection, [row.escalation for row in fresh if row.escalation is not None])
        return [
            Line(
                at=row.fired_at or row.due_at,
                kind="rung",
                level=row.level,
                case=self._stage.nicks.get(row.case_id),
                text=f"{self._named(row)} (hạn · due {shown(row.limit)})"
                + ("" if row.state == "fired" else " · không cần · not needed")
                + (" · không liên lạc được ai · nobody reached" if row.nobody else ""),
                people=tuple(told[row.escalation]),
            )
            for row in fresh
        ]

    async def _recipients(self, connection: AsyncConnection, escalations: list[UUID]) -> dict[Any, list[str]]:
        told: dict[Any, list[str]] = defaultdict(list)
        rows = await connection.execute(
            select(_RECIPIENT).where(_RECIPIENT.c.escalation_id.in_(escalations)).order_by(_RECIPIENT.c.watching)
        )
        for row in rows:
            watching = ", theo dõi · watching" if row.watching else ""
            told[row.escalation_id].append(f"{self._stage.nicks.get(row.person_id, '?')} ({row.role}{watching})")
        return told

    async def _first_notices(self, connection: AsyncConnection) -> list[Line]:
        rows = await connection.execute(
            select(_NOTICE).where(_NOTICE.c.ordinal.is_(None)).order_by(_NOTICE.c.created_at, _NOTICE.c.id)
        )
        fresh = [row for row in rows if self._is_new(("notice", row.id))]
        groups: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for row in fresh:
            who = f"{self._stage.nicks.get(row.person_id, '?')} ({row.role})"
            people = groups[row.created_at, row.case_id, row.kind]
            if who not in people:
                people.append(who)
        return [
            Line(at=at, kind="notice", case=self._stage.nicks.get(case), text=kind, people=tuple(people))
            for (at, case, kind), people in groups.items()
        ]

    async def _breaches(self, connection: AsyncConnection) -> list[Line]:
        return [
            Line(
                at=row.recorded_at,
                kind="breach",
                case=self._stage.nicks.get(row.case_id),
                text=f"quá hạn · breach: {self._named(row)} ({row.kind}), hạn · due {shown(row.due_at)}",
            )
            for row in await connection.execute(
                select(_BREACH, _DEADLINE.c.referral_id).join(_DEADLINE, _DEADLINE.c.id == _BREACH.c.deadline_id)
            )
            if self._is_new(("breach", row.id))
        ]

    async def _calls(self, connection: AsyncConnection) -> list[Line]:
        return [
            Line(
                at=row.created_at,
                kind="call",
                case=self._stage.nicks.get(row.case_id),
                text=f"cần gọi điện · to be phoned ({row.reason})",
                people=(self._stage.nicks.get(row.person_id, "?"),),
            )
            for row in await connection.execute(select(_CALL))
            if self._is_new(("call", row.id))
        ]

    def _named(self, row: Any) -> str:
        """A clock's code, with the referral it is of."""
        return f"{row.code} · {self._stage.nicks.get(row.referral_id, '?')}" if row.referral_id else str(row.code)

    def _is_new(self, what: Any) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new


async def _cases(connection: AsyncConnection) -> Iterable[UUID]:
    """Cases that must have a workflow: those live, and those final with a deadline still open."""
    still_open = select(_DEADLINE.c.case_id).where(_DEADLINE.c.status.in_(("open", "paused")))
    live = _CASE.c.process.not_in(sorted(ENDED)) | _CASE.c.id.in_(still_open)
    return (await connection.execute(select(_CASE.c.id).where(live))).scalars().all()


async def _referrals(connection: AsyncConnection) -> list[ReferralRow]:
    """Referrals that must have a workflow: those live, and those final with a deadline still open."""
    still_open = select(_DEADLINE.c.referral_id).where(
        _DEADLINE.c.status.in_(("open", "paused")), _DEADLINE.c.referral_id.is_not(None)
    )
    wanted = _REFERRAL.c.state.in_(sorted(LIVE)) | _REFERRAL.c.id.in_(still_open)
    ids = (await connection.execute(select(_REFERRAL.c.id).where(wanted))).scalars().all()
    return [row for one in ids if (row := await read_referral(connection, one)) is not None]


async def _snapshot(connection: AsyncConnection, row: ReferralRow) -> Snapshot:
    return snapshot_of(row, await load_clocks(connection, row.case_id, row.id))


def _aware(instant: datetime) -> datetime:
    assert instant.tzinfo is not None
    return instant
