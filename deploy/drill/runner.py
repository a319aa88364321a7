"""Playing a drill: instant by instant, people act, rungs fire at theirs, and what must hold is looked at."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from deploy.drill.cast import Refusal
from deploy.drill.clock import ROOM, DrillFailureError
from deploy.drill.expectations import Finding, check, reading
from deploy.drill.format import (
    Act,
    Answer,
    Call,
    ChangeUnits,
    Consent,
    Drill,
    Expect,
    GoAbsent,
    MakeReport,
    Part,
    Refer,
    Step,
    shown,
)
from deploy.drill.reading import BadDrillError
from deploy.drill.report import Account, Line, Teller
from deploy.drill.seen import look
from deploy.drill.stage import Stage
from deploy.drill.watch import Watch

REST_WITHIN = 30.0
"""Real seconds in which everything due at an instant must have been done."""


class DrillBrokenOffError(Exception):
    """Something in the drill did not go as the file says, so what follows would be meaningless."""


class Play:
    """One playing of a drill on a stage.

    Args:
        stage: servers, people and clock, at the drill's start.
        account: where everything is put down.
        teller: shows it as it happens.
    """

    def __init__(self, stage: Stage, account: Account, teller: Teller) -> None:
        self._stage = stage
        self._drill: Drill = stage.drill
        self._account = account
        self._teller = teller
        self._watch = Watch(stage)
        self._number = {id(step): number for number, step in enumerate(self._drill.steps, start=1)}

    async def run(self) -> None:
        """Play to the end, or to the first act that did not go as the file says.

        Raises:
            DrillFailureError: the stage failed.
            BadDrillError: an instant of the file cannot be played.
        """
        try:
            for at, steps in groupby(self._drill.steps, key=lambda step: step.at):
                await self._climb_to(at)
                await self._instant(at, list(steps))
            await self._climb_to(self._drill.end)
            await self._reach(self._drill.end)
        except DrillBrokenOffError:
            return

    async def _instant(self, at: datetime, steps: list[Step]) -> None:
        """One instant: acts come before what is due at it; what is expected after the last act sees that done."""
        acts = [index for index, step in enumerate(steps) if step.expect is None]
        await self._stage.clock.stand(at)
        for step in steps[: acts[-1] + 1 if acts else 0]:
            await self._step(step)
        await self._reach(at)
        for step in steps[acts[-1] + 1 if acts else 0 :]:
            await self._step(step)

    async def _climb_to(self, at: datetime) -> None:
        """Let every rung before ``at`` fire, each at its own instant."""
        while (due := await self._watch.next_due()) is not None and due < at:
            await self._reach(due)

    async def _reach(self, at: datetime) -> None:
        await self._stage.clock.reach(at)
        await self._rest(at)
        for line in await self._watch.news():
            self._put(line)

    async def _rest(self, at: datetime) -> None:
        """Wait until nothing due by ``at`` is outstanding and workflows and rows agree."""
        until = time.monotonic() + REST_WITHIN
        while outstanding := await self._watch.outstanding(at):
            if time.monotonic() > until:
                raise DrillFailureError(f"at {shown(at)} this did not come to rest: {'; '.join(outstanding)}")
            await asyncio.sleep(0.02)

    async def _step(self, step: Step) -> None:
        if step.expect is not None:
            await self._expect(step, step.expect)
            return
        await self._room(step)
        try:
            told = await self._do(step)
        except Refusal as refusal:
            self._fail(step, refusal)
            raise DrillBrokenOffError from refusal
        self._put(self._line(step, "act", told))
        for line in await self._watch.news():
            self._put(line)

    async def _do(self, step: Step) -> str:
        """Do what a step says, and say what was done.

        Raises:
            Refusal: the API answered otherwise than the step expects.
        """
        cast = self._stage.cast
        part = getattr(step, step.kind)
        if isinstance(part, GoAbsent):
            return await cast.go_absent(part, step.at)
        if isinstance(part, ChangeUnits):
            told = await cast.change_units(part)
            for case in self._stage.cases.values():
                # As the sweep does in the service: workflows are told nothing when their case follows its unit.
                await self._stage.desk.wake(case)
            return told
        plays: dict[type[Part], Callable[[Any], Awaitable[str]]] = {
            MakeReport: cast.report, Act: cast.act, Refer: cast.refer, Consent: cast.consent,
            Answer: cast.answer, Call: cast.call,
        }  # fmt: skip
        return await plays[type(part)](part)

    async def _room(self, step: Step) -> None:
        """See that no timer can fire while the command is on its way: this test server would not survive it.

        Raises:
            BadDrillError: the file puts its instants too close together for that.
        """
        due = await self._watch.next_due()
        if due is not None and due >= step.at and self._stage.clock.room_before(due) < ROOM:
            raise BadDrillError(
                self._account.file,
                None,
                f"step {self._number[id(step)]} at {shown(step.at)} comes just after one instant and just before the "
                f"rung at {shown(due)}: leave {ROOM.seconds * 2} seconds between them",
            )

    async def _expect(self, step: Step, expect: Expect) -> None:
        async with self._stage.reading() as connection:
            seen = await look(connection, self._stage.cases[expect.case], self._stage.units)
        for finding in check(expect, seen, self._stage.nicks):
            self._put(self._found(step, finding))
        for want in expect.reading:
            status, body = await self._stage.cast.read(want, expect.case)
            self._put(self._found(step, reading(want, status, body)))
        if expect.allowed_for is not None:
            allowed = await self._stage.cast.allowed(expect.allowed_for, expect.case)
            for finding in _permissions(expect, allowed):
                self._put(self._found(step, finding))

    def _found(self, step: Step, finding: Finding) -> Line:
        text = finding.expected if finding.held else f"step {self._number[id(step)]}: {finding.expected}"
        return self._line(
            step, "expectation", text, held=finding.held, expected=finding.expected, seen=finding.seen or None
        )

    def _fail(self, step: Step, refusal: Refusal) -> None:
        number = self._number[id(step)]
        self._put(
            self._line(
                step,
                "expectation",
                f"step {number}: {step.says or step.kind}",
                held=False,
                expected=refusal.expected,
                seen=refusal.seen,
            )
        )

    def _line(self, step: Step, kind: Any, text: str, **more: Any) -> Line:
        part = getattr(step, step.kind)
        return Line(
            at=step.at,
            kind=kind,
            text=text if kind == "expectation" or not step.says else f"{step.says}: {text}",
            case=getattr(part, "case", None),
            step=self._number[id(step)],
            clause=step.clause,
            **more,
        )

    def _put(self, line: Line) -> None:
        self._account.lines.append(line)
        self._teller.tell(line)


def _permissions(expect: Expect, allowed: set[str]) -> Iterator[Finding]:
    listed = ", ".join(sorted(allowed)) or "nothing"
    for event in expect.allows:
        yield Finding(event in allowed, f"{expect.allowed_for} may {event}", listed)
    for event in expect.allows_not:
        yield Finding(event not in allowed, f"{expect.allowed_for} may not {event}", listed)
