"""Whether the level of the hit rate can be foretold at all, and whether its stated ends hold.

    python -m benchmarks.insight.level [DATA_DIR] [--quick]

The cases of `backtest`, as in use: each at its advised TTL. Forecasters know every read of the
first half and how it fared by exact replay, the cache warm from the half itself; the advice knew
its log. A forecast is held against the second half. The ends are tried on rates that are generated,
so that the truth is known and no recorded trace had a say in them. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.figures import Section, Table
from benchmarks.insight.backtest import all_cases
from benchmarks.insight.backtest_cases import AIM, Case
from benchmarks.insight.data import say_if_quick, sized
from benchmarks.insight.forecasts import FORECASTERS, Half
from benchmarks.insight.traffic import Traffic
from cache_core.insight.ttl_curves import DAY_S, PARTS
from cache_core.insight.ttl_outlook import moved, next_mean
from cache_core.insight.ttl_replay import Floats, reads_of, replay_hits

_ROUNDS = 1000
_MOMENTS = 32  # of generated rates: half of them watched, half to come


def main() -> None:
    """Prints Markdown."""
    say_if_quick()
    print(_forecasts(all_cases().in_use).markdown(), flush=True)
    print(_ends().markdown())


def _forecasts(cases: list[Case]) -> Section:
    halves = _halves(cases)
    off: dict[str, Floats] = {"the advice, from its log": np.array([case.off for case in cases])}
    for name, forecast in FORECASTERS.items():
        foretold = np.array([forecast(half) for half in halves])
        off[name] = foretold - np.array([case.second[1] for case in cases])
    by_trace = _best_of_each_trace(cases, off)
    nearest = np.min([np.abs(found) for found in off.values()], axis=0)
    off["hindsight: the best of these for each trace"] = by_trace
    off["hindsight: the best of these for each case"] = nearest
    is_drawn = np.array([case.traffic.is_drawn for case in cases])
    lines = [
        [
            name,
            _kept(found),
            _kept(found[~is_drawn]),
            _kept(found[is_drawn]),
            f"{np.abs(found[~is_drawn]).mean() * 100:.1f}",
        ]
        for name, found in off.items()
    ]
    days = sum(case.traffic.half_s >= 2 * DAY_S for case in cases if not case.traffic.is_drawn)
    text = f"""
Forecasts of the hit rate of the second half at the advised TTL that came within 3 points.
Of {int((~is_drawn).sum())} cases of recorded reads {days} have a first half of two days or more,
in which the same time of day could be seen twice.
"""
    columns = "forecast|of all|recorded reads|drawn reads|off, recorded reads, points"
    return Section("level", "Can the level be foretold?", text, [Table(columns.split("|"), lines)])


def _halves(cases: list[Case]) -> list[Half]:
    known: dict[tuple[str, float], Half] = {}
    for case in cases:
        name = case.traffic.name, case.advice.ttl_s
        if name not in known:
            known[name] = first_half(case.traffic, case.advice.ttl_s)
    return [known[case.traffic.name, case.advice.ttl_s] for case in cases]


def first_half(traffic: Traffic, ttl_s: float) -> Half:
    """Its reads by exact replay, as if a half like it had come before."""
    first = traffic.at_s < traffic.half_s
    key, at_s = traffic.key[first], traffic.at_s[first]
    twice = reads_of(np.concatenate([key, key]), np.concatenate([at_s - traffic.half_s, at_s]))
    those = twice.at_s >= 0
    return Half(twice.at_s[those] / traffic.half_s, replay_hits(twice, ttl_s)[those])


def _best_of_each_trace(cases: list[Case], off: dict[str, Floats]) -> Floats:
    found = np.zeros(len(cases))
    for name in {case.traffic.name for case in cases}:
        those = np.array([case.traffic.name == name for case in cases])
        best = max(off.values(), key=lambda each: (np.abs(each[those]) <= AIM).sum())
        found[those] = best[those]
    return found


def _kept(off: Floats) -> str:
    return f"{(np.abs(off) <= AIM).sum()} of {len(off)}"


def _steady(rng: np.random.Generator) -> Floats:
    return rng.normal(size=_MOMENTS)


def _lasting(memory: float) -> Callable[[np.random.Generator], Floats]:
    """Each moment keeps so much of what the one before was."""

    def draw(rng: np.random.Generator) -> Floats:
        found = rng.normal(size=_MOMENTS)
        found[0] /= np.sqrt(1 - memory**2)
        for at in range(1, _MOMENTS):
            found[at] += memory * found[at - 1]
        return found

    return draw


def _wandering(step: float, noise: float) -> Callable[[np.random.Generator], Floats]:
    def draw(rng: np.random.Generator) -> Floats:
        way: Floats = np.cumsum(step * rng.normal(size=_MOMENTS))
        return way + noise * rng.normal(size=_MOMENTS)

    return draw


def _rising(slope: float) -> Callable[[np.random.Generator], Floats]:
    return lambda rng: rng.normal(size=_MOMENTS) + slope * np.arange(_MOMENTS)


_STREAMS: dict[str, Callable[[np.random.Generator], Floats]] = {
    "steady: noise alone": _steady,
    "noise that lasts, 0.5 of it to the next moment": _lasting(0.5),
    "noise that lasts, 0.8": _lasting(0.8),
    "a level that wanders slowly (0.3 a moment), and noise": _wandering(0.3, 1.0),
    "a level that wanders, no noise": _wandering(1.0, 0.0),
    "a level that rises slowly (0.1 a moment), and noise": _rising(0.1),
    "a level that rises fast (0.3 a moment), and noise": _rising(0.3),
}


def _ends() -> Section:
    lines = [[name, *_covered(draw)] for name, draw in _STREAMS.items()]
    text = f"""
{_rounds():,} streams of each kind, {_MOMENTS} moments of a rate, noise of 1: the first half is
watched in {PARTS} parts. How often the mean of the second half lay inside the ends, and how far
they were apart.
"""
    columns = "stream|inside|apart (median)|inside, parts taken to be independent|apart"
    table = Table(columns.split("|"), lines)
    return Section("ends", "Do the ends of the level hold?", text, [table])


def _rounds() -> int:
    return sized(_ROUNDS, quick=50)


def _covered(draw: Callable[[np.random.Generator], Floats]) -> list[str]:
    rng = np.random.default_rng(1)
    inside, widths, plain, plain_widths = [], [], [], []
    for _ in range(_rounds()):
        first, second = np.split(draw(rng) / 1000, 2)  # small, for rates end at 1
        rates = first.reshape(PARTS, -1).mean(axis=1)
        ends = next_mean(rates, np.ones(PARTS), np.ones(PARTS))
        inside.append(ends.low <= second.mean() <= ends.high)
        widths.append(ends.high - ends.low)
        off = moved(rates)
        plain.append(abs(second.mean() - rates.mean()) <= off)
        plain_widths.append(2 * off)
    return [
        f"{np.mean(inside):.0%}",
        f"{np.median(widths) * 1000:.1f}",
        f"{np.mean(plain):.0%}",
        f"{np.median(plain_widths) * 1000:.1f}",
    ]


if __name__ == "__main__":
    main()
