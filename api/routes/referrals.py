"""Referrals: a service asked for, answered by an agency, followed to its end."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, status
from fastapi.responses import StreamingResponse

from api.door import TheVisit
from api.problems import declares, declares_referral_refusals
from api.routes.attachments import FILE_ANSWER, FILE_BODY, OPENING, REFUSALS, AFile, saved
from api.routes.cases import CaseRef
from api.services import links, referral_files, referrals
from api.services.keys import IdempotencyKey
from api.shapes.attachments import AttachmentOut
from api.shapes.base import Page
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


@router.get("/referrals/{referral}/attachments", responses=declares("not-permitted", "not-found"))
async def list_referral_files(visit: TheVisit, referral: UUID) -> Page[AttachmentOut]:
    """The files a referral shows its agency: its own, and those the sender shared. None before it has agreed."""
    return await referral_files.listed(visit, referral)


@router.post(
    "/referrals/{referral}/attachments",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*REFUSALS, "referral-not-allowed-in-state"),
    openapi_extra=FILE_BODY,
)
async def add_referral_file(visit: TheVisit, referral: UUID, file: AFile) -> AttachmentOut:
    """Add a file to a referral one's own office has taken on: as to a case, under the case's key."""
    return await referral_files.add(visit, referral, file)


@router.get(
    "/referrals/{referral}/attachments/{attachment}/content",
    responses=declares(*OPENING) | FILE_ANSWER,
    response_class=StreamingResponse,
)
async def open_referral_file(visit: TheVisit, referral: UUID, attachment: UUID) -> StreamingResponse:
    """The file itself, for the agency of the referral. It is entered in the chain of custody."""
    return saved(*await referral_files.open_content(visit, referral, attachment))


@router.post("/referrals/{referral}/actions", responses=declares(*declares_referral_refusals(), body=True))
async def act_on_referral(
    visit: TheVisit, referral: UUID, key: IdempotencyKey, body: Annotated[AnyReferralAct, Body()]
) -> ReferralOut:
    """Carry out an event on a referral; ``event`` says which, and what else it needs."""
    return await referrals.act(visit, referral, key, body)
