"""From an exception to a problem. Nothing that was sent is repeated, and nothing of ours is shown."""

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import PydanticCustomError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.fhir.resources import MEDIA_TYPE as FHIR_TYPE
from api.fhir.resources import PATH as FHIR
from api.language import DEFAULT, preferred
from api.problems import MEDIA_TYPE, Problem
from models.vault import ErasedError, KeysAwayError
from models.vault.objects import StoreAwayError
from models.vocabulary import Language

_LOG = structlog.get_logger("api.errors")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,60}")
_MOST_ERRORS: Final = 50
_RETRY: Final = {"Retry-After": "5"}
_BY_STATUS: Final = {
    401: "not-signed-in",
    403: "not-permitted",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "media-type-not-supported",
    400: "malformed-json",
}
_AWAY_STATES: Final = ("08", "53", "55000", "55P03", "57P")
"""SQLSTATE classes of a server that is starting, stopping, full, takes no connections, or holds a lock too long."""
_AWAY: Final = (InterfaceError, OperationalError, PendingRollbackError, PoolTimeoutError, ConnectionError, TimeoutError)


def install(app: FastAPI) -> None:
    """Give every exception its answer."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    for kind in (DBAPIError, *_AWAY):
        app.add_exception_handler(kind, _database)
    app.add_exception_handler(KeysAwayError, _keys_away)
    app.add_exception_handler(ErasedError, _erased)
    app.add_exception_handler(StoreAwayError, _store_away)
    app.add_exception_handler(Exception, unexpected)


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The answer to a problem, in the reader's language."""
    state = request.scope.setdefault("state", {})
    language: Language = state.get("language") or preferred(request.headers.get("accept-language")) or DEFAULT
    app = request.scope.get("app")
    door = getattr(app.state, "door", None) if app is not None else None
    if door is not None:
        door.metrics.refusals.labels(problem.code).inc()
    _LOG.info("problem", code=problem.code, status=problem.spec.status)
    headers = {"Content-Language": language, "Vary": "Accept-Language", **problem.headers}
    if problem.spec.status in (429, 503):
        headers = {**_RETRY, **headers}
    if request.scope["path"].startswith(f"{FHIR}/"):
        said = outcome(problem, language, state.get("trace_id", ""))
        return JSONResponse(said, status_code=problem.spec.status, headers=headers, media_type=FHIR_TYPE)
    return JSONResponse(
        problem.body(language, state.get("trace_id", "")),
        status_code=problem.spec.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def outcome(problem: Problem, language: Language, trace_id: str) -> dict[str, Any]:
    """A problem as a FHIR OperationOutcome: one issue, and one for each element that is wrong."""
    body = problem.body(language, trace_id)
    kind = _ISSUES.get(problem.spec.status, "processing")
    words = f"{body['detail']} {body['next']}"
    issues = [
        {
            "severity": "error", "code": kind, "diagnostics": trace_id,
            "details": {"coding": [{"code": problem.code}], "text": words},
        }
    ]  # fmt: skip
    issues += [
        {
            "severity": "error", "code": "invalid", "details": {"coding": [{"code": one["code"]}]},
            "expression": [".".join(str(step) for step in one["path"][1:]) or "Task"],
        }
        for one in body.get("errors", ())
    ]  # fmt: skip
    return {"resourceType": "OperationOutcome", "issue": issues}


_ISSUES: Final = {
    401: "login", 403: "forbidden", 404: "not-found", 409: "conflict", 412: "conflict", 413: "too-long",
    415: "not-supported", 422: "invalid", 429: "throttled", 503: "transient", 500: "exception",
}  # fmt: skip
"""OperationOutcome.issue.code by the status of a problem (R4B, valueset-issue-type)."""


def invalid(errors: Sequence[Any]) -> Problem:
    """The problem of a request whose shape is wrong: where, and a code; never the value."""
    return Problem(
        "invalid-request",
        errors=[
            {"path": [_step(part) for part in error["loc"]], "code": str(error["type"]).replace("_", "-")}
            for error in errors[:_MOST_ERRORS]
        ],
    )


def fault(code: str, *path: str | int) -> Problem:
    """The problem of one wrong field."""
    return Problem("invalid-request", errors=[{"path": list(path), "code": code}])


def refused_field(error: PydanticCustomError, *path: str | int) -> Problem:
    """The problem of a field whose own rule refused it."""
    return fault(error.type, *path)


def _step(part: Any) -> str | int:
    if isinstance(part, int):
        return part
    # An unknown field's name was chosen by whoever sent it, and could be anything.
    return str(part) if _PLAIN.fullmatch(str(part)) else "?"


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return await _refuse(request, error)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return await _refuse(request, invalid(error.errors()))


async def _refuse(request: Request, problem: Problem) -> JSONResponse:
    """Answer, and put on record what was refused to somebody known, where that was not done yet."""
    visit = getattr(request.state, "visit", None)
    if visit is not None:
        try:
            await visit.deny(problem)
        except (DBAPIError, *_AWAY) as error:
            return await _database(request, error)
    return respond(request, problem)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = Problem(_BY_STATUS.get(error.status_code, "internal"), headers=dict(error.headers or {}))
    return respond(request, problem)


async def _database(request: Request, error: Exception) -> JSONResponse:
    if not _is_away(error):
        return await unexpected(request, error)
    _LOG.warning("database away", exc_info=error)
    return respond(request, Problem("database-away"))


def _is_away(error: Exception) -> bool:
    if isinstance(error, _AWAY):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or state.startswith(_AWAY_STATES)


async def _keys_away(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("keys away", why=str(error))
    return await _refuse(request, _here(request, "keys-away"))


async def _erased(request: Request, _error: Exception) -> JSONResponse:
    return await _refuse(request, _here(request, "content-erased"))


async def _store_away(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("object store away", why=str(error))
    return await _refuse(request, _here(request, "store-away"))


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Answer what nobody foresaw, and put on record to whom it happened and in which case."""
    _LOG.error("unexpected", exc_info=error)
    problem = _here(request, "internal")
    visit = getattr(request.state, "visit", None)
    if visit is not None:
        try:
            await visit.deny(problem)
        except Exception as again:  # noqa: BLE001 - what went wrong may be the record itself; the caller is answered
            _LOG.error("not on record", exc_info=again)
    return respond(request, problem)


def _here(request: Request, code: str) -> Problem:
    """A problem of no rule of ours, with the case the visit had found when it arose."""
    return Problem(code, case_id=getattr(getattr(request.state, "visit", None), "case_id", None))
