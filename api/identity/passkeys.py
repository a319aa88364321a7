"""Passkeys (WebAuthn level 2) as second factor: what a browser is asked, and whether its answer is right.

Attestation is not asked for: which make of authenticator somebody has is not our business, that it is theirs is.
User verification is asked for, not insisted on: the password came first, the key is what one has.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

NAME: Final = "An Nhi"
_LONGEST_ID: Final = 1023
"""Bytes a credential's id may have (WebAuthn)."""
_BROKEN: Final = (WebAuthnException, ValueError, TypeError, KeyError, OverflowError)
"""What the library raises at an answer that is wrong, or that is no answer at all."""


class RefusedPasskeyError(Exception):
    """The answer is not that of a passkey to the question asked."""


@dataclass(frozen=True)
class NewPasskey:
    """What is kept of a passkey."""

    credential_id: str
    public_key: bytes
    sign_count: int


@dataclass(frozen=True)
class Site:
    """Where passkeys hold: the host and origin of the address people use."""

    host: str
    origin: str

    @classmethod
    def at(cls, public_url: str) -> "Site":
        """The site of an address."""
        parts = urlsplit(public_url)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


def ask_to_register(
    site: Site, *, handle: bytes, username: str, challenge: bytes, known: Iterable[str]
) -> dict[str, Any]:
    """The options of ``navigator.credentials.create``.

    Args:
        site: where it is to hold.
        handle: what the authenticator knows the account by; no name.
        username: shown to its holder by the authenticator.
        challenge: random, asked once.
        known: credentials the account has already.
    """
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=NAME,
        user_id=handle,
        user_name=username,
        challenge=challenge,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
    )
    asked: dict[str, Any] = json.loads(options_to_json(options))
    return asked


def registered(site: Site, answer: dict[str, Any], *, challenge: bytes) -> NewPasskey:
    """The passkey a browser made.

    Raises:
        RefusedPasskeyError: it answers another question, or holds at another site, or is no answer.
    """
    try:
        found = webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=site.host, expected_origin=site.origin
        )
    except _BROKEN as error:
        raise RefusedPasskeyError from error
    if len(found.credential_id) > _LONGEST_ID:
        raise RefusedPasskeyError
    return NewPasskey(bytes_to_base64url(found.credential_id), found.credential_public_key, found.sign_count)


def ask_to_sign(site: Site, *, challenge: bytes, known: Iterable[str]) -> dict[str, Any]:
    """The options of ``navigator.credentials.get``, for the credentials an account has."""
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    asked: dict[str, Any] = json.loads(options_to_json(options))
    return asked


def signed(site: Site, answer: dict[str, Any], *, challenge: bytes, public_key: bytes, sign_count: int) -> int:
    """The new counter of a passkey that answered rightly.

    Raises:
        RefusedPasskeyError: wrong signature, question or site, a counter that went back, or no answer.
    """
    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
        )
    except _BROKEN as error:
        raise RefusedPasskeyError from error
    return found.new_sign_count
