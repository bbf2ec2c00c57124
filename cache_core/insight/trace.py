"""A recorded trace: who asked for which key when, read from a file into arrays.

The file is read forward once and never held; a row takes 25 bytes here, and each key and each value
its digest once. Rows that cannot be used are counted and listed by line. Rows that are not in order
of time are put in order and counted.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from cache_core.learning.byte_source import ByteSource, own_name
from cache_core.learning.columns import choose_columns, resolved_mapping
from cache_core.learning.errors import ImportFileError
from cache_core.learning.formats import RawRow, columns_of, excerpt_of, rows_of
from cache_core.learning.report import BadRow, BadRows
from cache_core.learning.rows import RowError, microseconds_of
from cache_core.learning.texts import excerpt
from cache_core.stores.base import CacheCoreError

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Writes = Literal["invalidate", "read"]

UNKNOWN = -1  # a value that the trace does not tell
SOURCE_MAX_S = 86_400.0

_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("ts_seconds", "time", "timestamp", "ts", "at_s"),
    "key": ("key",),
    "value": ("value_id", "value", "etag"),
    "source_s": ("source_s", "source_seconds"),
    "op": ("op",),
}
FIELDS = tuple(_NAMES)
_NEEDED = ("time", "key")
_WRITES = ("set", "write", "put", "delete", "update")
_READS = ("get", "read", "")
_PEEK_ROWS = 1_000
_TOLD_EVERY_ROWS = 20_000
_KEY_MAX_CHARS = 10_000


class ReplayStoppedError(CacheCoreError):
    """Stopped before anything could be replayed."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Rows in order of time; one element a row in each array.

    at_s: seconds since the first row. key: a number from 0 up for each. version: what the value
    was, equal for equal values, or UNKNOWN; where the file has no value ids, how often the key had
    been written. source_s: what computing took, seconds. is_read: False for a write.
    began_s: the first row's time as the file has it, Unix seconds if those are.
    out_of_order: rows whose time lay before that of a row further up. problem: why the file ended
    too soon, None when it did not.
    """

    name: str
    at_s: Floats
    key: Whole
    version: Whole
    source_s: Floats
    is_read: Flags
    has_values: bool
    has_source_s: bool
    began_s: float
    out_of_order: int
    rows_bad: int
    bad_rows: tuple[BadRow, ...]
    bad_reasons: dict[str, int]
    problem: str | None

    def __len__(self) -> int:
        return len(self.at_s)

    @property
    def reads(self) -> int:
        """Rows that are no writes."""
        return int(self.is_read.sum())

    @property
    def keys(self) -> int:
        """Different keys that are read."""
        return len(np.unique(self.key[self.is_read]))

    @property
    def span_s(self) -> float:
        """Seconds from the first row to the last."""
        return float(self.at_s[-1]) if len(self) else 0.0


def read_trace(
    file: str | Path | BinaryIO,
    *,
    name: str | None = None,
    mapping: Mapping[str, str] | None = None,
    writes: Writes = "invalidate",
    source_s: float | None = None,
    rows_max: int | None = None,
    progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trace:
    """Read a CSV (or JSON lines, or Parquet) file, each with or without gzip.

    Args:
        file: a path, or a binary stream, which stays open.
        mapping: our field (one of FIELDS) to the file's column.
        writes: rows whose `op` is a write invalidate their key, or count as reads.
        source_s: what computing takes where the file does not tell, seconds.
        rows_max: more rows are refused.
        progress: called with the rows read so far.
        should_stop: asked as often; True raises ReplayStoppedError.
    Raises: ImportFileError when nothing can be replayed, saying why and what to do; ValueError for
        a mapping of a field there is not, or a `source_s` that is no time.
    """
    if source_s is not None and not 0 <= source_s <= SOURCE_MAX_S:
        raise ValueError(f"a source takes from 0 to {SOURCE_MAX_S:,.0f} seconds, not {source_s!r}")
    shown = name or own_name(file)
    checked = resolved_mapping(mapping, _NAMES)
    try:
        source = ByteSource(file)
    except OSError as exc:
        raise ImportFileError(f"cannot open {shown}: {exc.strerror or exc}") from exc
    with closing(source):
        rows = rows_of(source, shown)
        peeked = list(islice(rows, _PEEK_ROWS))
        columns = choose_columns(columns_of(peeked, source, shown), checked, _NAMES, _NEEDED)
        reader = _TraceReader(columns, writes, source_s)
        for number, raw in enumerate(chain(peeked, rows), 1):
            if rows_max is not None and number > rows_max:
                raise ImportFileError(
                    f"{shown} has more than {rows_max:,} rows, the most that are replayed here. "
                    "Cut it, or replay it with: python -m cache_core replay FILE"
                )
            reader.take(raw)
            if number % _TOLD_EVERY_ROWS == 0:
                if should_stop is not None and should_stop():
                    raise ReplayStoppedError(f"stopped while {shown} was being read")
                if progress is not None:
                    progress(number)
    return reader.trace(shown, source.problem)


class _TraceReader:
    """Takes rows of one file."""

    def __init__(
        self, columns: Mapping[str, str | None], writes: Writes, source_s: float | None
    ) -> None:
        self._columns = columns
        self._writes_invalidate = writes == "invalidate"
        self._source_s = source_s
        self._tells_source = columns["source_s"] is not None
        self._keys: dict[bytes, int] = {}
        self._values: dict[bytes, int] = {}
        self._at_s, self._key = array("d"), array("i")
        self._value, self._took_s = array("i"), array("d")
        self._is_read = bytearray()
        self._bad = BadRows()

    def take(self, raw: RawRow) -> None:
        """Keep a row, or note why not."""
        if raw.fault:
            self._bad.add(BadRow(raw.line, raw.fault, excerpt(raw.excerpt)))
            return
        try:
            self._keep(raw.fields)
        except RowError as exc:
            self._bad.add(BadRow(raw.line, str(exc), excerpt_of(raw)))

    def _keep(self, fields: Mapping[str, Any]) -> None:
        at_s = self._time(self._field(fields, "time"))
        key = _digest(self._field(fields, "key"), "key")
        if key is None:
            raise RowError("key missing")
        value = _digest(self._field(fields, "value"), "value id")
        took_s = self._took(self._field(fields, "source_s"))
        is_read = self._reads(self._field(fields, "op"))
        self._at_s.append(at_s)
        self._key.append(self._keys.setdefault(key, len(self._keys)))
        known = self._values.setdefault(value, len(self._values)) if value is not None else UNKNOWN
        self._value.append(known)
        self._took_s.append(took_s)
        self._is_read.append(is_read)

    def _field(self, fields: Mapping[str, Any], name: str) -> Any:
        column = self._columns[name]
        return None if column is None else fields.get(column)

    @staticmethod
    def _time(value: Any) -> float:
        if value is None or value == "":
            raise RowError("time missing")
        return microseconds_of(value) / 1e6

    def _took(self, value: Any) -> float:
        if value is None or value == "":
            return self._source_s or 0.0
        try:
            took_s = float(value)
        except (TypeError, ValueError):
            took_s = math.nan
        if not 0 <= took_s <= SOURCE_MAX_S:
            raise RowError("source time is not a number of seconds from 0 to a day")
        return took_s

    def _reads(self, value: Any) -> bool:
        op = "" if value is None else str(value).strip().lower()
        if op in _READS:
            return True
        if op in _WRITES:
            return not self._writes_invalidate
        raise RowError("op is neither get nor set")

    def trace(self, name: str, problem: str | None) -> Trace:
        """All rows taken, in order of time."""
        at_s = np.frombuffer(self._at_s, dtype=np.float64) if self._at_s else np.empty(0)
        self._refuse_nothing(name, len(at_s))
        order = np.argsort(at_s, kind="stable")
        key = np.frombuffer(self._key, dtype=np.int32)[order].astype(np.int64)
        value = np.frombuffer(self._value, dtype=np.int32)[order].astype(np.int64)
        is_read = np.frombuffer(self._is_read, dtype=np.bool_)[order]
        has_values = bool((value != UNKNOWN).any())
        return Trace(
            name=name,
            at_s=at_s[order] - at_s[order[0]],
            key=key,
            version=value if has_values else _writes_before(key, is_read),
            source_s=np.frombuffer(self._took_s, dtype=np.float64)[order],
            is_read=is_read,
            has_values=has_values,
            has_source_s=self._tells_source or self._source_s is not None,
            began_s=float(at_s[order[0]]),
            out_of_order=int((at_s < np.maximum.accumulate(at_s)).sum()),
            rows_bad=self._bad.count,
            bad_rows=tuple(self._bad.listed),
            bad_reasons=dict(self._bad.reasons),
            problem=problem,
        )

    def _refuse_nothing(self, name: str, rows: int) -> None:
        if rows and not any(self._is_read):
            raise ImportFileError(
                f"{name}: all {rows:,} rows are writes (by their op), so there is no read to "
                "replay. Writes can be counted as reads: --writes read"
            )
        if not rows:
            first = self._bad.listed[0]
            raise ImportFileError(
                f"{name}: none of {self._bad.count:,} rows can be replayed; "
                f"line {first.line}: {first.reason}. If the columns are not what they were taken "
                "for, say which is which with --map"
            )


def _writes_before(key: Whole, is_read: Flags) -> Whole:
    """How often each row's key had been written when the row's turn came."""
    version = np.zeros(len(key), dtype=np.int64)
    if is_read.all():
        return version
    written: dict[int, int] = {}
    for row in range(len(key)):
        number = int(key[row])
        if not is_read[row]:
            written[number] = written.get(number, 0) + 1
        version[row] = written.get(number, 0)
    return version


def _digest(value: Any, what: str) -> bytes | None:
    """A name of fixed size, however long the text; None for none."""
    if value is None or value == "":
        return None
    text = value if type(value) is str else str(value)
    if len(text) > _KEY_MAX_CHARS:
        raise RowError(f"{what} over {_KEY_MAX_CHARS:,} characters")
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).digest()
