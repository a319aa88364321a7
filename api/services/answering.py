"""Answering a referral by a one-time link: opened with its phrase, once, in one browser, for a while.

Whoever opens it acts in the technical position of their agency (kind ``link``), so the lifecycle, the access table and
row security know them as what they are: the agency. The door lets them at the one referral of their link.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request

from api.door import SYSTEM, Caller, Door, Visit
from api.identity.tokens import new_token
from api.language import DEFAULT, preferred
from api.problems import Problem, phrase_wrong
from api.queries import links as q
from api.queries.rows import Found
from api.services import throttle
from api.whence import UNSTATED, Whence, whence
from models.database import Who, transaction
from models.protocol.arithmetic import limit_instant
from models.records import answer_links as links
from models.records.actor import Acting
from models.records.audit import audit


@dataclass(frozen=True)
class Answering:
    """Somebody who opened a link: their visit, and the one referral it is about."""

    visit: Visit
    referral_id: UUID
    link: Found


async def waits(door: Door, token: str) -> Found:
    """The link of a token, while it can be opened; looking uses nothing up: mail programs look.

    Raises:
        Problem: ``link-not-usable``.
    """
    now = door.clock.now()
    async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
        row = await q.by_token(connection, links.hashed(token))
    if row is None or not _opens(row, now):
        raise Problem("link-not-usable", audited=True)
    return row


async def open_link(request: Request, door: Door, token: str, phrase: str, address: str) -> str:
    """Open a link with its phrase. Returns the secret of the browser's cookie.

    Raises:
        Problem: ``link-not-usable``, ``phrase-wrong`` or ``too-many-sign-ins``.
    """
    now = door.clock.now()
    said = door.reference.protocol_at(now).referrals
    if said is None:
        raise Problem("link-not-usable", audited=True)
    until = limit_instant(now, said.link_session, door.reference.calendar_at(now))
    origin = whence(request, door.keys, UNSTATED).origin
    session = new_token()
    async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
        counted = [throttle.key(door, "answer", address)]
        problem = await throttle.too_many(connection, counted, now, action="open_link", origin=origin)
        row = None if problem else await q.by_token(connection, links.hashed(token), lock=True)
        if problem is None and (row is None or not _opens(row, now)):
            problem = Problem("link-not-usable", audited=True)
        if row is not None and problem is None:
            right = row.phrase_hash == links.phrase_hash(row.id, phrase)
            tries = row.tries if right else row.tries + 1
            if right:
                changed: dict[str, Any] = {
                    "opened_at": now, "session_hash": links.hashed(session), "session_until": until
                }  # fmt: skip
            else:
                problem = phrase_wrong(said.link_tries)
                changed = {"ended_at": now, "ended_why": "locked"} if tries >= said.link_tries else {}
            await q.change(connection, row.id, tries=tries, **changed)
            await audit(
                connection, at=now, actor=None, action="open_link", record="referral",
                outcome="done" if right else "refused", record_id=row.referral_id, case_id=row.case_id,
                code=None if right else "phrase-wrong", detail={"link": str(row.id)}, origin=origin,
            )  # fmt: skip
    if problem is not None:
        raise problem
    return session


async def enter(request: Request, door: Door, session: str | None) -> Answering:
    """The visit of whoever opened a link in this browser.

    Raises:
        Problem: ``link-not-usable`` once the time to answer is over, the link was taken back, or none was opened here.
    """
    now = door.clock.now()
    row = None
    if session is not None:
        async with transaction(door.engine, Who(system=SYSTEM), now) as connection:
            row = await q.by_session(connection, links.hashed(session), now)
    if row is None:
        raise Problem("link-not-usable", audited=True)
    language = preferred(request.headers.get("accept-language")) or DEFAULT
    caller = Caller(
        acting=Acting(person_id=row.person_id, position_id=row.position_id, unit_id=row.unit_id, role=row.role),
        name=row.name_vi,
        language=language,
        token_id=row.id,
        account_id=None,
        scopes=frozenset(),
        cookie=True,
        second_factor=None,
        expires_at=row.session_until,
    )
    visit = Visit(door, caller, now, language)
    visit.whence = Whence(origin=whence(request, door.keys, UNSTATED).origin)
    request.state.visit = visit
    return Answering(visit, row.referral_id, row)


def _opens(row: Found, now: Any) -> bool:
    return row.opened_at is None and row.ended_at is None and row.expires_at > now
