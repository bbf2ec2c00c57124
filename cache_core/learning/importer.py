"""Import of outcomes from a file: in a stream, in bounded transactions, no row lost silently.

The same row (equal in all its columns) is kept once, however often and in however many files it
comes. Sample data is removed in the transaction that adds the first real row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cache_core.learning.byte_source import ByteSource, own_name
from cache_core.learning.columns import checked_mapping, find_columns
from cache_core.learning.errors import ImportFileError
from cache_core.learning.formats import RawRow, columns_of, excerpt_of, rows_of
from cache_core.learning.report import BadRow, BadRows, ImportProgress, ImportReport
from cache_core.learning.rows import GoodRow, RowError, RowReader
from cache_core.learning.sources import FILE
from cache_core.learning.texts import excerpt
from cache_core.learning.writer import RowWriter

# One transaction. Row keys are digests, so a chunk touches most pages of their index, which are
# then written anew: few large chunks write far less than many small ones.
CHUNK_ROWS = 50_000
# Bounds memory when texts are long: a chunk ends at whichever comes first.
CHUNK_TEXT_CHARS = 8_000_000
_PEEK_ROWS = 1_000
_NAME_MAX_CHARS = 300


def import_file(
    engine: Engine,
    file: str | Path | BinaryIO,
    *,
    name: str | None = None,
    mapping: Mapping[str, str] | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    kind: str = FILE,
    now: datetime | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ImportReport:
    """Import one CSV, JSON-lines or Parquet file, each with or without gzip.

    Args:
        engine: from `open_database`.
        file: a path, or a binary stream, which stays open.
        name: what to call the source; by default the file's own name.
        mapping: our field (user, instruction, category, outcome, ts) to the file's column.
        progress: called after each chunk of at most CHUNK_ROWS rows.
        should_stop: asked after each chunk; True ends the import, and what is in stays in.
        kind: what sort of source it is, for `data_label`.
        now: the present; later times than a day after it are refused. For tests.
        clock: seconds for the report. For tests.
    Returns: counts, and bad rows by line and reason.
    Raises: ImportFileError when nothing can be imported (unreadable, empty, wrong columns);
        ValueError for a mapping of a field there is not.
    """
    shown = (name or own_name(file))[:_NAME_MAX_CHARS]
    checked = checked_mapping(mapping)
    try:
        source = ByteSource(file)
    except OSError as exc:
        raise ImportFileError(f"cannot open {shown}: {exc.strerror or exc}") from exc
    moment = now or datetime.now(UTC)
    with closing(source):
        rows = rows_of(source, shown)
        peeked = list(islice(rows, _PEEK_ROWS))
        reader = RowReader(find_columns(columns_of(peeked, source, shown), checked), moment)
        run = _Run(source, reader, RowWriter(engine, kind, shown, moment), shown, clock)
        return run.through(chain(peeked, rows), progress, should_stop)


class _Run:
    """One import: the counts, and the loop over chunks."""

    def __init__(
        self,
        source: ByteSource,
        reader: RowReader,
        writer: RowWriter,
        name: str,
        clock: Callable[[], float],
    ) -> None:
        self._source, self._reader, self._writer, self._name = source, reader, writer, name
        self._clock = clock
        self._began_s = clock()
        self._bad = BadRows()
        self._read = 0
        self._added = 0
        self._kept = 0
        self._problem: str | None = None

    def through(
        self,
        rows: Iterator[RawRow],
        progress: Callable[[ImportProgress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> ImportReport:
        """Import chunk by chunk to the end, a stop, or a database that takes no more."""
        stopped = False
        while not stopped:
            chunk, done = self._chunk(rows)
            try:
                self._added += self._writer.write(chunk) if chunk else 0
            except SQLAlchemyError as exc:
                self._unwritten(len(chunk), exc)
                stopped = True
            else:
                self._kept += len(chunk)
            if progress is not None:
                progress(self._progress())
            if done:
                break
            stopped = stopped or (should_stop is not None and should_stop())
        return self._report(stopped)

    def _chunk(self, rows: Iterator[RawRow]) -> tuple[list[GoodRow], bool]:
        chunk: list[GoodRow] = []
        chars = 0
        taken = 0
        read = self._reader.read
        for raw in rows:
            taken += 1
            if raw.fault:
                self._bad.add(BadRow(raw.line, raw.fault, excerpt(raw.excerpt)))
            else:
                try:
                    row = read(raw.fields)
                except RowError as exc:
                    self._bad.add(BadRow(raw.line, str(exc), excerpt_of(raw)))
                else:
                    chunk.append(row)
                    chars += len(row.text)
            if taken >= CHUNK_ROWS or chars >= CHUNK_TEXT_CHARS:
                break
        else:
            self._read += taken
            return chunk, True
        self._read += taken
        return chunk, False

    def _unwritten(self, rows: int, exc: SQLAlchemyError) -> None:
        """The rows of the failed chunk were taken back: they count as not read."""
        self._read -= rows
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        self._problem = (
            f"the database stopped taking rows ({reason}); "
            f"{self._added:,} rows are in, import the file again to go on"
        )

    def _progress(self) -> ImportProgress:
        return ImportProgress(
            self._read,
            self._added,
            self._bad.count,
            self._source.share(),
            self._clock() - self._began_s,
        )

    def _report(self, stopped: bool) -> ImportReport:
        return ImportReport(
            name=self._name,
            rows_read=self._read,
            rows_added=self._added,
            rows_already_there=self._kept - self._added,
            rows_bad=self._bad.count,
            bad_rows=tuple(self._bad.listed),
            bad_reasons=dict(self._bad.reasons),
            seconds=self._clock() - self._began_s,
            stopped=stopped,
            problem=self._problem or self._source.problem,
            sample_rows_removed=self._writer.sample_rows_removed,
        )
