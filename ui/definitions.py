"""What each figure on the pages means. Help texts and the list on Setup are these sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cache_core.streamlit.meanings import MEANINGS

Group = Literal["Cache", "Targets", "Store", "Instructions"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure. `unit` as it is shown; `text`: a sentence or two that say how it is counted."""

    name: str
    group: Group
    unit: str
    text: str


_ALL = (
    Definition("Hit rate", "Cache", "%", MEANINGS["Hit rate"]),
    Definition("Lookups", "Cache", "reads",
        "Reads that asked the cache: hits, misses and those whose source raised. Reads that went "
        "past it, with the store down or caching off, are not among them."),
    Definition("Reads", "Cache", "reads",
        "All reads: lookups, and those that went past the cache."),
    Definition("Served", "Cache", "reads",
        "Reads that the cache answered, fresh or stale."),
    Definition("Near cache", "Cache", "%",
        "Share of served reads that a copy in the process answered, without the store."),
    Definition("Runs of the source", "Cache", "runs",
        "How often the function behind the cache ran for a reader."),
    Definition("From cache", "Cache", "time", MEANINGS["From cache"]),
    Definition("From source", "Cache", "time", MEANINGS["From source"]),
    Definition("Time saved", "Cache", "time", MEANINGS["Time saved"]),
    Definition("Kept longer", "Cache", "%",
        "Where a policy keeps entries by use: share of the computed entries that were given a "
        "life above the TTL, as they were asked for again and stayed the same."),
    Definition("Kept shorter", "Cache", "%",
        "Where a policy keeps entries by use: share of the computed entries that were given a "
        "life below the TTL. New and changed ones begin with half of it."),
    Definition("Mean life given", "Cache", "time",
        "Mean life that computed entries were given, where a policy keeps them by use."),
    Definition("Known by user", "Cache", "%",
        "Of the time saved, the part that is counted by user, or for answers to everybody. Each "
        "process tells only the users that stand out, so what one user saved is a lower bound."),
    Definition("Change", "Cache", "points",
        "Hit rate less that of the window before, in percentage points."),
    Definition("Rating", "Cache", "word",
        "Excellent, Good, Fair or Poor, as good as the worst of hit rate, p95 store latency and "
        "error rate. Not enough data: too few lookups. Unreachable: more reads went past the cache "
        "than to it."),
    Definition("Weakest factor", "Cache", "text",
        "The one of the three that decided the rating, with its number."),
    Definition("Misses", "Cache", "reads",
        "Lookups that found nothing to serve, by cause: cold (never stored, or evicted), expired, "
        "invalidated, damaged, or of another version of the policy."),
    Definition("Outdated reads", "Cache", "%",
        "Share of all reads that are answered with data older than its last change, at a TTL. "
        "Estimated from how often recomputes of expired entries find a change."),
    Definition("Source an hour", "Cache", "time",
        "What the function behind the cache would work an hour at a TTL: misses an hour times the "
        "mean time it took in the last 24 hours."),
    Definition("Commands an hour", "Cache", "commands",
        "What reads would send to the store an hour at a TTL: one for a hit, four for a miss."),
    Definition("Fetched ahead", "Cache", "entries",
        "Computed before anybody asked, because a visitor was likely to read them next "
        "(`PREFETCH`). They are not reads."),
    Definition("Precision", "Cache", "%",
        "Of the entries fetched ahead of which it is known, the share that was read while fresh."),
    Definition("Served ahead", "Cache", "%",
        "Share of lookups that found an entry fetched ahead for its first reader. Later reads of "
        "the same entry are not among them: they would have been served anyway."),
    Definition("Wasted", "Cache", "runs",
        "Runs of the source for entries fetched ahead that nobody read while they were fresh."),
    Definition("Faster responses", "Targets", "%",
        "Share of the source's median time that the median hit saves."),
    Definition("Store latency", "Targets", "time",
        "Median time of the store's first answer within a read."),
    Definition("Miss penalty", "Targets", "time",
        "What a miss takes on top of its source: mean miss less mean source."),
    Definition("Errors", "Targets", "%", "Share of reads whose source raised."),
    Definition("Median ping", "Store", "time",
        "The middle one of the pings of the last test, each with as many bytes as a small entry."),
    Definition("Worst ping", "Store", "time", "The slowest ping of the last test."),
    Definition("Store", "Store", "kind", "Where entries and figures are kept."),
    Definition("Caching", "Store", "on or off",
        "Whether reads of this process ask the cache at all (`CACHE_ENABLED`)."),
    Definition("Waiting", "Store", "periods",
        "Minutes and hours counted by this process that changed since they were last handed over."),
    Definition("Lost", "Store", "periods",
        "Minutes and hours dropped because the store was out of reach for too long."),
    Definition("Last hand-over", "Store", "time ago",
        "When this process last handed its figures over to the store, or found nothing to hand."),
    Definition("Mean outcome", "Instructions", "%",
        "Mean of all outcomes, which go from 0 (failed) to 100 % (succeeded)."),
    Definition("Last 28 days", "Instructions", "%",
        "Mean outcome of the 28 days of the data that end with the newest outcome."),
    Definition("Outcomes", "Instructions", "outcomes", "How many outcomes were recorded."),
    Definition("Users", "Instructions", "users", "People or systems that gave instructions."),
    Definition("Texts", "Instructions", "texts",
        "Distinct instructions, each counted once in each of its categories."),
    Definition("Effectiveness", "Instructions", "%", "Mean outcome of one user."),
    Definition("Trend a week", "Instructions", "points",
        "Slope of a straight line through all outcomes that have a time, over a week or more."),
    Definition("Last third", "Instructions", "%",
        "Mean of the last third of a user's outcomes in order of time, beside the first third."),
    Definition("Repeats", "Instructions", "points",
        "The same instruction the next time, against the time before: mean difference."),
    Definition("This very text so far", "Instructions", "%",
        "Mean outcome of exactly this text, by anybody."),
    Definition("Expected from similar texts", "Instructions", "%",
        "Mean outcome of the most similar known texts, weighted by similarity."),
)  # fmt: skip

DEFINITIONS = {one.name: one for one in _ALL}


def meaning(name: str, *also: str) -> str:
    """The help text of a figure, and what is to be added where it stands. KeyError if it is
    unknown: define it above."""
    return " ".join((DEFINITIONS[name].text, *also)).strip()
