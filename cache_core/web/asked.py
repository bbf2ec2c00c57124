"""What of a request goes into a key, and which requests pass the cache by."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from cache_core.web.signatures import Filled


@dataclass(frozen=True, slots=True)
class Asking:
    """How the requests of a route are told apart.

    `query`: names of the query parameters that count; None: all. `vary`: request headers that
    count, lower case. `user`: who asks, from the request. `is_shared`: whether the answers are the
    same for everybody, whatever cookies and Authorization say.
    """

    query: frozenset[str] | None
    vary: tuple[str, ...]
    user: Filled | None
    is_shared: bool

    def passed_by(self, request: Request) -> str | None:
        """Why a GET is neither looked for nor kept, in one word; None if it is."""
        headers = request.headers
        if "range" in headers:
            return "range"
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return "body"
        if self.user is not None or self.is_shared:
            return None
        return next((name for name in ("authorization", "cookie") if name in headers), None)

    async def key_of(
        self, request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...]:
        """What stands for a request in its key.

        Scheme and host too, since an answer may hold links to itself: one made for a host that
        somebody wrote into a request must not reach others. The path holds the path parameters.
        """
        user = None
        if self.user is not None:
            user = self.user(request, args, kwargs)
            if inspect.isawaitable(user):
                user = await user
        # Sorted by name alone: what stands under one name is a list, and its order counts.
        query = sorted(
            (pair for pair in request.query_params.multi_items() if self._counts(pair[0])),
            key=lambda pair: pair[0],
        )
        scope = request.scope
        return (
            scope.get("scheme", "http"),
            request.headers.get("host", ""),
            scope.get("root_path", ""),
            scope["path"],
            query,
            [request.headers.getlist(name) for name in self.vary],
            user,
        )

    def _counts(self, name: str) -> bool:
        return self.query is None or name in self.query
