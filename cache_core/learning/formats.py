"""Rows of CSV, JSON-lines and Parquet files, told apart by their content and not by their name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from cache_core.learning.byte_source import ByteSource, lines_of
from cache_core.learning.csv_records import CsvRecords, Record
from cache_core.learning.errors import ImportFileError
from cache_core.learning.texts import excerpt

_PARQUET_BATCH_ROWS = 5_000
_PARQUET_MEMORY_BYTES = 16_000_000
# The first line of JSON lines may be a broken one, and a text in CSV may hold a line of JSON:
# most of the first lines decide.
_LINES_LOOKED_AT = 20
_BOM = b"\xef\xbb\xbf"
_FOREIGN = {
    b"PK\x03\x04": "a ZIP or Excel file; save it as CSV, or unpack it first",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"SQLi": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; use gzip instead",
    b"BZh": "compressed with bzip2; use gzip instead",
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it; `fault` is set, and `fields` empty, when it cannot be read."""

    line: int
    fields: dict[str, Any]
    fault: str = ""
    excerpt: str = ""


def rows_of(source: ByteSource, name: str) -> Iterator[RawRow]:
    """Rows of a file in order, blank lines left out.

    Raises: ImportFileError when it is empty or of no format we read.
    """
    head = source.head()
    if not head.strip(b"\xef\xbb\xbf \t\r\n\x00"):
        raise ImportFileError(f"{name}: {source.problem or 'the file is empty'}")
    if head[:4] == b"PAR1":
        return _parquet_rows(source, name)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise ImportFileError(f"{name} is {what}. CSV, JSON lines and Parquet can be read")
    start = head.removeprefix(_BOM).lstrip()
    if start[:1] == b"[":
        raise ImportFileError(f"{name} is one JSON array; write one object a line (JSON lines)")
    lines = [line for line in start.split(b"\n", _LINES_LOOKED_AT) if line.strip()]
    if 2 * sum(line.lstrip()[:1] == b"{" for line in lines) > len(lines):
        return _json_rows(source)
    return _csv_rows(source, name, head)


def columns_of(peeked: list[RawRow], source: ByteSource, name: str) -> list[str]:
    """Names of the columns, from the first rows.

    Raises: ImportFileError when there are none.
    """
    names: dict[str, None] = {}
    for row in peeked:
        names.update(dict.fromkeys(row.fields))
    if names:
        return list(names)
    if source.problem:
        raise ImportFileError(f"{name}: {source.problem}, and no row before that can be read")
    if peeked:
        first = peeked[0]
        raise ImportFileError(
            f"{name}: none of the first {len(peeked):,} rows can be read; "
            f"line {first.line}: {first.fault}"
        )
    raise ImportFileError(f"{name}: there are no rows, only a header")


def excerpt_of(raw: RawRow) -> str:
    """How a row that could be read begins."""
    shown = ", ".join(f"{key}={str(value)[:40]}" for key, value in list(raw.fields.items())[:6])
    return excerpt(shown.encode("utf-8", "replace").decode().replace("\x00", "␀"))


def _json_rows(source: ByteSource) -> Iterator[RawRow]:
    for number, line in lines_of(source):
        if line is None:
            yield RawRow(number, {}, "a line over 1 MB")
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            if line.strip():
                yield RawRow(number, {}, _json_fault(line), _shown(line))
            continue
        if type(row) is dict:
            yield RawRow(number, row)
        else:
            yield RawRow(number, {}, "not a JSON object", _shown(line))


def _json_fault(line: bytes) -> str:
    if b"\x00" in line:
        return "a NUL byte in the line"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not UTF-8 text"
    return "not JSON"


def _shown(line: bytes) -> str:
    return line[:400].decode("utf-8", "replace")


def _csv_rows(source: ByteSource, name: str, head: bytes) -> Iterator[RawRow]:
    first_line = head.removeprefix(_BOM).lstrip(b"\r\n").partition(b"\n")[0]
    if b"\x00" in first_line or not _is_utf8(first_line):
        raise ImportFileError(f"{name} is neither CSV, JSON lines nor Parquet in UTF-8")
    delimiter = max(",;\t|", key=lambda mark: first_line.count(mark.encode()))
    records = iter(CsvRecords(lines_of(source), delimiter))
    header = next(records, None)
    if header is None or header.fault:
        what = header.fault if header else "no header line"
        raise ImportFileError(f"{name}: the header cannot be read: {what}")
    names = [column.strip().removeprefix("\ufeff").strip('"') for column in header.fields]
    return _csv_body(records, names)


def _csv_body(records: Iterator[Record], names: list[str]) -> Iterator[RawRow]:
    for record in records:
        if record.fault:
            yield RawRow(record.line, {}, record.fault, record.excerpt)
        else:
            yield RawRow(record.line, dict(zip(names, record.fields, strict=True)))


def _is_utf8(line: bytes) -> bool:
    try:
        line[:10_000].decode()
    except UnicodeDecodeError as exc:
        return len(line) > 10_000 and exc.start > 9_990
    return True


def _parquet_rows(source: ByteSource, name: str) -> Iterator[RawRow]:
    import pyarrow as pa  # loaded here: most imports need no Parquet
    import pyarrow.parquet as pq

    with tempfile.SpooledTemporaryFile(max_size=_PARQUET_MEMORY_BYTES) as spool:
        # Parquet is read from its end, a stream only forward: so it goes to disk in between.
        while block := source.read():
            spool.write(block)
        spool.seek(0)
        number = 0
        try:
            file = pq.ParquetFile(spool)
            rows = _batch_rows(file.metadata.num_rows, _unpacked_bytes(file.metadata))
            for batch in file.iter_batches(batch_size=rows):
                for row in batch.to_pylist():
                    number += 1
                    yield RawRow(number, row)
        except (pa.ArrowException, OSError) as exc:
            what = f"{name}: the Parquet file is damaged or cut after row {number}"
            if number == 0:
                raise ImportFileError(what) from exc
            source.problem = f"{what}; the rows before are in"


def _unpacked_bytes(metadata: Any) -> int:
    return sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))


def _batch_rows(rows: int, size_bytes: int) -> int:
    """Rows to hold at a time: fewer where they are large."""
    return max(1, min(_PARQUET_BATCH_ROWS, _PARQUET_MEMORY_BYTES * rows // max(size_bytes, 1)))
