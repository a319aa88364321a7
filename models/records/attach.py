"""Attaching a case to another of the same child, and detaching it again: two cases move in one transaction.

The other case takes the report as a further one, or reopens by it, with the original receipt; whatever protects the
child goes along, and the stronger protection holds (lifecycle.md, ``attach``).
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle import FINAL, advance
from models.lifecycle.facts import DocumentFact
from models.lifecycle.types import Decision, Refused
from models.protocol import carry, give_back
from models.protocol.types import Clock
from models.records.actor import Acting
from models.records.acts import Act, Matter, Outcome, carry_out, facts_of, places_of
from models.records.carrying import carry_referrals, give_referrals_back
from models.records.cases import CaseRow, Surroundings, lock_cases, offices_of, surroundings
from models.records.content import Said
from models.records.deadlines import load_clocks, put_clocks
from models.records.links import bring_reports, serves, take_reports_back, took_in
from models.records.reference import Reference
from models.records.tells import tell_about
from models.tables import CaseFile, table

_CASE = table(CaseFile)


def target_of(said: Said) -> UUID | None:
    """The case an attachment names."""
    return said.identifier("target_case")


async def attach(
    connection: AsyncConnection, reference: Reference, matter: Matter, decision: Decision, target: CaseRow | None
) -> Outcome | Refused:
    """Attach a case to ``target``; nothing is written where the target's own chart refuses.

    Args:
        connection: the transaction that holds both rows' locks.
        reference: protocols, calendars, overrides.
        matter: the act on the case that goes into the other.
        decision: the lifecycle's yes for that case.
        target: the case of the same child; None where there is none of that id.
    """
    act, case = matter.act, matter.case
    if target is None:
        return Refused("not-the-same-child", {}, ())
    event = "reopen" if target.process in FINAL else "add_report"
    arriving = replace(
        act,
        event=event,
        command_id=uuid5(act.command_id, "target"),
        refs=(),
        brings=case.id,
        # A live case has its owner: only a case that begins anew is given one here.
        said=act.said if event == "reopen" else act.said.without("owner_id"),
    )
    there = await _around(connection, target, arriving)
    if not await _has_a_say(connection, target, arriving, there):
        return Refused("not-your-unit", {"case": "target"}, ())
    receiving = Matter(target, arriving, there, there.clocks)
    facts = facts_of(receiving).model_copy(
        # Whether they have a say here was asked above, by the rule for attaching.
        update={"adopts": case.standing, "documents": {"M01": DocumentFact(content_hash="")}, "in_reach": True}
    )
    answer = advance(target.standing, event, facts)
    if isinstance(answer, Refused):
        return answer
    here = await carry_out(connection, reference, matter, decision)
    carried = carry(here.clocks, there.clocks, target.id, reference.protocol_at(act.recorded_at))
    await put_clocks(connection, target.id, carried, act.recorded_at)
    moved = await carry_out(connection, reference, replace(receiving, clocks=[*there.clocks, *carried]), answer)
    await bring_reports(
        connection,
        case,
        target,
        matter.around.reports,
        how="further" if event == "add_report" else "reopening",
        acknowledged={one.subject: one.met_at for one in here.clocks if one.code == "acknowledge"},
        at=act.recorded_at,
    )
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=target.id))
    # Without its report: of that the target's office was told, or another was, when it came in.
    untold = replace(arriving, said=Said(arriving.said.documents))
    await tell_about(connection, moved.case, untold, answer, moved.changes)
    referrals = await carry_referrals(connection, case, target, act.recorded_at)
    return replace(here, wake=tuple(dict.fromkeys((*here.wake, *moved.wake, target.id))), wake_referrals=referrals)


async def _around(connection: AsyncConnection, target: CaseRow, act: Act) -> Surroundings:
    people = [one for one in (act.actor, act.recorder) if one is not None]
    owner = act.said.identifier("owner_id")
    return await surroundings(
        connection,
        target,
        positions=[one.position_id for one in people],
        persons=[*(one.person_id for one in people), *([owner] if owner else [])],
        at=act.written,
        places=places_of(act.said.report),
    )


async def _has_a_say(connection: AsyncConnection, target: CaseRow, act: Act, there: Surroundings) -> bool:
    """Attaching moves the target as well, so whoever does it must have a say there, and so must who types it in."""
    for one in (act.actor, act.recorder):
        if one is not None and not await _says(connection, target, act, there, one):
            return False
    return True


async def _says(connection: AsyncConnection, target: CaseRow, act: Act, there: Surroundings, one: Acting) -> bool:
    """At an office of the target, or above one; by deputising there; the hotline where it took a report of it in."""
    if one.role in ("H111", "H111S"):
        return await took_in(connection, target, one.person_id)
    if one.unit_id in offices_of(target) or one.person_id in there.delegates:
        return True
    if there.deputises.get(one.person_id):
        return True
    return await serves(connection, offices_of(target), one.unit_id, act.written)


async def detach(
    connection: AsyncConnection, reference: Reference, matter: Matter, decision: Decision
) -> Outcome | Refused:
    """Take a case out of the one it was attached to; what it brought there comes back, with what fired meanwhile."""
    act, case, clocks = matter.act, matter.case, matter.clocks
    target = None
    if case.attached_to is not None:
        target = (await lock_cases(connection, [case.attached_to])).get(case.attached_to)
    if target is None:
        return Refused("not-allowed-in-state", {"process": case.process}, ())
    target_clocks = await load_clocks(connection, target.id)
    back, ended = give_back(clocks, target_clocks, act.written)
    await put_clocks(connection, case.id, back, act.recorded_at)
    await put_clocks(connection, target.id, ended, act.recorded_at)
    here = await carry_out(connection, reference, replace(matter, clocks=_over(clocks, back)), decision)
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=None))
    flagged = await take_reports_back(connection, case, target, act.recorded_at)
    there = await surroundings(connection, target, positions=[], persons=[], at=act.written)
    giving = Act(
        "give_back", uuid5(act.command_id, "target"), None, Said([]), act.occurred_at, act.recorded_at,
        written_at=act.written_at,
    )  # fmt: skip
    left = Matter(replace(target, flagged=flagged), giving, there, _over(target_clocks, ended))
    facts = facts_of(left).model_copy(update={"adopts": case.standing})
    answer = advance(target.standing, "give_back", facts)
    if isinstance(answer, Decision):
        await carry_out(connection, reference, left, answer)
    referrals = await give_referrals_back(connection, case, target, act.recorded_at)
    return replace(here, wake=(*here.wake, target.id), wake_referrals=referrals)


def _over(clocks: Sequence[Clock], changed: Sequence[Clock]) -> list[Clock]:
    new = {clock.id: clock for clock in changed}
    return [new.get(clock.id, clock) for clock in clocks]
