"""What the cache did for each user over the chosen window, beside how effective the user is."""

from __future__ import annotations

import pandas as pd

from cache_core.learning.views import LearningViews
from cache_core.telemetry import Counts, Figures
from ui import words
from ui.frame import Frame

_READS = {"lookups": "int64", "hit_rate": "float64", "saved_s": "float64"}


def reads_of_users(frame: Frame) -> pd.DataFrame:
    """A row per user with reads in the chosen window: user (str), lookups (int), hit_rate (0 to 1),
    saved_s (seconds).

    Empty: reads are counted by namespace and not by user, and nothing is made up for them.
    """
    return pd.DataFrame({"user": pd.Series(dtype=str)} | _empty())


def reads_by_namespace(figures: Figures, views: LearningViews) -> pd.DataFrame:
    """A row per namespace whose answers are of one user: namespace (str), lookups (int), hit_rate
    (0 to 1, NaN without lookups), saved_s (seconds)."""
    names = [function.namespace for function in (views.stats, views.user, views.progress)]
    rows = [(name, *_figures(figures.totals.get(name, Counts()))) for name in names]
    return pd.DataFrame(rows, columns=["namespace", *_READS])


def with_reads(people: pd.DataFrame, reads: pd.DataFrame) -> pd.DataFrame:
    """The rows of `people` (column name) in their order, with the reads of each: lookups 0 and
    hit_rate NaN where a user's answers were not read."""
    joined = people.merge(reads, how="left", left_on="name", right_on="user").drop(columns="user")
    joined["lookups"] = joined["lookups"].fillna(0).astype(int)
    joined["saved_s"] = joined["saved_s"].fillna(0.0)
    return joined


def namespace_table(reads: pd.DataFrame) -> pd.DataFrame:
    """The reads of namespaces, ready to be shown."""
    return pd.DataFrame({"Namespace": reads["namespace"], **_shown(reads)})


def people_table(people: pd.DataFrame) -> pd.DataFrame:
    """A row per user, ready to be shown: effectiveness and, where counted, what the cache did."""
    table = pd.DataFrame(
        {
            "User": people["name"],
            "Effectiveness": people["mean"] * 100,
            "95 % interval": [
                f"{low * 100:.0f} to {high * 100:.0f} %"
                for low, high in zip(people["low"], people["high"], strict=True)
            ],
            "Outcomes": people["outcomes"],
            "Trend a week": [
                words.DASH if pd.isna(trend) else f"{trend:+.2f} pt" for trend in people["trend"]
            ],
        }
    )
    return table.assign(**_shown(people)) if "lookups" in people else table


def describe_people(people: pd.DataFrame) -> str:
    """What the table of users shows, for those who cannot see it."""
    means = zip(people["name"], people["mean"], strict=True)
    parts = [f"{name} {words.percent(mean)}" for name, mean in means]
    return "Effectiveness of the most active users: " + ", ".join(parts[:8]) + "."


def _shown(reads: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "Lookups": reads["lookups"],
        "Hit rate": reads["hit_rate"] * 100,
        "Time saved": reads["saved_s"].map(words.duration),
    }


def _figures(counts: Counts) -> tuple[int, float, float]:
    rate = counts.hit_rate
    return counts.lookups, float("nan") if rate is None else rate, counts.saved_s


def _empty() -> dict[str, pd.Series]:
    return {name: pd.Series(dtype=kind) for name, kind in _READS.items()}
