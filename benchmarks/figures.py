"""Sections, tables and numbers of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

QUICK_HELP = "small sizes: does it all work?"
QUICK_RUN = "**A quick run: sizes too small for figures to be quoted.**"


@dataclass(frozen=True)
class Table:
    """Cells are text already; the numbers behind them are in the section's figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def markdown(self) -> str:
        """Without the caption; ends with its last row."""
        lines = ["| " + " | ".join(self.columns) + " |", "|---" * len(self.columns) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines)


@dataclass(frozen=True)
class Section:
    """A heading, what was measured and how, tables, and the bare numbers for programs."""

    name: str
    title: str
    text: str
    tables: Sequence[Table]
    figures: dict[str, Any] = field(default_factory=dict)
    took_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Section:
        tables = [Table(**table) for table in found["tables"]]
        return cls(**{**found, "tables": tables})

    def markdown(self) -> str:
        """Ends with an empty line."""
        parts = [f"## {self.title}", self.text.strip()]
        for table in self.tables:
            if table.caption:
                parts.append(f"**{table.caption}**")
            parts.append(table.markdown())
        return "\n\n".join(part for part in parts if part) + "\n"


@dataclass(frozen=True)
class Spread:
    """Where a sample of durations (seconds) lies."""

    median: float
    p90: float
    p99: float
    p999: float
    worst: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Spread:
        """Raises: ValueError if there are none."""
        if not len(durations):
            raise ValueError("no durations were measured")
        at = np.quantile(np.asarray(durations), (0.5, 0.9, 0.99, 0.999, 1.0))
        return cls(*(float(value) for value in at))


def us(seconds: float) -> str:
    """Microseconds, three figures."""
    value = seconds * 1e6
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def ms(seconds: float) -> str:
    """Milliseconds."""
    value = seconds * 1e3
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"
