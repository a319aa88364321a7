"""Referrals for tests: asked for, sent and answered through real workflows, by the people of the sample."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from api.queries import submissions
from models.forms import Part
from models.messages import Command, CommandResult, referral_workflow_id
from models.tables import Consent, Deadline, Notice, Referral, ReferralEvent, Rung
from tests.world import Case, eventually
from workflows.client import RunEndedError

AGENCIES = {
    "medical_emergency": ("HN-BV", "hlt"),
    "forensic_examination": ("HN-PY", "for"),
    "police_report": ("HN-A", "pol.a"),
    "legal_aid": ("HN-TGPL", "leg"),
    "psychosocial": ("HN-CTXH", "swc"),
    "shelter": ("HN-CTXH", "shl"),
    "school_support": ("HN-A-TH", "edu"),
}
"""Where the sample's children are sent, and who answers there."""


@dataclass
class Sent:
    """One referral of a case, and how to act on it."""

    case: Case
    service: str
    id: UUID = field(default_factory=uuid4)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.case.world.client.get_workflow_handle(referral_workflow_id(self.id))

    async def prepare(
        self,
        event: str,
        who: str,
        *,
        at: datetime | None = None,
        behalf_role: str | None = None,
        means: str | None = None,
        written_by: str | None = None,
        **said: Any,
    ) -> Command:
        """``written_by``: who stored what is said, where the sender could not: the door refuses them before."""
        world = self.case.world
        acting, author = world.acting(who), world.acting(written_by or who)
        now, command_id = self.case.now(), uuid4()
        async with world.as_api(author, now) as connection:
            await submissions.claim(
                connection, submission_id=command_id, person_id=author.person_id, key=command_id,
                target=f"referrals/{self.id}/{event}", request_hash="0" * 64, case_id=self.case.id, at=now,
            )  # fmt: skip
            content = await submissions.store_documents(
                connection, case_id=self.case.id, command_id=command_id, author_id=author.person_id,
                parts=(Part("act", said),) if said else (), at=now,
            )  # fmt: skip
        return Command(
            command_id=command_id,
            case_id=self.case.id,
            referral_id=self.id,
            event=event,
            person_id=acting.person_id,
            position_id=acting.position_id,
            recorded_at=now,
            occurred_at=at or now,
            on_behalf_role=behalf_role,
            means=means,
            content=content,
        )

    async def send(self, command: Command) -> CommandResult:
        try:
            return await self.case.world.desk.send(command)
        except RunEndedError:
            return await self.case.world.desk.send(command, may_start=True)

    async def ask(self, event: str, who: str, **said: Any) -> CommandResult:
        return await self.send(await self.prepare(event, who, **said))

    async def do(self, event: str, who: str, **said: Any) -> CommandResult:
        result = await self.ask(event, who, **said)
        assert result.accepted, f"{event} by {who}: {result.code} {result.detail}, allowed {result.allowed}"
        return result

    async def refused(self, event: str, who: str, **said: Any) -> str:
        result = await self.ask(event, who, **said)
        assert not result.accepted, f"{event} by {who} was accepted"
        return str(result.code)

    async def row(self) -> Any:
        (found,) = await self.case.world.rows(Referral, id=self.id)
        return found

    async def events(self) -> list[Any]:
        return sorted(await self.case.world.rows(ReferralEvent, referral_id=self.id), key=lambda one: one.sequence)

    async def clocks(self, code: str | None = None) -> list[Any]:
        rows = await self.case.world.rows(Deadline, referral_id=self.id)
        return [one for one in rows if code in (None, one.code)]

    async def open(self) -> set[str]:
        return {one.code for one in await self.clocks() if one.status == "open"}

    async def fired(self, code: str) -> list[tuple[str, str]]:
        found = []
        for clock in await self.clocks(code):
            rungs = await self.case.world.rows(Rung, deadline_id=clock.id)
            found += [(one.level, one.state) for one in sorted(rungs, key=lambda one: one.ordinal)]
        return [one for one in found if one[1] != "planned"]

    async def notices(self, kind: str) -> list[Any]:
        rows = await self.case.world.rows(Notice, case_id=self.case.id, kind=kind)
        return [one for one in rows if one.channel == "inbox"]

    async def is_seen(self) -> bool:
        """Whether its workflow has noted that it runs."""
        return (await self.row()).workflow_seen_at is not None

    async def has_ended(self) -> bool:
        return (await self.handle.describe()).status == WorkflowExecutionStatus.COMPLETED

    # --- on its way ---------------------------------------------------------------------------------------------------

    async def asked(self, by: str = "cpo.a", **said: Any) -> "Sent":
        await self.do("ask_service", by, service=self.service, **said)
        return self

    async def sent(self, by: str = "cpo.a", *, at: datetime | None = None, to: str | None = None) -> "Sent":
        await self.do("ask_service", by, service=self.service, at=at)
        await self.do("send", by, receiver_id=str(self.case.world.unit(to or AGENCIES[self.service][0])), at=at)
        return self

    async def accepted(self, by: str | None = None) -> "Sent":
        who = by or AGENCIES[self.service][1]
        await self.do("acknowledge", who)
        await self.do("accept", who)
        return self


def refer(case: Case, service: str) -> Sent:
    """A referral that is not asked for yet."""
    return Sent(case, service)


async def agree(case: Case, *, answer: str = "given", decided_by: str | None = None, **more: Any) -> None:
    """Put on record that the mother agrees to every service and to passing on what it needs, or what else is said."""
    acting, now = case.world.acting("cpo.a"), case.now() - timedelta(hours=1)
    for scope in ("SHARING", "SERVICE"):
        values = {
            "case_id": case.id, "scope": scope, "services": [], "answer": answer, "said_at": now, "recorded_at": now,
            "recorded_by": acting.person_id, "position_id": acting.position_id,
            "decided_by": case.world.person(decided_by) if decided_by else None,
            "giver": None if answer == "ground" else "MOTHER",
            # What was written down of a child's best interest: read by nobody here.
            "best_interest_sealed": b"unread" if answer == "ground" else None,
        }  # fmt: skip
        await case.world.add(Consent, **(values | more))


async def referrals_of(case: Case, service: str | None = None) -> list[Any]:
    """Every referral of a case, the oldest first."""
    rows = await case.world.rows(Referral, case_id=case.id)
    return sorted([one for one in rows if service in (None, one.service)], key=lambda one: (one.created_at, one.id))


async def until(look: Callable[[], Awaitable[bool]], why: str = "") -> None:
    """Wait for something that must come."""
    await eventually(look, why=why)
