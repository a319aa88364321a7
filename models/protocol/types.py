"""What goes into the deadline engine and what comes out of it: frozen, free of personal data, the same everywhere.

Instants are timezone-aware and kept in UTC; days are days at Asia/Ho_Chi_Minh. Codes are those of lifecycle.md.
Nothing here is computed: `engine` computes, others fill `Happened` and `CaseView` and store `Clock`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

_ZERO = timedelta(0)


def _to_utc(instant: datetime) -> datetime:
    # What is stored is UTC already; a case's clocks hold hundreds of instants.
    return instant if instant.utcoffset() == _ZERO else instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A timezone-aware instant, normalised to UTC; a naive one is refused."""

Level = Literal["E0", "E1", "E2", "E3", "E4"]
Kind = Literal["statutory", "local", "design"]
"""★ statutory, ◇ from a local plan or derived, ○ a design default."""

Mark = Literal["★", "◇", "○"]
MARKS: Mapping[Kind, Mark] = {"statutory": "★", "local": "◇", "design": "○"}
"""The mark people read, by kind."""

Risk = Literal["R1", "R2", "R3", "R4"]
Status = Literal["open", "met", "cancelled", "paused", "replaced"]
Asks = Literal["holder", "receiver", "both", "assignee"]
Condition = Literal["unacknowledged_or_unowned", "no_assessment_ruleout_or_measure_since_start"]


class Frozen(BaseModel):
    """A value: immutable, equal by content, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Report(Frozen):
    """The report an event is about.

    `received_at` is the earliest instant the information reached any receiver (process.md §6.6.1). `happened_at` is
    when the reported event itself happened, where known: it starts `written_report` under the parameter `event`.
    """

    id: UUID
    received_at: Instant
    flagged: bool = False
    happened_at: Instant | None = None


class PlanStep(Frozen):
    """One step of an approved plan: its key within the case and the last day it may be done."""

    key: str
    due: date


class Values(Frozen):
    """What the engine needs to know of one event beyond its name. Leave out what does not apply.

    complete_initial_assessment: `emergency` (Mẫu 02 says yes or no).
    approve_plan: `steps` (every step of the approved version), `review_on` (the plan's own review date, if any).
    record_step: `step` (key of the step recorded as done, or not done with a reason).
    add_task, call_conference, raise_flag: `steps` (what is to be done, by its own id, with its day).
    complete_task, drop_task, record_conference, lower_flag: `step` (its id); the minutes also `steps` (new tasks).
    order_isolation, extend_isolation: `ground` (a competent body's ground for going beyond 15 days is recorded).
    Any order given by word of mouth: `spoken`, and `order`, the order's own id or number as known to the record.
    record_signed_order: `order` (the same one; without it the earliest unsigned order is meant).
    pause_clock: `clock_id`, `pause_days` (working days, 1 to 3).
    record_recusal, name_delegate: `recused` (the role that may not decide: CHAIR, VCH, SUP, and CPO beside one of
    them); without it nobody who decides is recused, and no delegate is wanted.
    find_conflict, clear_conflict, record_recusal: `person` (id of the person it is about).
    break_glass, review_break_glass: `grant` (its id).
    send, of a referral: `without_consent` (nobody has agreed, and no ground is recorded).
    extend_decision: `until` (the new day for the decision).
    """

    emergency: bool | None = None
    steps: tuple[PlanStep, ...] = ()
    review_on: date | None = None
    step: str | None = None
    ground: bool = False
    spoken: bool = False
    order: str | None = None
    clock_id: UUID | None = None
    pause_days: int | None = None
    recused: str | None = None
    person: str | None = None
    grant: str | None = None
    without_consent: bool = False
    until: date | None = None


class Happened(Frozen):
    """One recorded event, as the engine sees it.

    `event` is a lifecycle event; besides those, `receive_report` (intake), `ban_ends` (the ban's limit came),
    `record_recusal` (somebody was found to be in a conflict), `find_conflict` (somebody may be in one),
    `break_glass` and `review_break_glass` (somebody looked into it in an emergency, and was looked at),
    `update_household_risk` (the highest risk in the household changed by another child's case). An event and those it
    implies come as one sequence, the cause first: `("add_report", "raise_emergency")`. `role` is the role the actor
    acted in; `report` is the report the event is about: required by receive_report, add_report, reopen and
    acknowledge_report.
    """

    event: str
    occurred_at: Instant
    recorded_at: Instant
    role: str | None = None
    report: Report | None = None
    values: Values = Values()


class Standing(Frozen):
    """The four regions of a case, by the codes of lifecycle.md."""

    process: str
    protection: str = "none"
    ban: str = "none"
    custody: str = "held"


class CaseView(Frozen):
    """The case AFTER the events, and where it stood before them.

    `before` is None at intake. `receipt` is the receipt of the report that opened the present episode: the first one,
    or the one that reopened the case. `household_risk` is the highest risk among the open cases of the household, this
    one included or not. `flagged`: any report of this episode was flagged, or an emergency was raised in it.
    `ground_end` is the end of a recorded ground for isolating longer, while that ground is in force.
    `closed_at` and `closure_reason` belong to the latest closing (`approve_closure`, `confirm_…`), also when reopening.
    """

    id: UUID
    standing: Standing
    before: Standing | None = None
    receipt: Instant
    unit: str | None = None
    risk: Risk | None = None
    household_risk: Risk | None = None
    flagged: bool = False
    has_owner: bool = False
    ground_end: date | None = None
    closed_at: Instant | None = None
    closure_reason: str | None = None


class Rung(Frozen):
    """One rung of one clock: who is told (by level), when it fires, when it is delivered.

    `ordinal` names the rung within its clock for ever: (clock id, ordinal) fires once. Rungs stand in order of
    `due_at`; after re-planning that is not the order of ordinals. `at` is the protocol's own wording ("8 H", "90 %",
    "limit", "+2 WD"). `breach`: if the clock is still open when this rung fires, a breach record is made;
    `statutory` says that the limit breached is a statutory one (★), else it is local or a design default.
    `condition`: ask `conditions.rung_applies` when firing; a rung that does not apply is passed over, which counts as
    fired. `then`: the event that the clock itself records when this rung fires (`ban_ends`).
    `also`: the parties to a referral that are told besides (`agency`). `asks`: whose people the level means.
    """

    ordinal: int
    level: Level
    at: str
    due_at: Instant
    deliver_at: Instant
    breach: bool = False
    statutory: bool = False
    condition: Condition | None = None
    then: str | None = None
    also: tuple[str, ...] = ()
    asks: Asks = "holder"


class Pause(Frozen):
    """A stretch during which a design clock stood still; `until` is None while it still does.

    `working_days` is how many somebody paused it for; None for a suspension.
    """

    since: Instant
    until: Instant | None = None
    reason: str
    working_days: int | None = None


class SkippedDay(Frozen):
    """A day that was not counted, and why: `weekend`, or `holiday` with its names."""

    day: date
    why: Literal["weekend", "holiday"]
    name_vi: str | None = None
    name_en: str | None = None


class Explanation(Frozen):
    """How the limit was computed, for people: every number in it can be checked with a wall calendar.

    `first_counted` and `last_counted` are set for limits in days; `skipped` for working days only. `provisional` says
    that days of a year whose calendar may still change were counted. `capped_by`: an earlier date of the plan
    or the ground decided. `pauses` moved the limit. `moved_why` is the code of the latest re-planning.
    """

    start_event: str
    amount: str
    variant: str
    first_counted: date | None = None
    last_counted: date | None = None
    skipped: tuple[SkippedDay, ...] = ()
    rolls: bool = False
    provisional: bool = False
    capped_by: date | None = None
    pauses: tuple[Pause, ...] = ()
    moved_why: str | None = None


class Clock(Frozen):
    """One occurrence of one deadline of one case.

    `due_at` is the limit that holds here. For a statutory deadline `statutory_due_at` is the limit of the law: the
    same instant, or a later one where a local override shortens it; None for anything else. Being late against one is
    not being late against the other.
    `subject` tells occurrences of one code apart: a report's id, a plan step's key, an order, a role, a month.
    `variant` is the wording of the condition that chose limit and ladder; `cap` an earlier day that decided instead.
    `fired` are the ordinals that fired or were passed over; whoever loads the clock fills it from the record.
    `met_late`: what met it occurred after `due_at`. `recorded_late`: it occurred in time but was recorded after the
    limit ("met in time, recorded late": the breach stays on record, marked so). `raised`: an emergency was raised
    while it ran, so only a measure, an order or standing down meets it. `ended_at` is when meeting or cancelling was
    recorded; while it is None the clock runs (or is paused).
    `carried_from` is the clock of an attached case that this one goes on for.
    Rungs mean something only while `status` is "open"; `due_at` of a paused clock is the limit it had.
    """

    id: UUID
    code: str
    occurrence: int = Field(ge=1)
    subject: str | None = None
    kind: Kind
    start_event: str
    started_at: Instant
    due_at: Instant
    statutory_due_at: Instant | None = None
    amount: str
    variant: str = ""
    cap: date | None = None
    rungs: tuple[Rung, ...] = ()
    fired: tuple[int, ...] = ()
    status: Status = "open"
    flagged: bool = False
    raised: bool = False
    met_at: Instant | None = None
    met_by: str | None = None
    met_late: bool = False
    recorded_late: bool = False
    ended_at: Instant | None = None
    cancel_reason: str | None = None
    pauses: tuple[Pause, ...] = ()
    remaining: str | None = None
    protocol_version: str
    calendar_version: str
    override: str | None = None
    carried_from: UUID | None = None
    explanation: Explanation

    @property
    def pending(self) -> tuple[Rung, ...]:
        """Return the rungs that may still fire, the earliest first; none unless the clock is open."""
        if self.status != "open":
            return ()
        return tuple(rung for rung in self.rungs if rung.ordinal not in self.fired)

    @property
    def running(self) -> bool:
        """Return whether the clock still waits to be met: open or paused."""
        return self.status in ("open", "paused")

    @property
    def breached(self) -> tuple[Rung, ...]:
        """Return the limits that had passed when an ended clock's end was recorded, as the rungs that stand there.

        Each needs its breach record: late where `met_at` is after the rung's `due_at` (or it was never met), else
        "met in time, recorded late". An end recorded at the limit itself comes before the limit's rung, unless that
        fired already.
        """
        if self.ended_at is None:
            return ()
        late = (rung for rung in self.rungs if rung.breach)
        return tuple(rung for rung in late if rung.due_at < self.ended_at or rung.ordinal in self.fired)

    @property
    def paused_days(self) -> int:
        """Return for how many working days people have paused it, all pauses together."""
        return sum(pause.working_days or 0 for pause in self.pauses)


class Move(Frozen):
    """A running clock that was re-planned: from what, to what, and why, as a code.

    `why`: flagged, risk_raised, risk_lowered, emergency, emergency_over, initial_assessment_earlier, ground_ends,
    pause_clock, recomputed. `emergency` without another instant: the clock was marked `raised`. `lengthened`: the
    limit is later than before, which must be said to somebody.
    """

    before: Clock
    after: Clock
    why: str
    lengthened: bool


class Changes(Frozen):
    """What the events did to the clocks; each clock in its new form.

    A clock that was started and met by one command stands in `started` and in `met`. `replaced` clocks stand in
    `cancelled`. `breaches_met_late`: clocks met or ended after a limit had passed, for which a breach record must
    exist whether or not the rung came to fire first (a late worker does not undo lateness); `Clock.breached` says
    which.
    """

    started: tuple[Clock, ...] = ()
    met: tuple[Clock, ...] = ()
    cancelled: tuple[Clock, ...] = ()
    moved: tuple[Move, ...] = ()
    paused: tuple[Clock, ...] = ()
    resumed: tuple[Clock, ...] = ()
    reopened: tuple[Clock, ...] = ()
    breaches_met_late: tuple[Clock, ...] = ()

    @property
    def touched(self) -> tuple[Clock, ...]:
        """Return every changed clock once, in its new form: what a store writes."""
        moved = tuple(move.after for move in self.moved)
        every = (*self.started, *self.met, *self.cancelled, *moved, *self.paused, *self.resumed, *self.reopened)
        return tuple({clock.id: clock for clock in every}.values())


def clock_id(case_id: UUID, code: str, occurrence: int) -> UUID:
    """Return the id of a deadline occurrence: the same for the same case, code and number, wherever it is computed."""
    return uuid5(case_id, f"{code}/{occurrence}")
