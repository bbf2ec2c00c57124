"""Which TTL a namespace should have: what each would give, what it would cost, which is advised.

Pure: logs of reads, checks of recomputes and the policy's range come in (`Observed`), a
`TtlPicture` goes out. Where there is too little to advise anything a `TooLittle` says what is
missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cache_core.insight import wording
from cache_core.insight.advice_terms import Confidence, confidence
from cache_core.insight.change_rate import ChangeRate, change_rate
from cache_core.insight.ttl_curves import combined
from cache_core.insight.ttl_replay import Floats
from cache_core.insight.ttl_staleness import REACH, Staleness, seen_age_s
from cache_core.insight.ttl_terms import (
    BUDGET,
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

GRID = 33
CHECKS_MIN = 20
READS_MIN = 100

POINTS_A_DOUBLING = 0.005
"""A TTL twice as long has to gain so much hit rate, else the shorter one is the better trade."""
SPAN_REACH = 1 / 3
"""Of the longest window: the longest TTL that is advised. Beyond it a window shows few lives."""
_LOSS_MAX = 0.002
_MARGIN_HIGH, _MARGIN_MEDIUM = 0.025, 0.05


def picture(observed: Observed, *, grid: int = GRID) -> TtlPicture | TooLittle:
    """The whole picture; TooLittle where there are not even reads for a curve."""
    missing = READS_MIN - observed.reads
    if missing > 0:
        return TooLittle(
            f"{wording.plural(missing, 'more read')} needed for a curve "
            f"({wording.number(observed.reads)} seen).",
            reads_missing=missing,
        )
    rate = change_rate(observed.checks)
    promises = _promises(observed, _grid(observed, grid), rate)
    age_s = seen_age_s(observed.checks)
    told_s = min(REACH * age_s, SPAN_REACH * max(observed.spans_s))
    return TtlPicture(
        grid=promises,
        told_s=told_s,
        budget=observed.budget,
        reads=observed.reads,
        hours=sum(observed.spans_s) / 3600,
        checks=len(observed.checks),
        changed=rate.changed if rate else 0,
        recomputes=observed.recomputes,
        advice=_advice(observed, promises, rate, told_s),
    )


def _grid(observed: Observed, number: int) -> Floats:
    """Evenly on a log scale over the range, and the present TTL."""
    spread = np.geomspace(observed.low_s, observed.high_s, max(number, 2))
    spread[0], spread[-1] = observed.low_s, observed.high_s  # not a digit outside the range
    return np.unique(np.append(spread, observed.ttl_s))


def _promises(observed: Observed, ttls: Floats, rate: ChangeRate | None) -> tuple[Promise, ...]:
    curve = combined(observed.logs, observed.spans_s, ttls)
    stale = Staleness(observed.checks, rate)
    found = []
    for ttl, hit_rate, low, high in zip(
        ttls.tolist(),
        curve.hit_rate.tolist(),
        curve.low.tolist(),
        curve.high.tolist(),
        strict=True,
    ):
        of_hits = stale.of_hits(ttl)
        found.append(
            Promise(
                ttl, hit_rate, low, high, hit_rate * of_hits[0], low * of_hits[1], high * of_hits[2]
            )
        )
    return tuple(found)


def _advice(
    observed: Observed, promises: Sequence[Promise], rate: ChangeRate | None, told_s: float
) -> TtlAdvice | TooLittle:
    missing = CHECKS_MIN - len(observed.checks)
    if missing > 0 or rate is None:
        return TooLittle(
            f"{wording.plural(missing, 'more recompute')} of an entry that had expired needed to "
            f"tell how often the data changes ({len(observed.checks)} seen).",
            recomputes_missing=missing,
        )
    present = next(each for each in promises if each.ttl_s == observed.ttl_s)
    advised, limit = _chosen(observed, promises, present, told_s)
    reads_an_hour = observed.reads * 3600 / max(sum(observed.spans_s), 1.0)
    fewer_an_hour = (advised.hit_rate - present.hit_rate) * reads_an_hour
    return TtlAdvice(
        present=present,
        advised=advised,
        source_s_an_hour=fewer_an_hour * observed.source_mean_s,
        commands_an_hour=fewer_an_hour * (observed.miss_commands - observed.hit_commands),
        confidence=_confidence(observed, present, advised, rate),
        limit=limit,
        reason=_reason(observed, advised, limit, told_s),
        fit=rate.fit,
        fit_text=_fit_text(rate),
    )


def _chosen(
    observed: Observed, promises: Sequence[Promise], present: Promise, told_s: float
) -> tuple[Promise, Limit]:
    """The best trade, and what keeps it from being longer.

    Within the budget at the upper end of the interval, and within what was seen: the TTL with the
    greatest hit rate less POINTS_A_DOUBLING for each doubling, so that from there on a doubling
    gains less than that. A shorter TTL than the present one is advised where that is over the
    budget, or where it loses next to nothing.
    """
    within = [each for each in promises if observed.low_s <= each.ttl_s <= observed.high_s]
    told = [each for each in within if each.ttl_s <= max(told_s, present.ttl_s)]
    fresh = [each for each in told if each.staleness_high <= observed.budget]
    over = not present.staleness <= observed.budget
    if present not in fresh and not over and present in within:
        fresh = [each for each in fresh if each.ttl_s < present.ttl_s] + [present]
    if not fresh:
        return within[0], "budget"
    best = max(fresh, key=_worth)
    if best.ttl_s < present.ttl_s and not over and present in within:
        lossless = [e for e in fresh if e.hit_rate >= present.hit_rate - _LOSS_MAX]
        best = max(lossless, key=_worth)
    if best is not fresh[-1]:
        return best, "gain"
    if len(fresh) < len(told):
        return best, "budget"
    if len(told) < len(within):
        return best, "ages" if told_s < SPAN_REACH * max(observed.spans_s) else "reads"
    return best, "range"


def _worth(promise: Promise) -> float:
    return promise.hit_rate - POINTS_A_DOUBLING * math.log2(promise.ttl_s)


def _confidence(
    observed: Observed, present: Promise, advised: Promise, rate: ChangeRate
) -> Confidence:
    """The least of: number of checks, width of the curve's interval, fit and reach."""
    words: list[Confidence] = [confidence(rate.checks), confidence(observed.reads)]
    margin = (advised.hit_rate_high - advised.hit_rate_low) / 2
    words.append(
        "high" if margin <= _MARGIN_HIGH else "medium" if margin <= _MARGIN_MEDIUM else "low"
    )
    beyond = advised.ttl_s > 2 * seen_age_s(observed.checks)
    if beyond or rate.fit.startswith("does not fit"):
        words.append("medium")
    return min(words, key=("low", "medium", "high").index)


def _reason(observed: Observed, advised: Promise, limit: Limit, told_s: float) -> str:
    if limit == "gain":
        return (
            "Beyond it twice the life gains less than "
            f"{wording.points(POINTS_A_DOUBLING)} of hit rate."
        )
    if limit == "budget":
        if advised.staleness_high > observed.budget:
            return "Even the shortest life allowed may leave more reads outdated than the budget."
        return (
            f"A longer life might leave more than {wording.share(observed.budget)} of reads "
            "outdated."
        )
    if limit == "range":
        return "It is the longest life the policy allows."
    if limit == "ages":
        return (
            f"Recomputed values were up to {wording.seconds(seen_age_s(observed.checks))} old: "
            f"beyond {wording.seconds(told_s)} nothing is promised."
        )
    return (
        f"Reads were watched for {wording.seconds(max(observed.spans_s))}: beyond "
        f"{wording.seconds(told_s)} nothing is promised."
    )


def _fit_text(rate: ChangeRate) -> str:
    changed = (
        f"{wording.number(rate.changed)} of {wording.plural(rate.checks, 'recompute')} "
        "found a change"
    )
    return {
        "fits": f"{changed}; short and long ages saw as many as changes at random would give.",
        "does not fit, bursty": f"{changed}; short ages saw more and long ages fewer than changes "
        "at random would give, so shares of changed values by age are used where they were seen.",
        "does not fit, regular": f"{changed}; short ages saw fewer and long ages more than changes "
        "at random would give, so shares of changed values by age are used where they were seen.",
        "not enough data": f"{changed}; too few, or too alike in age, to test that changes come "
        "at random.",
    }[rate.fit]
