"""Checks that a case's acts and a referral's have in common, asked in the same words of either's facts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple


class No(NamedTuple):
    """A refusal's code and detail."""

    code: str
    detail: dict[str, str]


_MISSING = {
    "reason": "reason-missing",
    "emergency_decision": "emergency-undecided",
    "trigger": "trigger-missing",
}


def recusal(people: Iterable[str], recused: frozenset[str]) -> No | None:
    """Neither who acts nor who typed it in is recused from the case."""
    return No("recused", {}) if recused & set(people) else None


def time(earliest: datetime, occurred_at: datetime, recorded_at: datetime) -> No | None:
    """The act lies between the earliest instant it can have happened and now, both included."""
    if occurred_at < earliest:
        return No("too-early", {"not_before": earliest.isoformat()})
    if occurred_at > recorded_at:
        return No("in-the-future", {"not_after": recorded_at.isoformat()})
    return None


def means(*, for_another: bool, means: str | None) -> No | None:
    """Whoever records for somebody else says by what means they were told."""
    return No("means-missing", {"field": "means"}) if for_another and means is None else None


def missing(
    needs: Iterable[str], typed: Mapping[str, object], given: frozenset[str], kinds: Iterable[str] = ()
) -> No | None:
    """The first field an act should have brought and did not.

    Args:
        needs: names of what must be given.
        typed: those of them that are a value of their own, by name; None where it is not given.
        given: names of the content's fields that were filled in.
        kinds: kinds of documents wanting.
    """
    for need in needs:
        there = typed[need] is not None if need in typed else need in given
        if not there:
            return No(_MISSING.get(need, "field-missing"), {"field": need})
    kind = next(iter(kinds), None)
    return None if kind is None else No("document-missing", {"document": kind})
