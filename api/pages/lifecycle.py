"""The charts of a case and of a referral as tables of moves, with the source of their diagrams."""

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
from models.lifecycle.referral.describe import HISTORY, begins_in
from models.lifecycle.referral.describe import moves as referral_moves
from models.lifecycle.referral.diagram import mermaid as referral_mermaid
from models.lifecycle.referral.events import BEGINNINGS
from models.lifecycle.states import REGION_LABELS, STATES
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
}


@router.get("/lifecycle", response_class=HTMLResponse)
async def lifecycle_page(lang: Lang) -> HTMLResponse:
    """Both charts as tables of moves, with the sources of their diagrams."""
    body = "".join(_region(region, lang) for region in REGIONS) + _referral(lang)
    return page(_WORDS["lifecycle"].text(lang), body, "/lifecycle", lang)


def _region(region: Region, lang: Language) -> str:
    act, source, target, who = (_WORDS[name].text(lang) for name in ("act", "from", "to", "who"))
    rows = "".join(
        row(
            event_label(move.event, lang),
            (
                (source, _state(region, move.source, lang)),
                (target, _state(region, move.target, lang)),
                (who, escape(", ".join(sorted(EVENTS[move.event].roles)))),
            ),
        )
        for move in moves()
        if move.region == region
    )
    name = REGION_LABELS[region]
    title = name.vi if lang == "vi" else name.en
    return table(title, (act, source, target, who), rows) + f"<pre>{escape(mermaid(region))}</pre>"


def _referral(lang: Language) -> str:
    """The referral's chart, as that of a case."""
    act, source, target, who = (_WORDS[name].text(lang) for name in ("act", "from", "to", "who"))
    rows = "".join(
        row(
            event_label(event, lang, of_referral=True),
            (
                (source, _of_referral(before, lang)),
                (target, _of_referral(after, lang)),
                (who, _who(event, lang)),
            ),
        )
        for event, before, after in (*((event, None, begins_in(event)) for event in BEGINNINGS), *referral_moves())
    )
    drawing = f"<pre>{escape(referral_mermaid())}</pre>"
    return f"<h2>{escape(_WORDS['referral'].text(lang))}</h2>" + table("", (act, source, target, who), rows) + drawing


def _who(event: str, lang: Language) -> str:
    spec = REFERRAL_EVENTS[event]
    return escape(", ".join([*(_WORDS[party].text(lang) for party in sorted(spec.parties)), *sorted(spec.roles)]))


def _of_referral(code: str | None, lang: Language) -> str:
    if code is None:
        return escape(_WORDS["begins"].text(lang))
    if code == HISTORY:
        return escape(_WORDS["back"].text(lang))
    found = REFERRAL_STATES[code]
    return escape(found.vi if lang == "vi" else found.en)


def _state(region: Region, code: str, lang: Language) -> str:
    found = STATES[region].get(code)
    return escape(code if found is None else found.vi if lang == "vi" else found.en)
