"""Local limits: a unit may ask more of itself than the protocol does, never less (process.md §4.1, §4.4.7).

An override names a unit, a deadline, a shorter limit and its whole ladder. Anything that would lengthen a limit, or
tell a level later than the protocol does, is refused when it is loaded. The statutory limit stays beside the local
one: missing the local limit is a local breach, missing the law's is a statutory one.
"""

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.calendar import local_date
from models.protocol.arithmetic import Amount, At, ProtocolError
from models.protocol.rules import AmountField, Protocol, Rule, RungRule, Variant, When


class OverrideError(ProtocolError):
    """A local override that may not be loaded; the message says which one and why."""


class Override(Rule):
    """One unit's own limit for one deadline, with the ladder restated.

    `when` narrows it to one variant of the protocol's row; without it, it holds for every variant, and must be no
    longer than the shortest. `valid_from` is a day at Asia/Ho_Chi_Minh; clocks started before it keep what they had.
    """

    unit: str
    deadline: str
    valid_from: date
    when: When | None = None
    limit: AmountField
    rungs: tuple[RungRule, ...]
    basis: str = ""

    @property
    def id(self) -> str:
        """Return the name under which a clock records it."""
        words = [self.unit, self.deadline, str(self.valid_from)]
        return "/".join([*words, str(self.when)] if self.when is not None else words)

    def applies_to(self, variant: Variant) -> bool:
        """Return whether it restates this variant."""
        return self.when is None or self.when == variant.when


class Overrides(BaseModel):
    """Every loaded override."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Override, ...] = ()

    def find(self, unit: str | None, deadline: str, variant: Variant, at: datetime) -> Override | None:
        """Return the newest override of a unit for a variant of a deadline, in force at an instant."""
        day = local_date(at)
        found = [
            item
            for item in self.items
            if item.unit == unit and item.deadline == deadline and item.valid_from <= day and item.applies_to(variant)
        ]
        return max(found, key=lambda item: (item.valid_from, item.when is not None), default=None)

    def get(self, override_id: str | None) -> Override | None:
        """Return the override a clock names, or None where it is no longer loaded."""
        return next((item for item in self.items if item.id == override_id), None)


def check_override(override: Override, protocol: Protocol) -> Override:
    """Return an override whose ladder ends at its limit, after making sure that it only shortens.

    Raises:
        OverrideError: it names no deadline or variant, lengthens a limit, tells a level later than the protocol, or
        has a rung
            beyond its own limit.
    """
    try:
        rule = protocol.rule(override.deadline)
    except ProtocolError as error:
        raise OverrideError(f"override {override.id}: {error}") from error
    variants = [variant for variant in rule.variants if override.applies_to(variant)]
    if not variants:
        raise OverrideError(f"override {override.id}: {override.deadline} has no variant for {override.when}")
    for variant in variants:
        if variant.limit is None:
            raise OverrideError(
                f"override {override.id}: {override.deadline} ends on a date, which nothing can override"
            )
        if not override.limit.never_longer_than(variant.limit):
            raise OverrideError(
                f"override {override.id}: {override.limit} is longer than the protocol's {variant.limit}"
                f"{f' ({variant.when})' if str(variant.when) else ''}, or cannot be shown to be shorter at every "
                "start; a local limit may only shorten",
            )
        _tells_no_later(override, variant, variant.limit)
    if any(rung.then for variant in variants for rung in variant.rungs):
        # What ends by itself at its limit (a ban) ends at the law's limit or by a decision, not by a local table.
        raise OverrideError(
            f"override {override.id}: {override.deadline} ends by itself at its limit and has no local one"
        )
    return override.model_copy(update={"rungs": _ending_at_limit(override)})


def _ending_at_limit(override: Override) -> tuple[RungRule, ...]:
    if not override.rungs:
        raise OverrideError(f"override {override.id}: the whole ladder must be restated, and it has no rung")
    rungs = []
    for rung in override.rungs:
        try:
            rung.at.check(override.limit)
            beyond = rung.at.is_after(override.limit)
        except ProtocolError as error:
            raise OverrideError(f"override {override.id}: {error}") from error
        if beyond:
            raise OverrideError(
                f"override {override.id}: rung {rung.level} at {rung.at.text} comes after its limit {override.limit}",
            )
        if rung.then:
            raise OverrideError(
                f"override {override.id}: a local ladder tells people, it records no event ({rung.then})"
            )
        rungs.append(rung.model_copy(update={"breach": False}))
    at_limit = [n for n, rung in enumerate(rungs) if rung.at.is_limit(override.limit) and rung.condition is None]
    if at_limit:
        rungs[at_limit[-1]] = rungs[at_limit[-1]].model_copy(update={"breach": True})
    else:
        # A ladder may end before its limit; the limit passing still has to be noticed, by the last level it told.
        rungs.append(RungRule(level=rungs[-1].level, at=At.parse("limit"), breach=True))
    return tuple(rungs)


def _tells_no_later(override: Override, variant: Variant, limit: Amount) -> None:
    """Refuse a ladder that tells a level later than the protocol would, where both have rungs."""
    for base in variant.rungs:
        if base.at.sign or base.at.unit == "limit" or base.at.is_limit(limit):
            continue
        place = base.at.from_start(limit)
        if not place.never_longer_than(override.limit) or place == override.limit:
            continue
        in_time = [
            rung
            for rung in override.rungs
            if rung.level >= base.level
            and rung.condition in (None, base.condition)
            and _by(rung, override.limit, place)
        ]
        if not in_time:
            raise OverrideError(
                f"override {override.id}: the protocol tells {base.level} at {place}, the local ladder "
                "later or not at all; it may only shorten",
            )


def _by(rung: RungRule, limit: Amount, place: Amount) -> bool:
    if rung.at.is_limit(limit):
        return limit.never_longer_than(place)
    return not rung.at.sign and rung.at.from_start(limit).never_longer_than(place)


def parse_overrides(content: dict[str, object], protocol: Protocol, source: str = "overrides") -> tuple[Override, ...]:
    """Return the checked overrides of one parsed TOML document: a list `override`.

    Raises:
        OverrideError: one of them may not be loaded; then none is.
    """
    raw = content.get("override", [])
    if not isinstance(raw, Sequence):
        raise OverrideError(f"{source}: write each as [[override]]")
    checked = []
    for number, item in enumerate(raw, 1):
        try:
            checked.append(check_override(Override.model_validate(item), protocol))
        except ValidationError as error:
            raise OverrideError(f"{source}: override {number}: {error}") from error
        except OverrideError as error:
            raise OverrideError(f"{source}: {error}") from error
        except ProtocolError as error:
            raise OverrideError(f"{source}: override {number}: {error}") from error
    if len({override.id for override in checked}) < len(checked):
        raise OverrideError(f"{source}: one override stands twice")
    return tuple(checked)


def load_overrides(path: Path, protocol: Protocol) -> Overrides:
    """Read a TOML file, or every TOML file of a directory, against the protocol they override.

    Raises:
        OverrideError: naming the file, the override and the reason.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    found: list[Override] = []
    for file in files:
        found += parse_overrides(tomllib.loads(file.read_text(encoding="utf-8")), protocol, file.name)
    return Overrides(items=tuple(found))
