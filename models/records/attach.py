"""Attaching a case to another of the same child, and detaching it again: two cases move in one transaction.

The other case takes the report as a further one, or reopens by it, with the original receipt; whatever protects the child
goes along, and the stronger protection holds (lifecycle.md, ``attach``).
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
from models.protocol.types import Clock
from models.records.acts import Act, Outcome, carry_out, facts_of
from models.records.cases import CaseRow, Surroundings, lock_cases, surroundings
from models.records.content import Said
from models.records.deadlines import load_clocks
from models.records.reference import Reference
from models.tables import CaseFile, table

_CASE = table(CaseFile)


def target_of(said: Said) -> UUID | None:
    """The case an attachment names."""
    return said.identifier("target_case")


async def attach(
    connection: AsyncConnection,
    reference: Reference,
    case: CaseRow,
    target: CaseRow | None,
    decision: Decision,
    act: Act,
    around: Surroundings,
    clocks: Sequence[Clock],
) -> Outcome | Refused:
    """Attach ``case`` to ``target``; nothing is written where the target's own chart refuses.

    Args:
        connection: the transaction that holds both rows' locks.
        reference: protocols, calendars, overrides.
        case: the case that goes into the other.
        target: the case of the same child; None where there is none of that id.
        decision: the lifecycle's yes for ``case``.
        act: the act.
        around: the people around it.
        clocks: every clock of ``case``.
    """
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
    target_clocks = await load_clocks(connection, target.id)
    arriving = replace(act, event=event, command_id=uuid5(act.command_id, "target"), refs=())
    facts = facts_of(arriving, target, there, target_clocks).model_copy(
        update={"adopts": case.standing, "documents": {"M01": DocumentFact(content_hash="")}}
    )
    answer = advance(target.standing, event, facts)
    if isinstance(answer, Refused):
        return answer
    here = await carry_out(connection, reference, case, decision, act, around, clocks)
    await carry_out(connection, reference, target, answer, arriving, there, target_clocks)
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=target.id))
    return replace(here, wake=(*here.wake, target.id))


async def detach(
    connection: AsyncConnection,
    reference: Reference,
    case: CaseRow,
    decision: Decision,
    act: Act,
    around: Surroundings,
    clocks: Sequence[Clock],
) -> Outcome | Refused:
    """Take ``case`` out of the case it was attached to; what it brought there is given back."""
    here = await carry_out(connection, reference, case, decision, act, around, clocks)
    await connection.execute(update(_CASE).where(_CASE.c.id == case.id).values(attached_to=None))
    wake = here.wake
    if case.attached_to is not None:
        target = (await lock_cases(connection, [case.attached_to]))[case.attached_to]
        there = await surroundings(connection, target, positions=[], persons=[], at=act.recorded_at)
        target_clocks = await load_clocks(connection, target.id)
        giving = Act("give_back", uuid5(act.command_id, "target"), None, Said([]), act.occurred_at, act.recorded_at)
        facts = facts_of(giving, target, there, target_clocks).model_copy(update={"adopts": case.standing})
        answer = advance(target.standing, "give_back", facts)
        if isinstance(answer, Decision):
            await carry_out(connection, reference, target, answer, giving, there, target_clocks)
            wake = (*wake, target.id)
    return replace(here, wake=wake)
