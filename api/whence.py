"""From where and why somebody asks: what the audit holds of a request beside who, what and when.

``X-Purpose`` is a code of the vocabulary ``purposes``; ``X-Reason`` says more in words, as percent-encoded UTF-8,
because a header holds no Vietnamese. Neither is in an address, a log or a trace; the words are stored encrypted.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple
from urllib.parse import unquote

from fastapi import Header, Request

from api.errors import fault
from models.audit.origin import Origins
from models.records.audit import SealedReason, seal_reason
from models.settings import Settings
from models.vault import KeyRing
from models.vocabulary import clean_text, codes
from models.vocabulary.fold import UncleanTextError

PURPOSE: Final = "X-Purpose"
REASON: Final = "X-Reason"
_LONGEST: Final = 500
"""Characters a reason may have."""


@dataclass(frozen=True)
class DoorKeys:
    """The keys of the door.

    Attributes:
        origins: hides addresses.
        ring: encrypts reasons, and the secrets of second factors.
    """

    origins: Origins
    ring: KeyRing

    @classmethod
    def read(cls, settings: Settings) -> "DoorKeys":
        """Those of this process.

        Raises:
            OSError, ValueError: a file of keys is missing or holds none.
        """
        return cls(Origins.read(settings.origin_key), KeyRing.read(settings.key_file))

    @classmethod
    def for_once(cls) -> "DoorKeys":
        """Keys that nobody keeps, for a database that is thrown away: a drill's, a test's."""
        return cls(Origins.for_once(), KeyRing({"once": secrets.token_bytes(32)}, "once"))


@dataclass(frozen=True)
class Whence:
    """From where, as a keyed hash, and why."""

    origin: str | None = None
    purpose: str | None = None
    reason: SealedReason | None = None


class Stated(NamedTuple):
    """What a request's headers say of why, unchecked: first it has to be known who says it."""

    purpose: str | None
    reason: str | None


UNSTATED: Final = Stated(None, None)
"""Nothing was said: a page, whose forms have fields of their own for it."""


def stated(
    purpose: Annotated[
        str | None, Header(alias=PURPOSE, description="Why: a code of the vocabulary `purposes`. Goes into the audit.")
    ] = None,
    reason: Annotated[
        str | None,
        Header(
            alias=REASON,
            description="Why, in words: percent-encoded UTF-8, 500 characters at most. Goes into the audit, encrypted.",
        ),
    ] = None,
) -> Stated:
    """The two headers."""
    return Stated(purpose, reason)


def whence(request: Request, keys: DoorKeys, said: Stated) -> Whence:
    """From where and why.

    Raises:
        Problem: ``invalid-request`` where purpose or reason is none.
    """
    if said.purpose is not None and said.purpose not in codes("purposes"):
        raise fault("unknown", "header", PURPOSE)
    return Whence(
        origin=keys.origins.of(request.client.host if request.client else None),
        purpose=said.purpose,
        reason=seal_reason(keys.ring, _words(said.reason)) if said.reason is not None else None,
    )


def _words(header: str) -> str:
    try:
        words = clean_text(unquote(header, errors="strict")).strip()
    except UncleanTextError as error:
        raise fault(error.code, "header", REASON) from None
    except UnicodeDecodeError:
        raise fault("not-utf-8", "header", REASON) from None
    if not header.isascii():
        raise fault("not-percent-encoded", "header", REASON)
    if not 0 < len(words) <= _LONGEST:
        raise fault("empty" if not words else "too-long", "header", REASON)
    return words
