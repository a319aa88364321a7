"""Reports: taking one in, and reading it."""

from uuid import UUID

from fastapi import APIRouter, status

from api.door import TheVisit
from api.problems import declares
from api.services import reports
from api.services.keys import IdempotencyKey
from api.shapes.reports import InformantOut, InformantReadingInput, ReceiptOut, ReportOut
from models.forms import ReportInput

router = APIRouter(prefix="/reports", tags=["reports"])

_REFUSALS = ("not-permitted", "idempotency-key-reused", "not-your-role", "in-the-future", "too-many-reports")


@router.post("", status_code=status.HTTP_201_CREATED, responses=declares(*_REFUSALS, body=True))
async def receive_report(visit: TheVisit, key: IdempotencyKey, report: ReportInput) -> ReceiptOut:
    """Take a report in. Every child in it gets a case of its own; every clock runs from the receipt."""
    return await reports.receive(visit, key, report)


@router.get("/{report}", responses=declares("not-found", "declaration-required"))
async def read_report(visit: TheVisit, report: UUID) -> ReportOut:
    """A report as it was taken down."""
    return await reports.read(visit, report)


@router.post(
    "/{report}/informant/readings", responses=declares("not-permitted", "not-found", "content-erased", body=True)
)
async def open_informant(visit: TheVisit, report: UUID, why: InformantReadingInput) -> InformantOut:
    """Who informed, for whoever may know, with a reason: it is put on record and never shown anywhere else."""
    return await reports.informant(visit, report, why)
