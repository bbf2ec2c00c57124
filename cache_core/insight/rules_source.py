"""Rules about the source and its values: what fails, what cannot be kept, who has to wait."""

from __future__ import annotations

from cache_core.insight import wording
from cache_core.insight.advice_terms import (
    Effect,
    Namespace,
    Recommendation,
    RuleName,
    Severity,
    confidence,
)

EVENTS_MIN = 5
ERRORS_MIN_SHARE, ERRORS_HIGH_SHARE = 0.02, 0.05
NOT_KEPT_MIN_SHARE = 0.01
WAITS_MIN, WAITS_MIN_SHARE = 10, 0.02
REFRESHES_MIN_SHARE = 0.05
NO_READ = "no read was concerned in this window"


def source_errors(seen: Namespace) -> Recommendation | None:
    """Reads end in the source's exception."""
    counts = seen.counts
    errors, error_rate = counts.number("error"), counts.error_rate
    if error_rate is None or errors < EVENTS_MIN or error_rate < ERRORS_MIN_SHARE:
        return None
    effect = Effect(
        reads=seen.an_hour(errors),
        points=errors / counts.lookups,
        is_bound=True,
    )
    spare_s = seen.policy.stale_if_error_s if seen.policy else None
    advice = "look at the source"
    if spare_s == 0 and seen.policy and not seen.policy.sliding:
        advice = "look at the source, and set stale_if_error_s so that an old answer stands in"
    elif spare_s:
        advice = (
            f"look at the source; old answers stand in for {wording.seconds(spare_s)} only "
            "(stale_if_error_s)"
        )
    return Recommendation(
        severity="High" if error_rate >= ERRORS_HIGH_SHARE else "Medium",
        namespace=seen.name,
        finding=f"The source fails: {advice}.",
        evidence=f"{wording.number(errors)} of {wording.plural(counts.reads, 'read')} "
        f"({wording.share(error_rate)}) raised{seen.share_before('error')}",
        expected_effect=effect.text(),
        confidence=confidence(counts.reads),
        rule="source_errors",
        rule_text=f"At least {EVENTS_MIN} reads that raised, {ERRORS_MIN_SHARE * 100:.0f} % of "
        f"all; High from {ERRORS_HIGH_SHARE * 100:.0f} %. The effect is that of none.",
        effect=effect,
    )


def oversize(seen: Namespace) -> Recommendation | None:
    """Values are too large for the policy, so each read of them runs the source."""
    limit = f" ({seen.policy.max_bytes:,} bytes)" if seen.policy else ""
    return _not_kept(
        seen,
        "oversize",
        f"Values are larger than max_bytes{limit}, so they are computed for every read: raise "
        "max_bytes, or return less.",
        "were above max_bytes",
    )


def uncacheable(seen: Namespace) -> Recommendation | None:
    """Values would not come back exactly, so each read of them runs the source."""
    return _not_kept(
        seen,
        "uncacheable",
        "Values cannot be stored exactly, so they are computed for every read: return plain "
        "values, frames or declared models. The log names the function and the type.",
        "could not be stored",
    )


def _not_kept(seen: Namespace, rule: RuleName, finding: str, what: str) -> Recommendation | None:
    counts = seen.counts
    number = counts.number(rule)
    computed = counts.misses + counts.number("refreshed") + counts.number("warmed")
    if number < EVENTS_MIN or number < NOT_KEPT_MIN_SHARE * counts.lookups:
        return None
    # Refreshes and warming count here too, but are no lookups: of reads no more can be gained.
    reads = min(number, counts.misses)
    effect = Effect(
        reads=seen.an_hour(reads),
        source_s=seen.an_hour(reads * seen.source_mean_s()),
        points=reads / counts.lookups if counts.lookups else 0.0,
        is_bound=True,
    )
    return Recommendation(
        severity=effect.severity(),
        namespace=seen.name,
        finding=finding,
        evidence=f"{wording.plural(number, 'value')} {what}, beside "
        f"{wording.plural(computed, 'miss or refresh', 'misses and refreshes')} in "
        f"{wording.plural(counts.lookups, 'lookup')}",
        expected_effect=effect.text() or NO_READ,
        confidence=confidence(counts.lookups),
        rule=rule,
        rule_text=f"At least {EVENTS_MIN} such values, and {NOT_KEPT_MIN_SHARE * 100:.0f} % of "
        "lookups. The effect is that of all of them read again while they were fresh.",
        effect=effect,
    )


def readers_wait(seen: Namespace) -> Recommendation | None:
    """Many readers wait for one computation, or waited in vain (a stampede)."""
    counts = seen.counts
    shared, in_vain = counts.number("shared"), counts.number("waited_out")
    waits = shared + in_vain
    if waits < WAITS_MIN or waits < WAITS_MIN_SHARE * counts.lookups:
        return None
    # A reader who waits begins somewhere within the computation; no more than all of it is known.
    effect = Effect(
        reads=seen.an_hour(waits),
        reader_s=seen.an_hour(shared * seen.source_mean_s()),
        source_s=seen.an_hour(in_vain * seen.source_mean_s()),
        is_bound=True,
    )
    severity: Severity = "Medium" if in_vain >= EVENTS_MIN else effect.severity()
    stale_s = seen.policy.stale_while_revalidate_s if seen.policy else None
    advice = "warm what is read first, or raise stale_while_revalidate_s"
    if stale_s == 0 and seen.policy and not seen.policy.sliding:
        advice = (
            "set stale_while_revalidate_s, so that readers are served the old answer while one "
            "refreshes it"
        )
    elif seen.policy and seen.policy.sliding:
        advice = "warm what is read first"
    return Recommendation(
        severity=severity,
        namespace=seen.name,
        finding=f"Readers wait for computations that others have under way: {advice}.",
        evidence=f"{wording.plural(shared, 'read')} waited and {wording.number(in_vain)} waited in "
        f"vain, of {wording.plural(counts.lookups, 'lookup')}"
        f"{seen.share_before('shared', 'waited_out')}",
        expected_effect=effect.text(),
        confidence=confidence(counts.lookups),
        rule="readers_wait",
        rule_text=f"At least {WAITS_MIN} waits, {WAITS_MIN_SHARE * 100:.0f} % of lookups; Medium "
        f"from {EVENTS_MIN} that waited in vain and computed by themselves. A wait counts as one "
        "mean source time, which is the most it takes.",
        effect=effect,
    )


def refresh_failed(seen: Namespace) -> Recommendation | None:
    """Refreshes fail, so that old answers are served."""
    return _refreshes(
        seen,
        "refresh_failed",
        "Refreshes fail and old answers are served meanwhile: look at the source in the log "
        "(source_failed).",
        "failed",
    )


def refresh_skipped(seen: Namespace) -> Recommendation | None:
    """Refreshes find no place in the pool, so that readers get old answers, then wait."""
    return _refreshes(
        seen,
        "refresh_skipped",
        "Refreshes find no place in this process's pool: the sources are too slow for so many, "
        "so let entries live longer or add a process.",
        "found no place",
    )


def _refreshes(seen: Namespace, rule: RuleName, finding: str, what: str) -> Recommendation | None:
    counts = seen.counts
    number = counts.number(rule)
    tried = sum(counts.number(n) for n in ("refreshed", "refresh_failed", "refresh_skipped"))
    if number < EVENTS_MIN or number < REFRESHES_MIN_SHARE * tried:
        return None
    effect = Effect(reads=seen.an_hour(min(number, counts.reads)), is_bound=True)
    return Recommendation(
        severity="Medium",
        namespace=seen.name,
        finding=finding,
        evidence=f"{wording.number(number)} of {wording.plural(tried, 'refresh', 'refreshes')} "
        f"({wording.share(number / tried)}) {what}; "
        f"{wording.plural(counts.number('stale'), 'read')} got a stale answer",
        expected_effect=effect.text() or NO_READ,
        confidence=confidence(tried),
        rule=rule,
        rule_text=f"At least {EVENTS_MIN}, and {REFRESHES_MIN_SHARE * 100:.0f} % of all refreshes "
        "tried: those that stored, failed or found no place. The effect counts one read for each.",
        effect=effect,
    )
