"""Puts values together again. It never runs what it reads: kinds are looked up, never imported."""

from __future__ import annotations

import base64
import datetime as dt
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from cache_core.encoding import WRAP
from cache_core.instances import made_again
from cache_core.models import Models
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
            return made_again(self._models[value["c"]], value["v"], self.walk)
        try:
            from cache_core import frames
        except ImportError as exc:
            raise UndecodableError(f"what a {name} needs is not installed here") from exc
        return frames.decode(name, value["v"], self)


_READERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "int": lambda d, v: int(v),
    "float": lambda d, v: _float_of(v),
    "str": lambda d, v: base64.b64decode(v).decode("utf-8", "surrogatepass"),
    "dict": lambda d, v: {d.walk(key): d.walk(item) for key, item in v},
    "tuple": lambda d, v: tuple(d.walk(item) for item in v),
    "set": lambda d, v: {d.walk(item) for item in v},
    "frozenset": lambda d, v: frozenset(d.walk(item) for item in v),
    "bytes": lambda d, v: base64.b64decode(v),
    "bytearray": lambda d, v: bytearray(base64.b64decode(v)),
    "complex": lambda d, v: complex(_float_of(v[0]), _float_of(v[1])),
    "decimal": lambda d, v: Decimal(v),
    "uuid": lambda d, v: uuid.UUID(hex=v),
    "date": lambda d, v: dt.date.fromisoformat(v),
    "timedelta": lambda d, v: dt.timedelta(*v),
}


def _float_of(text: str) -> float:
    name, _, bits = text.partition(":")
    return struct.unpack(">d", bytes.fromhex(bits))[0] if bits else float(name)


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
