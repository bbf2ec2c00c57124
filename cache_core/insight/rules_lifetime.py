"""Rules about how long entries live and what ends them: ttl, invalidations, clears."""

from __future__ import annotations

import math

from cache_core.insight import wording
from cache_core.insight.advice_terms import (
    LOOKUPS_MIN,
    Action,
    Effect,
    Namespace,
    Recommendation,
    confidence,
)
from cache_core.insight.ratings import rate
from cache_core.insight.rules_ttl import ttl_advice_of
from cache_core.insight.ttl_replay import COMMANDS_OF_MISS
from cache_core.telemetry import MISS_CAUSES, Counts

RECOMPUTES_MIN = 20
UNCHANGED_MIN = 0.9
STALE_MAX = 0.05
TTL_FACTORS = (10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5)
LONGER_POINTS_MIN, LONGER_SOURCE_S_MIN = 0.01, 10.0

COLD_MIN = 50
UNREAD_MIN = 0.7
LIVES_SEEN_MIN = 4

INVALIDATED_MIN = 20
INVALIDATED_OF_MISSES_MIN, INVALIDATED_OF_LOOKUPS_MIN = 0.5, 0.05

AROUND_CLEAR_S = 3600.0

_WORDS = ("Poor", "Fair", "Good", "Excellent")


def longer_ttl(seen: Namespace) -> Recommendation | None:
    """Recomputes find the same data again and again, so entries may live longer.

    Lives of entries: with reads at random, `served / ended` reads fall into one life, and k times
    as long a life changes the number of lives that end by (1 + x) / (1 + k x), x being that ratio.
    Source: Jung, Berger, Balakrishnan, Modeling TTL-based Internet Caches, INFOCOM 2003, whose hit
        rate is x / (1 + x).
    Staleness: changes at random with the chance p of one within a ttl have the rate z = -ln(1 - p)
    a ttl, and a read at a random age up to k ttl is outdated with 1 - (1 - exp(-kz)) / (kz). For p
    the rule of succession is taken, (changed + 1) / (recomputes + 2): a few recomputes without a
    change do not promise that there is none.
    Source: Cho, Garcia-Molina, Estimating Frequency of Change, TOIT 3(3), 2003, 256-290.

    Silent where logged reads tell more, whatever they advise (`rules_ttl`).
    """
    if ttl_advice_of(seen) is not None:
        return None
    policy, own = seen.policy, seen.own_policy
    counts = _since_retuned(seen)
    if policy is None or own is None or policy.sliding or policy.keep_by_use:
        return None  # by use, lives grow by themselves, and the formula knows of one length only
    if counts is None or counts.lookups < LOOKUPS_MIN:
        return None
    unchanged, changed = counts.number("unchanged"), counts.number("changed")
    recomputes = unchanged + changed
    expired = counts.number("miss.expired")
    ended = expired + counts.number("refreshed")
    if recomputes < RECOMPUTES_MIN or unchanged / recomputes < UNCHANGED_MIN or not ended:
        return None
    changes_a_ttl = -math.log1p(-(changed + 1) / (recomputes + 2))
    factor = next(
        (
            factor
            for factor in TTL_FACTORS
            if policy.ttl_s * factor <= own.ttl_range_s[1]
            and stale_share(changes_a_ttl * factor) <= STALE_MAX
        ),
        None,
    )
    if factor is None:
        return None
    reads_a_life = counts.served / ended
    left = (1 + reads_a_life) / (1 + factor * reads_a_life)
    fewer = expired * (1 - left)
    source_s = min(recomputes, ended) * (1 - left) * seen.source_mean_s(counts)
    effect = Effect(
        reads=seen.an_hour(fewer),
        source_s=seen.an_hour(source_s),
        points=fewer / counts.lookups,
    )
    if effect.points < LONGER_POINTS_MIN and effect.source_s < LONGER_SOURCE_S_MIN:
        return None
    ttl_s = policy.ttl_s * factor
    return Recommendation(
        severity=effect.severity(),
        namespace=seen.name,
        finding=f"Entries expire after {wording.seconds(policy.ttl_s)} although their data has "
        f"not changed; {wording.seconds(ttl_s)} would do.",
        evidence=f"{wording.share(unchanged / recomputes)} of "
        f"{wording.plural(recomputes, 'recompute')} gave the same value; "
        f"{wording.plural(expired, 'read')} found an expired entry"
        f"{seen.share_before('miss.expired')}",
        expected_effect=f"{effect.text()}; at most "
        f"{wording.share(stale_share(changes_a_ttl * factor))} of reads outdated "
        f"(now {wording.share(stale_share(changes_a_ttl))})",
        confidence=confidence(recomputes),
        rule="longer_ttl",
        rule_text=f"At least {RECOMPUTES_MIN} recomputes, {UNCHANGED_MIN * 100:.0f} % of them "
        "unchanged. Advised is the longest of "
        f"{', '.join(f'{factor:g}' for factor in TTL_FACTORS)} times the ttl that the policy "
        f"allows and that leaves at most {STALE_MAX * 100:.0f} % of reads outdated, if it gains "
        f"{wording.points(LONGER_POINTS_MIN)} of hit rate or {LONGER_SOURCE_S_MIN:.0f} s of source "
        "time an hour. Assumes that reads and changes come at random.",
        effect=effect,
        action=Action("retune", ttl_s),
    )


def stale_share(changes_a_life: float) -> float:
    """Share of reads that see outdated data, 0 to 1, where data changes so often in a life."""
    if changes_a_life < 1e-6:
        return changes_a_life / 2  # the formula's limit, where it would lose all digits
    return 1 + math.expm1(-changes_a_life) / changes_a_life


def _since_retuned(seen: Namespace) -> Counts | None:
    """Counts of entries that had the present ttl; None if it is not known which these are.

    What was stored before a retuning keeps its old life, so its recomputes say nothing of the new.
    """
    if seen.deeds is None:
        return None if seen.is_retuned else seen.counts
    at = [deed.at_s for deed in seen.deeds if deed.deed == "retune"]
    if not at or seen.policy is None or seen.own_policy is None:
        return seen.counts
    return seen.between(max(at) + max(seen.policy.ttl_s, seen.own_policy.ttl_s))


def seldom_read_again(seen: Namespace) -> Recommendation | None:
    """Most of what is stored serves nobody.

    Each read that was served used one entry, so of n entries that were computed for a first time
    at least n - served were not used in this window. No counter says more than this bound. Where
    lives are long against what was seen, they may be used yet: then nothing is concluded.
    """
    counts = seen.counts
    if seen.policy is None or seen.seen_s() < LIVES_SEEN_MIN * seen.policy.ttl_s:
        return None
    not_stored = ("shared", "waited_out", "not_stored", "refused", "uncacheable", "oversize")
    stored = counts.number("miss.cold") - sum(counts.number(name) for name in not_stored)
    unread = stored - counts.served
    if stored < COLD_MIN or unread < UNREAD_MIN * stored:
        return None
    effect = Effect(
        commands=seen.an_hour(COMMANDS_OF_MISS * unread), source_s=-seen.an_hour(counts.saved_s)
    )
    return Recommendation(
        severity="Low",
        namespace=seen.name,
        finding="Most of what is stored is not read again before it expires: cache something "
        "coarser, or nothing here.",
        evidence=f"at least {wording.number(unread)} of {wording.number(stored)} entries "
        f"({wording.share(unread / stored)}) served no read in this window; "
        f"{wording.plural(counts.served, 'read')} served in all",
        expected_effect=f"without it {effect.text()}",
        confidence=confidence(stored),
        rule="seldom_read_again",
        rule_text=f"At least {COLD_MIN} entries stored for the first time, of which served reads "
        f"leave {UNREAD_MIN * 100:.0f} % or more unused, watched for {LIVES_SEEN_MIN} times the "
        f"ttl. A miss costs {COMMANDS_OF_MISS} store commands. That an entry will never be read "
        "again is not counted and not claimed.",
        effect=effect,
        action=Action("clear"),
    )


def invalidated_mostly(seen: Namespace) -> Recommendation | None:
    """Invalidations end most of what is stored before it was of use."""
    counts = seen.counts
    invalidated = counts.number("miss.invalidated")
    if invalidated < INVALIDATED_MIN or (
        invalidated < INVALIDATED_OF_MISSES_MIN * counts.misses
        or invalidated < INVALIDATED_OF_LOOKUPS_MIN * counts.lookups
    ):
        return None
    effect = Effect(
        reads=seen.an_hour(invalidated),
        source_s=seen.an_hour(invalidated * seen.source_mean_s()),
        points=invalidated / counts.lookups,
        is_bound=True,
    )
    causes = ", ".join(
        f"{wording.number(counts.number(f'miss.{cause}'))} {cause}"
        for cause in MISS_CAUSES
        if counts.number(f"miss.{cause}")
    )
    return Recommendation(
        severity=effect.severity(),
        namespace=seen.name,
        finding="Most misses are entries that were invalidated: invalidate by narrower tags, or "
        "single keys.",
        evidence=f"{wording.number(invalidated)} of {wording.number(counts.misses)} misses "
        f"({causes}); {wording.plural(counts.number('invalidation'), 'invalidation')} of keys or "
        f"of the whole namespace{seen.share_before('miss.invalidated')}",
        expected_effect=effect.text(),
        confidence=confidence(counts.misses),
        rule="invalidated_mostly",
        rule_text=f"At least {INVALIDATED_MIN} misses by invalidation, "
        f"{INVALIDATED_OF_MISSES_MIN * 100:.0f} % of all misses and "
        f"{INVALIDATED_OF_LOOKUPS_MIN * 100:.0f} % of lookups. The effect is that of none of "
        "them; those that the data asked for have to stay.",
        effect=effect,
    )


def rating_fell_after_clear(seen: Namespace) -> Recommendation | None:
    """The rating fell right after somebody cleared the namespace, and has a simple reason then."""
    clears = [deed.at_s for deed in seen.deeds or () if deed.deed == "clear"]
    if not clears:
        return None
    at_s = max(clears)
    # The step the clear fell into belongs to neither side, so a second one must be in reach too.
    around_s = max(AROUND_CLEAR_S, 2.0 * seen.step_s)
    was, became = seen.between(at_s - around_s, at_s), seen.between(at_s, at_s + around_s)
    rated_was, rated_became = rate(was, seen.thresholds), rate(became, seen.thresholds)
    if was.hit_rate is None or became.hit_rate is None or became.hit_rate >= was.hit_rate:
        return None
    if rated_was.rating not in _WORDS or rated_became.rating not in _WORDS:
        return None
    if _WORDS.index(rated_became.rating) >= _WORDS.index(rated_was.rating):
        return None
    lost = was.hit_rate - became.hit_rate
    missed = lost * became.lookups
    hours = min(around_s, max(seen.end_s - at_s, seen.step_s)) / 3600
    effect = Effect(
        reads=missed / hours,
        source_s=missed * seen.source_mean_s(became) / hours,
        points=lost,
        is_bound=True,
    )
    return Recommendation(
        severity=effect.severity(),
        namespace=seen.name,
        finding=f"The rating fell from {rated_was.rating} to {rated_became.rating} right after a "
        "clear: it comes back as entries fill; warming does it sooner.",
        evidence=f"hit rate {wording.share(was.hit_rate)} of {wording.number(was.lookups)} lookups "
        f"before, {wording.share(became.hit_rate)} of {wording.number(became.lookups)} lookups "
        "after it",
        expected_effect=effect.text(),
        confidence=confidence(min(was.lookups, became.lookups)),
        rule="rating_fell_after_clear",
        rule_text=f"At least {LOOKUPS_MIN} lookups each in the {wording.seconds(around_s)} before "
        "and after the last clear in the audit, in whole steps of the window, and a worse rating "
        "and hit rate after it. Clears of a tag name no namespace, so they are not looked at.",
        effect=effect,
        action=Action("warm"),
    )
