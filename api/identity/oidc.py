"""Signing in at an organisation's OpenID provider: authorization code with PKCE, state and nonce.

What a provider says is believed only where its own key signed it, for us, for this very sign-in, and just now. Who
somebody is, is (issuer, subject): a name or an e-mail address from a provider is read by nobody here.
Sources: OpenID Connect Core 1.0 §3.1, Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
"""

import hashlib
import secrets
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures we take: by a key of the provider's own. Never ``none``, never one made with our shared secret."""
SKEW_SECONDS: Final = 60
"""How far the provider's clock and ours may differ."""

_FRESH_SECONDS: Final = 3600
_TIMEOUT: Final = 5.0
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderAwayError(Exception):
    """The provider cannot be reached, or does not answer as one."""


class NotConfirmedError(Exception):
    """The provider's answer does not say who this is."""


class Provider(BaseModel):
    """One provider, as the operator configures it. ``key`` stands in addresses, the names on the sign-in page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    name_vi: str
    name_en: str
    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=255)]
    client_id: str
    client_secret: SecretStr


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: list[Provider]


def read_providers(path: Path | None) -> tuple[Provider, ...]:
    """The providers in a TOML file of ``[[provider]]`` tables; none without a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file; what is in it is not repeated.
    """
    if path is None:
        return ()
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).provider
    except (tomllib.TOMLDecodeError, ValidationError):
        raise ValueError("ANNHI_OIDC_FILE is not a list of [[provider]] tables") from None
    if len({one.key for one in found}) != len(found) or not all(_safe(one.issuer) for one in found):
        raise ValueError("ANNHI_OIDC_FILE: keys must differ, and issuers be https (http on this machine only)")
    return tuple(found)


@dataclass(frozen=True)
class Asked:
    """A sign-in that was begun: where the browser goes, and what its answer must fit."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Confirmed:
    """Who somebody is, as the provider signed it."""

    issuer: str
    subject: str


class Relying:
    """Our side of one provider.

    Args:
        provider: its configuration.
        redirect_uri: where the browser comes back to.
    """

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._metadata: dict[str, Any] = {}
        self._read_at = 0.0
        self._keys: KeySet | None = None

    async def begin(self, now: datetime, language: str) -> Asked:
        """Begin a sign-in.

        Args:
            now: the platform's instant.
            language: in which the provider is asked to speak.

        Raises:
            ProviderAwayError: the provider cannot be asked where its pages are.
        """
        metadata = await self._discover(now)
        asked = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        challenge = urlsafe_b64encode(hashlib.sha256(asked["verifier"].encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid",
            "state": asked["state"],
            "nonce": asked["nonce"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        page = str(metadata["authorization_endpoint"])
        return Asked(f"{page}{'&' if '?' in page else '?'}{urlencode(query)}", **asked)

    async def finish(self, answer: Mapping[str, str], *, nonce: str, verifier: str, now: datetime) -> Confirmed:
        """Who came back, by the code in the answer.

        Args:
            answer: the query the browser came back with; its ``state`` was compared already.
            nonce: of ``begin``.
            verifier: of ``begin``.
            now: the platform's instant, which is the provider's as well.

        Raises:
            NotConfirmedError: the provider refused, or what it signed is not for us, for this sign-in and for now.
            ProviderAwayError: the provider cannot be reached.
        """
        metadata = await self._discover(now)
        code = answer.get("code")
        if code is None or answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise NotConfirmedError
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        secret = self.provider.client_secret.get_secret_value()
        async with _http() as http:
            try:
                # RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
                auth = httpx.BasicAuth(quote(self.provider.client_id, safe=""), quote(secret, safe=""))
                said = await http.post(str(metadata["token_endpoint"]), data=form, auth=auth)
            except httpx.HTTPError as error:
                raise ProviderAwayError from error
        if said.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ProviderAwayError
        token = _json(said).get("id_token") if said.is_success else None
        if not isinstance(token, str):
            raise NotConfirmedError
        return await self._read(token, nonce, now)

    async def _read(self, token: str, nonce: str, now: datetime) -> Confirmed:
        client_id = self.provider.client_id
        try:
            claims = (await self._verified(token, now)).claims
            jwt.JWTClaimsRegistry(
                now=int(now.timestamp()),
                leeway=SKEW_SECONDS,
                iss={"essential": True, "value": self.provider.issuer},
                aud={"essential": True, "value": client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotConfirmedError from error
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != client_id:
            raise NotConfirmedError
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject:
            raise NotConfirmedError
        return Confirmed(self.provider.issuer, subject)

    async def _verified(self, token: str, now: datetime) -> jwt.Token:
        """The token, its signature checked; with keys read anew where the provider has changed them since."""
        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                self._keys = None
        return jwt.decode(token, await self._read_keys(now), algorithms=list(ALGORITHMS))

    async def _read_keys(self, now: datetime) -> KeySet:
        metadata = await self._discover(now)
        said = await _get(str(metadata["jwks_uri"]))
        try:
            self._keys = KeySet.import_key_set(said)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderAwayError from error
        return self._keys

    async def _discover(self, now: datetime) -> dict[str, Any]:
        if self._metadata and now.timestamp() - self._read_at < _FRESH_SECONDS:
            return self._metadata
        said = await _get(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        # Discovery 1.0 §4.3: a document that names another issuer is somebody else's.
        if said.get("issuer") != self.provider.issuer or not all(_safe(str(said.get(name, ""))) for name in wanted):
            raise ProviderAwayError
        self._metadata, self._read_at = said, now.timestamp()
        return said


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)


async def _get(url: str) -> dict[str, Any]:
    async with _http() as http:
        try:
            said = await http.get(url)
        except httpx.HTTPError as error:
            raise ProviderAwayError from error
    if not said.is_success:
        raise ProviderAwayError
    return _json(said)


def _json(said: httpx.Response) -> dict[str, Any]:
    try:
        value = said.json()
    except ValueError as error:
        raise ProviderAwayError from error
    if not isinstance(value, dict):
        raise ProviderAwayError
    return value


def _safe(url: str) -> bool:
    """TLS, save on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
