"""Referrals: a service asked for, answered by an agency, followed to its end."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from api.door import TheVisit
from api.problems import declares, declares_referral_refusals
from api.routes.cases import CaseRef
from api.services import links, referrals
from api.services.keys import IdempotencyKey
from api.shapes.links import LinkIn, LinkOut, NewLinkOut
from api.shapes.referrals import CountOut, ReferralOut, ReferralsOut, ResultOut
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
async def list_referrals(visit: TheVisit, emergency: bool = False) -> list[ReferralOut]:
    """The live referrals to one's own unit, the most urgent first; before it has agreed, the minimum of each.

    ``emergency``: for the duty desk, the emergency services alone.
    """
    await visit.require("read_referrals")
    return await referrals.inbox(visit, emergency=emergency)


@router.get("/referrals/counts", responses=declares("not-permitted"))
async def count_referrals(visit: TheVisit) -> list[CountOut]:
    """How many live referrals one's own unit has in each state, and of how many a limit of its own has passed."""
    await visit.require("read_referrals")
    return await referrals.counts(visit)


@router.get("/referrals/{referral}", responses=declares("not-found"))
async def read_referral(visit: TheVisit, referral: UUID) -> ReferralOut:
    """One referral, as much of it as the reader may see, and what they may do now."""
    return await referrals.read(visit, referral)


@router.get("/referrals/{referral}/links", responses=declares("not-found", "not-permitted"))
async def list_answer_links(visit: TheVisit, referral: UUID) -> list[LinkOut]:
    """The one-time links of a referral, the newest first, with the words that open the one that still waits."""
    return await links.listed(visit, referral)


@router.post(
    "/referrals/{referral}/links",
    status_code=201,
    responses=declares("not-found", "not-permitted", "link-not-possible", "no-mail-address", body=True),
)
async def issue_answer_link(visit: TheVisit, referral: UUID, key: IdempotencyKey, body: LinkIn) -> NewLinkOut:
    """Hand an agency that has nobody in the system a link with which it answers once: by e-mail, or on paper."""
    return await links.issue(visit, referral, key, body)


@router.post(
    "/referrals/{referral}/links/{link}/end",
    status_code=204,
    responses=declares("not-found", "not-permitted", "link-not-usable"),
)
async def end_answer_link(visit: TheVisit, referral: UUID, link: UUID) -> None:
    """Take a link back; whoever has it open is out at once."""
    await links.take_back(visit, referral, link)


@router.post("/referrals/{referral}/actions", responses=declares(*declares_referral_refusals(), body=True))
async def act_on_referral(
    visit: TheVisit, referral: UUID, key: IdempotencyKey, body: Annotated[AnyReferralAct, Body()]
) -> ReferralOut:
    """Carry out an event on a referral; ``event`` says which, and what else it needs."""
    return await referrals.act(visit, referral, key, body)
