"""What pages with forms share: reading one, drawing one, and saying in words why it was refused."""

from collections.abc import Awaitable, Callable
from functools import wraps
from html import escape
from typing import Final, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError

from api.door import Door, Visit, enter
from api.identity import cookies
from api.language import Both
from api.pages.html import language_of, page
from api.problems import Problem
from models.vocabulary import Language

P = ParamSpec("P")
Shape = TypeVar("Shape", bound=BaseModel)

_MOST_FIELDS: Final = 20
_WORDS: Final = {
    "problem": Both("Chưa thực hiện được", "That did not work"),
    "again": Both("Đến trang đăng nhập", "To the sign-in page"),
}


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of ours sent.

    Raises:
        Problem: ``cross-site-refused``, ``invalid-request`` or ``text-not-storable``.
    """
    if not cookies.is_ours(request):
        raise Problem("cross-site-refused")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Problem("invalid-request") from None
    if any("\0" in value for pair in pairs for value in pair):
        raise Problem("text-not-storable")
    return dict(pairs)


def shaped(shape: type[Shape], fields: dict[str, str]) -> Shape:
    """A form as the API's shape of the same thing.

    Raises:
        Problem: ``invalid-request``.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError:
        raise Problem("invalid-request") from None


async def visit_of(request: Request, door: Door) -> Visit:
    """The visit of whoever is signed in with this browser.

    Raises:
        Problem: ``not-signed-in``, or why they may not act any more.
    """
    token = request.cookies.get(cookies.SESSION)
    if token is None:
        raise Problem("not-signed-in")
    return await enter(request, door, token, cookie=True)


def form(action: str, lang: Language, fields: str, button: str) -> str:
    """A form of markup ``fields``; it is sent to our own address and keeps the language."""
    return f'<form method="post" action="{action}?lang={lang}">{fields}<button>{escape(button)}</button></form>'


def field(name: str, label: str, **attributes: str) -> str:
    """A labelled field."""
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f'<label for="{name}">{escape(label)}</label><input id="{name}" name="{name}" required{said}>'


def notice(problem: Problem, lang: Language) -> str:
    """A problem in words, to stand above a form."""
    spec = problem.spec
    words = f"<strong>{escape(spec.title.text(lang))}</strong><br>{escape(spec.detail.text(lang))}"
    return f'<div class="problem" role="alert"><p>{words}<br>{escape(spec.next.text(lang))}</p></div>'


def go(path: str, lang: Language) -> RedirectResponse:
    """To another page of ours, as a page that is read."""
    return RedirectResponse(f"{path}?lang={lang}", 303)


def refused(problem: Problem, lang: Language, *, here: str | None = None) -> HTMLResponse:
    """A page that says why not, with the way to the sign-in page.

    ``here``: the address it stands at, for people without an account: to them signing in is no way out.
    """
    link = "" if here else f'<p><a href="/sign-in?lang={lang}">{escape(_WORDS["again"].text(lang))}</a></p>'
    made = page(
        _WORDS["problem"].text(lang), notice(problem, lang) + link, here or "/sign-in", lang, forms=True,
        status=problem.spec.status,
    )  # fmt: skip
    made.headers.update({name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"})
    return made


def in_words(handler: Callable[P, Awaitable[Response]]) -> Callable[P, Awaitable[Response]]:
    """A page's handler whose problems become a page: who reads it is a person."""
    return _answered(handler, known=True)


def for_nobody_known(handler: Callable[P, Awaitable[Response]]) -> Callable[P, Awaitable[Response]]:
    """The same for pages of people without an account: signing in is no way out for them."""
    return _answered(handler, known=False)


def _answered(handler: Callable[P, Awaitable[Response]], *, known: bool) -> Callable[P, Awaitable[Response]]:
    @wraps(handler)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return await handler(*args, **kwargs)
        except Problem as problem:
            request = kwargs["request"]
            assert isinstance(request, Request)
            return refused(problem, language_of(request), here=None if known else request.url.path)

    return answered
