"""A data key: what is stored of one case, or of something several cases share, is sealed with it and nothing else."""

import hashlib
import hmac
import os
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.vault.ring import KEY_BYTES, NONCE_BYTES

_FORMAT: Final = b"\x01"
"""First byte of everything sealed here: AES-256-GCM, a nonce of 12 bytes, then ciphertext and tag."""


class AlteredError(Exception):
    """Stored bytes are not what was sealed here: altered, cut, or moved from another row or column."""


class DataKey:
    """A key of 32 random bytes; for each use a key of its own is derived from it.

    Args:
        raw: the bytes, as they are wrapped.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        """Nothing of the key, so that it can stand in no log."""
        return "DataKey(…)"

    @classmethod
    def new(cls) -> "DataKey":
        """A random one."""
        return cls(os.urandom(KEY_BYTES))

    def seal(self, clear: bytes, bound: str) -> bytes:
        """The clear bytes encrypted.

        Args:
            clear: what to encrypt.
            bound: table, column and row it is stored in (``document/sealed/<id>``); it opens only there.
        """
        nonce = os.urandom(NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, clear, bound.encode())

    def open(self, sealed: bytes, bound: str) -> bytes:
        """What was sealed.

        Args:
            sealed: as it is stored.
            bound: where it is stored.

        Raises:
            AlteredError: it is not what was sealed with this key for this place.
        """
        start = len(_FORMAT) + NONCE_BYTES
        try:
            if sealed[:1] != _FORMAT:
                raise AlteredError
            return self._cipher.decrypt(sealed[len(_FORMAT) : start], sealed[start:], bound.encode())
        except (InvalidTag, ValueError):
            raise AlteredError from None

    def hash(self, clear: bytes) -> str:
        """A keyed hash, lower-case hex: the same for the same text under the same key.

        It names a content exactly, as an approval must. Without the key nobody can try what the text might have been;
        with the key destroyed, nobody at all.
        """
        return hmac.new(self._derived("hash"), clear, hashlib.sha256).hexdigest()

    def for_object(self, name: str) -> bytes:
        """The key of one stored object, whose name is never used twice."""
        return self._derived(f"object {name}")

    def names(self, clear: bytes, stored: str) -> bool:
        """Whether a stored hash is that of a text. What was stored before there was a vault has a plain SHA-256."""
        return hmac.compare_digest(self.hash(clear), stored) or hmac.compare_digest(
            hashlib.sha256(clear).hexdigest(), stored
        )

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._derived("seal"))

    def _derived(self, use: str) -> bytes:
        return hmac.new(self.raw, f"annhi {use}".encode(), hashlib.sha256).digest()
