"""Two plain pages for people: the protocol as a table, and the lifecycle. No script, readable on a phone and aloud."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.door import TheDoor
from api.language import Both
from models.lifecycle.describe import moves
from models.lifecycle.diagram import mermaid
from models.lifecycle.events import EVENTS
from models.lifecycle.states import REGION_LABELS, STATES
from models.lifecycle.types import REGIONS, Region
from models.protocol.describe import describe
from models.protocol.rules import UNVERIFIED
from models.vocabulary import Language

router = APIRouter(tags=["pages"], include_in_schema=False)

Lang = Annotated[Literal["vi", "en"], Query(description="Language of the page.")]

_STYLE: Final = """
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:72rem;color:#0b0c0c;background:#fff}
a{color:#1d4f91}table{border-collapse:collapse;width:100%;margin:1rem 0}
caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{border-bottom:1px solid #b1b4b6;padding:.5rem;text-align:left;vertical-align:top}
ul{margin:0;padding-left:1.1rem}.unverified{background:#fff3cd;padding:0 .25rem}
pre{overflow:auto;background:#f3f2f1;padding:1rem}
@media(max-width:48rem){thead{position:absolute;left:-999rem}tr{display:block;border-bottom:2px solid #0b0c0c}
td,th[scope=row]{display:block;border:0;padding:.25rem 0}td::before{content:attr(data-name) ": ";font-weight:bold}}
""".strip()
_DIGEST: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_WORDS: Final = {
    "deadline": Both("Thời hạn", "Deadline"),
    "starts": Both("Tính từ", "Starts at"),
    "limit": Both("Giới hạn", "Limit"),
    "met": Both("Hoàn thành khi", "Met by"),
    "ladder": Both("Báo cáo vượt cấp", "Ladder"),
    "basis": Both("Căn cứ", "Basis"),
    "otherwise": Both("trường hợp khác", "otherwise"),
    "own_date": Both("theo ngày ghi trong kế hoạch", "the plan's own date"),
    "other": Both("English", "Tiếng Việt"),
    "version": Both("Phiên bản", "Version"),
    "since": Both("áp dụng từ ngày", "in force since"),
    "marks": Both(
        "★ quy định của pháp luật · ◇ quy định của địa phương hoặc suy ra · ○ mặc định của hệ thống",
        "★ statutory · ◇ local or derived · ○ a default of this service",
    ),
    "lifecycle": Both("Vòng đời của một trường hợp", "The life of a case"),
    "from": Both("Từ", "From"),
    "to": Both("Đến", "To"),
    "act": Both("Hành động", "Action"),
    "who": Both("Ai được làm", "Who may"),
}


@router.get("/protocol", response_class=HTMLResponse)
async def protocol_page(door: TheDoor, lang: Lang = "vi") -> HTMLResponse:
    """The protocol in force as a table."""
    shown = describe(door.reference.protocol_at(door.clock.now()))
    head = ("deadline", "starts", "limit", "met", "ladder", "basis")
    rows = "".join(_row(row, lang) for row in shown["rows"])
    table = _table(shown["name"][lang], [_word(name, lang) for name in head], rows)
    note = (
        f"<p>{_word('version', lang)} {escape(shown['version'])}, "
        f"{_word('since', lang)} {escape(shown['valid_from'])}.</p>"
        f"<p>{_word('marks', lang)}</p>"
    )
    return _page(shown["name"][lang], note + table, "/protocol", lang)


@router.get("/lifecycle", response_class=HTMLResponse)
async def lifecycle_page(lang: Lang = "vi") -> HTMLResponse:
    """The chart as a table of moves, with the diagram's source."""
    body = "".join(_region(region, lang) for region in REGIONS)
    return _page(_word("lifecycle", lang), body, "/lifecycle", lang)


def _row(row: dict[str, Any], lang: Language) -> str:
    name = f"{row['mark']} {row['name'][lang]}"
    note = row["note"][lang]
    cells = (
        ("starts", _list(_event(start["event"], lang) for start in row["starts"])),
        ("limit", _list(_limit(limit, lang) for limit in row["limits"])),
        ("met", _list(_event(met["event"], lang) for met in row["met_by"])),
        ("ladder", _list(_ladder(limit, lang) for limit in row["limits"] if limit["ladder"])),
        ("basis", _basis(row, lang)),
    )
    described = "".join(f'<td data-name="{_word(key, lang)}">{value}</td>' for key, value in cells)
    extra = f"<br>{escape(note)}" if note else ""
    return f'<tr><th scope="row">{escape(name)}{extra}</th>{described}</tr>'


def _limit(limit: dict[str, Any], lang: Language) -> str:
    amount = limit["amount"] or _word("own_date", lang)
    when = limit["when_text"]
    return f"{limit['mark']} {escape(str(amount))}" + (f" ({escape(when)})" if when else "")


def _ladder(limit: dict[str, Any], lang: Language) -> str:
    steps = ", ".join(f"{rung['level']} {rung['at']}" for rung in limit["ladder"])
    return escape(f"{limit['when_text'] or _word('otherwise', lang)}: {steps}")


def _basis(row: dict[str, Any], lang: Language) -> str:
    basis = row["legal_basis"]
    standing = escape(row["standing"][lang])
    if basis is None:
        return standing
    if basis["verified"]:
        return f"{escape(basis['text'])}<br>{standing}"
    # The words stand in Vietnamese in both languages: it is the mark officers know.
    return f'{escape(basis["text"])}<br><strong class="unverified">{UNVERIFIED}</strong>'


def _region(region: Region, lang: Language) -> str:
    titles = [_word(name, lang) for name in ("act", "from", "to", "who")]
    rows = "".join(
        f'<tr><th scope="row">{_event(move.event, lang)}</th>'
        f'<td data-name="{titles[1]}">{_state(region, move.source, lang)}</td>'
        f'<td data-name="{titles[2]}">{_state(region, move.target, lang)}</td>'
        f'<td data-name="{titles[3]}">{escape(", ".join(sorted(EVENTS[move.event].roles)))}</td></tr>'
        for move in moves()
        if move.region == region
    )
    name = REGION_LABELS[region]
    title = name.vi if lang == "vi" else name.en
    return _table(title, titles, rows) + f"<pre>{escape(mermaid(region))}</pre>"


def _state(region: Region, code: str, lang: Language) -> str:
    found = STATES[region].get(code)
    return escape(code if found is None else found.vi if lang == "vi" else found.en)


def _event(code: str, lang: Language) -> str:
    spec = EVENTS.get(code)
    if spec is not None:
        return escape(spec.label_vi if lang == "vi" else spec.label_en)
    return escape(code)


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _table(title: str, head: list[str], rows: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in head)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))


def _page(title: str, body: str, path: str, lang: Language) -> HTMLResponse:
    other = "en" if lang == "vi" else "vi"
    html = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)} · An Nhi</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><p><a href="{path}?lang={other}" lang="{other}" hreflang="{other}">{_word("other", lang)}</a></p>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY, "Content-Language": lang})
