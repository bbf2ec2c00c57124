"""The bytes of an entry: a header that says when it was made, for how long it may be served and
under which generations, then the value. A checksum covers all of it.

    magic 2 | format 1 | flags 1 | crc32 4 | created 8 | fresh 8 | stale 8 | error 8 | source 8 |
    generations 1 | (namespace generation 8) | per tag: digest 8, generation 8 | body

Times are Unix seconds as big-endian doubles. Whatever is not exactly this is damaged, and a miss.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

from cache_core import codec

GENERATION_BYTES = 8
TAG_DIGEST_BYTES = 8
TAGS_MAX = 255

_MAGIC = b"\xc5C"
_FORMAT = 1
_FLAG_WRAPPED = 1
_FLAG_COMPRESSED = 2
_PREAMBLE = struct.Struct(">2sBBI")
_TIMES = struct.Struct(">dddddB")
_TAGS_AT = _PREAMBLE.size + _TIMES.size + GENERATION_BYTES
_TAG_BYTES = TAG_DIGEST_BYTES + GENERATION_BYTES
_COMPRESS_ABOVE_BYTES = 1024
_COMPRESS_WORTH = 0.9


class DamagedEntryError(ValueError):
    """Bytes under an entry's key are not an entry of this format, or were altered."""


class OtherFormatError(DamagedEntryError):
    """An entry written by another version of this library."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored value and all that decides whether it may be served.

    `created_s`: when its source began, Unix seconds. `fresh_until_s`, `stale_until_s` (while
    revalidating), `error_until_s` (while the source fails): Unix seconds. `source_s`: how long the
    source took, seconds. `generations`: of the namespace, then of each tag; `tags`: their digests.
    """

    created_s: float
    fresh_until_s: float
    stale_until_s: float
    error_until_s: float
    source_s: float
    namespace_generation: bytes
    tags: tuple[tuple[bytes, bytes], ...]
    wrapped: bool
    compressed: bool
    body: bytes

    def value(self, models: codec.Models) -> Any:
        """The value itself. Raises DamagedEntryError."""
        try:
            body = zlib.decompress(self.body) if self.compressed else self.body
            return codec.decode(self.wrapped, body, models)
        except (zlib.error, codec.UndecodableError) as exc:
            raise DamagedEntryError(str(exc)) from exc


def encode_value(value: object, models: codec.Models) -> tuple[bool, bool, bytes]:
    """(wrapped, compressed, body) of a value. Raises codec.UncacheableError."""
    wrapped, body = codec.encode(value, models)
    if len(body) > _COMPRESS_ABOVE_BYTES:
        packed = zlib.compress(body, 1)
        if len(packed) < len(body) * _COMPRESS_WORTH:
            return wrapped, True, packed
    return wrapped, False, body


def pack(entry: Entry) -> bytes:
    """The bytes of an entry."""
    flags = _FLAG_WRAPPED * entry.wrapped | _FLAG_COMPRESSED * entry.compressed
    rest = b"".join(
        (
            _TIMES.pack(
                entry.created_s,
                entry.fresh_until_s,
                entry.stale_until_s,
                entry.error_until_s,
                entry.source_s,
                len(entry.tags),
            ),
            entry.namespace_generation,
            *(digest + generation for digest, generation in entry.tags),
            entry.body,
        )
    )
    return _PREAMBLE.pack(_MAGIC, _FORMAT, flags, zlib.crc32(rest)) + rest


def unpack(raw: bytes) -> Entry:
    """The entry in `raw`. Raises OtherFormatError, else DamagedEntryError."""
    try:
        magic, form, flags, checksum = _PREAMBLE.unpack_from(raw)
        if magic != _MAGIC:
            raise DamagedEntryError("not an entry")
        if form != _FORMAT:
            raise OtherFormatError(f"an entry of format {form}")
        if zlib.crc32(memoryview(raw)[_PREAMBLE.size :]) != checksum:
            raise DamagedEntryError("the checksum does not fit")
        created_s, fresh_s, stale_s, error_s, source_s, tag_count = _TIMES.unpack_from(
            raw, _PREAMBLE.size
        )
    except struct.error as exc:
        raise DamagedEntryError("too short for an entry") from exc
    body_at = _TAGS_AT + tag_count * _TAG_BYTES
    if len(raw) < body_at:
        raise DamagedEntryError("too short for its tags")
    middle = TAG_DIGEST_BYTES
    tags = tuple(
        (raw[at : at + middle], raw[at + middle : at + _TAG_BYTES])
        for at in range(_TAGS_AT, body_at, _TAG_BYTES)
    )
    return Entry(
        created_s=created_s,
        fresh_until_s=fresh_s,
        stale_until_s=stale_s,
        error_until_s=error_s,
        source_s=source_s,
        namespace_generation=raw[_TAGS_AT - GENERATION_BYTES : _TAGS_AT],
        tags=tags,
        wrapped=bool(flags & _FLAG_WRAPPED),
        compressed=bool(flags & _FLAG_COMPRESSED),
        body=raw[body_at:],
    )
