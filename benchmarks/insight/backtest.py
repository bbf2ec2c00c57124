"""What the advice about a TTL promises, against what a replay of the time after it delivers.

    python -m benchmarks.insight.backtest [DATA_DIR]

Learned from the first half of each trace's time: a log with room for a tenth of its rows, and up
to 400 recomputes, drawn by chance, as a cache with the present TTL would have had them (age,
whether the value had changed, key; none where the old value was gone: twice the TTL). The advised
TTL is applied to the second half by exact replay of all rows, the cache warm from the first half. Four
present TTLs a trace, three hashes each; the policy allows a tenth to ten times the present TTL.

DNS rows carry the answer, so it is known which hits are outdated. For the two edit histories times
of changes are known and reads are drawn by chance: keys by how often they are edited ("own"), or
by Zipf's law whatever their edits are ("zipf"). The other traces hold no changes: none is seen.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Section, Table
from benchmarks.insight.data import folder, rows
from benchmarks.insight.ttl_curve import log_reads, trace
from cache_core.insight.change_rate import Check
from cache_core.insight.ttl_advice import Observed, TtlAdvice, picture
from cache_core.insight.ttl_replay import Floats, Reads, Whole, reads_of, replay_hits

_PARTS = (1000, 300, 100, 30)  # of half the time: the present TTLs
_ROUNDS = 3
_CHECKS_MAX = 400
_RANGE = 10.0
_DRAWN = 40_000
_OLD_ENTRY = 2.0  # TTLs after which an entry cannot be compared with its successor
_AIM = 0.03
_UNCHANGING = ("A_llm_prefix_blocks", "A_shop_pages_jul", "A_web_server_jul1995")


@dataclass(frozen=True)
class Traffic:
    """Reads in order of time, and which version of its key's data each would have computed."""

    name: str
    key: Whole
    at_s: Floats
    version: Whole
    is_changing: bool

    @property
    def half_s(self) -> float:
        return float(self.at_s[-1]) / 2


@dataclass(frozen=True)
class Case:
    """One advice and what came of it, 0 to 1."""

    traffic: Traffic
    advice: TtlAdvice
    first: tuple[float, float]
    """Hit rates of the first half by full replay, of the present and the advised TTL."""
    second: tuple[float, float]
    outdated: tuple[float, float]
    """Share of reads of the second half; under the present and the advised TTL."""
    outdated_first: tuple[float, float]

    @property
    def off(self) -> float:
        return self.advice.advised.hit_rate - self.second[1]

    @property
    def gain_off(self) -> float:
        return self.advice.points - (self.second[1] - self.second[0])

    @property
    def sample_off(self) -> float:
        """Part of `off` that is the log's: against the full replay of the same time."""
        return self.advice.advised.hit_rate - self.first[1]


def main() -> None:
    """Prints Markdown."""
    print(f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"- Machine: {platform.platform()}, numpy {np.__version__}\n", flush=True)
    cases, silent = [], 0
    for traffic in traffics():
        for part in _PARTS:
            for seed in range(_ROUNDS):
                found = backtest(traffic, traffic.half_s / part, seed)
                silent += found is None
                cases += [found] if found else []
    print(_hit_rates(cases, silent).markdown())
    print(_staleness(cases).markdown())


def traffics() -> Iterator[Traffic]:
    """All that is tested on."""
    for name in _UNCHANGING:
        key, at_s = trace(folder() / f"{name}.csv.gz")
        yield Traffic(name[2:], key, at_s, np.zeros(len(key), np.int64), is_changing=False)
    yield _dns()
    for name in ("A_file_updates_2014_2026", "A_wiki_edits_2015"):
        for way in ("own", "zipf"):
            yield _drawn(name, way)


def backtest(traffic: Traffic, ttl_s: float, seed: int) -> Case | None:
    """Advice learned from the first half, held against the second; None if there is none."""
    rng = np.random.default_rng(seed)
    learned = traffic.at_s < traffic.half_s
    key, at_s = traffic.key[learned], traffic.at_s[learned]
    rng_of_log = np.random.default_rng(seed)
    hashes = np.random.default_rng(seed).integers(0, 2**32, int(key.max()) + 1)
    logs, _ = log_reads(key, at_s, 1, rng_of_log)
    checks, keys = _recomputes(reads_of(key, at_s), traffic.version[learned], ttl_s)
    drawn = rng.permutation(len(checks))[:_CHECKS_MAX]
    found = picture(
        Observed(
            logs=logs,
            until_s=float(at_s[-1]),
            checks=[checks[number] for number in drawn],
            check_keys=[int(hashes[keys[number]]) for number in drawn],
            recomputes=len(checks),
            source_mean_s=0.1,
            ttl_s=ttl_s,
            low_s=ttl_s / _RANGE,
            high_s=ttl_s * _RANGE,
        )
    )
    advice = getattr(found, "advice", found)
    if not isinstance(advice, TtlAdvice):
        return None
    ttls = (ttl_s, advice.ttl_s)
    results = [_replayed(traffic, ttl) for ttl in ttls]
    return Case(
        traffic,
        advice,
        first=(results[0][0], results[1][0]),
        second=(results[0][1], results[1][1]),
        outdated_first=(results[0][2], results[1][2]),
        outdated=(results[0][3], results[1][3]),
    )


def _recomputes(reads: Reads, version: Whole, ttl_s: float) -> tuple[list[Check], list[int]]:
    """Checks a cache with this TTL makes, and the key of each."""
    computed = np.flatnonzero(replay_hits(reads, ttl_s) == 0)
    value = version[reads.order]
    again = reads.key[computed[1:]] == reads.key[computed[:-1]]
    old, new = computed[:-1][again], computed[1:][again]
    ages = reads.at_s[new] - reads.at_s[old]
    kept = (ages > 0) & (ages <= _OLD_ENTRY * ttl_s)
    changed = value[old] != value[new]
    checks = [Check(a, bool(c)) for a, c in zip(ages[kept].tolist(), changed[kept], strict=True)]
    return checks, reads.key[new[kept]].tolist()


def _replayed(traffic: Traffic, ttl_s: float) -> tuple[float, float, float, float]:
    """Hit rate of both halves and outdated share of reads of both, by full replay, warm."""
    reads = reads_of(traffic.key, traffic.at_s)
    hit = replay_hits(reads, ttl_s)
    computed = np.where(hit == 0, np.arange(len(hit)), 0)
    value = traffic.version[reads.order]
    outdated = value != value[np.maximum.accumulate(computed)]
    second = reads.at_s >= traffic.half_s
    return (
        float(hit[~second].mean()),
        float(hit[second].mean()),
        float(outdated[~second].mean()),
        float(outdated[second].mean()),
    )


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
    key = rng.choice(len(names), _DRAWN, p=weights / weights.sum())
    at_s = np.sort(rng.random(_DRAWN)) * (end_s - begin_s)
    _, key = np.unique(key, return_inverse=True)
    version = _versions(key, at_s + begin_s, [changes[names[k]] for k in np.unique(key)])
    return Traffic(f"{name[2:]}, {way}", key.astype(np.int64), at_s, version, is_changing=True)


def _versions(key: NDArray[np.int64], at_s: Floats, changes: list[list[float]]) -> Whole:
    version = np.empty(len(key), dtype=np.int64)
    for number, times in enumerate(changes):
        those = key == number
        version[those] = np.searchsorted(np.sort(times), at_s[those], side="right")
    return version


def _by_present(cases: list[Case]) -> dict[tuple[str, float], list[Case]]:
    found: dict[tuple[str, float], list[Case]] = defaultdict(list)
    for case in cases:
        found[case.traffic.name, case.advice.present.ttl_s].append(case)
    return found


def _hit_rates(cases: list[Case], silent: int) -> Section:
    lines = []
    for (name, ttl_s), group in _by_present(cases).items():
        middle = sorted(group, key=lambda case: case.advice.ttl_s)[len(group) // 2]
        advice = middle.advice
        lines.append(
            [
                name,
                f"{ttl_s:,.3g}",
                f"{advice.ttl_s:,.3g}",
                advice.limit,
                f"{_percent(advice.present.hit_rate)} → {_percent(advice.advised.hit_rate)}",
                f"{_percent(middle.second[0])} → {_percent(middle.second[1])}",
                _signed([case.off for case in group]),
                _signed([case.sample_off for case in group]),
                _signed([case.gain_off for case in group]),
                f"± {advice.hit_rate_off * 100:.1f}",
                advice.confidence,
            ]
        )
    columns = (
        "trace|present TTL|advised|limit|promised hit rate, %|delivered|off, points|of that "
        "the log's|gain off|said it may be off|confidence"
    ).split("|")
    text = f"""
{len(cases)} advices ({silent} times there was too little for one). The round with the middle advice
is shown; "off": promised less delivered, mean of the rounds.

{_summary(cases)}
"""
    return Section("hit", "TTL advice: hit rate", text, [Table(columns, lines)])


def _summary(cases: list[Case]) -> str:
    lines = []
    groups = {"all": cases}
    groups |= {
        f"confidence {word}": [case for case in cases if case.advice.confidence == word]
        for word in ("high", "medium", "low")
    }
    for name, group in groups.items():
        if group:
            lines.append(
                f"- {name} ({len(group)}): hit rate within 3 points in "
                f"{_share([abs(c.off) <= _AIM for c in group])}, against the same time in "
                f"{_share([abs(c.sample_off) <= _AIM for c in group])}; gain within 3 points in "
                f"{_share([abs(c.gain_off) <= _AIM for c in group])}; within what was said in "
                f"{_share([abs(c.off) <= c.advice.hit_rate_off + _margin(c) for c in group])}"
            )
    return "\n".join(lines)


def _margin(case: Case) -> float:
    advised = case.advice.advised
    return (advised.hit_rate_high - advised.hit_rate_low) / 2


def _staleness(cases: list[Case]) -> Section:
    lines, kept, below = [], [], []
    for (name, ttl_s), group in _by_present(cases).items():
        if not group[0].traffic.is_changing:
            continue
        middle = sorted(group, key=lambda case: case.advice.ttl_s)[len(group) // 2]
        present, advised = middle.advice.present, middle.advice.advised
        lines.append(
            [
                name,
                f"{ttl_s:,.3g} → {advised.ttl_s:,.3g}",
                f"{_percent(present.staleness)} → {_percent(advised.staleness)}",
                f"{_percent(advised.staleness_high)}",
                f"{_percent(middle.outdated_first[0])} → {_percent(middle.outdated_first[1])}",
                f"{_percent(middle.outdated[0])} → {_percent(middle.outdated[1])}",
                middle.advice.fit,
            ]
        )
    known = [case for case in cases if case.traffic.is_changing]
    kept = [case.outdated[1] <= case.advice.advised.staleness_high for case in known]
    below = [case.outdated_first[1] <= case.advice.advised.staleness_high for case in known]
    close = [abs(case.outdated[1] - case.advice.advised.staleness) <= _AIM for case in known]
    budget = [case.outdated[1] <= 0.05 for case in known]
    text = f"""
Share of reads answered with outdated data, %, where the truth is known. In the second half at most
the upper end in {_share(kept)}, in the first in {_share(below)}; within 3 points of the promise in
{_share(close)}; within the budget of 5 % in {_share(budget)}.
"""
    columns = "trace|TTL|promised|at most|truth, first half|delivered|fit".split("|")
    return Section("stale", "TTL advice: outdated reads", text, [Table(columns, lines)])


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"


def _signed(values: list[float]) -> str:
    return f"{np.mean(values) * 100:+.1f}"


def _share(held: list[bool]) -> str:
    return f"{sum(held)} of {len(held)}"


if __name__ == "__main__":
    main()
