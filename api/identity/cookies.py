"""The session as a browser holds it, and whether a request with it was meant by our own page.

``__Host-`` binds the cookie to this very host and to ``Secure``; browsers treat ``http://localhost`` as secure, so the
name is the same everywhere. ``SameSite=Strict``: no page of ours needs to be reached signed in from another site, and a
link in a mail then shows the sign-in page, at worst. The one flow that comes back from elsewhere, OpenID Connect, has a
``Lax`` cookie of its own that holds no session (docs/decisions/0007-identity.md).
"""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

SESSION: Final = "__Host-annhi"
"""The session's token."""
FLOW: Final = "__Host-annhi-flow"
"""The token of a sign-in under way: between password and second factor, or while a provider is asked."""

LASTS: Final = 24 * 3600
"""Seconds a browser keeps the session's cookie; the server ends the session itself, and earlier."""
FLOW_LASTS: Final = 600

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def give(response: Response, name: str, value: str, *, seconds: int, lax: bool = False) -> None:
    """Set a cookie: Secure, HttpOnly, for this host alone."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax" if lax else "strict"
    )


def take_back(response: Response, name: str) -> None:
    """Remove a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")


def is_ours(request: Request) -> bool:
    """Whether a request that carries a cookie came from a page of this origin.

    Every present browser sends ``Sec-Fetch-Site``; one that does not must at least say an ``Origin`` that is this host.
    Reading by an address typed in (``none``) is meant as well; writing never is without a page of ours.
    """
    site = request.headers.get("sec-fetch-site")
    safe = request.method in _SAFE
    if site is not None:
        return site == "same-origin" or (safe and site == "none")
    origin = request.headers.get("origin")
    if origin is None:
        return safe
    return _host(origin) == request.headers.get("host", "").lower() != ""


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
