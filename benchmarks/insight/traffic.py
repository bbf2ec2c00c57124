"""Recorded reads together with what their data was at each of them.

DNS rows carry the answer. For the two edit histories times of changes are known and reads are drawn
by chance: keys by how often they are edited ("own"), or by Zipf's law whatever their edits are
("zipf"). The other traces hold no changes, so none is seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.insight.data import folder, rows, sized
from benchmarks.insight.ttl_curve import trace
from cache_core.insight.ttl_replay import Floats, Whole

_DRAWN = 40_000
_UNCHANGING = ("A_llm_prefix_blocks", "A_shop_pages_jul", "A_web_server_jul1995")


@dataclass(frozen=True)
class Traffic:
    """Reads in order of time, and which version of its key's data each would have computed."""

    name: str
    key: Whole
    at_s: Floats
    version: Whole
    is_changing: bool
    is_drawn: bool = False
    """Whether reads were drawn by chance."""

    @property
    def half_s(self) -> float:
        return float(self.at_s[-1]) / 2


def traffics() -> Iterator[Traffic]:
    """All that is tested on."""
    for name in _UNCHANGING:
        key, at_s = trace(folder() / f"{name}.csv.gz")
        yield Traffic(name[2:], key, at_s, np.zeros(len(key), np.int64), is_changing=False)
    yield _dns()
    for name in ("A_file_updates_2014_2026", "A_wiki_edits_2015"):
        for way in ("own", "zipf"):
            yield _drawn(name, way)


def _dns() -> Traffic:
    key, at_s = trace(folder() / "A_dns_lan_2018.csv.gz")
    values = [row["value_id"] for row in rows("A_dns_lan_2018.csv.gz")]
    _, version = np.unique(values, return_inverse=True)
    return Traffic("dns_lan_2018", key, at_s, version.astype(np.int64), is_changing=True)


def _drawn(name: str, way: str) -> Traffic:
    """Reads drawn by chance, evenly in time, of what really changed."""
    changes: dict[str, list[float]] = defaultdict(list)
    for row in rows(f"{name}.csv.gz"):
        changes[row["key"]].append(float(row["ts_seconds"]))
    rng = np.random.default_rng(1)
    names = sorted(changes)
    rng.shuffle(names)
    if way == "own":
        weights = np.array([len(changes[each]) for each in names], dtype=np.float64)
    else:
        names = names[:3000]
        weights = 1 / np.arange(1, len(names) + 1) ** 0.9
    begin_s = min(min(times) for times in changes.values())
    end_s = max(max(times) for times in changes.values())
    drawn = sized(_DRAWN, quick=4000)
    key = rng.choice(len(names), drawn, p=weights / weights.sum())
    at_s = np.sort(rng.random(drawn)) * (end_s - begin_s)
    _, key = np.unique(key, return_inverse=True)
    version = _versions(key, at_s + begin_s, [changes[names[k]] for k in np.unique(key)])
    return Traffic(
        f"{name[2:]}, {way}", key.astype(np.int64), at_s, version, is_changing=True, is_drawn=True
    )


def _versions(key: Whole, at_s: Floats, changes: list[list[float]]) -> Whole:
    version = np.empty(len(key), dtype=np.int64)
    for number, times in enumerate(changes):
        those = key == number
        version[those] = np.searchsorted(np.sort(times), at_s[those], side="right")
    return version
