"""Accounts, identities at providers, suspensions and the tokens of agencies' systems, as an administrator has them."""

from datetime import timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from api.shapes.base import Input, Moment, Output, PersonRef
from models.forms.base import Coded, Line, Role

LONGEST: Final = timedelta(days=366)
"""How long a token of an agency's system may hold at most."""
LONGEST_OVERLAP: Final = 168
"""Hours the old token may go on beside a new one."""

TokenScope = Annotated[str, Coded("token_scopes")]
SuspensionReason = Annotated[str, Coded("suspension_reasons")]


class AccountIn(Input):
    """The user name of a person's account."""

    username: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{2,79}$")]


class AccountOut(Output):
    """A new or reset account, with the link its holder sets a password with. It is shown this once and used once."""

    person_id: UUID
    username: str
    set_up_link: str
    expires_at: Moment


class ExternalIdentityIn(Input):
    """Somebody's name at an OpenID provider: who the provider is, and what it calls them for ever."""

    issuer: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^https?://[^\s]+$")]
    subject: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


class ExternalIdentityOut(Output):
    """An identity at a provider that signs in to an account."""

    id: UUID
    person_id: UUID
    issuer: str
    subject: str
    linked_at: Moment


class SuspensionIn(Input):
    """A time in which a person may not act: from now on, and without an end, if nothing else is said."""

    person_id: UUID
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    reason: SuspensionReason


class SuspensionOut(Output):
    """A suspension."""

    id: UUID
    person: PersonRef
    starts_at: Moment
    ends_at: Moment | None
    reason: str


class ServiceIn(Input):
    """A system of an agency, and the role and office it acts in."""

    name: Line
    unit_id: UUID
    role: Role


class ServiceTokenIn(Input):
    """What a token is for, and until when."""

    scopes: Annotated[list[TokenScope], Field(min_length=1, max_length=20)]
    expires_at: AwareDatetime

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.scopes)) != len(self.scopes):
            raise ValueError("a scope stands twice")
        return self


class Rotation(Input):
    """A new token for an old one, which goes on for ``overlap_hours`` so that the system can be told."""

    expires_at: AwareDatetime
    overlap_hours: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = 24


class ServiceTokenOut(Output):
    """A token of an agency's system. ``seen_at`` is right to a minute."""

    id: UUID
    position_id: UUID
    scopes: list[str]
    issued_at: Moment
    seen_at: Moment | None
    expires_at: Moment
    revoked_at: Moment | None


class NewServiceToken(Output):
    """A new token: the secret is shown this once."""

    secret: str
    token: ServiceTokenOut
