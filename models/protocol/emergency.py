"""Raising an emergency and the 12 hours (lifecycle.md, `emergency_12h`; D56 Điều 26 khoản 3, 31, 32)."""

from models.protocol.book import Book
from models.protocol.types import Clock, Happened

CODE = "emergency_12h"
RAISE = "raise_emergency"
SAID_NO = frozenset({"complete_initial_assessment", "rule_out_emergency"})


def raised(book: Book, happened: Happened) -> None:
    """Work an emergency into the clocks.

    With one running, that one goes on, now as an emergency. With none, the one met by a "no" inside whose 12 hours the
    emergency was raised opens again with its own limit; of several the one that ends first, because whatever meets it
    meets them all. Else a new one starts from when the emergency was raised.
    """
    running = book.running(CODE)
    for clock in running:
        book.put(clock.model_copy(update={"raised": True, "flagged": True}))
    if running:
        return
    denied = [clock for clock in book.all if _denied_within(clock, happened)]
    if denied:
        again = book.open_again(min(denied, key=lambda clock: clock.due_at))
        book.put(again.model_copy(update={"raised": True, "flagged": True}))
        return
    started = book.start(book.protocol.rule(CODE), RAISE, happened.occurred_at, flagged=True)
    book.put(started.model_copy(update={"raised": True}))


def _denied_within(clock: Clock, happened: Happened) -> bool:
    if clock.code != CODE or clock.status != "met" or clock.met_by not in SAID_NO:
        return False
    return clock.started_at <= happened.occurred_at <= (clock.statutory_due_at or clock.due_at)
