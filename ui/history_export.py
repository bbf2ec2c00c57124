"""A past day or week as files: its hours, its namespaces, and the page's charts."""

from __future__ import annotations

import pandas as pd

from cache_core.insight.files import iso
from cache_core.insight.tables import counts_table
from cache_core.telemetry.history import History
from cache_core.thresholds import Thresholds
from ui import charts, history_charts, history_frames
from ui.export import Content
from ui.history_span import Span
from ui.history_totals import sentence, totals_frame
from ui.report import Part


def history_content(
    now: History,
    then: History,
    events: pd.DataFrame,
    span: Span,
    namespace: str | None,
    thresholds: Thresholds,
) -> Content:
    """What is drawn, the span before included."""
    hours = history_frames.hour_frame(now, then)
    return Content(
        sentence(now.overall(), then.overall(), span, thresholds),
        _parts(now, then, hours, events, span, thresholds),
        {
            "hours": hours_table(hours),
            "totals": counts_table(now.totals(), namespace),
            "events": events[["at", "what"]],
        },
        {
            "span": span.title,
            "begin": iso(now.begin_s),
            "end": iso(now.end_s),
            "known": history_frames.coverage_sentence(now, span, then),
        },
    )


def hours_table(hours: pd.DataFrame) -> pd.DataFrame:
    """An hour_frame as a file has it: whole numbers whole, the rest to four places."""
    shown = hours.rename(columns={"at": "hour_utc"})
    whole = ["reads", *history_frames.OUTCOMES, "lookups", "earlier_lookups"]
    shown[whole] = shown[whole].astype("Int64")
    rest = shown.select_dtypes("float").columns
    shown[rest] = shown[rest].round(4)
    return shown


def _parts(
    now: History,
    then: History,
    hours: pd.DataFrame,
    events: pd.DataFrame,
    span: Span,
    thresholds: Thresholds,
) -> list[Part]:
    coverage = history_frames.coverage_frame(now)
    known = Part(
        "What is known",
        history_charts.coverage_chart(coverage, span),
        history_frames.coverage_sentence(now, span, then),
    )
    if not now.overall().reads and not then.overall().reads:
        return [known]
    rates = history_frames.rate_frame(hours, span)
    hits = history_frames.hit_time_frame(hours, span)
    outcomes = history_frames.outcome_frame(hours)
    times = history_frames.time_frame(hours)
    both = [span.this.capitalize(), span.earlier.capitalize()]
    return [
        Part(
            "Hit rate",
            history_charts.rate_chart(rates, span, thresholds, events),
            history_frames.describe_rates(rates, both),
        ),
        known,
        Part(
            "Response time of hits",
            history_charts.hit_time_chart(hits, span, events),
            history_frames.describe_hit_times(hits, history_frames.hit_time_series(span)),
        ),
        Part(
            "Reads by outcome",
            history_charts.outcome_chart(outcomes, span, events),
            history_frames.describe_outcomes(outcomes),
        ),
        Part(
            "With the cache and without",
            charts.response_chart(times, events),
            charts.describe_response(times),
        ),
        Part("Events", table=events[["at", "what"]]),
        Part("Totals", table=totals_frame(now.overall(), then.overall(), span)),
    ]
