"""All that the cache learns from its use, measured: the tables of docs/insight*.md, as Markdown.

    python -m benchmarks.insight [DATA_DIR] [--only recording,ttl_curve] [--quick]

DATA_DIR holds the recorded traces; by default CACHE_DATA_DIR, else ../shared/data.
The whole takes the better part of an hour; each part is a command of its own, too.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from benchmarks.figures import QUICK_HELP

PARTS = {
    "recording": "What logging reads costs",
    "ttl_curve": "Hit rate against TTL, from a log of a tenth of the reads",
    "change_rate": "How often data changes",
    "backtest": "TTL advice, promised and delivered",
    "level": "The level of the hit rate: can it be foretold?",
    "by_use": "Lives by use",
    "next_read": "The next read of a session",
    "fetching_ahead": "Fetching ahead",
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.insight",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get("CACHE_DATA_DIR", "../shared/data")
    parser.add_argument("folder", nargs="?", default=default, help="recorded traces")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - PARTS.keys():
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    quick = ["--quick"] if options.quick else []
    for name in names:
        module = importlib.import_module(f"benchmarks.insight.{name}")
        sys.argv = [f"benchmarks.insight.{name}", options.folder, *quick]
        print(f"\n# {PARTS[name]}\n", flush=True)
        module.main()


if __name__ == "__main__":
    main()
