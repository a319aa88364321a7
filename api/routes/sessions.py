"""Signing in and out, one's sessions and password, and who one is."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status

from api.door import IDENTITY, TheDoor, TheVisit
from api.identity import cookies
from api.problems import declares
from api.services import sessions
from api.services.sessions import Opened
from api.shapes.sessions import (
    ChosenPosition,
    MeOut,
    OpenSession,
    PasskeyQuestion,
    PasswordChange,
    SecondFactor,
    SessionOut,
    SetUp,
    SignIn,
    Step,
)

router = APIRouter(tags=[IDENTITY])

_LET_IN = ("too-many-sign-ins", "person-suspended", "no-position")


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


Address = Annotated[str, Depends(address_of)]


@router.post(
    "/sessions",
    status_code=status.HTTP_201_CREATED,
    responses=declares("sign-in-failed", "second-factor-required", *_LET_IN, body=True, signed_in=False),
)
async def sign_in(address: Address, door: TheDoor, given: SignIn) -> SessionOut:
    """Sign in with user name and password; the answer holds the bearer token.

    An account with a second factor is answered ``second-factor-required``, whose ``step`` goes to
    ``/sessions/second-factor``.
    """
    return (await sessions.sign_in(door, given, address)).shown


@router.post(
    "/sessions/second-factor",
    status_code=status.HTTP_201_CREATED,
    responses=declares("sign-in-step-ended", "second-factor-failed", *_LET_IN, body=True, signed_in=False),
)
async def second_factor(address: Address, door: TheDoor, response: Response, given: SecondFactor) -> SessionOut:
    """Take the second step: a code, a recovery code, or a passkey's answer."""
    return _given(response, await sessions.second_factor(door, given, address))


@router.post("/sessions/second-factor/passkey", responses=declares("sign-in-step-ended", body=True, signed_in=False))
async def ask_passkey(address: Address, door: TheDoor, given: Step) -> PasskeyQuestion:
    """What the browser is to be asked, to take the second step with a passkey."""
    return await sessions.ask_passkey(door, given.step.get_secret_value(), address)


@router.post(
    "/set-up",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=declares("link-ended", "too-many-sign-ins", body=True, signed_in=False),
)
async def set_up(address: Address, door: TheDoor, given: SetUp) -> None:
    """Set one's password with a set-up link, which is used up by it."""
    await sessions.set_up(door, given, address)


@router.get("/sessions", responses=declares())
async def list_sessions(visit: TheVisit) -> list[OpenSession]:
    """One's own open sessions."""
    return await sessions.open_sessions(visit)


@router.delete("/sessions/current", status_code=status.HTTP_204_NO_CONTENT, responses=declares())
async def sign_out(visit: TheVisit, response: Response) -> None:
    """Sign out: the token holds no longer."""
    await sessions.sign_out(visit)
    if visit.caller.cookie:
        cookies.take_back(response, cookies.SESSION)


@router.delete("/sessions/others", status_code=status.HTTP_204_NO_CONTENT, responses=declares())
async def end_others(visit: TheVisit) -> None:
    """End every session of one's own but this one."""
    await sessions.end_others(visit)


@router.delete("/sessions/{session}", status_code=status.HTTP_204_NO_CONTENT, responses=declares("not-found"))
async def end_session(visit: TheVisit, session: UUID) -> None:
    """End one of one's own sessions."""
    await sessions.end_session(visit, session)


@router.get("/me", responses=declares())
async def me(visit: TheVisit) -> MeOut:
    """Who is signed in, in which position, with which others to choose from."""
    return await sessions.me(visit)


@router.post("/me/position", responses=declares("no-position", body=True))
async def switch_position(visit: TheVisit, response: Response, given: ChosenPosition) -> SessionOut:
    """Act in another of one's positions: a new session takes the place of this one."""
    return _given(response, await sessions.switch_position(visit, given.position_id))


@router.post(
    "/me/password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=declares("password-wrong", "too-many-sign-ins", body=True),
)
async def change_password(visit: TheVisit, given: PasswordChange) -> None:
    """Change one's password; every other session ends."""
    await sessions.change_password(visit, given)


def _given(response: Response, opened: Opened) -> SessionOut:
    """A session that is kept in a cookie goes there, and nowhere else."""
    if opened.shown.token is None:
        cookies.give(response, cookies.SESSION, opened.token, seconds=cookies.LASTS)
    return opened.shown
