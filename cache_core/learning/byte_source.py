"""Bytes and lines of a file to import, unpacked on the way and never a whole line too many."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

LINE_MAX_BYTES = 1_000_000
_BLOCK_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"


class ByteSource:
    """A file or stream, gzip or not, read forward once.

    A damaged or cut gzip file ends early instead of raising; `problem` then says so. An own file
    is closed by `close`, a stream handed in stays open.
    """

    def __init__(self, file: str | Path | BinaryIO) -> None:
        """Raises OSError when a path cannot be opened."""
        self._own = isinstance(file, (str, Path))
        raw = open(file, "rb") if isinstance(file, (str, Path)) else file  # noqa: SIM115
        self.total_bytes = _size(raw)
        self._raw = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(_readable(raw))
        self.problem: str | None = None
        self._stream: io.BufferedReader | gzip.GzipFile = self._raw
        if self._raw.peek(2)[:2] == _GZIP_MAGIC:
            self._stream = gzip.GzipFile(fileobj=self._raw, mode="rb")
        self._head = b""

    def head(self) -> bytes:
        """The first bytes, which stay to be read."""
        if not self._head:
            self._head = self._take()
        return self._head

    def read(self) -> bytes:
        """The next block; b"" at the end, and where a damaged file stops making sense."""
        if self._head:
            block, self._head = self._head, b""
            return block
        return self._take()

    def share(self) -> float | None:
        """Part of the file (as stored) that was read, 0 to 1; None when its size is not known."""
        if not self.total_bytes:
            return None
        return min(self._raw.tell() / self.total_bytes, 1.0)

    def close(self) -> None:
        """Close an own file; leave a stream handed in to its owner."""
        if self._own:
            self._raw.close()
        elif not self._raw.closed:
            self._raw.detach()

    def _take(self) -> bytes:
        if self.problem is not None:
            return b""
        try:
            return self._stream.read1(_BLOCK_BYTES)
        except EOFError:
            self.problem = "the compressed file ends too early; it may not be completely copied"
        except (zlib.error, gzip.BadGzipFile) as exc:
            self.problem = f"the compressed file is damaged from here on ({exc})"
        return b""


def lines_of(source: ByteSource) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their number from 1, without the line feed.

    A line over LINE_MAX_BYTES comes as None, and is never held in memory. What is left of a line
    that a damaged file cuts is dropped: `source.problem` tells of it.
    """
    number, rest, too_long = 0, b"", False
    while block := source.read():
        pieces = block.split(b"\n")
        if len(pieces) > 1:
            number += 1
            first = rest + pieces[0]
            yield number, None if too_long or len(first) > LINE_MAX_BYTES else first
            too_long = False
            for piece in pieces[1:-1]:  # shorter than a block, so never too long
                number += 1
                yield number, piece
            rest = pieces[-1]
        elif not too_long:
            rest += block
        if len(rest) > LINE_MAX_BYTES:
            rest, too_long = b"", True
    if source.problem is None and (rest or too_long):
        yield number + 1, None if too_long else rest


def own_name(file: str | Path | BinaryIO) -> str:
    """What a file is called where nobody says."""
    if isinstance(file, (str, Path)):
        return Path(file).name
    return Path(str(getattr(file, "name", "") or "uploaded file")).name


def _size(raw: BinaryIO) -> int | None:
    if not raw.seekable():
        return None
    at = raw.tell()
    size = raw.seek(0, io.SEEK_END) - at
    raw.seek(at)
    return size


def _readable(raw: BinaryIO) -> io.RawIOBase:
    return cast(io.RawIOBase, raw)
