"""Signing in and out, and who one is."""

from fastapi import APIRouter, Request, status

from api.door import TheDoor, TheVisit
from api.problems import declares
from api.services import sessions
from api.shapes.sessions import MeOut, SessionOut, SignIn

router = APIRouter(tags=["sessions"])

_SIGN_IN_PROBLEMS = ("sign-in-failed", "too-many-sign-ins", "password-change-required", "no-position")


@router.post(
    "/sessions",
    status_code=status.HTTP_201_CREATED,
    responses=declares(*_SIGN_IN_PROBLEMS, body=True, signed_in=False),
)
async def sign_in(request: Request, door: TheDoor, given: SignIn) -> SessionOut:
    """Sign in with user name and password; the answer holds the bearer token."""
    return await sessions.sign_in(door, given, request.client.host if request.client else "")


@router.delete("/sessions/current", status_code=status.HTTP_204_NO_CONTENT, responses=declares())
async def sign_out(visit: TheVisit) -> None:
    """Sign out: the token holds no longer."""
    await sessions.sign_out(visit)


@router.get("/me", responses=declares())
async def me(visit: TheVisit) -> MeOut:
    """Who is signed in, in which position, with which others to choose from."""
    return await sessions.me(visit)
