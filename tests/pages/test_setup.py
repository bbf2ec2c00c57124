"""Setup: health, importing a file from the page, configuration without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from cache_core.insight.ratings import rate, targets
from cache_core.telemetry import Counts
from tests.cache.helpers import until
from tests.pages.conftest import ROOT, OpenApp, texts
from tests.servers.redis_server import RedisServer
from ui.app import App
from ui.cards import namespace_frame
from ui.definitions import DEFINITIONS, meaning
from ui.setup_share import link, pages
from ui.version import version

Running = Callable[[], App]
PAGES = sorted(path.stem for path in ROOT.glob("pages/*.py"))


def _row(number: int, **changed: object) -> str:
    row = {
        "user": f"user-{number % 3}",
        "instruction": f"Explain topic {number % 7}",
        "category": "text",
        "outcome": 1,
        "ts": 1_700_000_000 + number,
    }
    return json.dumps(row | changed) + "\n"


def _import(at: AppTest, running: Running, name: str, content: str | bytes) -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    at.file_uploader[0].upload(name, raw).run()
    next(button for button in at.button if button.label == f"Import {name}").click().run()
    job = running().jobs.get("import")
    assert job is not None
    job.join(60)
    return at.run()


def test_health_says_that_the_store_answers(open_app: OpenApp) -> None:
    at = open_app("setup")
    assert not at.exception
    metrics = {metric.label: metric.value for metric in at.metric}
    assert metrics["Store"] == "Memory"
    assert metrics["Caching"] == "on"
    assert not at.error


def test_an_import_reports_every_row_and_replaces_the_sample_data(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("setup")
    content = _row(1) + "{broken\n" + _row(2, outcome=2) + _row(3) + _row(3)
    at = _import(at, running, "mine.jsonl", content)
    assert not at.exception
    said = texts(at)
    assert "5 rows read" in said
    assert "2 added, 1 already there, 2 not imported" in said
    assert "sample data" in said
    (bad,) = [table.value for table in at.dataframe if "Line" in table.value]
    assert sorted(bad["Line"]) == [2, 3]
    assert "Now in the database: mine.jsonl" in texts(at.run())


def test_the_same_file_twice_adds_nothing(open_app: OpenApp, running: Running) -> None:
    at = open_app("setup")
    content = "".join(_row(number) for number in range(10))
    at = _import(at, running, "mine.jsonl", content)
    at = _import(at, running, "mine.jsonl", content)
    assert "0 added, 10 already there, 0 not imported" in texts(at)


def test_an_import_changes_what_the_dashboard_serves(open_app: OpenApp, running: Running) -> None:
    at = open_app("setup")
    views = running().views
    assert views is not None
    before = views.stats(None).outcomes
    _import(at, running, "mine.jsonl", _row(1) + _row(2))
    read = views.stats.read(None)
    assert (read.outcome, read.value.outcomes) == ("miss", 2)
    assert before != 2


def test_wrong_columns_are_named(open_app: OpenApp, running: Running) -> None:
    at = _import(open_app("setup"), running, "wrong.csv", "name,prompt_text\nada,hello\n")
    assert not at.exception
    said = texts(at)
    assert "nothing was imported" in said
    assert "prompt_text" in said


def test_columns_with_other_names_can_be_mapped(open_app: OpenApp, running: Running) -> None:
    at = open_app("setup")
    at.text_input(key="map_user").input("who").run()
    at = _import(
        at,
        running,
        "mapped.csv",
        "who,instruction,category,outcome,ts\nada,hello,text,1,1700000000\n",
    )
    assert "1 added" in texts(at)


def test_an_empty_file_is_said_to_be_empty(open_app: OpenApp, running: Running) -> None:
    at = _import(open_app("setup"), running, "empty.jsonl", b"")
    assert "nothing was imported" in texts(at)
    assert "empty" in texts(at)


def test_a_viewer_is_offered_no_import(open_app: OpenApp) -> None:
    at = open_app("setup", operator=False)
    assert not at.exception
    assert not at.file_uploader
    assert "OPERATOR_PASSWORD" in texts(at)


def test_no_secret_is_on_the_page(open_app: OpenApp, own_redis_server: RedisServer) -> None:
    host = own_redis_server.url.removeprefix("redis://")
    at = open_app("setup", REDIS_URL=f"redis://:hush-hush@{host}", OPERATOR_PASSWORD="open sesame")
    assert not at.exception
    shown = texts(at) + "".join(table.value.to_string() for table in at.dataframe)
    assert "hush-hush" not in shown
    assert "open sesame" not in shown


# The store


def shown_metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in at.metric}


def test_any_visitor_may_test_the_store(open_app: OpenApp, running: Running) -> None:
    at = open_app("setup", operator=False)
    assert "Nobody tested the store" in texts(at)
    at.button(key="test_store").click().run()
    assert not at.exception
    assert "5 of 5 pings answered" in texts(at)
    assert shown_metrics(at)["Median ping"] != "–"
    sent = running().health_tests.commands
    at.button(key="test_store").click().run()
    assert running().health_tests.commands == sent, "not again so soon"


def test_a_store_that_does_not_answer_is_told_with_its_reason(
    open_app: OpenApp, own_redis_server: RedisServer
) -> None:
    own_redis_server.kill()
    at = open_app("setup", REDIS_URL=own_redis_server.url)
    assert not at.exception
    assert "What it says of itself cannot be read now" in texts(at)
    at.button(key="test_store").click().run()
    assert not at.exception
    assert "The store did not answer" in texts(at)
    assert "0 of 5 pings answered" in texts(at)


def test_what_this_store_cannot_report_is_told_in_words(open_app: OpenApp) -> None:
    at = open_app("setup")
    (reported,) = [
        table.value for table in at.dataframe if "This store says" in table.value.columns
    ]
    said = dict(zip(reported["Figure"], reported["This store says"], strict=True))
    assert said["Version"] == "not reported by this store"
    assert said["Evictions"] == "0"
    (kinds,) = [table.value for table in at.dataframe if "Upstash" in table.value.columns]
    assert set(kinds["Upstash"]) == {"? not promised"}


# Figures: how they come about, what they cost and mean


def test_the_collection_says_what_waits_was_lost_and_costs(
    open_app: OpenApp, running: Running
) -> None:
    open_app("setup")
    app = running()
    assert app.views is not None
    app.views.stats(None)
    app.forget_figures()
    at = open_app("setup")
    found = shown_metrics(at)
    assert (found["Waiting"], found["Lost"]) == ("0", "0")
    assert re.fullmatch(r"just now|\d+ s ago", found["Last hand-over"])
    assert app.recorder is not None
    said = texts(at)
    counted = f"{app.recorder.commands} in {app.recorder.sendings} hand-over"
    assert counted in said
    a_day = 86_400 / 5 * app.recorder.commands / app.recorder.sendings
    assert f"at most **{a_day:,.0f} a day**" in said
    assert "A pace a day is told once the app has run for 10 min" in said


def test_a_pace_is_told_after_a_while(open_app: OpenApp, running: Running) -> None:
    open_app("setup")
    app = running()
    app.started_s -= 86_400 / 2
    said = texts(open_app("setup"))
    assert "at that pace" in said
    assert "in the 12 h since the start" in said


def test_while_caching_is_off_nothing_is_counted_and_it_is_said(open_app: OpenApp) -> None:
    at = open_app("setup", CACHE_ENABLED="off")
    assert not at.exception
    assert "Nothing is counted while caching is off" in texts(at)
    assert "Handing over: none" in texts(at)


def test_figures_that_wait_for_the_store_are_told(
    open_app: OpenApp, running: Running, own_redis_server: RedisServer
) -> None:
    open_app("setup", REDIS_URL=own_redis_server.url)
    app = running()
    own_redis_server.kill()
    assert app.views is not None
    app.views.stats(None)
    app.forget_figures()
    at = open_app("setup", REDIS_URL=own_redis_server.url)
    assert not at.exception
    assert "The last hand-over failed" in texts(at)
    assert int(shown_metrics(at)["Waiting"]) >= 2


def test_thresholds_are_shown_as_configured_and_used(open_app: OpenApp) -> None:
    at = open_app("setup", RATING_HIT_RATE="0.99,0.98,0.97", TARGET_HIT_RATE="0.96")
    (bounds,) = [table.value for table in at.dataframe if "Excellent" in table.value.columns]
    assert list(bounds.iloc[0]) == ["Hit rate, at least", "99 %", "98 %", "97 %", "RATING_HIT_RATE"]
    (wanted,) = [table.value for table in at.dataframe if "Wanted" in table.value.columns]
    assert "at least 96 %" in set(wanted["Wanted"])
    assert "hit rate at least 99 %" in texts(at)


def test_ratings_on_the_overview_go_by_the_settings(open_app: OpenApp, running: Running) -> None:
    bounds = {"RATING_HIT_RATE": "0.999,0.998,0.997"}
    open_app("overview", **bounds)
    views = running().views
    assert views is not None
    for _ in range(40):
        views.users()
    running().forget_figures()
    at = open_app("overview", **bounds)
    assert "Poor: 98 % of lookups" in texts(at)
    assert _holds(at, 0.997), "drawn on the chart too"


def _holds(at: AppTest, bound: float) -> bool:
    import pyarrow as pa

    data = at.get("vega_lite_chart")[0].proto.datasets
    return any(
        bound in column.to_pylist()
        for one in data
        for column in pa.ipc.open_stream(one.data.data).read_all().columns
    )


def test_a_setting_that_contradicts_itself_is_told(open_app: OpenApp) -> None:
    at = open_app(RATING_HIT_RATE="0.5,0.6,0.7")
    assert "RATING_HIT_RATE" in texts(at)
    assert "Excellent asks for the most" in texts(at)


def test_help_texts_are_the_definitions(open_app: OpenApp, running: Running) -> None:
    """So they cannot differ from the list on this page; and each figure of a page is in it."""
    open_app("overview")
    app = running()
    assert app.views is not None
    app.views.stats(None)
    app.forget_figures()
    seen = set()
    for page in PAGES:
        for metric in open_app(page).metric:
            seen.add(metric.label)
            assert metric.help.startswith(meaning(metric.label)), metric.label
    assert {"Hit rate", "Mean outcome", "Effectiveness", "Median ping"} <= seen
    listed = "\n".join(text.value for text in open_app("setup").markdown)
    for one in DEFINITIONS.values():
        assert one.text in listed


def test_each_column_and_target_of_the_monitor_is_defined() -> None:
    columns = set(namespace_frame({"ns": Counts()}, {}, {"ns": rate(Counts())}).columns)
    assert columns - {"Namespace"} <= set(DEFINITIONS)
    assert {target.name for target in targets(Counts())} <= set(DEFINITIONS)


# Links


def test_links_hold_window_and_namespace(open_app: OpenApp) -> None:
    at = open_app("setup", operator=False)
    at.context = {"url": "http://ada:hush@monitor.test:8501/base/setup"}
    at.segmented_control(key="window").set_value("24h")
    at.selectbox(key="namespace").set_value("dashboard.stats")
    at.segmented_control(key="live").set_value("30s").run()
    chosen = "window=24h&namespace=dashboard.stats&live=30s"
    assert [code.value for code in at.code] == [
        f"http://monitor.test:8501/base/?{chosen}",
        f"http://monitor.test:8501/base/?{chosen}&embed=true",
    ]
    at.selectbox(key="shared_page").set_value("Operations").run()
    assert at.code[0].value == f"http://monitor.test:8501/base/operations?{chosen}"


def test_without_an_address_the_link_says_what_to_add(open_app: OpenApp) -> None:
    at = open_app("setup")
    assert at.code[0].value == "/?window=1h"
    assert "Put this app's address in front" in texts(at)


@given(
    namespace=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    window=st.sampled_from(["1h", "7d"]),
    live=st.sampled_from(["off", "10s"]),
    embed=st.booleans(),
)
def test_a_link_gives_back_what_went_into_it(
    namespace: str, window: str, live: str, embed: bool
) -> None:
    made = link("https://monitor.test/setup", "overview", window, namespace, live, embed=embed)
    parts = urlsplit(made)
    assert (parts.netloc, parts.path, parts.fragment) == ("monitor.test", "/overview", "")
    wanted = {"window": window, "namespace": namespace}
    wanted |= {"live": live} if live != "off" else {}
    wanted |= {"embed": "true"} if embed else {}
    assert dict(parse_qsl(parts.query, strict_parsing=True)) == wanted


def test_every_page_can_be_linked_to(open_app: OpenApp) -> None:
    at = open_app("setup")
    assert len(at.selectbox(key="shared_page").options) == len(PAGES)
    assert set(pages().values()) == {"" if page == "overview" else page for page in PAGES}


def test_version_and_start_are_told(open_app: OpenApp) -> None:
    assert f"Version {version()} · running since 2" in texts(open_app("setup"))
    assert version()[0].isdigit()


def test_other_apps_are_listed_with_how_reading_them_went(
    open_app: OpenApp, running: Running
) -> None:
    assert "Name Streamlit apps" in texts(open_app("setup"))


def test_an_app_that_cannot_be_read_is_said(open_app: OpenApp, running: Running) -> None:
    open_app("setup", STREAMLIT_APPS="sales=http://127.0.0.1:1")
    app = running()
    assert app._scraper is not None
    assert until(lambda: app.scraped[0].problem is not None)
    table = next(
        shown.value for shown in open_app("setup").dataframe if "Last read here" in shown.value
    )
    assert list(table["App"]) == ["sales"]
    assert list(table["State"]) == ["✗ not read"]
    assert "refused" in table["Problem"].iloc[0]


def test_apps_named_wrongly_are_said(open_app: OpenApp) -> None:
    at = open_app(STREAMLIT_APPS="sales")
    assert "STREAMLIT_APPS looks like" in at.error[0].value
