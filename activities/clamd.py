"""ClamAV over its socket: a file is streamed through ``INSTREAM`` and nothing of it is kept there."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Final

_SECONDS: Final = 60.0
"""How long clamd may say nothing."""


class ScannerAwayError(Exception):
    """The scanner does not answer, or not as it should."""


class Clamd:
    """One configured scanner.

    Args:
        address: ``host:port``, or the path of its Unix socket.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    async def finds(self, clear: AsyncIterator[bytes]) -> bool:
        """Whether something harmful is in a stream.

        Raises:
            ScannerAwayError: it cannot be said now: it stays in quarantine.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            raise ScannerAwayError(type(error).__name__) from None
        try:
            async with asyncio.timeout(_SECONDS) as patience:
                writer.write(b"zINSTREAM\0")
                async for piece in clear:
                    writer.write(struct.pack(">I", len(piece)) + piece)
                    await writer.drain()
                    patience.reschedule(asyncio.get_running_loop().time() + _SECONDS)
                writer.write(struct.pack(">I", 0))
                await writer.drain()
                said = await reader.readuntil(b"\0")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScannerAwayError(type(error).__name__) from None
        finally:
            writer.close()
        return _verdict(said)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host, int(port))


def _verdict(said: bytes) -> bool:
    """``stream: OK`` or ``stream: <name> FOUND``; anything else is no verdict."""
    words = said.rstrip(b"\0").decode(errors="replace").strip()
    if words == "stream: OK":
        return False
    if words.startswith("stream: ") and words.endswith(" FOUND"):
        return True
    raise ScannerAwayError(words.removeprefix("stream: ")[:80])
