"""The administrator's: accounts, identities at providers, suspensions, and systems of agencies with their tokens."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from sqlalchemy import func, literal

from api.door import TheVisit
from api.paging import DEFAULT, Cursor, Limit
from api.problems import declares
from api.queries import organisation as q
from api.services import accounts, organisation, service_tokens
from api.shapes.accounts import (
    AccountIn,
    AccountOut,
    ExternalIdentityIn,
    ExternalIdentityOut,
    NewServiceToken,
    Rotation,
    ServiceIn,
    ServiceTokenIn,
    ServiceTokenOut,
    SuspensionIn,
    SuspensionOut,
)
from api.shapes.base import Page
from api.shapes.organisation import Ending, HeldPosition

router = APIRouter(tags=["organisation"])

_THEIRS = ("not-permitted", "not-for-yourself", "not-yours-to-grant", "not-found")
_ACCOUNT = (*_THEIRS, "no-account")
_REACH = ("not-permitted", "not-found")


@router.post(
    "/people/{person}/account",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_THEIRS, "code-taken", body=True),
)
async def give_account(visit: TheVisit, person: UUID, given: AccountIn) -> AccountOut:
    """Make or reset a person's account; the set-up link is shown this once."""
    return await accounts.give_account(visit, person, given)


@router.post("/people/{person}/account/end", status_code=status.HTTP_204_NO_CONTENT, responses=declares(*_ACCOUNT))
async def end_account(visit: TheVisit, person: UUID) -> None:
    """A person's account ends; whoever is signed in with it is refused at the next request."""
    await accounts.end_account(visit, person)


@router.post(
    "/people/{person}/second-factors/end", status_code=status.HTTP_204_NO_CONTENT, responses=declares(*_ACCOUNT)
)
async def end_factors(visit: TheVisit, person: UUID) -> None:
    """A person lost their second factors: all of them end, and whatever is signed in."""
    await accounts.end_factors(visit, person)


@router.get("/people/{person}/identities", responses=declares(*_ACCOUNT))
async def list_identities(visit: TheVisit, person: UUID) -> list[ExternalIdentityOut]:
    """A person's identities at OpenID providers."""
    return await accounts.identities(visit, person)


@router.post(
    "/people/{person}/identities",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_ACCOUNT, "code-taken", body=True),
)
async def link_identity(visit: TheVisit, person: UUID, given: ExternalIdentityIn) -> ExternalIdentityOut:
    """An identity at a provider signs in to a person's account from now on."""
    return await accounts.link_identity(visit, person, given)


@router.post(
    "/people/{person}/identities/{identity}/end",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=declares(*_ACCOUNT),
)
async def unlink_identity(visit: TheVisit, person: UUID, identity: UUID) -> None:
    """An identity at a provider signs in no longer."""
    await accounts.unlink_identity(visit, person, identity)


@router.get("/suspensions", responses=declares("not-permitted"))
async def list_suspensions(
    visit: TheVisit,
    person: Annotated[UUID | None, Query(description="Only of this person.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> Page[SuspensionOut]:
    """Suspensions of the administrator's people from now on."""
    await visit.require("administer")
    ends = func.coalesce(q.SUSPENSION.c.ends_at, literal(visit.now, q.SUSPENSION.c.starts_at.type))
    statement = accounts.suspensions().where(
        ends >= visit.now, q.of_people(q.SUSPENSION.c.person_id, visit.caller.acting.unit_id, visit.now)
    )
    if person is not None:
        statement = statement.where(q.SUSPENSION.c.person_id == person)
    order = (q.SUSPENSION.c.starts_at, q.SUSPENSION.c.id)
    return await organisation.listing(
        visit, statement, order, accounts.suspension, record="suspension", cursor=cursor, limit=limit
    )


@router.post("/suspensions", status_code=status.HTTP_201_CREATED, responses=declares(*_THEIRS, body=True))
async def suspend(visit: TheVisit, given: SuspensionIn) -> SuspensionOut:
    """A person may not act for a time, from their next request on."""
    return await accounts.suspend(visit, given)


@router.post("/suspensions/{suspension}/end", responses=declares(*_THEIRS, "already-ended", body=True))
async def end_suspension(visit: TheVisit, suspension: UUID, ending: Ending) -> SuspensionOut:
    """A suspension ends early."""
    return await organisation.end(
        visit, q.SUSPENSION, accounts.suspensions(), None, suspension, ending.at, accounts.suspension, "suspension"
    )


@router.post(
    "/services",
    status_code=status.HTTP_201_CREATED,
    responses=declares("not-permitted", "not-yours-to-grant", "not-found", body=True),
)
async def add_service(visit: TheVisit, given: ServiceIn) -> HeldPosition:
    """A system of an agency. Its position ends like any other (``/positions/{position}/end``)."""
    return await service_tokens.add_service(visit, given)


@router.get("/services/{position}/tokens", responses=declares(*_REACH))
async def list_tokens(visit: TheVisit, position: UUID) -> list[ServiceTokenOut]:
    """The tokens of a system, and when each was used last."""
    return await service_tokens.listed(visit, position)


@router.post("/services/{position}/tokens", status_code=status.HTTP_201_CREATED, responses=declares(*_REACH, body=True))
async def issue_token(visit: TheVisit, position: UUID, given: ServiceTokenIn) -> NewServiceToken:
    """A token for a system; the secret is shown this once."""
    return await service_tokens.issue(visit, position, given)


@router.post(
    "/service-tokens/{token}/rotate",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_REACH, "already-ended", body=True),
)
async def rotate_token(visit: TheVisit, token: UUID, given: Rotation) -> NewServiceToken:
    """A new token for an old one, which goes on for a while."""
    return await service_tokens.rotate(visit, token, given)


@router.post(
    "/service-tokens/{token}/revoke",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=declares(*_REACH, "already-ended"),
)
async def revoke_token(visit: TheVisit, token: UUID) -> None:
    """A token ends at once."""
    await service_tokens.revoke(visit, token)
