"""How people and systems sign in: accounts, sessions, second factors, links that are used once, and the throttle.

Whatever would let somebody in is kept as a hash; only a TOTP secret must be read again, and it is sealed with the key
ring. Nothing is deleted but steps of a sign-in that were left lying: what ended keeps the instant at which it did.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import Json, instant, instant_or_none, key

NO_PASSWORD = "!"  # noqa: S105 - no password, and no hash of one
"""Stands in ``password_hash`` where nobody signs in by password: before the set-up link, or by a provider only."""


class Account(SQLModel, table=True):
    """A local sign-in. The password is kept as an argon2id hash; six failures lock it for a while."""

    __tablename__ = "account"

    id: UUID = key()
    person_id: UUID = Field(foreign_key="person.id", unique=True)
    username: str = Field(unique=True, max_length=80)
    password_hash: str
    failures: int = 0
    locked_until: datetime | None = instant_or_none()
    created_at: datetime = instant()
    ended_at: datetime | None = instant_or_none()


class AccessToken(SQLModel, table=True):
    """A session of one person in one position: a token, kept as the SHA-256 of what the caller holds.

    ``cookie``: it came to a browser and is taken from a cookie only; else it is a bearer token. ``second_factor`` says
    by which one it was proven. ``seen_at`` is kept to the minute, which is enough for an idle limit.
    """

    __tablename__ = "access_token"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    position_id: UUID = Field(foreign_key="position.id")
    token_hash: str = Field(unique=True, max_length=64)
    cookie: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    second_factor: str | None = Field(default=None, max_length=10)
    issued_at: datetime = instant()
    seen_at: datetime | None = instant_or_none()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant_or_none()


class SignInThrottle(SQLModel, table=True):
    """How many sign-ins one key (a keyed hash of user name or address) tried in the current window."""

    __tablename__ = "sign_in_throttle"

    key: str = Field(primary_key=True, max_length=64)
    window_start: datetime = instant()
    attempts: int = 0


class SignInStep(SQLModel, table=True):
    """A sign-in or an enrolment that waits for its next step: what was asked, known to the caller by a token.

    ``state`` holds challenges, verifiers and ids, never a secret of the person.
    """

    __tablename__ = "sign_in_step"

    id: UUID = key()
    kind: str = Field(max_length=20)
    account_id: UUID | None = Field(default=None, foreign_key="account.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    state: dict[str, Any] = Field(sa_type=Json, nullable=False)
    tries: int = 0
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    used_at: datetime | None = instant_or_none()


class SetUpLink(SQLModel, table=True):
    """A link with which the holder of an account sets a password: shown once, used once.

    ``made_by``: the administrator; None for the operator's own command.
    """

    __tablename__ = "set_up_link"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    link_hash: str = Field(unique=True, max_length=64)
    made_by: UUID | None = Field(default=None, foreign_key="person.id")
    created_at: datetime = instant()
    expires_at: datetime = instant()
    ended_at: datetime | None = instant_or_none()


class Totp(SQLModel, table=True):
    """A time-based one-time code. ``last_step`` is the newest step a code was taken of: none is taken twice."""

    __tablename__ = "totp"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    key_id: str = Field(max_length=40)
    secret: bytes
    created_at: datetime = instant()
    confirmed_at: datetime | None = instant_or_none()
    last_step: int = Field(default=0, sa_type=BigInteger)
    ended_at: datetime | None = instant_or_none()


class Passkey(SQLModel, table=True):
    """A WebAuthn credential: its public key, and the counter an authenticator that is copied would betray itself by."""

    __tablename__ = "passkey"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    credential_id: str = Field(unique=True, max_length=1400)
    public_key: bytes
    sign_count: int = Field(default=0, sa_type=BigInteger)
    label: str = Field(max_length=80)
    created_at: datetime = instant()
    used_at: datetime | None = instant_or_none()
    ended_at: datetime | None = instant_or_none()


class RecoveryCode(SQLModel, table=True):
    """One of the codes that stand in for a lost second factor, each once."""

    __tablename__ = "recovery_code"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    code_hash: str = Field(max_length=64)
    created_at: datetime = instant()
    ended_at: datetime | None = instant_or_none()


class ExternalIdentity(SQLModel, table=True):
    """An account's name at an OpenID provider: issuer and subject, as an administrator linked them."""

    __tablename__ = "external_identity"
    __table_args__ = (
        Index("uq_external_identity_in_force", "issuer", "subject", unique=True, postgresql_where="ended_at IS NULL"),
    )

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    issuer: str = Field(max_length=255)
    subject: str = Field(max_length=255)
    linked_by: UUID = Field(foreign_key="person.id")
    linked_at: datetime = instant()
    ended_at: datetime | None = instant_or_none()


class ServiceToken(SQLModel, table=True):
    """A token of an agency's system: for one position of kind ``service``, for its scopes, until it ends."""

    __tablename__ = "service_token"

    id: UUID = key()
    position_id: UUID = Field(foreign_key="position.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    scopes: list[str] = Field(sa_type=Json, nullable=False)
    issued_by: UUID = Field(foreign_key="person.id")
    issued_at: datetime = instant()
    seen_at: datetime | None = instant_or_none()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant_or_none()


class Suspension(SQLModel, table=True):
    """A time in which a person may not act at all, in no position. The reason is a code, never a text."""

    __tablename__ = "suspension"

    id: UUID = key()
    person_id: UUID = Field(foreign_key="person.id", index=True)
    starts_at: datetime = instant()
    ends_at: datetime | None = instant_or_none()
    reason: str = Field(max_length=20)
    ordered_by: UUID = Field(foreign_key="person.id")
    created_at: datetime = instant()
