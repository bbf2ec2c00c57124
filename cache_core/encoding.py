"""Takes values apart: what JSON keeps goes as it is, all else as tagged objects and blobs."""

from __future__ import annotations

import base64
import datetime as dt
import math
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from cache_core.extras import install
from cache_core.instances import Shape
from cache_core.models import Models, is_model, model_name
from cache_core.parts import Buffer
from cache_core.parts import UncacheableError as UncacheableError

WRAP = "!"
_NAN = struct.pack(">d", math.nan)
_INT64 = range(-(2**63), 2**63)
_STRICT = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_PLAIN = frozenset({str, int, float, bool, type(None), list, dict})


def plain_text(value: object) -> bytes | None:
    """JSON of a value that JSON gives back exactly; None if it does not, or that is not certain.

    orjson refuses classes it does not know, keys that are no text, numbers beyond 64 bits, lone
    surrogates and cycles. What it bends without a word are other types (a tuple, an enum), which
    are looked for here, a level of nesting at a time, and not-a-number, written null: if there are
    as many nulls as None, there is no such number.
    """
    try:
        text = orjson.dumps(value, option=_STRICT)
    except TypeError:
        return None
    nulls, kinds, level = 0, set(), [value]
    while level:
        found = set(map(type, level))
        if not found <= _PLAIN:
            return None
        kinds |= found
        if type(None) in found:
            nulls += level.count(None)
        inner: list[Any] = []
        if list in found:
            inner += chain.from_iterable([item for item in level if type(item) is list])
        if dict in found:
            dicts = [item for item in level if type(item) is dict]
            inner += chain.from_iterable(map(dict.values, dicts))
        level = inner
    if b'"!"' in text or (float in kinds and text.count(b"null") != nulls):
        return None
    return text


class Encoder:
    """Takes one value apart; `wrapped` and `blobs` tell what it came to."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._shapes: dict[type, Shape] = {}
        self.wrapped = False
        self.blobs: list[tuple[Buffer, bool]] = []

    def add(self, blob: Buffer, pack: bool = True, /) -> int:
        """Put bytes behind the text, packed if that pays and `pack`; the number of their part."""
        self.blobs.append((blob, pack))
        return len(self.blobs)

    def walk(self, value: Any) -> Any:
        """A value as JSON content. Raises UncacheableError."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self._text(value)
        if kind is int:
            return value if value in _INT64 else self._wrap("int", str(value))
        if kind is float:
            return value if math.isfinite(value) else self._wrap("float", _bits(value))
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
        return {WRAP: kind, "v": content, **more}

    def _text(self, value: str) -> Any:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate, which JSON text cannot hold
            return self._wrap("str", _base64(value.encode("utf-8", "surrogatepass")))
        return value

    def _dict(self, value: dict[Any, Any]) -> Any:
        if all(type(key) is str and key.isascii() for key in value) and WRAP not in value:
            return {key: self.walk(item) for key, item in value.items()}
        return self._wrap("dict", [[self.walk(k), self.walk(v)] for k, v in value.items()])

    def _items(self, name: str, value: Any) -> Any:
        return self._wrap(name, [self.walk(item) for item in value])

    def _unordered(self, name: str, value: Any) -> Any:
        # Sorted, so that equal sets give equal bytes: that is how a change of the data is noticed.
        return self._wrap(name, sorted((self.walk(item) for item in value), key=orjson.dumps))

    def _time(self, name: str, value: dt.datetime | dt.time) -> Any:
        text = value.replace(tzinfo=None).isoformat()
        more: dict[str, Any] = {"f": 1} if value.fold else {}
        if value.tzinfo is not None:
            more["z"] = zone_content(value.tzinfo)
        return self._wrap(name, text, **more)

    def _other(self, kind: type, value: Any) -> Any:
        # The very class: one of the same name (a module run anew) would come back as the other.
        if self._models.get(model_name(kind)) is kind:
            return self._model(kind, value)
        if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            try:
                from cache_core import frames
            except ImportError as exc:
                kept = f"to have arrays and frames kept, {install('frames')}"
                raise UncacheableError(f"it holds a {model_name(kind)}; {kept}") from exc
            return self._wrap(*frames.encode(value, self))
        hint = (
            "; name it in the function's return annotation to have it kept"
            if is_model(kind)
            else ""
        )
        raise UncacheableError(f"it holds a {model_name(kind)}{hint}")

    def _model(self, kind: type, value: Any) -> Any:
        shape = self._shapes.get(kind)
        if shape is None:
            shape = self._shapes[kind] = Shape(kind)
        return self._wrap("model", shape.contents(value, self.walk), c=model_name(kind))


_Writer = Callable[[Encoder, Any], Any]
_WRITERS: dict[type, _Writer] = {
    tuple: lambda e, v: e._items("tuple", v),
    set: lambda e, v: e._unordered("set", v),
    frozenset: lambda e, v: e._unordered("frozenset", v),
    bytes: lambda e, v: e._wrap("bytes", _base64(v)),
    bytearray: lambda e, v: e._wrap("bytearray", _base64(v)),
    complex: lambda e, v: e._wrap("complex", [_bits(v.real), _bits(v.imag)]),
    Decimal: lambda e, v: e._wrap("decimal", str(v)),
    uuid.UUID: lambda e, v: e._wrap("uuid", v.hex),
    dt.date: lambda e, v: e._wrap("date", v.isoformat()),
    dt.time: lambda e, v: e._time("time", v),
    dt.datetime: lambda e, v: e._time("datetime", v),
    dt.timedelta: lambda e, v: e._wrap("timedelta", [v.days, v.seconds, v.microseconds]),
}


def zone_content(zone: dt.tzinfo) -> str | list[Any]:
    """A time zone as JSON content. Raises UncacheableError for classes whose zones have no name."""
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    if type(zone) is not dt.timezone:
        raise UncacheableError(f"it holds a time in a zone of type {type(zone).__qualname__}")
    offset, label = zone.utcoffset(None), zone.tzname(None)
    own = [] if label == dt.timezone(offset).tzname(None) else [label]
    return [offset.days, offset.seconds, offset.microseconds, *own]


def _bits(number: float) -> str:
    """A float as text that tells every bit of it, the sign and payload of not-a-number too."""
    text = repr(number)
    if text == "nan" and (bits := struct.pack(">d", number)) != _NAN:
        return f"nan:{bits.hex()}"
    return text


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
