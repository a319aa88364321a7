"""Local accounts and the tokens they hold."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key


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


class AccessToken(SQLModel, table=True):
    """A bearer token, kept as the SHA-256 of what the caller holds, for one position of one person."""

    __tablename__ = "access_token"

    id: UUID = key()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    position_id: UUID = Field(foreign_key="position.id")
    token_hash: str = Field(unique=True, max_length=64)
    issued_at: datetime = instant()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant_or_none()


class SignInThrottle(SQLModel, table=True):
    """How many sign-ins one key (a hash of user name or address) tried in the current window."""

    __tablename__ = "sign_in_throttle"

    key: str = Field(primary_key=True, max_length=64)
    window_start: datetime = instant()
    attempts: int = 0
