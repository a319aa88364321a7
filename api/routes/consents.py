"""Consent and legal basis of a case, and what may be told to the child and to those who speak for it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import consents
from api.shapes.consents import (
    AllowedOut,
    ConsentIn,
    ConsentOut,
    Scope,
    ViewOut,
    WithdrawalIn,
    WithholdingIn,
    WithholdingOut,
)
from models.forms.base import Coded, Service

router = APIRouter(prefix="/cases", tags=["consents"])

_CASE = ("not-permitted", "not-found", "declaration-required")
Carer = Annotated[str, Coded("consent_givers", "MOTHER", "FATHER", "GUARDIAN", "SUBSTITUTE")]


@router.get("/{case}/consents", responses=declares(*_CASE))
async def list_consents(visit: TheVisit, case: CaseRef) -> list[ConsentOut]:
    """What was agreed to or refused, by whom, and the grounds for going without; withdrawn ones too."""
    return await consents.listed(visit, case)


@router.post(
    "/{case}/consents",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_CASE, "consent-from-alleged", body=True),
)
async def record_consent(visit: TheVisit, case: CaseRef, given: ConsentIn) -> ConsentOut:
    """Record an answer, or a ground. Consent is never sought from a carer alleged to have caused the harm."""
    return await consents.add(visit, case, given)


@router.get("/{case}/consents/allows", responses=declares(*_CASE))
async def ask_consent(
    visit: TheVisit,
    case: CaseRef,
    scope: Annotated[Scope, Query(description="What is to be done.")],
    service: Annotated[Service | None, Query(description="For which service.")] = None,
) -> AllowedOut:
    """Whether the record allows something now, and why."""
    return await consents.ask(visit, case, scope, service)


@router.post("/{case}/consents/{consent}/withdraw", responses=declares(*_CASE, "already-ended", body=True))
async def withdraw_consent(visit: TheVisit, case: CaseRef, consent: UUID, given: WithdrawalIn) -> ConsentOut:
    """Take back what was agreed to; the answer says what must stop."""
    return await consents.withdraw(visit, case, consent, given)


@router.post("/{case}/withholdings", status_code=status.HTTP_201_CREATED, responses=declares(*_CASE, body=True))
async def withhold(visit: TheVisit, case: CaseRef, given: WithholdingIn) -> WithholdingOut:
    """Record that something must not be told to somebody: it would endanger the child, or it does not want it told."""
    return await consents.withhold(visit, case, given)


@router.post("/{case}/withholdings/{withholding}/end", responses=declares(*_CASE))
async def end_withholding(visit: TheVisit, case: CaseRef, withholding: UUID) -> WithholdingOut:
    """It may be told from now on."""
    return await consents.end_withholding(visit, case, withholding)


@router.get("/{case}/views/child", responses=declares(*_CASE))
async def view_of_child(visit: TheVisit, case: CaseRef) -> ViewOut:
    """What may be told to the child, and what must be withheld and why."""
    return await consents.show(visit, case, "CHILD")


@router.get("/{case}/views/guardian", responses=declares(*_CASE))
async def view_of_guardian(
    visit: TheVisit, case: CaseRef, who: Annotated[Carer, Query(description="Which of those who speak for the child.")]
) -> ViewOut:
    """What may be told to one who speaks for the child; nothing to a carer alleged to have caused the harm."""
    return await consents.show(visit, case, who)
