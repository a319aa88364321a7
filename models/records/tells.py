"""Who is told when something happens, beside the ladders: those who must act next, and those the rules name.

One table. An event that is not in it tells nobody; its deadline's ladder will, in time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.types import Decision, Memory
from models.protocol.types import Changes
from models.records.acts import Act
from models.records.cases import CaseRow
from models.records.content import REPORTING, Item
from models.records.joint import assignee, invited
from models.records.notices import first_notices, tell
from models.records.people import OWNER, CasePlace, ClockUnit


@dataclass(frozen=True)
class Tell:
    """One notice: its kind in ``texts.KINDS``, to whom, and whether it waits for office hours.

    ``deadline`` is the code of the deadline the event starts, whose limit the notice says as its "by when".
    """

    kind: str
    roles: tuple[str, ...]
    clock_unit: ClockUnit = "day"
    deadline: str | None = None


TELLS: dict[str, tuple[Tell, ...]] = {
    # "the Chair is told at once and may raise it", says lifecycle.md.
    "rule_out_emergency": (Tell("emergency_ruled_out", ("CHAIR",), "H"),),
    "raise_emergency": (Tell("emergency_raised", (OWNER, "SUP", "DOHD"), "H", "emergency_12h"),),
    # Whoever must answer a proposal hears of it when it is made, not when its first rung fires.
    "submit_plan": (Tell("waits_for_you", ("CHAIR",), deadline="plan_approval"),),
    "propose_closure": (Tell("waits_for_you", ("CHAIR",), deadline="closure_approval"),),
    "propose_early_closure": (Tell("waits_for_you", ("CHAIR",), deadline="closure_approval"),),
    "propose_not_substantiated": (Tell("waits_for_you", ("SUP",), deadline="conclusion_review"),),
    "propose_redirect": (Tell("waits_for_you", ("SUP",), deadline="conclusion_review"),),
    # Twelve hours by law, night and Tết included: it does not wait for the first rung at the sixth.
    "request_ban": (Tell("waits_for_you", ("CHAIR",), "H", "ban_decision"),),
    "return_plan": (Tell("returned_to_you", (OWNER,), deadline="plan"),),
    "return_closure": (Tell("returned_to_you", (OWNER,), deadline="review_completion"),),
    "return_to_verification": (Tell("returned_to_you", (OWNER,), deadline="verify"),),
    "return_to_screening": (Tell("returned_to_you", (OWNER,), deadline="screen"),),
    "record_recusal": (Tell("delegate_wanted", ("DOHD",), "H", "name_delegate"),),
}
"""By event, implied ones too."""
_CONCLUDES = frozenset({"propose_not_substantiated", "propose_redirect"})

DEATH = Tell("child_died", ("DOH",), deadline="death_review")
"""A closure proposed for the child's death (lifecycle.md: "opens a review task, DOH told")."""
QUALITY_REVIEW = Tell("closure_quality_review", ("SUP", "DOH"), deadline="closure_quality_review")
"""A case reopened within the window of the closure quality review (lifecycle.md: "SUP, DOH told")."""

CONFLICT = Tell("conflict_found", ("SUP", "CHAIR", "DOHD"), deadline="conflict_decision")
"""Somebody may be in conflict with the case. Whoever that is hears nothing of it: they are recused already."""


async def tell_about(
    connection: AsyncConnection, case: CaseRow, act: Act, decision: Decision, changes: Changes
) -> None:
    """Write the notices an accepted act asks for.

    Args:
        connection: its transaction.
        case: the case after it.
        act: the act.
        decision: what the lifecycle said.
        changes: what it did to the clocks.
    """
    place = place_of(case)
    report = act.said.report
    if report is not None and act.event in REPORTING:  # an attachment's report was told of when it came in
        await first_notices(connection, place, report_id=report.id, flagged=report.flagged, at=act.recorded_at)
    for one in _asked_for(act, decision, changes, flagged=case.flagged):
        await tell(
            connection,
            place,
            one.kind,
            reference=act.command_id,
            at=act.recorded_at,
            roles=one.roles,
            clock_unit=one.clock_unit,
            deadline=next((clock for clock in changes.started if clock.code == one.deadline), None),
        )
    await _tell_of_joint_work(connection, place, act, changes)
    named = act.said.identifier("owner_id")
    if named is not None and (act.actor is None or named != act.actor.person_id):
        await tell(
            connection,
            place,
            "assigned",
            reference=act.command_id,
            at=act.recorded_at,
            persons=[named],
            # Whose first hours are running must not find it in the morning's mail.
            clock_unit="H" if case.flagged else "day",
        )


async def _tell_of_joint_work(connection: AsyncConnection, place: CasePlace, act: Act, changes: Changes) -> None:
    """Tell whoever is given a task or invited to a conference, by when; and whoever was, that it is off."""
    clocks = {clock.subject: clock for clock in changes.started}
    given: dict[UUID, list[Item]] = {}
    for item in act.said.items(act.command_id):
        if item.assignee is not None and (act.actor is None or item.assignee != act.actor.person_id):
            given.setdefault(item.assignee, []).append(item)
    for person, items in given.items():
        first = clocks.get(str(min(items, key=lambda one: one.due).id))
        await tell(
            connection, place, "task_given", reference=act.command_id, at=act.recorded_at, persons=[person],
            deadline=first,
        )  # fmt: skip
    if act.said.invited:
        await tell(
            connection, place, "conference_called", reference=act.command_id, at=act.recorded_at,
            persons=act.said.invited, deadline=next(iter(changes.started), None),
        )  # fmt: skip
    if act.event == "drop_task":
        given_to = await assignee(connection, place.id, act.said.item)
        if given_to is not None and (act.actor is None or given_to != act.actor.person_id):
            await tell(
                connection, place, "task_dropped", reference=act.command_id, at=act.recorded_at, persons=[given_to]
            )
    if act.event == "record_conference" and not act.said.held:
        persons = await invited(connection, place.id, act.said.item)
        if persons:
            await tell(
                connection, place, "conference_off", reference=act.command_id, at=act.recorded_at, persons=persons
            )


def conflict_found(*, flagged: bool) -> Tell:
    """What those are told who decide on a possible conflict: where a child is in danger it waits for no office hour."""
    return replace(CONFLICT, clock_unit="H") if flagged else CONFLICT


def _asked_for(act: Act, decision: Decision, changes: Changes, *, flagged: bool) -> Iterator[Tell]:
    for event in decision.events:
        # The first notices of a flagged report have said already that it is an emergency.
        if not (event == "raise_emergency" and act.said.report is not None):
            for one in TELLS.get(event, ()):
                yield _answerable(one, event, decision)
    for one in (DEATH, QUALITY_REVIEW):
        if any(clock.code == one.deadline for clock in changes.started):
            yield one
    if any(clock.code == CONFLICT.deadline for clock in changes.started):
        yield conflict_found(flagged=flagged)


def _answerable(one: Tell, event: str, decision: Decision) -> Tell:
    """A conclusion SUP wrote is answered by CHAIR or VCH (lifecycle.md): SUP does not wait for herself."""
    own = event in _CONCLUDES and decision.after.memory.get(Memory.CONCLUSION_ROLE) == "SUP"
    return replace(one, roles=("CHAIR",)) if own else one


def place_of(case: CaseRow) -> CasePlace:
    """What resolving people needs of a case."""
    return CasePlace(id=case.id, code=case.code, unit_id=case.unit_id, owner_id=case.owner_id, flagged=case.flagged)
