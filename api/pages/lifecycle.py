"""The charts of a case and of a referral as tables of moves, with the source of their diagrams."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.language import Both
from api.pages.html import Lang, event_label, page, row, table
from models.lifecycle.describe import moves
from models.lifecycle.diagram import mermaid
from models.lifecycle.events import EVENTS
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS
from models.lifecycle.referral import STATES as REFERRAL_STATES
from models.lifecycle.referral.describe import HISTORY, STAYS, begins_in, leads
from models.lifecycle.referral.describe import moves as referral_moves
from models.lifecycle.referral.diagram import mermaid as referral_mermaid
from models.lifecycle.referral.events import BEGINNINGS
from models.lifecycle.referral.states import LIVE as REFERRAL_LIVE
from models.lifecycle.states import LIVE, REGION_LABELS, STATES
from models.lifecycle.types import REGIONS, Region
from models.vocabulary import Language

router = APIRouter()

_WORDS: Final = {
    "lifecycle": Both("Vòng đời của một trường hợp", "The life of a case"),
    "from": Both("Từ", "From"),
    "to": Both("Đến", "To"),
    "act": Both("Hành động", "Action"),
    "who": Both("Ai được làm", "Who may"),
    "referral": Both("Vòng đời của một chuyển gửi", "The life of a referral"),
    "agency": Both("nơi nhận", "the agency"),
    "sender": Both("nơi gửi", "the sender"),
    "begins": Both("chưa có", "none yet"),
    "back": Both("trạng thái trước đó", "the state it left"),
    "stays": Both("giữ nguyên trạng thái", "stays as it is"),
    "any": Both("mọi trạng thái", "any state"),
    "open": Both("mọi trạng thái chưa kết thúc", "any state that has not ended"),
    "but": Both("trừ", "but"),
}


@router.get("/lifecycle", response_class=HTMLResponse)
async def lifecycle_page(lang: Lang) -> HTMLResponse:
    """Both charts as tables of moves, with the sources of their diagrams."""
    body = "".join(_region(region, lang) for region in REGIONS) + _referral(lang)
    return page(_WORDS["lifecycle"].text(lang), body, "/lifecycle", lang)


def _region(region: Region, lang: Language) -> str:
    labels = {code: said.vi if lang == "vi" else said.en for code, said in STATES[region].items()}
    here = [(move.event, move.source, move.target) for move in moves() if move.region == region]
    live = LIVE if region == "process" else frozenset()
    rows = _rows(here, labels, live, lang, {event: ", ".join(sorted(EVENTS[event].roles)) for event, *_ in here})
    name = REGION_LABELS[region]
    return _chart(name.vi if lang == "vi" else name.en, rows, mermaid(region), lang)


def _referral(lang: Language) -> str:
    """The referral's chart, as that of a case."""
    labels = {code: said.vi if lang == "vi" else said.en for code, said in REFERRAL_STATES.items()}
    begun = [(event, _words("begins", lang), begins_in(event) or "") for event in BEGINNINGS]
    here = [*begun, *referral_moves()]
    rows = _rows(here, labels, REFERRAL_LIVE, lang, {event: _who(event, lang) for event, *_ in here}, of_referral=True)
    return f"<h2>{escape(_words('referral', lang))}</h2>" + _chart("", rows, referral_mermaid(), lang)


def _chart(title: str, rows: str, drawing: str, lang: Language) -> str:
    heads = tuple(_words(name, lang) for name in ("act", "from", "to", "who"))
    return table(title, heads, rows) + f"<pre>{escape(drawing)}</pre>"


def _rows(
    arrows: Iterable[tuple[str, str, str]],
    labels: Mapping[str, str],
    live: frozenset[str],
    lang: Language,
    who: Mapping[str, str],
    *,
    of_referral: bool = False,
) -> str:
    """A row for each act and where it leads, with all the states it leaves for there."""
    ends = {STAYS: _words("stays", lang), HISTORY: _words("back", lang)}
    return "".join(
        row(
            event_label(event, lang, of_referral=of_referral),
            (
                (_words("from", lang), escape(_states(left, labels, live, lang))),
                (_words("to", lang), escape(ends.get(target) or labels.get(target, target))),
                (_words("who", lang), escape(who[event])),
            ),
        )
        # First what leads on; what may be done along the way afterwards.
        for (event, target), left in sorted(leads(arrows).items(), key=lambda one: one[0][1] == STAYS)
    )


def _states(codes: Sequence[str], labels: Mapping[str, str], live: frozenset[str], lang: Language) -> str:
    """The states an act leaves, in the fewest words: named, or all but some, or all that have not ended but some."""
    said = [", ".join(labels.get(code, code) for code in dict.fromkeys(codes))]
    for name, every in (("any", labels.keys()), ("open", live)):
        if every and every >= set(codes):
            missing = [labels[code] for code in labels if code in every - set(codes)]
            said.append(_words(name, lang) + (f", {_words('but', lang)} {', '.join(missing)}" if missing else ""))
    return min(said, key=len)


def _who(event: str, lang: Language) -> str:
    spec = REFERRAL_EVENTS[event]
    return ", ".join([*(_words(party, lang) for party in sorted(spec.parties)), *sorted(spec.roles)])


def _words(name: str, lang: Language) -> str:
    return _WORDS[name].text(lang)
