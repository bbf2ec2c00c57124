"""Names of keys: what of a call goes into them, and how.

A key holds the namespace, the policy's version and a digest of all arguments; nothing a user wrote
stands in it readably. Two calls share a digest only if every argument has the same type and value.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import re
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, NoReturn

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST_BYTES = 16
_TAG_BYTES = 8


def checked_namespace(namespace: str) -> str:
    """`namespace` itself if it can stand in a key and on a page, else ValueError."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(
            f"namespace {namespace!r} will not do: use 1 to 64 letters, digits, '.', '_' or '-', "
            "for example 'dashboard.stats'"
        )
    return namespace


def checked_version(version: int | str) -> str:
    """`version` as text if it can stand in a key, else ValueError."""
    text = str(version)
    if not _NAMESPACE.fullmatch(text):
        raise ValueError(f"policy version {version!r} will not do: use letters and digits")
    return text


def entry_key(namespace: str, version: int | str, digest: str) -> str:
    """Where an entry lies. The braces put it in one Redis Cluster slot with its lease."""
    return f"e:{namespace}:{checked_version(version)}:{{{digest}}}"


def lease_key(entry: str) -> str:
    """Where the lease of an entry lies."""
    return "l" + entry[1:]


def group_of(digest: str) -> str:
    """What a key is called in figures: enough of its digest to tell it from others."""
    return f"#{digest[:8]}"


def is_lease_key(key: str) -> bool:
    """Whether a key is a lease's."""
    return key.startswith("l:")


def ttl_key(namespace: str) -> str:
    """Where a namespace's retuned ttl lies."""
    return f"o:{namespace}"


def entries_start(namespace: str) -> str:
    """What the keys of all entries of a namespace begin with."""
    return f"e:{namespace}:"


def all_entries_start() -> str:
    """What the keys of all entries begin with."""
    return "e:"


def generations_start() -> str:
    """What the keys of all generations begin with."""
    return "g:"


def namespace_generation_key(namespace: str) -> str:
    """Where the generation of a namespace lies."""
    return f"g:n:{namespace}"


def tag_digest(tag: str) -> bytes:
    """Eight bytes that stand for a tag; tags may name users, so they are never written out."""
    if not isinstance(tag, str):
        raise TypeError(f"a tag is a text, not {type(tag).__name__}")
    if not tag:
        raise ValueError("a tag is a text that is not empty")
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=_TAG_BYTES).digest()


def tag_generation_key(digest: bytes) -> str:
    """Where the generation of a tag lies."""
    return f"g:t:{digest.hex()}"


def text_digest(key: str) -> str:
    """Digest of a key given by hand; apart from every digest of arguments."""
    if not isinstance(key, str):
        raise TypeError(f"a key is a text, not {type(key).__name__}")
    return blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, person=b"key"
    ).hexdigest()


def value_digest(name: str, value: object) -> str:
    """Digest of one value that stands for all arguments; `name` is what a TypeError calls it."""
    digest = blake2b(digest_size=_DIGEST_BYTES, person=b"value")
    _Canonical(digest.update, name).feed(value)
    return digest.hexdigest()


class ArgumentsDigest:
    """Turns the arguments of one function into a digest, however the caller spells them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature = inspect.signature(function)
        kinds = [parameter.kind for parameter in self._signature.parameters.values()]
        self._names = list(self._signature.parameters)
        # A call by position that fills every parameter needs no binding.
        self._by_position = all(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Digest of a call. TypeError if the call does not fit, or an argument has no digest."""
        if self._by_position and not kwargs and len(args) == len(self._names):
            pairs: Iterable[tuple[str, Any]] = zip(self._names, args, strict=True)
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            pairs = bound.arguments.items()
        digest = blake2b(digest_size=_DIGEST_BYTES, person=b"arguments")
        for name, value in pairs:
            digest.update(b"(" + name.encode() + b")")
            _Canonical(digest.update, name).feed(value)
        return digest.hexdigest()


class _Canonical:
    """Feeds one argument to a hash: type and length before every part, so that nothing runs
    together and 1, 1.0, "1" and True stay apart."""

    def __init__(self, update: Callable[[bytes], object], name: str) -> None:
        self._update = update
        self._name = name

    def feed(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self._part(b"s", value.encode("utf-8", "surrogatepass"))
        elif kind is int:
            self._part(b"i", b"%d" % value)
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
        _Canonical(digest.update, self._name).feed(value)
        return digest.digest()

    def _object(self, value: Any) -> None:
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}".encode()
        if isinstance(value, enum.Enum):
            # No name: the empty combination of a Flag. A number is never a member's name.
            self._part(b"e" + name, (value.name or str(value.value)).encode())
        elif kind in (dt.datetime, dt.date, dt.time):
            zone = getattr(value, "tzinfo", None)
            self._part(name, value.isoformat().encode())
            self._part(b"z", str(zone).encode() + b"%d" % getattr(value, "fold", 0))
        elif kind in (dt.timedelta, Decimal, uuid.UUID) or isinstance(value, PurePath):
            self._part(name, str(value).encode())
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            self._part(b"o", name)
            self.feed({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
        elif hasattr(kind, "__pydantic_fields__"):
            self._part(b"p", name)
            self.feed(dict(value))  # not model_dump, which drops the types of nested models
        elif kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            self._table(value, name)
        else:
            self._refuse(value)

    def _table(self, value: Any, name: bytes) -> None:
        import numpy as np

        self._part(b"n", name)
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufcmMSU":
            self._part(b"n", f"{value.dtype.str}{value.shape}".encode())
            self._part(b"n", value.tobytes())
            return
        if isinstance(value, (np.ndarray, np.generic)):
            self._refuse(value)
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
            self._part(b"n", f"{value.isoformat()}{getattr(value, 'tz', '')}".encode())
        else:
            self._refuse(value)

    def _axis(self, index: Any) -> None:
        """Labels of rows or columns, and the names of the labels."""
        self.feed(list(index.names))
        for level in range(index.nlevels):
            self._column(index.get_level_values(level).to_series())

    def _column(self, column: Any) -> None:
        import numpy as np
        import pandas as pd

        dtype = column.dtype
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
