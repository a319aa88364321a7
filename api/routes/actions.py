"""One address for each event of the lifecycle, each with the form it takes."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from api.door import TheVisit
from api.problems import declares, declares_refusals
from api.routes.cases import CaseRef
from api.services import actions
from api.services.keys import IdempotencyKey
from api.shapes.cases import ActionOut
from models.forms import INPUTS, ActionInput
from models.lifecycle import EVENTS

router = APIRouter(prefix="/cases", tags=["actions"])


def _endpoint(event: str, body_type: type[ActionInput]) -> Callable[..., Any]:
    async def endpoint(visit: TheVisit, case: CaseRef, key: IdempotencyKey, body: ActionInput) -> ActionOut:
        return await actions.act(visit, case, event, key, body)

    endpoint.__annotations__["body"] = body_type
    endpoint.__name__ = event
    endpoint.__doc__ = f"{EVENTS[event].label_en} · {EVENTS[event].label_vi}"
    return endpoint


for _event, _body in INPUTS.items():
    router.add_api_route(
        f"/{{case}}/actions/{_event}",
        _endpoint(_event, _body),
        methods=["POST"],
        response_model=ActionOut,
        responses=declares(*declares_refusals(), body=True),
        summary=EVENTS[_event].label_en,
        operation_id=f"act_{_event}",
    )
