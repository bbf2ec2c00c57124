"""What an import tells: progress while it runs, and a report in which no row is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

BAD_ROWS_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not imported: its line (from 1; row number in Parquet), why, how it begins."""

    line: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is; `share` of the file from 0 to 1, None when its size is not known."""

    rows_read: int
    rows_added: int
    rows_bad: int
    share: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Every row read is in exactly one of added, already there and bad.

    `rows_already_there` counts rows of an earlier import and repeats within the file, equal in
    all their columns. `bad_rows` lists the first 1,000; `bad_reasons` counts all. `problem` says
    why the file ended too soon, None when it did not.
    """

    name: str
    rows_read: int
    rows_added: int
    rows_already_there: int
    rows_bad: int
    bad_rows: tuple[BadRow, ...]
    bad_reasons: dict[str, int]
    seconds: float
    stopped: bool
    problem: str | None
    sample_rows_removed: int

    @property
    def changed_anything(self) -> bool:
        """True when figures may differ from before."""
        return self.rows_added > 0 or self.sample_rows_removed > 0


@dataclass(slots=True)
class BadRows:
    """Collects bad rows; the list is bounded, the counts are not."""

    count: int = 0
    listed: list[BadRow] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, row: BadRow) -> None:
        """Take one."""
        self.count += 1
        self.reasons[row.reason] = self.reasons.get(row.reason, 0) + 1
        if len(self.listed) < BAD_ROWS_LISTED:
            self.listed.append(row)
