"""The key-encryption keys in a file beside the other secrets; rotating it does not stop anybody.

``{"active": id, "keys": {id: base64}, "mac": base64}``. A process reads it when it starts and again whenever it has
changed. Where several machines hold a copy: first add the new key everywhere, then make it the active one.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag

from models.vault.datakey import AlteredError
from models.vault.provider import KeysAwayError, Wrapped
from models.vault.ring import KeyRing, UnknownKeyError, create_file, new_key, new_name, replace_file

_LOG = structlog.get_logger("vault")


class FileKeys:
    """The provider that reads a file.

    Args:
        path: the file.

    Raises:
        KeysAwayError: there is none, or it is not one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _changed(path)
        self._ring, self._mac = _read(path)

    async def active(self) -> str:
        """The id of the key that wraps now."""
        return self._fresh().active

    async def wrap(self, key: bytes, bound: str) -> Wrapped:
        """A data key, wrapped by the active key."""
        return Wrapped(*self._fresh().seal(key, bound))

    async def unwrap(self, wrapped: Wrapped, bound: str) -> bytes:
        """The data key.

        Raises:
            KeysAwayError: the file has no such key.
            AlteredError: it was altered, or belongs to something else.
        """
        try:
            return self._fresh().open(wrapped.kek, wrapped.key, bound)
        except UnknownKeyError:
            message = f"the key {wrapped.kek} is not in {self._path}: restore the file that has it"
            _LOG.error("key not there", key_id=wrapped.kek, key_file=str(self._path))
            raise KeysAwayError(message) from None
        except InvalidTag:
            raise AlteredError from None

    async def mac(self, said: bytes) -> str:
        """A keyed hash that no rotation changes."""
        return hmac.new(self._mac, said, hashlib.sha256).hexdigest()

    def _fresh(self) -> KeyRing:
        """The ring as the file has it now; where that cannot be read, as it was."""
        if (now := _changed(self._path)) != self._seen:
            try:
                self._ring, self._mac = _read(self._path)
            except KeysAwayError:
                _LOG.exception("the key file cannot be read; going on with the keys known", key_file=str(self._path))
            else:
                _LOG.info("key file read again", active=self._ring.active)
            self._seen = now
        return self._ring


def create(path: Path) -> None:
    """Write a new file with one key; an existing one is left as it is."""
    name = new_name()
    create_file(path, {"active": name, "keys": {name: new_key()}, "mac": new_key()})


def names(path: Path) -> set[str]:
    """The ids of the keys in the file; none where there is no file.

    Raises:
        KeysAwayError: it is there and cannot be read.
    """
    return set(_load(path)["keys"]) if path.exists() else set()


def add(path: Path) -> str:
    """Put a new key into the file, not active yet. Returns its id."""
    data = _load(path)
    name = new_name()
    data["keys"][name] = new_key()
    replace_file(path, data)
    return name


def activate(path: Path, name: str) -> None:
    """Make a key of the file the one that wraps from now on.

    Raises:
        KeysAwayError: the file has no such key.
    """
    data = _load(path)
    if name not in data["keys"]:
        raise KeysAwayError(f"the key {name} is not in {path}")
    data["active"] = name
    replace_file(path, data)


def retire(path: Path, name: str) -> None:
    """Take a key out of the file for good. Whether something is still wrapped by it is the caller's to know.

    Raises:
        KeysAwayError: the file has no such key, or it is the active one.
    """
    data = _load(path)
    if name not in data["keys"] or name == data["active"]:
        raise KeysAwayError(f"the key {name} is not in {path}, or it is the active one")
    del data["keys"][name]
    replace_file(path, data)


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
        KeyRing.of(data)
        base64.b64decode(data["mac"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysAwayError(f"{path} cannot be read as a file of keys ({type(error).__name__})") from None
    found: dict[str, Any] = data
    return found


def _read(path: Path) -> tuple[KeyRing, bytes]:
    data = _load(path)
    return KeyRing.of(data), base64.b64decode(data["mac"])


def _changed(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
