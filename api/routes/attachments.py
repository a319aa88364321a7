"""Photos, sound, film and papers of a case. A file travels as the request's body, not inside a form."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, status
from fastapi.responses import StreamingResponse

from api.door import TheVisit
from api.problems import Problem, declares, not_taken
from api.routes.cases import CaseRef
from api.services import attachments, referral_files
from api.services.keys import IdempotencyKey
from api.shapes.attachments import AttachmentOut, CustodyInput
from api.shapes.base import Page

router = APIRouter(prefix="/cases/{case}/attachments", tags=["attachments"])

Kind = Literal["PHOTO", "RECORDING", "DOCUMENT", "EVIDENCE"]
REFUSALS = (
    "not-permitted", "not-found", "idempotency-key-reused", "attachment-type-not-allowed", "attachment-too-large",
    "attachment-broken-off", "body-too-slow", "too-many-attachments", "content-erased", "store-away",
    "media-type-not-supported",
)  # fmt: skip
_SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FILE_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _BYTES}}
FILE_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": _BYTES, "description": "The file, unchanged."}}
OPENING = (
    "not-permitted", "not-found", "attachment-quarantined", "attachment-infected", "content-erased", "store-away",
)  # fmt: skip


async def incoming(
    *,
    visit: TheVisit,
    key: IdempotencyKey,
    request: Request,
    kind: Annotated[Kind, Query(description="What it is to the case.")],
    data_class: Annotated[Literal["P1", "P2", "P3"], Query(description="P3 unless said otherwise.")] = "P3",
    content_disposition: Annotated[
        str | None, Header(max_length=1000, description="attachment; filename*=UTF-8''… : the file's name.")
    ] = None,
) -> attachments.Incoming:
    """A file as a request's body, before a byte of it is read.

    Raises:
        Problem: ``media-type-not-supported``, ``attachment-too-large``.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in _BYTES:
        raise not_taken(_BYTES)
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > visit.door.settings.attachment_max_bytes:
        raise Problem("attachment-too-large")
    return attachments.Incoming(key, kind, data_class, content_disposition, request.stream())


AFile = Annotated[attachments.Incoming, Depends(incoming)]


def saved(shown: AttachmentOut, pieces: AsyncIterator[bytes]) -> StreamingResponse:
    """A file to be saved, and not to be shown in a page."""
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


@router.post("", status_code=status.HTTP_201_CREATED, responses=declares(*REFUSALS), openapi_extra=FILE_BODY)
async def add_attachment(visit: TheVisit, case: CaseRef, file: AFile) -> AttachmentOut:
    """Attach a file: the body is the file itself, as ``application/octet-stream``. Its type is told by its content."""
    return await attachments.add(visit, case, file)


@router.get("", responses=declares("not-found"))
async def list_attachments(visit: TheVisit, case: CaseRef) -> Page[AttachmentOut]:
    """The case's attachments, as far as the reader may know of them."""
    return await attachments.listed(visit, case)


@router.get("/{attachment}", responses=declares("not-found"))
async def read_attachment(visit: TheVisit, case: CaseRef, attachment: UUID) -> AttachmentOut:
    """One attachment with its chain of custody."""
    return await attachments.read(visit, case, attachment)


@router.get("/{attachment}/content", responses=declares(*OPENING) | FILE_ANSWER, response_class=StreamingResponse)
async def open_attachment(visit: TheVisit, case: CaseRef, attachment: UUID) -> StreamingResponse:
    """The file itself, to be saved and not to be shown in a page. It is entered in the chain of custody."""
    return saved(*await attachments.open_content(visit, case, attachment))


@router.post("/{attachment}/custody", responses=declares("not-permitted", "not-found", "content-erased", body=True))
async def enter_custody(visit: TheVisit, case: CaseRef, attachment: UUID, said: CustodyInput) -> AttachmentOut:
    """Enter that the original was handed over or put under seal."""
    return await attachments.enter_custody(visit, case, attachment, said)


@router.post(
    "/{attachment}/shares/{referral}",
    responses=declares(
        "not-permitted", "not-found", "declaration-required", "content-erased", "attachment-infected",
        "attachment-not-shareable", "consent-missing", "referral-not-allowed-in-state",
    ),
)  # fmt: skip
async def share_attachment(visit: TheVisit, case: CaseRef, attachment: UUID, referral: UUID) -> AttachmentOut:
    """Share the file with the agency of one live referral of the case. It is entered in the chain of custody."""
    return await referral_files.share(visit, case, attachment, referral)


@router.post(
    "/{attachment}/shares/{referral}/end", responses=declares("not-permitted", "not-found", "declaration-required")
)
async def end_share(visit: TheVisit, case: CaseRef, attachment: UUID, referral: UUID) -> AttachmentOut:
    """Take the file back: the agency finds it no more, and keeps what it has downloaded."""
    return await referral_files.take_back(visit, case, attachment, referral)
