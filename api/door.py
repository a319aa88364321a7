"""What every endpoint is given: the adapters of this process, and one visit of one caller."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.language import DEFAULT, preferred
from api.metrics import Metrics
from api.passwords import Passwords
from api.problems import Problem
from api.queries import identity
from api.starting import Starts
from models import access
from models.clock import Clock
from models.database import Who, transaction
from models.records.actor import Acting
from models.records.audit import audit
from models.records.reference import Reference
from models.settings import Settings
from models.vocabulary import Language
from workflows.client import CaseDesk

SYSTEM = "door"
"""The name under which a transaction runs while nobody is known yet."""


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
        starts: of the workflows of new cases.
    """

    settings: Settings
    engine: AsyncEngine
    desk: CaseDesk
    clock: Clock
    passwords: Passwords
    metrics: Metrics
    reference: Reference
    starts: Starts


@dataclass(frozen=True)
class Caller:
    """Somebody signed in: who acts, their name and language, and the token they came with."""

    acting: Acting
    name: str
    language: Language
    token_id: UUID
    account_id: UUID

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

    @asynccontextmanager
    async def transaction(self, part: str | None = None, *, plan_once: bool = False) -> AsyncIterator[AsyncConnection]:
        """One transaction for the caller, committed at its end.

        A problem raised inside rolls it back, and is itself put on record. ``plan_once`` is for statements that find
        what they read by an id, whatever the values: not for lists.

        Args:
            part: the part of the system (``models.security.PARTS``) that works for the caller, beside themselves.
            plan_once: see above.
        """
        try:
            async with self._own(part, plan_once=plan_once) as connection:
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
        """Write the audit entry of what the caller did, in the transaction that does it."""
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
        )

    async def require(self, action: access.Action) -> access.Scope:
        """How far the caller may do ``action``.

        Raises:
            Problem: ``not-permitted``; it is on record.
        """
        scope = access.scope(self.caller.role, action)
        if scope is access.Scope.NONE:
            problem = Problem("not-permitted")
            await self.deny(problem)
            raise problem
        return scope

    def _own(self, part: str | None = None, *, plan_once: bool = False) -> Any:
        who = Who(person_id=self.caller.person_id, position_id=self.caller.acting.position_id, system=part)
        return transaction(self.door.engine, who, self.now, plan_once=plan_once)


_BEARER = HTTPBearer(auto_error=False, description="The token of POST /api/v1/sessions.")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="an-nhi"'}


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def the_door(request: Request) -> Door:
    """The adapters of this process. A coroutine, because FastAPI sends a plain function through a thread."""
    return cast("Door", request.app.state.door)


async def sign_in_state(
    request: Request,
    door: Annotated[Door, Depends(the_door)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Visit:
    """The visit of whoever holds the token.

    Raises:
        Problem: ``not-signed-in``, ``session-ended`` or ``position-ended``.
    """
    if credentials is None or not credentials.credentials.isascii():
        raise Problem("not-signed-in", headers=_CHALLENGE)
    now = door.clock.now()
    async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
        row = await identity.by_token(connection, token_hash(credentials.credentials))
    if row is None:
        raise Problem("not-signed-in", headers=_CHALLENGE)
    language: Language = "en" if row.language == "en" else DEFAULT
    caller = Caller(
        acting=Acting(person_id=row.person_id, position_id=row.position_id, unit_id=row.unit_id, role=row.role),
        name=row.full_name,
        language=language,
        token_id=row.token_id,
        account_id=row.account_id,
    )
    asked = preferred(request.headers.get("accept-language"))
    visit = Visit(door, caller, now, asked or language)
    request.state.language = visit.language
    structlog.contextvars.bind_contextvars(role=caller.role)
    refusal = _ended(row, now)
    if refusal is not None:
        problem = Problem(refusal, headers=_CHALLENGE)
        await visit.deny(problem)
        raise problem
    return visit


def _ended(row: Any, now: datetime) -> str | None:
    if row.revoked_at is not None or row.expires_at <= now:
        return "session-ended"
    begun = row.valid_from <= now and (row.valid_to is None or row.valid_to > now)
    return None if begun else "position-ended"


TheDoor = Annotated[Door, Depends(the_door)]
TheVisit = Annotated[Visit, Depends(sign_in_state)]
