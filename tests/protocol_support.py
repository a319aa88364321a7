"""A case told event by event to the deadline engine, as the activity that records a transition does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from models.calendar import TZ, Calendar, load_calendar
from models.protocol import (
    CaseView,
    Changes,
    Clock,
    Happened,
    Overrides,
    PlanStep,
    Protocol,
    Report,
    Standing,
    Values,
    replan,
    shipped_protocols,
    with_changes,
)

CASE = UUID("0191f3a0-0000-7000-8000-000000000001")
PROTOCOL = shipped_protocols().versions[-1]
CALENDAR = load_calendar()


def at(text: str) -> datetime:
    """An instant at +07:00."""
    return datetime.fromisoformat(text).replace(tzinfo=TZ)


def report(name: str, received: str, *, flagged: bool = False, happened: str | None = None) -> Report:
    return Report(
        id=uuid5(CASE, name),
        received_at=at(received),
        flagged=flagged,
        happened_at=at(happened) if happened else None,
    )


def step(key: str, due: str) -> PlanStep:
    return PlanStep(key=key, due=date.fromisoformat(due))


@dataclass
class Story:
    """The clocks and the view of one case; `tell` moves both on."""

    case_id: UUID = CASE
    protocol: Protocol = PROTOCOL
    calendar: Calendar = CALENDAR
    overrides: Overrides = field(default_factory=Overrides)
    known: Mapping[str, Protocol] = field(default_factory=dict)
    clocks: tuple[Clock, ...] = ()
    view: CaseView | None = None
    latest: Changes = field(default_factory=Changes)

    def tell(
        self,
        events: str,
        when: str,
        *,
        role: str | None = "CPO",
        recorded: str | None = None,
        about: Report | None = None,
        values: Values | None = None,
        **seen: Any,
    ) -> Changes:
        """Let one or more events happen; `seen` are the fields of the view or the standing that are new with them."""
        standing = {name: seen.pop(name) for name in ("process", "protection", "ban", "custody") if name in seen}
        if self.view is None:
            assert about is not None
            first = {"process": "received", **standing}
            view = CaseView(
                id=self.case_id, standing=Standing(**first), receipt=about.received_at, flagged=about.flagged
            )
        else:
            after = self.view.standing.model_copy(update=standing)
            view = self.view.model_copy(update={"before": self.view.standing, "standing": after})
            if about is not None and about.flagged:
                seen.setdefault("flagged", True)
        if "raise_emergency" in events:
            seen.setdefault("flagged", True)
        self.view = view.model_copy(update=seen)
        happened = [
            Happened(
                event=event,
                occurred_at=at(when),
                recorded_at=at(recorded or when),
                role=role,
                report=about,
                values=values or Values(),
            )
            for event in events.split()
        ]
        self.latest = replan(
            self.clocks,
            happened,
            self.view,
            self.protocol,
            self.calendar,
            overrides=self.overrides,
            known=self.known,
        )
        self.clocks = with_changes(self.clocks, self.latest)
        return self.latest

    def every(self, code: str) -> list[Clock]:
        return [clock for clock in self.clocks if clock.code == code]

    def open(self, code: str) -> list[Clock]:
        return [clock for clock in self.every(code) if clock.status == "open"]

    def one(self, code: str) -> Clock:
        """The only open clock of a code."""
        found = self.open(code)
        assert len(found) == 1, f"{len(found)} open clocks {code}"
        return found[0]

    def last(self, code: str) -> Clock:
        return self.every(code)[-1]

    def running(self) -> set[str]:
        return {clock.code for clock in self.clocks if clock.status == "open"}

    def fire(self, until: str) -> list[tuple[str, str, str]]:
        """Fire every rung due by an instant, each once, and return (code, level, local time)."""
        fired = []
        clocks = []
        for clock in self.clocks:
            due = [rung for rung in clock.pending if rung.due_at <= at(until)]
            fired += [(clock.code, rung.level, local(rung.due_at)) for rung in due]
            ordinals = tuple(rung.ordinal for rung in due)
            clocks.append(clock.model_copy(update={"fired": (*clock.fired, *ordinals)}))
        self.clocks = tuple(clocks)
        return sorted(fired, key=lambda rung: (rung[2], rung[0], rung[1]))


def local(instant: datetime) -> str:
    return instant.astimezone(TZ).strftime("%Y-%m-%d %H:%M")


def ladder(clock: Clock) -> list[str]:
    """Every rung as "E1 2026-11-23 10:00", the earliest first."""
    return [f"{rung.level} {local(rung.due_at)}" for rung in clock.rungs]


def pending(clock: Clock) -> list[str]:
    return [f"{rung.level} {local(rung.due_at)}" for rung in clock.pending]


def due(clock: Clock) -> str:
    return local(clock.due_at)


def last_day(clock: Clock) -> str:
    return local(clock.due_at - timedelta(seconds=1))[:10]


def received(when: str = "2026-11-23 08:00", *, flagged: bool = False, **more: Any) -> Story:
    story = Story(**more)
    first = report("first", when, flagged=flagged)
    events = "receive_report raise_emergency" if flagged else "receive_report"
    story.tell(events, when, role="H111", about=first, protection="emergency" if flagged else "none")
    return story


def assessed(risk: str = "R3", *, flagged: bool = False, **more: Any) -> Story:
    """A case of Mon 23 Nov 2026 08:00 with Mẫu 02 at 12:00 that says no emergency (flagged: measures at 11:00)."""
    story = received(flagged=flagged, **more)
    story.tell("acknowledge", "2026-11-23 08:20", process="screening")
    story.tell("accept", "2026-11-23 09:00", process="initial_assessment", has_owner=True)
    if flagged:
        story.tell("apply_measures", "2026-11-23 11:00", protection="protected")
    story.tell(
        "complete_initial_assessment",
        "2026-11-23 12:00",
        process="verifying",
        risk=risk,
        values=Values(emergency=False),
    )
    return story


def planned(risk: str = "R3", **more: Any) -> Story:
    """The same case with its plan submitted on Thu 26 Nov 2026 at 10:00."""
    story = assessed(risk, **more)
    story.tell("substantiate", "2026-11-25 09:00", process="detailed_assessment")
    story.tell("complete_detailed_assessment", "2026-11-25 15:00", process="needs_meeting")
    story.tell("record_needs_meeting", "2026-11-26 09:00", process="plan_draft")
    story.tell("submit_plan", "2026-11-26 10:00", process="plan_approval")
    return story


def active(risk: str = "R3", **more: Any) -> Story:
    """The same case with its plan approved on Fri 27 Nov 2026 at 10:00, two steps in it."""
    story = planned(risk, **more)
    steps = (step("clinic", "2026-12-04"), step("school", "2026-12-18"))
    story.tell("approve_plan", "2026-11-27 10:00", role="CHAIR", process="active", values=Values(steps=steps))
    return story


def closed(**more: Any) -> Story:
    """The same case closed on Thu 31 Dec 2026 at 10:00."""
    story = active("R2", **more)
    story.tell("start_review", "2026-12-28 09:00", process="review")
    story.tell("propose_closure", "2026-12-29 09:00", process="closure_proposed")
    closing = {"closed_at": at("2026-12-31 10:00"), "closure_reason": "safe_and_stable"}
    story.tell("approve_closure", "2026-12-31 10:00", role="CHAIR", process="closed", **closing)
    return story
