"""Import of a generated JSON-lines file of 1,000,000 rows, then the dashboard cold and warm.

Run: python -m benchmarks.import_speed [--rows N] [--distinct N]
Prints rows a second, peak memory of the process, and the dashboard's time from the database and
from a cache in memory. Rows: 1,000 users, 8 categories, `--distinct` different texts of about 120
characters, each row with a time and a number of its own; the file is made before the clock starts.
"""

from __future__ import annotations

import argparse
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cache_core import Cache
from cache_core.database import open_database
from cache_core.learning.importer import import_file
from cache_core.learning.views import LearningViews
from cache_core.stores import open_store

_WORDS = "write list explain compare the report table code error customer order price short".split()


def main() -> None:
    """Generate the file in a process of its own, import it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=50_000)
    parser.add_argument("--generate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        _generate(options.generate, options.rows, options.distinct)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "generated.jsonl"
        arguments = ["--rows", str(options.rows), "--distinct", str(options.distinct)]
        subprocess.run([sys.executable, __file__, "--generate", str(file), *arguments], check=True)
        print(f"machine {platform.machine()}, Python {platform.python_version()}")
        _measure(file, Path(folder) / "learning.db")


def _measure(file: Path, database: Path) -> None:
    size_mb = file.stat().st_size / 1e6
    engine = open_database(f"sqlite:///{database}")
    before_mb = _peak_mb()
    cpu_s = time.process_time()
    report = import_file(engine, file)
    cpu_s = time.process_time() - cpu_s
    print(
        f"import: {report.rows_added:,} rows ({size_mb:.0f} MB) in {report.seconds:.1f} s, "
        f"{report.rows_added / report.seconds:,.0f} rows/s; processor time {cpu_s:.1f} s, "
        f"{report.rows_added / cpu_s:,.0f} rows/s; "
        f"peak memory {_peak_mb():.0f} MB (before: {before_mb:.0f} MB)"
    )
    cache = Cache(open_store("memory://", prefix="benchmark"))
    views = LearningViews(cache, engine)
    for name in ("cold", "warm", "warm"):
        began_s = time.perf_counter()
        read = views.stats.read(None)
        took_ms = (time.perf_counter() - began_s) * 1000
        print(f"dashboard, everybody, {name} ({read.outcome}): {took_ms:,.2f} ms")
    user = read.value.most_active[0].name
    for name in ("cold", "warm"):
        began_s = time.perf_counter()
        metrics = views.metrics_of(user)
        took_ms = (time.perf_counter() - began_s) * 1000
        print(f"metrics of one user, {name}: {took_ms:,.2f} ms ({len(metrics.reads)} reads)")
    cache.close()
    engine.dispose()


def _generate(file: Path, rows: int, distinct: int) -> None:
    chance = random.Random(7)
    texts = [f"{' '.join(chance.choices(_WORDS, k=18))} {number}" for number in range(distinct)]
    with file.open("wb") as out:
        for number in range(rows):
            item = {
                "user_or_system": f"user-{chance.randrange(1_000)}",
                "instruction": texts[chance.randrange(distinct)],
                "category": f"category-{chance.randrange(8)}",
                "outcome": chance.randrange(2),
                "ts": 1_600_000_000 + number * 60,
                "run": number,
            }
            out.write(orjson.dumps(item) + b"\n")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
