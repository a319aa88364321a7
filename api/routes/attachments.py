"""Photos, sound, film and papers of a case. A file travels as the request's body, not inside a form."""

from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, status
from fastapi.responses import StreamingResponse

from api.door import TheVisit
from api.problems import Problem, declares, not_taken
from api.routes.cases import CaseRef
from api.services import attachments
from api.services.keys import IdempotencyKey
from api.shapes.attachments import AttachmentOut, CustodyInput
from api.shapes.base import Page

router = APIRouter(prefix="/cases/{case}/attachments", tags=["attachments"])

Kind = Literal["PHOTO", "RECORDING", "DOCUMENT", "EVIDENCE"]
_REFUSALS = (
    "not-permitted", "not-found", "idempotency-key-reused", "attachment-type-not-allowed", "attachment-too-large",
    "attachment-broken-off", "body-too-slow", "too-many-attachments", "content-erased", "store-away",
    "media-type-not-supported",
)  # fmt: skip
_SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_REFUSALS),
    openapi_extra={"requestBody": {"required": True, "content": _BYTES}},
)
async def add_attachment(
    *,
    visit: TheVisit,
    case: CaseRef,
    key: IdempotencyKey,
    request: Request,
    kind: Annotated[Kind, Query(description="What it is to the case.")],
    data_class: Annotated[Literal["P1", "P2", "P3"], Query(description="P3 unless said otherwise.")] = "P3",
    content_disposition: Annotated[
        str | None, Header(max_length=1000, description="attachment; filename*=UTF-8''… : the file's name.")
    ] = None,
) -> AttachmentOut:
    """Attach a file: the body is the file itself, as ``application/octet-stream``. Its type is told by its content."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in _BYTES:
        raise not_taken(_BYTES)
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > visit.door.settings.attachment_max_bytes:
        raise Problem("attachment-too-large")
    return await attachments.add(
        visit, case, key, kind=kind, data_class=data_class, disposition=content_disposition, pieces=request.stream()
    )


@router.get("", responses=declares("not-found"))
async def list_attachments(visit: TheVisit, case: CaseRef) -> Page[AttachmentOut]:
    """The case's attachments, as far as the reader may know of them."""
    return await attachments.listed(visit, case)


@router.get("/{attachment}", responses=declares("not-found"))
async def read_attachment(visit: TheVisit, case: CaseRef, attachment: UUID) -> AttachmentOut:
    """One attachment with its chain of custody."""
    return await attachments.read(visit, case, attachment)


@router.get(
    "/{attachment}/content",
    responses=declares(
        "not-permitted", "not-found", "attachment-quarantined", "attachment-infected", "content-erased", "store-away"
    )
    | {200: {"content": _BYTES, "description": "The file, unchanged."}},
    response_class=StreamingResponse,
)
async def open_attachment(visit: TheVisit, case: CaseRef, attachment: UUID) -> StreamingResponse:
    """The file itself, to be saved and not to be shown in a page. It is entered in the chain of custody."""
    shown, pieces = await attachments.open_content(visit, case, attachment)
    return StreamingResponse(
        pieces,
        media_type=shown.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(shown.name or str(shown.id), safe='')}",
            "Content-Length": str(shown.size),
            "Content-Security-Policy": _SANDBOX,
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )


@router.post("/{attachment}/custody", responses=declares("not-permitted", "not-found", "content-erased", body=True))
async def enter_custody(visit: TheVisit, case: CaseRef, attachment: UUID, said: CustodyInput) -> AttachmentOut:
    """Enter that the original was handed over or put under seal."""
    return await attachments.enter_custody(visit, case, attachment, said)
