"""What every endpoint is given: the adapters of this process, and one visit of one caller.

A caller comes with a bearer token, with the cookie of our own pages, or with a service's token. Whether they may still
act is asked at every request, and again by whatever runs for long (``Visit.check``, ``Visit.while_valid``).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.confirming import Confirmations
from api.identity import cookies
from api.identity.oidc import Provider, Relying
from api.identity.tokens import SERVICE, token_hash
from api.language import DEFAULT, preferred
from api.metrics import Metrics
from api.passwords import Passwords
from api.problems import Problem
from api.queries import identity
from api.queries.rows import Found
from api.starting import Starts
from api.whence import UNSTATED, DoorKeys, Stated, Whence, stated, whence
from models import access
from models.clock import Clock
from models.database import Who, transaction
from models.records.actor import Acting
from models.records.audit import audit
from models.records.reference import Reference
from models.settings import Settings
from models.vault.objects import ObjectStore
from models.vocabulary import Language
from workflows.client import CaseDesk

SYSTEM = "door"
"""The name under which a transaction runs while nobody is known yet."""

CALLBACK: Final = "/sign-in/callback"
"""The page a provider sends the browser back to."""

IDENTITY: Final = "sessions"
"""The part of the API about oneself: open before a second factor is set up, and to no system of an agency."""

_SEEN_EVERY: Final = timedelta(minutes=1)
_READS: Final = frozenset({"GET", "HEAD"})

T = TypeVar("T")


@dataclass(frozen=True)
class Door:
    """The adapters of this process.

    Args:
        settings: what the process was told.
        engine: of the API's database role.
        desk: the way to the workflows.
        clock: domain time.
        passwords: hashing and checking.
        metrics: what is counted.
        reference: protocols, calendars and overrides.
        confirmations: which commands' answers are known to their callers.
        objects: where the sealed bytes of attachments lie.
        starts: of the workflows of new cases.
        keys: hide addresses and encrypt reasons in the audit, and seal the secrets of second factors.
        providers: OpenID providers of organisations.
    """

    settings: Settings
    engine: AsyncEngine
    desk: CaseDesk
    clock: Clock
    passwords: Passwords
    metrics: Metrics
    reference: Reference
    confirmations: Confirmations
    objects: ObjectStore
    starts: Starts
    keys: DoorKeys
    providers: tuple[Provider, ...] = ()

    @cached_property
    def relying(self) -> dict[str, Relying]:
        """Our side of each provider, by its key."""
        back = f"{self.settings.public_url}{CALLBACK}"
        return {one.key: Relying(one, back) for one in self.providers}

    @property
    def idle(self) -> timedelta:
        """How long a session holds that nobody uses."""
        return timedelta(minutes=self.settings.session_idle_minutes)


@dataclass(frozen=True)
class Caller:
    """Somebody signed in: who acts, their name and language, and the token they came with.

    ``account_id`` is None for an agency's system, and ``scopes`` None for a person.
    """

    acting: Acting
    name: str
    language: Language
    token_id: UUID
    account_id: UUID | None
    scopes: frozenset[str] | None
    cookie: bool
    second_factor: str | None
    expires_at: datetime

    @property
    def role(self) -> str:
        """The role of the position they signed in with."""
        return self.acting.role

    @property
    def person_id(self) -> UUID:
        """Who."""
        return self.acting.person_id


class Visit:
    """One request of one caller at one domain instant."""

    def __init__(self, door: Door, caller: Caller, now: datetime, language: Language) -> None:
        self.door = door
        self.caller = caller
        self.now = now
        self.language: Language = language
        self.whence = Whence()
        self.case_id: UUID | None = None
        """The case this visit is about, once it was found: what fails afterwards is on record with it."""
        self.glass: tuple[UUID, UUID] | None = None
        """The case that is read by broken glass in this visit, and the grant."""

    @asynccontextmanager
    async def transaction(
        self, part: str | None = None, *, about: UUID | str | None = None, plan_once: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction for the caller, committed at its end.

        A problem raised inside rolls it back, and is itself put on record. ``plan_once`` is for statements that find
        what they read by an id, whatever the values: not for lists.

        Args:
            part: the part of the system (``models.security.PARTS``) that works for the caller, beside themselves.
            about: the case it is about, where it is known by its id already.
            plan_once: see above.
        """
        try:
            async with self._own(part, about=about, plan_once=plan_once) as connection:
                yield connection
        except Problem as problem:
            await self.deny(problem)
            raise

    async def deny(self, problem: Problem) -> None:
        """Put on record that something was refused; once."""
        if problem.audited:
            return
        problem.audited = True
        async with self._own() as connection:
            await self.note(
                connection, "request", "case" if problem.case_id else "door", "refused", code=problem.code,
                case_id=problem.case_id,
            )  # fmt: skip

    async def note(
        self,
        connection: AsyncConnection,
        action: str,
        record: str,
        outcome: str = "done",
        *,
        record_id: UUID | None = None,
        case_id: UUID | None = None,
        code: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write the audit entry of what the caller did, in the transaction that does it.

        What was read by broken glass says so, and by which grant.
        """
        if self.glass is not None and case_id == self.glass[0]:
            detail = {**(detail or {}), "break_glass": str(self.glass[1])}
        await audit(
            connection,
            at=self.now,
            actor=self.caller.acting,
            action=action,
            record=record,
            outcome=outcome,
            record_id=record_id,
            case_id=case_id,
            code=code,
            detail=detail,
            purpose=self.whence.purpose,
            reason=self.whence.reason,
            origin=self.whence.origin,
        )

    async def check(self) -> None:
        """Whether the caller may still act, now. For what runs for long: a stream, an export, an open page.

        Raises:
            Problem: as at a request's beginning; it is on record.
        """
        now = self.door.clock.now()
        async with transaction(self.door.engine, Who(system=SYSTEM), now) as connection:
            read = identity.service if self.caller.scopes is not None else identity.session
            row = await read(connection, now, token_id=self.caller.token_id)
        code = "session-ended" if row is None else _ended(row, now, self.door)
        if code is not None:
            problem = Problem(code, headers=_CHALLENGE)
            await self.deny(problem)
            raise problem

    async def while_valid(self, chunks: AsyncIterator[T]) -> AsyncIterator[T]:
        """Hand on one chunk after another for as long as the caller may still act; then stop, and put it on record."""
        async for chunk in chunks:
            try:
                await self.check()
            except Problem:
                return
            yield chunk

    async def require(self, action: access.Action) -> access.Scope:
        """How far the caller may do ``action``.

        Raises:
            Problem: ``not-permitted``, or ``purpose-required`` where the table asks why; it is on record.
        """
        scope = access.scope(self.caller.role, action)
        if scope is access.Scope.NONE:
            problem = Problem("not-permitted")
        elif action in access.ASKS_PURPOSE and self.whence.purpose is None:
            problem = Problem("purpose-required")
        else:
            return scope
        await self.deny(problem)
        raise problem

    def _own(
        self, part: str | None = None, *, about: UUID | str | None = None, plan_once: bool = False
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        who = Who(self.caller.person_id, self.caller.acting.position_id, part, _id(about))
        return transaction(self.door.engine, who, self.now, plan_once=plan_once)


def _id(reference: UUID | str | None) -> UUID | None:
    """The id a case is named by; None where it is named by its code."""
    try:
        return UUID(reference) if isinstance(reference, str) else reference
    except ValueError:
        return None


_BEARER = HTTPBearer(auto_error=False, description="The token of POST /api/v1/sessions, or of an agency's system.")
_COOKIE = APIKeyCookie(
    name=cookies.SESSION, auto_error=False, description="The session of our own pages; unsafe methods same-origin only."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="an-nhi"'}


async def the_door(request: Request) -> Door:
    """The adapters of this process. A coroutine, because FastAPI sends a plain function through a thread."""
    return cast("Door", request.app.state.door)


async def sign_in_state(
    request: Request,
    door: Annotated[Door, Depends(the_door)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    cookie: Annotated[str | None, Depends(_COOKIE)],
    why: Annotated[Stated, Depends(stated)],
) -> Visit:
    """The visit of whoever holds the token.

    Raises:
        Problem: ``not-signed-in``, ``session-ended``, ``position-ended``, ``person-suspended``, ``cross-site-refused``,
            ``second-factor-not-set-up``, ``not-permitted`` for a service outside its scopes, or ``invalid-request`` for
            a purpose that is none.
    """
    token = credentials.credentials if credentials is not None else cookie
    if token is None:
        raise Problem("not-signed-in", headers=_CHALLENGE)
    visit = await enter(request, door, token, cookie=credentials is None, why=why)
    refusal = _out_of_bounds(request, visit)
    if refusal is not None:
        problem = Problem(refusal)
        await visit.deny(problem)
        raise problem
    return visit


async def enter(request: Request, door: Door, token: str, *, cookie: bool, why: Stated = UNSTATED) -> Visit:
    """The visit of whoever holds a token and may still act.

    Raises:
        Problem: ``not-signed-in``, ``cross-site-refused``, ``session-ended``, ``position-ended`` or
            ``person-suspended``.
    """
    now = door.clock.now()
    of_service = token.startswith(SERVICE) and not cookie
    async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
        read = identity.service if of_service else identity.session
        row = await read(connection, now, token_hash=token_hash(token))
        if row is None or (not of_service and row.cookie is not cookie):
            raise Problem("not-signed-in", headers=_CHALLENGE)
        ours = not cookie or cookies.is_ours(request)
        refusal = _ended(row, now, door) if ours else "cross-site-refused"
        if refusal is None and (row.seen_at is None or now - row.seen_at >= _SEEN_EVERY):
            await identity.seen(connection, now, row.token_id, of_service=of_service)
    language: Language = "en" if row.language == "en" else DEFAULT
    caller = Caller(
        acting=Acting(person_id=row.person_id, position_id=row.position_id, unit_id=row.unit_id, role=row.role),
        name=row.full_name,
        language=language,
        token_id=row.token_id,
        account_id=None if of_service else row.account_id,
        scopes=frozenset(row.scopes) if of_service else None,
        cookie=cookie,
        second_factor=None if of_service else row.second_factor,
        expires_at=row.expires_at,
    )
    visit = Visit(door, caller, now, preferred(request.headers.get("accept-language")) or language)
    request.state.language = visit.language
    request.state.let_in = refusal is None
    # Whatever is refused from here on is refused to somebody known, and goes on record (api/errors.py).
    request.state.visit = visit
    visit.whence = whence(request, door.keys, why)
    structlog.contextvars.bind_contextvars(role=caller.role)
    if refusal is not None:
        problem = Problem(refusal, headers=_CHALLENGE)
        await visit.deny(problem)
        raise problem
    return visit


def _ended(row: Found, now: datetime, door: Door) -> str | None:
    """Why who came with this token may not act any more, in no way at all."""
    idle = door.idle if hasattr(row, "account_id") else None
    if row.revoked_at is not None or row.expires_at <= now:
        return "session-ended"
    if idle is not None and (row.seen_at or row.issued_at) + idle <= now:
        return "session-ended"
    if row.valid_from > now or (row.valid_to is not None and row.valid_to <= now):
        return "position-ended"
    return "person-suspended" if row.suspended else None


def _out_of_bounds(request: Request, visit: Visit) -> str | None:
    """Why who may act may not do this: a service beyond its scopes, a person without the second factor they need."""
    caller, part = visit.caller, str(request.scope["route"].tags[0])
    if caller.scopes is not None:
        needed = access.service_scope(part, reads=request.method in _READS)
        return None if needed in caller.scopes else "not-permitted"
    if part != IDENTITY and caller.second_factor is None and visit.door.settings.needs_second_factor(caller.role):
        return "second-factor-not-set-up"
    return None


TheDoor = Annotated[Door, Depends(the_door)]
TheVisit = Annotated[Visit, Depends(sign_in_state)]
