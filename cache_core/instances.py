"""Instances of models: what has to be kept of one, and one made again without running its code.

Whatever an instance holds beside its fields would be lost, so one that holds more is refused.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

from cache_core.models import is_named_tuple, is_pydantic
from cache_core.parts import UncacheableError, UndecodableError

Walk = Callable[[Any], Any]

# Slots of every pydantic model, kept or looked at by name.
_OF_PYDANTIC = frozenset({"__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"})


class Shape:
    """What the instances of one class are made of. Raises UncacheableError if that is unclear."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._is_enum = issubclass(kind, enum.Enum)
        self._is_tuple = is_named_tuple(kind)
        self._is_pydantic = is_pydantic(kind)
        self._fields: dict[str, None] = {}
        self._slots: list[types.MemberDescriptorType] = []
        if self._is_enum or self._is_tuple:
            return
        self._refuse_what_is_more_than_fields()
        if not self._is_pydantic:
            self._fields = dict.fromkeys(field.name for field in dataclasses.fields(kind))
            self._refuse_computed_fields()
        self._slots = self._slots_beside_fields()

    def contents(self, value: Any, walk: Walk) -> Any:
        """What `made_again` takes, as JSON content; `walk` gives that of a part.

        Raises: UncacheableError if the instance would not come back exactly.
        """
        if self._is_enum:
            return self._member(value)
        held = getattr(value, "__dict__", {})
        if self._is_tuple:
            if held or len(value) != len(self._kind._fields):
                raise self._refusal("has more than its fields")
            return [walk(item) for item in value]
        if any(_is_set(slot, value) for slot in self._slots):
            raise self._refusal("has slots beside its fields")
        if self._is_pydantic:
            return self._pydantic(value, held, walk)
        if not held.keys() <= self._fields.keys():
            raise self._refusal("has attributes beside its fields")
        return {name: walk(getattr(value, name)) for name in self._fields}

    def _member(self, value: Any) -> Any:
        # Not `name` and `value`, which a class may have other ideas of.
        if isinstance(value, enum.Flag):
            return value._value_  # combinations are no members, so they have no lasting name
        if self._kind.__members__.get(value._name_) is not value:
            raise self._refusal("is no member of its enum")
        return value._name_

    def _pydantic(self, value: Any, held: dict[str, Any], walk: Walk) -> dict[str, Any]:
        if value.__pydantic_private__ != _no_private(self._kind):
            raise self._refusal("has private attributes")
        if not _are_whole(held, self._kind):
            raise self._refusal("has other attributes than its fields")
        return {
            "f": walk(held),
            "x": walk(value.__pydantic_extra__),
            "s": sorted(value.__pydantic_fields_set__),
        }

    def _refuse_what_is_more_than_fields(self) -> None:
        """A list, a dict, an exception: what such a class holds stands in no field."""
        for base in self._kind.__mro__:
            made_by = vars(base).get("__new__")
            if base is not object and isinstance(made_by, types.BuiltinFunctionType):
                raise self._refusal(f"is a {base.__qualname__} too")

    def _refuse_computed_fields(self) -> None:
        """A property in a field's place: giving it back would run its code."""
        for name in self._fields:
            found = inspect.getattr_static(self._kind, name, None)
            if hasattr(found, "__set__") and not isinstance(found, types.MemberDescriptorType):
                raise self._refusal(f"computes its field {name}")

    def _slots_beside_fields(self) -> list[types.MemberDescriptorType]:
        kept = _OF_PYDANTIC if self._is_pydantic else self._fields.keys()
        return [
            slot
            for base in self._kind.__mro__
            for name, slot in vars(base).items()
            if isinstance(slot, types.MemberDescriptorType)
            # A slot of a base is hidden by one of the same name.
            and not (name in kept and inspect.getattr_static(self._kind, name) is slot)
        ]

    def _refusal(self, why: str) -> UncacheableError:
        return UncacheableError(f"a {self._kind.__qualname__} {why}")


def made_again(kind: Any, contents: Any, walk: Walk) -> Any:
    """The instance that gave these contents; `walk` makes a part of its JSON content.

    Raises: UndecodableError, among others.
    """
    if issubclass(kind, enum.Enum):
        return kind(contents) if issubclass(kind, enum.Flag) else kind[contents]
    if is_named_tuple(kind):
        if len(contents) != len(kind._fields):
            raise _other_fields(kind)
        return tuple.__new__(kind, [walk(item) for item in contents])
    # Not by its own means: they may compute, and the fields are what they made of them already.
    instance = object.__new__(kind)
    if is_pydantic(kind):
        fields = walk(contents["f"])
        if not _are_whole(fields, kind):
            raise _other_fields(kind)
        object.__setattr__(instance, "__dict__", fields)
        object.__setattr__(instance, "__pydantic_fields_set__", set(contents["s"]))
        if not kind.__pydantic_root_model__:  # whose class says that there is neither
            object.__setattr__(instance, "__pydantic_extra__", walk(contents["x"]))
            object.__setattr__(instance, "__pydantic_private__", _no_private(kind))
        return instance
    if set(contents) != {field.name for field in dataclasses.fields(kind)}:
        raise _other_fields(kind)
    for name, item in contents.items():
        object.__setattr__(instance, name, walk(item))
    return instance


def _other_fields(kind: Any) -> UndecodableError:
    return UndecodableError(f"{kind.__qualname__} has other fields than the entry")


def _are_whole(held: Mapping[str, Any], kind: Any) -> bool:
    """Whether every field of a pydantic model is there, and else only what its class knows of."""
    fields = kind.__pydantic_fields__.keys()
    if fields == held.keys():
        return True
    return fields <= held.keys() and all(hasattr(kind, name) for name in held.keys() - fields)


def _no_private(kind: Any) -> dict[str, Any] | None:
    """What pydantic notes of private attributes where none is set."""
    return {} if kind.__private_attributes__ else None


def _is_set(slot: types.MemberDescriptorType, value: object) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True
