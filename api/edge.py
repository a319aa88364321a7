"""The outermost ring: trace ids, one log line and one count a request, no flood, readable bodies only, safe headers.

Plain ASGI, so that nothing is buffered but the request's body, which is small by rule.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import fault, respond, unexpected
from api.fhir.resources import MEDIA_TYPE as FHIR_TYPE
from api.fhir.resources import PATH as FHIR
from api.flood import Flood, is_exempt, is_urgent
from api.identity import cookies
from api.metrics import Metrics
from api.problems import Problem, not_taken
from api.sheets import FORMATS

BODY_LIMIT: Final = 1024 * 1024
"""Bytes a body may have."""

PATIENCE: Final = 30.0
"""Seconds a body may take to come, and one more for every ``_SLOWEST`` bytes of it that did."""
_SLOWEST: Final = 4096

HEAD_LIMIT: Final = 32 * 1024
"""Bytes all headers may have together."""
_QUERY_LIMIT: Final = 8192
_MOST_PARAMETERS: Final = 100
_DEEPEST: Final = 64
"""Levels a JSON body may be nested; no form of ours has a third of that."""
_UPLOAD: Final = re.compile(r"/api/v1/(?:cases|referrals)/[^/]+/attachments")
_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_FHIR: Final = FHIR_TYPE
_SHEETS: Final = "/api/v1/directory/imports"
_NO_ROUTE: Final = "(none)"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_LOG = structlog.get_logger("api.request")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_SECURE: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Edge:
    """Wraps the application.

    Args:
        app: what answers.
        metrics: where requests are counted.
        flood: how many requests may come.
        secure: people reach the service by https; they are told never to come by anything else.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, flood: Flood, *, secure: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._flood = flood
        self._headers = (*_HEADERS, _SECURE) if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = uuid4().hex
        scope.setdefault("state", {})["trace_id"] = trace_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        began, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._with_headers(message.get("headers", ()), trace_id)
            await send(message)

        try:
            await self._serve(scope, receive, answer)
        finally:
            self._count(scope, status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _token(scope)
        receive = _patiently(receive)
        try:
            self._admit(scope, token)
            _check_head(scope)
            body = b"" if _is_upload(scope) else await _read_body(scope, receive)
        except Problem as problem:
            await respond(Request(scope), problem)(scope, receive, send)
            return
        if body is None:
            return  # the client went away before it had said everything
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive if _is_upload(scope) else _replay(body, receive), noticed)
        except Exception as error:
            answer = await unexpected(Request(scope), error)
            if begun:
                raise
            await answer(scope, receive, send)
        if token is not None and scope["state"].get("let_in"):
            self._flood.let_in(token)

    def _admit(self, scope: Scope, token: str | None) -> None:
        """Count the request.

        Raises:
            Problem: ``too-many-requests`` or, for what is urgent, ``too-many-reports``.
        """
        if is_exempt(scope["path"]):
            return
        urgent = is_urgent(scope["method"], scope["path"])
        seconds = self._flood.wait(token, scope["client"][0] if scope.get("client") else "", urgent=urgent)
        if seconds:
            raise Problem("too-many-reports" if urgent else "too-many-requests", headers={"Retry-After": str(seconds)})

    def _with_headers(self, headers: Iterable[tuple[bytes, bytes]], trace_id: str) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        added = [pair for pair in self._headers if pair[0] not in present]
        return [*headers, *added, (b"x-trace-id", trace_id.encode())]

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        _LOG.info("request", method=method, route=route, status=status, duration_ms=round(seconds * 1000, 1))


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _token(scope: Scope) -> str | None:
    """What the request says it is let in by, as ``api.door`` reads it: a bearer token, else our pages' cookie."""
    request = Request(scope)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return request.cookies.get(cookies.SESSION)


def _check_head(scope: Scope) -> None:
    """Refuse an address with more parameters than any form of ours has, and headers longer than any browser's.

    Raises:
        Problem: ``invalid-request``.
    """
    query: bytes = scope["query_string"]
    if len(query) > _QUERY_LIMIT or query.count(b"&") >= _MOST_PARAMETERS:
        raise fault("too-long", "query")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_LIMIT:
        raise fault("too-long", "header")


def _patiently(receive: Receive) -> Receive:
    """The body, for as long as it comes at the pace of the slowest line a person would wait for.

    Raises:
        Problem: ``body-too-slow``, out of ``receive``.
    """
    loop = asyncio.get_running_loop()
    until, whole = loop.time() + PATIENCE, False

    async def next_piece() -> Message:
        nonlocal until, whole
        if whole:
            return await receive()  # nothing but the client's leaving is to come, however long the answer takes
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise Problem("body-too-slow", headers={"Connection": "close"}) from None
        until += len(message.get("body", b"")) / _SLOWEST
        whole = not message.get("more_body", False)
        return message

    return next_piece


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, if it is small and storable JSON.

    Raises:
        Problem: ``body-too-large``, ``media-type-not-supported``, ``malformed-json`` or ``text-not-storable``.
    """
    headers = dict(scope["headers"])
    stated = headers.get(b"content-length", b"0")
    if stated.isdigit() and int(stated) > BODY_LIMIT:
        raise Problem("body-too-large")
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT:
            raise Problem("body-too-large")
        chunks.append(chunk)
        more = message.get("more_body", False)
    body = b"".join(chunks)
    if body:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        sheet = scope["path"] == _SHEETS
        if not (sheet and kind.decode("latin-1") in FORMATS):  # a file, as small, that its own endpoint reads
            page = not scope["path"].startswith("/api/")
            takes = FORMATS if sheet else (_FORM.decode(),) if page else (_JSON,)
            if kind == _FHIR.encode() and scope["path"].startswith(f"{FHIR}/"):
                kind = _JSON.encode()  # FHIR's own name for the same
            _check(body, kind, page=page, takes=takes)
    return body


def _is_upload(scope: Scope) -> bool:
    """A file on its way in: it is passed on piece by piece, and its own endpoint limits and checks it."""
    return scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]) is not None


def _check(body: bytes, kind: bytes, *, page: bool, takes: Iterable[str]) -> None:
    if page and kind == _FORM:
        return  # read, and judged, by the page it was sent to
    if kind != _JSON.encode():
        raise not_taken(takes)
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
    except (ValueError, RecursionError):
        raise Problem("malformed-json") from None
    if not _shallow(value):
        raise Problem("malformed-json")
    # Only an escape can bring NUL or half a character into text that was valid UTF-8.
    if "\\u" in text and not _storable(value):
        raise Problem("text-not-storable")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _shallow(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _storable(value: Any) -> bool:
    return not any(
        character == "\0" or "\ud800" <= character <= "\udfff" for text in _texts(value) for character in text
    )


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the names of its members included."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


def _replay(body: bytes, receive: Receive) -> Receive:
    said = False

    async def again() -> Message:
        nonlocal said
        if not said:
            said = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _template(scope: Scope) -> str:
    """The matched route as it was declared, with the prefixes of the routers around it; no value of a parameter."""
    own: str | None = getattr(scope.get("route"), "path", None)
    if own is None:
        return _NO_ROUTE
    values = scope.get("path_params", {})
    filled = _PARAMETER.sub(lambda found: str(values.get(found[1], "")), own)
    path: str = scope["path"]
    return path.removesuffix(filled) + own if path.endswith(filled) else own
