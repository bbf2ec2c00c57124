"""Who asks: whoever shows a token, or this machine itself while there is none.

Without tokens the routes are for this machine alone. A page of somebody else's that is open in a
browser here is not this machine: it is told by the name it asked for (DNS rebinding) and by what
browsers say of where a request comes from.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from cache_core.api.problems import Problem
from cache_core.operations import Actor, is_password_right
from cache_core.operations.access import FORWARDED, LOOPBACK
from cache_core.operations.sign_in import TRY_EVERY_S, Throttle
from cache_core.settings import Settings

_CHALLENGE = 'Bearer realm="cache_core"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `may_read` is False for strangers, whom only open routes answer."""

    actor: Actor
    may_read: bool = True


STRANGER = Caller(Actor("stranger"), may_read=False)
READER = Caller(Actor("api token: read"))
OPERATOR = Caller(Actor("api token: operate", "operator"))
LOCAL_READER = Caller(Actor("local reader"))
LOCAL_OPERATOR = Caller(Actor("local operator", "operator"))


class Doorman:
    """Tells callers apart. Safe between threads; the throttle is of this process."""

    def __init__(
        self,
        is_bound_to_loopback: Callable[[], bool],
        throttle: Throttle | None = None,
    ) -> None:
        """`is_bound_to_loopback`: whether only this machine reaches the server."""
        self._is_bound_to_loopback = is_bound_to_loopback
        self._throttle = throttle or Throttle()

    def admit(self, scope: Scope, settings: Settings | None) -> Caller:
        """Who asks. Raises Problem: 401, 403 or 429.

        `settings`: None where they will not do; then there are no tokens.
        """
        headers = Headers(scope=scope)
        given = headers.get("authorization")
        has_tokens = settings is not None and bool(
            settings.api_read_token or settings.api_operate_token
        )
        if given is not None and settings is not None and has_tokens:
            return self._by_token(given, _place(scope), settings)
        if has_tokens:
            raise _refused("Show a token: Authorization: Bearer …", "")
        if not is_this_machine(scope):
            raise Problem(
                403,
                "Without API_READ_TOKEN or API_OPERATE_TOKEN only the machine itself is answered, "
                "asked by the name localhost and not through a proxy.",
                kind="closed",
            )
        operates = settings is not None and settings.operate_on_loopback
        return LOCAL_OPERATOR if operates and self._is_bound_to_loopback() else LOCAL_READER

    def _by_token(self, given: str, place: str, settings: Settings) -> Caller:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            raise _refused("Show the token as Authorization: Bearer …", "")
        if not self._throttle.take(place):
            raise Problem(
                429,
                "Too many wrong tokens came from there; wait a little.",
                headers={"Retry-After": str(round(TRY_EVERY_S))},
            )
        found = _holder(token.strip(), settings)
        if found is None:
            raise _refused("The token is not right.", ', error="invalid_token"')
        self._throttle.succeeded(place)
        return found


def _holder(token: str, settings: Settings) -> Caller | None:
    """Whose token it is. Both are compared, so that time does not tell which one is near."""
    expected = (settings.api_operate_token, settings.api_read_token)
    operates, reads = (
        is_password_right(token, one.get_secret_value() if one else "") for one in expected
    )
    if operates:
        return OPERATOR
    return READER if reads else None


def is_this_machine(scope: Scope) -> bool:
    """Whether a request comes from this machine, by itself: through no proxy, and not on behalf of
    a page that somebody else serves."""
    headers = Headers(scope=scope)
    if not _is_loopback(_place(scope)) or any(name in headers for name in FORWARDED):
        return False
    host = headers.get("host", "")
    if _name_of(f"//{host}") not in LOOPBACK:
        return False
    origin = headers.get("origin")
    if origin is not None and _netloc_of(origin) != host:
        return False
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _refused(detail: str, error: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f"{_CHALLENGE}{error}"})


def _place(scope: Scope) -> str:
    """The address at the other end of the connection; "" for a socket of the file system."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def _netloc_of(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
