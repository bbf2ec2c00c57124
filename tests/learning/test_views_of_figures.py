"""What the pages make of the figures: frames, charts and words. No page is run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cache_core import Read
from cache_core.learning.dashboard import NamedEstimate, Period, WeekPoint
from cache_core.learning.intervals import Change, Estimate, Sums, change, estimate
from cache_core.learning.patterns import Pattern
from ui import learning_charts, learning_frames
from ui.served import served, served_together

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
HALF = Estimate(0.5, 0.4, 0.6, 96, "Wilson")


def _weeks(*numbers: int) -> list[WeekPoint]:
    return [WeekPoint(MONDAY + timedelta(weeks=number), HALF) for number in numbers]


def _pattern(difference: float, half: float, stands_out: bool) -> Pattern:
    lift = Change(difference, difference - half, difference + half)
    return Pattern("step by step", 8, 20, HALF, HALF, lift, stands_out)


def _read(outcome: str, source_s: float = 0.21, age_s: float = 0.0) -> Read[int]:
    return Read(1, outcome, age_s, 100.0, source_s, "key")  # type: ignore[arg-type]


def test_weeks_without_outcomes_stay_gaps() -> None:
    frame = learning_frames.week_frame(_weeks(0, 1, 4))
    assert len(frame) == 5
    assert frame["mean"].isna().tolist() == [False, False, True, True, False]
    assert frame["outcomes"].tolist() == [96, 96, 0, 0, 96]


def test_the_weekly_chart_has_a_fixed_scale_and_draws_lone_weeks() -> None:
    frame = learning_frames.week_frame(_weeks(0, 1, 4))
    chart = learning_charts.week_chart(frame).to_dict()
    scales = [layer["encoding"]["y"].get("scale") for layer in chart["layer"]]
    assert scales[0] == {"domain": [0, 1]} == scales[2]
    lone = chart["datasets"][chart["layer"][1]["data"]["name"]]
    assert [row["week"][:10] for row in lone] == ["2026-06-29"]


def test_estimates_keep_their_order_in_the_chart() -> None:
    frame = learning_frames.estimate_frame([NamedEstimate("b", HALF), NamedEstimate("a", HALF)])
    chart = learning_charts.estimate_chart(frame).to_dict()
    assert chart["layer"][0]["encoding"]["y"]["sort"] == ["b", "a"]


def test_charts_leave_their_frame_unchanged() -> None:
    frame = learning_frames.lift_frame([_pattern(0.2, 0.1, True)])
    before = frame.copy()
    learning_charts.lift_chart(frame).to_dict()
    assert frame.equals(before)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (_pattern(0.2, 0.1, True), "▲ better"),
        (_pattern(-0.2, 0.1, True), "▼ worse"),
        (_pattern(0.2, 0.1, False), "△ better, may be chance"),
        (_pattern(0.1, 0.2, False), "– no clear difference"),
    ],
)
def test_a_verdict_says_no_more_than_the_interval(pattern: Pattern, words: str) -> None:
    assert learning_frames.verdict(pattern) == words


def test_intervals_get_a_decimal_only_where_they_are_narrow() -> None:
    assert learning_frames.with_interval(HALF) == "50 % (40 to 60 %)"
    assert learning_frames.with_interval(estimate(Sums(10_000, 5_000, 5_000))) == (
        "50.0 % (49.0 to 51.0 %)"
    )
    assert learning_frames.with_interval(None) == "–"


def test_an_unclear_change_is_not_called_up_or_down() -> None:
    unclear = change(HALF, Estimate(0.52, 0.42, 0.62, 96, "Wilson"))
    assert learning_frames.change_in_words(unclear).startswith("no clear change, -2.0 points")
    assert learning_frames.change_in_words(Change(0.1, 0.05, 0.15)).startswith("up 10.0 points")
    assert learning_frames.change_in_words(None) == "nothing to compare with"


def test_the_headline_says_when_there_is_nothing_before() -> None:
    period = Period(MONDAY, HALF, None, None)
    assert "no data of the 28 days before" in learning_frames.headline("ada", HALF, period)
    assert "no trend" in learning_frames.headline("ada", HALF, None)


def test_the_headline_gives_no_percentage_of_a_few_outcomes() -> None:
    one = estimate(Sums(1, 1, 1))
    thin = learning_frames.headline("ada", HALF, Period(MONDAY, one, HALF, change(one, HALF)))
    assert thin.endswith(" The last 28 days of data hold 1 outcome, too few to say more.")
    before = learning_frames.headline("ada", HALF, Period(MONDAY, HALF, one, change(HALF, one)))
    assert before.endswith("; the 28 days before hold 1 outcome, too few to compare.")


def test_the_headline_gives_the_interval_and_how_many_outcomes() -> None:
    text = learning_frames.headline("ada", HALF, Period(MONDAY, HALF, HALF, change(HALF, HALF)))
    assert "The last 28 days of data: 50 % (40 to 60 %) in 96 outcomes: no clear change" in text
    assert text.endswith("on the 28 days before (96 outcomes).")


def test_charts_write_percentages_and_minus_signs_as_the_page_does() -> None:
    frame = learning_frames.estimate_frame([NamedEstimate("a", HALF)])
    for chart in (
        learning_charts.estimate_chart(frame),
        learning_charts.week_chart(learning_frames.week_frame(_weeks(0, 1))),
    ):
        numbers = chart.to_dict()["config"]["locale"]["number"]
        assert (numbers["percent"], numbers["minus"]) == (" %", "-")
    assert learning_frames.describe_estimates(frame, "Mean") == "Mean: a 50 %."


def test_names_have_no_meaning_as_markdown() -> None:
    assert "\\*\\*" in learning_frames.headline("**ada**", HALF, None)
    assert learning_frames.plain("[x](y) $1$") == "\\[x\\](y) \\$1\\$"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (_read("miss"), "computed in 210 ms"),
        (_read("bypass"), "computed in 210 ms, past the cache"),
        (_read("hit", age_s=42.0), "served from cache, 42 s old, saved 180 ms"),
        (_read("hit", source_s=0.01), "served from cache"),
        (
            _read("stale", age_s=42.0),
            "served from cache (stale, being refreshed), 42 s old, saved 180 ms",
        ),
    ],
)
def test_how_an_answer_was_served(read: Read[int], words: str) -> None:
    assert served(read, took_s=0.03) == words


@pytest.mark.parametrize(
    ("outcomes", "end"),
    [
        (["bypass", "bypass"], "2 parts computed in 210 ms, past the cache"),
        (["miss", "bypass"], "2 parts computed in 210 ms, 1 of them past the cache"),
        (["hit", "bypass"], "; 1 computed in 210 ms, past the cache"),
    ],
)
def test_parts_that_went_past_the_cache_are_told(outcomes: list[str], end: str) -> None:
    assert served_together([_read(outcome) for outcome in outcomes]).endswith(end)


def test_answers_put_together_tell_of_their_parts() -> None:
    both = served_together([_read("hit", age_s=9.0), _read("miss", 0.1), _read("miss", 0.1)])
    assert (
        both == "1 of 3 parts served from cache, up to 9 s old, saved 210 ms; 2 computed in 100 ms"
    )
