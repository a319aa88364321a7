"""Cases and what belongs to them."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from api.shapes.base import Moment, Output, PersonRef, Text, UnitRef


class ChildOut(Output):
    """The child as known so far (P1); every member may be unknown."""

    id: UUID
    full_name: str | None
    birth_date: date | None
    estimated_age: int | None
    sex: str | None


class StateOut(Output):
    """Where the case stands, by region."""

    process: str
    protection: str
    ban: str
    custody: str


class AllowedAction(Output):
    """Something the reader may do now. ``input`` is the JSON schema of ``POST …/actions/{event}``."""

    event: str
    label: Text
    input: dict[str, Any]


class NextDue(Output):
    """The earliest running deadline."""

    code: str
    due_at: Moment


class CaseOut(Output):
    """One child's case. ``allowed_actions`` is null in a list. ``transfer_to``: the commune it was proposed to.

    ``child`` is null for readers who see codes only, and until a reader has declared whether they are related to it.
    """

    id: UUID
    code: str
    state: StateOut
    risk: str | None
    flagged: bool
    child: ChildOut | None
    household_id: UUID
    report_id: UUID
    unit: UnitRef | None
    transfer_to: UnitRef | None
    owner: PersonRef | None
    received_at: Moment
    created_at: Moment
    updated_at: Moment
    sequence: int
    plan_version: int
    protocol_version: str
    attached_to: UUID | None
    closed_at: Moment | None
    closure_reason: str | None
    next_due: NextDue | None
    overdue: int
    allowed_actions: list[AllowedAction] | None


class ToldOut(Output):
    """One notice of a rung: who was told, over which channel, and what became of it."""

    person: PersonRef
    role: str
    channel: str
    state: str
    deliver_at: Moment
    sent_at: Moment | None
    seen_at: Moment | None


class RungOut(Output):
    """One rung of a deadline's ladder."""

    ordinal: int
    level: str
    at: str
    due_at: Moment
    deliver_at: Moment
    breach: bool
    condition: str | None
    state: str
    fired_at: Moment | None
    nobody: bool
    told: list[ToldOut]


class BreachOut(Output):
    """A limit that passed unmet."""

    kind: str
    due_at: Moment
    recorded_at: Moment
    mark: str | None
    met_at: Moment | None
    protocol_version: str
    calendar_version: str


class SkippedOut(Output):
    """A day that was not counted, and why."""

    day: date
    why: str
    name_vi: str | None
    name_en: str | None


class PauseOut(Output):
    """A stretch during which a design clock stood still."""

    since: Moment
    until: Moment | None
    reason: str


class ExplanationOut(Output):
    """How a limit was computed, for people: every number in it can be checked with a wall calendar."""

    start_event: str
    amount: str
    variant: str
    first_counted: date | None
    last_counted: date | None
    skipped: list[SkippedOut]
    rolls: bool
    provisional: bool
    capped_by: date | None
    pauses: list[PauseOut]
    moved_why: str | None


class DeadlineOut(Output):
    """One occurrence of a deadline, and how it was computed.

    ``mark``: ★ statutory, ◇ from a local plan or derived, ○ a design default. ``explanation`` holds every number the
    computing used, so that it can be checked with a wall calendar. ``basis_verified`` false: not checked
    against the law.
    """

    id: UUID
    code: str
    name: Text
    mark: Literal["★", "◇", "○"]
    basis: str | None
    basis_verified: bool | None
    occurrence: int
    subject: str | None
    status: str
    start_event: str
    started_at: Moment
    due_at: Moment
    statutory_due_at: Moment | None
    amount: str
    variant: str
    met_at: Moment | None
    met_by: str | None
    met_late: bool
    recorded_late: bool
    ended_at: Moment | None
    cancel_reason: str | None
    protocol_version: str
    calendar_version: str
    override: str | None
    explanation: ExplanationOut
    rungs: list[RungOut]
    breaches: list[BreachOut]


class DocumentOut(Output):
    """A form or note. ``content`` is null in a list.

    ``withheld``: the reader's role does not see it. ``erased``: its key was destroyed, nobody can read it any more.
    """

    id: UUID
    kind: str
    label: Text
    version: int | None
    plan_version: int | None
    content_hash: str
    author: PersonRef
    created_at: Moment
    frozen_at: Moment | None
    sequence: int | None
    command_id: UUID
    withheld: bool
    erased: bool
    content: dict[str, Any] | None


class TimelineEntry(Output):
    """One thing that happened: an event, a rung that fired, or a breach.

    ``event`` is the code of the event, or of the deadline; ``level`` is a rung's.
    """

    at: Moment
    recorded_at: Moment
    kind: Literal["event", "rung", "breach"]
    event: str
    label: Text
    sequence: int | None
    by: PersonRef | None
    role: str | None
    on_behalf_of: PersonRef | None
    on_behalf_role: str | None
    means: str | None
    before: StateOut | None
    after: StateOut | None
    implied: list[str]
    documents: list[dict[str, str]]
    level: str | None
    told: list[ToldOut]


class CommandOut(Output):
    """A command that was carried out. A retry gets the same one.

    ``sequence`` is null and ``implied`` empty for whoever may act on the case but not read it.
    """

    id: UUID
    event: str
    case_code: str
    occurred_at: Moment
    recorded_at: Moment
    sequence: int | None
    implied: list[str]


class ActionOut(Output):
    """What an action did: the command, the case as it stands now, the deadlines it started, met, moved or cancelled.

    ``case`` is null, and nothing else said, where the act itself took the case out of the reader's sight. Whoever may
    act on a case they cannot read gets the command, the case's code and the deadlines started.
    """

    command: CommandOut
    case: CaseOut | None
    started: list[DeadlineOut]
    met: list[DeadlineOut]
    changed: list[DeadlineOut]


class EscalationOut(Output):
    """A fired rung as a matter for people: open, acknowledged, resolved. ``referral_id``: of a referral's deadline."""

    id: UUID
    case_id: UUID
    case_code: str
    deadline_id: UUID
    deadline: str
    referral_id: UUID | None
    level: str
    ordinal: int
    state: str
    nobody: bool
    unit: UnitRef | None
    due_at: Moment
    opened_at: Moment
    age_seconds: int
    acknowledged_at: Moment | None
    acknowledged_by: PersonRef | None
    resolved_at: Moment | None
    resolved_by: PersonRef | None
    resolution: str | None
    went_to: list["RecipientOut"]


class RecipientOut(Output):
    """Whom a rung reached; ``watching``: told, but somebody else is to act."""

    person: PersonRef
    role: str
    watching: bool


class HandedOverOut(Output):
    """What became of one case of somebody who leaves: the successor has it, or the problem (RFC 9457) that kept it."""

    case_id: UUID
    case_code: str
    done: bool
    problem: dict[str, Any] | None
