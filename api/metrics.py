"""What is counted, for Prometheus. Labels carry codes and route templates only.

What stands in the record (open cases, rungs fired, how late) is read from PostgreSQL, at most twice a minute whoever
asks, and left out while PostgreSQL is away. What the worker counts itself under a like name has no ``record`` in it:
added up, they would count double.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import extract, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.clock import Clock
from models.database import Who, transaction
from models.records.set_aside import SET_ASIDE, WAITING
from models.tables import CaseFile, Deadline, Escalation, Notice, Rung, table

_CASE, _DEADLINE, _RUNG, _ESCALATION = table(CaseFile), table(Deadline), table(Rung), table(Escalation)
_NOTICE = table(Notice)
_LOG = structlog.get_logger("api.metrics")

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
FRESH_SECONDS: Final = 30.0
LATENESS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 3600.0)
"""Bounds in seconds of how late a rung fired."""


@dataclass
class Reading:
    """One look at the record."""

    open_cases: dict[tuple[str, str], int] = field(default_factory=dict)
    open_escalations: dict[tuple[str, str], int] = field(default_factory=dict)
    fired: dict[str, int] = field(default_factory=dict)
    lateness: tuple[int, ...] = ()
    lateness_sum: float = 0.0
    overdue: int = 0
    oldest_overdue: float = 0.0
    notices: dict[tuple[str, str], int] = field(default_factory=dict)
    set_aside: int = 0
    oldest_set_aside: float = 0.0


class Metrics:
    """The counters of one API process, and the last look at the record."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "annhi_http_requests", "Requests", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "annhi_http_request_seconds",
            "Seconds a request took",
            ("method", "route"),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.commands = Counter("annhi_commands", "Commands by outcome", ("event", "outcome"), registry=self.registry)
        self.refusals = Counter("annhi_refusals", "Problems answered, by code", ("code",), registry=self.registry)
        self.reports = Counter("annhi_reports", "Reports taken in", ("flagged",), registry=self.registry)
        self.set_aside = Counter(
            "annhi_reports_set_aside", "Reports by anybody set aside, by the first reason", ("reason",),
            registry=self.registry,
        )  # fmt: skip
        self._record = _Record()
        self.registry.register(self._record)
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def exposition(self, engine: AsyncEngine, clock: Clock) -> bytes:
        """The text Prometheus scrapes."""
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._record.reading = await _look(engine, clock.now())
                self._read_at = time.monotonic()
        return generate_latest(self.registry)


class _Record(Collector):
    """Turns the last look at the record into metrics."""

    def __init__(self) -> None:
        self.reading: Reading | None = None

    def collect(self) -> Iterator[Metric]:
        reading = self.reading
        if reading is None:
            return
        cases = GaugeMetricFamily("annhi_open_cases", "Open cases", labels=("process", "protection"))
        for key, count in reading.open_cases.items():
            cases.add_metric(key, count)
        yield cases
        escalations = GaugeMetricFamily("annhi_escalations", "Unresolved escalations", labels=("level", "state"))
        for key, count in reading.open_escalations.items():
            escalations.add_metric(key, count)
        yield escalations
        notices = GaugeMetricFamily("annhi_record_notices", "Notices not delivered yet", labels=("channel", "state"))
        for key, count in reading.notices.items():
            notices.add_metric(key, count)
        yield notices
        fired = CounterMetricFamily("annhi_record_rungs_fired", "Rungs fired", labels=("level",))
        for level, count in reading.fired.items():
            fired.add_metric((level,), count)
        yield fired
        lateness = HistogramMetricFamily(
            "annhi_record_rung_lateness_seconds", "Seconds between a rung's instant and its firing"
        )
        buckets = [
            (str(bound), float(count)) for bound, count in zip((*LATENESS, "+Inf"), reading.lateness, strict=True)
        ]
        lateness.add_metric((), buckets, reading.lateness_sum)
        yield lateness
        overdue = GaugeMetricFamily("annhi_rungs_overdue", "Rungs whose instant has passed and that have not fired")
        overdue.add_metric((), reading.overdue)
        yield overdue
        oldest = GaugeMetricFamily("annhi_rung_oldest_overdue_seconds", "Seconds the oldest of them is late")
        oldest.add_metric((), reading.oldest_overdue)
        yield oldest
        waiting = GaugeMetricFamily("annhi_record_set_aside", "Reports by anybody that are set aside and yet to go in")
        waiting.add_metric((), reading.set_aside)
        yield waiting
        longest = GaugeMetricFamily("annhi_record_set_aside_oldest_seconds", "Seconds since the oldest of them came")
        longest.add_metric((), reading.oldest_set_aside)
        yield longest


async def _look(engine: AsyncEngine, now: datetime) -> Reading | None:
    try:
        async with asyncio.timeout(5), transaction(engine, Who(system="metrics"), now) as connection:
            return await _read(connection, now)
    except (SQLAlchemyError, OSError, TimeoutError):
        _LOG.warning("metrics without the record", exc_info=True)
        return None


async def _read(connection: AsyncConnection, now: datetime) -> Reading:
    reading = Reading()
    open_now = _CASE.c.process.not_in(("closed", "not_substantiated", "redirected", "attached"))
    by_state = select(_CASE.c.process, _CASE.c.protection, func.count()).where(open_now)
    for process, protection, count in await connection.execute(by_state.group_by(_CASE.c.process, _CASE.c.protection)):
        reading.open_cases[process, protection] = count
    unresolved = select(_ESCALATION.c.level, _ESCALATION.c.state, func.count()).where(_ESCALATION.c.state != "resolved")
    for level, state, count in await connection.execute(unresolved.group_by(_ESCALATION.c.level, _ESCALATION.c.state)):
        reading.open_escalations[level, state] = count
    waiting = select(_NOTICE.c.channel, _NOTICE.c.state, func.count()).where(
        _NOTICE.c.state.in_(("pending", "sending"))
    )
    for channel, state, count in await connection.execute(waiting.group_by(_NOTICE.c.channel, _NOTICE.c.state)):
        reading.notices[channel, state] = count
    late = func.greatest(extract("epoch", _RUNG.c.fired_at - _RUNG.c.due_at), 0)
    within = [func.count().filter(late <= bound) for bound in LATENESS]
    fired = select(_RUNG.c.level, func.count(), func.coalesce(func.sum(late), 0), *within)
    counts = [0] * (len(LATENESS) + 1)
    for level, count, seconds, *per_bound in await connection.execute(
        fired.where(_RUNG.c.state == "fired").group_by(_RUNG.c.level)
    ):
        reading.fired[level] = count
        reading.lateness_sum += float(seconds)
        counts = [have + more for have, more in zip(counts, (*per_bound, count), strict=True)]
    reading.lateness = tuple(counts)
    overdue = (
        select(func.count(), func.min(_RUNG.c.due_at))
        .join(_DEADLINE, _DEADLINE.c.id == _RUNG.c.deadline_id)
        .where(_RUNG.c.state == "planned", _DEADLINE.c.status == "open", _RUNG.c.due_at < now)
    )
    reading.overdue, oldest = (await connection.execute(overdue)).one()
    reading.oldest_overdue = (now - oldest).total_seconds() if oldest else 0.0
    waiting_aside = select(func.count(), func.min(SET_ASIDE.c.received_at)).where(WAITING)
    reading.set_aside, oldest = (await connection.execute(waiting_aside)).one()
    reading.oldest_set_aside = (now - oldest).total_seconds() if oldest else 0.0
    return reading
