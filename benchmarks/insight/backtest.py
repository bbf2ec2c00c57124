"""What the advice about a TTL promises, against what a replay of the time after it delivers.

    python -m benchmarks.insight.backtest [DATA_DIR] [--quick]

Learned from the first half of each trace's time: a log with room for a tenth of its rows, and up
to 400 recomputes, drawn by chance, as a cache with the present TTL would have had them (age, key,
whether the value had changed; none where the old value was gone: twice the TTL). The advised TTL is
applied to the second half by exact replay of all rows, the cache warm from the first half. Four
present TTLs a trace, three hashes each; the policy allows a tenth to ten times the present TTL.
Reads, and what is known of changes: `traffic`.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache

import numpy as np

from benchmarks.insight.backtest_cases import Case, Cases
from benchmarks.insight.backtest_tables import hit_rates, staleness
from benchmarks.insight.data import say_if_quick, sized
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


def main() -> None:
    """Prints Markdown."""
    say_if_quick()
    print(f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"- Machine: {platform.platform()}, numpy {np.__version__}\n", flush=True)
    cases = all_cases()
    print(hit_rates(cases).markdown())
    print(staleness(cases).markdown())


@cache
def all_cases() -> Cases:
    """Of all traffics; made once."""
    sampled, whole, keyless, silent = [], [], [], 0
    for traffic in traffics():
        for part in _PARTS:
            ttl_s = traffic.half_s / part
            for seed in range(sized(_ROUNDS, quick=1)):
                found = backtest(traffic, ttl_s, seed, _SHARE)
                silent += found is None
                sampled += [found] if found else []
                if traffic.is_changing:
                    found = backtest(traffic, ttl_s, seed, _SHARE, knows_keys=False)
                    keyless += [found] if found else []
            if not traffic.is_drawn:
                found = backtest(traffic, ttl_s, 0, 1.0)
                whole += [found] if found else []
    return Cases(sampled, whole, keyless, silent)


def backtest(
    traffic: Traffic, ttl_s: float, seed: int, share: float, *, knows_keys: bool = True
) -> Case | None:
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
            check_keys=[int(hashes[keys[number]]) for number in drawn] if knows_keys else None,
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


if __name__ == "__main__":
    main()
