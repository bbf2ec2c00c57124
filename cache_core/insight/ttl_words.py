"""What the advice about a TTL says of itself: what is missing, what limits it, what it goes by."""

from __future__ import annotations

from collections.abc import Sequence

from cache_core.insight import wording
from cache_core.insight.advice_terms import Confidence, confidence
from cache_core.insight.ttl_curves import SPAN_REACH, Watched
from cache_core.insight.ttl_outlook import Outlook
from cache_core.insight.ttl_staleness import Staleness
from cache_core.insight.ttl_terms import POINTS_A_DOUBLING, Limit, Observed, Promise

DAY_S = 86_400.0
SPAN_MIN_S = DAY_S / 4
"""Watched for less, what comes next is not foretold: measured in `docs/insight/ttl_advice.md`."""
_OFF_HIGH, _OFF_MEDIUM = 0.025, 0.05
_MOVED_HIGH, _MOVED_MEDIUM = 0.05, 0.15
_WORDS: tuple[Confidence, ...] = ("low", "medium", "high")


def reads_missing(missing: int) -> str:
    return f"{wording.plural(missing, 'more read')} needed for a curve."


def recomputes_missing(missing: int, seen: int) -> str:
    """Recomputes are what tells whether data changes."""
    return (
        f"{wording.plural(missing, 'more recompute')} of expired entries needed to tell how often "
        f"the data changes ({seen} checked)."
    )


def watched_too_short(observed: Observed, windows: Sequence[Watched]) -> str:
    """Of reads, against the present TTL."""
    longest_s = max(window.span_s for window in windows)
    needed_s = observed.ttl_s / SPAN_REACH
    return (
        f"Reads were watched for {wording.seconds(longest_s)}; a ttl of "
        f"{wording.seconds(observed.ttl_s)} takes {wording.seconds(needed_s)}: "
        f"{wording.seconds(needed_s - longest_s)} more."
    )


def too_young(observed: Observed, stale: Staleness) -> str:
    """Of checks, against the present TTL."""
    return (
        f"The values checked so far were up to {wording.seconds(stale.seen_s)} old, too young for "
        f"a ttl of {wording.seconds(observed.ttl_s)}: recomputes of entries that lived that long "
        "are needed."
    )


def reason(
    observed: Observed,
    windows: Sequence[Watched],
    advised: Promise,
    limit: Limit,
    stale: Staleness,
) -> str:
    """Why the TTL is not longer."""
    budget = wording.share(observed.budget)
    if limit == "gain":
        return f"Twice the life would gain less than {wording.points(POINTS_A_DOUBLING)}."
    if limit == "range":
        return "It is the longest life that the policy allows."
    if limit == "reads":
        longest_s = max(window.reach_s for window in windows)
        return (
            f"Reads were watched for {wording.seconds(longest_s / SPAN_REACH)}: nothing is said "
            f"of lives beyond {wording.seconds(longest_s)}, {wording.share(SPAN_REACH)} of it."
        )
    if limit == "ages":
        return (
            f"The values checked were up to {wording.seconds(stale.seen_s)} old: nothing is said "
            f"of lives beyond {wording.seconds(stale.reach_s)}. With a longer ttl older ones "
            "will be seen."
        )
    if advised.staleness > observed.budget:
        return f"Even so more than {budget} of reads are expected to be outdated."
    if advised.staleness <= observed.budget / 2:
        return (
            f"A longer life might leave more than {budget} of reads outdated: "
            f"{wording.plural(stale.rate.checks, 'recompute')} do not rule it out."
        )
    return f"A longer life might leave more than {budget} of reads outdated."


def fit(observed: Observed, stale: Staleness) -> str:
    """Whether changes at random are believed, and what a check stands for."""
    rate = stale.rate
    changed = f"{wording.number(rate.changed)} of {wording.plural(rate.checks, 'recompute')}"
    if observed.recomputes > rate.checks:
        changed += f" (of {wording.number(observed.recomputes)} in all)"
    by_age = "so what was seen at each age is used as far as it goes."
    said = {
        "fits": "short and long ages saw as many changes as changes at random would give.",
        "does not fit, bursty": "short ages saw more changes and long ones fewer than changes at "
        f"random would give, {by_age}",
        "does not fit, regular": "short ages saw fewer changes and long ones more than changes at "
        f"random would give, {by_age}",
        "not enough data": "too few changes, or ages too alike, to test that they come at random; "
        "the upper end allows for keys that change often beside others that never do.",
    }[rate.fit]
    weighed = (
        "Each key counts by the reads it serves."
        if observed.check_keys is not None
        else "Which keys these were is not known, so keys read often count as any other."
    )
    return f"{changed} found a change; {said} {weighed}"


def confidence_of(
    observed: Observed, present: Promise, advised: Promise, stale: Staleness, ahead: Outlook
) -> tuple[Confidence, str]:
    """The least of what each part of the evidence allows, and that part in words."""
    gain = abs(advised.hit_rate - present.hit_rate)
    margin = (advised.hit_rate_high - advised.hit_rate_low) / 2
    span_s = observed.seen_s
    doubt = advised.staleness_high - advised.staleness
    parts: list[tuple[Confidence, str]] = [
        (
            confidence(stale.rate.checks),
            f"{wording.plural(stale.rate.checks, 'recompute')} checked",
        ),
        (
            _by(margin, 0.0),
            f"hit rate known to within {wording.points(margin)}",
        ),
        (
            _by(doubt, 0.0),
            f"outdated reads may be up to {wording.points(doubt)} more",
        ),
        (
            _by(ahead.gain_moved, gain),
            f"the gain moved by up to {wording.points(ahead.gain_moved)} within the time watched",
        ),
        (
            _stable(ahead.rate_moved),
            f"the hit rate moved by up to {wording.points(ahead.rate_moved)} within the time "
            "watched",
        ),
    ]
    if span_s < SPAN_MIN_S:
        parts.append(("low", f"watched for {wording.seconds(span_s)}: other hours may differ"))
    elif span_s < DAY_S:
        parts.append(("medium", f"watched for {wording.seconds(span_s)}, less than a day"))
    if stale.misfit:
        parts.append(("medium", "changes do not come at random"))
    if advised.ttl_s > 2 * stale.seen_s:
        parts.append(("medium", f"no value older than {wording.seconds(stale.seen_s)} was checked"))
    if observed.check_keys is None:
        parts.append(("medium", "it is not known which keys changed"))
    return min(parts, key=lambda part: _WORDS.index(part[0]))


def is_level_known(observed: Observed, ahead: Outlook) -> bool:
    """Whether a hit rate may be promised as a number; else the gain alone."""
    return observed.seen_s >= SPAN_MIN_S and ahead.rate_moved <= _MOVED_MEDIUM


def _by(off: float, gain: float) -> Confidence:
    """Off by a little, or by a small part of what is gained."""
    if off <= max(_OFF_HIGH, gain / 4):
        return "high"
    return "medium" if off <= max(_OFF_MEDIUM, gain / 2) else "low"


def _stable(moved: float) -> Confidence:
    """A hit rate that moves much on its own is not foretold, whatever a TTL adds to it."""
    return "high" if moved <= _MOVED_HIGH else "medium" if moved <= _MOVED_MEDIUM else "low"
