"""The shape of a protocol file: one rule per deadline, checked as a whole when it is loaded.

The numbers, events and ladders are data; only the few things a table cannot say (`Requirement`) are names that the
engine knows. Order matters in one place: the first variant whose condition holds decides limit and ladder.
"""

from datetime import date, time
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from models.protocol.arithmetic import Amount, At, ProtocolError
from models.protocol.types import Asks, Condition, Kind, Level, Risk

UNVERIFIED = "chưa kiểm chứng"
"""What stands beside a legal basis nobody has checked against the text of the law."""

AmountField = Annotated[
    Amount,
    BeforeValidator(lambda raw: Amount.parse(raw) if isinstance(raw, str) else raw),
    PlainSerializer(str),
]
AtField = Annotated[
    At,
    BeforeValidator(lambda raw: At.parse(raw) if isinstance(raw, str) else raw),
    PlainSerializer(lambda at: at.text),
]

Requirement = Literal[
    "enters_protected",  # the protection region comes into `protected` from another state
    "enters_isolated",  # … into `isolated`: a new order inside it does not start the 15 days again
    "ground",  # a competent body's ground for isolating longer is recorded with the act
    "ground_ends",  # … and names its last day
    "spoken",  # the order was given by word of mouth
    "decider_recused",  # the person recused holds a role that decides, whose place a delegate takes
    "unrouted",  # no unit holds the case
    "into_review",  # the case is in `review` afterwards
    "contact_possible",  # not closed for death or moving abroad
    "child_died",  # the closure is for the child's death
    "closed_within_window",  # reopened soon after it was closed
    "met_one",  # the same event met a running occurrence
    "said_no",  # Mẫu 02 says that it is no emergency
    "no_emergency",  # nobody has raised an emergency that is still unanswered
    "without_consent",  # a referral was sent although nobody has agreed and no ground is recorded
]
Cap = Literal["review_on", "ground_end", "step_due", "until"]


class Rule(BaseModel):
    """Base: immutable, unknown keys refused, so that a misspelt one is noticed when the file is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(Rule):
    """Where a rule stands. `verified` is false for what process.md has from memory or from one locality only."""

    text: str
    verified: bool

    @property
    def label(self) -> str | None:
        """Return the words to show beside an unchecked basis, or None."""
        return None if self.verified else UNVERIFIED


class When(Rule):
    """A condition on the case; what is not said does not matter. An unknown risk counts as R4 (see `holds`)."""

    flagged: bool | None = None
    emergency: bool | None = None
    risk: tuple[Risk, ...] = ()
    start: tuple[str, ...] = ()

    def holds(self, *, flagged: bool, emergency: bool, risk: Risk | None, start: str) -> bool:
        """Return whether the condition holds.

        Nobody has yet said how great the danger is: until then it is taken for the greatest, which only shortens
        limits.
        """
        return (
            (self.flagged is None or self.flagged == flagged)
            and (self.emergency is None or self.emergency == emergency)
            and (not self.risk or (risk or "R4") in self.risk)
            and (not self.start or start in self.start)
        )

    def __str__(self) -> str:
        words = []
        if self.flagged is not None:
            words.append("flagged" if self.flagged else "not flagged")
        if self.emergency is not None:
            words.append("emergency" if self.emergency else "no emergency")
        words += ["/".join(self.risk)] if self.risk else []
        words += ["/".join(self.start)] if self.start else []
        return ", ".join(words)


class RungRule(Rule):
    """One rung: the level told, where it stands, what else happens there, and parties to a referral told besides.

    `asks`: whose people the level means: those of the unit that holds the case, of the one it was proposed to, or both;
    or whoever a task was given to.
    """

    level: Level
    at: AtField
    breach: bool = False
    condition: Condition | None = None
    then: str | None = None
    also: tuple[str, ...] = ()
    asks: Asks = "holder"


class Variant(Rule):
    """A limit with its ladder. `limit` is missing where a date of the plan decides (`cap`), or the row is a series.

    `kind` is set where this variant has another mark than the row.
    """

    when: When = When()
    limit: AmountField | None = None
    kind: Kind | None = None
    rungs: tuple[RungRule, ...]

    ENDS_LATER: ClassVar[bool] = False
    """Whether its last rung may end the matter after the limit."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        for rung in self.rungs:
            rung.at.check(self.limit)
            later = self.ENDS_LATER and rung == self.rungs[-1] and not rung.breach
            if (rung.breach or (rung.then and not later)) and not rung.at.is_limit(self.limit):
                raise ProtocolError(
                    f"rung {rung.level} at {rung.at.text!r} acts on the limit passing, but is not at the limit"
                )
        at_limit = [rung for rung in self.rungs if rung.at.is_limit(self.limit)]
        if sum(rung.breach or rung.then is not None for rung in at_limit) != 1:
            raise ProtocolError("a ladder has exactly one rung at its limit that records a breach or ends the matter")
        return self


class Start(Rule):
    """An event that starts the clock, at the instant it occurred or at the receipt of its report.

    ``after_night``: an act of the night starts it in the morning (``Referrals.night_until``). ``kept``: at the start of
    the one that runs, which it replaces: a decision put off is still counted from the beginning.
    """

    event: str
    at: Literal["occurred", "receipt", "written_report_start", "after_night", "kept"] = "occurred"
    requires: tuple[Requirement, ...] = ()


class Met(Rule):
    """An event that meets the clock; by these roles only, where roles are given.

    `after_start`: only occurrences that started no later than the event occurred. `at_start`: also an occurrence that
    this very event starts. `every`: all that started by then, whatever subject the event names: who acknowledges a case
    has seen every report in it. `else_earliest`: the earliest one, where none that runs has the subject named.
    """

    event: str
    roles: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    after_start: bool = False
    at_start: bool = False
    every: bool = False
    else_earliest: bool = False


class DeadlineRule(Rule):
    """One row of the protocol.

    Attributes:
        per: what tells occurrences apart: `case` (one at a time), `report`, `step`, `order`, `role`,
            `person`, `grant`, `month`.
        meets: which open occurrences an event meets: `all`, the event's own `subject` (of `earliest` where it names
            none), or the `earliest`.
        running: a start while one runs: `keep` the running one, `replace` it, or `add` another beside it.
        maximum: a longest time for a restriction; it never rolls.
        rolls: ends on the next working day when it ends on a rest day.
        pausable: SUP may pause it (○ only). stops_when_suspended: a design clock stops while the case is suspended.
        survives_final: not cancelled by a final state. moves: goes along when the case is attached to another.
        covers: the states, as region.state, for which this deadline is the running one (invariant 11).
        cancelled_by: events that cancel it.
        series: for `per = "month"`: one clock each.
        note_vi, note_en: what a reader of the table must know besides.
    """

    code: str
    kind: Kind
    name_vi: str
    name_en: str
    basis: Basis | None = None
    note_vi: str = ""
    note_en: str = ""
    per: Literal["case", "report", "step", "order", "role", "person", "grant", "month"] = "case"
    meets: Literal["all", "subject", "earliest"] = "all"
    running: Literal["keep", "replace", "add"] = "keep"
    maximum: bool = False
    rolls: bool = False
    pausable: bool = False
    stops_when_suspended: bool = False
    survives_final: bool = False
    moves: bool = False
    covers: tuple[str, ...] = ()
    cap: Cap | None = None
    series: tuple[AmountField, ...] = ()
    starts: tuple[Start, ...]
    met_by: tuple[Met, ...]
    cancelled_by: tuple[str, ...] = ()
    variants: tuple[Variant, ...]

    @property
    def repeatable(self) -> bool:
        """Return whether meeting it starts the next one, or each further start adds one."""
        return self.per != "case" or bool({start.event for start in self.starts} & {met.event for met in self.met_by})

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.maximum and self.rolls:
            raise ProtocolError(f"{self.code}: a maximum never rolls to the next working day")
        kinds = {variant.kind or self.kind for variant in self.variants}
        if "design" not in kinds and (self.pausable or self.stops_when_suspended):
            raise ProtocolError(f"{self.code}: only design clocks may be paused or stopped")
        if not self.variants or self.variants[-1].when != When():
            raise ProtocolError(f"{self.code}: the last variant must hold always")
        if any(variant.limit is None for variant in self.variants) and self.cap is None and not self.series:
            raise ProtocolError(f"{self.code}: a variant has neither a limit nor a date that decides")
        return self

    def variant(self, *, flagged: bool, emergency: bool, risk: Risk | None, start: str) -> Variant:
        """Return the first variant whose condition holds."""
        return next(
            variant
            for variant in self.variants
            if variant.when.holds(flagged=flagged, emergency=emergency, risk=risk, start=start)
        )


class Parameters(Rule):
    """Numbers and choices that belong to no single row.

    Attributes:
        plan_start: the event the working days of the plan are counted from; the law's text leaves it open (process.md
            §1.1).
        plan_latest_in_emergency: in an emergency the plan's clock starts no later than this after receipt.
        written_report_start: `receipt`, or `event`: when the reported event itself happened, where that is known.
        quality_review_window: a case reopened this soon after closing has its closing reviewed.
        no_contact_after: closure reasons after which nobody can be contacted.
        longest_pause: of a design clock, each time, with the supervisor's reason.
        break_glass_longest: reading a case that is not one's own, from the second person's word on.
    """

    plan_start: Literal[
        "receipt", "complete_initial_assessment", "complete_detailed_assessment", "record_needs_meeting"
    ]
    plan_latest_in_emergency: AmountField
    written_report_start: Literal["receipt", "event"]
    quality_review_window: AmountField
    no_contact_after: tuple[str, ...]
    longest_pause: AmountField
    break_glass_longest: AmountField


class ReferralVariant(Variant):
    """A limit of a referral's clock; its last rung may end the matter: what nobody answers is passed on."""

    ENDS_LATER: ClassVar[bool] = True


class Limit(Rule):
    """A limit of a referral's clock as the file gives it.

    Without a ladder: E1 at the limit, E2 at twice, E3 at three times (lifecycle.md).
    """

    when: When = When()
    limit: AmountField
    kind: Kind | None = None
    rungs: tuple[RungRule, ...] | None = None


class ReferralClock(Rule):
    """One clock that referrals have, whatever the service.

    Attributes:
        owed_by: whose answer or act it waits for; the agency is told with each rung of what it owes itself.
        limits, in_emergency: its limits for services that name none of their own; for emergency services, the second.
        like: it has the limit of that other clock of the service.
        unanswered: one more limit after its last rung, a referral expires; one to the police or an emergency service
            stays open, and the next unit is asked as well.
        survives_final: it runs on after the referral has ended: what is chased is the need, not the agency.
        cancelled_by: as for any deadline.
        for_services: ``all``; ``named``: those that name it; ``emergency``; ``ordinary``: all others; ``noted``: those
            without an end of their own, whose progress is noted.
    """

    code: str
    name_vi: str
    name_en: str
    owed_by: Literal["sender", "agency", "supervisor"]
    note_vi: str = ""
    note_en: str = ""
    running: Literal["keep", "replace"] = "keep"
    starts: tuple[Start, ...] = ()
    met_by: tuple[Met, ...]
    limits: tuple[Limit, ...] = ()
    in_emergency: tuple[Limit, ...] = ()
    like: str | None = None
    unanswered: bool = False
    survives_final: bool = False
    cancelled_by: tuple[str, ...] = ()
    for_services: Literal["all", "named", "emergency", "ordinary", "noted"] = "all"


class ServiceClock(Rule):
    """What one service says of one clock; what it leaves out is as the clock has it."""

    code: str
    kind: Kind = "design"
    basis: Basis | None = None
    note_vi: str = ""
    note_en: str = ""
    running: Literal["keep", "replace"] | None = None
    starts: tuple[Start, ...] | None = None
    met_by: tuple[Met, ...] | None = None
    cap: Cap | None = None
    limits: tuple[Limit, ...]


class ServiceRule(Rule):
    """One service: which clocks it has. ``window``: hours from the event within which care still helps, for display."""

    code: str
    emergency: bool = False
    noted: bool = False
    windows: tuple[AmountField, ...] = ()
    clocks: tuple[ServiceClock, ...] = ()

    def clock(self, code: str) -> ServiceClock | None:
        """Return what the service says of a clock, or None."""
        return next((one for one in self.clocks if one.code == code), None)


class PublicDoor(Rule):
    """What of the reports by anybody is set aside before it becomes a case, and for how long at most.

    Attributes:
        waits: after so long without anybody having looked, it goes in by itself.
        waits_in_danger: the same of one that says the child is in danger now.
        same_words_within: how long a report is remembered, to know the very same one again.
        address_within, address_most: more reports than this from one address within that time are set aside.
        pace_within, pace_most: the usual pace: what comes beyond it, from everybody together, is set aside.
        few_words: a report with a link and fewer words than this beside it is set aside.
    """

    waits: AmountField
    waits_in_danger: AmountField
    same_words_within: AmountField
    address_within: AmountField
    address_most: Annotated[int, Field(ge=1)]
    pace_within: AmountField
    pace_most: Annotated[int, Field(ge=1)]
    few_words: Annotated[int, Field(ge=1, le=50)]

    @model_validator(mode="after")
    def _elapsed(self) -> Self:
        for name in ("waits", "waits_in_danger", "same_words_within", "address_within", "pace_within"):
            _ = getattr(self, name).span
        return self


class Referrals(Rule):
    """The clocks of referrals, by service.

    Attributes:
        night_from, night_until: between these a start `after_night` waits for the morning, at Asia/Ho_Chi_Minh.
        link_lasts: how long a one-time link waits to be opened.
        link_session: how long whoever opened one may answer.
        link_tries: wrong phrases after which a link is locked.
    """

    night_from: time
    night_until: time
    link_lasts: AmountField
    link_session: AmountField
    link_tries: Annotated[int, Field(ge=1, le=10)]
    clocks: tuple[ReferralClock, ...]
    services: tuple[ServiceRule, ...]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        codes = {clock.code for clock in self.clocks}
        for service in self.services:
            unknown = {one.code for one in service.clocks} - codes
            if unknown:
                raise ProtocolError(f"{service.code}: there is no clock {', '.join(sorted(unknown))}")
        if len({service.code for service in self.services}) < len(self.services) or len(codes) < len(self.clocks):
            raise ProtocolError("a service or clock of referrals stands twice")
        _ = self.rows
        return self

    @cached_property
    def rows(self) -> dict[str, tuple[DeadlineRule, ...]]:
        """Return the rows of every service, by its code."""
        return {service.code: tuple(self._rows(service)) for service in self.services}

    def _rows(self, service: ServiceRule) -> list[DeadlineRule]:
        rows = []
        for clock in self.clocks:
            own = service.clock(clock.code)
            wanted = {
                "all": True,
                "named": own is not None,
                "emergency": service.emergency,
                "ordinary": not service.emergency,
                "noted": service.noted,
            }[clock.for_services]
            if wanted:
                rows.append(_row(clock, own, self._limits(clock, service), emergency=service.emergency))
        return rows

    def _limits(self, clock: ReferralClock, service: ServiceRule) -> tuple[Limit, ...]:
        own = service.clock(clock.code)
        if own is not None:
            return own.limits
        if clock.like is not None:
            other = service.clock(clock.like)
            if other is None:
                raise ProtocolError(f"{service.code}: {clock.code} is as long as {clock.like}, which it does not have")
            return tuple(Limit(when=one.when, limit=one.limit) for one in other.limits)
        return clock.in_emergency if service.emergency and clock.in_emergency else clock.limits


def _row(clock: ReferralClock, own: ServiceClock | None, limits: tuple[Limit, ...], *, emergency: bool) -> DeadlineRule:
    ends = ("ask_again" if emergency else "expire") if clock.unanswered else None
    said = own or ServiceClock(code=clock.code, limits=limits)
    return DeadlineRule(
        code=clock.code,
        kind=said.kind,
        name_vi=clock.name_vi,
        name_en=clock.name_en,
        basis=said.basis,
        note_vi=said.note_vi or clock.note_vi,
        note_en=said.note_en or clock.note_en,
        running=said.running or clock.running,
        cap=said.cap,
        survives_final=clock.survives_final,
        cancelled_by=clock.cancelled_by,
        starts=clock.starts if said.starts is None else said.starts,
        met_by=clock.met_by if said.met_by is None else said.met_by,
        variants=tuple(_variant(limit, ends, ("agency",) if clock.owed_by == "agency" else ()) for limit in limits),
    )


def _variant(limit: Limit, ends: str | None, also: tuple[str, ...]) -> ReferralVariant:
    rungs = limit.rungs or (
        RungRule(level="E1", at=At.parse("limit"), breach=True),
        RungRule(level="E2", at=At.parse(str(_times(limit.limit, 2)))),
        RungRule(level="E3", at=At.parse(str(_times(limit.limit, 3)))),
    )
    if ends is not None:
        last = rungs[-1].at
        at = _plus(limit.limit if last.is_limit(limit.limit) else last.from_start(limit.limit), limit.limit)
        rungs = (*rungs, RungRule(level="E0", at=At.parse(str(at)), then=ends))
    told = tuple(rung.model_copy(update={"also": also}) for rung in rungs)
    return ReferralVariant(when=limit.when, limit=limit.limit, kind=limit.kind, rungs=told)


def _times(amount: Amount, factor: int) -> Amount:
    return Amount(amount.value * factor, amount.unit)


def _plus(one: Amount, other: Amount) -> Amount:
    if one.unit == other.unit:
        return Amount(one.value + other.value, one.unit)
    if one.elapsed is None or other.elapsed is None:
        raise ProtocolError(f"{one} and {other} cannot be added")
    return Amount(int((one.elapsed + other.elapsed).total_seconds()) // 60, "min")


class Protocol(Rule):
    """One version of the protocol, in force from a day at Asia/Ho_Chi_Minh until the next version is."""

    version: str
    name_vi: str
    name_en: str
    valid_from: date
    published: date
    legal_basis: tuple[Basis, ...]
    parameters: Parameters
    rows: tuple[DeadlineRule, ...]
    public_door: PublicDoor | None = None
    referrals: Referrals | None = None

    @model_validator(mode="after")
    def _once(self) -> Self:
        codes = [row.code for row in self.rows]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ProtocolError(f"protocol {self.version}: {', '.join(twice)} stands twice")
        return self

    @property
    def deadlines(self) -> dict[str, DeadlineRule]:
        """Return the rows by code."""
        return {row.code: row for row in self.rows}

    def rule(self, code: str) -> DeadlineRule:
        """Return one row.

        Raises:
            ProtocolError: this version has no such deadline.
        """
        for row in self.rows:
            if row.code == code:
                return row
        raise ProtocolError(f"protocol {self.version} has no deadline {code!r}")

    @cached_property
    def by_service(self) -> dict[str, "Protocol"]:
        """Return this version as it holds for the referrals to each service: its rows are that service's clocks."""
        if self.referrals is None:
            return {}
        return {service: self.model_copy(update={"rows": rows}) for service, rows in self.referrals.rows.items()}

    def for_service(self, service: str) -> "Protocol":
        """Return this version as it holds for the referrals to one service.

        Raises:
            ProtocolError: this version says nothing of it.
        """
        if service not in self.by_service:
            raise ProtocolError(f"protocol {self.version} has no clocks for {service!r}")
        return self.by_service[service]
