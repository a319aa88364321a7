"""The referral's statechart: exactly the moves of lifecycle.md, and nothing else.

It knows which event leads where; who may, when and with what is asked before it (``decide``), as for a case. Where
waiting for a legal order goes back to is a history state, restored from ``Standing.memory``.
"""

# mypy: disable-error-code="misc, operator, arg-type"
# The library builds states from nested class bodies with a metaclass, which mypy reads as ordinary classes.

from statemachine import HistoryState, State, StateChart

from models.lifecycle.chart import Position


class ReferralChart(StateChart[Position]):
    """One referral. ``X.to(None)`` is a move that stays: allowed here, changing nothing."""

    allow_event_without_transition = False
    catch_errors_as_events = False
    validate_trap_states = False

    class referral(State.Compound):  # noqa: N801 - ids of the chart are the codes of lifecycle.md
        """A referral from its draft to its end."""

        class live(State.Compound):  # noqa: N801
            """Somebody still has to do something."""

            draft = State(initial=True)

            class unanswered(State.Compound):  # noqa: N801
                """The agency has not said yet whether it takes it."""

                sent = State(initial=True)
                acknowledged = State()
                needs_info = State()

                acknowledge = sent.to(acknowledged)
                request_info = acknowledged.to(needs_info)
                answer_info = needs_info.to(acknowledged)

            class arranged(State.Compound):  # noqa: N801
                """The agency has said yes and not begun."""

                accepted = State(initial=True)
                scheduled = State()
                before_order = HistoryState()

                schedule = accepted.to(scheduled)
                miss_appointment = scheduled.to(accepted)

            waiting_order = State()
            in_service = State()
            delivered = State()

            send = draft.to(unanswered.sent)
            accept = unanswered.acknowledged.to(arranged.accepted)
            start_service = arranged.to(in_service)
            wait_for_order = arranged.to(waiting_order)
            receive_order = waiting_order.to(arranged.before_order)
            deliver = in_service.to(delivered)
            dispute = delivered.to(in_service)
            extend_decision = in_service.to(None)
            record_note = in_service.to(None)
            ask_again = unanswered.to(None)

        closed = State()
        declined = State()
        revoked = State()
        child_refused = State()
        expired = State()

        decline = live.unanswered.acknowledged.to(declined)
        confirm = live.delivered.to(closed)
        revoke = live.to(revoked)
        refuse_by_child = live.to(child_refused)
        record_ground = live.to(None)
        lose_consent = live.to(None)
        regain_consent = live.to(None)
        expire = live.unanswered.to(expired)
