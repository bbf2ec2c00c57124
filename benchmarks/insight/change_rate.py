"""How close estimated change rates and stale shares come to the truth.

    .venv/bin/python -m benchmarks.insight.change_rate [DATA_DIR] [--quick]

Simulated Poisson changes with known rate; then DNS answers and two edit histories, where every
change is known and checks are drawn at random moments.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.figures import Section, Table
from benchmarks.insight.data import rows, say_if_quick, sized
from cache_core.insight.change_rate import (
    ChangeRate,
    Check,
    change_rate,
    expected_staleness,
    observed_staleness,
)

_RUNS = 400
Times = npt.NDArray[np.float64]


def main() -> None:
    """The command line."""
    say_if_quick()
    for section in (simulated(), dns(), edits()):
        print(section.markdown(), flush=True)


def simulated() -> Section:
    """Error by how many changes fall on a check and by number of checks."""
    chance, runs = np.random.default_rng(1), sized(_RUNS, quick=20)
    lines = []
    for checks in (30, 100, 1000):
        for per_check in (0.1, 0.3, 1.0, 1.6, 3.0):
            found = [_one_run(chance, checks, per_check) for _ in range(runs)]
            errors = np.array([rate.per_s / per_check - 1 for rate in found])
            held = np.mean([rate.low <= per_check <= rate.high for rate in found])
            bursty = np.mean([rate.fit == "does not fit, bursty" for rate in found])
            lines.append(
                [
                    str(checks),
                    f"{per_check:g}",
                    _percent(np.abs(errors).mean()),
                    _percent(float(np.median(errors))),
                    _percent(np.mean(np.abs(errors) <= 0.15)),
                    _percent(_least_error(chance, checks, per_check)),
                    _percent(held),
                    _percent(bursty),
                ]
            )
    columns = (
        "checks|changes a mean interval|mean absolute error|median error|within 15 %"
        "|least possible mean error|95 % interval holds the truth|called bursty"
    ).split("|")
    text = f"""
Exponential intervals, {runs} runs each. The least possible mean absolute error of an unbiased
estimate is 0.80 / sqrt(Fisher information): no method does better from these checks.
"""
    return Section("simulated", "Change rate: simulated changes", text, [Table(columns, lines)])


def _one_run(chance: np.random.Generator, checks: int, per_s: float) -> ChangeRate:
    ages = chance.exponential(1.0, checks) + 1e-6
    found = change_rate(_checked(chance, ages, per_s))
    assert found is not None
    return found


def _checked(chance: np.random.Generator, ages: Times, per_s: float) -> list[Check]:
    changed = chance.random(len(ages)) < -np.expm1(-per_s * ages)
    return [Check(float(age), bool(found)) for age, found in zip(ages, changed, strict=True)]


def _least_error(chance: np.random.Generator, checks: int, per_s: float) -> float:
    ages = chance.exponential(1.0, 200_000) + 1e-6
    information = np.mean(ages**2 / np.expm1(per_s * ages))
    return float(np.sqrt(2 / np.pi) / np.sqrt(checks * information) / per_s)


def dns() -> Section:
    """Learned from the first half of the lookups, held against a replay of the second."""
    seen: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows("A_dns_lan_2018.csv.gz"):
        if row["value_id"]:
            seen[row["key"]].append((float(row["ts_seconds"]), row["value_id"]))
    first_s = min(times[0][0] for times in seen.values())
    middle_s = float(np.median([at for times in seen.values() for at, _ in times]))
    by_key = {key: _lookups_as_checks(times, middle_s) for key, times in seen.items()}
    checks = [check for found in by_key.values() for check in found]
    pooled = change_rate(checks)
    assert pooled is not None
    fits = Counter(rate.fit for found in by_key.values() if (rate := change_rate(found)))
    lines = []
    for ttl_s in (10, 30, 60, 300):
        hits, stale = _replayed(seen, middle_s, ttl_s)
        by_rate = _weighted(by_key, hits, ttl_s)
        lines.append(
            [
                f"{ttl_s}",
                f"{sum(hits.values()):,}",
                _percent(stale / max(sum(hits.values()), 1)),
                _percent(expected_staleness(pooled.per_s, ttl_s)),
                _percent(by_rate),
                _optional(observed_staleness(checks, ttl_s)),
            ]
        )
    text = f"""
{len(checks):,} checks (lookups of a name seen before) in the first {middle_s - first_s:.0f} s,
{pooled.changed} found a change. All names together: a change every
{pooled.mean_gap_s:.0f} s, "{pooled.fit}"; by name: {dict(fits)}.
"""
    columns = "TTL, s|hits|stale in the replay|foretold: one rate|rate of each name|without a model"
    return Section("dns", "Change rate: DNS answers", text, [Table(columns.split("|"), lines)])


def _lookups_as_checks(times: list[tuple[float, str]], until_s: float) -> list[Check]:
    steps = pairwise(times)
    return [
        Check(now - before, old != new)
        for (before, old), (now, new) in steps
        if before < now < until_s
    ]


def _replayed(
    seen: dict[str, list[tuple[float, str]]], from_s: float, ttl_s: float
) -> tuple[dict[str, int], int]:
    hits: dict[str, int] = {}
    stale = 0
    for key, times in seen.items():
        stored_s, stored = -np.inf, ""
        for at_s, value in times:
            if at_s - stored_s >= ttl_s:
                stored_s, stored = at_s, value
            elif at_s >= from_s:
                hits[key] = hits.get(key, 0) + 1
                stale += value != stored
    return hits, stale


def _weighted(by_key: dict[str, list[Check]], hits: dict[str, int], ttl_s: float) -> float:
    """Stale share from a rate of each key, keys weighed by their hits."""
    shares = [
        (count, expected_staleness(rate.per_s, ttl_s))
        for key, count in hits.items()
        if (rate := change_rate(by_key[key]))
    ]
    return sum(count * share for count, share in shares) / max(sum(n for n, _ in shares), 1)


def edits() -> Section:
    """Every change is known; recomputes are drawn at random in the first half of the time."""
    cases = (
        ("A_file_updates_2014_2026.csv.gz", 7 * 86_400.0, (86_400.0, 7 * 86_400.0, 30 * 86_400.0)),
        ("A_wiki_edits_2015.csv.gz", 1800.0, (300.0, 1800.0, 7200.0)),
    )
    lines = []
    for name, mean_s, ttls_s in cases:
        changes = _changes(name, at_least=5)
        begin, end = min(c[0] for c in changes), max(c[-1] for c in changes)
        middle = (begin + end) / 2
        chance = np.random.default_rng(2)
        by_key = [_drawn(chance, times, begin, middle, mean_s) for times in changes]
        checks = [check for found in by_key for check in found]
        pooled = change_rate(checks)
        assert pooled is not None
        rates = [rate.per_s for found in by_key if (rate := change_rate(found))]
        lines += [
            [
                name,
                f"{len(changes):,}",
                f"{len(checks):,}",
                pooled.fit,
                f"{ttl_s / 60:,.0f} min",
                _percent(_true_staleness(changes, begin, middle, ttl_s)),
                _percent(expected_staleness(pooled.per_s, ttl_s)),
                _percent(np.mean([expected_staleness(rate, ttl_s) for rate in rates])),
                _optional(observed_staleness(checks, ttl_s)),
                _percent(_true_staleness(changes, middle, end, ttl_s)),
            ]
            for ttl_s in ttls_s
        ]
    columns = (
        "history|keys|checks|fit|TTL|truth, same time|foretold: one rate|rate of each key"
        "|without a model|truth, second half of the time"
    )
    text = """
Keys with five changes or more, all weighed alike. Recomputes come at exponential intervals (mean a
week for files, half an hour for pages) in the first half of the time. The truth: entries made anew
at the end of each TTL, reads at any age.
"""
    return Section("edits", "Change rate: edit histories", text, [Table(columns.split("|"), lines)])


def _changes(name: str, *, at_least: int) -> list[Times]:
    times: dict[str, list[float]] = defaultdict(list)
    for row in rows(name):
        times[row["key"]].append(float(row["ts_seconds"]))
    return [np.unique(found) for found in times.values() if len(set(found)) >= at_least]


def _drawn(
    chance: np.random.Generator, changes: Times, begin: float, end: float, mean_s: float
) -> list[Check]:
    gaps = chance.exponential(mean_s, int((end - begin) / mean_s * 1.5) + 10) + 1e-3
    at = begin + np.concatenate([[0.0], np.cumsum(gaps)])
    at = at[at < end]
    counts = np.searchsorted(changes, at, side="right")
    return [
        Check(float(age), bool(new > old))
        for age, old, new in zip(np.diff(at), counts, counts[1:], strict=False)
    ]


def _true_staleness(changes: list[Times], begin: float, end: float, ttl_s: float) -> float:
    made = np.arange(begin, end - ttl_s, ttl_s)
    shares = []
    for times in changes:
        following = np.append(times, np.inf)[np.searchsorted(times, made, side="right")]
        shares.append(np.mean(np.clip(made + ttl_s - following, 0.0, None) / ttl_s))
    return float(np.mean(shares))


def _percent(share: float | np.floating[Any]) -> str:
    return f"{float(share) * 100:.1f} %"


def _optional(share: float | None) -> str:
    return "–" if share is None else _percent(share)


if __name__ == "__main__":
    main()
