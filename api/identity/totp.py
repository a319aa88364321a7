"""Time-based one-time codes (RFC 6238): six digits, 30 seconds, one step of grace on either side.

The instant is domain time, as everywhere.
"""

import hmac
from datetime import datetime
from typing import Final

import pyotp

ISSUER: Final = "An Nhi"
_STEP_SECONDS: Final = 30
_GRACE: Final = 1


def new_secret() -> str:
    """A new secret, base32, 160 bits."""
    return pyotp.random_base32()


def uri(secret: str, username: str) -> str:
    """The ``otpauth://`` address an authenticator reads, usually from a QR code made of it."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def step_of(secret: str, code: str, at: datetime, *, after: int) -> int | None:
    """The time step a code belongs to; None where it belongs to none, or to one that is not after ``after``.

    Args:
        secret: base32.
        code: as typed; spaces are allowed.
        at: domain instant.
        after: the newest step a code was taken of already: no code is taken twice.
    """
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdecimal()):
        return None
    now = int(at.timestamp()) // _STEP_SECONDS
    otp = pyotp.TOTP(secret)
    for step in range(now - _GRACE, now + _GRACE + 1):
        if step > after and hmac.compare_digest(otp.generate_otp(step), typed):
            return step
    return None
