"""Signing in, and who one is."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr

from api.passwords import LEAST
from api.shapes.base import Input, Moment, Output, UnitRef


class SignIn(Input):
    """A sign-in. Somebody with several positions names one; with a one-time password ``new_password`` is needed too."""

    username: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    position_id: UUID | None = None
    new_password: Annotated[SecretStr, Field(min_length=LEAST, max_length=200)] | None = None


class PositionOut(Output):
    """A position: a role in an office for a time."""

    id: UUID
    role: str
    unit: UnitRef
    valid_from: Moment
    valid_to: Moment | None


class SessionOut(Output):
    """A session: the bearer token, shown this once, and the positions one may sign in with."""

    token: str
    expires_at: Moment
    position: PositionOut
    positions: list[PositionOut]


class MeOut(Output):
    """Who is signed in, in which position, and which others they hold."""

    person_id: UUID
    name: str
    language: str
    position: PositionOut
    positions: list[PositionOut]
    roles: list[str]
