"""Records of a CSV file, where one unbalanced quote costs one record and not the rest of the file.

A record that does not end properly is given up at its first line, and reading goes on with the
line after it. A record is held to RECORD_MAX_LINES and RECORD_MAX_BYTES for that.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

RECORD_MAX_LINES = 1_000
RECORD_MAX_BYTES = 1_000_000

_Line = tuple[int, bytes | None]


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record; `fault` is set, and fields empty, when it cannot be read."""

    line: int
    fields: list[str]
    fault: str = ""
    excerpt: str = ""


class _GiveUpError(Exception):
    """The record being read is longer than any record may be."""


class CsvRecords:
    """Reads records from numbered lines. Bytes that are not UTF-8 become lone surrogates."""

    def __init__(self, lines: Iterator[_Line], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._again: deque[_Line] = deque()
        self._taken: list[_Line] = []
        self._taken_bytes = 0

    def __iter__(self) -> Iterator[Record]:
        """Records in file order; blank lines are left out."""
        width: int | None = None
        reader = self._new_reader()
        while True:
            fault = ""
            fields: list[str] = []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as exc:
                fault = _explain(str(exc))
            except _GiveUpError as exc:
                fault = str(exc)
            if not fault and width is not None and fields and len(fields) != width:
                fault = f"{len(fields)} columns where the header has {width}"
            if fault:
                yield self._give_up(fault)
                reader = self._new_reader()
                continue
            line = self._taken[0][0]
            self._forget()
            if fields:
                width = width or len(fields)
                yield Record(line, fields)

    def _feed(self) -> str | None:
        """The next line of text for csv.reader, None at the end."""
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            return None
        content = line[1]
        self._taken.append(line)
        if content is None:
            if len(self._taken) == 1:
                raise _GiveUpError("a line over 1 MB")
            raise _GiveUpError("a quote that is never closed")
        self._taken_bytes += len(content)
        if len(self._taken) > RECORD_MAX_LINES or self._taken_bytes > RECORD_MAX_BYTES:
            raise _GiveUpError("a quote that is never closed")
        return content.decode("utf-8", "surrogateescape") + "\n"

    def _new_reader(self) -> Iterator[list[str]]:
        feed = iter(self._feed, None)
        return csv.reader(feed, delimiter=self._delimiter, strict=True)

    def _give_up(self, fault: str) -> Record:
        number, content = self._taken[0]
        self._again.extendleft(reversed(self._taken[1:]))
        self._forget()
        shown = (content or b"")[:400].decode("utf-8", "replace")
        return Record(number, [], fault, shown)

    def _forget(self) -> None:
        self._taken.clear()
        self._taken_bytes = 0


def _explain(error: str) -> str:
    if "field larger" in error:
        return "a field over 131,072 characters, or a quote that is never closed"
    if "unexpected end" in error:
        return "a quote that is never closed"
    return "broken quoting"
