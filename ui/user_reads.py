"""What the cache did for each user over the chosen window, beside how effective the user is."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cache_core.learning.tags import user_group
from cache_core.telemetry import GroupFigures
from ui import words


def reads_of_users(
    figures: GroupFigures, namespaces: Sequence[str], users: Sequence[str]
) -> pd.DataFrame:
    """A row for each of `users` whose reads stand out: user (str), lookups (int), hit_rate (0 to
    1), saved_s (seconds). What a user's answers are counted under is `user_group`."""
    rows = []
    for user in users:
        name = user_group(user)
        found = [
            of.groups[name]
            for namespace, of in figures.namespaces.items()
            if namespace in namespaces and name in of.groups
        ]
        if lookups := sum(counts.lookups for counts in found):
            missed = sum(counts.misses for counts in found)
            saved_s = sum(counts.saved_s for counts in found)
            rows.append((user, lookups, 1 - missed / lookups, saved_s))
    return pd.DataFrame(rows, columns=["user", "lookups", "hit_rate", "saved_s"])


def with_reads(people: pd.DataFrame, reads: pd.DataFrame) -> pd.DataFrame:
    """The rows of `people` (column name) in their order, with the reads of each; NaN where none
    are counted."""
    return people.merge(reads, how="left", left_on="name", right_on="user").drop(columns="user")


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
    if "lookups" not in people:
        return table
    return table.assign(
        **{
            "Lookups": people["lookups"].astype("Int64"),
            "Hit rate": people["hit_rate"] * 100,
            "Time saved": [
                words.duration(None if pd.isna(saved_s) else saved_s)
                for saved_s in people["saved_s"]
            ],
        }
    )


def describe_people(people: pd.DataFrame) -> str:
    """What the table of users shows, for those who cannot see it."""
    means = zip(people["name"], people["mean"], strict=True)
    parts = [f"{name} {words.percent(mean)}" for name, mean in means]
    return "Effectiveness of the most active users: " + ", ".join(parts[:8]) + "."
