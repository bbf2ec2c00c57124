"""Guards a route against request headers that FastAPI reads for it and that its keys do not hold.

Two requests that such a header tells apart would get each other's answers. What a signature tells
is refused when the route is made. The rest, as dependencies of a router or an app, is known when
the route is first asked; its requests pass the cache by then.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from cache_core.logs import log
from cache_core.web.header_parameters import of_route, of_signature
from cache_core.web.kept import Rules
from cache_core.web.rendering import route_of

_ADVICE = (
    "name it in vary=, or say with user= whose the answers are if it tells that, or with "
    "is_shared=True that they are the same for everybody"
)


class Unkeyed:
    """The headers that are read for one endpoint, which may serve several routes, and not keyed."""

    def __init__(self, rules: Rules, namespace: str) -> None:
        self._rules = rules
        self._namespace = namespace
        # By id, with the route itself so that the id stays its own.
        self._found: dict[int, tuple[object, str | None]] = {}

    def refuse(self, endpoint: object, signature: inspect.Signature) -> None:
        """Raises: ValueError if the signature reads such a header."""
        header = self._first(of_signature(signature))
        if header is not None:
            raise ValueError(
                f"{endpoint!r} or a dependency of it reads the header {header!r}, which "
                f"is no part of the key: {_ADVICE}"
            )

    def passed_by(self, request: Request) -> str | None:
        """Why a request is neither looked for nor kept, in one word; None if it is."""
        if self._rules.is_shared:
            return None
        route = route_of(request)
        if route is None:
            return None
        known = self._found.get(id(route))
        if known is None:
            known = self._found[id(route)] = (route, self._look_at(route))
        return None if known[1] is None else "header"

    def _look_at(self, route: Any) -> str | None:
        header = self._first(of_route(route))
        if header is not None:
            log.error(
                "header_not_keyed",
                "requests of %s pass the cache by: the header %r, which FastAPI reads for it, is "
                "no part of the key; " + _ADVICE,
                route.path,
                header,
                namespace=self._namespace,
            )
        return header

    def _first(self, headers: Iterable[tuple[str, bool]]) -> str | None:
        if self._rules.is_shared:
            return None
        for header, is_of_the_user in headers:
            # Without a user, requests with Authorization pass the cache by.
            is_known = header == "authorization" or (is_of_the_user and self._rules.is_by_user)
            if header not in self._rules.vary and not is_known:
                return header
        return None
