"""The outbox: brings due notices out of the house, at least once, under ids that make a second copy harmless.

Driven by rows alone, so notices leave while Temporal is away (docs/decisions/0003-notice-outbox.md). Several outboxes
may run beside each other: a row is claimed by one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import ColumnElement, DateTime, Row, bindparam, func, literal_column, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import ReturningUpdate

from activities.channels import Channel, Message, Rejected, Unreachable
from models.clock import Clock
from models.database import Who, transaction
from models.records import answer_links as links
from models.records.notices import SENT_OUT, fall_back
from models.records.texts import link, render
from models.settings import Settings
from models.tables import Notice, Person, table

BATCH: Final = 20
"""Rows one sender claims at a time. A crash leaves at most these in doubt."""
SET_ASIDE: Final = 500
"""Rows set aside at a time where their channel is not configured: nothing is in doubt with them."""
SENDERS: Final = 4
"""Messages of one batch on their way over the gateway at once; mail goes one after the other over one connection."""
LEASE: Final = timedelta(minutes=2)
"""After this a claimed row whose sender has not reported back is in doubt and sent again under the same id."""
POLL_SECONDS: Final = 1.0
TOGETHER_SECONDS: Final = 0.2
"""How long a sender rests after a look: under load what is committed meanwhile goes out in one batch."""
GIVE_UP_UNCONFIGURED: Final = timedelta(hours=24)
"""A notice that waited longer for its channel to be configured is no news any more; it stays on record as it is."""
GAUGES_SECONDS: Final = 15.0
UNDONE_EVERY: Final = 20
"""Every how many rounds the failed and unconfigured ones are counted: no index leads to them."""

GAPS: Final[Mapping[str, tuple[timedelta, ...]]] = {
    "email": tuple(timedelta(minutes=m) for m in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480)),
    # Somebody is to get up at night: a gateway that is away for minutes is answered by a human's call.
    "sms": tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 180)),
    "voice": tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 180)),
}
"""How long after the n-th failed attempt the next one is made; after the last gap the notice has failed."""

ATTEMPTS = Counter("annhi_notice_attempts", "Attempts to send a notice.", ["channel", "outcome"])
WAITING = Gauge(
    "annhi_notices", "Notices by channel and state, those of the last 24 h that are not done.", ["channel", "state"]
)
FAILURES = Counter("annhi_outbox_failures", "Times the outbox itself could not work.", ["reason"])

_NOTICE, _PERSON = table(Notice), table(Person)
_WHO = Who(system="outbox")
ANSWER_LINK: Final = "answer_link"
"""The one kind whose message leads elsewhere than to the case."""


# Literals, not parameters: the worker's plans are made once whatever the values, and a plan for any state could not use
# the index of those that are to be sent; it would read every notice there ever was, several times a second.
def _among(*states: str) -> ColumnElement[bool]:
    return _NOTICE.c.state.in_([literal_column(f"'{state}'") for state in states])


def _claim_up_to(rows: int, **values: Any) -> ReturningUpdate[Any]:
    """Take due rows of a channel, the longest due first; made once, because it is asked for all the time."""
    due = (
        select(_NOTICE.c.id)
        .where(
            _among("pending", "sending"),
            _NOTICE.c.next_attempt_at <= bindparam("due_by", type_=DateTime(timezone=True)),
            _NOTICE.c.channel == bindparam("of_channel"),
        )
        .order_by(_NOTICE.c.next_attempt_at, _NOTICE.c.id)
        .limit(rows)
        .with_for_update(skip_locked=True)
    )
    return (
        update(_NOTICE)
        .where(_NOTICE.c.id.in_(due), _PERSON.c.id == _NOTICE.c.person_id)
        .values(**values)
        .returning(_NOTICE, _PERSON.c.email, _PERSON.c.phone, _PERSON.c.language)
    )


TAKE = _claim_up_to(
    BATCH,
    state="sending",
    attempts=_NOTICE.c.attempts + 1,
    next_attempt_at=bindparam("leased_until", type_=DateTime(timezone=True)),
)
LAY_ASIDE = _claim_up_to(SET_ASIDE, state="unconfigured")
_log = structlog.get_logger(__name__)


class Outbox:
    """Sends what is due.

    Args:
        engine: of the worker role.
        clock: domain time; nothing else decides when something is due.
        channels: the configured ways out, by channel code (``activities.channels.configured``).
        settings: for the links.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, channels: Mapping[str, Channel], settings: Settings) -> None:
        self._engine = engine
        self._clock = clock
        self._channels = dict(channels)
        self._settings = settings
        self._wake = {channel: asyncio.Event() for channel in SENT_OUT}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Send until ``stop`` is called or the task is cancelled. A database that is away is waited for."""
        await self._until_it_works("adopt", self._adopt_unconfigured)
        tasks = [asyncio.create_task(self._serve(channel)) for channel in SENT_OUT]
        tasks += [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_gauges())]
        try:
            await self._stopping.wait()
        finally:
            # Whoever is in the middle of a send reports back first; then nothing is in doubt.
            self.stop()
            await asyncio.gather(*tasks, return_exceptions=True)
            for channel in {id(one): one for one in self._channels.values()}.values():
                await channel.close()

    def stop(self) -> None:
        """Finish what is on its way, claim nothing more."""
        self._stopping.set()
        for event in self._wake.values():
            event.set()

    async def drain(self, channel: str) -> int:
        """Send everything of one channel that is due now.

        Returns:
            How many notices were attempted or set aside as unconfigured.
        """
        done = 0
        while rows := await self._claim(channel):
            done += len(rows)
            if channel in self._channels:
                await self._send_all(channel, rows)
            if self._stopping.is_set():
                break
        return done

    async def _serve(self, channel: str) -> None:
        wake = self._wake[channel]
        while not self._stopping.is_set():
            wake.clear()
            try:
                await self.drain(channel)
            except Exception as error:  # noqa: BLE001 - a sender that dies is silence; it looks again in a second
                FAILURES.labels(reason=type(error).__name__).inc()
                _log.warning("outbox_waits", channel=channel, error=type(error).__name__)
            await self._pause(TOGETHER_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), POLL_SECONDS)

    async def _claim(self, channel: str) -> Sequence[Row[Any]]:
        """Take due rows of a channel and note the attempt before it is made. Without the channel, set them aside."""
        now = self._clock.now()
        known = channel in self._channels
        values = {"due_by": now, "of_channel": channel} | ({"leased_until": now + LEASE} if known else {})
        async with transaction(self._engine, _WHO, now) as connection:
            rows = (await connection.execute(TAKE if known else LAY_ASIDE, values)).all()
        if channel not in self._channels and rows:
            ATTEMPTS.labels(channel=channel, outcome="unconfigured").inc(len(rows))
            _log.warning("channel_unconfigured", channel=channel, notices=len(rows))
        return sorted(rows, key=lambda row: (row.deliver_at, row.id))

    async def _send_all(self, channel: str, rows: Sequence[Row[Any]]) -> None:
        places = asyncio.Semaphore(1 if channel == "email" else SENDERS)

        async def one(row: Row[Any]) -> None:
            async with places:
                await self._send(row)

        results = await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send(self, row: Row[Any]) -> None:
        address = row.email if row.channel == "email" else row.phone
        try:
            if not address:
                raise Rejected("no-address")  # noqa: TRY301 - it was taken away since the notice was written
            await self._channels[row.channel].send(await self._message(row, address))
        except (KeyError, ValueError) as error:
            # Written by code that knew other words than this: it must not hold up those behind it.
            await self._fail(row, f"unreadable-{type(error).__name__}", give_up=True)
        except Rejected as error:
            await self._fail(row, error.code, give_up=False)
        except Unreachable as error:
            await self._try_later(row, error.code)
        else:
            await self._report(row, "sent", sent_at=self._clock.now(), error=None)

    async def _where(self, row: Row[Any]) -> str:
        """What the message leads to: the case; of an answer link that link itself, which stands nowhere else."""
        if row.kind != ANSWER_LINK:
            return link(self._settings.public_url, row.case_id)
        values = row._mapping["values"]  # noqa: SLF001 - Row has a method of that name
        async with transaction(self._engine, _WHO, self._clock.now()) as connection:
            found = await links.read(connection, UUID(values["link"]))
            if found is None:
                raise ValueError(values["link"])
            return links.address(self._settings.public_url, (await links.secrets_of(connection, found)).token)

    async def _message(self, row: Row[Any], address: str) -> Message:
        values = row._mapping["values"]  # noqa: SLF001 - Row has a method of that name
        text = render(row.kind, values, row.language, await self._where(row))
        written = {"email": text.body, "sms": text.short, "voice": text.spoken}[row.channel]
        return Message(
            id=row.id,
            channel=row.channel,
            message_id=row.message_id,
            to=address,
            language=row.language,
            subject=text.subject,
            text=written,
            at=self._clock.now(),
        )

    async def _try_later(self, row: Row[Any], code: str) -> None:
        gaps = GAPS[row.channel]
        if row.attempts > len(gaps):
            await self._fail(row, code, give_up=True)
            return
        await self._report(row, "pending", next_attempt_at=self._clock.now() + gaps[row.attempts - 1], error=code[:60])

    async def _fail(self, row: Row[Any], code: str, *, give_up: bool) -> None:
        await self._report(row, "failed", error=code[:60], give_up=give_up)

    async def _report(self, row: Row[Any], state: str, *, give_up: bool = False, **values: Any) -> None:
        """Note how an attempt ended; a failed message goes on over the next channel in the same transaction.

        A receipt that was faster than us, or another outbox that took over, is not overwritten.
        """
        now = self._clock.now()
        async with transaction(self._engine, _WHO, now) as connection:
            noted = await connection.execute(
                update(_NOTICE)
                .where(_NOTICE.c.id == row.id, _NOTICE.c.state == "sending", _NOTICE.c.attempts == row.attempts)
                .values(state=state, **values)
            )
            taken_over = (
                await fall_back(connection, row, now, give_up=give_up) if state == "failed" and noted.rowcount else None
            )
        ATTEMPTS.labels(channel=row.channel, outcome="retry" if state == "pending" else state).inc()
        if state != "sent":
            _log.warning(
                "notice_not_sent",
                notice=str(row.id),
                channel=row.channel,
                state=state,
                code=values.get("error"),
                attempt=row.attempts,
                taken_over_by=taken_over,
            )

    async def _adopt_unconfigured(self) -> None:
        """What waited for a channel that is configured now goes out, unless it is older than a day."""
        now = self._clock.now()
        async with transaction(self._engine, _WHO, now) as connection:
            await connection.execute(
                update(_NOTICE)
                .where(
                    _NOTICE.c.state == "unconfigured",
                    _NOTICE.c.channel.in_(sorted(self._channels)),
                    _NOTICE.c.deliver_at > now - GIVE_UP_UNCONFIGURED,
                )
                .values(state="pending", next_attempt_at=now)
            )

    async def _listen(self) -> None:
        """Wake the senders when a notice is committed. Without it they look once a second anyway."""
        while not self._stopping.is_set():
            connection: asyncpg.Connection | None = None
            try:
                connection = await self._listener()
                while not self._stopping.is_set() and not connection.is_closed():
                    await self._pause(POLL_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("outbox_deaf", error=type(error).__name__)
                await self._pause(POLL_SECONDS)
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()

    async def _listener(self) -> "asyncpg.Connection":
        # Its own connection: one that listens cannot be shared, and the pool has none to spare.
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        options = {name: value for name, value in options.items() if name not in _NOT_ASYNCPG}
        connection: asyncpg.Connection = await asyncpg.connect(*arguments, **options, timeout=5)

        def heard(*_: object) -> None:
            for event in self._wake.values():
                event.set()

        await connection.add_listener("annhi_notice", heard)
        return connection

    async def _keep_gauges(self) -> None:
        rounds = 0
        while not self._stopping.is_set():
            try:
                await self._count("pending", "sending")
                if rounds % UNDONE_EVERY == 0:
                    await self._count("failed", "unconfigured", since=self._clock.now() - timedelta(days=1))
            except (DBAPIError, OSError, TimeoutError) as error:
                FAILURES.labels(reason=type(error).__name__).inc()
            rounds += 1
            await self._pause(GAUGES_SECONDS)

    async def _count(self, *states: str, since: datetime | None = None) -> None:
        counting = (
            select(_NOTICE.c.channel, _NOTICE.c.state, func.count())
            .where(_among(*states))
            .group_by(_NOTICE.c.channel, _NOTICE.c.state)
        )
        if since is not None:
            counting = counting.where(_NOTICE.c.created_at > since)
        async with transaction(self._engine, _WHO, self._clock.now()) as connection:
            counts = {(channel, state): count for channel, state, count in await connection.execute(counting)}
        for channel in SENT_OUT:
            for state in states:
                WAITING.labels(channel=channel, state=state).set(counts.get((channel, state), 0))

    async def _until_it_works(self, what: str, work: Any) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except (DBAPIError, OSError, TimeoutError) as error:
                FAILURES.labels(reason=type(error).__name__).inc()
                _log.warning("outbox_waits", doing=what, error=type(error).__name__)
                await self._pause(POLL_SECONDS)
            else:
                return

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


_NOT_ASYNCPG = frozenset(
    {"prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback", "async_creator_fn"}
)

__all__ = ["GAPS", "LEASE", "Outbox"]
