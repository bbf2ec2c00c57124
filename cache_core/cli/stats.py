"""The stats command: the Overview page's figures and ratings, as a table or JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from typing import Any

from cache_core.cache import Cache
from cache_core.cli.parts import (
    ALL_DONE,
    add_output_options,
    aligned,
    shared_store,
    show,
    source_of,
)
from cache_core.cli.reading import Found, add_choices, coverage, read_figures, who_counted
from cache_core.insight.files import about_window, iso
from cache_core.insight.overview import worst_first
from cache_core.insight.ratings import Target, Thresholds, targets
from cache_core.insight.tables import counts_table
from cache_core.insight.wording import percent, plural, seconds, without_marks
from cache_core.telemetry import Counts

_VERDICTS = {True: "met", False: "missed", None: "no data"}
_HELP = """\
How well the cache does: rating, hit rate, times and time saved of each namespace over a window,
those that need looking at first, and the targets beside what is achieved. The figures are those of
the Overview page, counted by all processes that share the store; how each is computed is in
docs/figures.md. Fewer lookups than a rating needs are "Not enough data".

examples:
  python -m cache_core stats
  python -m cache_core stats --window 7d --namespace dashboard.stats
  python -m cache_core stats --json | jq -r '.namespaces[] | select(.rating == "Poor") .namespace'

exit codes:
  0  the figures were read, whatever they say; also if nothing was read in the window
  2  they could not be: wrong options or settings, or the store does not answer
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    add_choices(parser)
    add_output_options(parser)
    parser.set_defaults(run=_stats)


def _stats(options: argparse.Namespace) -> int:
    with shared_store() as (settings, cache):
        found = read_figures(cache, options, settings.thresholds)
        plain = _plain(found, cache, options.namespace, settings.thresholds)
        show(options, plain, _words(found, cache, options.namespace, settings.thresholds))
    return ALL_DONE


def _plain(
    found: Found, cache: Cache, namespace: str | None, thresholds: Thresholds
) -> dict[str, Any]:
    figures = found.figures
    counted, steps = coverage(figures, namespace)
    rows = json.loads(counts_table(found.totals).to_json(orient="records"))
    by_name = {row["namespace"]: row for row in rows}
    (overall,) = json.loads(counts_table({"all": found.overall}).to_json(orient="records"))
    del overall["namespace"]
    return {
        **about_window(figures),
        "namespace": namespace,
        "source": source_of(cache),
        "coverage": {
            "steps": steps,
            "steps_counted": counted,
            "counted_to": None if figures.data_to_s is None else iso(figures.data_to_s),
            "processes": figures.replicas,
            "unreadable": figures.unreadable,
        },
        "answer": without_marks(found.sentence),
        "rating": found.verdict.rating,
        "weakest": found.verdict.weakest,
        "rule": found.verdict.rule,
        "overall": overall,
        "namespaces": [
            by_name[name]
            | {"rating": found.rated[name].rating, "weakest": found.rated[name].weakest}
            for name in worst_first(found.rated)
        ],
        "targets": [
            {"name": one.name, "wanted": one.wanted, "achieved": one.achieved, "is_met": one.is_met}
            for one in targets(found.overall, thresholds)
        ],
    }


def _words(found: Found, cache: Cache, namespace: str | None, thresholds: Thresholds) -> list[str]:
    lines = [without_marks(found.sentence), *_head(found, cache, namespace)]
    if found.is_empty:
        return lines
    return [
        *lines,
        "",
        *aligned(_table(found), left=(0, 1, 8)),
        "",
        *aligned([_target_cells(one) for one in targets(found.overall, thresholds)], left=range(4)),
    ]


def _head(found: Found, cache: Cache, namespace: str | None) -> list[str]:
    """Of when and from where the figures are, and how much of the window they cover."""
    figures = found.figures
    counted, steps = coverage(figures, namespace)
    step = seconds(figures.window.step_s)
    lines = [
        (
            "window",
            f"{figures.window.name}: {_moment(figures.begin_s)} to {_moment(figures.end_s)}",
        ),
        ("source", f"{cache.store.address}, prefix {cache.store.prefix}"),
        ("coverage", f"something was counted in {counted} of {plural(steps, 'step')} of {step}"),
    ]
    if figures.data_to_s is not None:
        lines.append(("", f"last at {_moment(figures.data_to_s)}; {who_counted(figures)}"))
    return [f"  {line}" for line in aligned(lines, left=(0, 1))]


def _table(found: Found) -> list[list[str]]:
    heading = [
        "namespace", "rating", "hit rate", "lookups", "misses", "from cache", "from source",
        "saved", "weakest",
    ]  # fmt: skip
    rows = [
        [name, found.rated[name].rating, *_cells(found.totals[name]), found.rated[name].weakest]
        for name in worst_first(found.rated)
    ]
    if len(rows) > 1:
        verdict = found.verdict
        rows.append(["together", verdict.rating, *_cells(found.overall), verdict.weakest])
    return [heading, *rows]


def _cells(counts: Counts) -> list[str]:
    return [
        percent(counts.hit_rate),
        f"{counts.lookups:,}",
        f"{counts.misses:,}",
        _time(counts.quantile_s("hit", 0.5)),
        _time(counts.quantile_s("source", 0.5)),
        _time(counts.saved_s),
    ]


def _target_cells(target: Target) -> list[str]:
    return [f"target: {target.name}", target.wanted, target.achieved, _VERDICTS[target.is_met]]


def _time(duration_s: float | None) -> str:
    return "–" if duration_s is None else seconds(duration_s)


def _moment(unix_s: float) -> str:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
