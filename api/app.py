"""The composition root: every adapter is an argument, nothing is looked up."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy.ext.asyncio import AsyncEngine

from api import errors, pages
from api.confirming import Confirmations
from api.door import Door
from api.edge import Edge
from api.flood import Flood
from api.identity.oidc import read_providers
from api.letting_in import LettingIn
from api.metrics import Metrics
from api.passwords import Passwords
from api.problems import SCHEMA
from api.routes import (
    accounts,
    actions,
    alike,
    attachments,
    audit,
    case_areas,
    cases,
    conflicts,
    consents,
    directory,
    emergencies,
    escalations,
    factors,
    fhir,
    health,
    joint,
    notices,
    organisation,
    public,
    reference,
    referrals,
    reports,
    sessions,
    set_aside,
    transfers,
    unit_changes,
    webhooks,
)
from api.starting import Starts
from api.whence import DoorKeys
from models.clock import Clock
from models.records.reference import Reference, load_reference
from models.settings import Settings
from models.vault.objects import ObjectStore
from workflows.client import CaseDesk

VERSION: Final = "v1"
PREFIX: Final = "/api/v1"


def create_app(
    settings: Settings,
    engine: AsyncEngine,
    desk: CaseDesk,
    clock: Clock,
    *,
    passwords: Passwords | None = None,
    loaded: Reference | None = None,
    keys: DoorKeys | None = None,
    seconds: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The door, composed but not served.

    Args:
        settings: of this process.
        engine: of the API's database role.
        desk: the way to the workflows; its client may be a lazy one, so that the door opens while Temporal is away.
        clock: domain time.
        passwords: how passwords are hashed; argon2id at its library's cost by default.
        loaded: protocols, calendars and overrides; those shipped by default.
        keys: hide addresses and encrypt reasons in the audit; by default such as nobody keeps, for a database that is
            thrown away.
        seconds: what the flood of requests is measured by.
    """
    metrics = Metrics()
    app = FastAPI(
        title="An Nhi",
        version=VERSION,
        description="Child-protection cases on statutory time. Errors: docs/problems.md.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.door = Door(
        settings=settings,
        engine=engine,
        desk=desk,
        clock=clock,
        passwords=passwords or Passwords(),
        metrics=metrics,
        reference=loaded or load_reference(),
        confirmations=Confirmations(engine, clock),
        objects=ObjectStore(settings.attachments_url, settings.data_dir / "attachments"),
        starts=Starts(desk),
        keys=keys or DoorKeys.for_once(),
        providers=read_providers(settings.oidc_file),
    )
    api = APIRouter(prefix=PREFIX)
    for module in (
        sessions, factors, accounts, reports, set_aside, cases, transfers, joint, alike, case_areas, conflicts,
        consents, emergencies, actions, referrals, fhir, attachments, escalations, notices, organisation,
        unit_changes, directory, webhooks, audit, reference, public,
    ):  # fmt: skip
        api.include_router(module.router)
    api.include_router(cases.searching)
    api.include_router(webhooks.log)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(pages.router)
    errors.install(app)
    secure = settings.public_url.startswith("https:")
    app.add_middleware(Edge, metrics=metrics, flood=Flood(settings, seconds), secure=secure)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    letting_in = LettingIn(app.state.door)
    letting_in.begin()
    yield
    await letting_in.settle()
    await app.state.door.starts.settle()
    await app.state.door.confirmations.settle()


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = made.setdefault("components", {}).setdefault("schemas", {})
        components["Problem"] = SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema
