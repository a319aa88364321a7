"""Passwords: argon2id, and the same time spent on nobody as on somebody."""

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.tables import NO_PASSWORD

LEAST: Final = 12
"""Characters a password has at least."""

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

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the stored one. Where nothing is stored the same work is done for nothing."""
        known = stored is not None and stored != NO_PASSWORD
        async with self._turns:
            right = await asyncio.to_thread(self._verify, stored if known and stored else self._nobody, password)
        return right and known

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
