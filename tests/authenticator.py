"""A passkey authenticator in software: it makes real keys, signs real data and writes real CBOR, as a phone would.

Written after WebAuthn level 2 §6 with ``cryptography`` and ``cbor2`` alone, so that what the service verifies was made
by other code than verifies it.
"""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One device with one credential. ``origin`` is what its browser would say; tests may have it lie."""

    origin: str = "http://door.test"
    eddsa: bool = False
    count: int = 0
    flags: int = PRESENT | VERIFIED
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        self.key: Any = ed25519.Ed25519PrivateKey.generate() if self.eddsa else ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any], *, challenge: str | None = None) -> dict[str, Any]:
        """``navigator.credentials.create``."""
        client = self._client("webauthn.create", challenge or options["challenge"])
        cose = cbor2.dumps(self._cose())
        attested = b"\0" * 16 + struct.pack(">H", len(self.credential)) + self.credential + cose
        data = self._data(options["rp"]["id"], self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"attestationObject": b64(attestation), "clientDataJSON": b64(client)})

    def sign(self, options: dict[str, Any], *, challenge: str | None = None) -> dict[str, Any]:
        """``navigator.credentials.get``."""
        self.count += 1
        client = self._client("webauthn.get", challenge or options["challenge"])
        data = self._data(options["rpId"], self.flags)
        signed = data + hashlib.sha256(client).digest()
        signature = self.key.sign(signed) if self.eddsa else self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "authenticatorData": b64(data),
                "clientDataJSON": b64(client),
                "signature": b64(signature),
                "userHandle": None,
            }
        )

    def _cose(self) -> dict[int, Any]:
        if self.eddsa:
            return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _data(self, host: str, flags: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.credential),
            "rawId": b64(self.credential),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
