"""Everything a guard may ask about an act and its case, gathered by the caller into ONE frozen object.

Ids, codes, instants and content hashes only: the facts hold nothing about a child. Whoever gathers them (the
activity that records a transition) reads content and tables; the lifecycle never does.
"""

from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from models.lifecycle.types import Standing

Means = Literal["phone", "paper", "in_person"]

SYSTEM_ROLE = "SYSTEM"
"""Role of the clock itself: events nobody sends (``ban_ends``)."""

TYPED_NEEDS = frozenset(
    {
        "owner",
        "target_case",
        "risk",
        "emergency_decision",
        "trigger",
        "closure_reason",
        "end_ground",
        "report",
        "isolation_days",
        "approved_hash",
        "clock",
        "pause_days",
        "delegate",
        "recused_person",
        "ban_requester",
        "to_unit",
    }
)
"""Needs of ``EventSpec.needs`` that are a field of :class:`Facts`; every other need is a name in ``Facts.given``."""


class Fact(BaseModel):
    """Base: immutable, unknown fields refused, so that a misspelt fact is noticed by whoever gathers it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Actor(Fact):
    """A person in the position they act from.

    ``role`` is the acting position's role code, ``unit`` its unit's id. ``deputises`` are the roles this person is
    named deputy for at this instant, ``stands_in`` the ids of the units they are that at. ``is_delegate`` says that DOH
    named them decider for this very case.
    """

    person: str
    role: str
    unit: str = ""
    deputises: frozenset[str] = frozenset()
    stands_in: frozenset[str] = frozenset()
    is_delegate: bool = False

    @property
    def units(self) -> frozenset[str]:
        """Ids of the units they act for."""
        return self.stands_in | {self.unit}


class DocumentFact(Fact):
    """A document the act brings: SHA-256 of its content and the person id of who wrote it."""

    content_hash: str
    author: str = ""


class ReportFact(Fact):
    """The report an intake event records: when any receiver first had it, and whether it was flagged an emergency."""

    receipt: AwareDatetime
    flagged: bool = False
    trigger: str | None = None


class ClockFact(Fact):
    """A running deadline to be paused: its code, its mark (``★``, ``◇``, ``○``), working days paused so far.

    ``overdue``: its limit has passed.
    """

    code: str
    mark: Literal["★", "◇", "○"]
    paused_days: int = Field(default=0, ge=0)
    overdue: bool = False


class ExceptionFact(Fact):
    """The recorded exception to a live referral or proceeding at closing: who approved it as the second approver."""

    approver: Actor


class CaseFacts(Fact):
    """What the record says about the case at this instant.

    Attributes:
        id: the case's id, so that it is not attached to itself.
        risk: ``R1`` … ``R4``; None while never scored.
        flagged: an emergency was ever flagged or raised.
        open_deadlines: codes of the deadlines running now.
        open_items: ids of the tasks, conferences and flags that are open, by the code of their deadline.
        live_referrals: service codes of the referrals in a live state.
        live_proceedings: ``criminal`` and other kinds of proceedings that are live.
        unit: id of the unit that holds it; empty while it is not routed.
        transfer_to: id of the unit it was proposed to; empty without a proposal.
        not_prosecuted: a referral of the case ended with the police's decision not to prosecute.
        incident_unit, residence_unit: unit ids of the communes of incident and of residence.
        owner: person id of the owner.
        recused_roles: roles whose holder at the unit in charge is recused from this case.
        delegates: person ids of the delegates in force for this case.
    """

    id: str = ""
    risk: Literal["R1", "R2", "R3", "R4"] | None = None
    flagged: bool = False
    open_deadlines: frozenset[str] = frozenset()
    open_items: dict[str, frozenset[str]] = {}
    live_referrals: frozenset[str] = frozenset()
    live_proceedings: frozenset[str] = frozenset()
    unit: str = ""
    transfer_to: str = ""
    not_prosecuted: bool = False
    incident_unit: str = ""
    residence_unit: str = ""
    owner: str | None = None
    recused_roles: frozenset[str] = frozenset()
    delegates: frozenset[str] = frozenset()


class Facts(Fact):
    """The one object the lifecycle is asked with.

    Attributes:
        actor: whose act it is. Recorded on behalf of somebody, that somebody: the Chair who ordered by phone.
        recorded_by: who typed it in, if not the actor; then ``means`` says how they were told.
        in_reach: whoever sends it stands, by their unit, where they may send it (``models.access``).
        recused: person ids recused from this case.
        receipt: first receipt of the report that began the present round (intake, or the reopening's new report).
        occurred_at: when the act happened; ``receipt <= occurred_at <= recorded_at``.
        recorded_at: domain time at which the service took the act in.
        documents: what the act brings, by kind; the latest of each kind.
        given: names of the content's fields that were filled in (``reason``, ``destination`` …), those of its forms
            included. Not their text.
        authors: person ids of who wrote what is being approved, or had a hand in what is being reviewed, as the record
            has them; added to what memory knows.
        owner: person id of the owner the act names.
        target_case: id of the case of the same child, at ``attach``.
        match_confirmed: a person confirmed that it is the same child.
        risk: the level the act sets (Mẫu 02, ``update_risk``).
        emergency_decision: Mẫu 02's answer: True yes, False no, None not answered.
        trigger: emergency trigger code.
        closure_reason: code of ``rules.CLOSURE_REASONS``.
        end_ground: code of ``rules.ISOLATION_END_GROUNDS``.
        isolation_days: calendar days of the whole isolation, first order to the end now ordered, extensions included.
        isolation_until: last day of the isolation now ordered.
        ground_end: last day of the ground the act brings; None where it names none.
        owner_serves: the owner named is CPO or SUP, or deputises one, at an office of the case.
        person_known: the person named as recused is known, the one named as delegate holds a position.
        conflict_open: a possible conflict of the person named is on record and undecided.
        judge_outside: whoever decides on it stands outside: not below the person it is about, or above the unit.
        target_in_reach: at ``attach``, the actor has a say in the other case as well.
        ground: the competent body's ground for a longer isolation is recorded with the act.
        ban_days: calendar days of this ban, each time.
        ban_requester: who asked for the ban (``rules.BAN_REQUESTERS``); any receiver may record it.
        approved_hash: SHA-256 of the plan the approver read.
        submitted_hash: SHA-256 of the submitted plan as the record has it now.
        spoken: the order was spoken; the signed decision follows (``signed_order``).
        destination_receipt: the redirect's destination confirmed that it has the case.
        exception: see :class:`ExceptionFact`.
        clock, pause_days: what ``pause_clock`` stops, and for how many working days.
        delegate: person id DOH names as decider.
        recused_person: person id whose recusal is recorded, or whose possible conflict is cleared.
        item: id of the task, conference or flag the act is about.
        assignees_serve: whoever is given a task serves in the case team.
        due_passed: a day the act sets lies before the day of the act.
        to_unit: the unit the case is to go to, by id; as it was named, where there is none such.
        to_residence: a Mẫu 02 proposes that it goes to the child's residence, which is then ``to_unit``.
        to_unit_allowed: that unit is a commune in force, and is not the one that holds the case already.
        across: that unit, or the one that was asked, is in another province than the one that holds the case.
        report: see :class:`ReportFact`; for ``receive_report``, ``add_report``, ``reopen``.
        adopts: standing of the case attached to this one, at ``add_report``, ``reopen`` and ``give_back``.
        case: see :class:`CaseFacts`.
    """

    actor: Actor
    recorded_by: Actor | None = None
    means: Means | None = None
    in_reach: bool = True
    recused: frozenset[str] = frozenset()
    receipt: AwareDatetime
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    documents: dict[str, DocumentFact] = {}
    given: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    owner: str | None = None
    owner_serves: bool = True
    person_known: bool = True
    conflict_open: bool = True
    judge_outside: bool = True
    target_case: str | None = None
    target_in_reach: bool = True
    match_confirmed: bool = False
    risk: Literal["R1", "R2", "R3", "R4"] | None = None
    emergency_decision: bool | None = None
    trigger: str | None = None
    closure_reason: str | None = None
    end_ground: str | None = None
    isolation_days: int | None = Field(default=None, ge=0)
    isolation_until: date | None = None
    ground: bool = False
    ground_end: date | None = None
    ban_days: int | None = Field(default=None, ge=0)
    ban_requester: str | None = None
    approved_hash: str | None = None
    submitted_hash: str | None = None
    spoken: bool = False
    destination_receipt: bool = False
    exception: ExceptionFact | None = None
    clock: ClockFact | None = None
    pause_days: int | None = Field(default=None, ge=0)
    delegate: str | None = None
    recused_person: str | None = None
    item: str | None = None
    assignees_serve: bool = True
    due_passed: bool = False
    to_unit: str | None = None
    to_residence: bool = False
    to_unit_allowed: bool = True
    across: bool = False
    report: ReportFact | None = None
    adopts: Standing | None = None
    case: CaseFacts = CaseFacts()

    @property
    def people(self) -> tuple[str, ...]:
        """Person ids of who acts and who typed it in."""
        return (self.actor.person,) if self.recorded_by is None else (self.actor.person, self.recorded_by.person)

    @property
    def earliest(self) -> datetime:
        """The instant before which this act cannot have happened: its own report's receipt, else the round's."""
        return self.receipt if self.report is None else self.report.receipt
