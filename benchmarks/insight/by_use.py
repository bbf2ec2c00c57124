"""What lives by use (`Policy.keep_by_use`) gain and cost, beside one TTL for all entries.

    python -m benchmarks.insight.by_use [DATA_DIR] [--quick]

Two comparisons, each with the best that one TTL can do: the hit rate of the TTL that leaves as many
reads outdated, and of the TTL that keeps as many entries in the store on average. DNS answers have
both reads and values as recorded; of the two edit histories the changes are, and reads are drawn.
The other traces (60,000 rows at most) have no values: nothing in them changes. Prints Markdown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice

import numpy as np

from benchmarks.figures import Section, Table
from benchmarks.insight.data import rows, say_if_quick, sized
from cache_core import Policy, by_use
from cache_core.envelope import Entry

_GRID, _ROUNDS, _DRAWN_READS = 24, 3, 20_000
_ROWS_MAX = 60_000
_ZIPF = 0.9

Reads = Sequence[tuple[float, object]]
"""Of one key: when, and what its data was at that moment."""
Stream = Sequence[Reads]
Life = Callable[[Policy, Entry | None, float], float]
"""Seconds, from the policy, the entry before if its value is the same, and the time."""


def main() -> None:
    """The command line."""
    say_if_quick()
    for section in (staleness(), room(), ways_not_taken()):
        print(section.markdown(), flush=True)


@dataclass(frozen=True)
class Outcome:
    """Shares of all reads, 0 to 1, and entry-seconds in the store."""

    hits: float
    stale: float
    kept_s: float


def fixed(policy: Policy, _same: Entry | None, _now_s: float) -> float:
    """One TTL for all."""
    return policy.ttl_s


def by_its_use(policy: Policy, same: Entry | None, now_s: float) -> float:
    """As the cache does it."""
    return by_use.ttl_s(policy, policy, same, now_s)


def varied(
    policy: Policy,
    same: Entry | None,
    now_s: float,
    *,
    first: float = 0.5,
    share: float = 1.0,
    longest: float = 4.0,
    asked: Callable[[float], bool] = lambda _: True,
) -> float:
    """The same with other numbers.

    `asked`: whether it grows, of how long after its end it was asked for, in its own lives.
    """
    first_s = policy.ttl_s * first
    if same is None:
        return first_s
    stood_s, before_s = now_s - same.created_s, same.fresh_until_s - same.created_s
    grown_s = share * stood_s if asked(stood_s / before_s - 1) else 0.0
    return min(max(before_s + grown_s, first_s), policy.ttl_s * longest)


def replay(stream: Stream, ttl_s: float, life: Life) -> Outcome:
    """Replay a stream: an entry serves until its end, and is gone when the store lets it go."""
    policy = Policy(ttl_s=ttl_s, keep_by_use=True)
    hits = stale = 0
    kept_s = 0.0
    for reads in stream:
        entry: Entry | None = None
        seen: object = None
        for at_s, value in reads:
            if entry is not None and at_s < entry.fresh_until_s:
                hits += 1
                stale += value != seen
                continue
            same = None
            if entry is not None:
                held_s = policy.kept_s(entry.fresh_until_s - entry.created_s)
                kept_s += min(held_s, at_s - entry.created_s)
                if at_s < entry.created_s + held_s and value == seen:
                    same = entry
            entry, seen = _entry(at_s, life(policy, same, at_s)), value
        if entry is not None:
            kept_s += policy.kept_s(entry.fresh_until_s - entry.created_s)
    number = sum(map(len, stream))
    return Outcome(hits / number, stale / number, kept_s)


def _entry(at_s: float, life_s: float) -> Entry:
    end_s = at_s + life_s
    return Entry(at_s, end_s, end_s, end_s, 0.0, b"", (), False, False, b"")


class Case:
    """A stream, or several drawn alike, and what one TTL can do with it."""

    def __init__(self, name: str, streams: Sequence[Stream], ttls_s: Sequence[float]) -> None:
        self.name, self.ttls_s = name, ttls_s
        self._streams = streams
        self._known: dict[tuple[float, Life], Outcome] = {}
        grid = np.geomspace(ttls_s[0] / 20, ttls_s[-1] * 20, _GRID)
        self._best = [self.under(ttl_s, fixed) for ttl_s in grid]

    @property
    def reads(self) -> int:
        return sum(map(len, self._streams[0]))

    def under(self, ttl_s: float, life: Life) -> Outcome:
        """Means over the streams."""
        if (ttl_s, life) not in self._known:
            self._known[ttl_s, life] = self._mean(ttl_s, life)
        return self._known[ttl_s, life]

    def _mean(self, ttl_s: float, life: Life) -> Outcome:
        found = [replay(stream, ttl_s, life) for stream in self._streams]
        return Outcome(
            float(np.mean([one.hits for one in found])),
            float(np.mean([one.stale for one in found])),
            float(np.mean([one.kept_s for one in found])),
        )

    def hits_as_stale(self, stale: float) -> float:
        """Hit rate of one TTL that leaves so many reads outdated."""
        order = np.argsort([one.stale for one in self._best], kind="stable")
        best = np.maximum.accumulate([self._best[at].hits for at in order])
        return float(np.interp(stale, [self._best[at].stale for at in order], best))

    def hits_as_large(self, kept_s: float) -> float:
        """Hit rate of one TTL that keeps so much in the store."""
        sizes = [one.kept_s for one in self._best]
        return float(np.interp(kept_s, sizes, [one.hits for one in self._best]))


def staleness() -> Section:
    """Where values are known: hits beside those of one TTL at equal staleness."""
    lines = []
    for case in _with_values():
        for ttl_s in case.ttls_s:
            plain, used = case.under(ttl_s, fixed), case.under(ttl_s, by_its_use)
            equal = case.hits_as_stale(used.stale)
            lines.append(
                [
                    case.name,
                    f"{ttl_s:,.0f}",
                    f"{_percent(plain.hits)}, {_percent(plain.stale, 2)}",
                    f"{_percent(used.hits)}, {_percent(used.stale, 2)}",
                    _percent(equal),
                    _points(used.hits - equal),
                ]
            )
    columns = (
        "trace|`ttl_s`|one TTL: hits, stale|by use: hits, stale"
        "|hits of the one TTL that is as stale|difference, points"
    )
    text = "Shares of all reads."
    return Section("stale", "At equal staleness", text, [Table(columns.split("|"), lines)])


def room() -> Section:
    """Everywhere: hits beside those of one TTL that keeps as many entries."""
    lines = []
    for case in (*_with_values(), *_without_values()):
        for ttl_s in case.ttls_s:
            plain, used = case.under(ttl_s, fixed), case.under(ttl_s, by_its_use)
            equal = case.hits_as_large(used.kept_s)
            lines.append(
                [
                    case.name,
                    f"{case.reads:,}",
                    f"{ttl_s:,.0f}",
                    _percent(plain.hits),
                    _percent(used.hits),
                    f"{used.kept_s / plain.kept_s:.2f}",
                    _percent(equal),
                    _points(used.hits - equal),
                ]
            )
    columns = (
        "trace|reads|`ttl_s`|one TTL: hits|by use: hits|entries kept, against one TTL"
        "|hits of the one TTL that keeps as many|difference, points"
    )
    return Section("room", "At equal room in the store", "", [Table(columns.split("|"), lines)])


def ways_not_taken() -> Section:
    """Other rules: mean difference over the TTLs, at equal staleness and at equal room."""
    rules: dict[str, Life] = {
        "**as it is: first life 1/2, at most 4, grows by all the time it stood**": by_its_use,
        "at most 10": partial(varied, longest=10.0),
        "at most 2": partial(varied, longest=2.0),
        "first life 1": partial(varied, first=1.0),
        "first life 1/4": partial(varied, first=0.25),
        "grows by 10 % of the time it stood": partial(varied, share=0.1),
        "grows only if asked for within 1/4 life of its end": partial(
            varied, asked=lambda late: late <= 0.25
        ),
        "grows only if asked for later than that": partial(varied, asked=lambda late: late > 0.25),
        "first life 1, never longer, half after a change": partial(varied, longest=1.0),
    }
    cases = _with_values()
    lines = []
    for name, life in rules.items():
        cells = []
        for case in cases:
            found = [case.under(ttl_s, life) for ttl_s in case.ttls_s]
            stale = np.mean([one.hits - case.hits_as_stale(one.stale) for one in found])
            large = np.mean([one.hits - case.hits_as_large(one.kept_s) for one in found])
            cells.append(f"{_points(float(stale))} / {_points(float(large))}")
        lines.append([name, *cells])
    columns = ["lives in `ttl_s`", *(case.name for case in cases)]
    text = """
Points of hit rate against one TTL that is as stale / that keeps as many entries, mean over the TTLs
above.
"""
    return Section("ways", "Other rules", text, [Table(columns, lines)])


@cache
def _with_values() -> list[Case]:
    names: dict[str, list[tuple[float, object]]] = defaultdict(list)
    for row in rows("A_dns_lan_2018.csv.gz"):
        if row["value_id"]:
            names[row["key"]].append((float(row["ts_seconds"]), row["value_id"]))
    rounds = range(sized(_ROUNDS, quick=1))
    cases = [Case("DNS", [list(names.values())], (5, 20, 60, 200))]
    for title, file, speed in (
        ("wiki", "A_wiki_edits_2015.csv.gz", 1.0),
        ("files", "A_file_updates_2014_2026.csv.gz", 1000.0),
    ):
        for popular, is_sorted in (("", False), (", changed most = read most", True)):
            streams = [_drawn(file, speed, is_sorted, seed) for seed in rounds]
            cases.append(Case(title + popular, streams, (300, 1200, 3600)))
    return cases


def _drawn(file: str, speed: float, is_sorted: bool, seed: int) -> Stream:
    """Reads at random moments of an edit history; a value is how often it was edited until then."""
    times: dict[str, set[float]] = defaultdict(set)
    for row in rows(file):
        times[row["key"]].add(float(row["ts_seconds"]) / speed)
    changes = [np.array(sorted(found)) for found in times.values()]
    begin_s, end_s = min(c[0] for c in changes), max(c[-1] for c in changes)
    chance = np.random.default_rng(seed)
    chance.shuffle(changes)
    if is_sorted:
        changes.sort(key=len, reverse=True)
    weights = np.arange(1, len(changes) + 1) ** -_ZIPF
    numbers = chance.multinomial(sized(_DRAWN_READS, quick=1000), weights / weights.sum())
    stream = []
    for edited, number in zip(changes, numbers, strict=True):
        at_s = np.sort(chance.uniform(begin_s, end_s, number))
        versions = np.searchsorted(edited, at_s, side="right")
        stream.append(list(zip(at_s.tolist(), versions.tolist(), strict=True)))
    return stream


def _without_values() -> Iterable[Case]:
    for title, name, ttls_s in (
        ("web server", "A_web_server_jul1995.csv.gz", (30, 300, 1800)),
        ("shop (a read a second)", "A_shop_pages_jul.csv.gz", (100, 1000, 5000)),
        ("LLM prefixes", "A_llm_prefix_blocks.csv.gz", (10, 60, 300)),
    ):
        keys: dict[str, list[tuple[float, object]]] = defaultdict(list)
        for row in islice(rows(name), _ROWS_MAX):
            keys[row["key"]].append((float(row["ts_seconds"]), None))
        yield Case(title, [list(keys.values())], ttls_s)


def _percent(share: float, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.1f}"


if __name__ == "__main__":
    main()
