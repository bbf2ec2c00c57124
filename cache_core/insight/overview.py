"""How the cache does over a window, in a rating and a sentence: the Overview page's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cache_core.insight.ratings import Rated, Rating, Thresholds, rate
from cache_core.insight.wording import percent, plural
from cache_core.telemetry import Counts, Figures

_RATED: tuple[Rating, ...] = ("Excellent", "Good", "Fair", "Poor")
_WORST_FIRST: tuple[Rating, ...] = (
    "Unreachable",
    "Poor",
    "Fair",
    "Good",
    "Excellent",
    "Not enough data",
)


def totals_of(figures: Figures, namespace: str | None) -> dict[str, Counts]:
    """Totals of one namespace, or of all."""
    if namespace is None:
        return figures.totals
    return {name: counts for name, counts in figures.totals.items() if name == namespace}


def worst_first(rated: Mapping[str, Rated]) -> list[str]:
    """Namespaces by rating, those that need looking at first and the unrated ones last."""
    return sorted(rated, key=lambda name: (_WORST_FIRST.index(rated[name].rating), name))


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
    """What the page is asked for, in one or two sentences; Markdown of bold and code."""
    bypassed = counts.number("bypass")
    past = (
        f" {bypassed:,} of {plural(counts.reads, 'read')} went past it, with the "
        "store out of reach or caching off."
        if bypassed
        else ""
    )
    if overall.rating == "Unreachable":
        return f"**The cache was hardly used in this window.**{past}"
    if overall.rating == "Not enough data":
        return f"**Too early to say:** {overall.weakest}.{past}"
    sentence = (
        f"**{overall.rating}: {percent(counts.hit_rate)} of lookups are answered from the "
        f"cache.**{past}"
    )
    bad = {name: one for name, one in rated.items() if one.rating in ("Fair", "Poor")}
    if bad:
        name, worst = max(bad.items(), key=lambda item: _RATED.index(item[1].rating))
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return f"{sentence} Look at `{name}`{others}: {worst.weakest}."
    if overall.rating in ("Fair", "Poor"):
        return f"{sentence} What holds it back: {overall.weakest}."
    good = sum(one.rating in ("Excellent", "Good") for one in rated.values())
    return f"{sentence} All {good} rated namespaces do well." if good > 1 else sentence
