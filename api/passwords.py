"""Passwords: argon2id, one-time passwords, and the same time spent on nobody as on somebody."""

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST: Final = 12
"""Characters a password has at least."""

_ONE_TIME: Final = "one-time:"
_AT_ONCE: Final = 4
"""Hashes computed at once: each takes 64 MiB for a moment."""


class Passwords:
    """Hashes and checks passwords off the event loop, a few at a time.

    Args:
        hasher: argon2id with its cost; tests give a cheap one.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str, *, one_time: bool = False) -> str:
        """What is stored of a password; a one-time password is marked as such."""
        async with self._turns:
            digest = await asyncio.to_thread(self._hasher.hash, password)
        return _ONE_TIME + digest if one_time else digest

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the stored one. Where nothing is stored the same work is done for nothing."""
        digest = self._nobody if stored is None else stored.removeprefix(_ONE_TIME)
        async with self._turns:
            right = await asyncio.to_thread(self._verify, digest, password)
        return right and stored is not None

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False


def is_one_time(stored: str) -> bool:
    """Whether a stored password only serves to set a new one."""
    return stored.startswith(_ONE_TIME)


def one_time_password() -> str:
    """A new random password, easy to read out: 80 bits in groups of four."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    """What is stored of a password. Blocks; for loading sample accounts, not for a request."""
    return PasswordHasher().hash(password)
