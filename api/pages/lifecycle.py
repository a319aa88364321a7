"""The chart as a table of moves, with the source of its diagram."""

from html import escape
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.language import Both
from api.pages.html import Lang, event_label, page, row, table
from models.lifecycle.describe import moves
from models.lifecycle.diagram import mermaid
from models.lifecycle.events import EVENTS
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
}


@router.get("/lifecycle", response_class=HTMLResponse)
async def lifecycle_page(lang: Lang) -> HTMLResponse:
    """The chart as a table of moves, with the diagram's source."""
    body = "".join(_region(region, lang) for region in REGIONS)
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


def _state(region: Region, code: str, lang: Language) -> str:
    found = STATES[region].get(code)
    return escape(code if found is None else found.vi if lang == "vi" else found.en)
