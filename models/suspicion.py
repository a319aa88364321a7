"""What makes a report by anybody look like spam, as far as its own words say so. No SQL and no clock.

Nothing here refuses a report: what looks odd waits for somebody to look at it, and for no longer than the protocol says
(``[public_door]``). So the signs are few and plain, and none goes by what is told, by how it is spelt or by how little.
"""

import re
from typing import Final

from models.forms import ReportInput, canonical
from models.vocabulary.fold import fold

SAME_WORDS: Final = "SAME_WORDS"
ONE_ADDRESS: Final = "ONE_ADDRESS"
PACE: Final = "PACE"
LINKS: Final = "LINKS"
NO_WORDS: Final = "NO_WORDS"

_LINK: Final = re.compile(
    r"(?:https?://|www\.)\S*|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|net|org|info|vn|xyz|top|shop|link|me|cc)\b(?:/\S*)?",
    re.IGNORECASE,
)


def odd(happened: str, few_words: int) -> tuple[str, ...]:
    """The signs in what somebody wrote, as codes of the vocabulary ``set_aside_reasons``.

    Args:
        happened: what is said to have happened.
        few_words: so many words beside a link are words enough.
    """
    beside = _LINK.sub(" ", happened)
    words = sum(1 for word in beside.split() if _has_letter(word))
    if beside != happened and words < few_words:
        return (LINKS,)
    return () if _has_letter(happened) else (NO_WORDS,)


def words_of(report: ReportInput) -> bytes:
    """What a report says of the child, folded and put in order: by it the very same one is known again.

    Whoever tells of another child, another place or another age tells something else, in however few words. Who tells
    it does not count: a message that is passed on is sent by many.
    """
    child = report.m01.children[0]
    said = {
        "happened": _plain(report.m01.happened),
        "place": _plain(child.incident_place),
        "name": _plain(child.name),
        "age": child.estimated_age,
        "commune": report.incident_unit,
    }
    return canonical(said).encode()


def _plain(text: str | None) -> str:
    return " ".join(fold(text or "").split())


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)
