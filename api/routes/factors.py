"""One's own second factors."""

from uuid import UUID

from fastapi import APIRouter, status

from api.door import IDENTITY, TheVisit
from api.problems import declares
from api.services import factors
from api.shapes.factors import FactorsOut, PasskeyAnswer, RecoveryCodes, TotpCode, TotpOut
from api.shapes.sessions import PasskeyQuestion

router = APIRouter(prefix="/me/second-factor", tags=[IDENTITY])


@router.get("", responses=declares())
async def list_factors(visit: TheVisit) -> FactorsOut:
    """One's own second factors."""
    return await factors.listed(visit)


@router.post("/totp", status_code=status.HTTP_201_CREATED, responses=declares("already-set-up"))
async def begin_totp(visit: TheVisit) -> TotpOut:
    """Begin with time-based codes; the secret is shown this once, and counts after a code of it was sent."""
    return await factors.begin_totp(visit)


@router.post("/totp/confirm", responses=declares("sign-in-step-ended", "second-factor-failed", body=True))
async def confirm_totp(visit: TheVisit, given: TotpCode) -> RecoveryCodes:
    """The first code; with one's first factor come recovery codes, shown this once."""
    return await factors.confirm_totp(visit, given)


@router.post("/passkeys", status_code=status.HTTP_201_CREATED, responses=declares())
async def begin_passkey(visit: TheVisit) -> PasskeyQuestion:
    """Begin with a passkey: what the browser is to be asked."""
    return await factors.begin_passkey(visit)


@router.post("/passkeys/confirm", responses=declares("sign-in-step-ended", "passkey-refused", body=True))
async def confirm_passkey(visit: TheVisit, given: PasskeyAnswer) -> RecoveryCodes:
    """What the browser made; with one's first factor come recovery codes, shown this once."""
    return await factors.confirm_passkey(visit, given)


@router.post("/recovery-codes", status_code=status.HTTP_201_CREATED, responses=declares("second-factor-not-set-up"))
async def renew_recovery(visit: TheVisit) -> RecoveryCodes:
    """New recovery codes; the old ones are void."""
    return await factors.renew_recovery(visit)


@router.delete("/{factor}", status_code=status.HTTP_204_NO_CONTENT, responses=declares("not-found", "still-needed"))
async def remove(visit: TheVisit, factor: UUID) -> None:
    """Remove one of one's second factors; not the last one of a position that needs one."""
    await factors.remove(visit, factor)
