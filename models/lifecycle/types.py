"""What goes into the lifecycle and what comes out of it: standings, decisions, refusals and the events' specifications.

State, event and role codes are those of lifecycle.md; nothing here is computed.
"""

from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Region = Literal["process", "protection", "ban", "custody"]
REGIONS: tuple[Region, ...] = ("process", "protection", "ban", "custody")


class Standing(BaseModel):
    """Where a case stands, by the codes of lifecycle.md, with what the chart must remember to go on from there.

    ``memory`` holds codes, person ids and content hashes only, never a name or a text, so the whole may be stored
    beside the case and cross Temporal. Its keys are the constants of :class:`Memory`. Equal standings answer alike.

    Raises:
        pydantic.ValidationError: a code that is none, or a state that needs a memory it has not (a suspended case that
            does not know what it was suspended from): a damaged record, never a domain refusal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    process: str
    protection: str
    ban: str
    custody: str
    memory: dict[str, str] = {}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        from models.lifecycle.states import STATES  # noqa: PLC0415 - labels import the types of this module

        for region in REGIONS:
            if getattr(self, region) not in STATES[region]:
                msg = f"{region} has no state {getattr(self, region)!r}"
                raise ValueError(msg)
        for state in (*self.process_path, self.protection):
            for key in NEEDED_MEMORY.get(state, ()):
                if key not in self.memory:
                    msg = f"{state} without {key}"
                    raise ValueError(msg)
        return self

    @property
    def process_path(self) -> tuple[str, ...]:
        """The process state and, behind a closure proposal or a suspension, the states it would go back to."""
        path = [self.process]
        if path[-1] == "closure_proposed" and Memory.CLOSURE_FROM in self.memory:
            path.append(self.memory[Memory.CLOSURE_FROM])
        if path[-1] == "suspended" and Memory.SUSPENDED_FROM in self.memory:
            path.append(self.memory[Memory.SUSPENDED_FROM])
        return tuple(path)

    def state(self, region: Region) -> str:
        """The state's code in one region."""
        code: str = getattr(self, region)
        return code

    @property
    def codes(self) -> dict[Region, str]:
        """The four codes by region, without the memory."""
        return {region: self.state(region) for region in REGIONS}


class Memory:
    """Keys of ``Standing.memory``. Kept only as long as the state that needs them lasts."""

    SUSPENDED_FROM = "suspended_from"
    """Process state a suspension left; while ``suspended``, also while a closure is proposed from there."""
    CLOSURE_FROM = "closure_from"
    """Process state a closure was proposed from; while ``closure_proposed``."""
    RAISED_FROM = "raised_from"
    """``none`` or ``protected``: where ``stand_down`` returns to; while ``emergency``."""
    CONCLUSION = "conclusion"
    """``not_substantiated`` or ``redirect``: which proposal waits in ``conclusion_review``."""
    CONCLUSION_AUTHOR = "conclusion_author"
    """Person ids of who proposed the conclusion and of who typed that in, space-separated."""
    CONCLUSION_ROLE = "conclusion_role"
    """``SUP`` when the author holds that position or deputises it, else ``CPO``."""
    PLAN_AUTHOR = "plan_author"
    """Person ids of who submitted the plan that waits for approval and of who typed that in, space-separated."""
    PLAN_HASH = "plan_hash"
    """SHA-256 of the Mẫu 04 that was submitted; an approval is bound to it."""
    CLOSURE_AUTHOR = "closure_author"
    """Person ids of who proposed the closure and of who typed that in, space-separated."""
    ISOLATED_SINCE = "isolated_since"
    """Instant from which the days of this isolation count; while ``isolated``, and while that isolation has moved."""
    GROUND_END = "ground_end"
    """Last day of the competent body's ground for isolating longer, or ``open`` where it names none; likewise."""
    MOVED_PROTECTION = "moved_protection"
    """While ``attached``: the protection state that moved to the other case."""
    MOVED_BAN = "moved_ban"
    """While ``attached``: the ban state that moved to the other case."""
    MOVED_RAISED_FROM = "moved_raised_from"
    """While ``attached``: the ``raised_from`` that belongs to a moved ``emergency``."""
    ADOPTED_PROTECTION = "adopted_protection"
    """``before>after`` of an attachment's protection, until the region moves by an act of its own."""
    TRANSFER_REFUSED = "transfer_refused"
    """Id of the unit that refused to take the case over, until custody moves again or a transfer is proposed anew."""
    ADOPTED_BAN = "adopted_ban"
    """``before>after`` of an attachment's ban, until the region moves by an act of its own."""


NEEDED_MEMORY: dict[str, tuple[str, ...]] = {
    "suspended": (Memory.SUSPENDED_FROM,),
    "closure_proposed": (Memory.CLOSURE_FROM,),
    "conclusion_review": (Memory.CONCLUSION,),
    "emergency": (Memory.RAISED_FROM,),
    "attached": (Memory.MOVED_PROTECTION, Memory.MOVED_BAN),
}
"""What a standing in a state cannot be without."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The lifecycle's yes.

    Attributes:
        before: the standing asked about; None for the intake, which has none.
        after: the standing from now on.
        events: the event and those it implies in the same transaction, in order.
        stays: no region changed its state (its memory may have).
    """

    before: Standing | None
    after: Standing
    events: tuple[str, ...]
    stays: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The lifecycle's no.

    Attributes:
        code: stable kebab-case code of ``refusals.REFUSALS``, where the sentences are.
        detail: codes that say what exactly; no personal data.
        allowed: events the chart allows in this standing, whoever asks.
    """

    code: str
    detail: dict[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event of lifecycle.md: the only definition, which the API, the documentation and the tests ask.

    Attributes:
        code: as lifecycle.md writes it.
        region: the region whose table has it.
        roles: who may, exactly as documented. SUP and its deputies also act as CPO, a delegate holds CHAIR's and SUP's
            events: ``models.lifecycle.roles`` says so once, not each row.
        label_vi, label_en: the act, as a button says it.
        needs: names of what must be given beside the documents; each is a field of the act's content reported in
            ``Facts.given`` or a typed value of ``Facts`` (``facts.TYPED_NEEDS``).
        documents: kinds of documents the act must bring (``M01`` … ``M07``, ``minutes``, ``verification_note`` …).
        may_bring: kinds it takes but does not insist on.
        conditions: what else must hold, by refusal code, in the order checked.
        stays: the event never changes a state of its own region.
        legal_basis: where the rule stands, if process.md verified it; else empty.
        new_plan_version: the plan's version goes up by one.
    """

    code: str
    region: Region
    roles: frozenset[str]
    label_vi: str
    label_en: str
    needs: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    may_bring: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    stays: bool = False
    legal_basis: str = ""
    new_plan_version: bool = False
