"""The workflow of one case: see ``workflows.keeping``, where what it does stands."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from uuid import UUID

    from models.messages import CaseInput, Command, Snapshot
    from workflows.keeping import Keeper


@workflow.defn(name="Case")
class Case(Keeper):
    """One case from its first report until it is final and no deadline is open."""

    RECORD = "record_transition"
    LOAD = "load_case"

    @workflow.init
    def __init__(self, start: CaseInput) -> None:
        super().__init__(
            start.snapshot or Snapshot(case_id=start.case_id, sequence=0),
            subject=start.case_id,
            stale=start.snapshot is None,
            offset_seconds=start.offset_seconds,
            recent=start.recent,
            locally=start.locally,
        )

    @workflow.run
    async def run(self, start: CaseInput) -> None:  # noqa: ARG002 - read in __init__, before any handler runs
        """Wait, fire, adopt; until the case has ended or its history has grown long."""
        await self._keep()

    def _about(self) -> UUID:
        return self._subject

    def _is_mine(self, command: Command) -> bool:
        return command.case_id == self._subject and command.referral_id is None

    def _continue(self) -> None:
        workflow.continue_as_new(
            CaseInput(
                case_id=self._subject,
                offset_seconds=self._offset.total_seconds(),
                snapshot=self._snapshot,
                recent=tuple(self._recent.values()),
                locally=True,
            )
        )
