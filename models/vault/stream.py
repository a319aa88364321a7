"""Files of any size sealed frame by frame, so that neither uploading nor reading one needs it in memory.

A frame is AES-256-GCM with its number and whether it is the last one as nonce, under a key that is made for this one
object: none can be left out, repeated, swapped or cut off unseen.
"""

from collections.abc import AsyncIterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.vault.datakey import AlteredError, DataKey

FRAME: Final = 256 * 1024
_TAG: Final = 16


async def seal_stream(key: DataKey, name: str, clear: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is stored of a stream.

    Args:
        key: the case's.
        name: the object's name, never used before.
        clear: the bytes, in pieces of any size.
    """
    cipher, number, held = AESGCM(key.for_object(name)), 0, bytearray()
    async for piece in clear:
        held += piece
        while len(held) > FRAME:
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:FRAME]), None)
            del held[:FRAME]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), None)


async def open_stream(key: DataKey, name: str, sealed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The clear bytes of a stored object.

    Raises:
        AlteredError: it is not what was stored; what was given before that point was right.
    """
    cipher, number, held = AESGCM(key.for_object(name)), 0, bytearray()
    try:
        async for piece in sealed:
            held += piece
            while len(held) > FRAME + _TAG:
                yield cipher.decrypt(_nonce(number, last=False), bytes(held[: FRAME + _TAG]), None)
                del held[: FRAME + _TAG]
                number += 1
        yield cipher.decrypt(_nonce(number, last=True), bytes(held), None)
    except (InvalidTag, ValueError):
        raise AlteredError from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
