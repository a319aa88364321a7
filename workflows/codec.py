"""Payloads leave this process encrypted: AES-256-GCM, each with the id of the key it was made with.

A ring holds one active key and any number of older ones, so keys rotate while histories stay readable. A payload made
with a key that is not on the ring is refused: it fails closed.
"""

import base64
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

_ENCODING = b"binary/encrypted"
_NONCE_BYTES = 12


class UnknownKeyError(Exception):
    """A payload names a key that is not on this process's ring."""


class KeyRing:
    """Keys by id, one of them active for new payloads.

    Args:
        keys: 32-byte keys by id.
        active: the id of the key that encrypts.

    Raises:
        ValueError: the active key is missing, or a key is not 32 bytes long.
    """

    def __init__(self, keys: dict[str, bytes], active: str) -> None:
        if active not in keys:
            raise ValueError(f"the key ring has no key {active!r}, which it calls active")
        if any(len(key) != 32 for key in keys.values()):  # noqa: PLR2004 - AES-256
            raise ValueError("every key on the ring must be 32 bytes long")
        self.active = active
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}

    @classmethod
    def read(cls, path: Path) -> "KeyRing":
        """The ring in a JSON file ``{"active": id, "keys": {id: base64}}``.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a key ring.
        """
        data = json.loads(path.read_text())
        return cls({name: base64.b64decode(key) for name, key in data["keys"].items()}, data["active"])

    @staticmethod
    def create(path: Path) -> None:
        """Write a new ring with one random key, readable by its owner only; an existing file is left as it is."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        name = f"k{secrets.token_hex(4)}"
        ring = {"active": name, "keys": {name: base64.b64encode(secrets.token_bytes(32)).decode()}}
        with os.fdopen(handle, "w") as file:
            json.dump(ring, file)
            file.flush()
            os.fsync(file.fileno())

    def seal(self, clear: bytes) -> tuple[str, bytes]:
        """The active key's id, and nonce plus ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        name = self.active
        return name, nonce + self._ciphers[name].encrypt(nonce, clear, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """The clear bytes.

        Raises:
            UnknownKeyError: the ring has no such key.
            cryptography.exceptions.InvalidTag: the bytes were altered.
        """
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise UnknownKeyError(f"no key {name!r} on the ring")
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())


class EncryptingCodec(PayloadCodec):
    """Encrypts every payload on its way to Temporal and decrypts those that come back."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload sealed whole, its own metadata inside."""
        return list(self._encoded(payloads))

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each sealed payload opened; one that was never sealed is passed through (made by tools, holds no content)."""
        return [self._decoded(payload) for payload in payloads]

    def _encoded(self, payloads: Sequence[Payload]) -> Iterable[Payload]:
        for payload in payloads:
            name, sealed = self._ring.seal(payload.SerializeToString())
            yield Payload(metadata={"encoding": _ENCODING, "encryption-key-id": name.encode()}, data=sealed)

    def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        name = payload.metadata["encryption-key-id"].decode()
        return Payload.FromString(self._ring.open(name, payload.data))
