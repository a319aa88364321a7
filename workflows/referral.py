"""The workflow of one referral: a life of its own, which no other can take down with it; see ``workflows.keeping``."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.messages import Command, ReferralInput, ReferralRef, Snapshot
    from workflows.keeping import Keeper


@workflow.defn(name="Referral")
class Referral(Keeper):
    """One service asked for, from its draft until it has ended and nothing of it is left to chase."""

    RECORD = "record_referral"
    LOAD = "load_referral"

    @workflow.init
    def __init__(self, start: ReferralInput) -> None:
        blank = Snapshot(case_id=start.case_id, referral_id=start.referral_id, sequence=0)
        super().__init__(
            start.snapshot or blank,
            subject=start.referral_id,
            stale=start.snapshot is None,
            offset_seconds=start.offset_seconds,
            recent=start.recent,
            locally=True,
        )

    @workflow.run
    async def run(self, start: ReferralInput) -> None:  # noqa: ARG002 - read in __init__, before any handler runs
        """Wait, fire, adopt; until the referral has ended or its history has grown long."""
        await self._keep()

    def _about(self) -> ReferralRef:
        return ReferralRef(case_id=self._snapshot.case_id, referral_id=self._subject)

    def _is_mine(self, command: Command) -> bool:
        return command.referral_id == self._subject

    def _continue(self) -> None:
        workflow.continue_as_new(
            ReferralInput(
                case_id=self._snapshot.case_id,
                referral_id=self._subject,
                offset_seconds=self._offset.total_seconds(),
                snapshot=self._snapshot,
                recent=tuple(self._recent.values()),
            )
        )
