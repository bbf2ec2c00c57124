"""How often the data behind an entry really changes, from whether each recompute found a change.

A recompute knows how old the value it replaces was and whether the new one differs, not when or
how many times the data changed in between. From such checks, at irregular intervals, comes a rate
(changes are taken to come at moments of chance: a Poisson process), its interval, what share of
hits a TTL would leave stale, and whether the checks fit that picture at all. Times are seconds,
rates changes per second.

Source of the estimate: J. Cho and H. Garcia-Molina, Estimating Frequency of Change, ACM TOIT 3(3),
2003, 256-290 (the maximum-likelihood estimator for irregular intervals and the correction for few
checks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

Fit = Literal["fits", "does not fit, bursty", "does not fit, regular", "not enough data"]

# Where all changed, half a check that found none is added: the log(n + 0.5) correction.
_HALF = 0.5
# Three spans of interval length; below five expected changes in each the test says too little.
_SPANS = 3
_EXPECTED_MIN = 5.0
_MISFIT_LEVEL = 0.01
_STEPS_MAX = 200

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Check:
    """One recompute: how old the old value was (seconds, > 0) and whether the new one differs."""

    age_s: float
    changed: bool


@dataclass(frozen=True, slots=True)
class ChangeRate:
    """Changes per second with the interval the checks leave open.

    `low` is 0 when none changed; `high` is infinite when all did: then the data may change any
    number of times between two checks, and the rate is a cautious guess at the lower end.
    """

    per_s: float
    low: float
    high: float
    checks: int
    changed: int
    fit: Fit

    @property
    def mean_gap_s(self) -> float:
        """Mean time between changes, seconds; infinite for a rate of 0."""
        return 1.0 / self.per_s if self.per_s > 0 else math.inf

    def stale_share(self, ttl_s: float) -> tuple[float, float, float]:
        """Expected share of hits that are stale at a TTL, with the interval of the rate."""
        low, high = expected_staleness(self.low, ttl_s), expected_staleness(self.high, ttl_s)
        return expected_staleness(self.per_s, ttl_s), low, high


def change_rate(
    checks: Iterable[Check], *, level: float = 0.95, weights: Sequence[float] | None = None
) -> ChangeRate | None:
    """Maximum-likelihood rate of change; None without checks.

    The rate solves  sum over changed of t / (exp(rate t) - 1) = sum over unchanged of t  (Cho and
    Garcia-Molina). None changed: 0, and `high` says what that leaves open. All changed:
    no finite rate is the likeliest, so half an unchanged check of the mean age is added, which for
    regular intervals is their -log((unchanged + 0.5) / (n + 0.5)) / interval.
    Interval: the rates whose likelihood ratio to the best stays below the chi-square quantile
    (S. S. Wilks, Annals of Mathematical Statistics 9, 1938, 60-62).

    Args:
        level: of the interval, above 0 and below 1.
        weights: what each check counts, >= 0; the sample is then worth (sum w)^2 / sum w^2 checks
            (Kish, Weighting for Unequal Pi, J. Official Statistics 8(2), 1992), and the fit is
            that of all checks alike.
    Raises: ValueError for an age that is not a finite number above 0, a wrong level or weights.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be above 0 and below 1, got {level}")
    ages, changed = _arrays(checks)
    if not len(ages):
        return None
    worth = _worth(weights, len(ages))
    evenly = np.ones(len(ages))
    fit = fit_of(ages, changed, _rate(ages, changed, evenly))
    per_s = _rate(ages, changed, worth)
    of_changed = changed & (worth > 0)
    unchanged_s = float((worth * ages)[~changed].sum())
    low, high = _interval(ages[of_changed], worth[of_changed], unchanged_s, level)
    return ChangeRate(per_s, low, high, len(ages), int(changed.sum()), fit)


def expected_staleness(per_s: float, ttl_s: float) -> float:
    """Share of hits that are stale when entries live `ttl_s` seconds and reads come at any age.

    A hit at age a is stale with probability 1 - exp(-rate a); the mean over ages 0 to the TTL is
    1 - (1 - exp(-x)) / x with x = rate * ttl (Cho and Garcia-Molina, Effective Page Refresh
    Policies for Web Crawlers, ACM TODS 28(4), 2003, 390-426: one less the freshness).

    Raises: ValueError if an argument is negative.
    """
    if per_s < 0 or ttl_s < 0:
        raise ValueError(f"rate and TTL must not be negative, got {per_s} and {ttl_s}")
    x = per_s * ttl_s if per_s and ttl_s else 0.0
    if math.isinf(x):
        return 1.0
    if x < 1e-4:
        return x / 2 - x * x / 6
    return 1.0 + math.expm1(-x) / x


def observed_staleness(
    checks: Iterable[Check], ttl_s: float, *, weights: Sequence[float] | None = None
) -> float | None:
    """`expected_staleness` without a model, for data that changes in bursts or by a timetable.

    The likeliest chance of a change by each age, given only that it cannot fall with age, is the
    isotonic regression of "changed" on age (M. Ayer et al., An Empirical Distribution Function for
    Sampling with Incomplete Information, Annals of Mathematical Statistics 26(4), 1955, 641-647);
    its mean over ages 0 to the TTL is the share of stale hits. Taken for granted: how long
    a value is kept does not depend on when it changes. `weights`: what each check counts, >= 0.

    Returns: None where no check is as old as the TTL (> 0): nothing was seen of such ages.
    Raises: ValueError for an age or a TTL that is not above 0.
    """
    if not ttl_s > 0:
        raise ValueError(f"ttl_s must be above 0, got {ttl_s}")
    ages, changed = _arrays(checks)
    if not len(ages) or float(ages.max()) < ttl_s:
        return None
    order = np.argsort(ages, kind="stable")
    ages = ages[order]
    chances = _never_falling(changed[order], _worth(weights, len(ages))[order])
    # Between two checks the chance rises evenly; before the first it does from nought.
    grid = np.linspace(0.0, ttl_s, 1001)
    return float(np.interp(grid, [0.0, *ages], [0.0, *chances]).mean())


def fit_of(ages: _Floats, changed: npt.NDArray[np.bool_], per_s: float) -> Fit:
    """Whether short and long intervals saw as many changes as the rate says.

    Intervals are split by length into spans of equal expected changes; the squared standardised
    differences sum to chi-square with one degree less than spans (D. W. Hosmer and S. Lemeshow,
    Goodness of Fit Tests for the Multiple Logistic Regression Model, Comm. Statist. A9, 1980).
    Bursty: long intervals saw fewer changes than short ones foretell, since changes come in
    clusters with long rests. Regular: more. Both need intervals of different lengths.
    """
    order = np.argsort(ages, kind="stable")
    ages, changed = ages[order], changed[order]
    chances = -np.expm1(-per_s * ages)
    spans = _spans(ages, chances)
    if len(spans) < 2:
        return "not enough data"
    differences = [float(changed[span].sum() - chances[span].sum()) for span in spans]
    variances = [float((chances[span] * (1 - chances[span])).sum()) for span in spans]
    if min(variances) <= 0:
        return "not enough data"
    squares = sum(d * d / v for d, v in zip(differences, variances, strict=True))
    if squares <= _chi_square_bound(len(spans) - 1):
        return "fits"
    first, last = differences[0] / variances[0] ** 0.5, differences[-1] / variances[-1] ** 0.5
    return "does not fit, bursty" if first > last else "does not fit, regular"


def _worth(weights: Sequence[float] | None, number: int) -> _Floats:
    """Weights that sum to the checks the sample is worth; 1 each without any."""
    if weights is None:
        return np.ones(number)
    worth = np.asarray(weights, dtype=np.float64)
    if len(worth) != number or not (np.isfinite(worth).all() and (worth >= 0).all()):
        raise ValueError("a weight a check, each finite and not negative")
    if not worth.any():
        raise ValueError("weights must not all be 0")
    return worth * (float(worth.sum()) / float((worth**2).sum()))


def _never_falling(changed: npt.NDArray[np.bool_], worth: _Floats) -> list[float]:
    """Pool adjacent violators: means of runs, each at least that of the run before."""
    runs: list[tuple[float, float, int]] = []
    for value, weight in zip(changed.tolist(), worth.tolist(), strict=True):
        run = (value * weight, weight, 1)
        while runs and runs[-1][0] * run[1] >= run[0] * runs[-1][1]:
            before = runs.pop()
            run = (before[0] + run[0], before[1] + run[1], before[2] + run[2])
        runs.append(run)
    return [total / weight if weight else 0.0 for total, weight, n in runs for _ in range(n)]


def _spans(ages: _Floats, chances: _Floats) -> list[slice]:
    """Up to three runs of sorted ages with about equal expected changes; equal ages together.

    Expected changes and expected non-changes must both be five or more in each.
    """
    cumulative = np.cumsum(chances)
    wanted = [cumulative[-1] * part / _SPANS for part in range(1, _SPANS)]
    cuts = [0]
    for bound in wanted:
        place = int(np.searchsorted(cumulative, bound))
        place = int(np.searchsorted(ages, ages[min(place, len(ages) - 1)], side="right"))
        cuts.append(place)
    cuts = sorted({*cuts, len(ages)})
    spans: list[slice] = []
    start = 0
    for stop in cuts[1:]:
        expected = float(chances[start:stop].sum())
        if min(expected, stop - start - expected) >= _EXPECTED_MIN:
            spans.append(slice(start, stop))
            start = stop
    if start < len(ages) and spans:
        spans[-1] = slice(spans[-1].start, len(ages))
    return spans


def _chi_square_bound(freedom: int) -> float:
    """Quantile at 1 - _MISFIT_LEVEL for one or two degrees of freedom (exact)."""
    if freedom == 1:
        return NormalDist().inv_cdf(1 - _MISFIT_LEVEL / 2) ** 2
    return -2.0 * math.log(_MISFIT_LEVEL)


def _arrays(checks: Iterable[Check]) -> tuple[_Floats, npt.NDArray[np.bool_]]:
    found: Sequence[Check] = list(checks)
    ages = np.array([check.age_s for check in found], dtype=np.float64)
    if len(ages) and not (np.isfinite(ages).all() and (ages > 0).all()):
        raise ValueError("ages must be finite and above 0")
    return ages, np.array([check.changed for check in found], dtype=np.bool_)


def _rate(ages: _Floats, changed: npt.NDArray[np.bool_], worth: _Floats) -> float:
    """The likeliest, all changed or not."""
    those = changed & (worth > 0)
    unchanged_s = float((worth * ages)[~changed].sum())
    if unchanged_s == 0.0:
        unchanged_s = _HALF * float(np.average(ages, weights=worth))
    return _solved(ages[those], worth[those], unchanged_s)


def _solved(after_change: _Floats, worth: _Floats, unchanged_s: float) -> float:
    if not len(after_change):
        return 0.0

    def slope(rate: float) -> float:
        """Of the log likelihood; falls as the rate rises."""
        with np.errstate(over="ignore"):
            return float((worth * after_change / np.expm1(rate * after_change)).sum()) - unchanged_s

    # x / (exp(x) - 1) < 1 bounds the root from above: changed / rate > unchanged time there.
    return _falling_root(slope, 0.0, float(worth.sum()) / unchanged_s)


def _interval(
    after_change: _Floats, worth: _Floats, unchanged_s: float, level: float
) -> tuple[float, float]:
    """Rates within the likelihood-ratio bound of the best one (which may be 0 or infinite)."""
    bound = NormalDist().inv_cdf(0.5 + level / 2) ** 2 / 2
    if not len(after_change):
        return 0.0, bound / unchanged_s

    def log_likelihood(rate: float) -> float:
        with np.errstate(divide="ignore"):
            changed = float((worth * np.log(-np.expm1(-rate * after_change))).sum())
        return changed - rate * unchanged_s

    if unchanged_s == 0.0:  # the likelihood rises to 1 as the rate does
        largest = 50.0 / float(after_change.min())
        return _falling_root(lambda rate: -bound - log_likelihood(rate), 0.0, largest), math.inf
    best = _solved(after_change, worth, unchanged_s)
    floor = log_likelihood(best) - bound
    low = _falling_root(lambda rate: floor - log_likelihood(rate), 0.0, best)
    high = best
    while log_likelihood(high) > floor:
        high *= 2.0
    return low, _falling_root(lambda rate: log_likelihood(rate) - floor, best, high)


def _falling_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Bisection for a function that is positive near `low` and not positive at `high`."""
    for _ in range(_STEPS_MAX):
        middle = (low + high) / 2
        if high - low <= 1e-10 * high or middle in (low, high):
            break
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
