"""Puts values together again. It never runs what it reads: kinds are looked up, never imported."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from cache_core.encoding import WRAP
from cache_core.models import Models, is_named_tuple, is_pydantic
from cache_core.parts import Parts, UndecodableError


class Decoder:
    """Puts one value together."""

    def __init__(self, models: Models, parts: Parts) -> None:
        self._models = models
        self.parts = parts

    def parse(self, at: int) -> Any:
        """What a part says that is JSON text."""
        return orjson.loads(self.parts.take(at))

    def walk(self, value: Any) -> Any:
        """What JSON content stands for. Raises UndecodableError, among others."""
        kind = type(value)
        if kind is list:
            return [self.walk(item) for item in value]
        if kind is not dict:
            return value
        if WRAP not in value:
            return {key: self.walk(item) for key, item in value.items()}
        reader = _READERS.get(value[WRAP])
        if reader is not None:
            return reader(self, value["v"])
        return self._other(value[WRAP], value)

    def _other(self, name: str, value: dict[str, Any]) -> Any:
        if name in ("datetime", "time"):
            parsed: Any = getattr(dt, name).fromisoformat(value["v"])
            return parsed.replace(tzinfo=zone_of(value.get("z")), fold=value.get("f", 0))
        if name == "model":
            return self._model(self._models[value["c"]], value["v"])
        try:
            from cache_core import frames
        except ImportError as exc:
            raise UndecodableError(f"what a {name} needs is not installed here") from exc
        return frames.decode(name, value["v"], self)

    def _model(self, kind: Any, fields: Any) -> Any:
        if issubclass(kind, enum.Enum):
            return kind(fields) if issubclass(kind, enum.Flag) else kind[fields]
        if is_named_tuple(kind):
            return tuple.__new__(kind, [self.walk(item) for item in fields])
        if is_pydantic(kind):
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


_READERS: dict[str, Callable[[Decoder, Any], Any]] = {
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


def zone_of(content: Any) -> dt.tzinfo | None:
    """The time zone of `zone_content`; None for None."""
    if content is None:
        return None
    if isinstance(content, str):
        return ZoneInfo(content)
    days, seconds, microseconds, *label = content
    offset = dt.timedelta(days, seconds, microseconds)
    if label:
        return dt.timezone(offset, label[0])
    return dt.timezone(offset) if offset else dt.UTC
