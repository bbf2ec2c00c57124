"""How all namespaces together are doing, in a word and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cache_core.insight.ratings import Rated, Rating, rate
from cache_core.streamlit import words
from cache_core.telemetry import Counts
from cache_core.thresholds import Thresholds

_RATED: tuple[Rating, ...] = ("Excellent", "Good", "Fair", "Poor")


def overall_rating(
    overall: Counts, rated: Mapping[str, Rated], thresholds: Thresholds | None = None
) -> Rated:
    """The rating of all reads together, but never better than the best namespace."""
    verdict = rate(overall, thresholds)
    words_found = [one.rating for one in rated.values() if one.rating in _RATED]
    if verdict.rating in _RATED and words_found:
        best = min(words_found, key=_RATED.index)
        if _RATED.index(best) > _RATED.index(verdict.rating):
            return replace(verdict, rating=best)
    return verdict


def health_sentence(overall: Rated, rated: Mapping[str, Rated], counts: Counts) -> str:
    """Whether the cache does well, and where to look if not, in one or two sentences."""
    bypassed = counts.number("bypass")
    past = (
        f" {words.count(bypassed)} of {words.plural(counts.reads, 'read')} went past it, with the "
        "store out of reach or caching off."
        if bypassed
        else ""
    )
    if overall.rating == "Unreachable":
        return f"**The cache was hardly used in this window.**{past}"
    if overall.rating == "Not enough data":
        return f"**Too early to say:** {overall.weakest}.{past}"
    share = words.percent(counts.hit_rate)
    sentence = f"**{overall.rating}: {share} of lookups are answered from the cache.**{past}"
    bad = {name: one for name, one in rated.items() if one.rating in ("Fair", "Poor")}
    if bad:
        name, worst = max(bad.items(), key=lambda item: _RATED.index(item[1].rating))
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return f"{sentence} Look at `{name}`{others}: {worst.weakest}."
    if overall.rating in ("Fair", "Poor"):
        return f"{sentence} What holds it back: {overall.weakest}."
    good = sum(one.rating in ("Excellent", "Good") for one in rated.values())
    return f"{sentence} All {good} rated namespaces do well." if good > 1 else sentence
