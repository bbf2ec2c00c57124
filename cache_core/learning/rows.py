"""From a row as a file has it to a row as we keep it, or to the reason why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from cache_core.database import to_microseconds
from cache_core.learning.columns import Columns
from cache_core.learning.models import CATEGORY_MAX_CHARS, USER_NAME_MAX_CHARS
from cache_core.learning.texts import text_md5

TEXT_MAX_CHARS = 100_000
NO_CATEGORY = "uncategorised"
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_KNOWN_TEXTS = 20_000
_KNOWN_TEXT_CHARS = 4_000


class GoodRow(NamedTuple):
    """A row to keep; `at_us` microseconds since 1970 UTC, `row_key` identifies the whole row."""

    user: str
    md5: bytes
    category: str
    text: str
    score: float
    at_us: int | None
    row_key: bytes


class RowError(ValueError):
    """A row that cannot be kept; the message says why, without the row's own words."""


class RowReader:
    """Checks and converts rows of one file. Not shared between threads.

    A time may lie between 1990 and a day after `now`.
    """

    def __init__(self, columns: Columns, now: datetime) -> None:
        self._columns = columns
        core = (columns.user, columns.instruction, columns.outcome, columns.category, columns.ts)
        self._core = frozenset(core)
        self._earliest_us = to_microseconds(_EARLIEST)
        self._latest_us = to_microseconds(now + timedelta(days=1))
        self._md5_of: dict[str, bytes] = {}

    def read(self, fields: Mapping[str, Any]) -> GoodRow:
        """Convert one row. Raises RowError."""
        columns = self._columns
        text = self._text(fields.get(columns.instruction))
        user = _name(fields.get(columns.user), "user", USER_NAME_MAX_CHARS)
        category = NO_CATEGORY
        if columns.category is not None:
            given = fields.get(columns.category)
            if given is not None and given != "":
                category = _name(given, "category", CATEGORY_MAX_CHARS)
        score = _score(fields.get(columns.outcome))
        at_us = None if columns.ts is None else self._time(fields.get(columns.ts))
        md5 = self._md5(text)
        return GoodRow(
            user,
            md5,
            category,
            text,
            score,
            at_us,
            self._key(fields, user, md5, category, score, at_us),
        )

    def _text(self, value: Any) -> str:
        if value is None:
            raise RowError("instruction missing")
        if type(value) is not str:
            raise RowError("instruction is not text")
        if len(value) > TEXT_MAX_CHARS:
            raise RowError("text over 100,000 characters")
        if not value or value.isspace():
            raise RowError("instruction empty")
        if "\x00" in value:
            raise RowError("a NUL character in the text")
        return value

    def _md5(self, text: str) -> bytes:
        known = self._md5_of.get(text)
        if known is not None:
            return known
        try:
            md5 = text_md5(text)
        except UnicodeEncodeError:
            raise RowError("not UTF-8 text") from None
        if len(text) <= _KNOWN_TEXT_CHARS:
            if len(self._md5_of) >= _KNOWN_TEXTS:
                self._md5_of.clear()
            self._md5_of[text] = md5
        return md5

    def _time(self, value: Any) -> int | None:
        if value is None or value == "":
            return None
        at_us = microseconds_of(value)
        if not self._earliest_us <= at_us <= self._latest_us:
            raise RowError("time before 1990 or in the future")
        return at_us

    def _key(
        self,
        fields: Mapping[str, Any],
        user: str,
        md5: bytes,
        category: str,
        score: float,
        at_us: int | None,
    ) -> bytes:
        """Digest of all columns; equal for the same row in CSV, JSON lines and Parquet."""
        core = self._core
        parts = [user, md5.hex(), category, repr(score), str(at_us)]
        extra = [
            (name, value)
            for name, value in fields.items()
            if name not in core and value is not None and value != ""
        ]
        if extra:
            extra.sort()
            for name, value in extra:
                parts.append(name)
                parts.append(value if type(value) is str else _canonical(value))
        joined = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return blake2b(joined, digest_size=16).digest()


def _name(value: Any, what: str, limit: int) -> str:
    if type(value) is int:
        value = str(value)
    if value is None or value == "":
        raise RowError(f"{what} missing")
    if type(value) is not str:
        raise RowError(f"{what} is not text")
    name = value.strip()
    if not name:
        raise RowError(f"{what} missing")
    if len(name) > limit:
        raise RowError(f"{what} over {limit} characters")
    if not name.isascii():
        try:
            name.encode()
        except UnicodeEncodeError:
            raise RowError("not UTF-8 text") from None
    if "\x00" in name:
        raise RowError(f"a NUL character in the {what}")
    return name


def _score(value: Any) -> float:
    if value is None or value == "":
        raise RowError("outcome missing")
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        raise RowError("outcome is not a number") from None
    if math.isnan(score):
        raise RowError("outcome is not a number")
    if not 0.0 <= score <= 1.0:
        raise RowError("outcome outside 0 to 1")
    return score + 0.0  # turns -0.0 into 0.0


def microseconds_of(value: Any) -> int:
    """Unix seconds, milliseconds or microseconds, told apart by size; or ISO 8601, naive = UTC."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text) if text[:1].isdigit() and "-" not in text[1:] else text
        except ValueError:
            value = text
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise RowError("time not understood") from None
    if isinstance(value, date):
        return _of_date(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RowError("time not understood")
    size = abs(value)
    scale = 1_000_000 if size < 1e11 else 1_000 if size < 1e14 else 1
    return round(value * scale)


def _of_date(value: date) -> int:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    try:
        return to_microseconds(aware)
    except OverflowError:
        raise RowError("time before 1990 or in the future") from None


def _canonical(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # nested over 254 levels, or keys that are no text
        raise RowError("a column that holds too complex a value") from None
