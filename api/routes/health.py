"""Alive, ready, and what Prometheus scrapes. Outside /api/v1, and without sign-in: they say nothing of anybody."""

from fastapi import APIRouter, Response, status

from api.door import TheDoor
from api.metrics import CONTENT_TYPE
from api.services import health
from api.shapes.health import LiveOut, ReadyOut

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> LiveOut:
    """The process answers."""
    return LiveOut(status="ok")


@router.get("/health/ready", responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": ReadyOut}})
async def ready(door: TheDoor, response: Response) -> ReadyOut:
    """200 while reports can be taken in (``degraded`` says what is away), else 503."""
    found = await health.ready(door)
    if found.status == "away":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(door: TheDoor) -> Response:
    """Counts in Prometheus's text format; labels carry codes only."""
    return Response(await door.metrics.exposition(door.engine, door.clock), media_type=CONTENT_TYPE)
