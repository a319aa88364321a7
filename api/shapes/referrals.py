"""Referrals as their readers see them: the office that works on the case, and the agency it was sent to."""

from datetime import date
from typing import Any
from uuid import UUID

from api.shapes.base import Moment, Output, Text, UnitRef
from api.shapes.cases import AllowedAction


class ReferralDeadlineOut(Output):
    """One clock of a referral. ``owed_by``: sender, agency or supervisor."""

    code: str
    name: Text
    mark: str
    status: str
    owed_by: str | None
    started_at: Moment
    due_at: Moment
    met_at: Moment | None


class WindowOut(Output):
    """Hours from the event within which care or an examination still helps, and what is left of them."""

    window: str
    ends_at: Moment
    minutes_left: int


class MinimumOut(Output):
    """What an agency decides by: no name, no address, nothing of what happened."""

    age_band: str
    sex: str | None
    commune: UnitRef | None
    urgency: str
    warnings: list[str]


class SliceOut(Output):
    """What the agency works with once it has agreed. ``child`` holds the fields its service needs, nothing else."""

    child: dict[str, str | int | date | None]
    request: str | None
    office: UnitRef | None


class CaseRefOut(Output):
    """The case, for those who work on it."""

    id: UUID
    code: str


class ReferralOut(Output):
    """One service asked for.

    ``awaits``: the legal order it waits for. ``slice`` is null before the agency has agreed; ``case`` for an agency.
    ``due_at``: the next limit that runs; ``late``: one has passed. ``allowed_actions`` is null in a list.
    """

    id: UUID
    code: str
    service: str
    label: Text
    emergency: bool
    state: str
    state_label: Text
    awaits: str | None
    extensions: int
    receiver: UnitRef | None
    rerouted_from: UUID | None
    step: str | None
    created_at: Moment
    sent_at: Moment | None
    accepted_at: Moment | None
    appointment_at: Moment | None
    ended_at: Moment | None
    outcome: str | None
    decline_reason: str | None
    consent_lost_at: Moment | None
    sequence: int
    windows: list[WindowOut]
    minimum: MinimumOut
    slice: SliceOut | None
    case: CaseRefOut | None
    due_at: Moment | None
    late: bool
    deadlines: list[ReferralDeadlineOut]
    allowed_actions: list[AllowedAction] | None


class CountOut(Output):
    """How many live referrals an agency has in one state, and of how many a limit of its own has passed."""

    state: str
    label: Text
    referrals: int
    late: int


class ResultOut(Output):
    """What became of one of several: the referral, or the problem that kept it (an RFC 9457 problem)."""

    service: str
    referral: ReferralOut | None
    problem: dict[str, Any] | None


class NeedOut(Output):
    """What is asked for of one service: ``open``, ``met`` or ``unmet``; ``met_by``: the referral that met it."""

    service: str
    label: Text
    standing: str
    referrals: int
    met_by: UUID | None


class StepOut(Output):
    """A step of the plan in force, by its key, with its clock, and what its referrals leave of it.

    ``standing``: ``open``, ``met``, ``unmet``, or ``none`` where no service was asked for it.
    """

    step: str
    due_at: Moment
    status: str
    standing: str
    met_by: UUID | None


class DeliveredOut(Output):
    """A service that was given, or not, with its outcome: what a review of the plan (Mẫu 06) looks back on.

    ``confirmed_at`` is empty while the sender has not confirmed it.
    """

    referral: UUID
    code: str
    service: str
    label: Text
    step: str | None
    receiver: UnitRef | None
    outcome: str
    confirmed_at: Moment | None


class ReferralsOut(Output):
    """A case's referrals, the latest first, what they leave of each need and of each step, and what was delivered."""

    needs: list[NeedOut]
    steps: list[StepOut]
    delivered: list[DeliveredOut]
    items: list[ReferralOut]
