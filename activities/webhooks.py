"""Bringing events to systems of agencies: signed, at least once, in the order of each referral, to open addresses only.

The rows say what waits (``models.records.webhooks``), a workflow keeps the order and the gaps
(``workflows.delivery``), and here one attempt is made. An attempt whose result was lost is made again under the same
id; the receiver drops doubles by it. Nothing of what a receiver answers is kept but its status.
"""

import asyncio
import ipaddress
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import structlog
from prometheus_client import Counter
from sqlalchemy import Row, Select, and_, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.clock import Clock
from models.database import Who, transaction
from models.messages import DeliveryInput, DeliveryRef, NextDelivery
from models.records.acts import place_of
from models.records.audit import audit
from models.records.cases import CaseRow, lock_cases
from models.records.notices import Occasion, write_notices
from models.records.people import Recipient, resolve
from models.records.referrals import ReferralRow, read_referral
from models.records.webhooks import DELIVERY, ENDPOINT, open_endpoint, secrets_of
from models.settings import Settings
from models.tables import Position, WebhookAttempt, new_id, table
from models.webhooks import MEDIA_TYPE, TRIED_FOR, BadDestinationError, Destinations, envelope, signatures

_ATTEMPT, _POSITION = table(WebhookAttempt), table(Position)
_LOG = structlog.get_logger("webhooks")

BATCH: Final = 200
"""Deliveries whose workflows are started at one look."""
POLL_SECONDS: Final = 1.0
LOST_AFTER: Final = timedelta(hours=2)
"""After this without an attempt, twice the longest gap, what waits is told to its workflow once more, which may be
lost."""
AT_LEAST: Final = timedelta(minutes=1)
"""How long an event is tried however late it has its turn: some attempts, not one."""
GONE: Final = 410
"""The receiver says that it is not there any more, for good (Standard Webhooks)."""
_SECONDS: Final = 15.0
_WHOLE_SECONDS: Final = 30.0

ATTEMPTS = Counter("annhi_webhook_attempts", "Attempts to bring an event to a system of an agency.", ["outcome"])

# A literal, as in the outbox: a plan for any state could not use the index of those that wait.
_PENDING = DELIVERY.c.state == literal_column("'pending'")


class FailedError(Exception):
    """An attempt did not succeed. ``code`` is the status of the answer, or why there was none."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Post:
    """How events leave the house.

    Attributes:
        public_url: of this installation.
        destinations: where they may go.
        tls: whom a receiver's certificate has to be from; this machine's authorities by default.
    """

    public_url: str = "http://127.0.0.1:8080"
    destinations: Destinations = field(default_factory=Destinations)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    @classmethod
    def of(cls, settings: Settings) -> "Post":
        """As this process was told."""
        return cls(settings.public_url, settings.destinations)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> None:
        """Make one attempt. No redirect is followed, and nothing of the answer's body is read.

        Raises:
            FailedError: it did not succeed; anything but 2xx is no success.
        """
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                await self._send(url, headers, body)
        except TimeoutError:
            raise FailedError("timeout") from None
        except BadDestinationError as error:
            raise FailedError(error.code) from None
        except httpx.TimeoutException:
            raise FailedError("timeout") from None
        except ssl.SSLError:
            raise FailedError("tls") from None
        except httpx.HTTPError as error:
            raise FailedError("tls" if _about_tls(error) else "unreachable") from None

    async def _send(self, url: str, headers: dict[str, str], body: bytes) -> None:
        # Judged once more: what was allowed when it was typed may not be under today's settings.
        self.destinations.check_url(url)
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await self._resolved(host, port)
        # Connected to by the address that was judged, so that no second look-up can give another one.
        at = httpx.URL(url).copy_with(host=address)
        async with (
            httpx.AsyncClient(timeout=_SECONDS, trust_env=False, follow_redirects=False, verify=self.tls) as client,
            client.stream(
                "POST", at, content=body, headers={**headers, "Host": parts.netloc},
                extensions={"sni_hostname": host},
            ) as answer,
        ):  # fmt: skip
            if not answer.is_success:
                raise FailedError(str(answer.status_code))

    async def _resolved(self, host: str, port: int) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
        except OSError:
            raise FailedError("no-such-name") from None
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        self.destinations.check(addresses)
        return str(addresses[0])


def _about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class DeliveryActivities:
    """What the workflow of a delivery has done for it.

    Args:
        engine: of the worker role, with the keys that open secrets.
        clock: domain time. What is signed says the real one: that is what a receiver's clock shows.
        post: how events leave the house.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, post: Post) -> None:
        self._engine = engine
        self._clock = clock
        self._post = post

    @activity.defn(name="next_delivery")
    async def next_delivery(self, about: DeliveryInput) -> NextDelivery:
        """The earliest event that waits, and what is left of the days for which it is tried.

        They count from the event itself, or from when somebody had it sent again: behind one that was tried in vain
        for three days the next ones are not tried for three days each.
        """
        now = self._clock.now()
        async with self._transaction(about.case_id) as connection:
            found = (
                await connection.execute(
                    select(DELIVERY.c.id, func.coalesce(DELIVERY.c.resent_at, DELIVERY.c.created_at).label("since"))
                    .where(
                        DELIVERY.c.endpoint_id == about.endpoint_id,
                        DELIVERY.c.referral_id == about.referral_id,
                        _PENDING,
                    )
                    .order_by(DELIVERY.c.sequence)
                    .limit(1)
                )
            ).one_or_none()
        if found is None:
            return NextDelivery()
        left = max(found.since + TRIED_FOR - now, AT_LEAST)
        next_one = DeliveryRef(delivery_id=found.id, case_id=about.case_id)
        return NextDelivery(next=next_one, seconds=left.total_seconds())

    @activity.defn(name="send_delivery")
    async def send_delivery(self, about: DeliveryRef) -> None:
        """Make one attempt and put down what came of it.

        Raises:
            ApplicationError: it did not succeed; ``type`` says why. Not to be retried where nobody is there any more.
        """
        now = self._clock.now()
        async with self._transaction(about.case_id) as connection:
            row = (await connection.execute(_one(about, now))).one_or_none()
            if row is None or row.state != "pending":
                return
            if not row.open:
                raise ApplicationError("the endpoint has ended", type="endpoint-ended", non_retryable=True)
            held = await secrets_of(connection, row.endpoint_id, now)
        began = time.monotonic()
        code = await self._tried(row, held)
        took = int((time.monotonic() - began) * 1000)
        done = code.startswith("2")
        async with self._transaction(about.case_id) as connection:
            await self._put_down(connection, about, code, took, done=done)
        ATTEMPTS.labels(outcome="delivered" if done else code).inc()
        if not done:
            _LOG.warning("webhook not delivered", delivery_id=str(about.delivery_id), code=code)
            raise ApplicationError("not delivered", type=code, non_retryable=code == str(GONE))

    async def _tried(self, row: Row[Any], held: Any) -> str:
        if not held:
            return "no-secret"
        sent_at = datetime.now(UTC)
        message = str(row.id)
        body = json.dumps(envelope(message, row.data, self._post.public_url), ensure_ascii=False, sort_keys=True)
        headers = {
            "Content-Type": MEDIA_TYPE,
            "webhook-id": message,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signatures(held, message, sent_at, body),
        }
        try:
            await self._post.send(row.url, headers, body.encode())
        except FailedError as failed:
            return failed.code
        return "200"

    async def _put_down(
        self, connection: AsyncConnection, about: DeliveryRef, code: str, took: int, *, done: bool
    ) -> None:
        now = self._clock.now()
        mine = DELIVERY.c.id == about.delivery_id
        changed = {"state": "delivered", "delivered_at": now} if done else {}
        number = (
            await connection.execute(
                update(DELIVERY)
                .where(mine)
                .values(attempts=DELIVERY.c.attempts + 1, last_attempt_at=now, last_answer=code, **changed)
                .returning(DELIVERY.c.attempts)
            )
        ).scalar_one()
        await connection.execute(
            _ATTEMPT.insert().values(
                id=new_id(), delivery_id=about.delivery_id, case_id=about.case_id, number=number, at=now, answer=code,
                milliseconds=took,
            )
        )  # fmt: skip

    @activity.defn(name="bury_delivery")
    async def bury_delivery(self, about: DeliveryRef) -> None:
        """Give an event up: it is a dead letter from now on, and its owner is told.

        That is the head of the office the referral was sent from, else of the one that holds the case; with nobody
        there, the duty of the department.
        """
        now = self._clock.now()
        async with self._transaction(about.case_id) as connection:
            case = (await lock_cases(connection, [about.case_id])).get(about.case_id)
            row = (await connection.execute(_one(about, now))).one_or_none()
            referral = await read_referral(connection, row.referral_id) if row is not None else None
            if case is None or row is None or referral is None or row.state != "pending":
                return
            unit, told = await _owners(connection, case, referral, now)
            owner = next((one for one in told if not one.watching), None)
            await connection.execute(
                update(DELIVERY)
                .where(DELIVERY.c.id == about.delivery_id)
                .values(
                    state="dead",
                    dead_at=now,
                    owner_id=owner.person_id if owner else None,
                    owner_unit_id=unit,
                )
            )
            occasion = Occasion(
                kind="webhook_dead",
                values={"service": referral.service, "referral": str(referral.id)},
                clock_unit="day",
                deliver_at=now,
                reference=f"{about.delivery_id}/{row.attempts}",
            )
            await write_notices(connection, place_of(case), told, occasion, now)
            await audit(
                connection, at=now, actor=None, action="webhook_dead", record="webhook_delivery",
                record_id=about.delivery_id, case_id=case.id, outcome="done", code=row.last_answer,
                detail={"attempts": row.attempts, "sequence": row.sequence}, chained=True,
            )  # fmt: skip
        ATTEMPTS.labels(outcome="dead").inc()
        _LOG.error("webhook given up", delivery_id=str(about.delivery_id), attempts=row.attempts)

    def _transaction(self, case_id: UUID) -> Any:
        return transaction(self._engine, Who(system="worker", case_id=case_id), self._clock.now())


async def _owners(
    connection: AsyncConnection, case: CaseRow, referral: ReferralRow, at: datetime
) -> tuple[UUID | None, tuple[Recipient, ...]]:
    """The office a dead letter is owned by, and who there is told."""
    place = place_of(case)
    for role, unit in (("SUP", referral.sent_unit_id), ("SUP", case.unit_id), ("DOHD", case.unit_id)):
        found = await resolve(connection, case=place, roles=[role], at=at, clock_unit="day", unit_id=unit)
        if not found.nobody:
            return unit, found.recipients
    return referral.sent_unit_id, ()


def _one(about: DeliveryRef, at: datetime) -> Select[Any]:
    return (
        select(DELIVERY, ENDPOINT.c.url, open_endpoint(at).label("open"))
        .join(ENDPOINT, ENDPOINT.c.id == DELIVERY.c.endpoint_id)
        .join(_POSITION, _POSITION.c.id == ENDPOINT.c.position_id)
        .where(DELIVERY.c.id == about.delivery_id)
    )


# --- starting the workflows -------------------------------------------------------------------------------------------


class Starter(Protocol):
    """The way to the workflows. Raises where Temporal is away."""

    async def start_delivery(self, about: DeliveryInput) -> None:
        """Start the workflow of a referral's events for an endpoint; tell one that runs to look."""


async def start_waiting(
    engine: AsyncEngine, clock: Clock, desk: Starter, beat: Callable[[], object] = lambda: None
) -> list[UUID]:
    """Start a workflow for what waits and has none, as the sweep does.

    Args:
        engine: of the worker role.
        clock: domain time.
        desk: the way to the workflows.
        beat: called before each, as a sign of life.

    Returns:
        The deliveries whose workflows were started or told.

    Raises:
        Exception: Temporal is away; what was started until then is noted.
    """
    now = clock.now()
    async with transaction(engine, Who(system="sweep"), now) as connection:
        rows = (await connection.execute(_waiting(now))).all()
    started: list[UUID] = []
    try:
        for row in rows:
            beat()
            await desk.start_delivery(
                DeliveryInput(endpoint_id=row.endpoint_id, referral_id=row.referral_id, case_id=row.case_id)
            )
            started += row.ids
    finally:
        if started:
            async with transaction(engine, Who(system="sweep"), now) as connection:
                await connection.execute(update(DELIVERY).where(DELIVERY.c.id.in_(started)).values(started_at=now))
    return started


def _waiting(now: datetime) -> Select[Any]:
    lost = now - LOST_AFTER
    untouched = or_(DELIVERY.c.last_attempt_at.is_(None), DELIVERY.c.last_attempt_at < lost)
    return (
        select(
            DELIVERY.c.endpoint_id, DELIVERY.c.referral_id, DELIVERY.c.case_id,
            func.array_agg(DELIVERY.c.id).label("ids"),
        )
        .where(_PENDING, or_(DELIVERY.c.started_at.is_(None), and_(DELIVERY.c.started_at < lost, untouched)))
        .group_by(DELIVERY.c.endpoint_id, DELIVERY.c.referral_id, DELIVERY.c.case_id)
        .order_by(func.min(DELIVERY.c.created_at))
        .limit(BATCH)
    )  # fmt: skip


class Dispatch:
    """Looks once a second for what waits, so that nobody waits for the next sweep.

    Args:
        engine: of the worker role.
        clock: domain time.
        desk: the way to the workflows.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, desk: Starter) -> None:
        self._engine = engine
        self._clock = clock
        self._desk = desk

    async def run(self) -> None:
        """Look until the task is cancelled. Whatever is away is waited for."""
        while True:
            with suppress(Exception):
                await start_waiting(self._engine, self._clock, self._desk)
            await asyncio.sleep(POLL_SECONDS)
