"""Where key-encryption keys come from. A file is one way; a city's HSM or KMS is another and implements the same."""

from dataclasses import dataclass
from typing import Protocol


class KeysAwayError(Exception):
    """Keys cannot be had now: the service that holds them is away, or a key that is needed is not there.

    Its message is for the operator: ids and paths of keys, nothing else.
    """


class ErasedError(Exception):
    """The key of what is asked for was destroyed at the end of retention: nobody can read it any more."""


@dataclass(frozen=True)
class Wrapped:
    """A data key as it is stored: encrypted, with the id of the key that did it."""

    kek: str
    key: bytes


class KeyProvider(Protocol):
    """Wraps and unwraps data keys; the key-encryption keys themselves never leave it.

    A provider that asks over a network may remember what it unwrapped: whether a key was destroyed is looked up in the
    database each time, before it is asked.
    """

    async def active(self) -> str:
        """The id of the key that wraps now."""

    async def wrap(self, key: bytes, bound: str) -> Wrapped:
        """A data key, wrapped by the active key and bound to what it belongs to.

        Raises:
            KeysAwayError: not now.
        """

    async def unwrap(self, wrapped: Wrapped, bound: str) -> bytes:
        """The data key.

        Raises:
            KeysAwayError: the key that wrapped it is not there, or not now.
            AlteredError: it was altered, or belongs to something else.
        """

    async def mac(self, said: bytes) -> str:
        """A keyed hash, hex, that no rotation changes: what a request is remembered by."""
