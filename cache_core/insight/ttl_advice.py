"""Which TTL a namespace should have: what each would give, what it would cost, which is advised.

Pure: logs of reads, checks of recomputes and the policy's range come in (`Observed`), a
`TtlPicture` goes out. Where there is too little to advise anything a `TooLittle` says what is
missing. How hit rates come about: `ttl_curves`; staleness: `ttl_staleness`.

**The best trade.** Of the TTLs that are allowed the one with the greatest
hit rate - POINTS_A_DOUBLING * log2(TTL): from there on a doubling gains less than that.

- Longer than now is allowed while the *upper end* of staleness is within the budget, and no
  further than reads and ages of recomputes were seen (`told_s`).
- Where the present TTL is expected to be over the budget, a TTL that is *expected* to be within it
  is advised, not one whose upper end is: below the ages seen that end hardly falls, and the next
  recomputes will tell. If none is, the shortest.
- A present TTL outside the policy's range counts for nothing: what is expected to be within the
  budget is allowed.
- Otherwise shorter than now only where that loses next to nothing (_LOSS_MAX of hit rate) and
  leaves fewer reads outdated (by _FRESHER_MIN).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cache_core.insight import ttl_words
from cache_core.insight.ttl_curves import Watched, combined, lately, watched
from cache_core.insight.ttl_lives import hits_a_life, trimmed
from cache_core.insight.ttl_outlook import around, outlook
from cache_core.insight.ttl_replay import Floats
from cache_core.insight.ttl_staleness import Staleness
from cache_core.insight.ttl_terms import (
    BUDGET,
    POINTS_A_DOUBLING,
    Limit,
    Observed,
    Promise,
    TooLittle,
    TtlAdvice,
    TtlPicture,
)

__all__ = [
    "BUDGET",
    "Limit",
    "Observed",
    "Promise",
    "TooLittle",
    "TtlAdvice",
    "TtlPicture",
    "picture",
]

GRID = 25
CHECKS_MIN = 20
READS_MIN = 100
_LOSS_MAX, _FRESHER_MIN = 0.002, 0.005
_SAME = 1.25
"""Times the present TTL, or less: not worth a change."""


def picture(observed: Observed, *, grid: int = GRID) -> TtlPicture | TooLittle:
    """The whole picture; TooLittle where there are not even reads for a curve."""
    windows = watched(observed.logs, observed.spans_s)
    missing = READS_MIN - sum(window.log.reads for window in windows)
    if missing > 0:
        return TooLittle(ttl_words.reads_missing(missing), reads_missing=missing)
    stale = _staleness(observed, windows)
    promises = _promises(windows, stale, _grid(observed, grid))
    told_s = max(window.reach_s for window in windows)
    if stale is not None:
        told_s = min(told_s, stale.reach_s)
    return TtlPicture(
        grid=promises,
        told_s=told_s,
        budget=observed.budget,
        reads=observed.reads,
        hours=observed.seen_s / 3600,
        checks=len(observed.checks),
        changed=sum(check.changed for check in observed.checks),
        recomputes=observed.recomputes,
        advice=_advice(observed, windows, promises, stale),
    )


def _staleness(observed: Observed, windows: Sequence[Watched]) -> Staleness | None:
    if not observed.checks:
        return None
    if observed.check_keys is None:
        return Staleness(observed.checks)
    hits = hits_a_life(windows, observed.check_keys, observed.ttl_s)
    return Staleness(observed.checks, trimmed(hits))


def _grid(observed: Observed, number: int) -> Floats:
    """About evenly on a log scale, to two digits, within the range; and the present TTL."""
    spread = np.geomspace(observed.low_s, observed.high_s, max(number, 2)).tolist()
    rounded = [float(f"{ttl:.2g}") for ttl in spread]
    inside = [ttl for ttl in rounded if observed.low_s < ttl < observed.high_s]
    return np.unique([observed.low_s, *inside, observed.high_s, observed.ttl_s])


def _promises(
    windows: Sequence[Watched], stale: Staleness | None, ttls: Floats
) -> tuple[Promise, ...]:
    curve = combined(lately(windows), ttls)
    rates = zip(curve.hit_rate.tolist(), curve.low.tolist(), curve.high.tolist(), strict=True)
    found = []
    for ttl_s, (rate, low, high) in zip(ttls.tolist(), rates, strict=True):
        of_hits = (math.nan,) * 3 if stale is None else stale.of_hits(ttl_s)
        stale_reads = rate * of_hits[0], low * of_hits[1], high * of_hits[2]
        found.append(Promise(ttl_s, rate, low, high, *stale_reads))
    return tuple(found)


def _advice(
    observed: Observed,
    windows: Sequence[Watched],
    promises: Sequence[Promise],
    stale: Staleness | None,
) -> TtlAdvice | TooLittle:
    missing = CHECKS_MIN - len(observed.checks)
    if missing > 0 or stale is None:
        text = ttl_words.recomputes_missing(missing, len(observed.checks))
        return TooLittle(text, recomputes_missing=missing)
    present = next(each for each in promises if each.ttl_s == observed.ttl_s)
    if math.isnan(present.hit_rate):
        return TooLittle(ttl_words.watched_too_short(observed, windows))
    if math.isnan(present.staleness):
        return TooLittle(ttl_words.too_young(observed, stale))
    advised = _chosen(observed, promises, present)
    limit = _limit(observed, promises, advised)
    ahead = outlook(windows, present.ttl_s, advised.ttl_s)
    margin = (advised.hit_rate_high - advised.hit_rate_low) / 2
    reads_an_hour = observed.reads * 3600 / max(observed.seen_s, 1.0)
    fewer_an_hour = (advised.hit_rate - present.hit_rate) * reads_an_hour
    word, why = ttl_words.confidence_of(observed, present, advised, stale, ahead)
    return TtlAdvice(
        present=present,
        advised=advised,
        source_s_an_hour=fewer_an_hour * observed.source_mean_s,
        commands_an_hour=fewer_an_hour * (observed.miss_commands - observed.hit_commands),
        confidence=word,
        limit=limit,
        reason=ttl_words.reason(observed, windows, advised, limit, stale),
        fit=stale.rate.fit,
        fit_text=ttl_words.fit(observed, stale),
        level=around(advised.hit_rate, ahead.hit_rate, margin, 0.0),
        gain=around(advised.hit_rate - present.hit_rate, ahead.gain, margin, -1.0),
        is_level_known=ttl_words.is_level_known(observed, ahead),
        confidence_text=why,
    )


def _chosen(observed: Observed, promises: Sequence[Promise], present: Promise) -> Promise:
    """The best trade."""
    budget = observed.budget
    told = [
        each
        for each in promises
        if observed.low_s <= each.ttl_s <= observed.high_s and not math.isnan(each.staleness)
    ]
    if not observed.low_s <= present.ttl_s <= observed.high_s:
        fresh = [each for each in told if each.staleness <= budget]
        nearest = observed.low_s if present.ttl_s < observed.low_s else observed.high_s
        bound = [each for each in promises if each.ttl_s == nearest]
        return max(fresh, key=_worth) if fresh else [*told, *bound][0]
    shorter = [each for each in told if each.ttl_s < present.ttl_s]
    if present.staleness > budget:
        fresh = [each for each in shorter if each.staleness <= budget]
        return max(fresh, key=_worth) if fresh else min([*told, present], key=_ttl_s)
    allowed = [
        each
        for each in shorter
        if each.hit_rate >= present.hit_rate - _LOSS_MAX
        and each.staleness <= present.staleness - _FRESHER_MIN
    ]
    for each in told:
        if each.ttl_s > present.ttl_s:
            if each.staleness_high > budget:
                break
            allowed.append(each)
    best = max([present, *allowed], key=_worth)
    near = max(best.ttl_s, present.ttl_s) <= _SAME * min(best.ttl_s, present.ttl_s)
    return present if near else best


def _limit(observed: Observed, promises: Sequence[Promise], advised: Promise) -> Limit:
    """What keeps the TTL from being longer."""
    longer = [each for each in promises if advised.ttl_s < each.ttl_s <= observed.high_s]
    if not longer:
        return "range"
    following = longer[0]
    if math.isnan(following.hit_rate):
        return "reads"
    if math.isnan(following.staleness):
        return "ages"
    return "budget" if following.staleness_high > observed.budget else "gain"


def _worth(promise: Promise) -> float:
    return promise.hit_rate - POINTS_A_DOUBLING * math.log2(promise.ttl_s)


def _ttl_s(promise: Promise) -> float:
    return promise.ttl_s
