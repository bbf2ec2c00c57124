"""The bytes of an entry: a header that says when it was made, for how long it may be served and
under which generations, then the value. A checksum covers all of it.

    magic 2 | format 1 | flags 1 | checksum 8 | created 8 | fresh 8 | stale 8 | error 8 | source 8 |
    namespace generation 8 | number of tags 8 | per tag: digest 8, generation 8 | body

Times are Unix seconds as big-endian doubles. Whatever is not exactly this is damaged, and a miss.
The checksum (XXH3, 64 bits) begins with the entry's key and the flags, so an entry under another
key, or a reply to another question, is damaged too. It finds damage; it is no signature. Whoever
may write to the store may make entries of his own: they can give wrong values, but run nothing (see
`codec`).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from xxhash import xxh3_64, xxh3_64_intdigest

from cache_core import codec
from cache_core.parts import Buffer, UndecodableError

GENERATION_BYTES = 8
TAG_DIGEST_BYTES = 8
TAGS_MAX = 255

_MAGIC = b"\xc5C"
_FORMAT = 2
_FLAG_WRAPPED = 1
_FLAG_COMPRESSED = 2
_PREAMBLE = struct.Struct(">2sBBQ")
_CHECKED = struct.Struct(">ddddd8sQ")
_HEADER = struct.Struct(">2sBBQddddd8sQ")
_TAG = struct.Struct(">8s8s")
_SEED_MAX = 1 << 64
# A copy of what is short is cheaper than a view of it.
_VIEW_ABOVE_BYTES = 32_768


class DamagedEntryError(ValueError):
    """Bytes under an entry's key are not an entry of this format, or were altered."""


class OtherFormatError(DamagedEntryError):
    """An entry written by another version of this library."""


class Entry(NamedTuple):
    """One stored value and all that decides whether it may be served.

    `created_s`: when its source began, Unix seconds. `fresh_until_s`, `stale_until_s` (while
    revalidating), `error_until_s` (while the source fails): Unix seconds. `source_s`: how long the
    source took, seconds. `namespace_generation`; `tags`: digest and generation of each. `wrapped`,
    `compressed`: how `codec` wrote the body. A tuple, as one is made for every hit.
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
    body: Buffer

    def value(self, models: codec.Models) -> Any:
        """The value itself, nobody else's and alterable. Raises DamagedEntryError."""
        try:
            return codec.decode(self.wrapped, self.compressed, self.body, models)
        except UndecodableError as exc:
            raise DamagedEntryError(str(exc)) from exc


def encode_value(value: object, models: codec.Models) -> tuple[bool, bool, bytes]:
    """(wrapped, compressed, body) of a value. Raises codec.UncacheableError."""
    return codec.encode(value, models)


def seal_of(entry_key: str) -> int:
    """What `pack` and `unpack` need to know of an entry's key."""
    return xxh3_64_intdigest(entry_key.encode())


def pack(entry: Entry, seal: int) -> bytes:
    """The bytes of an entry under the key that gave `seal`."""
    flags = _FLAG_WRAPPED * entry.wrapped | _FLAG_COMPRESSED * entry.compressed
    head = _CHECKED.pack(*entry[:6], len(entry.tags))
    if entry.tags:
        head += b"".join(digest + generation for digest, generation in entry.tags)
    checksum = xxh3_64(head, (seal + flags) % _SEED_MAX)
    checksum.update(entry.body)
    preamble = _PREAMBLE.pack(_MAGIC, _FORMAT, flags, checksum.intdigest())
    return b"".join((preamble, head, entry.body))


def unpack(raw: bytes, seal: int) -> Entry:
    """The entry in `raw`, found under the key that gave `seal`.

    Raises: OtherFormatError, else DamagedEntryError.
    """
    try:
        (
            magic, form, flags, checksum,
            created_s, fresh_s, stale_s, error_s, source_s,
            generation, tag_count,
        ) = _HEADER.unpack_from(raw)  # fmt: skip
    except struct.error as exc:
        if raw[:2] == _MAGIC and raw[2:3] not in (b"", bytes([_FORMAT])):
            raise OtherFormatError(f"an entry of format {raw[2]}") from exc
        raise DamagedEntryError("too short for an entry") from exc
    if magic != _MAGIC:
        raise DamagedEntryError("not an entry")
    if form != _FORMAT:
        raise OtherFormatError(f"an entry of format {form}")
    view: Buffer = raw if len(raw) < _VIEW_ABOVE_BYTES else memoryview(raw)
    if xxh3_64_intdigest(view[_PREAMBLE.size :], (seal + flags) % _SEED_MAX) != checksum:
        raise DamagedEntryError("the checksum does not fit")
    body_at = _HEADER.size
    tags: tuple[tuple[bytes, bytes], ...] = ()
    if tag_count:
        body_at += tag_count * _TAG.size
        if tag_count > TAGS_MAX or len(raw) < body_at:
            raise DamagedEntryError("too short for its tags")
        tags = tuple(_TAG.iter_unpack(raw[_HEADER.size : body_at]))
    body = view[body_at:]
    wrapped, compressed = flags & _FLAG_WRAPPED != 0, flags & _FLAG_COMPRESSED != 0
    return Entry(
        created_s, fresh_s, stale_s, error_s, source_s, generation, tags, wrapped, compressed, body
    )
