"""TTL lab: a trace is uploaded, replayed beside the page, and its figures stand there."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.insight.trace_replay import Progress
from cache_core.learning.errors import ImportFileError
from cache_core.operations import Actor, AuditLog, Job, replay_upload, replaying
from cache_core.policy import Policy
from tests.pages.conftest import Files, OpenApp, texts
from ui.app import App
from ui.replay_block import REPLAY

Running = Callable[[], App]
TRACE = b"time,key,value\n0,a,x\n5,a,x\n90,a,y\n91,b,x\n95,a,y\n"
PATIENCE_S = 60


def upload(at: AppTest, content: bytes, name: str = "mine.csv.gz") -> AppTest:
    packed = gzip.compress(content) if name.endswith(".gz") else content
    at.file_uploader(key="replay_file").set_value((name, packed, "application/gzip"))
    return at.run()


def replayed(at: AppTest, app: App) -> AppTest:
    at.button(key="replay_start").click().run()
    job = app.jobs.get(REPLAY)
    assert job is not None
    job.join(PATIENCE_S)
    return at.run()


def test_a_trace_is_replayed_under_each_ttl_with_the_best_beside_it(
    open_app: OpenApp, running: Running, files: Files
) -> None:
    at = upload(open_app("ttl_lab"), TRACE)
    at.multiselect(key="replay_ttls").set_value([60, 600]).run()
    at = replayed(at, running())
    assert not at.exception
    (table,) = [frame.value for frame in at.dataframe]
    assert table["TTL"].tolist() == ["60 s", "10 min"]
    assert table["Hit rate"].tolist() == [40.0, 60.0]
    assert table["Unreachable best"].tolist() == [40.0, 40.0]
    assert table["Outdated"].tolist() == [0.0, 40.0]
    assert "Source time saved" not in table
    assert "At a TTL of 60 s, 40 % are hits; at 10 min, 60 %" in texts(at)
    assert "bought with outdated answers" in texts(at)
    spec = json.loads(at.get("vega_lite_chart")[0].proto.spec)
    assert spec["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"
    assert [row["hit_rate"] for row in files.csv() if row["ttl_s"]] == ["0.4", "0.6"]
    assert files.json()["replayed"][1]["outdated_share"] == 0.4
    assert "mine.csv.gz" in files.html()
    assert not any("mine" in name for name in files.names)
    record = running().audit.recent()[0]
    assert (record.deed, record.scope, record.result) == ("replay", "mine.csv.gz", "done")


def test_what_the_trace_does_not_tell_is_said(open_app: OpenApp, running: Running) -> None:
    at = upload(open_app("ttl_lab"), b"when,key\n0,a\n1,a\nlater,a\n", "mine.csv")
    at.text_input(key="replay_map_time").input("when").run()
    at = replayed(at, running())
    assert "Outdated answers are not known" in texts(at)
    assert "Source time is not known" in texts(at)
    assert "1 × time not understood" in texts(at)
    assert "Outdated" not in at.dataframe[0].value


def test_a_source_time_for_all_gives_what_is_saved(open_app: OpenApp, running: Running) -> None:
    at = upload(open_app("ttl_lab"), TRACE)
    at.number_input(key="replay_source").set_value(2.0).run()
    at = replayed(at, running())
    assert at.dataframe[0].value["saved at best"].tolist() == ["4 s"] * 5


def test_a_file_that_cannot_be_replayed_says_what_to_do(
    open_app: OpenApp, running: Running
) -> None:
    at = replayed(upload(open_app("ttl_lab"), b"moment,key\n0,a\n"), running())
    assert "no column for time" in texts(at)
    assert "Columns with other names" in texts(at)


def test_writes_can_count_as_reads(open_app: OpenApp, running: Running) -> None:
    at = upload(open_app("ttl_lab"), b"time,key,op\n0,a,set\n1,a,set\n")
    at.checkbox(key="replay_writes").check().run()
    at = replayed(at, running())
    assert at.dataframe[0].value["Reads"].tolist() == [2] * 5


def test_without_a_ttl_nothing_begins(open_app: OpenApp) -> None:
    at = upload(open_app("ttl_lab"), TRACE)
    at.multiselect(key="replay_ttls").set_value([]).run()
    assert at.button(key="replay_start").disabled


def test_a_viewer_sees_the_last_figures_and_no_form(open_app: OpenApp, running: Running) -> None:
    at = replayed(upload(open_app("ttl_lab"), TRACE), running())
    assert len(at.dataframe) == 1
    at = open_app("ttl_lab", operator=False)
    assert not at.exception
    assert len(at.file_uploader) == 0
    assert "hits" in texts(at)


def test_progress_is_shown_and_stop_leaves_the_figures_so_far(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay is held at its first step until Stop was pressed."""
    go_on, begun = threading.Event(), threading.Event()
    advance: Progress = Job.advance  # type: ignore[assignment]

    def held(job: Job, done: int, total: int | None = None) -> None:
        advance(job, done, total)  # type: ignore[call-arg,arg-type]
        if done:
            begun.set()
            assert go_on.wait(PATIENCE_S)

    monkeypatch.setattr(Job, "advance", held)
    rows = b"".join(b"%d,a\n" % at_s for at_s in range(3_000))
    at = upload(open_app("ttl_lab"), b"time,key\n" + rows)
    at.button(key="replay_start").click().run()
    assert begun.wait(PATIENCE_S)
    at.run()
    job = running().jobs.get(REPLAY)
    assert job is not None
    assert (job.done, job.total) == (1_000, 15_000)
    at.button(key="stop_replay").click().run()
    go_on.set()
    job.join(PATIENCE_S)
    at.run()
    assert "Stopped before the end" in texts(at)
    assert at.dataframe[0].value["Reads"].tolist() == [1_000]


@pytest.mark.parametrize(
    ("bound", "value", "words"),
    [
        ("UPLOAD_MAX_MB", 0, "more than the 0 MB that are replayed here"),
        ("ROWS_MAX", 2, "more than 2 rows, the most that are replayed here"),
    ],
)
def test_bounds_hold_in_the_service_function(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, words: str
) -> None:
    monkeypatch.setattr(replaying, bound, value)
    with pytest.raises(ImportFileError, match=words):
        _replay([Policy(ttl_s=60)])


@pytest.mark.parametrize("number", [0, replaying.TTLS_MAX + 1])
def test_no_more_ttls_than_the_bound(number: int) -> None:
    with pytest.raises(ValueError, match="choose from 1 to 8 TTLs"):
        _replay([Policy(ttl_s=60)] * number)


def _replay(policies: list[Policy]) -> Any:
    operator = Actor("ada", "operator")
    return replay_upload(io.BytesIO(TRACE), policies, operator, AuditLog(), name="mine.csv")


def test_the_page_is_in_the_navigation_between_response_time_and_history() -> None:
    text = (Path(__file__).parents[2] / "ui" / "navigation.py").read_text()
    at = [text.index(f"pages/{page}.py") for page in ("response_time", "ttl_lab", "history")]
    assert at == sorted(at)
