"""Where to begin, and the API as a list a person can read; made from the description the API gives of itself."""

from html import escape
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.language import Both
from api.pages.html import Lang, bullets, page, row, table
from models.vocabulary import Language

router = APIRouter()

_WORDS: Final = {
    "title": Both("An Nhi: dịch vụ hồ sơ bảo vệ trẻ em", "An Nhi: the case service of child protection"),
    "tell": Both("Báo tin về trẻ em cần được bảo vệ", "Report a child in need of protection"),
    "protocol": Both("Quy trình và thời hạn đang áp dụng", "The protocol and deadlines in force"),
    "lifecycle": Both("Vòng đời của một trường hợp", "The life of a case"),
    "session": Both("Đăng nhập", "Sign in"),
    "api": Both("Các lệnh của API", "The API's operations"),
    "machine": Both("Mô tả API cho máy (OpenAPI)", "The API for machines (OpenAPI)"),
    "what": Both("Việc", "What it does"),
    "answers": Both("Trả lời", "Answers"),
    "sign_in": Both(
        "Đăng nhập bằng POST /api/v1/sessions, rồi gửi kèm mã nhận được trong tiêu đề Authorization: Bearer.",
        "Sign in with POST /api/v1/sessions and send the token you get as Authorization: Bearer.",
    ),
}


@router.get("/", response_class=HTMLResponse)
async def index_page(lang: Lang) -> HTMLResponse:
    """Where to go from here."""
    links = (
        ("/bao-tin", "tell"),
        ("/sign-in", "session"),
        ("/protocol", "protocol"),
        ("/lifecycle", "lifecycle"),
        ("/docs", "api"),
    )
    body = bullets(f'<a href="{path}?lang={lang}">{_word(name, lang)}</a>' for path, name in links)
    return page(_WORDS["title"].text(lang), body, "/", lang)


@router.get("/docs", response_class=HTMLResponse)
async def api_page(request: Request, lang: Lang) -> HTMLResponse:
    """Every operation of the API: method, path, what it does, what it may answer."""
    described = request.app.openapi()
    what, answers = _WORDS["what"].text(lang), _WORDS["answers"].text(lang)
    rows = "".join(
        row(
            f"<code>{escape(method.upper())} {escape(path)}</code>",
            (
                (what, escape(operation.get("description") or operation.get("summary", ""))),
                (answers, escape(", ".join(sorted(operation["responses"])))),
            ),
        )
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    head = (
        f"<p>{_word('sign_in', lang)}</p>"
        f'<p><a href="{escape(request.app.openapi_url)}">{_word("machine", lang)}</a></p>'
    )
    return page(_WORDS["api"].text(lang), head + table("", ("API", what, answers), rows), "/docs", lang)


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))
