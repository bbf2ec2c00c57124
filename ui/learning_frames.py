"""Learning figures as frames for charts and tables, and in words. Nothing here draws or reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from cache_core.learning.dashboard import NamedEstimate, Period, WeekPoint
from cache_core.learning.intervals import ENOUGH, Change, Estimate
from cache_core.learning.patterns import Pattern
from cache_core.learning.people import RecentOutcome
from cache_core.learning.progress import CategoryComparison
from ui import words

FEW = ENOUGH
BETTER, MAYBE_BETTER = "▲ better", "△ better, may be chance"
WORSE, MAYBE_WORSE = "▼ worse", "▽ worse, may be chance"
NO_DIFFERENCE, TOO_FEW = "– no clear difference", "… too few"


def week_frame(weeks: Sequence[WeekPoint]) -> pd.DataFrame:
    """A row per week from the first to the last: week (UTC, a Monday), mean, low, high (0 to 1, NaN
    where nothing was recorded), outcomes (int)."""
    frame = pd.DataFrame(
        [
            (w.start, w.estimate.mean, w.estimate.low, w.estimate.high, w.estimate.count)
            for w in weeks
        ],
        columns=["week", "mean", "low", "high", "outcomes"],
    )
    if frame.empty:
        return frame
    # Weeks without outcomes stay gaps in the line.
    every = pd.date_range(frame["week"].min(), frame["week"].max(), freq="7D")
    frame = frame.set_index("week").reindex(every).rename_axis("week").reset_index()
    frame["outcomes"] = frame["outcomes"].fillna(0).astype(int)
    return frame


def estimate_frame(items: Iterable[NamedEstimate]) -> pd.DataFrame:
    """A row per name in the order given: name (str), mean, low, high (0 to 1), outcomes (int)."""
    return pd.DataFrame(
        [
            (
                item.name,
                item.estimate.mean,
                item.estimate.low,
                item.estimate.high,
                item.estimate.count,
            )
            for item in items
        ],
        columns=["name", "mean", "low", "high", "outcomes"],
    )


def comparison_frame(rows: Iterable[CategoryComparison]) -> pd.DataFrame:
    """A row per category and side: name (str), who ("this user" or "others"), mean, low, high."""
    sides = []
    for row in rows:
        for who, figure in (("this user", row.mine), ("others", row.others)):
            if figure is not None:
                sides.append(
                    (row.category, who, figure.mean, figure.low, figure.high, figure.count)
                )
    return pd.DataFrame(sides, columns=["name", "who", "mean", "low", "high", "outcomes"])


def lift_frame(patterns: Iterable[Pattern]) -> pd.DataFrame:
    """A row per pattern: name (str), lift, low, high (points), verdict (str), texts (int)."""
    return pd.DataFrame(
        [
            (
                p.phrase,
                p.lift.difference * 100,
                p.lift.low * 100,
                p.lift.high * 100,
                verdict(p),
                p.texts,
            )
            for p in patterns
        ],
        columns=["name", "lift", "low", "high", "verdict", "texts"],
    )


def pattern_table(patterns: Iterable[Pattern]) -> pd.DataFrame:
    """A row per pattern, ready to be shown."""
    return pd.DataFrame(
        [
            {
                "Phrase": p.phrase,
                "Verdict": verdict(p),
                "Difference": f"{p.lift.difference * 100:+.0f} pt",
                "95 % interval": f"{p.lift.low * 100:+.0f} to {p.lift.high * 100:+.0f} pt",
                "With it": words.percent(p.with_it.mean),
                "Without": words.percent(p.without_it.mean),
                "Texts": p.texts,
                "Outcomes": p.outcomes,
            }
            for p in patterns
        ]
    )


def recent_table(recent: Iterable[RecentOutcome]) -> pd.DataFrame:
    """A row per outcome, newest first, ready to be shown."""
    return pd.DataFrame(
        [
            {
                "Time (UTC)": item.at.strftime("%Y-%m-%d %H:%M") if item.at else words.DASH,
                "Outcome": f"{item.score:g}",
                "Category": item.category,
                "Instruction": item.text,
            }
            for item in recent
        ]
    )


def verdict(pattern: Pattern) -> str:
    """What the numbers allow to say of a phrase."""
    return verdict_of(pattern.lift, pattern.stands_out)


def verdict_of(difference: Change, stands_out: bool) -> str:
    """What a difference among many allows to say; hollow marks where it may be chance."""
    if not difference.is_clear:
        return NO_DIFFERENCE
    if difference.difference > 0:
        return BETTER if stands_out else MAYBE_BETTER
    return WORSE if stands_out else MAYBE_WORSE


def with_interval(figure: Estimate | None) -> str:
    """ "61 % (59 to 63 %)", the 95 % interval in brackets; a dash for None."""
    if figure is None:
        return words.DASH
    digits = 1 if figure.high - figure.low < 0.05 else 0
    low, high = (words.percent(share, digits) for share in (figure.low, figure.high))
    return f"{words.percent(figure.mean, digits)} ({low.removesuffix(' %')} to {high})"


def interval_of(figure: Estimate | None) -> str | None:
    """ "59 to 63 %", the 95 % interval alone; None for None."""
    if figure is None:
        return None
    return with_interval(figure).partition("(")[2].removesuffix(")")


def change_in_words(change: Change | None) -> str:
    """ "up 3.1 points (95 % interval +0.2 to +6.0)", or that there is no clear change."""
    if change is None:
        return "nothing to compare with"
    interval = f"(95 % interval {change.low * 100:+.1f} to {change.high * 100:+.1f})"
    size = f"{abs(change.difference) * 100:.1f} points"
    if not change.is_clear:
        return f"no clear change, {change.difference * 100:+.1f} points {interval}"
    return f"{'up' if change.difference > 0 else 'down'} {size} {interval}"


def headline(who: str, overall: Estimate | None, period: Period | None) -> str:
    """One sentence that answers "how well does it work"."""
    if overall is None:
        return f"**Nothing is recorded for {plain(who)}.**"
    sentence = f"**{plain(who)}: mean outcome {with_interval(overall)}.**"
    if period is None or period.last is None:
        return f"{sentence} No outcome has a time, so there is no trend."
    count = words.plural(period.last.count, "outcome")
    if period.last.count < FEW:
        return f"{sentence} The last 28 days of data hold {count}, too few to say more."
    sentence += f" The last 28 days of data: {with_interval(period.last)} in {count}"
    if period.before is None or period.change is None:
        return f"{sentence}; there is no data of the 28 days before."
    before = words.plural(period.before.count, "outcome")
    if period.before.count < FEW:
        return f"{sentence}; the 28 days before hold {before}, too few to compare."
    return f"{sentence}: {change_in_words(period.change)} on the 28 days before ({before})."


def weeks_beside(frame: pd.DataFrame, everybody: pd.DataFrame | None) -> pd.DataFrame:
    """The weeks of `frame`, with a column `everybody (%)` if there is anybody beside it."""
    if everybody is None:
        return frame
    means = everybody.set_index("week")["mean"] * 100
    return frame.assign(**{"everybody (%)": frame["week"].map(means).round(1)})


def describe_weeks(frame: pd.DataFrame, everybody: pd.DataFrame | None = None) -> str:
    """What the weekly chart shows, for those who cannot see it."""
    known = frame.dropna(subset=["mean"])
    if known.empty:
        return "Mean outcome by week: no outcome has a time."
    worst = known.loc[known["mean"].idxmin()]
    return (
        f"Mean outcome by week from {known['week'].iloc[0]:%Y-%m-%d} to "
        f"{known['week'].iloc[-1]:%Y-%m-%d}: first {words.percent(known['mean'].iloc[0])}, "
        f"last {words.percent(known['mean'].iloc[-1])}, "
        f"lowest {words.percent(worst['mean'])} in the week of "
        f"{worst['week']:%Y-%m-%d}.{_beside(everybody)}"
    )


def _beside(everybody: pd.DataFrame | None) -> str:
    if everybody is None:
        return ""
    means = everybody["mean"].dropna()
    first, last = words.percent(means.iloc[0]), words.percent(means.iloc[-1])
    return f" Beside it everybody: first {first}, last {last}."


def describe_estimates(frame: pd.DataFrame, what: str) -> str:
    """What a chart of estimates shows, for those who cannot see it."""
    if frame.empty:
        return f"{what}: nothing recorded."
    means = zip(frame["name"], frame["mean"], strict=True)
    parts = [f"{name} {words.percent(mean)}" for name, mean in means]
    return f"{what}: " + ", ".join(parts[:8]) + "."


def describe_lifts(frame: pd.DataFrame) -> str:
    """What a chart of phrases shows, for those who cannot see it."""
    parts = [f"{name} {lift:+.0f}" for name, lift in zip(frame["name"], frame["lift"], strict=True)]
    return (
        "Difference in points between texts with and without a phrase: "
        + ", ".join(parts[:8])
        + "."
    )


def plain(text: str) -> str:
    """Text of users without its meaning as Markdown."""
    for mark in "\\`*_{}[]<>#$~|:":
        text = text.replace(mark, f"\\{mark}")
    return text
