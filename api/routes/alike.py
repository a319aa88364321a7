"""Which other cases may be of the same child. To attach them is an action on a case; here is the other answer."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.door import TheVisit
from api.problems import declares
from api.routes.cases import CaseRef
from api.services import alike
from api.shapes.alike import AlikeOut, AlikePage

router = APIRouter(prefix="/cases", tags=["cases"])

_REFUSALS = ("not-permitted", "not-found", "declaration-required")


@router.get("/{case}/possible-duplicates", responses=declares(*_REFUSALS))
async def list_alike(
    visit: TheVisit,
    case: CaseRef,
    decided: Annotated[bool, Query(description="Those found not to be the same child as well.")] = False,
) -> AlikePage:
    """The reader's other cases that may be of the same child, the likest first, each with a score and its reasons."""
    return await alike.of_case(visit, case, decided=decided)


@router.post("/{case}/possible-duplicates/{other}/not-the-same", responses=declares(*_REFUSALS, body=True))
async def not_the_same(visit: TheVisit, case: CaseRef, other: CaseRef) -> AlikeOut:
    """Put on record that two cases are of two children: they are not shown again for the same reasons."""
    return await alike.not_the_same(visit, case, other)
