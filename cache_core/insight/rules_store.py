"""Rules about the store and copies near by: is it worth its time, and has it room?"""

from __future__ import annotations

from cache_core.insight import wording
from cache_core.insight.advice_terms import (
    HOUR_S,
    STORE_WIDE,
    Effect,
    Measured,
    Namespace,
    Recommendation,
    Severity,
    confidence,
    mean_s,
)
from cache_core.insight.ttl_replay import COMMANDS_OF_MISS

HITS_TIMED_MIN, SOURCES_TIMED_MIN = 50, 20

MEMORY_MIN_SHARE = 0.9

HOT_READS_A_S = 1.0
NEAR_STORE_S_MIN = 0.001
NEAR_TTL_MIN_S, NEAR_TTL_MAX_S, NEAR_TTL_SHARE = 0.5, 5.0, 0.05
NEAR_GAIN_MIN = 0.2
NEAR_SERVED_MIN, NEAR_USED_MIN = 100, 0.01


def store_slower_than_source(seen: Namespace) -> Recommendation | None:
    """A read through the cache takes longer than asking the source every time."""
    counts = seen.counts
    hit, source = counts.times.get("hit"), counts.times.get("source")
    if not hit or not source:
        return None
    if hit.count < HITS_TIMED_MIN or source.count < SOURCES_TIMED_MIN:
        return None
    hit_s, source_s = counts.quantile_s("hit", 0.5) or 0.0, counts.quantile_s("source", 0.5) or 0.0
    miss = counts.times.get("miss")
    reads = hit.count + (miss.count if miss else 0)
    spent_s = hit.total_s + (miss.total_s if miss else 0.0)
    lost_s = spent_s - reads * seen.source_mean_s()
    if hit_s < source_s or lost_s <= 0:
        return None
    effect = Effect(
        reader_s=seen.an_hour(lost_s),
        source_s=-seen.an_hour(hit.count * seen.source_mean_s()),
        commands=seen.an_hour(
            max(counts.lookups - counts.number("near_hit"), 0)
            + (COMMANDS_OF_MISS - 1) * counts.misses
        ),
    )
    return Recommendation(
        severity="Medium",
        namespace=seen.name,
        finding="The cache answers no faster than the source: leave this uncached, or keep copies "
        "near by (near_ttl_s).",
        evidence=f"median {wording.seconds(hit_s)} from the cache "
        f"({wording.plural(hit.count, 'read')}), {wording.seconds(source_s)} from the source "
        f"({wording.plural(source.count, 'run')})",
        expected_effect=f"uncached {effect.text()}",
        confidence=confidence(min(hit.count, source.count)),
        rule="store_slower_than_source",
        rule_text=f"At least {HITS_TIMED_MIN} reads from the cache and {SOURCES_TIMED_MIN} source "
        "runs were timed, the median read from the cache is not below the median source, and all "
        "reads together took longer than as many runs of the mean source.",
        effect=effect,
    )


def memory_short(measured: Measured) -> Recommendation | None:
    """The store is nearly full, or had to evict. What it does not report is not concluded from."""
    info = measured.info
    if info is None:
        return None
    evicted = info.evicted or 0
    used = None
    if info.used_bytes is not None and info.limit_bytes:
        used = info.used_bytes / info.limit_bytes
    is_full = used is not None and used >= MEMORY_MIN_SHARE
    if not evicted and not is_full:
        return None
    severity: Severity = "Low"
    if is_full:
        severity = "High" if evicted else "Medium"
    counts = measured.figures.overall()
    span_s = max(measured.figures.end_s - measured.figures.begin_s, 60.0)
    # An entry that was evicted comes back as a cold miss, as one that was never there does.
    returned = min(evicted, counts.number("miss.cold"))
    effect = Effect(
        reads=returned * HOUR_S / span_s,
        source_s=returned * mean_s(counts, "source") * HOUR_S / span_s,
        points=returned / counts.lookups if counts.lookups else 0.0,
        is_bound=True,
    )
    room = "how full it is, it does not report"
    if used is not None:
        room = f"{wording.share(used)} of {wording.size(info.limit_bytes or 0)} used"
    told = "evictions: not reported"
    if info.evicted is not None:
        told = f"{wording.plural(evicted, 'entry', 'entries')} evicted since the store started"
    finding = "The store evicted entries to make room, though not necessarily lately"
    if is_full:
        finding = "The store is nearly full" + (" and evicts entries" if evicted else "")
    return Recommendation(
        severity=severity,
        namespace=STORE_WIDE,
        finding=f"{finding}: give it more memory, or keep less and shorter.",
        evidence=f"{room}; {told}",
        expected_effect=effect.text() or "no eviction, so none of its reads is lost yet",
        # What fills it is read, not sampled; when it evicted is not known.
        confidence="high" if is_full else "low",
        rule="memory_short",
        rule_text=f"Used memory at least {MEMORY_MIN_SHARE * 100:.0f} % of its limit (with "
        "evictions High, else Medium), or any eviction since it started (Low). The effect is that "
        "of every eviction having caused one of the window's cold misses. The store may hold "
        "other data too.",
        effect=effect,
    )


def near_copies_missing(seen: Namespace) -> Recommendation | None:
    """A namespace read all the time asks the store for each read.

    A copy is used again while it lasts: with reads at random that is the share a / (1 + a), a being
    the reads of one entry in one process while a copy lasts (Jung, Berger, Balakrishnan, INFOCOM
    2003, as for `longer_ttl`). How often one entry is read is the mean over entries: served reads
    for each life that was begun.
    """
    policy, counts = seen.policy, seen.counts
    if policy is None or policy.near_ttl_s > 0:
        return None
    store_s = counts.quantile_s("store", 0.5)
    if store_s is None or store_s < NEAR_STORE_S_MIN:
        return None
    if counts.served < HOT_READS_A_S * seen.span_s:
        return None
    near_s = min(NEAR_TTL_MAX_S, policy.ttl_s * NEAR_TTL_SHARE)
    if near_s < NEAR_TTL_MIN_S:
        return None
    lives = max(counts.misses + counts.number("refreshed") + counts.number("warmed"), 1)
    life_s = min(policy.ttl_s, seen.span_s)
    reads_a_copy = counts.served / lives * near_s / life_s / seen.processes
    gain = reads_a_copy / (1 + reads_a_copy)
    if gain < NEAR_GAIN_MIN:
        return None
    fewer = gain * counts.served
    effect = Effect(
        commands=seen.an_hour(fewer), reader_s=seen.an_hour(fewer * mean_s(counts, "hit"))
    )
    return Recommendation(
        severity="Medium" if effect.reader_s >= 60 else "Low",
        namespace=seen.name,
        finding="This is read all the time and each read waits for the store: copies near by "
        f"(near_ttl_s={near_s:g}) would answer without it.",
        evidence=f"{wording.plural(counts.served, 'read')} from the cache "
        f"({wording.number(counts.served / seen.span_s)} a second), the store answers in "
        f"{wording.seconds(store_s)} (median); "
        f"{wording.plural(seen.processes, 'process', 'processes')}, "
        f"{wording.number(counts.served / lives)} reads for each entry stored",
        expected_effect=effect.text(),
        confidence=confidence(lives),
        rule="near_copies_missing",
        rule_text=f"No near_ttl_s, at least {HOT_READS_A_S:g} read a second from the cache over "
        f"the window, a median store answer of {wording.seconds(NEAR_STORE_S_MIN)} or more, and "
        f"copies of {NEAR_TTL_MAX_S:g} s ({NEAR_TTL_SHARE * 100:.0f} % of a shorter ttl, from "
        f"{NEAR_TTL_MIN_S:g} s on) would "
        f"answer {NEAR_GAIN_MIN * 100:.0f} % or more of them, if entries are read alike "
        "and at random.",
        effect=effect,
    )


def near_copies_unused(seen: Namespace) -> Recommendation | None:
    """Copies near by are kept, and the store is asked all the same."""
    policy, counts = seen.policy, seen.counts
    if policy is None or policy.near_ttl_s <= 0 or counts.served < NEAR_SERVED_MIN:
        return None
    near = counts.number("near_hit")
    if near >= NEAR_USED_MIN * counts.served:
        return None
    effect = Effect(commands=-seen.an_hour(near))
    return Recommendation(
        severity="Low",
        namespace=seen.name,
        finding=f"Copies near by (near_ttl_s, {wording.seconds(policy.near_ttl_s)}) are hardly "
        "used: set it to 0, or higher.",
        evidence=f"{wording.number(near)} of {wording.plural(counts.served, 'read')} from the "
        f"cache ({wording.share(near / counts.served)}) came from a copy near by",
        expected_effect="without copies the process holds each value once less; the store gets "
        f"{wording.plural(seen.an_hour(near), 'more command', 'more commands')} an hour",
        confidence=confidence(counts.served),
        rule="near_copies_unused",
        rule_text=f"near_ttl_s is set, at least {NEAR_SERVED_MIN} reads from the cache, and under "
        f"{NEAR_USED_MIN * 100:.0f} % of them from a copy near by.",
        effect=effect,
    )
