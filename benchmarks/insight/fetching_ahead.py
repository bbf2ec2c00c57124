"""What fetching ahead gains and costs, by TTL and by how it is decided.

    .venv/bin/python -m benchmarks.insight.fetching_ahead [DATA_DIR] [--quick]

Replayed on the pages whose time of every click is known, in the order of time; predictor and budget
learn as they go and see the past only. The last row of each TTL is the app's `Prefetcher` itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from benchmarks.figures import Section, Table
from benchmarks.insight.data import rows, say_if_quick
from benchmarks.insight.through_prefetcher import Read, Served, served
from cache_core.insight.fetch_budget import FetchBudget
from cache_core.insight.next_read import NextReads, worth_fetching
from cache_core.insight.prefetch_limits import Limits

_FILE = "B_web_server_pages_jul1995.csv.gz"
_COUNTED_FROM = ((0.7, "Last 30 % of the reads"), (0.1, "Last 90 %"))
_TTLS_S = (60, 300, 900, 3600)
_SOURCE_S = 1.0
_CANDIDATES = 8


def main() -> None:
    """The command line."""
    say_if_quick()
    print(fetching().markdown())


def fetching() -> Section:
    """Hit rate with and without fetching ahead, by TTL and by what a fetch may cost."""
    found = sorted(
        ((float(row["ts"]), row["session"], row["page"]) for row in rows(_FILE)),
        key=lambda read: read[0],
    )
    ways = (
        ("next read of this session, cost", "session", (0.1, 0.5)),
        ("read by anyone within the TTL, cost", "anyone", (0.4, 0.5, 0.6)),
        ("mean rate alone, same candidates, cost", "popular", (0.5,)),
        ("read by anyone, bar kept by a budget of", "budget", (1.0,)),
    )
    shares = [share for share, _ in _COUNTED_FROM]
    # By TTL: through a cache alone, and through one with the app's prefetcher.
    real = {
        ttl_s: [served(found, ttl_s, _SOURCE_S, shares, limits) for limits in (None, Limits())]
        for ttl_s in _TTLS_S
    }
    tables = []
    for place, (from_share, caption) in enumerate(_COUNTED_FROM):
        lines = []
        for ttl_s in _TTLS_S:
            before = replayed(found, ttl_s, "none", 0.0, from_share)
            share = before.hits / before.reads
            lines.append([f"{ttl_s}", "no fetching ahead", f"{share * 100:.1f} %", *[""] * 4])
            for label, way, costs in ways:
                for cost in costs:
                    tally = replayed(found, ttl_s, way, cost, from_share)
                    lines.append([f"{ttl_s}", f"{label} {cost:g}", *_cells(tally, share)])
            alone, ahead = (of_share[place] for of_share in real[ttl_s])
            share = alone.hits / alone.reads
            lines.append(
                [f"{ttl_s}", "no fetching ahead, a real cache", f"{share * 100:.1f} %", *[""] * 4]
            )
            lines.append([f"{ttl_s}", "the app's prefetcher and limits", *_cells(ahead, share)])
        columns = "TTL, s|fetch when|hit rate|points|useful|wasted|wasted a useful one"
        tables.append(Table(columns.split("|"), lines, caption))
    text = f"""
{len(found):,} reads by all visitors of one cache. A source takes {_SOURCE_S:g} s: an entry serves
from then on until its TTL ends. After each read the {_CANDIDATES} likeliest next reads that are not
fresh are fetched if `worth_fetching` says so at a cost in source times, or `FetchBudget.admits`.
Useful: read by anyone before it expires, counted once. The last two rows of a TTL are a real cache,
alone and with `Prefetcher` as the app runs it: within `Limits`, on one clock that sources move on.
"""
    return Section("fetching", "Fetching ahead: web server pages", text, tables)


def replayed(reads: list[Read], ttl_s: float, way: str, cost: float, from_share: float) -> _Tally:
    """One pass; what happens before `from_share` of the reads fills cache and predictor only."""
    now_s = reads[0][0]
    budget = FetchBudget(cost or 1.0, monotonic=lambda: now_s)
    predictor, tally = NextReads(), _Tally()
    entries: dict[str, _Entry] = {}
    open_ones: deque[_Entry] = deque()  # fetched ahead; one TTL for all, so they expire in order

    def fetch(key: str, at_s: float, counted: bool, said: float | None) -> None:
        fresh_s = at_s + _SOURCE_S
        entry = entries[key] = _Entry(fresh_s, fresh_s + ttl_s, said, counted)
        if said is not None:
            budget.fetched(said)
            open_ones.append(entry)

    for number, (at_s, session, key) in enumerate(reads):
        now_s, counted = at_s, number >= len(reads) * from_share
        while open_ones and open_ones[0].expires_s <= at_s:
            tally.close(open_ones.popleft(), budget, read=False)
        entry = entries.get(key)
        tally.reads += counted
        if entry is not None and at_s < entry.expires_s:
            tally.close(entry, budget, read=True)
            tally.hits += counted and at_s >= entry.fresh_s
        else:
            fetch(key, at_s, counted, None)
        predictor.observe(session, key, at_s)
        if way == "none":
            continue
        for name, chance in predictor.predict_for(session, _CANDIDATES, within_s=ttl_s):
            known = entries.get(name)
            if known is not None and at_s < known.expires_s:
                continue
            if way != "session":
                own = 0.0 if way == "popular" else chance
                chance = predictor.read_by_anyone(name, own, ttl_s)
            if way == "budget":
                is_worth = budget.admits(chance, _SOURCE_S)
            else:
                is_worth = worth_fetching(chance, _SOURCE_S, cost * _SOURCE_S)
            if is_worth:
                fetch(name, at_s, counted, chance)
    for entry in open_ones:
        tally.close(entry, budget, read=False)
    return tally


@dataclass
class _Entry:
    fresh_s: float
    expires_s: float
    said: float | None  # of an entry fetched ahead: how likely it was to be read
    counted: bool
    closed: bool = False


class _Tally(Served):
    def close(self, entry: _Entry, budget: FetchBudget, *, read: bool) -> None:
        """What came of an entry fetched ahead; counts once."""
        if entry.said is None or entry.closed:
            return
        entry.closed = True
        self.useful += entry.counted and read
        self.wasted += entry.counted and not read
        budget.settled(entry.said, is_used=read)


def _cells(tally: Served, before: float) -> list[str]:
    share = tally.hits / tally.reads
    ratio = f"{tally.wasted / tally.useful:.2f}" if tally.useful else "–"
    gained = f"{(share - before) * 100:+.1f}"
    return [f"{share * 100:.1f} %", gained, f"{tally.useful}", f"{tally.wasted}", ratio]


if __name__ == "__main__":
    main()
