"""Columns of Arrow dtypes as Arrow IPC streams.

Arrow reads hostile streams safely as long as the data is validated before it is touched
(arrow.apache.org/docs/format/Security.html), which is done here. Packed buffers are refused: they
would let few bytes claim much memory.
"""

from __future__ import annotations

import struct

import pyarrow as pa

from cache_core.parts import Buffer, UndecodableError

_NAME = "v"
_HEADER_TYPE, _HEADER, _BATCH_COMPRESSION, _DICTIONARY_DATA = 1, 2, 3, 1
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def pack(column: pa.ChunkedArray) -> pa.Buffer:
    """The stream of one column."""
    table = pa.table({_NAME: column})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpack(stream: Buffer) -> pa.ChunkedArray:
    """The column `pack` was given. Raises UndecodableError, or what Arrow makes of nonsense."""
    source = pa.BufferReader(pa.py_buffer(bytes(stream)))
    messages = pa.MessageReader.open_stream(source)
    for message in messages:
        if _is_packed(message.metadata.to_pybytes()):
            raise UndecodableError("an Arrow stream with packed buffers")
    source.seek(0)
    table = pa.ipc.open_stream(source).read_all()
    table.validate(full=True)
    if table.column_names != [_NAME]:
        raise UndecodableError("an Arrow stream of other columns")
    return table.column(0)


def _is_packed(metadata: bytes) -> bool:
    """Whether a message says that its buffers are packed.

    A flatbuffer, read as far as that field. Source: arrow/format/Message.fbs.
    """
    message = struct.unpack_from("<I", metadata)[0]
    kind_at, header = _field(metadata, message, _HEADER_TYPE), _table(metadata, message, _HEADER)
    kind = metadata[kind_at] if kind_at else 0
    if kind == _DICTIONARY_BATCH and header:
        header = _table(metadata, header, _DICTIONARY_DATA)
    elif kind != _RECORD_BATCH:
        return False
    return bool(header and _field(metadata, header, _BATCH_COMPRESSION))


def _field(buffer: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table stands; 0 if it is absent."""
    layout = table - struct.unpack_from("<i", buffer, table)[0]
    entry = 4 + 2 * number
    if entry >= struct.unpack_from("<H", buffer, layout)[0]:
        return 0
    offset: int = struct.unpack_from("<H", buffer, layout + entry)[0]
    return table + offset if offset else 0


def _table(buffer: bytes, table: int, number: int) -> int:
    """Where the table a field points to stands; 0 if it is absent."""
    at = _field(buffer, table, number)
    return at + struct.unpack_from("<I", buffer, at)[0] if at else 0
