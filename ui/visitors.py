"""Who is visiting, as far as remembering a view needs it: a random cookie, and nothing more."""

from __future__ import annotations

import re
import secrets
from http.cookies import CookieError, SimpleCookie

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "cache_monitor_visitor"
_BYTES = 16
_SHAPE = re.compile(r"[0-9a-f]{32}")


def current_visitor() -> str | None:
    """What stands for this visitor's browser; None where there is no cookie.

    There is none where the app runs without `server.py`, inside pages of other sites, and where a
    browser takes no cookies.
    """
    found = str(st.context.cookies.get(COOKIE, ""))
    return found if _SHAPE.fullmatch(found) else None


class VisitorCookie:
    """ASGI middleware: gives a browser that has none its cookie with the first page it opens.

    It is random, so that nobody can guess another's; scripts cannot read it, and it ends with the
    browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _has_cookie(scope):
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _new_cookie(is_secure=_is_https(scope)))
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _has_cookie(scope: Scope) -> bool:
    try:
        cookies = SimpleCookie(HTTPConnection(scope).headers.get("cookie", ""))
    except CookieError:
        return False
    return COOKIE in cookies and bool(_SHAPE.fullmatch(cookies[COOKIE].value))


def _is_https(scope: Scope) -> bool:
    forwarded = HTTPConnection(scope).headers.get("x-forwarded-proto", "")
    return "https" in (scope.get("scheme"), forwarded.partition(",")[0].strip())


def _new_cookie(*, is_secure: bool) -> str:
    secure = "; Secure" if is_secure else ""
    return f"{COOKIE}={secrets.token_hex(_BYTES)}; Path=/; HttpOnly; SameSite=Lax{secure}"
