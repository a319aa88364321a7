"""Second factors: proving one, setting one up, removing one.

A time-based code is taken once; a recovery code is used up; a passkey whose counter went back is refused. Setting up a
factor ends every other session of the account: they were not proven by it.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from api.door import Door, Visit
from api.identity import passkeys, totp
from api.identity.passkeys import RefusedPasskeyError, Site
from api.identity.tokens import new_recovery_code, new_token, recovery_hash, token_hash
from api.problems import Problem
from api.queries import factors as q
from api.queries import identity
from api.queries.rows import Found
from api.shapes.factors import FactorOut, FactorsOut, PasskeyAnswer, RecoveryCodes, TotpCode, TotpOut
from api.shapes.sessions import PasskeyQuestion, SecondFactor

_ENROL: Final = "passkey"
_ENROL_LASTS: Final = timedelta(minutes=5)
_CODES: Final = 10


async def methods(connection: AsyncConnection, account_id: UUID) -> list[str]:
    """The ways an account's second step can be taken; none where it has no second factor."""
    found = []
    if await q.totp_of(connection, account_id) is not None:
        found.append("totp")
    if await q.passkeys_of(connection, account_id):
        found.append("passkey")
    if found and await q.recovery_left(connection, account_id):
        found.append("recovery")
    return found


async def prove(  # noqa: PLR0917 - a proof, whole
    connection: AsyncConnection, door: Door, account_id: UUID, given: SecondFactor, state: dict[str, Any], now: datetime
) -> str | None:
    """By which second factor somebody has proven themselves; None where they have not."""
    if given.code is not None:
        proven = await _by_code(connection, door, account_id, given.code.get_secret_value(), now)
        return "totp" if proven else None
    if given.recovery_code is not None:
        digest = recovery_hash(given.recovery_code.get_secret_value())
        return "recovery" if await q.use_recovery(connection, account_id, digest, now) else None
    challenge = state.get("challenge")
    if given.credential is None or challenge is None:
        return None
    row = next(
        (one for one in await q.passkeys_of(connection, account_id) if one.credential_id == given.credential.get("id")),
        None,
    )
    if row is None:
        return None
    try:
        count = passkeys.signed(
            _site(door), given.credential, challenge=base64url_to_bytes(challenge), public_key=row.public_key,
            sign_count=row.sign_count,
        )  # fmt: skip
    except RefusedPasskeyError:
        return None
    await q.used_passkey(connection, row.id, count, now)
    return "passkey"


async def ask_to_sign(connection: AsyncConnection, door: Door, step: Found) -> dict[str, Any]:
    """What a browser is asked to take a sign-in's second step; the challenge is kept with the step."""
    challenge = secrets.token_bytes(32)
    known = [row.credential_id for row in await q.passkeys_of(connection, step.account_id)]
    await q.change_step(connection, step.id, state={**step.state, "challenge": bytes_to_base64url(challenge)})
    return passkeys.ask_to_sign(_site(door), challenge=challenge, known=known)


async def listed(visit: Visit) -> FactorsOut:
    """One's own second factors."""
    account_id = _account(visit)
    async with visit.transaction() as connection:
        code = await q.totp_of(connection, account_id)
        keys = await q.passkeys_of(connection, account_id)
        left = await q.recovery_left(connection, account_id)
    shown = [] if code is None else [FactorOut(id=code.id, kind="totp", label=None, since=code.created_at)]
    shown += [FactorOut(id=row.id, kind="passkey", label=row.label, since=row.created_at) for row in keys]
    required = visit.door.settings.needs_second_factor(visit.caller.role)
    return FactorsOut(required=required, factors=shown, recovery_codes_left=left)


async def begin_totp(visit: Visit) -> TotpOut:
    """A new secret, which counts once a code of it was typed in.

    Raises:
        Problem: ``already-set-up``.
    """
    account_id, secret = _account(visit), totp.new_secret()
    async with visit.transaction() as connection:
        await _proven(connection, visit)
        if await q.totp_of(connection, account_id) is not None:
            raise Problem("already-set-up")
        account = await identity.account(connection, account_id=account_id)
        assert account is not None
        key_id, sealed = visit.door.keys.ring.seal(secret.encode(), _bound(account_id))
        row_id = await q.add_totp(connection, account_id, key_id=key_id, secret=sealed, at=visit.now)
        await visit.note(connection, "begin_factor", "second_factor", record_id=row_id, detail={"kind": "totp"})
    return TotpOut(secret=secret, uri=totp.uri(secret, account.username))


async def confirm_totp(visit: Visit, given: TotpCode) -> RecoveryCodes:
    """The first code of a new secret: from now on it counts, and this session is proven by it.

    Raises:
        Problem: ``sign-in-step-ended`` where nothing waits, or ``second-factor-failed``.
    """
    account_id = _account(visit)
    async with visit.transaction() as connection:
        row = await q.totp_of(connection, account_id, confirmed=False)
        if row is None:
            raise Problem("sign-in-step-ended")
        step = totp.step_of(_secret(visit.door, row), given.code.get_secret_value(), visit.now, after=row.last_step)
        if step is None:
            raise Problem("second-factor-failed")
        await q.took_code(connection, row.id, step, confirmed_at=visit.now)
        return await _counts_now(connection, visit, "totp", row.id)


async def begin_passkey(visit: Visit) -> PasskeyQuestion:
    """What a browser is asked to make a passkey.

    Raises:
        Problem: ``second-factor-required``.
    """
    account_id, token, challenge = _account(visit), new_token(), secrets.token_bytes(32)
    async with visit.transaction() as connection:
        await _proven(connection, visit)
        account = await identity.account(connection, account_id=account_id)
        assert account is not None
        known = [row.credential_id for row in await q.passkeys_of(connection, account_id)]
        await q.add_step(
            connection, kind=_ENROL, account_id=account_id, token_hash=token_hash(token),
            state={"challenge": bytes_to_base64url(challenge)}, at=visit.now, until=visit.now + _ENROL_LASTS,
        )  # fmt: skip
        await visit.note(connection, "begin_factor", "second_factor", detail={"kind": "passkey"})
    options = passkeys.ask_to_register(
        _site(visit.door), handle=account_id.bytes, username=account.username, challenge=challenge, known=known
    )
    return PasskeyQuestion(step=token, options=options)


async def confirm_passkey(visit: Visit, given: PasskeyAnswer) -> RecoveryCodes:
    """The passkey a browser made: from now on it counts, and this session is proven by it.

    Raises:
        Problem: ``sign-in-step-ended`` or ``passkey-refused``.
    """
    account_id = _account(visit)
    async with visit.transaction() as connection:
        step = await q.step(connection, _ENROL, token_hash(given.step.get_secret_value()), visit.now)
        if step is None or step.account_id != account_id:
            raise Problem("sign-in-step-ended")
        try:
            made = passkeys.registered(
                _site(visit.door), given.credential, challenge=base64url_to_bytes(step.state["challenge"])
            )
        except RefusedPasskeyError:
            raise Problem("passkey-refused") from None
        await q.change_step(connection, step.id, used_at=visit.now)
        row_id = await q.add_passkey(
            connection, account_id, credential_id=made.credential_id, public_key=made.public_key,
            sign_count=made.sign_count, label=given.label, at=visit.now,
        )  # fmt: skip
        if row_id is None:
            raise Problem("passkey-refused")
        return await _counts_now(connection, visit, "passkey", row_id)


async def renew_recovery(visit: Visit) -> RecoveryCodes:
    """New recovery codes; the old ones are void.

    Raises:
        Problem: ``second-factor-not-set-up``.
    """
    async with visit.transaction() as connection:
        await _proven(connection, visit)
        if not await methods(connection, _account(visit)):
            raise Problem("second-factor-not-set-up")
        codes = await _new_codes(connection, visit)
        await visit.note(connection, "renew_recovery", "second_factor")
    return RecoveryCodes(recovery_codes=codes)


async def remove(visit: Visit, factor_id: UUID) -> None:
    """Remove one of one's own second factors.

    Raises:
        Problem: ``not-found``, or ``still-needed`` where the position needs one and it is
            the last.
    """
    account_id = _account(visit)
    async with visit.transaction() as connection:
        await _proven(connection, visit)
        kind = await q.end_one(connection, account_id, factor_id, visit.now)
        if kind is None:
            raise Problem("not-found")
        if not await methods(connection, account_id):
            if visit.door.settings.needs_second_factor(visit.caller.role):
                raise Problem("still-needed")
            await q.end_factors(connection, account_id, visit.now)
        await visit.note(connection, "remove_factor", "second_factor", record_id=factor_id, detail={"kind": kind})


async def _by_code(connection: AsyncConnection, door: Door, account_id: UUID, code: str, now: datetime) -> bool:
    row = await q.totp_of(connection, account_id)
    if row is None:
        return False
    step = totp.step_of(_secret(door, row), code, now, after=row.last_step)
    if step is None:
        return False
    await q.took_code(connection, row.id, step, confirmed_at=row.confirmed_at)
    return True


async def _proven(connection: AsyncConnection, visit: Visit) -> None:
    """Who has a second factor changes it in a session proven by one: a password alone is not enough.

    Raises:
        Problem: ``session-ended``; a sign-in that asks for the factor is what helps.
    """
    if visit.caller.second_factor is None and await methods(connection, _account(visit)):
        raise Problem("session-ended")


async def _counts_now(connection: AsyncConnection, visit: Visit, kind: str, row_id: UUID) -> RecoveryCodes:
    account_id = _account(visit)
    await identity.prove(connection, visit.caller.token_id, kind)
    await identity.revoke(connection, visit.now, account_id=account_id, but=visit.caller.token_id)
    codes = [] if await q.recovery_left(connection, account_id) else await _new_codes(connection, visit)
    await visit.note(connection, "add_factor", "second_factor", record_id=row_id, detail={"kind": kind})
    return RecoveryCodes(recovery_codes=codes)


async def _new_codes(connection: AsyncConnection, visit: Visit) -> list[str]:
    codes = [new_recovery_code() for _ in range(_CODES)]
    await q.renew_recovery(connection, _account(visit), map(recovery_hash, codes), visit.now)
    return codes


def _account(visit: Visit) -> UUID:
    assert visit.caller.account_id is not None
    return visit.caller.account_id


def _secret(door: Door, row: Found) -> str:
    return door.keys.ring.open(row.key_id, row.secret, _bound(row.account_id)).decode()


def _bound(account_id: UUID) -> str:
    """What a secret belongs to: copied to another account's row, it opens for nobody."""
    return f"totp/secret/{account_id}"


def _site(door: Door) -> Site:
    return Site.at(door.settings.public_url)
