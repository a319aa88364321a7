"""The format of a drill, typed: what a file may say. docs/guides/drills.md explains every field to a domain person."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.protocol.types import Status

HERE = ZoneInfo("Asia/Ho_Chi_Minh")

Nick = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
"""A short name inside the file: small letters, digits and dashes."""


def _written_with_zone(value: object) -> object:
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("an instant is written 2027-02-05T23:40:00+07:00") from None
        if parsed.tzinfo is None:
            raise ValueError("an instant needs its offset from UTC, for example +07:00")
        return parsed
    return value


At = Annotated[AwareDatetime, BeforeValidator(_written_with_zone)]
Level = Literal["E0", "E1", "E2", "E3", "E4"]


class Part(BaseModel):
    """Base of every part of the file: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Unit(Part):
    """An office on the stage; ``parent`` is the unit above it."""

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=32)]
    kind: str
    name: str
    parent: str | None = None


class Office(Part):
    """A role held in a unit."""

    unit: str
    role: str


class Actor(Office):
    """One person and the office they act from; further offices of the same person go under ``also``."""

    name: str
    also: tuple[Office, ...] = ()


class Absence(Part):
    """Somebody who cannot be reached between two instants."""

    who: Nick
    start: At = Field(alias="from")
    until: At
    reason: str = "leave"


class Deputy(Part):
    """Who stands in for whom in that person's role, known beforehand."""

    who: Nick
    deputy: Nick
    start: At = Field(alias="from")
    until: At | None = None


class Shift(Part):
    """A turn on the rota: who can be reached in their role between two instants."""

    who: Nick
    start: At = Field(alias="from")
    until: At


class Behalf(Part):
    """For whom an act is recorded, and how that person made it known."""

    who: Nick
    means: Literal["phone", "paper", "in_person"]


class MakeReport(Part):
    """Somebody takes a report down. ``opens`` names the cases it opens, one for each child in the form's order."""

    by: Nick
    opens: tuple[Nick, ...] = ()
    form: dict[str, Any]
    refused: str | None = None

    @model_validator(mode="after")
    def _opens_or_is_refused(self) -> Self:
        if bool(self.opens) == bool(self.refused):
            raise ValueError("a report either opens cases (opens: [...]) or is refused (refused: code)")
        return self


class Act(Part):
    """Somebody does something on a case or on a referral: an event of its lifecycle with what it needs."""

    by: Nick
    case: Nick | None = None
    referral: Nick | None = None
    event: str
    form: dict[str, Any] = {}
    occurred_at: At | None = None
    on_behalf_of: Behalf | None = None
    refused: str | None = None

    @model_validator(mode="after")
    def _on_one_thing(self) -> Self:
        if (self.case is None) == (self.referral is None):
            raise ValueError("an act is on a case (case: …) or on a referral (referral: …)")
        return self


class Refer(Part):
    """Somebody asks for a service of one child; without ``unit`` it stays a draft.

    ``opens`` names the referral. Where it is passed on by itself, the next ones are called ``…-2``, ``…-3``.
    """

    by: Nick
    case: Nick
    opens: Nick
    service: str
    unit: str | None = None
    form: dict[str, Any] = {}
    refused: str | None = None


class Consent(Part):
    """Somebody puts on record that consent was given, refused or not needed; or that one of a scope was taken back."""

    by: Nick
    case: Nick
    form: dict[str, Any] = {}
    withdraw: str | None = None
    refused: str | None = None


class GoAbsent(Part):
    """Somebody becomes unreachable from this instant on."""

    who: Nick
    until: At
    reason: str = "leave"


class ChangeUnits(Part):
    """Units are merged, split or renamed by the administrator; ``form`` is the body of ``POST /unit-changes``."""

    form: dict[str, Any]
    refused: str | None = None


class Answer(Part):
    """Somebody answers an escalation: takes note of it, or says what was done."""

    by: Nick
    case: Nick
    deadline: str
    level: Level
    done: str | None = None
    refused: str | None = None


class Call(Part):
    """Somebody on duty phones a person on the call list and records how it ended."""

    by: Nick
    case: Nick
    who: Nick
    outcome: Literal["reached", "no_answer", "wrong_number"]
    refused: str | None = None


class WantDeadline(Part):
    """A deadline as it must stand; ``occurrence`` tells several of the same code apart (1 is the first).

    As in everything with ``referral`` below: the case's own, where no referral is named.
    """

    referral: Nick | None = None
    code: str
    status: Status | None = None
    due: At | None = None
    started: At | None = None
    met_at: At | None = None
    occurrence: int | None = None
    subject: str | None = None


class WantNotice(Part):
    """A message that a rung (or the receipt, level ``receipt``) brought to somebody."""

    who: Nick
    level: Level | Literal["receipt"] | None = None
    deadline: str | None = None
    referral: Nick | None = None
    kind: str | None = None
    at: At | None = None
    role: str | None = None
    channel: str | None = None
    deliver_at: At | None = None
    since: At | None = None


class WantRung(Part):
    """A rung as it must stand: fired, still planned, or passed over because its condition did not hold."""

    referral: Nick | None = None
    deadline: str
    level: Level
    at: At
    state: Literal["planned", "fired", "not_needed"] = "fired"
    occurrence: int | None = None


class WantBreach(Part):
    """A breach on record."""

    referral: Nick | None = None
    code: str
    due: At | None = None
    recorded_at: At | None = None
    kind: str | None = None
    mark: str | None = None


class WantEscalation(Part):
    """A fired rung as a matter for people."""

    referral: Nick | None = None
    deadline: str
    level: Level
    state: Literal["open", "acknowledged", "resolved"] | None = None
    to: tuple[Nick, ...] | None = None
    watching: tuple[Nick, ...] | None = None
    nobody: bool | None = None
    at: At | None = None


class WantCall(Part):
    """Somebody a human must phone, and how that stands. ``by`` is who phoned."""

    who: Nick
    reason: str | None = None
    state: Literal["open", "done", "cancelled"] | None = None
    outcome: str | None = None
    by: Nick | None = None
    at: At | None = None


class WantEvent(Part):
    """A move on the case's timeline."""

    event: str
    by: Nick | None = None
    on_behalf_of: Nick | None = None
    means: str | None = None
    occurred_at: At | None = None
    recorded_at: At | None = None
    implied: tuple[str, ...] | None = None


class WantDocument(Part):
    """A document in the case: its kind, how many frozen ones, and the plan version of the newest."""

    kind: str
    count: int | None = None
    plan_version: int | None = None
    author: Nick | None = None


class WantReferral(Part):
    """A referral as it must stand: with which unit it is, and in what state."""

    referral: Nick
    state: str | None = None
    unit: str | None = None
    outcome: str | None = None
    decline_reason: str | None = None


class WantReading(Part):
    """What a person gets when asking for something: the HTTP status, and words that must or must not be in it."""

    who: Nick
    what: Literal["case", "timeline", "documents", "deadlines", "household", "report", "referrals", "inbox"] = "case"
    referral: Nick | None = None
    status: int
    shows: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()


class State(Part):
    """Where the case stands; what is left out is not looked at."""

    process: str | None = None
    protection: str | None = None
    ban: str | None = None
    custody: str | None = None


class Expect(Part):
    """What must hold of a case at an instant. Everything left out is not looked at.

    ``unit`` holds it, ``transfer_to`` was asked to take it over; both by code.
    """

    case: Nick
    state: State | None = None
    unit: str | None = None
    transfer_to: str | None = None
    owner: Nick | None = None
    risk: str | None = None
    flagged: bool | None = None
    plan_version: int | None = None
    closed_at: At | None = None
    closure_reason: str | None = None
    same_child_as: Nick | None = None
    same_household_as: Nick | None = None
    deadlines: tuple[WantDeadline, ...] = ()
    no_open: tuple[str, ...] = ()
    rungs: tuple[WantRung, ...] = ()
    notified: tuple[WantNotice, ...] = ()
    not_notified: tuple[WantNotice, ...] = ()
    breaches: tuple[WantBreach, ...] = ()
    no_breach: tuple[str, ...] = ()
    escalations: tuple[WantEscalation, ...] = ()
    calls: tuple[WantCall, ...] = ()
    events: tuple[WantEvent, ...] = ()
    no_event: tuple[str, ...] = ()
    documents: tuple[WantDocument, ...] = ()
    referrals: tuple[WantReferral, ...] = ()
    reading: tuple[WantReading, ...] = ()
    allows: tuple[str, ...] = ()
    allows_not: tuple[str, ...] = ()
    allowed_for: Nick | None = None

    @model_validator(mode="after")
    def _says_who_for(self) -> Self:
        if (self.allows or self.allows_not) and self.allowed_for is None:
            raise ValueError("allows and allows_not need allowed_for: the person asked about")
        return self


KINDS = ("report", "act", "refer", "consent", "absent", "change_units", "answer", "call", "expect")


class Step(Part):
    """One thing that happens, or must hold, at an instant. ``clause`` quotes the part of the scenario it is about."""

    at: At
    says: str = ""
    clause: str | None = None
    report: MakeReport | None = None
    act: Act | None = None
    refer: Refer | None = None
    consent: Consent | None = None
    absent: GoAbsent | None = None
    change_units: ChangeUnits | None = None
    answer: Answer | None = None
    call: Call | None = None
    expect: Expect | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a step is exactly one of {', '.join(KINDS)}; here: {', '.join(given) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        """Which of these things it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class Pending(Part):
    """A clause of the scenario that cannot be played yet: what it waits for, and why."""

    clause: str
    needs: str
    reason: str


class Drill(Part):
    """A whole drill. ``invented`` must be true: the author says that no person, place or child in it is real."""

    drill: Nick
    title: str
    scenario: str
    invented: Literal[True]
    start: At
    units: tuple[Unit, ...]
    cast: dict[Nick, Actor]
    absences: tuple[Absence, ...] = ()
    deputies: tuple[Deputy, ...] = ()
    rota: tuple[Shift, ...] = ()
    steps: tuple[Step, ...]
    pending: tuple[Pending, ...] = ()
    end: At


def shown(at: datetime) -> str:
    """An instant as people here read it: ``06/02/2027 11:40`` in Việt Nam's time."""
    local = at.astimezone(HERE)
    return local.strftime("%d/%m/%Y %H:%M:%S" if local.second else "%d/%m/%Y %H:%M")
