"""The workflow that brings one endpoint the events of one referral: in order, patiently, and never for ever.

It keeps time and order only. What is next, what is sent and whose a dead letter is, activities find in PostgreSQL.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from models.messages import DeliveryInput, DeliveryRef, NextDelivery

_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=20)
)

GAPS = RetryPolicy(initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(hours=1))
"""Between attempts: seconds at first, for what passes by itself; an hour at most, so that whoever comes back hears
soon. Some 80 attempts in three days."""


@workflow.defn(name="Delivery")
class Delivery:
    """The events of one referral for one endpoint; ends where none waits, and is started again by the next."""

    @workflow.init
    def __init__(self, start: DeliveryInput) -> None:
        self._start = start
        self._looks = 0

    @workflow.run
    async def run(self, start: DeliveryInput) -> None:
        """Send what waits, one after the other: nothing passes an event that is neither delivered nor given up."""
        while True:
            looks = self._looks
            waiting = await self._waiting()
            if waiting.next is not None:
                await self._send(waiting.next, timedelta(seconds=waiting.seconds))
            elif looks == self._looks:
                return
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start)

    @workflow.signal(name="look")
    def look(self) -> None:
        """Something more may wait."""
        self._looks += 1

    async def _waiting(self) -> NextDelivery:
        found: NextDelivery = await workflow.execute_local_activity(
            "next_delivery",
            self._start,
            result_type=NextDelivery,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=_PATIENT,
            local_retry_threshold=timedelta(seconds=2),
        )
        return found

    async def _send(self, waiting: DeliveryRef, tried_for: timedelta) -> None:
        try:
            await workflow.execute_activity(
                "send_delivery",
                waiting,
                start_to_close_timeout=timedelta(seconds=45),
                schedule_to_close_timeout=tried_for,
                retry_policy=GAPS,
            )
        except ActivityError:
            await workflow.execute_activity(
                "bury_delivery", waiting, start_to_close_timeout=timedelta(seconds=30), retry_policy=_PATIENT
            )
