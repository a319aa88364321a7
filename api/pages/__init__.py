"""Plain pages for people, without script: where to begin, the API, the protocol as a table, the lifecycle."""

from fastapi import APIRouter

from api.pages import answer, index, lifecycle, protocol, second_factor, sign_in, tell

router = APIRouter(tags=["pages"], include_in_schema=False)
for _module in (index, protocol, lifecycle, sign_in, second_factor, answer, tell):
    router.include_router(_module.router)
