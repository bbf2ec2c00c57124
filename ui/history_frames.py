"""From a history to the frames that its charts and its file are made of, and to sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cache_core.telemetry import Counts
from cache_core.telemetry.history import History, Hour, HourState
from cache_core.telemetry.periods import HOUR_S
from ui import words
from ui.charts import SERIES
from ui.history_span import Span

STATES: dict[HourState, str] = {
    "collected": "Collected",
    "nothing read": "Nothing read",
    "reset": "Reset",
    "missing": "Missing",
    "unread": "Not readable",
    "to come": "To come",
}
OUTCOMES = {
    "hit": "Hit",
    "stale": "Stale hit",
    "miss": "Miss",
    "error": "Error",
    "bypass": "Past the cache",
}
_COUNTED: tuple[HourState, ...] = ("collected", "nothing read", "reset")
TIMES = (("hit", 0.5), ("hit", 0.95), ("source", 0.5), ("source", 0.95))
HIT_SHARES = {"p50": 0.5, "p95": 0.95}
_TIME_COLUMNS = ("hit_p50_ms", "hit_p95_ms", "source_p50_ms", "source_p95_ms")


def hour_frame(history: History, earlier: History) -> pd.DataFrame:
    """A row per hour, none left out: what is drawn, and what the file holds.

    Columns: at (UTC, its begin), state (str), reads and one column for each outcome (float, NaN
    where nothing is known), lookups, hit_rate (0 to 1, NaN without lookups), hit_p50_ms,
    hit_p95_ms, source_p50_ms, source_p95_ms (NaN where nothing was timed), and earlier_state,
    earlier_lookups, earlier_hit_rate, earlier_hit_p50_ms, earlier_hit_p95_ms: of the same hour a
    day or week before. Percentiles are those of the merged histograms of all that was read.
    """
    rows = [_row(now, then) for now, then in zip(history.hours, earlier.hours, strict=True)]
    frame = pd.DataFrame(rows)
    frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True)
    numbers = [column for column in frame if column not in ("at", "state", "earlier_state")]
    frame[numbers] = frame[numbers].astype(float)
    return frame


def _row(now: Hour, then: Hour) -> dict[str, object]:
    counts, before = _known(now), _known(then)
    row: dict[str, object] = {"at": now.begin_s, "state": now.state}
    row["reads"] = None if counts is None else counts.reads
    for outcome in OUTCOMES:
        row[outcome] = None if counts is None else _outcome(counts, outcome)
    row["lookups"] = None if counts is None else counts.lookups
    row["hit_rate"] = None if counts is None else counts.hit_rate
    for column, (name, share) in zip(_TIME_COLUMNS, TIMES, strict=True):
        row[column] = _milliseconds(counts, name, share)
    row["earlier_state"] = then.state
    row["earlier_lookups"] = None if before is None else before.lookups
    row["earlier_hit_rate"] = None if before is None else before.hit_rate
    for share in HIT_SHARES.values():
        row[f"earlier_hit_p{share * 100:.0f}_ms"] = _milliseconds(before, "hit", share)
    return row


def _milliseconds(counts: Counts | None, name: str, share: float) -> float | None:
    value_s = None if counts is None else counts.quantile_s(name, share)
    return None if value_s is None else value_s * 1000


def _known(hour: Hour) -> Counts | None:
    return hour.overall() if hour.state in _COUNTED else None


def _outcome(counts: Counts, outcome: str) -> int:
    return counts.misses if outcome == "miss" else counts.number(outcome)


def rate_frame(frame: pd.DataFrame, span: Span) -> pd.DataFrame:
    """From an hour_frame: at, series (this or the one before), hit_rate, lookups."""
    now = frame[["at", "hit_rate", "lookups"]].assign(series=span.this.capitalize())
    then = frame[["at"]].assign(
        hit_rate=frame["earlier_hit_rate"],
        lookups=frame["earlier_lookups"],
        series=span.earlier.capitalize(),
    )
    return pd.concat([now, then], ignore_index=True)


def hit_time_series(span: Span) -> list[str]:
    """The series of hit_time_frame, in order: p50 and p95 of this span, then of the one before."""
    # Two of them stand beside each other in a legend as wide as a telephone.
    return [f"{who}, {name}" for who in (span.this.capitalize(), "Before") for name in HIT_SHARES]


def hit_time_frame(frame: pd.DataFrame, span: Span) -> pd.DataFrame:
    """From an hour_frame: at, series (as hit_time_series), ms (NaN where no hit was timed)."""
    columns = [f"{whose}hit_{name}_ms" for whose in ("", "earlier_") for name in HIT_SHARES]
    parts = [
        frame[["at"]].assign(series=series, ms=frame[column])
        for series, column in zip(hit_time_series(span), columns, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def outcome_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """From an hour_frame: at, until (UTC), outcome (str), reads, and low, high: where they lie in
    the stack of their hour, hits at the bottom. Only those above 0."""
    parts = []
    low = pd.Series(0.0, index=frame.index)
    for column, label in OUTCOMES.items():
        reads = frame[column].fillna(0.0)
        part = frame[["at"]].assign(until=frame["at"] + pd.Timedelta(hours=1), outcome=label)
        parts.append(part.assign(reads=reads, low=low, high=low + reads))
        low = low + reads
    long = pd.concat(parts, ignore_index=True)
    return long[long["reads"] > 0].reset_index(drop=True)


def time_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """From an hour_frame: at, series (as charts.SERIES), ms; NaN where nothing was timed."""
    parts = [
        frame[["at"]].assign(series=label, ms=frame[column])
        for column, label in zip(_TIME_COLUMNS, SERIES, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def coverage_frame(history: History) -> pd.DataFrame:
    """A row per run of hours in the same state: at, until (UTC), state (str, in words), hours."""
    runs: list[tuple[HourState, int, int]] = []
    for hour in history.hours:
        end_s = hour.begin_s + HOUR_S
        if runs and runs[-1][0] == hour.state:
            runs[-1] = (hour.state, runs[-1][1], end_s)
        else:
            runs.append((hour.state, hour.begin_s, end_s))
    return pd.DataFrame(
        {
            "at": pd.to_datetime([begin for _, begin, _ in runs], unit="s", utc=True),
            "until": pd.to_datetime([end for _, _, end in runs], unit="s", utc=True),
            "state": [STATES[state] for state, _, _ in runs],
            "hours": [(end - begin) // HOUR_S for _, begin, end in runs],
        }
    )


def coverage_sentence(history: History, span: Span, earlier: History) -> str:
    """How much of the span is really known, and of the one before."""
    begun = len(history.hours) - history.count("to come")
    known = history.count("collected", "nothing read")
    said = [
        f"**Known: {known} of {words.plural(begun, 'hour')}"
        f"{' so far' if begun < span.hours else ''}**"
        f" ({history.count('collected')} with reads, {history.count('nothing read')} in which the "
        "app ran and nothing was read)."
    ]
    if lost := history.count("reset"):
        said.append(
            f"In {words.plural(lost, 'hour')} the counters began anew: counts may be missing there."
        )
    if missing := history.count("missing"):
        said.append(f"{words.plural(missing, 'hour is', 'hours are')} missing: nobody counted.")
    if unread := history.count("unread"):
        said.append(f"{words.plural(unread, 'hour is', 'hours are')} in the store, out of reach.")
    if unreadable := sum(hour.unreadable for hour in history.hours):
        said.append(f"{words.plural(unreadable, 'contribution')} of a process is not readable.")
    said.append(
        f"Of {span.earlier}, {earlier.count('collected', 'nothing read')} of "
        f"{span.hours} hours are known."
    )
    return " ".join(said)


def describe_rates(frame: pd.DataFrame, series: Sequence[str]) -> str:
    """What the chart of hit rates shows, for those who cannot see it."""
    parts = []
    for name in series:
        rates = frame.loc[frame["series"] == name].dropna(subset=["hit_rate"])["hit_rate"]
        if rates.empty:
            parts.append(f"{name}: nothing was looked up")
        else:
            parts.append(
                f"{name}: {words.plural(len(rates), 'hour')} with lookups, from "
                f"{rates.iloc[0]:.0%} to {rates.iloc[-1]:.0%}, lowest {rates.min():.0%}"
            )
    return "Hit rate by the hour. " + "; ".join(parts) + "."


def describe_hit_times(frame: pd.DataFrame, series: Sequence[str]) -> str:
    """What the chart of hits' times shows, for those who cannot see it."""
    parts = []
    for name in series:
        times = frame.loc[frame["series"] == name, "ms"].dropna()
        if times.empty:
            parts.append(f"{name}: no hit was timed")
        else:
            parts.append(
                f"{name}: from {times.iloc[0]:,.3g} to {times.iloc[-1]:,.3g} ms, "
                f"slowest hour {times.max():,.3g} ms"
            )
    return "Response time of hits by the hour. " + "; ".join(parts) + "."


def describe_outcomes(frame: pd.DataFrame) -> str:
    """What the chart of reads shows, for those who cannot see it."""
    if frame.empty:
        return "Reads by outcome: nothing was read."
    sums = frame.groupby("outcome")["reads"].sum()
    listed = ", ".join(
        f"{words.count(int(sums[label]))} {label.lower()}"
        for label in OUTCOMES.values()
        if label in sums
    )
    busiest = frame.groupby("at")["reads"].sum()
    return (
        f"Reads by outcome: {listed}. Busiest hour {busiest.idxmax():%Y-%m-%d %H:%M} UTC with "
        f"{words.count(int(busiest.max()))} reads."
    )


def describe_coverage(frame: pd.DataFrame) -> str:
    """What the coverage strip shows, for those who cannot see it."""
    hours = frame.groupby("state")["hours"].sum()
    listed = ", ".join(f"{hours[word]} {word.lower()}" for word in STATES.values() if word in hours)
    return f"Coverage, hours: {listed}."
