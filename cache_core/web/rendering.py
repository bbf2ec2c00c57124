"""Plain values under FastAPI: the response FastAPI would make of one, made before it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

_value: ContextVar[Any] = ContextVar("value to render")

# What of a route decides how a value of its endpoint is written.
_SHAPE = (
    "response_model",
    "status_code",
    "response_class",
    "response_model_include",
    "response_model_exclude",
    "response_model_by_alias",
    "response_model_exclude_unset",
    "response_model_exclude_defaults",
    "response_model_exclude_none",
)

Handler = Callable[[Request], Awaitable[Response]]


class Rendering:
    """Renders the values of one endpoint, which may serve several routes."""

    def __init__(self) -> None:
        # By id, with the route itself so that the id stays its own.
        self._twins: dict[int, tuple[object, Handler]] = {}

    async def response_of(self, value: object, request: Request) -> Response:
        """The response of a value that is none. TypeError where no FastAPI route answers."""
        route = route_of(request)
        if route is None:
            raise TypeError(
                f"an endpoint returned a {type(value).__qualname__}; outside FastAPI it has to "
                "return a Response"
            )
        there = self._twins.get(id(route))
        if there is None:
            there = self._twins[id(route)] = (route, _twin(route))
        token = _value.set(value)
        try:
            return await there[1](request)
        finally:
            _value.reset(token)


def route_of(request: Request) -> Any:
    """The FastAPI route that answers a request, as it was included; None if none does."""
    route = request.scope.get("route")
    included = request.scope.get("fastapi", {}).get("effective_route_context")
    # Within an app that an included router mounts, it is the mount's still.
    if included is not None and included.original_route is route:
        route = included
    return route if hasattr(route, "response_model") else None


def status_of(request: Request, reply: Response | None) -> int:
    """The status a plain value will be sent with."""
    said = None if reply is None else reply.status_code
    route = route_of(request)
    return said or (route.status_code if route is not None else None) or 200


def _twin(route: Any) -> Handler:
    """A route's way from a value to its response: that of another route of the same shape, whose
    endpoint has no dependencies and returns what it is told to."""
    from fastapi.routing import APIRoute

    async def give() -> Any:
        return _value.get()

    shape = {name: getattr(route, name) for name in _SHAPE}
    return APIRoute("/", give, **shape).get_route_handler()
