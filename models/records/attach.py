"""Attaching a case to another of the same child, and detaching it again: two cases move in one transaction.

The other case takes the report as a further one, or reopens by it, with the original receipt; whatever protects the
child goes along, and the stronger protection holds (lifecycle.md, ``attach``).
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.lifecycle import advance
from models.lifecycle.facts import DocumentFact
from models.lifecycle.states import FINAL
from models.lifecycle.types import Decision, Refused
from models.protocol import carry, give_back
from models.protocol.types import Clock
from models.records.acts import Act, Matter, Outcome, carry_out, facts_of
from models.records.cases import CaseRow, lock_cases, surroundings
from models.records.content import Said
from models.records.deadlines import load_clocks, put_clocks
from models.records.reference import Reference
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
    there = await surroundings(
        connection,
        target,
        positions=[act.actor.position_id] if act.actor else [],
        persons=[act.actor.person_id] if act.actor else [],
        at=act.recorded_at,
    )
    target_clocks = there.clocks
    arriving = replace(act, event=event, command_id=uuid5(act.command_id, "target"), refs=())
    receiving = Matter(target, arriving, there, target_clocks)
    facts = facts_of(receiving).model_copy(
        update={"adopts": case.standing, "documents": {"M01": DocumentFact(content_hash="")}}
    )
    answer = advance(target.standing, event, facts)
    if isinstance(answer, Refused):
        return answer
    here = await carry_out(connection, reference, matter, decision)
    carried = carry(here.clocks, target_clocks, target.id, reference.protocol_at(act.recorded_at))
    await put_clocks(connection, target.id, carried, act.recorded_at)
    await carry_out(connection, reference, replace(receiving, clocks=[*target_clocks, *carried]), answer)
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=target.id))
    return replace(here, wake=(*here.wake, target.id))


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
    back, ended = give_back(clocks, target_clocks, act.recorded_at)
    await put_clocks(connection, case.id, back, act.recorded_at)
    await put_clocks(connection, target.id, ended, act.recorded_at)
    here = await carry_out(connection, reference, replace(matter, clocks=_over(clocks, back)), decision)
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=None))
    there = await surroundings(connection, target, positions=[], persons=[], at=act.recorded_at)
    giving = Act("give_back", uuid5(act.command_id, "target"), None, Said([]), act.occurred_at, act.recorded_at)
    left = Matter(target, giving, there, _over(target_clocks, ended))
    facts = facts_of(left).model_copy(update={"adopts": case.standing})
    answer = advance(target.standing, "give_back", facts)
    if isinstance(answer, Decision):
        await carry_out(connection, reference, left, answer)
    return replace(here, wake=(*here.wake, target.id))


def _over(clocks: Sequence[Clock], changed: Sequence[Clock]) -> list[Clock]:
    new = {clock.id: clock for clock in changed}
    return [new.get(clock.id, clock) for clock in clocks]
