"""One shape for every log line: our own, uvicorn's, Temporal's and whatever library speaks.

JSON in production, a readable console in a terminal. What is bound with ``structlog.contextvars`` (trace id, case code,
command id, workflow id) stands in every line of that task. Never bodies, names, texts or query strings: a filter
drops the keys that would carry them, so a careless call cannot leak what it was given.
"""

import logging
import sys
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from models.settings import Settings

FORBIDDEN: Final = frozenset(
    {"body", "content", "full_name", "name", "password", "token", "query", "query_string", "text", "phone", "email"}
)
"""Keys that never leave in a line, whoever binds them."""

_KNOWN: Final = frozenset(
    {
        "case_code",
        "case_id",
        "code",
        "command_id",
        "differed",
        "duration_ms",
        "event",
        "method",
        "outcome",
        "resynced",
        "route",
        "run_id",
        "started",
        "status",
        "trace_id",
        "workflow_id",
        "workflow_type",
    }
)
"""What a standard-library record may carry over as ``extra`` into a line."""

_LOUD: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "temporalio", "alembic", "asyncio", "sqlalchemy")


def configure_logging(config: Settings, stream: TextIO | None = None) -> None:
    """Send every logger of this process through one renderer.

    Args:
        config: its ``log_format`` is ``json``, or ``console`` for people; its ``log_level`` a level's name.
        stream: where lines go; standard error by default.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _temporal_ids,
        _drop_personal,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=_KNOWN), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(config.log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.log_level.upper())
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # it prints query strings; api.edge logs the route instead
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they print whole addresses


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "json":
        return [_trace_without_values, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # The console's own tracebacks print local variables, and in them whatever was typed.
    return [_trace_without_values, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _temporal_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Lift the ids out of Temporal's context dictionaries; the rest of them is noise."""
    record = event.get("_record")
    for attribute in ("temporal_workflow", "temporal_activity"):
        context = getattr(record, attribute, None)
        if isinstance(context, dict):
            for key in ("workflow_id", "workflow_type", "run_id", "activity_type", "attempt"):
                if key in context:
                    event.setdefault(key, context[key])
    return event


def _drop_personal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in FORBIDDEN & event.keys():
        event[key] = "[dropped]"
    return event


def _trace_without_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say where an exception came from, not what it was about: messages of drivers quote the row they failed on."""
    info: Any = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        event["at"] = _frames(info[2])
    return event


def _frames(trace: Any) -> list[str]:
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-12:]
