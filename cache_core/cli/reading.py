"""What `stats` and `export` share: the options that choose figures, and reading them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from cache_core.cache import Cache
from cache_core.insight.overview import health_sentence, overall_rating, totals_of
from cache_core.insight.ratings import Rated, Thresholds, rate_all
from cache_core.insight.wording import plural
from cache_core.keys import checked_namespace
from cache_core.telemetry import WINDOWS, Counts, Figures, MetricsReader, merged

_OTHERS_NAMED = 8
_WINDOW_HELP = "the span that ends now: 1h (the default), 6h, 24h or 7d"


def add_choices(parser: argparse.ArgumentParser) -> None:
    """--window and --namespace."""
    parser.add_argument("--window", choices=list(WINDOWS), default="1h", help=_WINDOW_HELP)
    parser.add_argument(
        "--namespace", metavar="NS", type=_namespace, help="one cached function's; by default all"
    )


def _namespace(given: str) -> str:
    try:
        return checked_namespace(given)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


@dataclass(frozen=True, slots=True)
class Found:
    """Figures of a window with their ratings, as the Overview page has them."""

    figures: Figures
    totals: Mapping[str, Counts]
    rated: Mapping[str, Rated]
    overall: Counts
    verdict: Rated
    sentence: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read in the window."""
        return not self.totals


def read_figures(cache: Cache, options: argparse.Namespace, thresholds: Thresholds) -> Found:
    """The figures that the options choose. Raises StoreError."""
    figures = MetricsReader(cache.store).read(WINDOWS[options.window])
    totals = totals_of(figures, options.namespace)
    rated = rate_all(totals, thresholds)
    overall = merged(totals.values())
    verdict = overall_rating(overall, rated, thresholds)
    if totals:
        sentence = health_sentence(verdict, rated, overall)
    else:
        sentence = _nothing(figures, options.namespace)
    return Found(figures, totals, rated, overall, verdict, sentence)


def _nothing(figures: Figures, namespace: str | None) -> str:
    if namespace is None:
        return "Nothing was read in this window."
    others = sorted(figures.totals)
    more = f" and {len(others) - _OTHERS_NAMED} more" if len(others) > _OTHERS_NAMED else ""
    told = f" Read were {', '.join(others[:_OTHERS_NAMED])}{more}." if others else ""
    return f"Nothing was read of `{namespace}` in this window.{told}"


def coverage(figures: Figures, namespace: str | None) -> tuple[int, int]:
    """In how many of the window's steps something was counted, and how many there are."""
    steps = figures.by_step(namespace)
    return sum(counts is not None for counts in steps.values()), len(steps)


def who_counted(figures: Figures) -> str:
    """From how many processes the figures are, and what of them could not be read."""
    text = f"{plural(figures.replicas, 'process', 'processes')} counted, up to 5 s late"
    if figures.unreadable:
        text += f"; {plural(figures.unreadable, 'contribution')} not readable"
    return text
