"""What follows from a referral's move by itself: who is told, where the need goes next, what is open again.

Silence and a no are never the end of a need: it goes to the next capable unit, and with none left it is chased as
unmet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import work_on
from models.lifecycle.referral import FINAL, POLICE, TURNED_AWAY, Decision, advance, is_emergency
from models.lifecycle.referral.rules import MET
from models.lifecycle.referral.services import providers_of
from models.protocol.types import Clock, Happened
from models.records.acts import Act, meet_step, place_of
from models.records.audit import audit
from models.records.cases import CaseRow, Surroundings
from models.records.content import Said
from models.records.deadlines import load_clocks, store_changes
from models.records.notices import Occasion, tell, write_notices
from models.records.people import OWNER, CasePlace, Resolution, resolve
from models.records.reference import Reference
from models.records.referrals import (
    ReferralMatter,
    ReferralRow,
    carry_out,
    facts_of,
    live_services,
    read_referral,
    referrals_of,
    replan_referral,
)
from models.records.routing import next_unit
from models.tables import Deadline, table

_DEADLINE = table(Deadline)

_HIGH = frozenset({"R3", "R4", None})
"""Risk at which the Chair is told of a need that was turned away; nobody yet scored counts as the highest."""

LEGAL_AID = "legal_aid"
_SCORES = ("update_risk", "complete_initial_assessment", "record_follow_up", "start_review")
ELSEWHERE = {
    # Somebody looks at the risk anew; a score that stays the same is no event of its own.
    **dict.fromkeys(_SCORES, ("risk_scored", "new_score")),
    "record_complaint": ("complaint_answered", "procuracy_complaint"),
}
"""Events of a case that answer a clock of its referrals: what has happened to them, and which clock it is."""

_TOLD_TO_OWNER = {
    "accept": "referral_accepted",
    "request_info": "referral_question",
    "deliver": "referral_outcome",
    "decline": "referral_turned_away",
    "expire": "referral_turned_away",
}
_TOLD_TO_AGENCY = {
    "answer_info": "referral_answered",
    "dispute": "referral_disputed",
    "revoke": "referral_revoked",
    "lose_consent": "referral_withheld",
    "regain_consent": "referral_goes_on",
}


@dataclass(frozen=True)
class Scene:
    """Where something follows: the locked case, the people around it, and when it is recorded."""

    reference: Reference
    case: CaseRow
    around: Surroundings
    at: datetime


async def follow(
    connection: AsyncConnection, scene: Scene, referral: ReferralRow, event: str, reference_id: UUID
) -> tuple[UUID, ...]:
    """Everything that follows from one recorded event of a referral.

    Args:
        connection: the transaction of the event, which holds the case's lock.
        scene: see ``Scene``.
        referral: its row after the event.
        event: its code; of one that implies another, the first.
        reference_id: what makes the occasion one: the command's id.

    Returns:
        Ids of other referrals whose workflows are now behind, those that were made among them.
    """
    await _tell(connection, scene, referral, event, reference_id)
    woken: list[UUID] = []
    if event in ("ask_service", "reroute"):
        woken += await _taken_up(connection, scene, referral)
        if referral.service == LEGAL_AID:
            woken += await settle(connection, scene, "legal_aid_asked", "legal_aid_option")
    if event == "deliver" and referral.outcome == "NOT_PROSECUTED":
        # The case stays as it is; the child gets a lawyer and its risk a new look.
        await nudge(connection, scene, referral, "not_prosecuted")
        if LEGAL_AID in live_services(await referrals_of(connection, scene.case.id, LEGAL_AID)):
            await nudge(connection, scene, referral, "legal_aid_asked")
    if referral.state in TURNED_AWAY or event == "ask_again":
        woken += await pass_on(connection, scene, referral)
    elif event == "confirm" and referral.outcome not in MET:
        await _unmet(connection, scene, referral)
    return tuple(dict.fromkeys(woken))


async def serve_step(connection: AsyncConnection, scene: Scene, referral: ReferralRow, event: str) -> bool:
    """A step of the plan is done once the service asked for it was given, and its sender has confirmed so.

    One that was given in part leaves the step open: what is left is the officer's to say.

    Returns:
        Whether a clock of the case was met.
    """
    if event != "confirm" or referral.outcome != "PROVIDED" or referral.step is None:
        return False
    return await meet_step(connection, scene.reference, scene.case, scene.around, referral.step, referral.id, scene.at)


async def pass_on(connection: AsyncConnection, scene: Scene, origin: ReferralRow) -> list[UUID]:
    """Ask the next capable unit that was not asked for this need yet, within what was agreed to; else it is unmet.

    One that stays open, as those to the police and emergency services do, is not unmet: it goes on being chased.
    """
    came_through = [UUID(one) for one in origin.came_through]
    await work_on(connection, came_through)
    asked = [await referrals_of(connection, one, origin.service) for one in (scene.case.id, *came_through)]
    tried = {one.receiver_id for of_case in asked for one in of_case} - {None}
    unit = await next_unit(
        connection,
        service=origin.service,
        commune=scene.case.unit_id,
        at=scene.at,
        without=[one for one in tried if one is not None],
    )
    passed = await _ask(connection, scene, origin, unit) if unit is not None else None
    if passed is not None:
        return [passed.id, *await follow(connection, scene, passed, "reroute", passed.id)]
    if origin.state in FINAL:
        await _unmet(connection, scene, origin)
    return []


async def _ask(connection: AsyncConnection, scene: Scene, origin: ReferralRow, unit: UUID) -> ReferralRow | None:
    made = uuid5(origin.id, f"reroute/{origin.sequence}")
    act = Act("reroute", uuid5(made, "reroute"), None, Said([]), scene.at, scene.at)
    matter = ReferralMatter(scene.case, None, made, act, scene.around, rerouted_from=origin, receiver=unit)
    facts = await facts_of(connection, matter)
    decision = advance(None, "reroute", facts)
    if not isinstance(decision, Decision):
        return None
    return (await carry_out(connection, scene.reference, matter, decision, facts)).referral


async def _unmet(connection: AsyncConnection, scene: Scene, referral: ReferralRow) -> None:
    """The need is back on the plan: chased from now on, and its owner and head of office told at once."""
    await nudge(connection, scene, referral, "need_unmet")
    await audit(
        connection,
        at=scene.at,
        actor=None,
        action="need_unmet",
        record="referral",
        record_id=referral.id,
        case_id=scene.case.id,
        outcome="done",
        code=referral.service,
        chained=True,
    )
    roles = [OWNER, "SUP", *(["CHAIR"] if scene.case.risk in _HIGH else [])]
    await _told(connection, scene, referral, "need_unmet", uuid5(referral.id, "unmet"), roles)


async def _taken_up(connection: AsyncConnection, scene: Scene, referral: ReferralRow) -> list[UUID]:
    """A need that was unmet is asked for again: that is what was chased."""
    waiting = await waiting_referrals(connection, scene.case.id, ("unmet_need",))
    taken = [one for one in waiting if one.service == referral.service and one.id != referral.id]
    for one in taken:
        await nudge(connection, scene, one, "need_taken_up")
    return [one.id for one in taken]


async def settle(connection: AsyncConnection, scene: Scene, event: str, code: str) -> list[UUID]:
    """Meet one kind of clock of whichever referral of the case waits for what has now happened elsewhere."""
    waiting = await waiting_referrals(connection, scene.case.id, (code,))
    return [one.id for one in waiting if await nudge(connection, scene, one, event)]


async def nudge(
    connection: AsyncConnection, scene: Scene, referral: ReferralRow, *events: str, occurred_at: datetime | None = None
) -> tuple[Clock, ...]:
    """Give a referral's clocks something that happened beside its own acts.

    Returns:
        Its clocks, where any of them changed; else none.
    """
    clocks = await load_clocks(connection, scene.case.id, referral.id)
    happened = [Happened(event=one, occurred_at=occurred_at or scene.at, recorded_at=scene.at) for one in events]
    changes = replan_referral(
        scene.reference, referral, scene.case, scene.around, clocks=clocks, happened=happened, at=scene.at
    )
    if not changes.touched:
        return ()
    await store_changes(connection, scene.case.id, changes, scene.at, referral_id=referral.id)
    return changes.touched


async def keep_pace(connection: AsyncConnection, scene: Scene, *, ended: bool) -> tuple[UUID, ...]:
    """Give every referral of a case the pace of its risk, and end what chases needs of one that has ended.

    Returns:
        The referrals whose clocks moved.
    """
    events = ("update_household_risk", *(("case_ended",) if ended else ()))
    waiting = await waiting_referrals(connection, scene.case.id)
    return tuple([one.id for one in waiting if await nudge(connection, scene, one, *events)])


async def waiting_referrals(
    connection: AsyncConnection, case_id: UUID, codes: Sequence[str] | None = None
) -> list[ReferralRow]:
    """The referrals of a case with a running deadline, of some codes if given."""
    statement = select(_DEADLINE.c.referral_id).where(
        _DEADLINE.c.case_id == case_id,
        _DEADLINE.c.referral_id.is_not(None),
        _DEADLINE.c.status.in_(("open", "paused")),
    )
    if codes is not None:
        statement = statement.where(_DEADLINE.c.code.in_(codes))
    ids = sorted(set((await connection.execute(statement)).scalars()))
    return [row for one in ids if (row := await read_referral(connection, one)) is not None]


# --- who is told ----------------------------------------------------------------------------------------------------


async def _tell(
    connection: AsyncConnection, scene: Scene, referral: ReferralRow, event: str, reference_id: UUID
) -> None:
    if event in ("send", "reroute"):
        await tell_agency(connection, scene, referral, "referral_received", reference_id)
    if event == "lose_consent":
        await _told(connection, scene, referral, "consent_lost", reference_id, [OWNER, "SUP"])
    goes_on = is_emergency(referral.service) and event in ("lose_consent", "regain_consent")
    if event in _TOLD_TO_AGENCY and referral.sent_at is not None and not goes_on:
        await tell_agency(connection, scene, referral, _TOLD_TO_AGENCY[event], reference_id)
    if event in _TOLD_TO_OWNER:
        roles = [OWNER]
        turned_away = referral.state in TURNED_AWAY
        if turned_away and scene.case.risk in _HIGH:
            roles.append("CHAIR")
        if referral.service == POLICE and event == "deliver":
            roles.append("SUP")
        kind = "police_outcome" if referral.service == POLICE and event == "deliver" else _TOLD_TO_OWNER[event]
        await _told(connection, scene, referral, kind, reference_id, roles)


async def _told(  # noqa: PLR0917 - one telling, whole
    connection: AsyncConnection,
    scene: Scene,
    referral: ReferralRow,
    kind: str,
    reference_id: UUID,
    roles: Sequence[str],
) -> None:
    await tell(
        connection,
        place_of(scene.case),
        kind,
        reference=reference_id,
        at=scene.at,
        roles=roles,
        clock_unit="H" if is_emergency(referral.service) else "day",
        about={"service": referral.service},
    )


async def tell_agency(
    connection: AsyncConnection, scene: Scene, referral: ReferralRow, kind: str, reference_id: UUID
) -> Resolution:
    """Tell the people of the agency a referral went to, by its own code: they know nothing of the case."""
    found = await agency_of(connection, scene.case, referral, scene.at)
    occasion = Occasion(
        kind=kind,
        values={"service": referral.service, "referral": str(referral.id)},
        clock_unit="H" if is_emergency(referral.service) else "day",
        deliver_at=scene.at,
        reference=str(reference_id),
    )
    await write_notices(connection, agency_place(scene.case, referral), found.recipients, occasion, scene.at)
    return found


async def agency_of(connection: AsyncConnection, case: CaseRow, referral: ReferralRow, at: datetime) -> Resolution:
    """Who can be reached at the agency a referral went to; somebody recused from the case is left out."""
    if referral.receiver_id is None:
        return Resolution((), nobody=True)
    unit = "H" if is_emergency(referral.service) else "day"
    return await resolve(
        connection,
        case=place_of(case),
        roles=sorted(providers_of(referral.service)),
        at=at,
        clock_unit=unit,  # type: ignore[arg-type]
        unit_id=referral.receiver_id,
    )


def agency_place(case: CaseRow, referral: ReferralRow) -> CasePlace:
    """A case as its agency is told of it: under the referral's code."""
    return CasePlace(case.id, referral.code, case.unit_id, case.owner_id, case.flagged)
