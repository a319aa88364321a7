"""Reporting a child in need of protection without signing in, and asking later whether it was taken up.

Few questions, of which one must be answered; what was typed stays on the page where something is wrong. The receipt's
code stands on the answer's page alone: it is in no address.
"""

from html import escape
from typing import Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from api.door import Door, TheDoor
from api.language import Both
from api.pages.forms import form, in_words, notice, read_form, shaped
from api.pages.html import language_of, page
from api.problems import Problem
from api.routes.sessions import Address
from api.services import public
from api.shapes.public import PublicReportIn, ReceiptIn
from models.vocabulary import Language

router = APIRouter()

PATH: Final = "/bao-tin"
ASK: Final = "/bao-tin/tra-cuu"

_WORDS: Final = {
    "title": Both("Báo tin về trẻ em cần được bảo vệ", "Report a child in need of protection"),
    "call": Both(
        "Nếu trẻ đang gặp nguy hiểm, hãy gọi ngay 111 (miễn phí, 24/24 giờ) hoặc 113. Đừng chờ trả lời ở trang này.",
        "If the child is in danger now, phone 111 (free, day and night) or 113 at once. Do not wait for this page.",
    ),
    "unnamed": Both(
        "Bạn không phải nêu tên. Nếu nêu, tên và số điện thoại của bạn được giữ kín.",
        "You need not say who you are. If you do, your name and number are kept secret.",
    ),
    "happened": Both("Chuyện gì đã xảy ra?", "What happened?"),
    "danger": Both("Trẻ có đang gặp nguy hiểm ngay lúc này không?", "Is the child in danger right now?"),
    "yes": Both("Có", "Yes"),
    "no": Both("Không, hoặc tôi không rõ", "No, or I do not know"),
    "commune": Both("Xảy ra ở xã, phường nào?", "In which commune or ward?"),
    "unknown": Both("Tôi không biết", "I do not know"),
    "place": Both("Địa điểm cụ thể (nếu biết)", "Where exactly (if you know)"),
    "child_name": Both("Tên của trẻ (nếu biết)", "The child's name (if you know)"),
    "child_age": Both("Trẻ khoảng bao nhiêu tuổi (nếu biết)", "About how old is the child (if you know)"),
    "name": Both("Tên của bạn (không bắt buộc)", "Your name (optional)"),
    "phone": Both("Số điện thoại của bạn (không bắt buộc)", "Your phone number (optional)"),
    "send": Both("Gửi tin báo", "Send the report"),
    "wrong": Both(
        "Tin báo CHƯA được gửi. Hãy xem lại các mục sau; những gì bạn đã viết vẫn còn bên dưới.",
        "The report is NOT sent yet. Please look at these again; what you wrote is still below.",
    ),
    "done": Both("Đã tiếp nhận tin báo", "Your report is taken in"),
    "keep": Both(
        "Hãy ghi lại mã biên nhận này. Mã chỉ hiện một lần, và là cách duy nhất để hỏi tin báo đã được xử lý chưa.",
        "Write this receipt down. It is shown only now, and is the only way to ask what became of your report.",
    ),
    "ask": Both("Tra cứu tin báo đã gửi", "Ask about a report you sent"),
    "code": Both("Mã biên nhận", "The receipt's code"),
    "look": Both("Tra cứu", "Ask"),
    "received": Both("Tin báo đã được tiếp nhận.", "The report was received."),
    "taken_up": Both("Đã có người xử lý tin báo này.", "Somebody has taken the report up."),
    "handled": Both("Tin báo đã được xử lý xong.", "The report has been handled."),
}
_LONGEST: Final = {"place": 500, "child_name": 200, "name": 200, "phone": 40}


@router.get(PATH, response_class=HTMLResponse)
@in_words
async def tell_page(request: Request, door: TheDoor) -> Response:
    """The form."""
    lang = language_of(request)
    if not await public.is_open(door):
        problem = Problem("public-intake-closed")
        return page(_WORDS["title"].text(lang), notice(problem, lang), PATH, lang, status=problem.spec.status)
    return await _form(door, lang, {})


@router.post(PATH, response_class=HTMLResponse)
@in_words
async def tell(request: Request, door: TheDoor, address: Address) -> Response:
    """Take the report in, and show its receipt; or the form again, with what was typed."""
    lang = language_of(request)
    typed = await read_form(request)
    try:
        given = PublicReportIn.model_validate(_said(typed))
        key = UUID(typed.get("key", ""))
    except ValidationError as error:
        return await _form(door, lang, typed, wrong={str(each["loc"][0]) for each in error.errors()})
    except ValueError:
        return await _form(door, lang, {**typed, "key": ""}, wrong=set())
    try:
        receipt = await public.receive(door, key, given, lang, address)
    except Problem as problem:
        return await _form(door, lang, typed, problem=problem)
    call = f'<p class="danger"><strong>{_word("call", lang)}</strong></p>' if given.danger else ""
    body = (
        f'{call}<p>{_word("keep", lang)}</p><p class="receipt">{escape(receipt.code)}</p>'
        f'<p><a href="{ASK}?lang={lang}">{_word("ask", lang)}</a></p>'
    )
    return page(_WORDS["done"].text(lang), body, PATH, lang, status=201)


@router.get(ASK, response_class=HTMLResponse)
@in_words
async def ask_page(request: Request) -> Response:
    """The form to ask with a receipt."""
    return _ask(language_of(request))


@router.post(ASK, response_class=HTMLResponse)
@in_words
async def ask(request: Request, door: TheDoor, address: Address) -> Response:
    """Where the report stands."""
    lang = language_of(request)
    asked = shaped(ReceiptIn, await read_form(request))
    try:
        found = await public.standing(door, asked.code, address)
    except Problem as problem:
        return _ask(lang, problem=problem)
    return _ask(lang, said=f'<p role="status"><strong>{_word(found.standing, lang)}</strong></p>')


def _said(typed: dict[str, str]) -> dict[str, object]:
    """What the form says, in the API's terms: what was left empty is not said."""
    said: dict[str, object] = {
        name: typed[name].strip()
        for name in ("happened", "commune", "place", "child_name", "name", "phone")
        if typed.get(name, "").strip()
    }
    if age := typed.get("child_age", "").strip():
        said["child_age"] = int(age) if age.isascii() and age.isdigit() and len(age) < 4 else age  # noqa: PLR2004
    return {**said, "danger": typed.get("danger") == "yes"}


async def _form(
    door: Door,
    lang: Language,
    typed: dict[str, str],
    *,
    wrong: set[str] | None = None,
    problem: Problem | None = None,
) -> HTMLResponse:
    said = notice(problem, lang) if problem else ""
    if wrong is not None:
        items = "".join(f'<li><a href="#{name}">{_word(name, lang)}</a></li>' for name in _WORDS if name in wrong)
        said = f'<div class="problem" role="alert"><p>{_word("wrong", lang)}</p><ul>{items}</ul></div>'
    chosen = typed.get("commune", "")
    communes = "".join(
        f'<option value="{escape(one.code)}"{" selected" if one.code == chosen else ""}>'
        f"{escape(one.name_vi if lang == 'vi' else one.name_en)}</option>"
        for one in await public.communes(door)
    )
    danger = "".join(
        f'<label class="choice"><input type="radio" name="danger" value="{value}"'
        f"{' checked' if typed.get('danger', 'no') == value else ''}>{_word(value, lang)}</label>"
        for value in ("yes", "no")
    )
    fields = (
        f'<input type="hidden" name="key" value="{escape(typed.get("key") or str(uuid4()))}">'
        f'<fieldset id="danger"><legend>{_word("danger", lang)}</legend>{danger}</fieldset>'
        f'<label for="happened">{_word("happened", lang)}</label>'
        f'<textarea id="happened" name="happened" rows="8" required maxlength="20000">'
        f"{escape(typed.get('happened', ''))}</textarea>"
        f'<label for="commune">{_word("commune", lang)}</label>'
        f'<select id="commune" name="commune"><option value="">{_word("unknown", lang)}</option>{communes}</select>'
        f"{_field('place', typed, lang)}{_field('child_name', typed, lang)}"
        f"{_field('child_age', typed, lang, inputmode='numeric', maxlength='2')}"
        f"{_field('name', typed, lang)}{_field('phone', typed, lang, type='tel')}"
    )
    body = (
        f'{said}<p class="danger"><strong>{_word("call", lang)}</strong></p><p>{_word("unnamed", lang)}</p>'
        f"{form(PATH, lang, fields, _WORDS['send'].text(lang))}"
        f'<p><a href="{ASK}?lang={lang}">{_word("ask", lang)}</a></p>'
    )
    status = problem.spec.status if problem else 200 if wrong is None else 422
    made = page(_WORDS["title"].text(lang), body, PATH, lang, forms=True, status=status)
    made.headers.update(problem.headers if problem else {})
    return made


def _field(name: str, typed: dict[str, str], lang: Language, **attributes: str) -> str:
    attributes = {"maxlength": str(_LONGEST.get(name, 0)), "autocomplete": "off", **attributes}
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return (
        f'<label for="{name}">{_word(name, lang)}</label>'
        f'<input id="{name}" name="{name}" value="{escape(typed.get(name, ""))}"{said}>'
    )


def _ask(lang: Language, *, said: str = "", problem: Problem | None = None) -> HTMLResponse:
    field = (
        f'<label for="code">{_word("code", lang)}</label>'
        '<input id="code" name="code" required maxlength="80" autocomplete="off" autocapitalize="none">'
    )
    body = (notice(problem, lang) if problem else said) + form(ASK, lang, field, _WORDS["look"].text(lang))
    made = page(_WORDS["ask"].text(lang), body, ASK, lang, forms=True, status=problem.spec.status if problem else 200)
    made.headers.update(problem.headers if problem else {})
    return made


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))
