"""Signing in, one's sessions, and who one is."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

from api.passwords import LEAST
from api.shapes.base import Input, Moment, Output, UnitRef

Password = Annotated[SecretStr, Field(min_length=1, max_length=200)]
NewPassword = Annotated[SecretStr, Field(min_length=LEAST, max_length=200)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=100)]
Credential = Annotated[dict[str, Any], Field(description="What the browser's navigator.credentials gave, as JSON.")]
Code = Annotated[SecretStr, Field(min_length=1, max_length=40)]


class SignIn(Input):
    """A sign-in. Somebody with several positions names one."""

    username: Annotated[str, Field(min_length=1, max_length=80)]
    password: Password
    position_id: UUID | None = None


class Step(Input):
    """The token of a step, from the problem that asked for it."""

    step: Token


class SecondFactor(Step):
    """The second step of a sign-in: one of a code, a recovery code, or a passkey's answer."""

    code: Code | None = None
    recovery_code: Code | None = None
    credential: Credential | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(one is not None for one in (self.code, self.recovery_code, self.credential)) != 1:
            raise ValueError("one of code, recovery_code and credential is needed")
        return self


class PasskeyQuestion(Output):
    """What the browser is to be asked: options for ``navigator.credentials``, and the step its answer belongs to."""

    step: str
    options: dict[str, Any]


class SetUp(Input):
    """The token of a set-up link and the password one chooses."""

    link: Token
    password: NewPassword


class PasswordChange(Input):
    """The present password and a new one."""

    current_password: Password
    new_password: NewPassword


class ChosenPosition(Input):
    """The position to act in from now on."""

    position_id: UUID


class PositionOut(Output):
    """A position: a role in an office for a time."""

    id: UUID
    role: str
    unit: UnitRef
    valid_from: Moment
    valid_to: Moment | None


class SessionOut(Output):
    """A session: the bearer token, shown this once, and the positions one may act in.

    ``token`` is null where the session is kept in a cookie.
    """

    token: str | None
    expires_at: Moment
    position: PositionOut
    positions: list[PositionOut]


class OpenSession(Output):
    """One of one's open sessions. ``seen_at`` is right to a minute; ``in_browser``: it is kept in a cookie."""

    id: UUID
    current: bool
    role: str
    unit_id: UUID
    in_browser: bool
    second_factor: str | None
    issued_at: Moment
    seen_at: Moment | None
    expires_at: Moment


class MeOut(Output):
    """Who is signed in, in which position, and which others they hold."""

    person_id: UUID
    name: str
    language: str
    position: PositionOut
    positions: list[PositionOut]
    roles: list[str]
    second_factor: str | None
    session_expires_at: Moment
