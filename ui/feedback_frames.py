"""What the cache saved beside how instructions fared: frames, tables and words. Nothing here draws
or reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from cache_core.learning.intervals import ENOUGH, Change, Estimate, Sums, change, estimate
from cache_core.telemetry.periods import HOUR_S
from cache_core.telemetry.saved import Saved, SavedSpan
from ui import words
from ui.feedback_span import Chosen
from ui.learning_frames import change_in_words, plain, with_interval

KNOWN, UNKNOWN, TO_COME = "known", "not known", "to come"


@dataclass(frozen=True, slots=True)
class Feedback:
    """Of one user, or of all (`user` None), over a span and over as many hours before it.

    `outcomes`: of each step. `namespace`: the one whose reads are meant, None for all.
    """

    user: str | None
    chosen: Chosen
    namespace: str | None
    saved: SavedSpan
    saved_before: SavedSpan
    outcomes: Sequence[Sums]
    outcomes_before: Sequence[Sums]

    @property
    def total(self) -> Saved:
        """What was saved in the span."""
        return self.saved.total(self.namespace)

    @property
    def total_before(self) -> Saved | None:
        """What was saved before it; None where no read, or not all of them, could be known."""
        if self.user is not None and not self._has_groups(self.saved_before.span.first):
            return None
        total = self.saved_before.total(self.namespace)
        return total if total.lookups else None

    @property
    def effect(self) -> Estimate | None:
        """Mean outcome in the span."""
        return estimate(sum(self.outcomes, Sums()))

    @property
    def effect_before(self) -> Estimate | None:
        """Mean outcome before it."""
        return estimate(sum(self.outcomes_before, Sums()))

    @property
    def effect_change(self) -> Change | None:
        """Of the mean outcome; None with fewer than ten outcomes on either side."""
        now, then = self.effect, self.effect_before
        if now is None or then is None or min(now.count, then.count) < ENOUGH:
            return None
        return change(now, then)

    def state(self, at: int) -> str:
        """Whether what was saved in a step is known."""
        span = self.saved.span
        first = span.first + at * span.step_hours
        if first * HOUR_S > self.chosen.now_s:
            return TO_COME
        if not self.saved.hours_known[at]:
            return UNKNOWN
        if self.user is not None and not self._has_groups(first + span.step_hours - 1):
            return UNKNOWN
        return KNOWN

    def _has_groups(self, hour: int) -> bool:
        """Whether reads by user were kept in this hour already."""
        begin = self.saved.groups_from
        return begin is not None and begin <= hour


def step_frame(found: Feedback) -> pd.DataFrame:
    """A row per step, none left out: at, until (UTC), state (str), hours_known (int), saved_s
    (seconds), lookups, hit_rate (0 to 1), these three NaN where not known; mean, low, high (0 to 1,
    NaN without outcomes), outcomes (int)."""
    rows = []
    span = found.saved.span
    for at, sums in enumerate(found.outcomes):
        begin_s = (span.first + at * span.step_hours) * HOUR_S
        saved, state, figure = (
            found.saved.step(at, found.namespace),
            found.state(at),
            estimate(sums),
        )
        is_known = state == KNOWN
        rows.append(
            {
                "at": pd.Timestamp(begin_s, unit="s", tz="UTC"),
                "until": pd.Timestamp(begin_s + span.step_hours * HOUR_S, unit="s", tz="UTC"),
                "state": state,
                "hours_known": found.saved.hours_known[at] if is_known else 0,
                "saved_s": saved.saved_s if is_known else None,
                "lookups": saved.lookups if is_known else None,
                "hit_rate": saved.hit_rate if is_known else None,
                "mean": figure.mean if figure else None,
                "low": figure.low if figure else None,
                "high": figure.high if figure else None,
                "outcomes": sums.count,
            }
        )
    frame = pd.DataFrame(rows)
    numbers = ["saved_s", "lookups", "hit_rate", "mean", "low", "high"]
    frame[numbers] = frame[numbers].astype(float)
    return frame


def step_table(frame: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """The steps in words, the newest first; without those to come."""
    begun = frame[frame["state"] != TO_COME][::-1]
    times = begun["at"].dt.strftime("%Y-%m-%d %H:%M" if chosen.step == "hour" else "%Y-%m-%d")
    return pd.DataFrame(
        {
            f"{chosen.step.capitalize()} (UTC)": times,
            "Time saved": [_known(value, words.duration) for value in begun["saved_s"]],
            "Lookups": [_known(value, lambda n: words.count(int(n))) for value in begun["lookups"]],
            "Hit rate": [_known(value, words.percent) for value in begun["hit_rate"]],
            "Hours known": begun["hours_known"],
            "Mean outcome": [
                words.DASH
                if pd.isna(mean)
                else f"{mean * 100:.0f} % ({low * 100:.0f} to {high * 100:.0f} %)"
                for mean, low, high in zip(begun["mean"], begun["low"], begun["high"], strict=True)
            ],
            "Outcomes": begun["outcomes"],
        }
    )


def namespace_table(found: Feedback) -> pd.DataFrame:
    """A row per namespace, those that saved most first."""
    return pd.DataFrame(
        [
            (
                name,
                words.duration(saved.saved_s),
                words.count(saved.lookups),
                words.percent(saved.hit_rate),
            )
            for name, saved in found.saved.by_namespace().items()
            if saved.lookups
        ],
        columns=["Namespace", "Time saved", "Lookups", "Hit rate"],
    )


def sentence(found: Feedback) -> str:
    """What the cache saved and how instructions fared, and how both were before."""
    return f"{_saved_sentence(found)} {_effect_sentence(found)}"


def _saved_sentence(found: Feedback) -> str:
    total, kind = found.total, found.chosen.kind
    whose = "all users" if found.user is None else plain(found.user)
    if not total.lookups:
        return f"**No reads of {whose} are known in these {kind}.**"
    lookups = words.plural(total.lookups, "lookup")
    said = (
        f"**The cache saved {whose} {words.duration(total.saved_s)} in these {kind}** "
        f"({words.percent(total.hit_rate)} of {lookups} from the cache"
    )
    before = found.total_before
    if before is None:
        return f"{said}; of the {kind} before, too little is known)."
    return f"{said}; {words.duration(before.saved_s)} in the {kind} before)."


def _effect_sentence(found: Feedback) -> str:
    now = found.effect
    if now is None:
        return "No outcome with a time lies in them."
    said = f"Over the same time the mean outcome was **{with_interval(now)}**"
    count = words.plural(now.count, "outcome")
    if now.count < ENOUGH:
        return f"{said} in {count}: too few to say how instructions fared."
    if found.effect_change is None:
        return f"{said} in {count}; before, too few to compare."
    return f"{said} in {count}, {change_in_words(found.effect_change)} on the time before."


def named_sentence(found: Feedback) -> str:
    """What part of what was saved is known by user, so that no lower bound is taken for all."""
    whole = found.saved.whole
    if whole.named_share is None:
        return "Nothing was saved in these namespaces, so there is nothing to name."
    return (
        f"**{words.percent(whole.named_share)} of the {words.duration(whole.saved_s)}** that these "
        "namespaces saved in all is known by user (or is of answers for everybody); of a user it "
        "is a lower bound: each process tells only those who stand out in an hour."
    )


def describe_saved(frame: pd.DataFrame, chosen: Chosen) -> str:
    """What the chart of time saved shows, for those who cannot see it."""
    known = frame.dropna(subset=["saved_s"])
    unknown = int((frame["state"] == UNKNOWN).sum())
    gaps = f" Of {words.plural(unknown, chosen.step)} nothing is known." if unknown else ""
    if known.empty:
        return f"Time saved by the {chosen.step}: nothing is known.{gaps}"
    most = known.loc[known["saved_s"].idxmax()]
    return (
        f"Time saved by the {chosen.step}: {words.duration(float(known['saved_s'].sum()))} in all, "
        f"most on {most['at']:%Y-%m-%d %H:%M} with {words.duration(float(most['saved_s']))}.{gaps}"
    )


def describe_outcomes(frame: pd.DataFrame, chosen: Chosen) -> str:
    """What the chart of outcomes shows, for those who cannot see it."""
    known = frame.dropna(subset=["mean"])
    if known.empty:
        return f"Mean outcome by the {chosen.step}: nothing was recorded."
    return (
        f"Mean outcome by the {chosen.step}: first {words.percent(known['mean'].iloc[0])}, last "
        f"{words.percent(known['mean'].iloc[-1])}, lowest {words.percent(known['mean'].min())}, "
        f"highest {words.percent(known['mean'].max())}."
    )


def _known(value: float, say: Callable[[float], str]) -> str:
    return words.DASH if pd.isna(value) else say(value)
