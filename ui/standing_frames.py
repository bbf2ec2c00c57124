"""Who does well at what, and who gets better: frames, tables and words. Nothing here draws."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cache_core.learning.intervals import Change
from cache_core.learning.patterns import Pattern
from cache_core.learning.standings import Cell, Standings, UserStanding
from ui import words
from ui.learning_frames import (
    BETTER,
    FEW,
    NO_DIFFERENCE,
    TOO_FEW,
    WORSE,
    plain,
    verdict_of,
    with_interval,
)

_SAID_MAX = 6


def cell_frame(found: Standings) -> pd.DataFrame:
    """A row per user and category with an outcome: user, category, verdict, label (str), mean, low,
    high (0 to 1), outcomes (int), difference, from, to (points against everybody else in the
    category; NaN where nobody else is there)."""
    rows = [
        (
            cell.user,
            cell.category,
            cell_verdict(cell),
            _label(cell),
            cell.mine.mean,
            cell.mine.low,
            cell.mine.high,
            cell.mine.count,
            *_in_points(cell.change),
        )
        for cell in found.cells
    ]
    columns = ["user", "category", "verdict", "label", "mean", "low", "high", "outcomes"]
    return pd.DataFrame(rows, columns=[*columns, "difference", "from", "to"])


def cell_table(found: Standings) -> pd.DataFrame:
    """A row per user and category, ready to be shown: what stands out first."""
    return pd.DataFrame(
        [
            {
                "User": cell.user,
                "Category": cell.category,
                "Verdict": cell_verdict(cell),
                "Mean outcome": with_interval(cell.mine),
                "Outcomes": cell.mine.count,
                "Everybody else": with_interval(cell.others),
                "Difference": words.DASH if cell.change is None else _signed(cell.change),
            }
            for cell in sorted(found.cells, key=_telling)
        ]
    )


def cell_verdict(cell: Cell) -> str:
    """What the numbers allow to say of a user in a category."""
    if not cell.is_enough or cell.change is None:
        return TOO_FEW
    return verdict_of(cell.change, cell.stands_out)


def standing_out(found: Standings) -> list[str]:
    """A sentence (Markdown) for each user and category that stands out, the clearest first."""
    return [
        f"**{plain(cell.user)}** in **{plain(cell.category)}**: {with_interval(cell.mine)} in "
        f"{words.plural(cell.mine.count, 'outcome')}, everybody else {with_interval(cell.others)}, "
        f"which makes {_worded(cell.change)}."
        for cell in sorted(found.cells, key=_telling)
        if cell.stands_out
    ][:_SAID_MAX]


def what_works(found: Standings, patterns: Iterable[Pattern]) -> str:
    """One sentence (Markdown): for whom what works best and worst, and which phrases matter."""
    cells = [cell for cell in sorted(found.cells, key=_telling) if cell.stands_out]
    best = next((cell for cell in cells if _difference(cell) > 0), None)
    worst = next((cell for cell in cells if _difference(cell) < 0), None)
    clear = [pattern for pattern in patterns if pattern.stands_out]
    helps = max(clear, key=lambda item: item.lift.difference, default=None)
    hurts = min(clear, key=lambda item: item.lift.difference, default=None)
    parts = [
        f"{plain(cell.user)} does {word} than others in {plain(cell.category)} "
        f"({_difference(cell) * 100:+.0f} points)"
        for cell, word in ((best, "better"), (worst, "worse"))
        if cell is not None
    ]
    parts += [
        f"“{plain(item.phrase)}” {word} ({item.lift.difference * 100:+.0f} points)"
        for item, word in ((helps, "helps most"), (hurts, "hurts most"))
        if item is not None and (item.lift.difference > 0) == (word == "helps most")
    ]
    if not parts:
        return "No user, category or phrase stands out from the others so far."
    return f"What stands out: {'; '.join(parts)}."


def describe_cells(frame: pd.DataFrame) -> str:
    """What the grid of users and categories shows, for those who cannot see it."""
    parts = [
        f"{row.user} in {row.category} {words.percent(row.mean)}, {row.difference:+.0f} points"
        for row in frame[frame["verdict"].isin([BETTER, WORSE])].itertuples()
    ]
    told = "; ".join(parts[:8]) if parts else "none stands out"
    size = f"{frame['user'].nunique()} users by {frame['category'].nunique()} categories"
    return f"Mean outcome of {size}, against everybody else in the category: {told}."


def people_frame(found: Standings) -> pd.DataFrame:
    """A row per user, most active first: name, mean, low, high (0 to 1), outcomes (int), trend,
    trend_low, trend_high (points a week, NaN without a trend), verdict (str)."""
    rows = [
        (
            user.name,
            user.overall.mean,
            user.overall.low,
            user.overall.high,
            user.overall.count,
            *_trend_in_points(user),
            trend_verdict(user),
        )
        for user in found.users
    ]
    columns = ["name", "mean", "low", "high", "outcomes", "trend", "trend_low", "trend_high"]
    return pd.DataFrame(rows, columns=[*columns, "verdict"])


def trend_verdict(user: UserStanding) -> str:
    """Whether a user gets better, as far as the interval allows to say."""
    if user.overall.count < FEW or user.trend is None:
        return TOO_FEW
    if user.trend.low > 0:
        return BETTER
    return WORSE if user.trend.high < 0 else NO_DIFFERENCE


def people_sentence(found: Standings) -> str:
    """One sentence (Markdown): how many of the users get better, and who most."""
    verdicts = [trend_verdict(user) for user in found.users]
    better, worse, few = (verdicts.count(word) for word in (BETTER, WORSE, TOO_FEW))
    of = words.plural(len(found.users), "user")
    told = f"**{better} of {of} clearly {'gets' if better == 1 else 'get'} better"
    told += f", {worse} {'gets' if worse == 1 else 'get'} worse.**"
    if few:
        told += f" {few} {'has' if few == 1 else 'have'} too few outcomes to say."
    slopes = [
        (user.trend, user.name)
        for user, word in zip(found.users, verdicts, strict=True)
        if word == BETTER and user.trend is not None
    ]
    if slopes:
        most, name = max(slopes, key=lambda item: item[0].per_week)
        told += (
            f" Most: {plain(name)}, {most.per_week * 100:+.2f} points a week (95 % interval "
            f"{most.low * 100:+.2f} to {most.high * 100:+.2f})."
        )
    return told


def trend_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The trends of `people_frame`, ready to be shown."""
    known = frame.dropna(subset=["trend"])
    return pd.DataFrame(
        {
            "User": known["name"],
            "Verdict": known["verdict"],
            "Trend a week": [f"{trend:+.2f} pt" for trend in known["trend"]],
            "95 % interval": [
                f"{low:+.2f} to {high:+.2f} pt"
                for low, high in zip(known["trend_low"], known["trend_high"], strict=True)
            ],
            "Outcomes": known["outcomes"],
        }
    )


def describe_trends(frame: pd.DataFrame) -> str:
    """What the chart of trends shows, for those who cannot see it."""
    known = frame.dropna(subset=["trend"])
    slopes = zip(known["name"], known["trend"], strict=True)
    parts = [f"{name} {trend:+.2f}" for name, trend in slopes]
    return "Change of the outcome in points a week: " + (", ".join(parts) or "no trend") + "."


def _label(cell: Cell) -> str:
    """What stands in the grid: the mean and its mark, or how many there are where they are few."""
    verdict = cell_verdict(cell)
    if verdict == TOO_FEW:
        return f"n {cell.mine.count}"
    mark = "" if verdict == NO_DIFFERENCE else f" {verdict[0]}"
    return f"{cell.mine.mean * 100:.0f}{mark}"


def _difference(cell: Cell) -> float:
    return 0.0 if cell.change is None else cell.change.difference


def _telling(cell: Cell) -> tuple[bool, bool, float, str, str]:
    return (
        not cell.stands_out,
        not cell.is_enough,
        -abs(_difference(cell)),
        cell.user,
        cell.category,
    )


def _in_points(found: Change | None) -> tuple[float, float, float]:
    if found is None:
        return (float("nan"),) * 3
    return found.difference * 100, found.low * 100, found.high * 100


def _trend_in_points(user: UserStanding) -> tuple[float, float, float]:
    if user.trend is None:
        return (float("nan"),) * 3
    return user.trend.per_week * 100, user.trend.low * 100, user.trend.high * 100


def _worded(found: Change | None) -> str:
    """ "18.3 points better (95 % interval +9.1 to +26.2)"."""
    if found is None:
        return words.DASH
    side = "better" if found.difference > 0 else "worse"
    interval = f"(95 % interval {found.low * 100:+.1f} to {found.high * 100:+.1f})"
    return f"{abs(found.difference) * 100:.1f} points {side} {interval}"


def _signed(found: Change) -> str:
    low, high = found.low * 100, found.high * 100
    return f"{found.difference * 100:+.1f} pt ({low:+.1f} to {high:+.1f})"
