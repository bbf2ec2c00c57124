"""What the advice about a TTL promises, against what a replay of the time after it delivers.

    python -m benchmarks.insight.backtest [DATA_DIR]

Learned from the first half of each trace's time: a log with room for a tenth of its rows, and up
to 400 recomputes, drawn by chance, as a cache with the present TTL would have had them (age, key,
whether the value had changed; none where the old value was gone: twice the TTL). The advised TTL is
applied to the second half by exact replay of all rows, the cache warm from the first half. Four
present TTLs a trace, three hashes each; the policy allows a tenth to ten times the present TTL.
Reads, and what is known of changes: `traffic`.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from benchmarks.figures import Section, Table
from benchmarks.insight.traffic import Traffic, traffics
from benchmarks.insight.ttl_curve import log_reads
from cache_core.insight.change_rate import Check
from cache_core.insight.ttl_advice import Observed, TtlAdvice, picture
from cache_core.insight.ttl_replay import Reads, Whole, reads_of, replay_hits

_PARTS = (1000, 300, 100, 30)  # of half the time: the present TTLs
_ROUNDS = 3
_SHARE = 0.1
_CHECKS_MAX = 400
_RANGE = 10.0
_OLD_ENTRY = 2.0  # TTLs after which an entry cannot be compared with its successor
_AIM = 0.03


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
    cases, whole, silent = [], [], 0
    for traffic in traffics():
        for part in _PARTS:
            ttl_s = traffic.half_s / part
            for seed in range(_ROUNDS):
                found = backtest(traffic, ttl_s, seed, _SHARE)
                silent += found is None
                cases += [found] if found else []
            if not traffic.is_drawn:
                found = backtest(traffic, ttl_s, 0, 1.0)
                whole += [found] if found else []
    print(_hit_rates(cases, whole, silent).markdown())
    print(_staleness(cases).markdown())


def backtest(traffic: Traffic, ttl_s: float, seed: int, share: float) -> Case | None:
    """Advice learned from the first half, held against the second; None if there is none."""
    rng = np.random.default_rng(seed)
    learned = traffic.at_s < traffic.half_s
    key, at_s = traffic.key[learned], traffic.at_s[learned]
    rng_of_log = np.random.default_rng(seed)
    hashes = np.random.default_rng(seed).integers(0, 2**32, int(key.max()) + 1)
    logs, _ = log_reads(key, at_s, 1, rng_of_log, share)
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


def _by_present(cases: list[Case]) -> dict[tuple[str, float], list[Case]]:
    found: dict[tuple[str, float], list[Case]] = defaultdict(list)
    for case in cases:
        found[case.traffic.name, case.advice.present.ttl_s].append(case)
    return found


def _hit_rates(cases: list[Case], whole: list[Case], silent: int) -> Section:
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
        "trace|present TTL|advised|limit|promised hit rate, %|delivered|off, points"
        "|of that the log's|gain off|said it may be off|confidence"
    ).split("|")
    text = f"""
{len(cases)} advices ({silent} times there was too little for one). The round with the middle advice
is shown; "off": promised less delivered, mean of the rounds.
"""
    tables = [Table(columns, lines), _summary(cases, whole)]
    return Section("hit", "TTL advice: hit rate", text, tables)


def _summary(cases: list[Case], whole: list[Case]) -> Table:
    groups = {
        "recorded reads": [c for c in cases if not c.traffic.is_drawn],
        "recorded reads, the log has room for all": whole,
        "drawn reads": [c for c in cases if c.traffic.is_drawn],
        "medium or high confidence": [c for c in cases if c.advice.confidence != "low"],
    }
    lines = [
        [
            name,
            str(len(group)),
            _share([abs(c.off) <= _AIM for c in group]),
            _share([abs(c.sample_off) <= _AIM for c in group]),
            _share([abs(c.gain_off) <= _AIM for c in group]),
            f"{np.mean([abs(c.off) for c in group]) * 100:.1f}",
            f"{np.mean([abs(c.gain_off) for c in group]) * 100:.1f}",
            _share([abs(c.off) <= c.advice.hit_rate_off + _margin(c) for c in group]),
        ]
        for name, group in groups.items()
        if group
    ]
    columns = (
        "advices|number|hit rate within 3 points|against the same time|gain within 3 points"
        "|hit rate off, mean|gain off, mean|within what was said"
    ).split("|")
    return Table(columns, lines, "How often promises held")


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
