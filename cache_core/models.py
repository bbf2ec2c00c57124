"""Classes whose values may be kept: those a function's return annotation names, and no others.

Entries name a class by text; it is looked up among these, so stored bytes cannot choose one.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Mapping

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
        for hint in typing.get_type_hints(model).values():
            _collect(hint, found, aliases)


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
