"""Which request headers FastAPI fills an endpoint's parameters from, those of dependencies too.

Told twice: by a signature, before there is a route, and by a route, where nothing that FastAPI
fills is missing. What a function reads from a request by itself is not seen by either.
FastAPI is not imported for this: most apps go without it.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from cache_core.web.signatures import signature_of

# What a model of headers that allows further ones reads.
EVERY = "*"


def of_signature(signature: inspect.Signature) -> Iterator[tuple[str, bool]]:
    """Headers by a signature: each in lower case, with whether it says who asks.

    Those of `fastapi.security` do. Types that are known by name alone tell nothing.
    """
    seen: set[int] = set()
    waiting = [signature]
    while waiting:
        for name, mark, kind, beside in _marks(waiting.pop()):
            role = type(mark).__name__
            if role == "Header" and not isinstance(kind, str):
                yield from ((header, False) for header in _names_read(name, mark, kind, beside))
            elif role in ("Depends", "Security"):
                dependency = mark.dependency or kind
                if callable(dependency) and id(dependency) not in seen:
                    seen.add(id(dependency))
                    yield from ((header, True) for header in _header_of_scheme(dependency))
                    waiting.append(signature_of(dependency))


def of_route(route: Any) -> Iterator[tuple[str, bool]]:
    """Headers by a FastAPI route, as `of_signature`; by what FastAPI itself goes by."""
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        yield from ((header, True) for header in _header_of_scheme(dependant.call))
        for field in dependant.header_params:
            mark = field.field_info
            for header in _names_read(field.name, mark, mark.annotation, mark.metadata):
                yield header, False


def _header_of_scheme(dependency: Any) -> Iterator[str]:
    """The header an APIKeyHeader of `fastapi.security` reads."""
    model = getattr(dependency, "model", None)
    if getattr(getattr(model, "in_", None), "value", None) == "header":
        yield str(model.name).lower()  # type: ignore[union-attr]


def _marks(signature: inspect.Signature) -> Iterator[tuple[str, Any, Any, tuple[Any, ...]]]:
    """Of each parameter: its name, what FastAPI's annotations and defaults say, its type, and
    what else the annotation says."""
    for parameter in signature.parameters.values():
        is_annotated = typing.get_origin(parameter.annotation) is typing.Annotated
        kinds = typing.get_args(parameter.annotation) if is_annotated else (parameter.annotation,)
        for mark in (parameter.default, *kinds[1:]):
            if type(mark).__module__ == "fastapi.params":
                yield parameter.name, mark, kinds[0], kinds[1:]


def _names_read(name: str, mark: Any, kind: Any, beside: Iterable[Any]) -> Iterator[str]:
    """Headers that fill one parameter, in lower case: its own, or those of its model's fields."""
    is_json = any(type(one).__name__ == "Json" for one in beside)
    model = None if is_json else _model_of(kind)
    if model is None:
        header = name.replace("_", "-") if mark.convert_underscores else name
        yield from (choice.lower() for choice in _choices(mark, header))
        return
    if model.model_config.get("extra") == "allow":
        yield EVERY
    for field_name, field in model.model_fields.items():
        converts = getattr(field, "convert_underscores", mark.convert_underscores)
        header = field_name.replace("_", "-") if converts else field_name
        if model.model_config.get("validate_by_alias") is not False:
            yield from (choice.lower() for choice in _choices(field, header, field_name))
        if _goes_by_name(model.model_config):
            yield header.lower()


def _goes_by_name(config: Any) -> bool:
    """Whether a model's fields are filled by their names too, beside their aliases."""
    by_name = config.get("validate_by_name", config.get("populate_by_name", False))
    return bool(by_name) or config.get("validate_by_alias") is False


def _choices(field: Any, header: str, name: str | None = None) -> list[str]:
    """Headers a field is looked for under; `header` if it has no alias, or its name for one."""
    said = field.validation_alias
    choices = getattr(said, "choices", None)
    if choices and all(isinstance(choice, str) for choice in choices):
        return list(choices)
    alias = said if isinstance(said, str) and said else field.alias
    return [header if not alias or alias == name else alias]


def _model_of(kind: Any) -> Any:
    """The pydantic model that a parameter is, or that it is unless it is None; None: no model."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        others = [one for one in typing.get_args(kind) if one is not type(None)]
        kind = others[0] if len(others) == 1 else None
    return kind if isinstance(kind, type) and hasattr(kind, "model_fields") else None
