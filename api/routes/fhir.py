"""HL7 FHIR R4B for health partners: Task in and out (docs/guides/fhir.md). Errors are OperationOutcomes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header
from fastapi.responses import JSONResponse

from api.door import TheVisit
from api.fhir.resources import MEDIA_TYPE
from api.problems import declares, declares_referral_refusals
from api.services import fhir

router = APIRouter(prefix="/fhir", tags=["referrals", "fhir"])


class FhirResponse(JSONResponse):
    """A resource."""

    media_type = MEDIA_TYPE


def _outcomes(answers: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The same answers, each as an OperationOutcome."""
    return {
        status: {"description": one["description"], "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
        for status, one in answers.items()
    }


@router.get("/metadata", response_class=FhirResponse, responses=_outcomes(declares()))
async def read_capabilities(visit: TheVisit) -> FhirResponse:
    """What this server does of FHIR: a CapabilityStatement."""
    return FhirResponse(fhir.metadata(visit))


@router.get("/Task", response_class=FhirResponse, responses=_outcomes(declares("not-permitted")))
async def search_tasks(visit: TheVisit) -> FhirResponse:
    """The live referrals to one's own unit: a Bundle of Tasks."""
    return FhirResponse(await fhir.search(visit))


@router.get("/Task/{referral}", response_class=FhirResponse, responses=_outcomes(declares("not-found")))
async def read_task(visit: TheVisit, referral: UUID) -> FhirResponse:
    """One referral: a Task with its ServiceRequest, and as much of the child as the reader may know."""
    return _versioned(await fhir.read(visit, referral))


@router.put(
    "/Task/{referral}",
    response_class=FhirResponse,
    responses=_outcomes(
        declares(*declares_referral_refusals(), "precondition-failed", "fhir-status-not-possible", body=True)
    ),
)
async def update_task(
    visit: TheVisit,
    referral: UUID,
    body: Annotated[dict[str, Any], Body(media_type=MEDIA_TYPE)],
    if_match: Annotated[str | None, Header(max_length=80, description='The version that was read: W/"…".')] = None,
) -> FhirResponse:
    """Answer with a Task: received, accepted, rejected, on-hold, in-progress, completed. Sent twice it is done once."""
    return _versioned(await fhir.update(visit, referral, body, if_match))


def _versioned(resource: dict[str, Any]) -> FhirResponse:
    return FhirResponse(resource, headers={"ETag": f'W/"{resource["meta"]["versionId"]}"'})
