"""Clocks of a case that is attached to another, and of one that is detached again (lifecycle.md, `attach`, `detach`).

Every open deadline moves with the rungs already fired. It moves by a copy: the attached case keeps its clocks as ended,
the other case gets new occurrences that say where they come from, so that every id stays where it was made. Deadlines
of the attached case's own steps and custody (`moves = false` in the protocol) end with it. The clocks of its reports
that are met go along too, met, so that the same report starts nothing anew where it arrives.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.protocol.rules import Protocol
from models.protocol.types import Clock, clock_id

ATTACHED = "attached"
DETACHED = "detached"


def carry(
    attached: Sequence[Clock],
    present: Sequence[Clock],
    case_id: UUID,
    protocol: Protocol,
) -> tuple[Clock, ...]:
    """Return the clocks a case gets from one that was attached to it.

    Hand them, with the present ones, to `replan` for the `add_report` or `reopen` that the attaching acts as.

    Args:
        attached: the attached case's clocks after its own `replan` for `attach` (its open ones are then cancelled).
        present: the receiving case's clocks.
        case_id: the receiving case.
        protocol: says which deadlines move.
    """
    carried: list[Clock] = []
    for clock in attached:
        rule = protocol.rule(clock.code)
        was_running = clock.status == "cancelled" and clock.cancel_reason == ATTACHED
        settled_report = rule.per == "report" and clock.status == "met"
        if not rule.moves or not (was_running or settled_report):
            continue
        occurrence = 1 + max((one.occurrence for one in (*present, *carried) if one.code == clock.code), default=0)
        update = {
            "id": clock_id(case_id, clock.code, occurrence),
            "occurrence": occurrence,
            "carried_from": clock.id,
        }
        if was_running:
            update |= {"status": "open", "ended_at": None, "cancel_reason": None}
        carried.append(clock.model_copy(update=update))
    return tuple(carried)


def give_back(
    attached: Sequence[Clock],
    present: Sequence[Clock],
    now: datetime,
) -> tuple[tuple[Clock, ...], tuple[Clock, ...]]:
    """Return, for a detaching, the detached case's clocks as they come back, and the other case's as they end there.

    What was met meanwhile comes back met, what fired comes back fired; ids and receipts are the original ones.

    Args:
        attached: the clocks of the case that is detached, as they ended.
        present: the clocks of the case it was attached to.
        now: when the detaching is recorded.
    """
    mine = {clock.id: clock for clock in attached}
    back: list[Clock] = []
    ended: list[Clock] = []
    for clock in present:
        original = mine.get(clock.carried_from) if clock.carried_from is not None else None
        # What an earlier attachment had brought went back when that one was detached.
        if original is None or (clock.status == "cancelled" and clock.cancel_reason == DETACHED):
            continue
        update = {"id": original.id, "occurrence": original.occurrence, "carried_from": original.carried_from}
        back.append(clock.model_copy(update=update))
        if clock.running:
            gone = {"status": "cancelled", "ended_at": now, "cancel_reason": DETACHED}
            ended.append(clock.model_copy(update=gone))
    return tuple(back), tuple(ended)
