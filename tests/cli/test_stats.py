"""`stats` and `export`: the figures that the pages show, their ratings, and where they are from."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from cache_core.connecting import connect
from cache_core.settings import load_settings
from tests.cli.conftest import Run
from tests.servers.places import StorePlace


def read(namespace: str, hits: int, misses: int) -> None:
    """Reads by another process, handed over when it ends."""
    with connect(load_settings()) as cache:
        function = cache.cached(namespace, ttl_s=300)(lambda number: number)
        for number in range(misses):
            function(number)
        for _ in range(hits):
            function(0)


def test_ratings_and_figures_of_each_namespace_the_worst_first(run: Run, place: StorePlace) -> None:
    read("good", hits=95, misses=5)
    read("poor", hits=5, misses=95)
    done = run("stats", "--json")
    assert done.code == 0
    rows = done.json["namespaces"]
    assert [(row["namespace"], row["rating"], row["hit_rate"]) for row in rows] == [
        ("poor", "Poor", 0.05),
        ("good", "Excellent", 0.95),
    ]
    assert (done.json["overall"]["lookups"], done.json["overall"]["hit_rate"]) == (200, 0.5)
    assert (rows[0]["misses_cold"], rows[0]["weakest"]) == (95, "hit rate 5 %")
    assert done.json["answer"] == (
        "Fair: 50 % of lookups are answered from the cache. Look at poor: hit rate 5 %."
    )
    assert {one["name"]: one["is_met"] for one in done.json["targets"]}["Hit rate"] is True


def test_window_source_and_coverage_are_told(run: Run, place: StorePlace) -> None:
    read("ns", hits=30, misses=1)
    words = run("stats").out
    assert f", prefix {place.prefix}" in words
    assert "window    1h: " in words
    assert "steps of 60 s" in words
    assert "1 process counted, up to 5 s late" in words
    done = run("stats", "--window", "24h", "--json").json
    assert (done["window"], done["source"]["prefix"]) == ("24h", place.prefix)
    assert done["coverage"]["steps"] == 24
    assert done["coverage"]["steps_counted"] == 1
    assert done["coverage"]["processes"] == 1


def test_too_few_lookups_are_not_enough_data(run: Run, place: StorePlace) -> None:
    read("ns", hits=2, misses=1)
    done = run("stats")
    assert done.code == 0
    assert done.out.startswith("Too early to say: 3 lookups; a rating needs 20.")
    assert "Not enough data" in done.out


def test_bounds_of_the_settings_count(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read("ns", hits=2, misses=1)
    monkeypatch.setenv("RATING_LOOKUPS_MIN", "3")
    monkeypatch.setenv("RATING_HIT_RATE", "0.6, 0.5, 0.4")
    assert run("stats", "--json").json["rating"] == "Excellent"


def test_one_namespace_can_be_chosen_and_one_without_reads_is_told(
    run: Run, place: StorePlace
) -> None:
    read("one", hits=30, misses=1)
    read("two", hits=30, misses=1)
    rows = run("stats", "--namespace", "two", "--json").json["namespaces"]
    assert [row["namespace"] for row in rows] == ["two"]
    other = run("stats", "--namespace", "three")
    assert other.code == 0
    assert "Nothing was read of three in this window. Read were one, two." in other.out
    assert "target" not in other.out


def test_nothing_read_at_all_is_told(run: Run, place: StorePlace) -> None:
    done = run("stats", "--json")
    assert (done.code, done.json["answer"]) == (0, "Nothing was read in this window.")
    assert (done.json["namespaces"], done.json["coverage"]["processes"]) == ([], 0)


def test_a_window_that_is_none_ends_with_2(run: Run, place: StorePlace) -> None:
    done = run("stats", "--window", "2h")
    assert done.code == 2
    assert "1h" in done.err


def test_the_csv_has_a_row_for_each_step_and_namespace(run: Run, place: StorePlace) -> None:
    read("one", hits=30, misses=1)
    read("two", hits=3, misses=2)
    done = run("export", "--window", "24h")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["namespace"], row["lookups"], row["misses"]) for row in rows] == [
        ("one", "31", "1"),
        ("two", "5", "2"),
    ]
    assert rows[0]["from"].endswith(":00:00Z")
    assert done.err == ""


def test_a_folder_gets_the_name_that_the_button_gives(
    run: Run, place: StorePlace, tmp_path: Path
) -> None:
    read("one", hits=30, misses=1)
    (tmp_path / "out").mkdir()
    done = run("export", "--window", "6h", "--format", "json", "--out", str(tmp_path / "out"))
    assert (done.code, done.out) == (0, "")
    (file,) = (tmp_path / "out").iterdir()
    assert file.name.startswith("cache-overview-6h-all-redis-test_")
    assert f"{file}: 1 row. Last 6h of all namespaces from" in done.err
    held = json.loads(file.read_text())
    assert (held["window"], held["totals"][0]["lookups"]) == ("6h", 31)
    assert held["answer"].startswith("Excellent: 97 %")


def test_a_file_is_replaced_whole_with_the_usual_rights(
    run: Run, place: StorePlace, tmp_path: Path
) -> None:
    file = tmp_path / "figures.csv"
    file.write_text("of yesterday")
    before = os.umask(0o027)
    try:
        done = run("export", "--quiet", "--out", str(file))
    finally:
        os.umask(before)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert file.read_text().startswith("from,until,namespace,reads,")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["figures.csv"]


def test_a_file_that_cannot_be_written_ends_with_2(
    run: Run, place: StorePlace, tmp_path: Path
) -> None:
    done = run("export", "--out", str(tmp_path / "none" / "figures.csv"))
    assert done.code == 2
    assert "nothing can be written in" in done.err
