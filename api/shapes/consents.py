"""Consent, legal basis, and what may be told to whom."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from api.shapes.base import Input, Moment, Output, PersonRef, Text
from models.forms.base import Coded, Line, Means, Service, refused
from models.forms.base import Text as Words

Scope = Annotated[str, Coded("consent_scopes")]
Giver = Annotated[str, Coded("consent_givers")]


class ConsentIn(Input):
    """One answer of one giver, or a ground for going without one.

    A ground names no giver, and says why it is in the child's best interest. ``child_view`` is what the child itself
    says of it, wanted from seven years on.
    """

    scope: Scope
    services: Annotated[tuple[Service, ...], Field(max_length=20)] = ()
    answer: Annotated[str, Coded("consent_answers")]
    giver: Giver | None = None
    giver_name: Line | None = None
    means: Means | None = None
    ground: Annotated[str, Coded("consent_grounds")] | None = None
    best_interest_note: Words | None = None
    child_view: Words | None = None
    decided_by: UUID | None = None
    said_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.answer == "ground":
            if self.ground is None or self.best_interest_note is None or self.giver or self.giver_name:
                raise refused("ground-incomplete", "A ground says which, and why it serves the child; nobody gives it.")
            if self.scope == "PUBLICATION":
                raise refused("publication-needs-consent", "A child's private life is published by consent only.")
        elif self.giver is None or self.means is None or self.ground is not None:
            raise refused("giver-missing", "An answer says whose it is and how it was given.")
        if self.services and self.scope not in ("SERVICE", "SHARING"):
            raise refused("services-without-scope", "Services are named where a service or sharing is agreed to.")
        return self


class WithdrawalIn(Input):
    """Taking back what was agreed to. ``withdrawn_at``: when it was said, if not now."""

    note: Words | None = None
    withdrawn_at: AwareDatetime | None = None


class ConsentOut(Output):
    """An entry. ``ground_verified`` false: what the ground claims of the law is not checked against its text.

    ``stops`` says what must stop since it was withdrawn: codes ``SCOPE`` or ``SCOPE/SERVICE``.
    """

    id: UUID
    scope: str
    services: list[str]
    answer: str
    giver: str | None
    giver_name: str | None
    means: str | None
    ground: str | None
    legal_basis: str | None
    ground_verified: bool | None
    best_interest_note: str | None
    child_view: str | None
    said_at: Moment
    expires_at: Moment | None
    recorded_at: Moment
    recorded_by: PersonRef
    decided_by: PersonRef | None
    withdrawn_at: Moment | None
    withdrawn_by: PersonRef | None
    withdrawal_note: str | None
    stops: list[str] | None


class AllowedOut(Output):
    """Whether the record allows something now, why, and by which entries."""

    allowed: bool
    why: str
    by: list[UUID]
    overrides_refusal: bool


class WithholdingIn(Input):
    """Something that must not be told to somebody. Without ``part``: nothing at all."""

    reader: Giver
    part: Annotated[str, Coded("view_parts", "PLAN", "DECISIONS", "OWN_WORDS", "WHEREABOUTS")] | None = None
    reason: Annotated[str, Coded("withheld_reasons", "RISK_IF_TOLD", "CHILD_WISH")]


class WithholdingOut(Output):
    """What is withheld by the team's own finding, until it is ended."""

    id: UUID
    reader: str
    part: str | None
    reason: str
    recorded_at: Moment
    recorded_by: PersonRef
    until: Moment | None


class ToldOut(Output):
    """Something that may be told: the part of the record it belongs to, the kind of document, its fields."""

    part: str
    kind: str
    content: dict[str, Any]


class WithheldOut(Output):
    """A part that must not be told, and why."""

    part: str
    label: Text
    reason: str
    why: Text


class ViewOut(Output):
    """What may be told to one person, and what must be withheld. For the case team, before it speaks."""

    reader: str
    told: list[ToldOut]
    withheld: list[WithheldOut]
