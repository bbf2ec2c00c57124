"""Import of a generated JSON-lines file of 1,000,000 rows, then the dashboard cold and warm.

Run: python -m benchmarks.import_speed [--rows N] [--distinct N]
Prints Markdown: rows a second, peak memory of the process, and the dashboard's time from the
database and from a cache in memory. Rows: 1,000 users, 8 categories, `--distinct` different texts
of about 120 characters, each row with a time and a number of its own; the file is made before the
clock starts.
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

from benchmarks.figures import Table, ms
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
        size_mb = file.stat().st_size / 1e6
        print(f"- Machine: {platform.machine()}, Python {platform.python_version()}")
        print(f"- {options.rows:,} rows, {options.distinct:,} texts, {size_mb:.0f} MB\n")
        print(_measured(file, Path(folder) / "learning.db").markdown())


def _measured(file: Path, database: Path) -> Table:
    engine = open_database(f"sqlite:///{database}")
    before_mb = _peak_mb()
    report = import_file(engine, file)
    memory = f"{_peak_mb():.0f} MB, {before_mb:.0f} MB of it before the import began"
    rows = [
        ["Import", f"{report.rows_added / report.seconds:,.0f} rows/s"],
        ["Peak memory", memory],
    ]
    cache = Cache(open_store("memory://", prefix="benchmark"))
    views = LearningViews(cache, engine)
    for name in ("cold", "from the cache"):
        began_s = time.perf_counter()
        stats = views.stats(None)
        took_s = time.perf_counter() - began_s
        rows.append([f"Dashboard of everybody, {name}", f"{ms(took_s)} ms"])
    user = stats.most_active[0].name
    for name in ("cold", "from the cache"):
        began_s = time.perf_counter()
        metrics = views.metrics_of(user)
        took_s = time.perf_counter() - began_s
        label = f"Metrics of one user, {name} ({len(metrics.reads)} reads)"
        rows.append([label, f"{ms(took_s)} ms"])
    cache.close()
    engine.dispose()
    return Table(["", ""], rows)


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
