"""A seal: how many entries, which, their Merkle root, the seal before, and a signature over all of it."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from models.audit.canonical import HASH_BYTES, ID_BYTES, LEAF_BYTES, dump, merkle_root

_FORMAT: Final = "annhi-seal-1"
NOTHING_BEFORE: Final = bytes(HASH_BYTES)
"""What the first seal names as the one before it."""


class SealError(ValueError):
    """Something is no seal, or no file of keys."""


@dataclass(frozen=True)
class Seal:
    """One seal.

    Attributes:
        number: 1, 2, 3 … without a gap.
        at: domain instant, as text in UTC.
        upto_turn: the place of the last entry it covers, in the order in which entries are sealed …
        upto_id: … and that entry's id; every entry from the seal before up to here is a leaf of this seal.
        count: how many entries.
        root: their Merkle root.
        previous: the hash of the seal before.
        key_id: which key signed.
        leaves: id and hash of every entry, in order, 48 bytes each. Not signed by itself: the root is.
        signature: Ed25519 over ``statement``.
    """

    number: int
    at: str
    upto_turn: int
    upto_id: UUID
    count: int
    root: bytes
    previous: bytes
    key_id: str
    leaves: bytes
    signature: bytes = b""

    @classmethod
    def over(
        cls, leaves: list[tuple[UUID, bytes]], *, after: "Seal | None", at: str, upto: tuple[int, UUID], key_id: str
    ) -> "Seal":
        """The unsigned seal over entries.

        Args:
            leaves: id and leaf hash of each, in order.
            after: the seal before; None for the first.
            at: domain instant, as text.
            upto: turn and id up to which nothing more can come.
            key_id: who will sign.
        """
        return cls(
            number=after.number + 1 if after else 1,
            at=at,
            upto_turn=upto[0],
            upto_id=upto[1],
            count=len(leaves),
            root=merkle_root([hashed for _, hashed in leaves]),
            previous=after.hash if after else NOTHING_BEFORE,
            key_id=key_id,
            leaves=b"".join(identity.bytes + hashed for identity, hashed in leaves),
        )

    @property
    def statement(self) -> str:
        """What is signed."""
        return dump(
            [
                _FORMAT, str(self.number), self.at, str(self.upto_turn), str(self.upto_id), str(self.count),
                self.root.hex(), self.previous.hex(), self.key_id,
            ]
        )  # fmt: skip

    @cached_property
    def hash(self) -> bytes:
        """What the next seal names as the one before it."""
        return hashlib.sha256(self.statement.encode() + self.signature).digest()

    @property
    def consistent(self) -> bool:
        """Whether the leaves are those of the root."""
        if len(self.leaves) != self.count * LEAF_BYTES:
            return False
        return merkle_root([hashed for _, hashed in self.entries()]) == self.root

    def entries(self) -> Iterator[tuple[UUID, bytes]]:
        """Id and leaf hash of every entry under this seal."""
        for at in range(0, len(self.leaves) - LEAF_BYTES + 1, LEAF_BYTES):
            yield UUID(bytes=self.leaves[at : at + ID_BYTES]), self.leaves[at + ID_BYTES : at + LEAF_BYTES]

    def line(self) -> str:
        """The seal as a line of a file."""
        return json.dumps({"seal": self.statement, "signature": _text(self.signature), "leaves": _text(self.leaves)})

    @classmethod
    def read(cls, text: str) -> "Seal":
        """The seal in a line.

        Raises:
            SealError: it is none, or not written as ``line`` writes it.
        """
        try:
            held = json.loads(text)
            said = json.loads(held["seal"])
            made = cls(
                number=int(said[1]), at=said[2], upto_turn=int(said[3]), upto_id=UUID(said[4]), count=int(said[5]),
                root=bytes.fromhex(said[6]), previous=bytes.fromhex(said[7]), key_id=said[8],
                leaves=_bytes(held["leaves"]), signature=_bytes(held["signature"]),
            )  # fmt: skip
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise SealError("no seal") from error
        if made.line() != text:
            raise SealError("not written as a seal is")
        return made


class PublicKeys:
    """The keys that verify seals, by id; an id is the beginning of the key's own hash.

    Args:
        keys: raw Ed25519 public keys.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.raw = dict(keys)
        self._keys = {name: Ed25519PublicKey.from_public_bytes(raw) for name, raw in self.raw.items()}
        for name, raw in self.raw.items():
            if name != key_id(raw):
                raise SealError(f"the key called {name} is another one")

    def signed(self, seal: Seal) -> bool:
        """Whether a seal was signed by a key of these."""
        key = self._keys.get(seal.key_id)
        if key is None:
            return False
        try:
            key.verify(seal.signature, seal.statement.encode())
        except InvalidSignature:
            return False
        return True

    def text(self) -> str:
        """The keys as a file."""
        return json.dumps({name: _text(raw) for name, raw in sorted(self.raw.items())}, indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> "PublicKeys":
        """The keys in a file.

        Raises:
            OSError: it cannot be read.
            SealError: it holds no keys.
        """
        try:
            return cls({name: _bytes(raw) for name, raw in json.loads(path.read_text()).items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise SealError(f"{path} holds no public keys") from error


class SigningKeys:
    """The private keys of the sealer, one of them active; older ones stay for their public halves.

    Args:
        keys: 32-byte Ed25519 seeds by id.
        active: the id of the key that signs.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise SealError(f"there is no key {active!r}, which is called active")
        private = {name: Ed25519PrivateKey.from_private_bytes(seed) for name, seed in keys.items()}
        self.active = active
        self._signing = private[active]
        self.public = PublicKeys({name: _raw(key) for name, key in private.items()})

    def sign(self, seal: Seal) -> Seal:
        """The seal with its signature."""
        return replace(seal, signature=self._signing.sign(seal.statement.encode()))

    @classmethod
    def read(cls, path: Path) -> "SigningKeys":
        """The keys in a JSON file ``{"active": id, "keys": {id: base64}}``.

        Raises:
            OSError: the file cannot be read.
            SealError: it holds no such keys.
        """
        try:
            data = json.loads(path.read_text())
            return cls({name: _bytes(seed) for name, seed in data["keys"].items()}, data["active"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # Without its cause, which could quote the file.
            raise SealError(f"{path} holds no signing keys") from (error if isinstance(error, SealError) else None)

    @staticmethod
    def create(path: Path) -> None:
        """Write a file with one new key, readable by its owner only; an existing one is left as it is."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        key = Ed25519PrivateKey.generate()
        name = key_id(_raw(key))
        with os.fdopen(handle, "w") as file:
            json.dump({"active": name, "keys": {name: _text(key.private_bytes_raw())}}, file)
            file.flush()
            os.fsync(file.fileno())


def key_id(public: bytes) -> str:
    """The id of a public key: the beginning of its SHA-256, so that no other key can go by it."""
    return hashlib.sha256(public).hexdigest()[:16]


def instant(at: datetime) -> str:
    """A seal's instant as text."""
    return at.astimezone(UTC).isoformat()


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)
