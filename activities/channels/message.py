"""What is handed to a channel, and how a channel says that it failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Outcome = Literal["sent", "failed", "waiting"]


@dataclass(frozen=True)
class Message:
    """One message to one address. ``message_id`` stays the same however often it is sent."""

    id: UUID
    channel: str
    message_id: str
    to: str
    language: str
    subject: str
    text: str
    at: datetime


class Rejected(Exception):  # noqa: N818 - what happened to the message, not a fault of ours
    """The server will never take this message. ``code`` is stable and holds no address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unreachable(Exception):  # noqa: N818 - as above
    """The server could not be asked, or asks to come back later; whether the message left may be in doubt."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Channel(Protocol):
    """A way to send. Used by several tasks at once."""

    async def send(self, message: Message) -> None:
        """Hand the message over; returning means that the server has taken it.

        Raises:
            Rejected: never again.
            Unreachable: later.
        """

    async def close(self) -> None:
        """Let go of connections."""
