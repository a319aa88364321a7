"""Payloads leave this process encrypted: AES-256-GCM, each with the id of the key it was made with.

A ring holds one active key and any number of older ones, so keys rotate while histories stay readable. A payload made
with a key that is not on the ring is refused: it fails closed.
"""

from collections.abc import Iterable, Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from models.vault import KeyRing

_ENCODING = b"binary/encrypted"


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
