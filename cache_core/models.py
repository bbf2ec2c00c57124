"""Classes whose values may be kept: those a function's return annotation names, and no others.

Entries name a class by text; it is looked up among these, so stored bytes cannot choose one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import typing
from collections.abc import Iterator, Mapping
from typing import Any

Models = Mapping[str, type]


def model_name(model: type) -> str:
    """The name a model goes by inside entries."""
    return f"{model.__module__}.{model.__qualname__}"


def models_named_by(annotation: object) -> dict[str, type]:
    """Dataclasses, enums, named tuples and pydantic models that a type annotation names.

    Follows unions, generics and the fields of the models themselves.
    """
    found: dict[str, type] = {}
    _collect(annotation, found, ())
    return found


def _collect(annotation: object, found: dict[str, type], aliases: tuple[object, ...]) -> None:
    for argument in typing.get_args(annotation):
        _collect(argument, found, aliases)
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        if annotation not in aliases:  # an alias may hold itself
            _collect(annotation.__value__, found, (*aliases, annotation))
        return
    model = typing.get_origin(annotation) or annotation
    if not isinstance(model, type) or not is_model(model) or model_name(model) in found:
        return
    found[model_name(model)] = model
    if not issubclass(model, enum.Enum):
        for hint in _hints(model):
            _collect(hint, found, aliases)


def _hints(model: Any) -> Iterator[object]:
    """The annotations of a model's fields, and what its type parameters stand for."""
    for base in model.__mro__:
        for filled_in in vars(base).get("__orig_bases__", ()):
            yield from typing.get_args(filled_in)
    if not is_pydantic(model) or not model.__pydantic_complete__:
        yield from typing.get_type_hints(model).values()
        return
    # pydantic has filled type parameters in and found names where the class was made.
    for field in model.__pydantic_fields__.values():
        yield field.annotation
    with contextlib.suppress(NameError, TypeError, AttributeError):
        yield typing.get_type_hints(model).get("__pydantic_extra__")
    # `Page[User]` is a class of its own; what is made as `Page(...)` answers to it as well.
    yield model.__pydantic_generic_metadata__["origin"]
    yield from model.__pydantic_generic_metadata__["args"]


def is_model(kind: type) -> bool:
    """Whether values of a class are kept when an annotation names it."""
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, enum.Enum)
        or is_named_tuple(kind)
        or is_pydantic(kind)
    )


def is_named_tuple(kind: type) -> bool:
    """Whether a class was made by `NamedTuple` or `namedtuple`."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_pydantic(kind: type) -> bool:
    """Whether a class is a pydantic model; told without importing pydantic."""
    return hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_construct")
