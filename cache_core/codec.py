"""Values to bytes and back, exactly: what comes out has the same value and types as what went in.

Plain values are JSON. A value JSON would bend (a tuple, a set, a date, an int key, a frame) is
wrapped as {"!": kind, ...}; binary parts (arrays, Arrow frames) stand behind the JSON text. Nothing
in the bytes can run: classes come from the caller's `Models`, never from a name in the bytes alone.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import math
import struct
import typing
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

_WRAP = "!"
_INT64 = range(-(2**63), 2**63)
_LENGTH = struct.Struct(">I")

Models = Mapping[str, type]


class UncacheableError(ValueError):
    """A value holds something that would not come back exactly."""


class UndecodableError(ValueError):
    """Bytes do not hold a value of ours."""


def encode(value: object, models: Models) -> tuple[bool, bytes]:
    """Bytes of a value.

    Args:
        value: what the source returned.
        models: dataclasses, enums, named tuples and pydantic models it may hold, by `model_name`.
    Returns: (wrapped, body); `wrapped` is False when the body is plain JSON.
    Raises: UncacheableError naming the type that cannot be kept exactly.
    """
    encoder = _Encoder(models)
    try:
        text = orjson.dumps(encoder.walk(value))
    except UncacheableError:
        raise
    except (
        Exception
    ) as exc:  # an attribute never set, a property that raises: the value is not ours
        raise UncacheableError(f"it cannot be taken apart: {type(exc).__name__}: {exc}") from exc
    if not encoder.wrapped:
        return False, text
    parts = [_LENGTH.pack(len(text)), text]
    for blob in encoder.blobs:
        parts += (_LENGTH.pack(len(blob)), blob)
    return True, b"".join(parts)


def decode(wrapped: bool, body: bytes | memoryview, models: Models) -> Any:
    """The value `encode` was given. Raises UndecodableError."""
    try:
        if not wrapped:
            return orjson.loads(body)
        parts = _split(memoryview(body))
        return _Decoder(models, parts[1:]).walk(orjson.loads(parts[0]))
    except UndecodableError:
        raise
    except Exception as exc:  # foreign bytes fail in more ways than can be listed
        raise UndecodableError(f"{type(exc).__name__} while reading an entry") from exc


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
    if not isinstance(model, type) or not _is_model(model) or model_name(model) in found:
        return
    found[model_name(model)] = model
    if not issubclass(model, enum.Enum):
        for hint in typing.get_type_hints(model).values():
            _collect(hint, found, aliases)


def _is_model(kind: type) -> bool:
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, enum.Enum)
        or _is_named_tuple(kind)
        or _is_pydantic(kind)
    )


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _is_pydantic(kind: type) -> bool:
    return hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_construct")


def _split(body: memoryview) -> list[memoryview]:
    parts, at = [], 0
    while at < len(body):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if at + length > len(body):
            raise UndecodableError("an entry ends too soon")
        parts.append(body[at : at + length])
        at += length
    return parts


class _Encoder:
    def __init__(self, models: Models) -> None:
        self._models = models
        self.wrapped = False
        self.blobs: list[bytes] = []

    def walk(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self._text(value)
        if kind is int:
            return value if value in _INT64 else self._wrap("int", str(value))
        if kind is float:
            return value if math.isfinite(value) else self._wrap("float", repr(value))
        if kind is list:
            return [self.walk(item) for item in value]
        if kind is dict:
            return self._dict(value)
        writer = _WRITERS.get(kind)
        if writer is not None:
            return writer(self, value)
        return self._other(kind, value)

    def _wrap(self, kind: str, content: Any, **more: Any) -> dict[str, Any]:
        self.wrapped = True
        return {_WRAP: kind, "v": content, **more}

    def _text(self, value: str) -> Any:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate, which JSON text cannot hold
            return self._wrap("str", _base64(value.encode("utf-8", "surrogatepass")))
        return value

    def _dict(self, value: dict[Any, Any]) -> Any:
        if all(type(key) is str and key.isascii() for key in value) and _WRAP not in value:
            return {key: self.walk(item) for key, item in value.items()}
        return self._wrap("dict", [[self.walk(k), self.walk(v)] for k, v in value.items()])

    def _items(self, name: str, value: Any) -> Any:
        return self._wrap(name, [self.walk(item) for item in value])

    def _unordered(self, name: str, value: Any) -> Any:
        # Sorted, so that equal sets give equal bytes: that is how a change of the data is noticed.
        return self._wrap(name, sorted((self.walk(item) for item in value), key=orjson.dumps))

    def _time(self, name: str, value: dt.datetime | dt.time) -> Any:
        zone = value.tzinfo
        text = value.replace(tzinfo=None).isoformat()
        more: dict[str, Any] = {"f": 1} if value.fold else {}
        if zone is None:
            return self._wrap(name, text, **more)
        if type(zone) is ZoneInfo and zone.key:
            return self._wrap(name, text, z=zone.key, **more)
        if type(zone) is dt.timezone:
            offset = zone.utcoffset(None)
            parts: list[Any] = [offset.days, offset.seconds, offset.microseconds]
            label = zone.tzname(None)
            if label != dt.timezone(offset).tzname(None):
                parts.append(label)
            return self._wrap(name, text, o=parts, **more)
        raise UncacheableError(f"it holds a time in a zone of type {type(zone).__qualname__}")

    def _other(self, kind: type, value: Any) -> Any:
        # The very class: one of the same name (a module run anew) would come back as the other.
        if self._models.get(model_name(kind)) is kind:
            return self._model(kind, value)
        if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            from cache_core import frames

            name, content, blob = frames.encode(value)
            if blob is not None:
                content = {"at": len(self.blobs), **content}
                self.blobs.append(blob)
            return self._wrap(name, content)
        hint = (
            "; name it in the function's return annotation to have it kept"
            if _is_model(kind)
            else ""
        )
        raise UncacheableError(f"it holds a {model_name(kind)}{hint}")

    def _model(self, kind: type, value: Any) -> Any:
        if isinstance(value, enum.Flag):
            fields: Any = value.value  # combinations are no members, so they have no lasting name
        elif isinstance(value, enum.Enum):
            fields = value.name
        elif _is_named_tuple(kind):
            fields = [self.walk(item) for item in value]
        elif _is_pydantic(kind):
            if getattr(value, "__pydantic_private__", None):
                raise UncacheableError(f"a {kind.__qualname__} has private attributes")
            extra = getattr(value, "__pydantic_extra__", None)
            fields = {
                "f": self._fields(vars(value)),
                "x": None if extra is None else self._fields(extra),
                "s": sorted(value.__pydantic_fields_set__),
            }
        else:
            names = [field.name for field in dataclasses.fields(kind)]
            if not set(getattr(value, "__dict__", ())) <= set(names):
                raise UncacheableError(f"a {kind.__qualname__} has attributes beyond its fields")
            fields = self._fields({name: getattr(value, name) for name in names})
        return self._wrap("model", fields, c=model_name(kind))

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.walk(item) for name, item in fields.items()}


_Writer = Callable[[_Encoder, Any], Any]
_WRITERS: dict[type, _Writer] = {
    tuple: lambda e, v: e._items("tuple", v),
    set: lambda e, v: e._unordered("set", v),
    frozenset: lambda e, v: e._unordered("frozenset", v),
    bytes: lambda e, v: e._wrap("bytes", _base64(v)),
    bytearray: lambda e, v: e._wrap("bytearray", _base64(v)),
    complex: lambda e, v: e._wrap("complex", [repr(v.real), repr(v.imag)]),
    Decimal: lambda e, v: e._wrap("decimal", str(v)),
    uuid.UUID: lambda e, v: e._wrap("uuid", v.hex),
    dt.date: lambda e, v: e._wrap("date", v.isoformat()),
    dt.time: lambda e, v: e._time("time", v),
    dt.datetime: lambda e, v: e._time("datetime", v),
    dt.timedelta: lambda e, v: e._wrap("timedelta", [v.days, v.seconds, v.microseconds]),
}


class _Decoder:
    def __init__(self, models: Models, blobs: list[memoryview]) -> None:
        self._models = models
        self._blobs = blobs

    def walk(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return [self.walk(item) for item in value]
        if kind is not dict:
            return value
        if _WRAP not in value:
            return {key: self.walk(item) for key, item in value.items()}
        reader = _READERS.get(value[_WRAP])
        if reader is not None:
            return reader(self, value["v"])
        return self._other(value[_WRAP], value)

    def _other(self, name: str, value: dict[str, Any]) -> Any:
        if name in ("datetime", "time"):
            parsed: Any = getattr(dt, name).fromisoformat(value["v"])
            return parsed.replace(tzinfo=_zone(value), fold=value.get("f", 0))
        if name == "model":
            return self._model(self._models[value["c"]], value["v"])
        from cache_core import frames

        content = value["v"]
        blob = self._blobs[content["at"]] if isinstance(content, dict) and "at" in content else None
        return frames.decode(name, content, blob)

    def _model(self, kind: Any, fields: Any) -> Any:
        if issubclass(kind, enum.Enum):
            return kind(fields) if issubclass(kind, enum.Flag) else kind[fields]
        if _is_named_tuple(kind):
            return tuple.__new__(kind, [self.walk(item) for item in fields])
        if _is_pydantic(kind):
            model = kind.model_construct(_fields_set=set(fields["s"]))
            object.__setattr__(model, "__dict__", self.walk(fields["f"]))
            object.__setattr__(model, "__pydantic_extra__", self.walk(fields["x"]))
            return model
        if set(fields) != {field.name for field in dataclasses.fields(kind)}:
            raise UndecodableError(f"{kind.__qualname__} has other fields than the entry")
        # Not through __init__: it may compute, and the fields are already what it made of them.
        instance = object.__new__(kind)
        for name, item in fields.items():
            object.__setattr__(instance, name, self.walk(item))
        return instance


_READERS: dict[str, Callable[[_Decoder, Any], Any]] = {
    "int": lambda d, v: int(v),
    "float": lambda d, v: float(v),
    "str": lambda d, v: base64.b64decode(v).decode("utf-8", "surrogatepass"),
    "dict": lambda d, v: {d.walk(key): d.walk(item) for key, item in v},
    "tuple": lambda d, v: tuple(d.walk(item) for item in v),
    "set": lambda d, v: {d.walk(item) for item in v},
    "frozenset": lambda d, v: frozenset(d.walk(item) for item in v),
    "bytes": lambda d, v: base64.b64decode(v),
    "bytearray": lambda d, v: bytearray(base64.b64decode(v)),
    "complex": lambda d, v: complex(float(v[0]), float(v[1])),
    "decimal": lambda d, v: Decimal(v),
    "uuid": lambda d, v: uuid.UUID(hex=v),
    "date": lambda d, v: dt.date.fromisoformat(v),
    "timedelta": lambda d, v: dt.timedelta(*v),
}


def _zone(value: Mapping[str, Any]) -> dt.tzinfo | None:
    if "z" in value:
        return ZoneInfo(value["z"])
    if "o" in value:
        days, seconds, microseconds, *label = value["o"]
        offset = dt.timedelta(days, seconds, microseconds)
        if label:
            return dt.timezone(offset, label[0])
        return dt.timezone(offset) if offset else dt.UTC
    return None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
