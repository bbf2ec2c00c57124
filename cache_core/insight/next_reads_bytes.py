"""Bytes of what a `NextReads` learned, for replicas that share it through a store.

JSON, deflated, behind a mark with the version and a digest. A first line of settings and sums, then
lines of rows, heaviest first, so that what does not fit is what matters least; a text is written
once and told by its number from then on. Weights have four significant digits and count in events
of the newest read's time. Nothing in it names a class or can run. What is read is believed in
nothing: sizes, kinds and ranges are checked, and all that is not ours is one ValueError.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MARK = b"next reads 1\n"
_DIGEST_BYTES = 8
# What the bytes may unpack to: a bomb of zeros is refused before it fills the memory.
_UNPACKED_MAX = 64 * 2**20
_LARGEST = 1e15
_ROWS_A_LINE = 256
# What unpacking and reading what is not ours may run into.
_WRONG = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
_TEXT = ("utf-8", "surrogatepass")  # keys are any str, half of a surrogate pair included


@dataclass(frozen=True, slots=True)
class LearnedRow:
    """Counts of one row of a table."""

    table: int
    name: tuple[str, ...]
    visits: float = 0.0
    moves: float = 0.0
    followers: Sequence[tuple[str, float]] = ()

    @property
    def mass(self) -> float:
        return max(self.visits, self.moves)


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned, with weights in events of `newest_s` (None: nothing was)."""

    settings: Mapping[str, float | None]
    oldest_s: float | None
    newest_s: float | None
    sums: Mapping[str, Sequence[float]]
    rows: Sequence[LearnedRow]


def encode(learned: Learned, max_bytes: int) -> bytes:
    """At most `max_bytes`. Raises: ValueError if not even settings and sums fit."""
    head = {
        "settings": dict(learned.settings),
        "times_s": [learned.oldest_s, learned.newest_s],
        "sums": {name: list(map(_rounded, sums)) for name, sums in learned.sums.items()},
    }
    writer = _Writer(max_bytes - len(_MARK) - _DIGEST_BYTES)
    if not writer.write(head):
        raise ValueError(f"{max_bytes} bytes do not hold the sums that are always kept")
    names: dict[str, int] = {}
    rows = sorted(learned.rows, key=lambda row: row.mass, reverse=True)
    begin, count = 0, _ROWS_A_LINE
    while begin < len(rows) and count:
        line, added = _line(rows[begin : begin + count], names)
        if writer.write(line):
            names |= added
            begin += count
        else:
            count //= 2  # the last line that fits is found by halving
    body = writer.finished()
    return _MARK + _digest(body) + body


def decode(raw: bytes) -> Learned:
    """Raises: ValueError for whatever `encode` did not make."""
    try:
        lines = _unpacked(bytes(raw)).split("\n")
        return _learned([json.loads(line) for line in lines])
    except (*_WRONG, RecursionError, zlib.error) as failure:
        raise ValueError(f"not bytes of learned next reads: {failure}") from failure


class _Writer:
    """Deflated lines of at most so many bytes together."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._deflate = zlib.compressobj()
        self._done = b""
        self._unpacked = 0

    def write(self, line: object) -> bool:
        """True if it fitted; else it is as though it was never tried."""
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        data = (("\n" if self._unpacked else "") + text).encode(*_TEXT)
        trial = self._deflate.copy()
        done = self._done + trial.compress(data)
        fits = len(done) + len(trial.copy().flush()) <= self._room
        if not fits or self._unpacked + len(data) > _UNPACKED_MAX:
            return False
        self._deflate, self._done = trial, done
        self._unpacked += len(data)
        return True

    def finished(self) -> bytes:
        return self._done + self._deflate.flush()


def _line(
    rows: Iterable[LearnedRow], names: Mapping[str, int]
) -> tuple[list[object], dict[str, int]]:
    """New texts and rows that tell texts by number; and the numbers of the new ones."""
    added: dict[str, int] = {}

    def number(text: str) -> int:
        known = names.get(text)
        return added.setdefault(text, len(names) + len(added)) if known is None else known

    written = []
    for row in rows:
        cells: list[float] = []
        for follower, weight in row.followers:
            cells += (number(follower), _rounded(weight))
        name = [number(text) for text in row.name]
        written.append([row.table, name, _rounded(row.visits), _rounded(row.moves), cells])
    return [list(added), written], added


def _rounded(value: float) -> float:
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(_MARK + body, digest_size=_DIGEST_BYTES).digest()


def _unpacked(raw: bytes) -> str:
    begin = len(_MARK) + _DIGEST_BYTES
    body = raw[begin:]
    if raw[:begin] != _MARK + _digest(body):
        raise ValueError("damaged, of another version or of something else")
    inflate = zlib.decompressobj()
    text = inflate.decompress(body, _UNPACKED_MAX)
    if not inflate.eof or inflate.unused_data:
        raise ValueError("cut off, too long or with more behind it")
    return text.decode(*_TEXT)


def _learned(lines: list[Any]) -> Learned:
    head, *rest = lines
    oldest_s, newest_s = (None if time is None else _time(time) for time in head["times_s"])
    if (oldest_s is None) != (newest_s is None):
        raise ValueError("one time is missing")
    rows: list[LearnedRow] = []
    names: list[str] = []
    for added, written in rest:
        names += map(_text, added)
        rows += (_row(cells, names) for cells in written)
    return Learned(
        settings={
            _text(name): None if value is None else _weight(value)
            for name, value in head["settings"].items()
        },
        oldest_s=oldest_s,
        newest_s=newest_s,
        sums={_text(name): list(map(_weight, sums)) for name, sums in head["sums"].items()},
        rows=rows,
    )


def _row(written: list[Any], names: list[str]) -> LearnedRow:
    table, name, visits, moves, cells = written
    if len(cells) % 2:
        raise ValueError("a follower without a weight")
    followers = [
        (_named(number, names), _weight(weight))
        for number, weight in zip(cells[::2], cells[1::2], strict=True)
    ]
    return LearnedRow(
        table=_whole(table),
        name=tuple(_named(number, names) for number in name),
        visits=_weight(visits),
        moves=_weight(moves),
        followers=followers,
    )


def _named(number: object, names: list[str]) -> str:
    whole = _whole(number)
    if whole >= len(names):
        raise ValueError("a text that was not written")
    return names[whole]


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("a number that is not whole")
    return value


def _weight(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST:  # type: ignore[operator]
        raise ValueError("a weight out of range")
    return value  # type: ignore[return-value]


def _time(value: object) -> float:
    if type(value) not in (int, float) or not abs(value) <= _LARGEST:  # type: ignore[arg-type]
        raise ValueError("a time out of range")
    return value  # type: ignore[return-value]


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("a text that is none")
    return value
