"""Who is told when something happens, beside the ladders: those who must act next, and those the rules name.

One table. An event that is not in it tells nobody; its deadline's ladder will, in time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle.types import Decision
from models.protocol.types import Changes
from models.records.acts import Act
from models.records.cases import CaseRow
from models.records.content import REPORTING
from models.records.notices import first_notices, tell
from models.records.people import OWNER, CasePlace, ClockUnit


@dataclass(frozen=True)
class Tell:
    """One notice: its kind in ``texts.KINDS``, to whom, and whether it waits for office hours."""

    kind: str
    roles: tuple[str, ...]
    clock_unit: ClockUnit = "day"


TELLS: dict[str, tuple[Tell, ...]] = {
    # "the Chair is told at once and may raise it", says lifecycle.md.
    "rule_out_emergency": (Tell("emergency_ruled_out", ("CHAIR",), "H"),),
    "raise_emergency": (Tell("emergency_raised", ("CPO", "SUP", "DOHD"), "H"),),
    # Whoever must answer a proposal hears of it when it is made, not when its first rung fires.
    "submit_plan": (Tell("waits_for_you", ("CHAIR",)),),
    "propose_closure": (Tell("waits_for_you", ("CHAIR",)),),
    "propose_not_substantiated": (Tell("waits_for_you", ("SUP",)),),
    "propose_redirect": (Tell("waits_for_you", ("SUP",)),),
    "return_plan": (Tell("returned_to_you", (OWNER,)),),
    "return_closure": (Tell("returned_to_you", (OWNER,)),),
    "return_to_verification": (Tell("returned_to_you", (OWNER,)),),
    "return_to_screening": (Tell("returned_to_you", (OWNER,)),),
    "record_recusal": (Tell("delegate_wanted", ("DOHD",), "H"),),
}
"""By event, implied ones too."""

DEATH = Tell("child_died", ("DOH",))
"""lifecycle.md: "death (opens a review task, DOH told)"."""
QUALITY_REVIEW = Tell("closure_quality_review", ("SUP", "DOH"))
"""A case reopened within the window of the closure quality review (lifecycle.md: "SUP, DOH told")."""


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
    for one in _asked_for(act, decision, changes):
        await tell(
            connection,
            place,
            one.kind,
            reference=act.command_id,
            at=act.recorded_at,
            roles=one.roles,
            clock_unit=one.clock_unit,
        )
    named = act.said.identifier("owner_id")
    if named is not None and (act.actor is None or named != act.actor.person_id):
        await tell(connection, place, "assigned", reference=act.command_id, at=act.recorded_at, persons=[named])


def _asked_for(act: Act, decision: Decision, changes: Changes) -> Iterator[Tell]:
    for event in decision.events:
        # The first notices of a flagged report have said already that it is an emergency.
        if not (event == "raise_emergency" and act.said.report is not None):
            yield from TELLS.get(event, ())
    if act.event == "propose_early_closure" and act.said.closure_reason == "DEATH":
        yield DEATH
    if any(clock.code == "closure_quality_review" for clock in changes.started):
        yield QUALITY_REVIEW


def place_of(case: CaseRow) -> CasePlace:
    """What resolving people needs of a case."""
    return CasePlace(id=case.id, code=case.code, unit_id=case.unit_id, owner_id=case.owner_id, flagged=case.flagged)
