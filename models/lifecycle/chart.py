"""The case's statechart: four parallel regions, exactly the moves of lifecycle.md, and nothing else.

The chart knows which event leads where. Who may, when and with what is asked before it (``decide``), because a chart's
condition skips silently and a refusal must say why. The chart has no callbacks with effects; what it remembers of a
suspension, a closure proposal or an emergency it keeps in history states, restored from ``Standing.memory``.

Conditions here only choose between targets, or tie one region to another. They read the model (configuration and
memory) and the ONE facts object.
"""

# mypy: disable-error-code="misc, operator, arg-type"
# The library builds states from nested class bodies with a metaclass, which mypy reads as ordinary classes.

from typing import Any

from statemachine import HistoryState, State, StateChart
from statemachine.orderedset import OrderedSet

from models.lifecycle.facts import Facts
from models.lifecycle.types import Memory


class Position:
    """What a chart instance is restored from: its configuration and the case's memory."""

    def __init__(self, state: "OrderedSet[str]", memory: dict[str, str]) -> None:
        self.state = state
        self.memory = memory


class CaseChart(StateChart[Position]):
    """One case. ``X.to(None)`` is a move that stays: allowed here, changing nothing."""

    allow_event_without_transition = False
    catch_errors_as_events = False
    # nothing in the chart leads to unrouted: intake puts a case there whose report names no commune
    validate_disconnected_states = False
    validate_trap_states = False

    class case(State.Parallel):  # noqa: N801 - ids of the chart are the codes of lifecycle.md
        """The four regions."""

        class process(State.Compound):  # noqa: N801
            """Where the case stands."""

            class live(State.Compound):  # noqa: N801
                """A case at work."""

                class at_work(State.Compound):  # noqa: N801
                    """Every live state a closure may be proposed from."""

                    class working(State.Compound):  # noqa: N801
                        """Every live state that may be suspended."""

                        received = State(initial=True)
                        screening = State()
                        initial_assessment = State()
                        verifying = State()
                        conclusion_not_substantiated = State()
                        conclusion_redirect = State()
                        detailed_assessment = State()
                        needs_meeting = State()
                        plan_draft = State()
                        plan_approval = State()
                        active = State()
                        review = State()
                        before_suspension = HistoryState()

                        acknowledge = received.to(screening)
                        accept = screening.to(initial_assessment)
                        propose_redirect = screening.to(conclusion_redirect)
                        complete_initial_assessment = initial_assessment.to(verifying)
                        substantiate = verifying.to(detailed_assessment)
                        propose_not_substantiated = verifying.to(conclusion_not_substantiated)
                        return_to_verification = conclusion_not_substantiated.to(verifying)
                        return_to_screening = conclusion_redirect.to(screening)
                        complete_detailed_assessment = detailed_assessment.to(needs_meeting)
                        record_needs_meeting = needs_meeting.to(plan_draft)
                        submit_plan = plan_draft.to(plan_approval)
                        approve_plan = plan_approval.to(active)
                        return_plan = plan_approval.to(plan_draft)
                        start_review = active.to(review)
                        continue_plan = review.to(plan_draft)
                        record_step = active.to(None) | review.to(None)
                        acknowledge_report = (
                            screening.to(None)
                            | initial_assessment.to(None)
                            | verifying.to(None)
                            | conclusion_not_substantiated.to(None)
                            | conclusion_redirect.to(None)
                            | detailed_assessment.to(None)
                            | needs_meeting.to(None)
                            | plan_draft.to(None)
                            | plan_approval.to(None)
                            | active.to(None)
                            | review.to(None)
                        )

                    suspended = State()
                    before_closure = HistoryState(type="deep")

                    suspend = working.to(suspended)
                    resume = suspended.to(working.before_suspension)
                    record_look = suspended.to(None)
                    acknowledge_report = suspended.to(None)

                closure_proposed = State()

                propose_closure = at_work.working.review.to(closure_proposed)
                propose_early_closure = at_work.to(closure_proposed)
                return_closure = closure_proposed.to(at_work.before_closure)
                acknowledge_report = closure_proposed.to(None)

            attached = State()
            closed = State()
            not_substantiated = State()
            redirected = State()

            attach = live.at_work.working.received.to(attached) | live.at_work.working.screening.to(attached)
            detach = attached.to(live.at_work.working.screening)
            confirm_not_substantiated = live.at_work.working.conclusion_not_substantiated.to(not_substantiated)
            confirm_redirect = live.at_work.working.conclusion_redirect.to(redirected)
            approve_closure = live.closure_proposed.to(closed)
            reopen = (
                closed.to(live.at_work.working.initial_assessment)
                | not_substantiated.to(live.at_work.working.initial_assessment)
                | redirected.to(live.at_work.working.initial_assessment)
            )
            record_contact = closed.to(None)
            # the review of a child's death outlives the closing, and a reopening
            record_death_review = live.to(None) | closed.to(None) | not_substantiated.to(None) | redirected.to(None)
            add_report = live.to(None)
            record_follow_up = live.to(None)
            record_complaint = live.to(None)
            rule_out_emergency = live.to(None, cond="not_in_emergency")
            update_risk = live.to(None)
            assign_owner = live.to(None)
            pause_clock = live.to(None)
            add_task = live.to(None)
            complete_task = live.to(None)
            drop_task = live.to(None)
            call_conference = live.to(None)
            record_conference = live.to(None)
            raise_flag = live.to(None)
            lower_flag = live.to(None)
            name_delegate = live.to(None)
            record_quality_review = live.to(None)

        class protection(State.Compound):  # noqa: N801
            """Whether the child is protected right now."""

            class calm(State.Compound):  # noqa: N801
                """The states an emergency may be raised from and stood down to."""

                unprotected = State(initial=True)
                protected = State()
                before_emergency = HistoryState()

                end_protection = protected.to(unprotected)
                apply_measures = protected.to(None)
                review_measures = protected.to(None)
                attach = protected.to(unprotected)
                detach = unprotected.to(protected, cond="protected_comes_back")
                add_report = unprotected.to(protected, cond="brings_protected")
                reopen = unprotected.to(protected, cond="brings_protected")
                give_back = protected.to(unprotected, cond="gives_back_to_none")

            emergency = State()
            isolated = State()

            raise_emergency = calm.to(emergency, cond="process_is_live") | isolated.to(None, cond="process_is_live")
            apply_measures = emergency.to(calm.protected) | isolated.to(None)
            stand_down = emergency.to(calm.before_emergency)
            order_isolation = emergency.to(isolated) | calm.protected.to(isolated) | isolated.to(None)
            extend_isolation = isolated.to(None)
            review_measures = isolated.to(None)
            end_isolation = isolated.to(calm.protected)
            # protection moves with an attached case, and comes back with it
            attach = emergency.to(calm.unprotected) | isolated.to(calm.unprotected)
            detach = calm.unprotected.to(emergency, cond="emergency_comes_back") | calm.unprotected.to(
                isolated, cond="isolated_comes_back"
            )
            add_report = (
                calm.to(emergency, cond="brings_emergency")
                | calm.to(isolated, cond="brings_isolated")
                | emergency.to(isolated, cond="brings_isolated")
            )
            reopen = calm.to(emergency, cond="brings_emergency") | calm.to(isolated, cond="brings_isolated")
            give_back = (
                emergency.to(calm.unprotected, cond="gives_back_to_none")
                | emergency.to(calm.protected, cond="gives_back_to_protected")
                | isolated.to(calm.unprotected, cond="gives_back_to_none")
                | isolated.to(calm.protected, cond="gives_back_to_protected")
                | isolated.to(emergency, cond="gives_back_to_emergency")
            )

        class ban(State.Compound):  # noqa: N801
            """The contact ban on the perpetrator."""

            unbanned = State(initial=True)
            ban_requested = State()
            banned = State()

            request_ban = unbanned.to(ban_requested, cond="process_is_live")
            order_ban = ban_requested.to(banned)
            refuse_ban = ban_requested.to(unbanned)
            renew_ban = banned.to(None)
            lift_ban = banned.to(unbanned)
            ban_ends = banned.to(unbanned)
            attach = ban_requested.to(unbanned) | banned.to(unbanned)
            detach = unbanned.to(ban_requested, cond="request_comes_back") | unbanned.to(banned, cond="ban_comes_back")
            add_report = (
                unbanned.to(ban_requested, cond="brings_request")
                | unbanned.to(banned, cond="brings_ban")
                | ban_requested.to(banned, cond="brings_ban")
            )
            reopen = unbanned.to(ban_requested, cond="brings_request") | unbanned.to(banned, cond="brings_ban")
            give_back = (
                ban_requested.to(unbanned, cond="gives_back_to_no_ban")
                | banned.to(unbanned, cond="gives_back_to_no_ban")
                | banned.to(ban_requested, cond="gives_back_to_request")
            )

        class custody(State.Compound):  # noqa: N801
            """Which commune holds the case: the sender until somebody else has it, so never nobody and never two."""

            held = State(initial=True)
            held_after_refusal = State()
            transfer_pending = State()
            unrouted = State()

            propose_transfer = held.to(transfer_pending, cond="process_is_live") | held_after_refusal.to(
                transfer_pending, cond="process_is_live"
            )
            accept_transfer = transfer_pending.to(held)
            refuse_transfer = transfer_pending.to(held_after_refusal)
            withdraw_transfer = transfer_pending.to(held)
            assign_transfer = (
                transfer_pending.to(held)
                | held_after_refusal.to(held, cond="process_is_live")
                | unrouted.to(held, cond="process_is_live")
            )
            request_transfer = held.to(None, cond="process_is_live") | held_after_refusal.to(
                None, cond="process_is_live"
            )
            decline_request = held.to(None, cond="process_is_live") | held_after_refusal.to(
                None, cond="process_is_live"
            )
            # what was proposed of an attached case is answered by what becomes of the other
            attach = transfer_pending.to(held)

        send_written_report = process.to(None)
        record_signed_order = process.to(None)
        record_proceeding_end = process.to(None)
        record_recusal = process.to(None)
        clear_conflict = process.to(None)
        find_conflict = process.to(None)
        break_glass = process.to(None)
        review_break_glass = process.to(None)
        give_back = process.to(None)

    def process_is_live(self) -> bool:
        """Protection, a ban and a transfer begin only where a case is at work; a final one is reopened first."""
        return "live" in self.configuration_values

    def not_in_emergency(self) -> bool:
        """An emergency in force is stood down by a Chair, not ruled out."""
        return "emergency" not in self.configuration_values

    def protected_comes_back(self) -> bool:
        """``detach``: the protection that had moved."""
        return self._moved(Memory.MOVED_PROTECTION) == "protected"

    def emergency_comes_back(self) -> bool:
        """``detach``: the emergency that had moved."""
        return self._moved(Memory.MOVED_PROTECTION) == "emergency"

    def isolated_comes_back(self) -> bool:
        """``detach``: the isolation that had moved."""
        return self._moved(Memory.MOVED_PROTECTION) == "isolated"

    def request_comes_back(self) -> bool:
        """``detach``: the ban request that had moved."""
        return self._moved(Memory.MOVED_BAN) == "ban_requested"

    def ban_comes_back(self) -> bool:
        """``detach``: the ban that had moved."""
        return self._moved(Memory.MOVED_BAN) == "banned"

    def brings_protected(self, facts: Facts) -> bool:
        """The attached case brings protection; only upward moves ask this, so the stronger state holds."""
        return facts.adopts is not None and facts.adopts.protection == "protected"

    def brings_emergency(self, facts: Facts) -> bool:
        """The attached case brings an emergency."""
        return facts.adopts is not None and facts.adopts.protection == "emergency"

    def brings_isolated(self, facts: Facts) -> bool:
        """The attached case brings an isolation."""
        return facts.adopts is not None and facts.adopts.protection == "isolated"

    def brings_request(self, facts: Facts) -> bool:
        """The attached case brings a ban request."""
        return facts.adopts is not None and facts.adopts.ban == "ban_requested"

    def brings_ban(self, facts: Facts) -> bool:
        """The attached case brings a ban."""
        return facts.adopts is not None and facts.adopts.ban == "banned"

    def gives_back_to_none(self) -> bool:
        """Nothing was in force here before the attachment."""
        return self._before_adoption(Memory.ADOPTED_PROTECTION) == "none"

    def gives_back_to_protected(self) -> bool:
        """The child of this case was protected before the attachment."""
        return self._before_adoption(Memory.ADOPTED_PROTECTION) == "protected"

    def gives_back_to_emergency(self) -> bool:
        """The child of this case was in emergency before the attachment."""
        return self._before_adoption(Memory.ADOPTED_PROTECTION) == "emergency"

    def gives_back_to_no_ban(self) -> bool:
        """No ban was in force or requested here before the attachment."""
        return self._before_adoption(Memory.ADOPTED_BAN) == "none"

    def gives_back_to_request(self) -> bool:
        """A ban was requested here before the attachment."""
        return self._before_adoption(Memory.ADOPTED_BAN) == "ban_requested"

    def _moved(self, key: str) -> str | None:
        return self.model.memory.get(key)

    def _before_adoption(self, key: str) -> str | None:
        adopted: Any = self.model.memory.get(key)
        return None if adopted is None else str(adopted).split(">")[0]
