"""A value as a digest takes it in: its type, and all that it holds.

Two values are fed alike only if they have the same type and state; what cannot be told apart for
certain is refused, never taken for less than it is.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import struct
import types
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

_DIGEST_BYTES = 16


class Canonical:
    """Feeds one argument to a hash: type and length before every part, so that nothing runs
    together and 1, 1.0, "1" and True stay apart."""

    def __init__(self, update: Callable[[bytes], object], name: str) -> None:
        self._update = update
        self._name = name

    def feed_whole(self, value: Any) -> None:
        """Feed an argument. TypeError, naming it, if it has no stable digest."""
        try:
            self.feed(value)
        except RecursionError:
            raise TypeError(
                f"argument {self._name!r} holds itself, or is nested too deeply to have a digest. "
                "Give the decorator key=, a function of the arguments returning plain values."
            ) from None

    def feed(self, value: Any) -> None:
        """Feed a part of the argument."""
        kind = type(value)
        if kind is str:
            self._part(b"s", value.encode("utf-8", "surrogatepass"))
        elif kind is int:
            self._part(b"i", _digits(value))
        elif value is None or kind is bool:
            self._part(b"c", repr(value).encode())
        elif kind is float:
            self._part(b"f", struct.pack(">d", value))
        elif kind in (bytes, bytearray):
            self._part(b"b" if kind is bytes else b"a", bytes(value))
        elif kind in (tuple, list):
            self._sequence(b"t" if kind is tuple else b"l", value)
        elif kind in (set, frozenset):
            self._unordered(b"S" if kind is set else b"F", value)
        elif kind is dict:
            self._unordered(b"d", value.items())
        else:
            self._object(value)

    def _part(self, mark: bytes, content: bytes) -> None:
        self._update(b"%b%d:" % (mark, len(content)))
        self._update(content)

    def _sequence(self, mark: bytes, values: tuple[Any, ...] | list[Any]) -> None:
        self._update(b"%b%d[" % (mark, len(values)))
        for value in values:
            self.feed(value)

    def _unordered(self, mark: bytes, values: Any) -> None:
        digests = sorted(self._apart(value) for value in values)
        self._part(mark, b"".join(digests))

    def _apart(self, value: object) -> bytes:
        digest = blake2b(digest_size=_DIGEST_BYTES)
        Canonical(digest.update, self._name).feed(value)
        return digest.digest()

    def _object(self, value: Any) -> None:
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}".encode()
        if isinstance(value, enum.Enum):
            # No name: the empty combination of a Flag. A number is never a member's name.
            self._part(b"e" + name, (value.name or str(value.value)).encode())
        elif kind in (dt.datetime, dt.date, dt.time):
            self._part(name, value.isoformat().encode())
            zone = self._zone(getattr(value, "tzinfo", None))
            self._part(b"z", zone + b"%d" % getattr(value, "fold", 0))
        elif kind in (dt.timedelta, Decimal, uuid.UUID) or isinstance(value, PurePath):
            self._part(name, str(value).encode())
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            self._part(b"o", name)
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            self.feed(fields | self._beside(value, fields))
        elif hasattr(kind, "__pydantic_fields__"):
            self._part(b"p", name)
            known = kind.__pydantic_fields__
            # Not model_dump, which drops the types of nested models.
            fields = {name: part for name, part in vars(value).items() if name in known}
            self.feed(fields | self._beside(value, fields))
        elif kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            self._table(value, name)
        else:
            self._refuse(value)

    def _beside(self, value: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What an instance holds beside its fields, in attributes and slots, by name."""
        kind: Any = type(value)
        if _is_built_in_too(kind):
            self._refuse(value)
        state = object.__getstate__(value)
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        held = [*(attributes or {}).items(), *(slots or {}).items()]
        return {
            name: part
            for name, part in held
            if name not in fields and not _is_aside(kind, name, part)
        }

    def _zone(self, zone: dt.tzinfo | None) -> bytes:
        """A time zone's class and name; those without a name of their own are refused."""
        if zone is None:
            return b"None"
        kind = type(zone)
        is_named = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
        if not is_named or (isinstance(zone, ZoneInfo) and zone.key is None):
            self._refuse(zone)
        return f"{kind.__module__}.{kind.__qualname__} {zone}".encode()

    def _table(self, value: Any, name: bytes) -> None:
        import numpy as np

        self._part(b"n", name)
        if isinstance(value, (np.ndarray, np.generic)):
            # Other kinds of array hold more than their elements, as a masked one does.
            is_all = isinstance(value, np.generic) or type(value) in (np.ndarray, np.memmap)
            if not is_all or value.dtype.kind not in "biufcmMSU":
                self._refuse(value)
            self._part(b"n", f"{value.dtype.str}{value.shape}".encode())
            self._part(b"n", value.tobytes())
            return
        import pandas as pd  # arrays are used where there are no frames

        if isinstance(value, pd.DataFrame):
            self._axis(value.columns)
            self._axis(value.index)
            for at in range(value.shape[1]):
                self._column(value.iloc[:, at])
        elif isinstance(value, pd.Series):
            self.feed(value.name)
            self._axis(value.index)
            self._column(value)
        elif isinstance(value, (pd.Timestamp, pd.Timedelta)):
            zone = self._zone(getattr(value, "tz", None))
            self._part(b"n", value.isoformat().encode() + zone)
        else:
            self._refuse(value)
        if getattr(value, "attrs", None):  # of frames and series
            self._part(b"m", b"attrs")
            self.feed(value.attrs)

    def _axis(self, index: Any) -> None:
        """Labels of rows or columns, and the names of the labels."""
        self.feed(list(index.names))
        for level in range(index.nlevels):
            self._column(index.get_level_values(level).to_series())

    def _column(self, column: Any) -> None:
        import numpy as np
        import pandas as pd

        dtype = column.dtype
        if isinstance(dtype, pd.DatetimeTZDtype):
            self._part(b"z", self._zone(dtype.tz))
        self._part(b"n", f"{dtype}{len(column)}".encode())
        if isinstance(dtype, pd.CategoricalDtype):
            self._part(b"n", b"ordered" if dtype.ordered else b"unordered")
            self._column(dtype.categories.to_series())
            self._part(b"n", column.cat.codes.to_numpy().tobytes())
        elif isinstance(dtype, np.dtype) and dtype.kind == "O":
            self.feed(column.tolist())  # by cell: pandas may hash unlike cells alike
        else:
            try:
                hashed = pd.util.hash_pandas_object(column, index=False)
            except TypeError:
                self._refuse(column)
            self._part(b"n", hashed.to_numpy().tobytes())

    def _refuse(self, value: object) -> NoReturn:
        raise TypeError(
            f"argument {self._name!r} holds a {type(value).__module__}.{type(value).__qualname__}, "
            "which has no stable digest. Pass plain values (text, numbers, dates, dataclasses, "
            "frames), or give the decorator key=, a function of the arguments returning one."
        )


def _digits(value: int) -> bytes:
    try:
        return b"%d" % value
    except ValueError:  # so long that Python does not write it in decimal
        return b"%#x" % value


@functools.lru_cache(maxsize=256)
def _is_built_in_too(kind: type) -> bool:
    """Whether a class is a list, an exception or the like too, whose content is no attribute."""
    makers = (vars(base).get("__new__") for base in kind.__mro__ if base is not object)
    return any(isinstance(maker, types.BuiltinFunctionType) for maker in makers)


def _is_aside(kind: type, name: str, part: object) -> bool:
    """Whether an attribute adds nothing to a value: what was computed from the others and is
    remembered, what type checkers noted, and the means of pydantic where they are not used."""
    if name in ("__orig_class__", "__pydantic_fields_set__"):
        return True
    if name in ("__pydantic_extra__", "__pydantic_private__"):
        return not part
    return isinstance(inspect.getattr_static(kind, name, None), functools.cached_property)
