"""When the plan's working days begin (lifecycle.md, `plan`; D56 Điều 28 khoản 1; process.md §1.1, open point).

By default they run from the initial assessment. In an emergency they run no later than 12 hours after receipt,
whether the assessment is there or not: the clock then starts ahead of time and moves back to the assessment if that
comes first.
"""

from datetime import datetime

from models.protocol.arithmetic import limit_instant
from models.protocol.book import Book
from models.protocol.types import Clock, Happened

CODE = "plan"
LATEST = "latest_after_receipt"
"""The `start_event` of a plan clock that runs from receipt + 12 hours."""

_BEFORE_ASSESSMENT = frozenset({"received", "screening", "initial_assessment"})


def on_event(book: Book, happened: Happened) -> None:
    """Start the plan's clock, or move it back, when the event named by the parameter `plan_start` happens."""
    parameter = book.protocol.parameters.plan_start
    if parameter == "receipt":
        # An intake or a reopening begins an episode; a further report does not.
        if happened.event in ("receive_report", "reopen") and happened.report is not None:
            _begin(book, "receipt", happened.report.received_at, happened)
    elif happened.event == parameter:
        _begin(book, happened.event, happened.occurred_at, happened)


def _begin(book: Book, event: str, at: datetime, happened: Happened) -> None:
    for clock in book.running(CODE):
        if clock.start_event == LATEST and at < clock.started_at:
            _move_start(book, clock, event, at, happened.recorded_at, why="initial_assessment_earlier")
    if not book.running(CODE):
        book.start(book.protocol.rule(CODE), event, at)


def keep_up(book: Book, now: datetime) -> None:
    """After all events: see that an emergency's plan clock runs, and from early enough.

    A stood-down emergency takes back a clock that was running ahead of the assessment; the assessment starts its own.
    """
    process = book.view.standing.process
    running = book.running(CODE)
    if not book.in_emergency:
        for clock in running:
            if clock.start_event == LATEST and process in _BEFORE_ASSESSMENT:
                book.cancel(clock, now, "emergency_over")
        return
    latest = limit_instant(book.view.receipt, book.protocol.parameters.plan_latest_in_emergency, book.calendar)
    if not running and process in _BEFORE_ASSESSMENT:
        book.start(book.protocol.rule(CODE), LATEST, latest)
    for clock in running:
        # Only the episode's first plan clock: a returned or continued plan counts from that decision.
        first = clock.start_event in ("complete_initial_assessment", book.protocol.parameters.plan_start)
        if first and clock.started_at > latest >= book.view.receipt:
            _move_start(book, clock, LATEST, latest, now, why="emergency")


def _move_start(book: Book, clock: Clock, event: str, at: datetime, now: datetime, *, why: str) -> None:
    earlier = clock.model_copy(update={"start_event": event, "started_at": at})
    book.replan(earlier, book.terms_kept(earlier), now, why)
