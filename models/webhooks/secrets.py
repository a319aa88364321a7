"""Secrets of endpoints, and the signatures made with them: Standard Webhooks, symmetric (``v1``)."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks.webhooks import Webhook

PREFIX: Final = "whsec_"
_BYTES: Final = 32
"""The specification asks for 24 to 64."""


def new_secret() -> bytes:
    """A random secret."""
    return secrets.token_bytes(_BYTES)


def shown(secret: bytes) -> str:
    """A secret as it is handed over."""
    return f"{PREFIX}{base64.b64encode(secret).decode()}"


def signatures(held: Sequence[bytes], message_id: str, at: datetime, body: str) -> str:
    """The header ``webhook-signature``: one signature by each secret that holds, with spaces between.

    Args:
        held: the secrets, the newest first.
        message_id: the header ``webhook-id``.
        at: the instant of sending, UTC; its whole seconds are the header ``webhook-timestamp``.
        body: what is sent, to the letter.
    """
    return " ".join(Webhook(secret).sign(message_id, at, body) for secret in held)
