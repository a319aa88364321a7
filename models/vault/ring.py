"""A ring of keys: one that encrypts, any number of older ones that still open what they closed.

AES-256-GCM with a random nonce; the key's id and whatever else the sealed bytes are bound to are authenticated with
them. What was made with a key that is not on the ring is refused: it fails closed.
"""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class UnknownKeyError(Exception):
    """Something names a key that is not on this process's ring."""


class KeyRing:
    """Keys by id, one of them active.

    Args:
        keys: 32-byte keys by id.
        active: the id of the key that encrypts.

    Raises:
        ValueError: the active key is missing, or a key is not 32 bytes long.
    """

    def __init__(self, keys: dict[str, bytes], active: str) -> None:
        if active not in keys:
            raise ValueError(f"the key ring has no key {active!r}, which it calls active")
        if any(len(key) != KEY_BYTES for key in keys.values()):
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
        return cls.of(json.loads(path.read_text()))

    @classmethod
    def of(cls, data: dict[str, Any]) -> "KeyRing":
        """The ring in such an object.

        Raises:
            ValueError: it is not a key ring.
        """
        try:
            return cls({name: base64.b64decode(key) for name, key in data["keys"].items()}, data["active"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is not a key ring") from error

    @staticmethod
    def create(path: Path) -> None:
        """Write a new ring with one random key, readable by its owner only; an existing file is left as it is."""
        name = new_name()
        create_file(path, {"active": name, "keys": {name: new_key()}})

    def seal(self, clear: bytes, bound: str = "") -> tuple[str, bytes]:
        """The active key's id, and nonce plus ciphertext.

        Args:
            clear: what to encrypt.
            bound: what the ciphertext belongs to; it opens only where the same is said.
        """
        nonce = os.urandom(NONCE_BYTES)
        name = self.active
        return name, nonce + self._ciphers[name].encrypt(nonce, clear, _together(name, bound))

    def open(self, name: str, sealed: bytes, bound: str = "") -> bytes:
        """The clear bytes.

        Raises:
            UnknownKeyError: the ring has no such key.
            cryptography.exceptions.InvalidTag: the bytes were altered, or belong to something else.
        """
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise UnknownKeyError(f"no key {name!r} on the ring")
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _together(name, bound))


def _together(name: str, bound: str) -> bytes:
    return (f"{name}/{bound}" if bound else name).encode()


def new_name() -> str:
    """An id for a new key; it tells nothing of it."""
    return f"k{secrets.token_hex(4)}"


def new_key() -> str:
    """A random key as it stands in a file."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def create_file(path: Path, data: dict[str, Any]) -> None:
    """Write a file of keys that was not there, readable by its owner only; an existing one is left as it is."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    _write(handle, data)


def replace_file(path: Path, data: dict[str, Any]) -> None:
    """Write a file of keys anew: whoever reads it, and a power failure, sees the old or the new one, never a half."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    _write(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), data)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(handle: int, data: dict[str, Any]) -> None:
    with os.fdopen(handle, "w") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
