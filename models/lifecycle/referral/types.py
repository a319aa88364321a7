"""What goes into the lifecycle of a referral and what comes out: standings, decisions and the events' specifications.

State, event, service and role codes are those of lifecycle.md; nothing here is computed.
"""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Party = Literal["sender", "agency"]
"""``sender``: CPO and SUP of the office that holds the case, and whoever sent it. ``agency``: whoever holds a role that
provides the service at the unit it was sent to."""


class Standing(BaseModel):
    """Where a referral stands, with what the chart must remember to go on. Codes and person ids only.

    Raises:
        pydantic.ValidationError: a code that is none, or a state without the memory it needs: a damaged record, never a
            domain refusal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    memory: dict[str, str] = {}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        from models.lifecycle.referral.states import STATES  # noqa: PLC0415 - labels import the types of the case

        if self.state not in STATES:
            msg = f"a referral has no state {self.state!r}"
            raise ValueError(msg)
        if self.state == "waiting_order" and Memory.WAITING_FROM not in self.memory:
            msg = f"{self.state} without {Memory.WAITING_FROM}"
            raise ValueError(msg)
        return self


class Memory:
    """Keys of ``Standing.memory``."""

    AUTHOR = "author"
    """Person ids of who asked for the service and of who sent it, those who typed it in included, space-separated."""
    WAITING_FROM = "waiting_from"
    """``accepted`` or ``scheduled``: where ``receive_order`` returns to; while ``waiting_order``."""
    AWAITED = "awaited"
    """Code of the legal order awaited; while ``waiting_order``."""
    EXTENSIONS = "extensions"
    """How often the decision was put off; while the referral lives."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The lifecycle's yes.

    Attributes:
        before: the standing asked about; None for the events that make a referral.
        after: the standing from now on.
        events: the event and those it implies in the same transaction, in order.
        stays: the state is the same (the memory may not be).
    """

    before: Standing | None
    after: Standing
    events: tuple[str, ...]
    stays: bool


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event of a referral: the only definition, which the API, the documentation and the tests ask.

    Attributes:
        code: as lifecycle.md writes it; ``ask_service``, ``reroute``, ``ask_again``, ``lose_consent`` and
            ``regain_consent`` are its words as events.
        label_vi, label_en: the act, as a button says it.
        parties: who may, by where they stand to the referral.
        roles: roles that may besides.
        in_emergency: for the emergency services, these roles and nobody else; None: as for any other.
        needs: names of what must be given; a field of the act's content or a typed value (``facts.TYPED_NEEDS``).
        conditions: what else must hold, by refusal code, in the order checked.
        services: the only services it is for; empty: for all.
        begins: it makes the referral.
        stays: it never changes the state.
        legal_basis: where the rule stands, if process.md verified it; else empty.
    """

    code: str
    label_vi: str
    label_en: str
    parties: frozenset[Party] = frozenset()
    roles: frozenset[str] = frozenset()
    in_emergency: frozenset[str] | None = None
    needs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()
    begins: bool = False
    stays: bool = False
    legal_basis: str = ""
