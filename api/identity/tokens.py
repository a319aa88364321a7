"""Secrets that are handed out once and kept as hashes: session tokens, steps, set-up links, service tokens, codes.

Each is random with 256 bits (a recovery code with 80), so a plain SHA-256 is enough: there is nothing to guess.
"""

import hashlib
import secrets
from typing import Final

SERVICE: Final = "ans_"
"""How a token of an agency's system begins, so that it is told from a person's and found by secret scanners."""

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4


def new_token(prefix: str = "") -> str:
    """A new secret of 43 characters and its prefix."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def new_recovery_code() -> str:
    """A code to be kept on paper: 80 bits in groups of four letters that are not mistaken for one another."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_GROUPS))


def new_receipt_code() -> str:
    """A receipt to be written down: 99 bits, in groups as a recovery code has them."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_GROUPS + 1))


def recovery_hash(code: str) -> str:
    """What is stored of a recovery code or a receipt, however it was typed."""
    return token_hash("".join(character for character in code.lower() if character.isalnum()))
