"""Signing in with an organisation's own provider: begun by our page, bound to that browser, finished by the provider.

The identity must have been linked to an account by an administrator. One that was not is answered like one the provider
did not confirm. A second factor of the account is asked for all the same: which proof a provider had is its own word.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api.door import Door
from api.identity.cookies import FLOW_LASTS
from api.identity.oidc import NotConfirmedError, ProviderAwayError, Relying
from api.identity.tokens import new_token, token_hash
from api.problems import Problem
from api.queries import factors as q
from api.queries import identity
from api.queries.rows import Found
from api.services import throttle
from api.services.sessions import NOBODY, Entry, Opened, admit
from models.database import transaction
from models.vocabulary import Language

_KIND: Final = "oidc"


@dataclass(frozen=True)
class Begun:
    """Where the browser is sent, and the token it is to come back with in its cookie."""

    url: str
    token: str


async def begin(door: Door, key: str, language: Language) -> Begun:
    """Begin a sign-in with a provider.

    Raises:
        Problem: ``not-found`` or ``provider-away``.
    """
    relying = _relying(door, key)
    now = door.clock.now()
    try:
        asked = await relying.begin(_platform(door, now), language)
    except ProviderAwayError:
        raise Problem("provider-away") from None
    token = new_token()
    state = {"provider": key, "state": token_hash(asked.state), "nonce": asked.nonce, "verifier": asked.verifier}
    async with transaction(door.engine, NOBODY, now) as connection:
        await q.add_step(
            connection, kind=_KIND, account_id=None, token_hash=token_hash(token), state=state, at=now,
            until=now + timedelta(seconds=FLOW_LASTS),
        )  # fmt: skip
    return Begun(asked.url, token)


async def finish(door: Door, token: str, answer: Mapping[str, str], address: str) -> Opened:
    """Let in whoever the provider confirmed, if they are linked to an account.

    Raises:
        Problem: ``sign-in-step-ended``, ``external-sign-in-failed``, ``provider-away``, or as ``admit``.
    """
    now = door.clock.now()
    keys, origin = [throttle.key(door, "address", address)], door.keys.origins.of(address)
    async with transaction(door.engine, NOBODY, now) as connection:
        problem = await throttle.too_many(connection, keys, now, action="sign_in", origin=origin)
        step = await q.step(connection, _KIND, token_hash(token), now) if problem is None else None
        if step is not None:
            await q.change_step(connection, step.id, used_at=now)
    if problem is not None:
        raise problem
    # The state ties the answer to the sign-in this browser began: without it, somebody else's could be slipped in.
    if step is None or not hmac.compare_digest(step.state["state"], token_hash(answer.get("state", ""))):
        raise await _refused(door, None, origin, now, "sign-in-step-ended")
    try:
        confirmed = await _relying(door, step.state["provider"]).finish(
            answer, nonce=step.state["nonce"], verifier=step.state["verifier"], now=_platform(door, now)
        )
    except ProviderAwayError:
        raise Problem("provider-away") from None
    except NotConfirmedError:
        raise await _refused(door, None, origin, now, "external-sign-in-failed") from None
    async with transaction(door.engine, NOBODY, now) as connection:
        linked = await q.external(connection, confirmed.issuer, confirmed.subject)
        account = await identity.account(connection, account_id=linked.account_id) if linked is not None else None
    if account is None or account.ended_at is not None or throttle.is_locked(account, now):
        raise await _refused(door, account, origin, now, "external-sign-in-failed")
    return await admit(door, Entry(account, None, cookie=True, keys=tuple(keys), origin=origin), now)


def _relying(door: Door, key: str) -> Relying:
    found = door.relying.get(key)
    if found is None:
        raise Problem("not-found")
    return found


def _platform(door: Door, now: datetime) -> datetime:
    """A provider's clock goes by platform time, not by the domain's."""
    return now - timedelta(seconds=door.settings.clock_offset_seconds)


async def _refused(door: Door, account: Found | None, origin: str | None, now: datetime, code: str) -> Problem:
    async with transaction(door.engine, NOBODY, now) as connection:
        return await throttle.failed(connection, account, now, code, origin=origin)
