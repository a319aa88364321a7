"""One shape for every line, and nothing personal in any of them."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from models.logs import FORBIDDEN, configure_logging
from models.settings import Settings


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """Where the lines go; the test run's own logging comes back afterwards."""
    root, level, structured = logging.getLogger(), logging.getLogger().level, structlog.get_config()
    handlers = list(root.handlers)
    lines = StringIO()
    configure_logging(Settings(log_format="json", log_level="info"), lines)
    yield lines
    root.handlers, root.level = handlers, level
    logging.getLogger("uvicorn.access").disabled = False
    structlog.configure(**structured)
    structlog.contextvars.clear_contextvars()


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_uvicorns_and_temporals_have_one_shape(stream: StringIO) -> None:
    structlog.contextvars.bind_contextvars(trace_id="t1", case_code="AN-1")
    structlog.get_logger("api.request").info("request", route="/api/v1/cases", status=200)
    logging.getLogger("uvicorn.error").info("Started server process")
    context = {"temporal_workflow": {"workflow_id": "case/1", "run_id": "r", "namespace": "annhi"}}
    logging.getLogger("temporalio.workflow").warning("slow", extra=context)
    found = lines(stream)
    assert [one["logger"] for one in found] == ["api.request", "uvicorn.error", "temporalio.workflow"]
    for one in found:
        assert {"event", "level", "logger", "timestamp", "trace_id", "case_code"} <= one.keys()
    assert found[2]["workflow_id"] == "case/1"
    assert "namespace" not in found[2]


def test_a_careless_line_does_not_leak_what_it_was_given(stream: StringIO) -> None:
    said = dict.fromkeys(FORBIDDEN, "Nguyễn Văn Bí Mật")
    structlog.get_logger("x").info("careless", **said)
    logging.getLogger("y").info("careless", extra={"whatever": "Nguyễn Văn Bí Mật"})
    assert "Bí Mật" not in stream.getvalue()


def _fail(message: str) -> None:
    raise ValueError(message)


def test_an_exception_says_where_and_not_what(stream: StringIO) -> None:
    try:
        _fail("Key (full_name)=(Nguyễn Văn Bí Mật) already exists")
    except ValueError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("y").exception("failed")
    found = lines(stream)
    assert [one["exception"] for one in found] == ["ValueError", "ValueError"]
    assert all("_fail" in one["at"][-1] for one in found)
    assert "Bí Mật" not in stream.getvalue()


def test_uvicorns_access_lines_with_their_query_strings_are_off(stream: StringIO) -> None:
    logging.getLogger("uvicorn.access").info('"GET /api/v1/cases?q=secret HTTP/1.1" 200')
    assert not stream.getvalue()
