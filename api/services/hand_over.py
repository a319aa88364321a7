"""Somebody leaves, and their cases go to a successor: one act, with a result for each case.

Each case is given by the lifecycle's own ``assign_owner``, the way of any other act (``api.services.actions``): whether
the successor serves there, or must keep out, is said of each case by itself. The keys of these acts are made of the
request's own, so that the same request sent again goes on where it was broken off, and does nothing twice.
"""

from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import cases, organisation, submissions
from api.queries.rows import Found
from api.services import actions, keys
from api.services.several import told, tried
from api.shapes.cases import HandedOverOut
from api.shapes.organisation import HandOverIn
from models.forms.inputs import AssignOwner

_EVENT = AssignOwner.EVENT
_UNCONFIRMED = "command-not-confirmed"


async def hand_over(visit: Visit, person_id: UUID, key: UUID, given: HandOverIn) -> list[HandedOverOut]:
    """Give every live case of somebody's, as far as it is the caller's to act on, to a successor.

    Raises:
        Problem: ``not-permitted``; ``not-found`` for somebody who never was of the caller's office and has no case
            there; ``idempotency-key-reused``; ``invalid-request``.
    """
    await visit.require("hand_over")
    if given.to == person_id:
        raise fault("same-person", "body", "to")
    own_key = uuid5(key, f"people/{person_id}/hand-over")
    act = AssignOwner(owner_id=given.to, reason=given.reason)
    async with visit.transaction() as connection:
        rows = await _theirs(connection, visit, person_id, own_key, act)
        await visit.note(
            connection, "hand_over", "person", record_id=person_id, detail={"cases": [str(row.id) for row in rows]}
        )
    results: list[HandedOverOut] = []
    unconfirmed: Problem | None = None
    for row in rows:
        problem = unconfirmed
        if problem is None:
            _, problem = await tried(actions.act(visit, str(row.id), _EVENT, own_key, act))
        if problem is not None and problem.code == _UNCONFIRMED:
            # Nobody answers: the others would only wait as long each. Sent again, the request goes on with them.
            unconfirmed = problem
        results.append(
            HandedOverOut(case_id=row.id, case_code=row.code, done=problem is None, problem=told(visit, problem))
        )
    return results


async def _theirs(
    connection: AsyncConnection, visit: Visit, person_id: UUID, own_key: UUID, act: AssignOwner
) -> Sequence[Found]:
    """The cases it is about: those the person owns, and those this same request was sent for before."""
    digest = await keys.request_hash(connection, act)
    before = await submissions.under(connection, visit.caller.person_id, own_key)
    for sent in before:
        keys.check_same(sent, digest)
    rows = await cases.owned_by(
        connection, visit.caller.acting, visit.now, person_id, besides=[sent.case_id for sent in before]
    )
    if not rows and not await organisation.ever_served(connection, person_id, visit.caller.acting.unit_id):
        raise Problem("not-found")
    return rows
