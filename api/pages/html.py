"""What every page shares: head, style under a strict policy, tables that read well aloud and on a phone."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from api.language import DEFAULT, preferred
from models.lifecycle.events import EVENTS
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS
from models.vocabulary import Language, label


def language_of(request: Request) -> Language:
    """The language of a page: the one asked for in its address, else the browser's, else Vietnamese."""
    asked = request.query_params.get("lang")
    if asked in ("vi", "en"):
        return "en" if asked == "en" else "vi"
    return preferred(request.headers.get("accept-language")) or DEFAULT


Lang = Annotated[Language, Depends(language_of)]

_STYLE: Final = """
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:76rem;color:#0b0c0c;background:#fff}
a{color:#1d4f91}table{border-collapse:collapse;width:100%;margin:1rem 0}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2rem}
caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{border-bottom:1px solid #b1b4b6;padding:.5rem;text-align:left;vertical-align:top}
ul{margin:0;padding-left:1.1rem}.unverified{background:#fff3cd;padding:0 .25rem}
.ladder td:nth-child(5){min-width:17rem}
.note{font-weight:normal;display:block;font-size:.9rem}code{overflow-wrap:anywhere}
label{display:block;font-weight:bold;margin-top:1rem}input,button,select{font:inherit;padding:.4rem}
input,textarea,select{width:100%;max-width:24rem;box-sizing:border-box}textarea{font:inherit;max-width:40rem}
fieldset{border:0;padding:0;margin:1rem 0}legend{font-weight:bold}.choice{font-weight:normal;margin:.5rem 0}
.choice input{width:auto;margin-right:.5rem}.danger{border:2px solid #b30000;padding:.5rem 1rem;max-width:40rem}
.receipt{font:bold 1.4rem/1.6 monospace;overflow-wrap:anywhere}button{display:block;margin-top:1rem}
.wrong{color:#b30000;display:block;font-weight:bold}
summary{cursor:pointer;padding:.5rem 0;font-weight:bold}
.problem{border-left:.4rem solid #b30000;padding:.25rem 1rem;margin:1rem 0}.codes{columns:2;font-family:monospace}
pre{overflow:auto;background:#f3f2f1;padding:1rem}
@media(max-width:48rem){thead{position:absolute;left:-999rem}tr{display:block;border-bottom:2px solid #0b0c0c}
td,th[scope=row]{display:block;border:0;padding:.25rem 0}td::before{content:attr(data-name) ": ";font-weight:bold}
td[data-name=""]::before{content:none}}
""".strip()
_DIGEST: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'; form-action "
)
_OTHER: Final[dict[Language, str]] = {"vi": "English", "en": "Tiếng Việt"}


def page(
    title: str, body: str, path: str, lang: Language, *, forms: bool = False, status: int = 200, query: str = ""
) -> HTMLResponse:
    """A whole page, with a way to its other language.

    ``forms``: it may send its own forms back here. ``query``: what of its address the other language needs as well,
    each with its ampersand.
    """
    other = "en" if lang == "vi" else "vi"
    html = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)} · An Nhi</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><p><a href="/?lang={lang}">An Nhi</a> · '
        f'<a href="{path}?{escape(query)}lang={other}" lang="{other}" hreflang="{other}">{_OTHER[lang]}</a></p>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    policy = _POLICY + ("'self'" if forms else "'none'")
    return HTMLResponse(html, status, headers={"Content-Security-Policy": policy, "Content-Language": lang})


def table(title: str, head: Iterable[str], rows: str, kind: str = "") -> str:
    """A table; ``rows`` are already markup. An empty title leaves the caption out; ``kind`` is a class of the style."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f'<table class="{kind}">{caption}<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>'


def row(head: str, cells: Iterable[tuple[str, str]]) -> str:
    """A row: its heading, and cells as (column name, markup); on a phone each cell says its column's name."""
    described = "".join(f'<td data-name="{escape(name)}">{value}</td>' for name, value in cells)
    return f'<tr><th scope="row">{head}</th>{described}</tr>'


def bullets(items: Iterable[str]) -> str:
    """A list of items that are already markup."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def event_label(code: str, lang: Language, *, of_referral: bool = False) -> str:
    """An event's name in a language, escaped; of what is no event of a chart, the vocabulary's word.

    A case and a referral both have an ``acknowledge`` and an ``accept``; a referral's clocks also go by what happens to
    its case.
    """
    first, second = (REFERRAL_EVENTS, EVENTS) if of_referral else (EVENTS, REFERRAL_EVENTS)
    if spec := first.get(code) or second.get(code):
        return escape(spec.label_vi if lang == "vi" else spec.label_en)
    return escape(label("clock_occurrences", code, lang))
