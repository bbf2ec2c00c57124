"""Recordings in the files and the format that `benchmarks.insight` reads, all of them made up.

`A_...`: requests, of keys that are asked for, or changed, as often as Zipf's law says; `B_...`: the
pages of sessions.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

_REQUESTS = "ts_seconds,key,op,value_bytes,ttl_seconds,client,value_id".split(",")
_PAGES = "session,user,ts,step,page".split(",")
_BEGIN_S = 1_500_000_000
_DAY_S = 86_400.0
_ROWS = 2_000
_SESSIONS = 60

# File, keys, span in seconds.
_READ = (
    ("A_dns_lan_2018", 60, 1_300.0),
    ("A_llm_prefix_blocks", 400, 3_500.0),
    ("A_shop_pages_jul", 200, float(_ROWS)),
    ("A_web_server_jul1995", 100, 13_000.0),
)
_CHANGED = (
    ("A_wiki_edits_2015", 150, 0.95 * _DAY_S),
    ("A_file_updates_2014_2026", 60, 700 * _DAY_S),
)
# File, seconds between clicks.
_BROWSED = (("B_article_navigation_2011_2013", 0), ("B_web_server_pages_jul1995", 40))


def write_recordings(folder: Path) -> None:
    """One of each, the same every time."""
    for name, keys, span_s in _READ:
        chance = random.Random(name)
        _write(folder / name, _REQUESTS, _reads(chance, keys, span_s))
    for name, keys, span_s in _CHANGED:
        chance = random.Random(name)
        _write(folder / name, _REQUESTS, _changes(chance, keys, span_s))
    for name, gap_s in _BROWSED:
        _write(folder / name, _PAGES, _sessions(random.Random(name), gap_s))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with gzip.open(f"{path}.csv.gz", "wt", newline="") as lines:
        out = csv.writer(lines)
        out.writerow(columns)
        out.writerows(rows)


def _moments(chance: random.Random, span_s: float) -> list[float]:
    found = sorted(round(chance.random() * span_s, 3) for _ in range(_ROWS))
    return [_BEGIN_S, *(_BEGIN_S + at_s for at_s in found[1:-1]), _BEGIN_S + span_s]


def _keys(chance: random.Random, number: int) -> list[int]:
    return chance.choices(range(number), [1 / (rank + 1) for rank in range(number)], k=_ROWS)


def _reads(chance: random.Random, keys: int, span_s: float) -> Iterable[Sequence[object]]:
    """One in a hundred is a write; values of the first keys change every tenth of the span."""
    at = _moments(chance, span_s)
    for at_s, key in zip(at, _keys(chance, keys), strict=True):
        op = "get" if chance.random() < 0.99 else "set"
        version = int((at_s - _BEGIN_S) / span_s * 10) if key < 10 else 0
        client = f"c{chance.randrange(30)}"
        yield at_s, f"key-{key}", op, 100 + key, 60, client, f"{key}-{version}"


def _changes(chance: random.Random, keys: int, span_s: float) -> Iterable[Sequence[object]]:
    for at_s, key in zip(_moments(chance, span_s), _keys(chance, keys), strict=True):
        yield at_s, f"key-{key}", "set", "", "", f"c{chance.randrange(30)}", ""


def _sessions(chance: random.Random, gap_s: int) -> Iterable[Sequence[object]]:
    """From each page most go on to the next one."""
    for number in range(_SESSIONS):
        page, at_s = chance.randrange(12), _BEGIN_S + number * 60
        for step in range(chance.randint(1, 9)):
            yield f"s{number}", f"u{number % 50}", at_s, step, f"/page/{page}"
            page = (page + (1 if chance.random() < 0.6 else chance.randrange(12))) % 12
            at_s += gap_s
