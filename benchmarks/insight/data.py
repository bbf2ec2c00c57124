"""The command line that all parts share: where the public traces lie, and how much is measured."""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import QUICK_HELP, QUICK_RUN


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    folder: Path
    quick: bool


def options() -> Options:
    """The folder is the first argument, else CACHE_DATA_DIR, else ../shared/data."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get("CACHE_DATA_DIR") or "../shared/data"
    parser.add_argument("folder", type=Path, nargs="?", default=default, help="recorded traces")
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    return Options(**vars(parser.parse_args()))


def say_if_quick() -> None:
    """In the list a part's figures begin with."""
    if options().quick:
        print(f"- {QUICK_RUN}\n", flush=True)


def sized(usual: int, *, quick: int) -> int:
    """How many rounds, or draws beside the traces."""
    return quick if options().quick else usual


def folder() -> Path:
    """Where the traces lie. Raises SystemExit if absent."""
    found = options().folder
    if not found.is_dir():
        raise SystemExit(f"no data in {found}: name the folder or set CACHE_DATA_DIR")
    return found


def rows(name: str) -> Iterator[dict[str, str]]:
    """Rows of one gzipped CSV of the folder."""
    with gzip.open(folder() / name, "rt", newline="") as lines:
        yield from csv.DictReader(lines)
