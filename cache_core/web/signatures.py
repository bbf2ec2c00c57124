"""What an endpoint's signature tells, and what a route's own functions are given of its call."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

# Names that frameworks fill by type, for endpoints that do not ask for these themselves.
REQUEST, REPLY = "cached_route_request", "cached_route_reply"

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

Filled = Callable[[Request, tuple[Any, ...], dict[str, Any]], Any]


def signature_of(endpoint: Callable[..., Any]) -> inspect.Signature:
    """An endpoint's signature, with types in the place of their names where these can be found."""
    try:
        return inspect.signature(endpoint, eval_str=True)
    except (NameError, TypeError, AttributeError):  # names that only a type checker knows
        signature = inspect.signature(endpoint)
    # One such name hides no other type.
    names = getattr(inspect.unwrap(endpoint), "__globals__", {})
    parameters = [
        parameter.replace(annotation=_found(parameter.annotation, names))
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def _found(annotation: Any, names: dict[str, Any]) -> Any:
    """The type that an annotation names; the annotation itself where that is not known."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)  # noqa: S307  the program's own text
    except (NameError, TypeError, AttributeError):
        return annotation


def with_request_and_reply(signature: inspect.Signature) -> inspect.Signature:
    """The same signature with a request, and a response for headers, unless it has them."""
    parameters = list(signature.parameters.values())
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
        for name, kind in ((REQUEST, Request), (REPLY, Response))
        if not any(_is_of(parameter.annotation, kind) for parameter in parameters)
    ]
    at = len(parameters)
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        at -= 1
    return signature.replace(parameters=[*parameters[:at], *more, *parameters[at:]])


def _is_of(annotation: Any, kind: type) -> bool:
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] == kind.__name__
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return isinstance(annotation, type) and issubclass(annotation, kind)


def filled(function: Callable[..., Any], role: str, endpoint: inspect.Signature) -> Filled:
    """Call `function` with the endpoint's arguments of its parameters' names, and the request.

    The request goes to the first parameter whose name is none of the endpoint's.
    Raises: ValueError if there is a second such parameter.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # some that are built in do not tell
        return lambda request, args, kwargs: function(request)
    named = [p.name for p in parameters if p.kind in _BY_NAME and p.name in endpoint.parameters]
    others = [p for p in parameters if p.name not in named and p.default is p.empty]
    others = [p for p in others if p.kind is not inspect.Parameter.VAR_KEYWORD]
    if len(others) > 1:
        raise ValueError(
            f"{role}= asks for {others[1].name!r}, which the endpoint does not have; "
            f"it may ask for the request and for {sorted(endpoint.parameters)}"
        )

    def call(request: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = endpoint.bind(*args, **kwargs)
        bound.apply_defaults()
        given = {name: bound.arguments[name] for name in named}
        if not others:
            return function(**given)
        if others[0].kind is inspect.Parameter.KEYWORD_ONLY:
            return function(**given, **{others[0].name: request})
        before = [name for name in named if _stands_before(name, others[0].name, parameters)]
        first = [given.pop(name) for name in before]
        return function(*first, request, **given)

    return call


def _stands_before(name: str, other: str, parameters: list[inspect.Parameter]) -> bool:
    names = [parameter.name for parameter in parameters]
    return names.index(name) < names.index(other)
