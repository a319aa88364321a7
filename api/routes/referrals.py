"""Referrals: a service asked for, answered by an agency, followed to its end."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from api.door import TheVisit
from api.problems import declares, declares_referral_refusals
from api.routes.cases import CaseRef
from api.services import referrals
from api.services.keys import IdempotencyKey
from api.shapes.referrals import ReferralOut, ReferralsOut, ResultOut
from models.forms.referral import AnyReferralAct, ReferralsInput

router = APIRouter(tags=["referrals"])


@router.get("/cases/{case}/referrals", responses=declares("not-found", "declaration-required"))
async def list_case_referrals(visit: TheVisit, case: CaseRef) -> ReferralsOut:
    """A case's referrals with their clocks, the latest first, and what they leave of each need."""
    return await referrals.of_case(visit, case)


@router.post("/cases/{case}/referrals", responses=declares(*declares_referral_refusals(), body=True))
async def ask_for_services(
    visit: TheVisit, case: CaseRef, key: IdempotencyKey, body: ReferralsInput
) -> list[ResultOut]:
    """Ask for one service or many at once, and send each where a receiver is named; each has a result of its own."""
    return await referrals.ask(visit, case, key, body)


@router.get("/referrals", responses=declares("not-permitted"))
async def list_referrals(visit: TheVisit) -> list[ReferralOut]:
    """The live referrals to one's own unit, the most urgent first; before it has agreed, the minimum of each."""
    await visit.require("read_referrals")
    return await referrals.inbox(visit)


@router.get("/referrals/{referral}", responses=declares("not-found"))
async def read_referral(visit: TheVisit, referral: UUID) -> ReferralOut:
    """One referral, as much of it as the reader may see, and what they may do now."""
    return await referrals.read(visit, referral)


@router.post("/referrals/{referral}/actions", responses=declares(*declares_referral_refusals(), body=True))
async def act_on_referral(
    visit: TheVisit, referral: UUID, key: IdempotencyKey, body: Annotated[AnyReferralAct, Body()]
) -> ReferralOut:
    """Carry out an event on a referral; ``event`` says which, and what else it needs."""
    return await referrals.act(visit, referral, key, body)
