"""Setting up time-based codes with a browser.

Passkeys need a script and are set up through the API; signing in with one likewise.
"""

from html import escape
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.door import TheDoor
from api.language import Both
from api.pages.forms import field, form, in_words, notice, read_form, shaped, visit_of
from api.pages.html import bullets, language_of, page
from api.problems import Problem
from api.services import factors
from api.shapes.factors import TotpCode
from models.vocabulary import Language

router = APIRouter()

_WORDS: Final = {
    "title": Both("Xác thực bước hai", "Second factor"),
    "none": Both("Tài khoản chưa có xác thực bước hai.", "The account has no second factor yet."),
    "have": Both("Đang dùng", "In use"),
    "totp": Both("Mã theo thời gian", "Time-based codes"),
    "passkey": Both("Khóa truy cập", "Passkey"),
    "left": Both("Số mã dự phòng còn lại", "Recovery codes left"),
    "begin": Both("Cài đặt mã theo thời gian", "Set up time-based codes"),
    "secret": Both(
        "Nhập khóa này vào ứng dụng xác thực trên điện thoại, rồi gõ mã ứng dụng hiển thị. Khóa chỉ hiện một lần.",
        "Enter this key in the authenticator on your phone, then type the code it shows. The key is shown this once.",
    ),
    "code": Both("Mã sáu chữ số", "The six digits"),
    "confirm": Both("Xác nhận", "Confirm"),
    "codes": Both(
        "Đã cài đặt. Hãy cất các mã dự phòng này ở nơi an toàn: mỗi mã dùng được một lần và chỉ hiện lúc này.",
        "It is set up. Keep these recovery codes somewhere safe: each works once, and they are shown only now.",
    ),
    "done": Both("Đã cài đặt.", "It is set up."),
    "back": Both("Quay lại", "Back"),
}


@router.get("/second-factor", response_class=HTMLResponse)
@in_words
async def factor_page(request: Request, door: TheDoor) -> Response:
    """What the account has."""
    lang = language_of(request)
    shown = await factors.listed(await visit_of(request, door))
    names = [f"{_word(one.kind, lang)}{f' ({escape(one.label)})' if one.label else ''}" for one in shown.factors]
    body = f"<p>{_word('have', lang)}:</p>{bullets(names)}" if names else f"<p>{_word('none', lang)}</p>"
    if names:
        body += f"<p>{_word('left', lang)}: {shown.recovery_codes_left}</p>"
    if not any(one.kind == "totp" for one in shown.factors):
        body += form("/second-factor", lang, "", _WORDS["begin"].text(lang))
    return _page(body + _back(lang), lang)


@router.post("/second-factor", response_class=HTMLResponse)
@in_words
async def begin(request: Request, door: TheDoor) -> Response:
    """A new secret, shown this once."""
    lang = language_of(request)
    await read_form(request)
    made = await factors.begin_totp(await visit_of(request, door))
    secret = " ".join(made.secret[at : at + 4] for at in range(0, len(made.secret), 4))
    link = f'<p><a href="{escape(made.uri)}">otpauth://</a></p>'
    return _page(f"<p>{_word('secret', lang)}</p><pre>{secret}</pre>{link}{_confirm(lang)}", lang)


@router.post("/second-factor/confirm", response_class=HTMLResponse)
@in_words
async def confirm(request: Request, door: TheDoor) -> Response:
    """The first code; recovery codes are shown this once."""
    lang = language_of(request)
    given = shaped(TotpCode, await read_form(request))
    try:
        codes = (await factors.confirm_totp(await visit_of(request, door), given)).recovery_codes
    except Problem as problem:
        if problem.code == "second-factor-failed":
            return _page(notice(problem, lang) + _confirm(lang), lang, problem.spec.status)
        raise
    body = f"<p>{_word('codes' if codes else 'done', lang)}</p>"
    listed = "".join(f"<li>{escape(one)}</li>" for one in codes)
    return _page(f'{body}<ul class="codes">{listed}</ul>{_back(lang)}', lang)


def _confirm(lang: Language) -> str:
    digits = field("code", _WORDS["code"].text(lang), autocomplete="one-time-code", inputmode="numeric", maxlength="10")
    return form("/second-factor/confirm", lang, digits, _WORDS["confirm"].text(lang))


def _back(lang: Language) -> str:
    return f'<p><a href="/position?lang={lang}">{_word("back", lang)}</a></p>'


def _page(body: str, lang: Language, status: int = 200) -> HTMLResponse:
    return page(_WORDS["title"].text(lang), body, "/second-factor", lang, forms=True, status=status)


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))
