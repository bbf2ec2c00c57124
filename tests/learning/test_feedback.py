"""What the cache saved beside how instructions fared: over the same hours, per user."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.learning.feedback import outcomes_by_step
from cache_core.learning.intervals import Sums, sums_of
from cache_core.learning.record import record_outcome
from cache_core.learning.tags import is_own_group, user_group
from cache_core.learning.views import LearningViews
from cache_core.stores import open_store
from cache_core.telemetry.saved import Saved, SavedSpan, Span
from tests.learning.data import import_rows, row
from ui import feedback_charts, feedback_frames
from ui.feedback_frames import KNOWN, TO_COME, UNKNOWN, Feedback
from ui.feedback_span import Chosen, chosen_span

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
FIRST = int(MONDAY.timestamp()) // 3600


def at(hours: float) -> str:
    return (MONDAY + timedelta(hours=hours)).isoformat()


def test_outcomes_are_summed_by_step_and_user(engine: Engine) -> None:
    import_rows(
        engine,
        [
            row("ada", outcome=1, ts=at(-0.001)),
            row("ada", outcome=1, ts=at(0)),
            row("ada", outcome=0.5, ts=at(23.9)),
            row("boris", outcome=0, ts=at(24)),
            row("ada", outcome=0.25, ts=at(49)),
            row("ada", outcome=1, ts=at(72)),
            row("ada", outcome=1, ts=None),
        ],
    )
    assert outcomes_by_step(engine, "ada", FIRST, 72, 24) == [
        sums_of([1, 0.5]),
        Sums(),
        sums_of([0.25]),
    ]
    assert outcomes_by_step(engine, None, FIRST, 72, 24)[1] == sums_of([0])
    assert outcomes_by_step(engine, None, FIRST, 60, 24)[2] == sums_of([0.25]), "a short last step"
    assert outcomes_by_step(engine, "zoe", FIRST, 72, 24) == [Sums()] * 3


def test_outcomes_by_step_are_cached_until_one_of_that_user_is_recorded(engine: Engine) -> None:
    import_rows(engine, [row("ada", ts=at(1)), row("boris", ts=at(2))])
    cache = Cache(open_store("memory://", prefix="feedback"))
    views = LearningViews(cache, engine)
    asked = (FIRST, 24, 24)
    for user in ("ada", "boris", None):
        views.by_step(user, *asked)
    views.record_outcome("ada", "Write a poem", "writing", 0.5, MONDAY)
    assert views.by_step.read("boris", *asked).outcome == "hit"
    assert views.by_step.read("ada", *asked).value == [sums_of([1, 0.5])]
    assert views.by_step.read(None, *asked).value == [sums_of([1, 1, 0.5])]
    cache.close()


def test_the_views_know_which_of_their_reads_are_counted_by_user(sqlite_engine: Engine) -> None:
    cache = Cache(open_store("memory://", prefix="feedback"))
    views = LearningViews(cache, sqlite_engine)
    assert set(views.namespaces) == set(cache.namespaces())
    record_outcome(sqlite_engine, "ada", "Write a poem", "writing", 1, MONDAY)
    views.by_step("ada", FIRST, 24, 24)
    assert set(views.of_users) < set(views.namespaces)
    cache.close()


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        (user_group("ada"), True),
        ("everybody", True),
        ("user ada", False),
        ("user 0011aabb and more", False),
        ("#0011aabb", False),
        ("Ann Müller", False),
    ],
)
def test_only_digests_of_users_are_kept_for_long(name: str, is_kept: bool) -> None:
    assert is_own_group(name) is is_kept


# Frames and words


def feedback(
    *,
    user: str | None = "ada",
    saved: list[Saved] | None = None,
    before: Saved | None = None,
    outcomes: list[Sums] | None = None,
    outcomes_before: Sums | None = None,
    groups_from: int | None = FIRST - 1_000,
    known: tuple[int, ...] = (24, 24, 24),
) -> Feedback:
    """Three days, of which half of the last one is to come."""
    span = Span(FIRST, 72, 24)
    steps = saved or [Saved(10, 5, 2_000_000), Saved(), Saved(10, 0, 4_000_000)]
    whole = Saved(40, 5, 12_000_000, 9_000_000)
    now = SavedSpan(span, tuple({"user.data": one} for one in steps), known, whole, groups_from)
    then = SavedSpan(span.before, ({"user.data": before or Saved()},), (72,), whole, groups_from)
    chosen = Chosen("3 days", span, (FIRST + 60) * 3600.0)
    found = outcomes or [sums_of([1.0] * 8 + [0.0] * 4), Sums(), sums_of([0.5])]
    return Feedback(user, chosen, None, now, then, found, [outcomes_before or Sums()])


def test_a_row_per_step_has_what_was_saved_beside_the_mean_outcome() -> None:
    frame = feedback_frames.step_frame(feedback())
    assert frame["at"].tolist() == [pd.Timestamp(MONDAY) + pd.Timedelta(days=n) for n in range(3)]
    assert frame["saved_s"].tolist() == [2.0, 0.0, 4.0]
    assert frame["hit_rate"].iloc[[0, 2]].tolist() == [0.5, 1.0]
    assert frame["mean"].iloc[[0, 2]].tolist() == pytest.approx([2 / 3, 0.5])
    assert frame["mean"].isna().tolist() == [False, True, False]
    assert frame["outcomes"].tolist() == [12, 0, 1]


def test_what_is_not_known_is_told_from_nothing_and_from_what_is_to_come() -> None:
    found = feedback(known=(0, 24, 24), groups_from=FIRST + 30)
    assert [found.state(n) for n in range(3)] == [UNKNOWN, KNOWN, KNOWN]
    assert feedback(groups_from=None).state(1) == UNKNOWN
    assert feedback(user=None, groups_from=None).state(1) == KNOWN, "all reads need no names"
    early = replace(feedback(), chosen=Chosen("", Span(FIRST, 72, 24), 0.0))
    assert early.state(0) == TO_COME


def test_the_sentence_says_what_was_saved_and_how_instructions_fared() -> None:
    told = feedback_frames.sentence(
        feedback(
            before=Saved(10, 9, 1_000_000),
            outcomes=[sums_of([1.0] * 30), Sums(), Sums()],
            outcomes_before=sums_of([1.0] * 10 + [0.0] * 20),
        )
    )
    assert told.startswith(
        "**The cache saved ada 6 s in these 3 days** (75 % of 20 lookups from the cache; 1 s in "
        "the 3 days before). Over the same time the mean outcome was **100 % (89 to 100 %)** in "
        "30 outcomes, up 66.7 points (95 % interval"
    )


def test_too_little_is_said_to_be_so() -> None:
    told = feedback_frames.sentence(feedback(outcomes=[sums_of([1, 0]), Sums(), Sums()]))
    assert "of the 3 days before, too little is known)" in told
    assert "in 2 outcomes: too few to say how instructions fared." in told
    nothing = feedback(saved=[Saved()] * 3, outcomes=[Sums()] * 3)
    assert feedback_frames.sentence(nothing) == (
        "**No reads of ada are known in these 3 days.** No outcome with a time lies in them."
    )
    some = feedback_frames.sentence(feedback(before=Saved(1, 1)))
    assert "in 13 outcomes; before, too few to compare." in some
    assert feedback(groups_from=FIRST, before=Saved(9, 1)).total_before is None


def test_what_part_is_known_by_user_is_said() -> None:
    told = feedback_frames.named_sentence(feedback())
    assert told.startswith("**75 % of the 12 s** that these namespaces saved in all is known")
    assert "a lower bound" in told


def test_the_panels_share_their_time_and_mark_what_is_thin_or_not_known() -> None:
    frame = feedback_frames.step_frame(feedback(known=(0, 24, 24)))
    before = frame.copy()
    saved = feedback_charts.saved_chart(frame, "day").to_dict()
    outcomes = feedback_charts.outcome_chart(frame, "day").to_dict()
    assert frame.equals(before)
    unknown, bars = saved["layer"]
    assert len(saved["datasets"][unknown["data"]["name"]]) == 1
    values = [one["value"] for one in saved["datasets"][bars["data"]["name"]]]
    assert values == [0.0, 4.0]
    domains = {
        str(layer["encoding"]["x"]["scale"]["domain"])
        for layer in (*saved["layer"], *outcomes["layer"])
    }
    assert len(domains) == 1
    dots = outcomes["layer"][-1]
    rows = outcomes["datasets"][dots["data"]["name"]]
    assert [one["enough"] for one in rows] == [True, False]


@pytest.mark.parametrize(
    ("most_s", "unit"),
    [
        (0.0, "seconds"),
        (0.004, "milliseconds"),
        (59.0, "seconds"),
        (61.0, "minutes"),
        (7e3, "hours"),
    ],
)
def test_the_unit_is_one_of_which_there_is_at_least_one(most_s: float, unit: str) -> None:
    frame = pd.DataFrame({"saved_s": [most_s, float("nan")]})
    assert feedback_charts.unit_of(frame) == unit


def test_spans_end_with_the_day_or_the_week_that_was_chosen() -> None:
    thursday = datetime(2026, 6, 4, tzinfo=UTC).date()
    days, weeks = chosen_span("2 weeks", thursday, 0.0), chosen_span("12 weeks", thursday, 0.0)
    assert (str(days.begin), str(days.last), days.step) == ("2026-05-22", "2026-06-04", "day")
    assert (str(weeks.begin), str(weeks.last), weeks.step) == ("2026-03-16", "2026-06-07", "week")
    assert weeks.span.steps == 12
    hours = chosen_span("2 days", thursday, 0.0)
    assert (str(hours.begin), hours.span.steps) == ("2026-06-03", 48)
