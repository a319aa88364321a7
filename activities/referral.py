"""``record_referral``: one command becomes a recorded move of a referral, or a recorded refusal, exactly once.

As ``record_transition`` does it for a case, under the case's lock; and the acts a referral's own clocks make happen.
"""

from datetime import datetime
from uuid import UUID, uuid5

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.transition import (
    CONTENT_CHANGED,
    NOT_YOURS,
    PROMPT,
    UNKNOWN_CASE,
    acting_of,
    principal_of,
    recording,
    speaks_for_another,
    store_result,
)
from models.clock import Clock as DomainClock
from models.lifecycle.referral import Decision, advance
from models.lifecycle.types import Refused
from models.messages import Command, Recorded, Snapshot
from models.protocol.types import Clock
from models.records.acts import Act
from models.records.audit import audit
from models.records.cases import CaseRow, Surroundings, surroundings
from models.records.content import Said, StoredDocument, lock_with_documents
from models.records.deadlines import load_clocks
from models.records.following import Scene, follow, serve_step
from models.records.reference import Reference
from models.records.referrals import (
    ReferralMatter,
    ReferralOutcome,
    ReferralRow,
    agency_role,
    carry_out,
    facts_of,
    read_where_it_is,
    snapshot_of,
)


class ReferralTransitions:
    """The activity that records commands on referrals; see ``activities.transition.Transitions``.

    Args:
        engine: of the worker role.
        reference: protocols and calendars.
        clock: domain time.
    """

    def __init__(self, engine: AsyncEngine, reference: Reference, clock: DomainClock) -> None:
        self._engine = engine
        self._reference = reference
        self._clock = clock

    @activity.defn(name="record_referral")
    async def record_referral(self, command: Command) -> Recorded:
        """Record a command on a referral; asked again, give the same answer.

        Raises:
            ApplicationError: ``internal``, not to be retried: the fault is in the data or in our code.
            Exception: PostgreSQL is away or in the way, or the keys are; retried until they are back.
        """
        return await recording(self._engine, command, self._record)

    async def _record(self, connection: AsyncConnection, command: Command) -> Recorded:
        case, documents = await lock_with_documents(connection, command.case_id, command.content)
        if case is None or command.referral_id is None:
            raise ApplicationError("no such case", type=UNKNOWN_CASE, non_retryable=True)
        case, referral = await read_where_it_is(connection, case, command.referral_id)
        matter = await self._matter(connection, command, case, referral, documents or [])
        if matter.around.answered is not None:
            return Recorded.model_validate(matter.around.answered)
        structlog.contextvars.bind_contextvars(case_code=case.code, before=referral.state if referral else None)
        answer: Decision | Refused = Refused(CONTENT_CHANGED)
        if documents is not None:
            answer = await self._judge(connection, command, matter)
        if isinstance(answer, Refused):
            return await _refuse(connection, command, matter, answer)
        outcome = await carry_out(connection, self._reference, matter, answer, await facts_of(connection, matter))
        structlog.contextvars.bind_contextvars(after=outcome.referral.state)
        scene = Scene(self._reference, case, matter.around, command.recorded_at)
        woken = await follow(connection, scene, outcome.referral, command.event, command.command_id)
        served = await serve_step(connection, scene, outcome.referral, command.event)
        result = Recorded(
            command_id=command.command_id,
            accepted=True,
            sequence=outcome.referral.sequence,
            wake=(case.id,) if served else (),
            snapshot=await _snapshot(connection, outcome),
            wake_referrals=woken,
        )
        await store_result(connection, command, result)
        return result

    async def _matter(
        self,
        connection: AsyncConnection,
        command: Command,
        case: CaseRow,
        referral: ReferralRow | None,
        documents: list[StoredDocument],
    ) -> ReferralMatter:
        said = Said(documents)
        receiver = said.identifier("receiver_id") if command.event == "send" else None
        now = max(command.recorded_at, self._clock.now())
        around = await surroundings(
            connection,
            case,
            positions=[command.position_id],
            persons=[person for person in (command.person_id, command.on_behalf_person) if person is not None],
            at=now,
            command_id=command.command_id,
            besides=[receiver, referral.receiver_id if referral else None],
        )
        person = acting_of(around, command.person_id, command.position_id)
        principal = principal_of(around, command, person)
        agency = _agency(command, referral)
        recorded_for_another = principal is not None or agency is not None
        act = Act(
            event=command.event,
            command_id=command.command_id,
            actor=principal or (None if agency else person),
            recorder=person if recorded_for_another else None,
            on_behalf_role=command.on_behalf_role,
            means=command.means,
            said=said,
            refs=command.content,
            occurred_at=command.occurred_at,
            recorded_at=command.recorded_at,
            written_at=now if now - command.recorded_at > PROMPT else None,
            origin=command.origin,
        )
        clocks = await load_clocks(connection, case.id, referral.id) if referral is not None else []
        made = command.referral_id or command.command_id
        return ReferralMatter(case, referral, made, act, around, clocks, agency=agency, receiver=receiver)

    async def _judge(self, connection: AsyncConnection, command: Command, matter: ReferralMatter) -> Decision | Refused:
        sender = matter.act.recorder or matter.act.actor
        if sender is None or (speaks_for_another(command) and matter.act.recorder is None):
            return Refused(NOT_YOURS, {"roles": ""})
        standing = matter.referral.standing if matter.referral is not None else None
        return advance(standing, command.event, await facts_of(connection, matter))


def _agency(command: Command, referral: ReferralRow | None) -> str | None:
    """The agency's role somebody records an answer for, naming no person: it has nobody in the system."""
    if referral is None or command.on_behalf_person is not None:
        return None
    return agency_role(referral.service, command.on_behalf_role)


async def _snapshot(connection: AsyncConnection, outcome: ReferralOutcome) -> Snapshot:
    # What followed may have moved its clocks once more: a need nobody takes up is chased from now on.
    clocks = await load_clocks(connection, outcome.referral.case_id, outcome.referral.id)
    return snapshot_of(outcome.referral, clocks)


async def _refuse(connection: AsyncConnection, command: Command, matter: ReferralMatter, refused: Refused) -> Recorded:
    referral, case = matter.referral, matter.case
    if referral is None:
        held = Snapshot(case_id=case.id, referral_id=matter.id, sequence=0, ended=True)
    else:
        held = snapshot_of(referral, matter.clocks)
    result = Recorded(
        command_id=command.command_id,
        accepted=False,
        code=refused.code,
        detail=refused.detail,
        allowed=refused.allowed,
        sequence=held.sequence,
        snapshot=held,
    )
    await store_result(connection, command, result)
    await audit(
        connection,
        at=command.recorded_at,
        actor=matter.act.recorder or matter.act.actor,
        action=command.event,
        record="referral",
        record_id=matter.id,
        case_id=case.id,
        command_id=command.command_id,
        outcome="refused",
        code=refused.code,
        detail={"person_id": str(command.person_id), "standing": referral.state if referral else None},
        origin=command.origin,
        chained=True,
    )
    return result


class ReferralClockActs:
    """Records the events a referral's clock itself makes happen, in the transaction that fires its rung.

    Args:
        reference: protocols and calendars.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    async def __call__(  # noqa: PLR0917 - one act, whole
        self, connection: AsyncConnection, case: CaseRow, referral: ReferralRow, event: str, clock: Clock, at: datetime
    ) -> tuple[UUID, ...]:
        """Move the referral as a clock demands; nothing happens where the chart has no such move any more.

        Args:
            connection: the transaction that fires the rung and holds the case's lock.
            case: the locked case.
            referral: its row.
            event: ``expire`` or ``ask_again``.
            clock: whose rung makes it happen.
            at: domain instant.

        Returns:
            Ids of referrals whose workflows are now behind.
        """
        around: Surroundings = await surroundings(connection, case, positions=[], persons=[], at=at)
        act = Act(event, uuid5(clock.id, f"{event}/{clock.occurrence}"), None, Said([]), at, at, clock=clock)
        clocks = await load_clocks(connection, case.id, referral.id)
        matter = ReferralMatter(case, referral, referral.id, act, around, clocks)
        facts = await facts_of(connection, matter)
        decision = advance(referral.standing, event, facts)
        if not isinstance(decision, Decision):
            return ()
        outcome = await carry_out(connection, self._reference, matter, decision, facts)
        return await follow(
            connection, Scene(self._reference, case, around, at), outcome.referral, event, act.command_id
        )
