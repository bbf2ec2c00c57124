"""`python -m cache_core replay`: figures, exit codes, and what is said when it cannot be done."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cache_core.cli import main
from tests.cli.terminals import a_terminal

REPOSITORY = Path(__file__).parents[2]
TRACE = "time,key,value\n0,a,x\n5,a,x\n9,a,y\n20,a,y\n21,b,x\n"


@pytest.fixture
def trace(tmp_path: Path) -> str:
    (tmp_path / "trace.csv.gz").write_bytes(gzip.compress(TRACE.encode()))
    return str(tmp_path / "trace.csv.gz")


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_each_ttl_has_a_row_with_the_best_beside_it(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", trace, "--ttl", "10,4", "--ttl", "100", "--jitter", "0", "--json"]) == 0
    report = figures(capsys)
    rows = report["replayed"]
    assert [row["ttl_s"] for row in rows] == [10, 4, 100]
    assert [row["hit_rate"] for row in rows] == [0.4, 0, 0.6]
    assert [row["outdated_share"] for row in rows] == [0.2, 0, 0.4]
    assert {row["best_hit_rate"] for row in rows} == {0.4}
    assert (report["reads"], report["keys"], report["out_of_order"]) == (5, 2, 0)
    assert "another than the one read before" in report["best_means"]


def test_figures_in_words_say_what_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare.csv").write_text("when,key\n9,a\n0,a\n")
    assert main(["replay", str(tmp_path / "bare.csv"), "--map", "time=when", "--ttl", "60"]) == 0
    out = capsys.readouterr().out
    assert "bare.csv: 2 reads of 1 key over 9 s" in out
    assert "out of order              1, put in order of time" in out
    assert "60 s      2    50.0 %  50.0 %         –" in out
    assert "Outdated: not known" in out
    assert "--source-s SECONDS" in out


def test_source_time_is_told_where_it_is_known(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--source-s", "2", "--ttl", "100", "--jitter", "0", "--early-refresh", "0"]
    assert main(["replay", trace, *options, "--json"]) == 0
    (row,) = figures(capsys)["replayed"]
    assert (row["source_runs"], row["source_s"], row["saved_s"]) == (2, 4, 6)
    assert row["best_saved_s"] == 4


def test_bad_rows_end_with_1_and_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("time,key\n1,a\nlater,a\n")
    assert main(["replay", str(tmp_path / "bad.csv"), "--ttl", "60"]) == 1
    assert "line 3: time not understood: time=later, key=a" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.csv"], "cannot open none.csv"),
        (["rows.csv"], "error: no column for time (ts_seconds or time"),
        (["rows.csv"], "with --map, for example --map time=key"),
        (["rows.csv", "--map", "key"], "--map takes FIELD=COLUMN, for example key=url"),
        (["rows.csv", "--map", "user=key"], "no field named 'user': map one of time, key"),
        (["rows.csv", "--ttl", "0"], "ttl_s must be a number of seconds above 0"),
        (["rows.csv", "--jitter", "2"], "jitter is a share of ttl_s from 0 to 0.5"),
        (["good.csv", "--speed", "0"], "speed is a number above 0"),
        (["good.csv", "--entries-max", "0"], "whole number above 0"),
        (["good.csv", "--source-s", "-1"], "a source takes from 0"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("when,key\n1,a\n".replace("when", "moment"))
    Path("good.csv").write_text("time,key\n1,a\n")
    assert main(["replay", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_ttl_that_is_no_number_is_told(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", trace, "--ttl", "1h"])
    assert ended.value.code == 2
    assert "seconds, or several with commas between, not '1h'" in capsys.readouterr().err


def test_an_interrupted_replay_in_real_time_tells_the_figures_so_far(tmp_path: Path) -> None:
    """The second row comes after a day; progress, which a terminal gets, says that it has begun."""
    (tmp_path / "long.csv").write_text("time,key\n0,a\n86400,a\n")
    options = ["--speed", "1", "--ttl", "60", "--json"]
    with a_terminal() as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "cache_core", "replay", "long.csv", *options],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=terminal.inside,
            text=True,
        )
        terminal.wait_for("1 of 2 rows replayed")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output
    report = json.loads(output)
    assert process.returncode == 1
    assert report["stopped"]
    assert [row["reads"] for row in report["replayed"]] == [1]
