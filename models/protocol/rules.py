"""The shape of a protocol file: one rule per deadline, checked as a whole when it is loaded.

The numbers, events and ladders are data; only the few things a table cannot say (`Requirement`) are names that the
engine knows. Order matters in one place: the first variant whose condition holds decides limit and ladder.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator

from models.protocol.arithmetic import Amount, At, ProtocolError
from models.protocol.types import Condition, Kind, Level, Risk

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
]
Cap = Literal["review_on", "ground_end", "step_due"]


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
    """One rung: the level told, where it stands, and what else happens there."""

    level: Level
    at: AtField
    breach: bool = False
    condition: Condition | None = None
    then: str | None = None


class Variant(Rule):
    """A limit with its ladder. `limit` is missing where a date of the plan decides (`cap`), or the row is a series.

    `kind` is set where this variant has another mark than the row.
    """

    when: When = When()
    limit: AmountField | None = None
    kind: Kind | None = None
    rungs: tuple[RungRule, ...]

    @model_validator(mode="after")
    def _placed(self) -> Self:
        for rung in self.rungs:
            rung.at.check(self.limit)
            if (rung.breach or rung.then) and not rung.at.is_limit(self.limit):
                raise ProtocolError(
                    f"rung {rung.level} at {rung.at.text!r} acts on the limit passing, but is not at the limit"
                )
        if sum(rung.breach or rung.then is not None for rung in self.rungs) != 1:
            raise ProtocolError("a ladder has exactly one rung at its limit that records a breach or ends the matter")
        return self


class Start(Rule):
    """An event that starts the clock, at the instant it occurred or at the receipt of its report."""

    event: str
    at: Literal["occurred", "receipt", "written_report_start"] = "occurred"
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
