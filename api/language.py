"""Which of the two languages somebody is answered in."""

from typing import Final, NamedTuple

from models.vocabulary import Language

DEFAULT: Final[Language] = "vi"
_TAGS_READ: Final = 10


class Both(NamedTuple):
    """A sentence in both languages."""

    vi: str
    en: str

    def text(self, language: Language) -> str:
        """The sentence in ``language``."""
        return self.vi if language == "vi" else self.en


def preferred(header: str | None) -> Language | None:
    """The language an ``Accept-Language`` header asks for; None where it asks for neither of ours."""
    best: tuple[float, Language] | None = None
    for part in (header or "")[:400].split(",")[:_TAGS_READ]:
        tag, _, parameter = part.strip().partition(";")
        language: Language | None = (
            "vi" if tag.lower().startswith("vi") else "en" if tag.lower().startswith("en") else None
        )
        if language is None:
            continue
        weight = _weight(parameter)
        if weight > 0 and (best is None or weight > best[0]):
            best = (weight, language)
    return best[1] if best else None


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
