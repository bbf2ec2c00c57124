"""The parts of a body: its text, then its blobs, each packed by zstandard where that pays.

    per part: length 4, of which the highest bit says packed | bytes

A part never expands to more than EXPAND_MAX times its bytes; what packs better is padded. So an
entry that somebody forged cannot claim more memory than that many times its own size.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview

EXPAND_MAX = 64

_LENGTH = struct.Struct(">I")
_PACKED = 1 << 31
_LEVEL = 1
# JSON. Up to 4 kB an entry is three TCP segments: packing would save less than 1 % of a round trip
# over REST, and unpacking takes half as long again as parsing.
_TEXT_ABOVE_BYTES = 4096
_TEXT_WORTH = 0.8
# Arrays and strings. Numbers are made narrow and repeated strings named once before they come here.
# What is left is mostly noise to zstandard, at 1 ms a megabyte: a sample tells.
_BLOB_ABOVE_BYTES = 16_384
_BLOB_WORTH = 0.25
_SAMPLE_BYTES = 2048


class UncacheableError(ValueError):
    """A value holds something that would not come back exactly."""


class UndecodableError(ValueError):
    """Bytes do not hold a value of ours."""


class _Tools(threading.local):
    """A compressor may serve one thread at a time, and making one costs more than using it."""

    ready = False

    def make(self) -> _Tools:
        import zstandard  # 20 ms, which most processes need not spend at their start

        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()
        self.size_of = zstandard.frame_content_size
        self.failure = zstandard.ZstdError
        self.ready = True
        return self


_local = _Tools()


def _tools() -> _Tools:
    return _local if _local.ready else _local.make()


def shrink_text(text: bytes) -> bytes | None:
    """JSON text packed, or None where that does not pay."""
    if len(text) < _TEXT_ABOVE_BYTES:
        return None
    return _shrink(text, _TEXT_WORTH)


def shrink_blob(blob: Buffer) -> bytes | None:
    """A blob packed, or None where that does not pay; costs 10 us where it does not."""
    size_bytes = len(blob)
    if size_bytes < _BLOB_ABOVE_BYTES:
        return None
    middle = size_bytes // 2
    sample = memoryview(blob)[middle : middle + _SAMPLE_BYTES]
    if len(_tools().compressor.compress(sample)) > _SAMPLE_BYTES * _BLOB_WORTH:
        return None
    return _shrink(blob, _BLOB_WORTH)


def _shrink(data: Buffer, worth: float) -> bytes | None:
    packed = _tools().compressor.compress(data)
    packed = packed.ljust(-(-len(data) // EXPAND_MAX), b"\0")
    return packed if len(packed) < len(data) * worth else None


def expand(packed: Buffer) -> bytes:
    """What was packed. Raises UndecodableError."""
    tools = _tools()
    try:
        size_bytes = tools.size_of(packed)
        if not 0 <= size_bytes <= len(packed) * EXPAND_MAX:
            raise UndecodableError(f"a part claims to expand to {size_bytes} bytes")
        return tools.decompressor.decompress(packed)
    except tools.failure as exc:
        raise UndecodableError(str(exc)) from exc


def join(text: bytes, blobs: Sequence[tuple[Buffer, bool]]) -> bytes:
    """A body of a text and blobs, each with whether it may be packed.

    Raises: OverflowError for parts of 2 GB and more.
    """
    pieces: list[Buffer] = []
    for part, packed in [(text, shrink_text(text))] + [
        (blob, shrink_blob(blob) if pack else None) for blob, pack in blobs
    ]:
        piece = part if packed is None else packed
        if len(piece) >= _PACKED:
            raise OverflowError("a part of 2 GB or more")
        pieces += (_LENGTH.pack(len(piece) | (0 if packed is None else _PACKED)), piece)
    return b"".join(pieces)


class Parts:
    """The parts of a body, each to be taken once: one array cannot be asked for a thousand times.

    Raises UndecodableError if they do not fill the body exactly.
    """

    def __init__(self, body: Buffer) -> None:
        self._left_bytes = len(body) * EXPAND_MAX
        self._parts: list[tuple[bool, memoryview] | None] = []
        view, at = memoryview(body), 0
        while at < len(view):
            if at + _LENGTH.size > len(view):
                raise UndecodableError("an entry ends within a length")
            (length,) = _LENGTH.unpack_from(view, at)
            at += _LENGTH.size
            end = at + (length & ~_PACKED)
            if end > len(view):
                raise UndecodableError("an entry ends too soon")
            self._parts.append((bool(length & _PACKED), view[at:end]))
            at = end

    def __len__(self) -> int:
        return len(self._parts)

    def take(self, at: int) -> Buffer:
        """The bytes of a part; 0 is the text. Raises UndecodableError."""
        if not 0 <= at < len(self._parts) or (part := self._parts[at]) is None:
            raise UndecodableError(f"part {at} is absent or was taken")
        self._parts[at] = None
        packed, content = part
        if not packed:
            return content
        found = expand(content)
        self.spend(len(found))
        return found

    def spend(self, size_bytes: int) -> None:
        """Account for memory beyond the body's own. Raises UndecodableError if it is too much."""
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            raise UndecodableError("an entry expands beyond measure")
