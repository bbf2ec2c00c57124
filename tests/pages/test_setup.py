"""Setup: health, importing a file from the page, configuration without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenApp, texts
from tests.servers.redis_server import RedisServer
from ui.app import App

Running = Callable[[], App]


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
