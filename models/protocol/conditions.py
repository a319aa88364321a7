"""Whether a conditional rung applies: asked when it fires, because only then is it known.

A rung without a condition always applies. One that does not is passed over, which counts as fired: it does not come
back when the facts change later; the rungs after it are there for that.
"""

from collections.abc import Iterable
from datetime import datetime

from models.protocol.types import Clock, Condition, Frozen, Instant

DECIDES_EMERGENCY = frozenset(
    {"complete_initial_assessment", "rule_out_emergency", "apply_measures", "order_isolation", "stand_down"},
)
"""Acts after which somebody has looked at the danger: Mẫu 02, a rule-out or a measure (standing down ends one)."""


class RungFacts(Frozen):
    """What the conditions ask.

    `report_acknowledged`: the report the clock is about (every open one, where it is about none) has been acknowledged.
    `has_owner`: the case has an owner. `decided_at`: occurred_at of the latest of `DECIDES_EMERGENCY`, if any.
    """

    report_acknowledged: bool
    has_owner: bool
    decided_at: Instant | None = None


def rung_applies(condition: Condition | None, clock: Clock, facts: RungFacts) -> bool:
    """Return whether a rung of `clock` with `condition` is to be delivered.

    `unacknowledged_or_unowned`: that report is unacknowledged, or nobody owns the case.
    `no_assessment_ruleout_or_measure_since_start`: none occurred at or after the clock's start.
    """
    if condition == "unacknowledged_or_unowned":
        return not (facts.report_acknowledged and facts.has_owner)
    if condition == "no_assessment_ruleout_or_measure_since_start":
        return facts.decided_at is None or facts.decided_at < clock.started_at
    return True


def rung_facts(
    clock: Clock,
    clocks: Iterable[Clock],
    acts: Iterable[tuple[str, datetime]],
    *,
    has_owner: bool,
) -> RungFacts:
    """Gather the facts from a case's clocks and its recorded events, given as (event, occurred_at)."""
    acknowledging = [other for other in clocks if other.code == "acknowledge"]
    mine = [other for other in acknowledging if clock.subject is not None and other.subject == clock.subject]
    relevant = mine or [other for other in acknowledging if other.status == "open"]
    return RungFacts(
        report_acknowledged=all(other.status == "met" for other in relevant),
        has_owner=has_owner,
        decided_at=max((at for event, at in acts if event in DECIDES_EMERGENCY), default=None),
    )
