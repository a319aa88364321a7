"""Getting in and out with a browser: password, second factor, an organisation's provider, set-up link, position.

No script and no style but the page's own. The session is a cookie; every form is taken from our own pages only.
"""

from html import escape
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.door import CALLBACK, TheDoor
from api.identity import cookies
from api.language import Both
from api.pages.forms import field, form, go, in_words, notice, read_form, refused, shaped, visit_of
from api.pages.html import language_of, page
from api.problems import Problem
from api.routes.sessions import Address
from api.services import oidc, sessions
from api.services.sessions import Opened
from api.shapes.sessions import ChosenPosition, SecondFactor, SetUp, SignIn
from models.vocabulary import Language, label

router = APIRouter()

_WORDS: Final = {
    "sign_in": Both("Đăng nhập", "Sign in"),
    "sign_out": Both("Đăng xuất", "Sign out"),
    "username": Both("Tên đăng nhập", "User name"),
    "password": Both("Mật khẩu", "Password"),
    "with": Both("Đăng nhập bằng", "Sign in with"),
    "second": Both("Xác thực bước hai", "Second factor"),
    "code": Both("Mã sáu chữ số trên thiết bị của bạn", "The six digits your device shows"),
    "recovery": Both("Hoặc một mã dự phòng", "Or one of your recovery codes"),
    "go_on": Both("Tiếp tục", "Continue"),
    "set_up": Both("Đặt mật khẩu", "Set your password"),
    "new_password": Both("Mật khẩu mới (ít nhất 12 ký tự)", "New password (at least 12 characters)"),
    "set": Both("Đã đặt mật khẩu. Hãy đăng nhập.", "Your password is set. Sign in."),
    "position": Both("Chức danh đang làm việc", "The position you act in"),
    "choose": Both("Làm việc với chức danh này", "Act in this position"),
    "factor_page": Both("Cài đặt xác thực bước hai", "Set up your second factor"),
    "signed_in": Both("Đã đăng nhập", "Signed in"),
}


@router.get("/sign-in", response_class=HTMLResponse)
@in_words
async def sign_in_page(request: Request, door: TheDoor) -> Response:
    """The form of user name and password, and the providers one may use instead."""
    return _sign_in_page(door, language_of(request))


@router.post("/sign-in", response_class=HTMLResponse)
@in_words
async def sign_in(request: Request, door: TheDoor, address: Address) -> Response:
    """Sign in; with a second factor its form comes next."""
    lang = language_of(request)
    given = shaped(SignIn, await read_form(request))
    try:
        opened = await sessions.sign_in(door, given, address, cookie=True)
    except Problem as problem:
        if problem.code == "second-factor-required":
            return _ask_second(problem, lang)
        return _sign_in_page(door, lang, problem)
    return _let_in(opened, lang)


@router.post("/sign-in/second-factor", response_class=HTMLResponse)
@in_words
async def second_factor(request: Request, door: TheDoor, address: Address) -> Response:
    """The second step, with a code or a recovery code."""
    lang = language_of(request)
    fields = await read_form(request)
    typed = {name: fields[name] for name in ("code", "recovery_code") if fields.get(name)}
    given = shaped(SecondFactor, {**typed, "step": request.cookies.get(cookies.FLOW, "")})
    try:
        opened = await sessions.second_factor(door, given, address)
    except Problem as problem:
        if problem.code == "second-factor-failed":
            return _second_page(lang, problem)
        raise
    return _let_in(opened, lang)


@router.get("/sign-in/with/{provider}", response_class=HTMLResponse)
@in_words
async def with_provider(request: Request, door: TheDoor, provider: str) -> Response:
    """To an organisation's own sign-in."""
    begun = await oidc.begin(door, provider, language_of(request))
    sent = RedirectResponse(begun.url, 303)
    cookies.give(sent, cookies.FLOW, begun.token, seconds=cookies.FLOW_LASTS, lax=True)
    return sent


@router.get(CALLBACK, response_class=HTMLResponse)
@in_words
async def back_from_provider(request: Request, door: TheDoor, address: Address) -> Response:
    """Back from an organisation's own sign-in.

    The answer is a page, not a redirect: a browser that came from another site would send our strict cookie to none.
    """
    lang = language_of(request)
    token = request.cookies.get(cookies.FLOW, "")
    try:
        opened = await oidc.finish(door, token, dict(request.query_params), address)
    except Problem as problem:
        if problem.code == "second-factor-required":
            return _ask_second(problem, lang)
        answered: Response = refused(problem, lang)
        cookies.take_back(answered, cookies.FLOW)
        return answered
    link = f'<p><a href="/position?lang={lang}">{_word("go_on", lang)}</a></p>'
    done = page(_WORDS["signed_in"].text(lang), link, "/position", lang)
    done.headers["Refresh"] = f"0; url=/position?lang={lang}"
    return _keep(done, opened)


@router.get("/set-up", response_class=HTMLResponse)
@in_words
async def set_up_page(request: Request, link: str = "") -> Response:
    """The form to set one's password with a set-up link. Opening it uses nothing up."""
    return _set_up_page(language_of(request), link)


@router.post("/set-up", response_class=HTMLResponse)
@in_words
async def set_up(request: Request, door: TheDoor, address: Address) -> Response:
    """Set one's password."""
    lang = language_of(request)
    fields = await read_form(request)
    try:
        await sessions.set_up(door, shaped(SetUp, fields), address)
    except Problem as problem:
        if problem.code == "invalid-request":
            return _set_up_page(lang, fields.get("link", ""), problem)
        raise
    link = f'<p>{_word("set", lang)} <a href="/sign-in?lang={lang}">{_word("sign_in", lang)}</a></p>'
    return page(_WORDS["set_up"].text(lang), link, "/sign-in", lang)


@router.get("/position", response_class=HTMLResponse)
@in_words
async def position_page(request: Request, door: TheDoor) -> Response:
    """The position one acts in, the others one holds, and the way out."""
    lang = language_of(request)
    me = await sessions.me(await visit_of(request, door))
    others = "".join(
        form(
            "/position", lang,
            f'<p>{_position(one.role, one.unit.name_vi, one.unit.name_en, lang)}</p>'
            f'<input type="hidden" name="position_id" value="{one.id}">',
            _WORDS["choose"].text(lang),
        )
        for one in me.positions
        if one.id != me.position.id
    )  # fmt: skip
    here = me.position
    body = (
        f"<p>{escape(me.name)}: {_position(here.role, here.unit.name_vi, here.unit.name_en, lang)}</p>{others}"
        f'<p><a href="/second-factor?lang={lang}">{_word("factor_page", lang)}</a></p>'
        + form("/sign-out", lang, "", _WORDS["sign_out"].text(lang))
    )
    return page(_WORDS["position"].text(lang), body, "/position", lang, forms=True)


@router.post("/position", response_class=HTMLResponse)
@in_words
async def choose_position(request: Request, door: TheDoor) -> Response:
    """Act in another position."""
    chosen = shaped(ChosenPosition, await read_form(request))
    opened = await sessions.switch_position(await visit_of(request, door), chosen.position_id)
    return _keep(go("/position", language_of(request)), opened)


@router.post("/sign-out", response_class=HTMLResponse)
@in_words
async def sign_out(request: Request, door: TheDoor) -> Response:
    """End the session and forget the cookie."""
    await read_form(request)
    await sessions.sign_out(await visit_of(request, door))
    out = go("/sign-in", language_of(request))
    cookies.take_back(out, cookies.SESSION)
    return out


def _sign_in_page(door: TheDoor, lang: Language, problem: Problem | None = None) -> Response:
    fields = field(
        "username", _WORDS["username"].text(lang), autocomplete="username", autocapitalize="none", maxlength="80"
    ) + field(
        "password", _WORDS["password"].text(lang), type="password", autocomplete="current-password", maxlength="200"
    )
    elsewhere = "".join(
        f'<p><a href="/sign-in/with/{one.key}?lang={lang}">{_word("with", lang)} '
        f"{escape(one.name_vi if lang == 'vi' else one.name_en)}</a></p>"
        for one in door.providers
    )
    body = (notice(problem, lang) if problem else "") + form("/sign-in", lang, fields, _WORDS["sign_in"].text(lang))
    status = problem.spec.status if problem else 200
    made = page(_WORDS["sign_in"].text(lang), body + elsewhere, "/sign-in", lang, forms=True, status=status)
    made.headers.update(problem.headers if problem else {})
    return made


def _ask_second(problem: Problem, lang: Language) -> Response:
    asked = _second_page(lang)
    cookies.give(asked, cookies.FLOW, problem.extra["step"]["token"], seconds=cookies.FLOW_LASTS)
    return asked


def _second_page(lang: Language, problem: Problem | None = None) -> Response:
    digits = field("code", _WORDS["code"].text(lang), autocomplete="one-time-code", inputmode="numeric", maxlength="10")
    spare = field("recovery_code", _WORDS["recovery"].text(lang), autocomplete="off", maxlength="40")
    body = "".join(form("/sign-in/second-factor", lang, one, _WORDS["go_on"].text(lang)) for one in (digits, spare))
    status = problem.spec.status if problem else 200
    said = notice(problem, lang) if problem else ""
    return page(_WORDS["second"].text(lang), said + body, "/sign-in", lang, forms=True, status=status)


def _set_up_page(lang: Language, link: str, problem: Problem | None = None) -> Response:
    fields = f'<input type="hidden" name="link" value="{escape(link)}">' + field(
        "password", _WORDS["new_password"].text(lang), type="password", autocomplete="new-password", minlength="12",
        maxlength="200",
    )  # fmt: skip
    body = (notice(problem, lang) if problem else "") + form("/set-up", lang, fields, _WORDS["set_up"].text(lang))
    status = problem.spec.status if problem else 200
    return page(_WORDS["set_up"].text(lang), body, "/set-up", lang, forms=True, status=status)


def _let_in(opened: Opened, lang: Language) -> Response:
    return _keep(go("/position", lang), opened)


def _keep(response: Response, opened: Opened) -> Response:
    cookies.give(response, cookies.SESSION, opened.token, seconds=cookies.LASTS)
    cookies.take_back(response, cookies.FLOW)
    return response


def _position(role: str, name_vi: str, name_en: str, lang: Language) -> str:
    return f"{escape(label('roles', role, lang))}, {escape(name_vi if lang == 'vi' else name_en)}"


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))
