"""What became of advices, as tables."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from benchmarks.figures import Section, Table
from benchmarks.insight.backtest_cases import AIM, Case, Cases
from cache_core.insight.ttl_advice import BUDGET, TtlAdvice


def _by_present(cases: list[Case]) -> dict[tuple[str, float], list[Case]]:
    found: dict[tuple[str, float], list[Case]] = defaultdict(list)
    for case in cases:
        found[case.traffic.name, case.advice.present.ttl_s].append(case)
    return found


def hit_rates(cases: Cases) -> Section:
    """What was promised and delivered, by trace and present TTL, and how often that held."""
    lines = []
    for (name, ttl_s), group in _by_present(cases.sampled).items():
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
                _said(advice),
                advice.confidence,
            ]
        )
    columns = (
        "trace|present TTL|advised|limit|promised hit rate, %|delivered|off, points"
        "|of that the log's|gain off|the level is said to be|confidence"
    ).split("|")
    text = f"""
{len(cases.sampled)} advices ({cases.silent} times there was too little for one). The round with the
middle advice is shown; "off": promised less delivered, mean of the rounds.
"""
    tables = [Table(columns, lines), _summary(cases), _kept(cases)]
    return Section("hit", "TTL advice: hit rate", text, tables)


def _said(advice: TtlAdvice) -> str:
    level = advice.level
    ends = "not known" if level is None else f"{_percent(level.low)} to {_percent(level.high)}"
    return f"a number; {ends}" if advice.is_level_known else ends


def _groups(cases: Cases) -> dict[str, list[Case]]:
    everyone = cases.sampled
    return {
        "recorded reads": [c for c in everyone if not c.traffic.is_drawn],
        "recorded reads, the log has room for all": cases.whole,
        "drawn reads": [c for c in everyone if c.traffic.is_drawn],
        "medium or high confidence": [c for c in everyone if c.advice.confidence != "low"],
        "as in use: the second row and the third": cases.in_use,
    }


def _summary(cases: Cases) -> Table:
    lines = [
        [
            name,
            str(len(group)),
            _share([abs(c.off) <= AIM for c in group]),
            _share([abs(c.sample_off) <= AIM for c in group]),
            _share([c.is_gain_kept for c in group]),
            f"{np.mean([abs(c.off) for c in group]) * 100:.1f}",
            f"{np.mean([abs(c.gain_off) for c in group]) * 100:.1f}",
        ]
        for name, group in _groups(cases).items()
    ]
    columns = (
        "advices|number|hit rate within 3 points|against the same time|gain within 3 points"
        "|hit rate off, mean|gain off, mean"
    ).split("|")
    return Table(columns, lines, "How often the figures of advice were delivered")


def _kept(cases: Cases) -> Table:
    """Of what pages say: a gain; a level as a number only where it is known, else its ends."""
    lines = []
    for name, group in _groups(cases).items():
        known = [c for c in group if c.advice.is_level_known]
        other = [c for c in group if not c.advice.is_level_known and c.advice.told_level]
        widths = [c.advice.level.high - c.advice.level.low for c in group if c.advice.level]
        lines.append(
            [
                name,
                _share([c.is_gain_kept for c in group]),
                _share([c.is_level_kept for c in known]),
                _share([c.is_level_kept for c in other]),
                str(len(group) - len(known) - len(other)),
                _share([c.is_gain_kept and c.is_level_kept for c in group]),
                _share([c.is_level_inside for c in group]),
                _share([c.is_gain_inside for c in group]),
                f"{np.median(widths) * 100:.0f}",
            ]
        )
    columns = (
        "advices|gain within 3 points|level, said as a number, within 3 points"
        "|level, said as a range, inside it|level not told|all that is said"
        "|level inside its ends, said or not|gain inside its ends|from end to end, points (median)"
    ).split("|")
    return Table(columns, lines, "How often what the pages say came true")


def staleness(cases: Cases) -> Section:
    """Outdated reads, foretold and found."""
    lines = []
    for (name, ttl_s), group in _by_present(cases.sampled).items():
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
    known = [case for case in cases.sampled if case.traffic.is_changing]
    over = [case for case in known if case.outdated[1] > BUDGET]
    before = [case for case in over if case.outdated[0] > BUDGET]
    names = ", ".join(sorted({case.traffic.name for case in over}))
    later = [case.outdated[1] <= case.advice.advised.staleness_high for case in known]
    close = [abs(case.outdated[1] - case.advice.advised.staleness) <= AIM for case in known]
    text = f"""
Share of reads answered with outdated data, %, where the truth is known. Against the time learned
from the truth was at most the upper end in {_below(known)} (without keys of checks
{_below(cases.keyless)}), in the second half in {_share(later)}; there it was within 3 points of the
promise in {_share(close)} and above the budget of 5 % in {len(over)} ({names}), {len(before)} of
them at their old TTL too.
"""
    columns = "trace|TTL|promised|at most|truth, first half|delivered|fit".split("|")
    return Section("stale", "TTL advice: outdated reads", text, [Table(columns, lines)])


def _below(cases: list[Case]) -> str:
    return _share([case.outdated_first[1] <= case.advice.advised.staleness_high for case in cases])


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"


def _signed(values: list[float]) -> str:
    return f"{np.mean(values) * 100:+.1f}"


def _share(held: list[bool]) -> str:
    return f"{sum(held)} of {len(held)}"
