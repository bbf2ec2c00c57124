"""An OpenID Connect provider with accounts of our own: authorization code flow, RS256, PKCE.

As small as a provider can be that a client who checks everything still trusts. Whoever is sent to
it chooses an account by its button. After OpenID Connect Core 1.0, Discovery 1.0 and RP-Initiated
Logout 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "cache-monitor", "client-secret-for-tests"
TOKEN_LIVES_S = 3_600
_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whom the provider knows."""

    email: str
    email_verified: bool = True


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code stands for, until it is exchanged."""

    account: Account
    redirect_uri: str
    nonce: str
    challenge: str


class OidcProvider:
    """Serves on 127.0.0.1 in a thread of its own until `stop`.

    `redirect_uris`: where it sends people back to; none but these. `signs_with_a_foreign_key`: id
    tokens are signed with a key that is not published. `signed_out`: id tokens of those who ended
    their session here.
    """

    def __init__(self, *accounts: Account) -> None:
        self.redirect_uris: set[str] = set()
        self.signs_with_a_foreign_key = False
        self.signed_out: list[str] = []
        self._accounts = {account.email: account for account in accounts}
        self._key = RSAKey.generate_key(2048, {"kid": "published"})
        self._foreign_key = RSAKey.generate_key(2048, {"kid": "published"})
        self._grants: dict[str, _Grant] = {}
        self._line = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._line.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="warning", ws="none", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._line]}, name="oidc", daemon=True
        )
        self._thread.start()

    @property
    def metadata_url(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_START_S)
        self._line.close()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/choose", self._choose),
                Route("/token", self._token, methods=["POST"]),
                Route("/end_session", self._end_session),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "end_session_endpoint": f"{self.url}/end_session",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """A page with a button for each account."""
        asked = request.query_params
        if asked.get("client_id") != CLIENT_ID or not self._sends_back_to(asked):
            return _refusal("invalid_client")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return _refusal("invalid_request")
        if not {"openid", "email"} <= set(asked.get("scope", "").split()):
            return _refusal("invalid_scope")
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(asked.get(name, ""))}">'
            for name in ("redirect_uri", "state", "nonce", "code_challenge")
        )
        buttons = "".join(
            f'<button name="email" value="{html.escape(email)}">{html.escape(email)}</button>'
            for email in self._accounts
        )
        return HTMLResponse(
            f'<title>Provider</title><link rel="icon" href="data:,"><h1>Who are you?</h1>'
            f'<form action="/choose">{hidden}{buttons}</form>'
        )

    async def _choose(self, request: Request) -> Response:
        """Back to the client, with a code."""
        asked = request.query_params
        account = self._accounts.get(asked.get("email", ""))
        if account is None or not self._sends_back_to(asked):
            return _refusal("access_denied")
        code = secrets.token_urlsafe(16)
        self._grants[code] = _Grant(
            account, asked["redirect_uri"], asked["nonce"], asked["code_challenge"]
        )
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", status_code=302)

    async def _token(self, request: Request) -> Response:
        """An id token for a code: once, for the client that asked, with its verifier."""
        if not _is_client(request.headers.get("authorization", "")):
            return _refusal("invalid_client", 401)
        form = dict(parse_qsl((await request.body()).decode()))
        grant = self._grants.pop(form.get("code", ""), None)
        if (
            grant is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != grant.redirect_uri
            or _challenge(form.get("code_verifier", "")) != grant.challenge
        ):
            return _refusal("invalid_grant")
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(16),
                "token_type": "Bearer",
                "expires_in": TOKEN_LIVES_S,
                "id_token": self._id_token(grant),
            },
            headers={"Cache-Control": "no-store"},
        )

    def _id_token(self, grant: _Grant) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self.url,
            "sub": hashlib.sha256(grant.account.email.encode()).hexdigest()[:16],
            "aud": CLIENT_ID,
            "iat": now_s,
            "exp": now_s + TOKEN_LIVES_S,
            "nonce": grant.nonce,
            "email": grant.account.email,
            "email_verified": grant.account.email_verified,
        }
        key = self._foreign_key if self.signs_with_a_foreign_key else self._key
        return jwt.encode({"alg": "RS256", "kid": "published"}, claims, key)

    async def _end_session(self, request: Request) -> Response:
        back = request.query_params.get("post_logout_redirect_uri", "")
        if back not in self.redirect_uris:
            return _refusal("invalid_request")
        self.signed_out.append(request.query_params.get("id_token_hint", ""))
        return RedirectResponse(back, status_code=302)

    def _sends_back_to(self, asked: Mapping[str, Any]) -> bool:
        return asked.get("redirect_uri") in self.redirect_uris


def _refusal(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status_code=status)


def _is_client(authorization: str) -> bool:
    kind, _, content = authorization.partition(" ")
    if kind.lower() != "basic":
        return False
    name, _, secret = base64.b64decode(content).decode().partition(":")
    return (unquote(name), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
