"""From where somebody acted, without putting down their address: a keyed hash of it.

Two entries from one address have the same origin, so that an auditor sees that one account is used from two places, or
two accounts from one. Whoever holds the audit alone cannot try all addresses, because the key is not in it.
"""

import base64
import hashlib
import hmac
import os
import secrets
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
_DIGITS: Final = 16
"""Hexadecimal digits that are kept: enough to tell addresses of one service apart."""
_HOME: Final = 64
"""Of an IPv6 address the network's part counts: the rest changes by itself every few hours."""


class Origins:
    """Hashes addresses.

    Args:
        key: 32 bytes; another key gives other origins, which is how old ones are made useless.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the key that hides addresses must be 32 bytes long")
        self._key = key

    def of(self, address: str | None) -> str | None:
        """The origin of an address; None where there is none to be known."""
        if not address:
            return None
        return hmac.new(self._key, _home(address).encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    def keyed(self, said: str) -> str:
        """A keyed hash of something else that must not be put down as it is: what tries are counted under."""
        return hmac.new(self._key, f"keyed/{said}".encode(errors="replace"), hashlib.sha256).hexdigest()

    @classmethod
    def read(cls, path: Path) -> "Origins":
        """With the key in a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it holds no key.
        """
        return cls(base64.b64decode(path.read_text().strip(), validate=True))

    @classmethod
    def for_once(cls) -> "Origins":
        """With a key that nobody keeps: for a database that is thrown away."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @staticmethod
    def create(path: Path) -> None:
        """Write a new key, readable by its owner only; an existing file is left as it is."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())


def _home(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, _HOME), strict=False))
    return str(found.ipv4_mapped or found) if isinstance(found, IPv6Address) else str(found)
