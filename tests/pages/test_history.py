"""The History: a past day or week beside the one before, and what is not known of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from cache_core.events import ReadEvent
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.history import History
from cache_core.thresholds import Thresholds
from tests.cache.helpers import Clock, until
from tests.pages.conftest import Files, OpenApp, texts
from tests.servers.redis_server import RedisServer
from tests.telemetry.helpers import count
from ui import history_charts, history_frames
from ui.app import App
from ui.history_span import Span, span_of

Running = Callable[[], App]

HOUR_S = 3600
NO_EVENTS = pd.DataFrame(columns=["at", "mark", "what"])


def today() -> dt.date:
    """Asked anew each time: a run of all tests may pass midnight."""
    return dt.datetime.now(dt.UTC).date()


DAY = today() - dt.timedelta(days=3)


def at_hour(day: dt.date, hour: int) -> float:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC).timestamp()


def fill(app: App, reads: dict[tuple[dt.date, int], tuple[int, int]], name: str = "ns") -> None:
    """Hits and misses of hours, archived from a store that is gone since."""
    assert app.engine is not None
    store, clock = MemoryStore(), Clock()
    recorder = SharedRecorder(store, clock=clock, background=False)
    for (day, hour), (hits, misses) in sorted(reads.items()):
        clock.now = at_hour(day, hour) + 60.0
        count(recorder, hits=hits, misses=misses, namespace=name)
        recorder.flush()
        Archive(store, app.engine, clock=clock).bring_up_to_date()


@pytest.fixture
def two_days(open_app: OpenApp, running: Running) -> App:
    """75 % hits on DAY, 50 % the day before, in two hours each."""
    open_app()
    app = running()
    before = DAY - dt.timedelta(days=1)
    fill(
        app,
        {(before, 9): (10, 10), (before, 10): (20, 20), (DAY, 9): (30, 10), (DAY, 11): (60, 20)},
    )
    return app


def open_history(open_app: OpenApp, day: dt.date | None = None, **query: str) -> AppTest:
    """The page at a day, as a link to it would open it."""
    at = open_app()
    if day is not None:
        at.query_params["date"] = day.isoformat()
    for name, value in query.items():
        at.query_params[name] = value
    at = at.switch_page("pages/history.py").run()
    assert not at.exception
    return at


def charts_of(at: AppTest) -> list[dict[str, Any]]:
    return [json.loads(one.proto.spec) for one in at.get("vega_lite_chart")]


def history_of(app: App, span: Span) -> History:
    found = app.history(span.first_hour, span.hours, None)
    assert found is not None
    return found


def test_says_so_when_nothing_is_archived_yet(open_app: OpenApp) -> None:
    at = open_history(open_app)
    assert "No reads on" in at.info[0].value
    assert "Nothing is archived yet" in at.info[0].value
    assert len(charts_of(at)) == 1, "the coverage strip is there all the same"


def test_an_empty_day_says_where_the_history_begins(open_app: OpenApp, two_days: App) -> None:
    at = open_history(open_app, DAY - dt.timedelta(days=10))
    assert f"The history begins at {DAY - dt.timedelta(days=1)} 09:00 UTC" in at.info[0].value
    assert "24 hours are missing" in texts(at)


def test_says_so_when_caching_is_off(open_app: OpenApp) -> None:
    at = open_app("history", CACHE_ENABLED="off")
    assert not at.exception
    assert "Caching is off" in at.info[0].value


def test_a_day_beside_the_day_before(open_app: OpenApp, two_days: App) -> None:
    at = open_history(open_app, DAY)
    said = texts(at)
    assert "75 % of lookups were answered from the cache" in said
    assert "up 25.0 points from the day before" in said
    metrics = {metric.label: (metric.value, metric.delta) for metric in at.metric}
    assert metrics["Hit rate"] == ("75.0 %", "+25.0 pt")
    assert metrics["Reads"][0] == "120"
    table = at.dataframe[0].value.set_index("Figure")
    assert list(table.loc["Hit rate"]) == ["75.0 %", "50.0 %", "+25.0 pt"]
    assert list(table.loc["Reads"]) == ["120", "60", "+100 %"]
    rates, coverage, hits, outcomes, response = charts_of(at)
    assert rates["layer"][-1]["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert rates["layer"][0]["layer"][0]["encoding"]["y"]["field"] == "bound"
    assert coverage["layer"][0]["encoding"]["y"]["field"] == "state"
    assert hits["layer"][-1]["encoding"]["y"]["scale"]["type"] == "log"
    assert outcomes["layer"][0]["mark"]["type"] == "rect"
    assert response["layer"][-1]["encoding"]["y"]["scale"]["type"] == "log"


def test_too_few_lookups_are_not_judged(open_app: OpenApp, running: Running) -> None:
    open_app()
    fill(running(), {(DAY, 9): (3, 1)})
    at = open_history(open_app, DAY)
    said = texts(at)
    assert "Too early to judge this day:** 4 lookups; a rating needs 20" in said


def test_previous_and_next_go_from_day_to_day_and_week_to_week(
    open_app: OpenApp, two_days: App
) -> None:
    at = open_history(open_app, DAY)
    at.button[0].click().run()
    assert at.date_input(key="date").value == DAY - dt.timedelta(days=1)
    assert "50 % of lookups" in texts(at)
    at.button[1].click().run()
    assert at.date_input(key="date").value == DAY
    at.segmented_control(key="span").set_value("Week").run()
    at.button[0].click().run()
    assert not at.exception
    week = span_of("Week", DAY).before
    assert at.date_input(key="date").value == week.begin
    assert f"**{week.begin} to {week.last}**" in texts(at)


def test_there_is_no_next_day_after_today(open_app: OpenApp) -> None:
    at = open_history(open_app)
    assert [button.disabled for button in at.button[:2]] == [False, True]
    at = open_history(open_app, today() - dt.timedelta(days=400))
    assert [button.disabled for button in at.button[:2]] == [True, False]


@pytest.mark.parametrize("date", ["1969-01-01", "2999-01-01", "yesterday"])
def test_a_link_to_a_day_that_is_not_kept_shows_today(open_app: OpenApp, date: str) -> None:
    at = open_app()
    at.query_params["date"] = date
    at = at.switch_page("pages/history.py").run()
    assert not at.exception
    assert at.date_input(key="date").value == today()


def test_the_chosen_namespace_narrows_the_page(
    open_app: OpenApp, running: Running, two_days: App
) -> None:
    assert two_days.views is not None
    two_days.views.users()  # known to the frame, and without a past
    fill(two_days, {(DAY, 12): (7, 13)}, name="learning.users")
    two_days.forget_figures()
    at = open_history(open_app, DAY)
    at.selectbox(key="namespace").select("learning.users").run()
    assert not at.exception
    assert {metric.label: metric.value for metric in at.metric}["Reads"] == "20"
    assert "nothing was looked up the day before" in texts(at)


def test_today_has_what_is_in_the_store_and_not_archived_yet(
    open_app: OpenApp, running: Running
) -> None:
    open_app()
    app = running()
    assert app.views is not None
    for _ in range(30):
        app.views.users()
    at = open_history(open_app)
    assert {metric.label: metric.value for metric in at.metric}["Reads"] == "30"


def test_the_store_down_leaves_the_archive(
    open_app: OpenApp, own_redis_server: RedisServer, running: Running
) -> None:
    open_app(REDIS_URL=own_redis_server.url)
    app = running()
    assert until(lambda: app.archiver.last_s is not None)
    fill(app, {(DAY, 9): (30, 10)})
    own_redis_server.kill()
    app.forget_figures()
    at = open_history(open_app, DAY)
    assert "Redis is out of reach" in at.error[0].value
    assert "75 % of lookups" in texts(at)
    at = open_history(open_app)
    assert "not readable" in at.info[0].value
    assert "in the store, out of reach" in texts(at)


def test_an_archive_that_is_behind_is_said(
    open_app: OpenApp, own_redis_server: RedisServer, running: Running
) -> None:
    open_app(REDIS_URL=own_redis_server.url)
    app = running()
    assert until(lambda: app.archiver.last_s is not None)
    own_redis_server.kill()
    assert not app.archiver.run_once()
    at = open_history(open_app)
    assert "The archive is behind" in at.warning[0].value
    assert "the store does not answer" in at.warning[0].value


def test_a_database_that_cannot_be_opened_is_said(open_app: OpenApp) -> None:
    at = open_app("history", DATABASE_URL="postgresql://ada:s3cret@127.0.0.1:1/none")
    assert not at.exception
    said = "".join(error.value for error in at.error)
    assert "The database cannot be used, so there is no history" in said
    assert "s3cret" not in said


def test_a_database_that_stops_answering_is_said(open_app: OpenApp, two_days: App) -> None:
    assert two_days.engine is not None
    with two_days.engine.begin() as connection:
        connection.execute(text("ALTER TABLE history_hours RENAME TO away"))
    at = open_history(open_app, DAY)
    assert "The database does not answer, so the past cannot be read" in at.error[0].value
    assert not at.metric


def test_the_app_archives_what_it_counted_when_it_is_closed(
    open_app: OpenApp, running: Running
) -> None:
    open_app()
    app = running()
    assert app.views is not None
    app.views.users()
    engine = app.engine
    assert engine is not None
    assert until(lambda: app.archiver.last_s is not None)
    app.close()
    with engine.connect() as connection:
        names = connection.execute(text("SELECT namespace FROM history_counts")).scalars().all()
    assert "learning.users" in names


def test_a_wrong_number_of_days_is_said(open_app: OpenApp) -> None:
    at = open_app(HISTORY_DAYS="0")
    assert not at.exception
    assert "HISTORY_DAYS" in at.error[0].value


# Frames, charts and the file


def test_gaps_stay_gaps_and_the_overlay_is_the_hour_a_day_before(two_days: App) -> None:
    span = span_of("Day", DAY)
    now, then = history_of(two_days, span), history_of(two_days, span.before)
    hours = history_frames.hour_frame(now, then)
    rates = history_frames.rate_frame(hours, span)
    assert len(hours) == 24
    assert hours["hit_rate"].notna().sum() == 2
    assert list(hours.loc[[9, 10, 11], "earlier_hit_rate"].fillna(-1)) == [0.5, 0.5, -1]
    assert list(hours.loc[[9, 10, 11], "hit_rate"].fillna(-1)) == [0.75, -1, 0.75]
    assert hours.loc[10, "state"] == "missing"
    assert pd.isna(hours.loc[10, "reads"]), "nothing known is not nothing read"
    spec = history_charts.rate_chart(rates, span, Thresholds(), NO_EVENTS).to_dict()
    dash = spec["layer"][-1]["encoding"]["strokeDash"]["scale"]
    assert dash == {"domain": ["This day", "The day before"], "range": [[1, 0], [5, 4]]}


def test_times_of_hits_are_those_of_merged_histograms_over_the_hour_a_day_before(
    open_app: OpenApp, running: Running
) -> None:
    open_app()
    app = running()
    assert app.engine is not None
    before = DAY - dt.timedelta(days=1)
    # Nine fast namespaces' worth of hits and one slow: a mean of percentiles would lie between.
    for day, slow_s in ((before, 0.4), (DAY, 0.2)):
        for name, hits, latency_s in (("fast", 90, 0.001), ("slow", 10, slow_s)):
            store, clock = MemoryStore(), Clock()
            recorder = SharedRecorder(store, clock=clock, background=False)
            clock.now = at_hour(day, 9) + 60.0
            for _ in range(hits):
                recorder.read(ReadEvent(name, "hit", clock.now, latency_s))
            recorder.flush()
            Archive(store, app.engine, clock=clock).bring_up_to_date()
    span = span_of("Day", DAY)
    hours = history_frames.hour_frame(history_of(app, span), history_of(app, span.before))
    frame = history_frames.hit_time_frame(hours, span)
    found = frame.dropna(subset=["ms"]).set_index("series")["ms"]
    assert list(found.index) == history_frames.hit_time_series(span)
    assert found["This day, p50"] == pytest.approx(1, rel=0.05)
    assert found["This day, p95"] == pytest.approx(200, rel=0.05)
    assert found["Before, p50"] == pytest.approx(1, rel=0.05)
    assert found["Before, p95"] == pytest.approx(400, rel=0.05)
    assert len(frame) == 4 * 24, "hours without hits stay gaps"
    spec = history_charts.hit_time_chart(frame, span, NO_EVENTS).to_dict()
    dashes = spec["layer"][-1]["encoding"]["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in dashes}) == 4, "colour is not all that tells"
    said = history_frames.describe_hit_times(frame, history_frames.hit_time_series(span))
    slowest = f"{found['Before, p95']:,.3g} ms"
    assert f"Before, p95: from {slowest.removesuffix(' ms')} to {slowest}" in said


def test_stacks_add_up_to_the_reads(two_days: App) -> None:
    span = span_of("Day", DAY)
    hours = history_frames.hour_frame(history_of(two_days, span), history_of(two_days, span.before))
    stacks = history_frames.outcome_frame(hours)
    assert list(stacks.groupby("at")["high"].max()) == [40, 80]
    assert (stacks["high"] - stacks["low"]).equals(stacks["reads"])


def test_coverage_counts_every_hour_once_and_says_how_much_is_known(two_days: App) -> None:
    span = span_of("Week", DAY)
    history = history_of(two_days, span)
    coverage = history_frames.coverage_frame(history)
    assert coverage["hours"].sum() == span.hours
    assert list(coverage["at"].iloc[1:]) == list(coverage["until"].iloc[:-1])
    said = history_frames.coverage_sentence(history, span, history)
    assert f"Known: {history.count('collected', 'nothing read')} of" in said
    assert "missing" in history_frames.describe_coverage(coverage)


def test_the_files_hold_what_is_drawn_and_say_of_when_and_from_where(
    open_app: OpenApp, two_days: App, files: Files
) -> None:
    open_history(open_app, DAY)
    rows = files.csv()
    assert len(rows) == 24
    assert rows[0]["hour_utc"] == f"{DAY}T00:00:00Z"
    assert [row["reads"] for row in rows if row["reads"]] == ["40", "80"]
    assert [row["earlier_hit_rate"] for row in rows if row["earlier_hit_rate"]] == ["0.5", "0.5"]
    found = files.json()
    assert found["span"] == f"{DAY:%A, %Y-%m-%d}"
    assert found["begin"] == f"{DAY}T00:00:00+00:00"
    assert "prefix" in found["source"]
    assert [(row["namespace"], row["reads"]) for row in found["totals"]] == [("ns", 120)]
    assert "hour_utc" in found["hours"][0]
    report = files.html()
    assert "up 25.0 points from the day before" in report
    assert report.count("<svg") == 5
    store = two_days.cache.store
    for ending in ("csv", "json", "html"):
        name = files.made_by[ending][0]
        assert name.startswith(f"cache-history-{DAY:%Y%m%d}-all-{store.kind}-{store.prefix}-")
        assert name.endswith(f"Z.{ending}")


def test_the_files_of_a_week_name_its_first_and_last_day_and_the_namespace(
    open_app: OpenApp, two_days: App, files: Files
) -> None:
    open_history(open_app, DAY, span="Week", past_namespace="ns")
    week = span_of("Week", DAY)
    assert files.names[0].startswith(
        f"cache-history-{week.begin:%Y%m%d}_to_{week.last:%Y%m%d}-ns-memory-"
    )


def test_files_of_a_day_without_reads_say_so(
    open_app: OpenApp, two_days: App, files: Files
) -> None:
    open_history(open_app, DAY - dt.timedelta(days=10))
    assert files.json()["answer"].startswith("Nothing was read on")
    assert [row["state"] for row in files.csv()] == ["missing"] * 24
    assert files.html().count("<svg") == 1


# Namespaces of the span


def test_what_the_span_holds_can_be_chosen_though_nobody_reads_it_now(
    open_app: OpenApp, two_days: App
) -> None:
    fill(two_days, {(DAY, 12): (7, 13)}, name="old.reports")
    at = open_history(open_app, DAY)
    assert "old.reports" not in at.selectbox(key="namespace").options, "it is of the past"
    box = at.selectbox(key="past_namespace")
    assert box.options == ["as on the left", "all", "ns", "old.reports"]
    box.select("old.reports").run()
    assert not at.exception
    assert f"**{DAY:%A, %Y-%m-%d}** · `old.reports`" in texts(at)
    assert {metric.label: metric.value for metric in at.metric}["Reads"] == "20"
    assert at.selectbox(key="namespace").value == "all", "the choice on the left is another one"


def test_a_link_opens_a_namespace_of_the_past(open_app: OpenApp, two_days: App) -> None:
    fill(two_days, {(DAY, 12): (7, 13)}, name="old.reports")
    at = open_history(open_app, DAY, past_namespace="old.reports")
    assert at.selectbox(key="past_namespace").value == "old.reports"
    assert {metric.label: metric.value for metric in at.metric}["Reads"] == "20"


def test_the_choice_stays_where_the_span_does_not_hold_it(open_app: OpenApp, two_days: App) -> None:
    fill(two_days, {(DAY, 12): (7, 13)}, name="old.reports")
    at = open_history(open_app, DAY, past_namespace="old.reports")
    at.button[0].click().run()
    assert at.selectbox(key="past_namespace").value == "old.reports"
    assert "No reads of `old.reports` on" in at.info[0].value
    at = open_history(open_app, DAY - dt.timedelta(days=1), past_namespace="old.reports")
    assert "No reads of `old.reports` on" in at.info[0].value, "a link says so too"


def test_an_address_cannot_put_a_name_of_its_own_on_the_page(
    open_app: OpenApp, two_days: App
) -> None:
    at = open_history(open_app, DAY, past_namespace="[never read](http://elsewhere)")
    assert at.selectbox(key="past_namespace").value == "as on the left"
    assert "elsewhere" not in texts(at)
    assert {metric.label: metric.value for metric in at.metric}["Reads"] == "120"


def test_the_open_hour_is_offered_before_it_is_archived(
    open_app: OpenApp, own_redis_server: RedisServer, running: Running
) -> None:
    open_app(REDIS_URL=own_redis_server.url)
    app = running()
    assert app.recorder is not None
    count(app.recorder, hits=3, misses=1, namespace="just.now")
    app.recorder.flush()
    at = open_history(open_app)
    assert "just.now" in at.selectbox(key="past_namespace").options


def test_a_week_begins_on_monday_and_ends_before_the_next() -> None:
    week = span_of("Week", dt.date(2026, 3, 1))
    assert (week.begin, week.last) == (dt.date(2026, 2, 23), dt.date(2026, 3, 1))
    assert week.before.first_hour + week.hours == week.first_hour
    assert week.first_hour * HOUR_S == dt.datetime(2026, 2, 23, tzinfo=dt.UTC).timestamp()
