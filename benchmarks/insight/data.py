"""Where the public traces lie and how their rows are read."""

from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def folder() -> Path:
    """The first argument, else CACHE_DATA_DIR, else ../shared/data. Raises SystemExit if absent."""
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CACHE_DATA_DIR")
    found = Path(named or "../shared/data")
    if not found.is_dir():
        raise SystemExit(f"no data in {found}: name the folder or set CACHE_DATA_DIR")
    return found


def rows(name: str) -> Iterator[dict[str, str]]:
    """Rows of one gzipped CSV of the folder."""
    with gzip.open(folder() / name, "rt", newline="") as lines:
        yield from csv.DictReader(lines)
