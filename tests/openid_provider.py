"""A real OpenID provider on this machine: idpyoidc, the certified implementation of another house, served over HTTP.

What is ours here is the plumbing only: HTTP in, the library's endpoint, HTTP out. Whoever ``user`` names is signed in
there. Tests may have it turn its keys over, or alter an answer on its way, as an attacker would. ``claims`` are what it
signed last.
"""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from cryptojwt.jws.jws import JWS
from cryptojwt.key_jar import build_keyjar
from cryptojwt.utils import b64d
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.oauth2.add_on.pkce import CC_METHOD
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "an-nhi", "secret-of-the-tests-only-0123456789"
KEYS = [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}]


def _configuration(issuer: str, folder: Path, user: str) -> dict[str, Any]:
    def endpoint(path: str, kind: str, **kwargs: Any) -> dict[str, Any]:
        return {"path": path, "class": f"idpyoidc.server.oidc.{kind}", "kwargs": kwargs}

    return {
        "issuer": issuer,
        "httpc_params": {"verify": False},
        "key_conf": {"key_defs": KEYS, "uri_path": "jwks.json"},
        "cookie_handler": {
            "class": "idpyoidc.server.cookie_handler.CookieHandler",
            "kwargs": {
                "keys": {"key_defs": [{"type": "OCT", "use": ["enc"], "kid": "enc"},
                                      {"type": "OCT", "use": ["sig"], "kid": "sig"}]},
                "name": {"session": "oidc_op", "register": "oidc_op_rp", "session_management": "sman"},
            },
        },
        "token_handler_args": {
            "key_conf": {"key_defs": [{"type": "oct", "bytes": 24, "use": ["enc"], "kid": "code"}]},
            "code": {"lifetime": 600, "kwargs": {"crypt_conf": {"kwargs": {"password": "p" * 24, "salt": "s" * 24}}}},
            "token": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 3600}},
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {"lifetime": 300}},
        },
        "endpoint": {
            "provider_config": endpoint(
                ".well-known/openid-configuration", "provider_config.ProviderConfiguration", client_authn_method=None
            ),
            "authorization": endpoint(
                "authorization", "authorization.Authorization", client_authn_method=None,
                response_types_supported=["code"], response_modes_supported=["query"],
            ),
            "token": endpoint("token", "token.Token", client_authn_method=["client_secret_basic"]),
        },
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
                "kwargs": {"essential": True, "code_challenge_methods": {"S256": CC_METHOD["S256"]}},
            }
        },
        "authentication": {
            "anon": {
                "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
                "class": "idpyoidc.server.user_authn.user.NoAuthn",
                "kwargs": {"user": user},
            }
        },
        "userinfo": {"class": "idpyoidc.server.user_info.UserInfo", "kwargs": {"db": {}}},
        "template_dir": str(folder),
    }  # fmt: skip


@dataclass
class OpenIdProvider:
    """The provider as a test holds it. ``alter`` may change the token endpoint's answer on its way out."""

    issuer: str
    server: Server
    alter: Callable[[dict[str, Any]], dict[str, Any]] = lambda said: said
    asked: list[dict[str, str]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    away: bool = False

    def is_asked_by(self, user: str) -> None:
        """From now on this is who sits in front of it."""
        for one in self.server.context.authn_broker.db.values():
            one["method"].user = user

    def expects(self, redirect_uri: str) -> None:
        """The client that may ask."""
        self.server.context.cdb[CLIENT] = {
            "client_secret": SECRET,
            "redirect_uris": [(redirect_uri, {})],
            "token_endpoint_auth_method": "client_secret_basic",
            "response_types_supported": ["code"],
            "allowed_scopes": ["openid"],
            "id_token_signed_response_alg": "RS256",
        }
        self.server.keyjar.add_symmetric(CLIENT, SECRET)

    def turn_keys_over(self, algorithm: str = "RS256") -> None:
        """New keys sign; the old ones are gone from what it publishes."""
        fresh = build_keyjar(KEYS)
        for name in ("", self.issuer):
            self.server.keyjar._issuers.pop(name, None)
            self.server.keyjar.import_jwks(fresh.export_jwks(private=True), name)
        self.server.context.cdb[CLIENT]["id_token_signed_response_alg"] = algorithm

    def signed(self, claims: dict[str, Any], algorithm: str = "RS256", keys: Any = None) -> str:
        """Claims of one's choice, signed with the provider's own key or with another."""
        kind = "RSA" if algorithm.startswith("RS") else "EC"
        own = [key for key in self.server.keyjar.get_issuer_keys("") if key.kty == kind]
        return str(JWS(json.dumps(claims), alg=algorithm).sign_compact(keys or own))

    # --- plumbing ----------------------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks.json", self._keys),
                Route("/authorization", self._authorization),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, _request: Request) -> Response:
        if self.away:
            return Response(status_code=503)
        endpoint = self.server.get_endpoint("provider_config")
        said = endpoint.process_request()
        info = dict(said.get("response_args", said))
        return JSONResponse({**info, "jwks_uri": f"{self.issuer}/jwks.json"})

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(self.server.keyjar.export_jwks())

    async def _authorization(self, request: Request) -> Response:
        self.asked.append(dict(request.query_params))
        endpoint = self.server.get_endpoint("authorization")
        parsed = endpoint.parse_request(dict(request.query_params), http_info=self._info(request))
        if "error" in parsed:
            return JSONResponse(parsed.to_dict(), 400)
        args = endpoint.process_request(parsed, http_info=self._info(request))
        said = endpoint.do_response(request=parsed, **args)
        return RedirectResponse(said["response"] if isinstance(said["response"], str) else args["return_uri"], 302)

    async def _token(self, request: Request) -> Response:
        endpoint = self.server.get_endpoint("token")
        form = (await request.body()).decode()
        parsed = endpoint.parse_request(form, http_info=self._info(request))
        args = parsed if "error" in parsed else endpoint.process_request(parsed, http_info=self._info(request))
        if "error" in args:
            return JSONResponse({"error": args["error"]}, 400)
        said = dict(args["response_args"])
        self.claims = json.loads(b64d(said["id_token"].split(".")[1].encode()))
        return JSONResponse(self.alter(said))

    @staticmethod
    def _info(request: Request) -> dict[str, Any]:
        return {"headers": dict(request.headers), "url": str(request.url), "cookie": []}


@asynccontextmanager
async def open_id_provider() -> AsyncIterator[OpenIdProvider]:
    """The provider on a free port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        conf = _configuration(issuer, Path(folder), "nobody")
        server = Server(OPConfiguration(conf=conf, base_path=folder), cwd=folder)
        made = OpenIdProvider(issuer, server)
        served = uvicorn.Server(uvicorn.Config(made.app(), log_level="warning", lifespan="off"))
        task = asyncio.create_task(served.serve(sockets=[listening]))
        try:
            while not served.started:  # noqa: ASYNC110 - uvicorn says so by a flag
                await asyncio.sleep(0.01)
            yield made
        finally:
            served.should_exit = True
            await task
