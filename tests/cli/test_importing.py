"""`python -m cache_core import`, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cache_core.cache import Cache
from cache_core.database import open_database
from cache_core.events import NoRecorder
from cache_core.learning.views import LearningViews
from tests.learning.data import json_lines, outcome_count, row
from tests.servers.places import StorePlace

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/data/learning.db"


def _environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"PYTHONPATH": str(REPOSITORY)} | more


def _run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cache_core", "import", *arguments],
        cwd=cwd,
        env=_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _file(tmp_path: Path, content: bytes, name: str = "rows.jsonl") -> str:
    (tmp_path / name).write_bytes(content)
    return str(tmp_path / name)


def test_a_good_file_ends_with_0_and_its_counts(tmp_path: Path, database: str) -> None:
    file = _file(tmp_path, json_lines([row(n=1), row(n=2)]))
    done = _run(file, "--database", database, "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["rows_added"], report["bad_rows"]) == (0, 2, [])


def test_the_default_database_is_that_of_the_settings(tmp_path: Path, database: str) -> None:
    file = _file(tmp_path, json_lines([row()]))
    assert _run(file, cwd=tmp_path, DATABASE_URL=database).returncode == 0
    engine = open_database(database)
    assert outcome_count(engine) == 1
    engine.dispose()


def test_bad_rows_are_listed_and_end_with_1(tmp_path: Path, database: str) -> None:
    content = json_lines([row()]) + b"{broken\n" * 30
    done = _run(_file(tmp_path, content), "--database", database, cwd=tmp_path)
    assert done.returncode == 1
    assert "line 2: not JSON: {broken" in done.stdout
    assert done.stdout.count("  line ") == 20
    assert "30  not JSON" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.csv"], "cannot open none.csv"),
        (["rows.csv"], "error: no column for user (user_or_system or user), instruction"),
        (["rows.csv"], "Columns found: who. Say which column holds what with --map, for example"),
        (["rows.csv"], "--map user=who\n"),
        (["rows.csv", "--map", "user"], "--map takes FIELD=COLUMN"),
        (["rows.csv", "--database", "sqlite:////dev/null/x.db"], "cannot create the folder"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_the_reason(
    tmp_path: Path, database: str, arguments: list[str], words: str
) -> None:
    _file(tmp_path, b"who\nada\n", "rows.csv")
    done = _run(*arguments, cwd=tmp_path, DATABASE_URL=database)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_the_exit_codes(tmp_path: Path) -> None:
    assert "1  some rows are bad" in _run("--help", cwd=tmp_path).stdout


def test_columns_can_be_mapped(tmp_path: Path, database: str) -> None:
    file = _file(tmp_path, b"who,said,result\nada,hello,1\n", "rows.csv")
    pairs = ["user=who", "instruction=said", "outcome=result"]
    options = [option for pair in pairs for option in ("--map", pair)]
    assert _run(file, *options, "--database", database, cwd=tmp_path).returncode == 0


def test_the_import_invalidates_the_cache_that_others_share(
    tmp_path: Path, database: str, remote_place: StorePlace
) -> None:
    engine = open_database(database)
    with Cache(remote_place.open(), recorder=NoRecorder()) as cache:
        views = LearningViews(cache, engine)
        assert views.stats(None).outcomes == 0
        file = _file(tmp_path, json_lines([row()]))
        done = _run(file, "--database", database, cwd=tmp_path, **remote_place.environment())
        assert done.returncode == 0, done.stderr
        assert views.stats(None).outcomes == 1
    engine.dispose()


def test_a_store_that_is_down_is_told_and_the_rows_are_in(tmp_path: Path, database: str) -> None:
    file = _file(tmp_path, json_lines([row()]))
    done = _run(file, "--database", database, cwd=tmp_path, REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 0
    assert "added                     1" in done.stdout
    assert "store did not answer" in done.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"REDIS_URL": "foo://ada:s3cret@host"}, "the store URL must begin with"),
        ({"UPSTASH_REDIS_REST_URL": "https://s3cret.example"}, "needs its token"),
        ({"CACHE_TIMEOUT_S": "s3cret"}, "error: CACHE_TIMEOUT_S: Input should be a valid number"),
    ],
)
def test_a_setting_that_will_not_do_is_told_before_anything_is_imported(
    tmp_path: Path, database: str, setting: dict[str, str], words: str
) -> None:
    file = _file(tmp_path, json_lines([row()]))
    done = _run(file, "--database", database, cwd=tmp_path, **setting)
    assert done.returncode == 2
    assert words in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert not (tmp_path / "data").exists()


def _secrets(tmp_path: Path, text: str) -> None:
    (tmp_path / ".streamlit").mkdir(exist_ok=True)
    (tmp_path / ".streamlit" / "secrets.toml").write_text(text)


def test_the_apps_secrets_say_which_database_and_store(
    tmp_path: Path, database: str, remote_place: StorePlace
) -> None:
    settings = {"DATABASE_URL": database, **remote_place.environment()}
    _secrets(tmp_path, "".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    engine = open_database(database)
    with Cache(remote_place.open(), recorder=NoRecorder()) as cache:
        views = LearningViews(cache, engine)
        assert views.stats(None).outcomes == 0
        done = _run(_file(tmp_path, json_lines([row()])), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert views.stats(None).outcomes == 1
        assert f"database  {database}" in done.stdout
        assert f"store     {cache.store.address}, prefix {remote_place.prefix}" in done.stdout
    engine.dispose()


def test_the_environment_wins_over_the_secrets(tmp_path: Path, database: str) -> None:
    _secrets(tmp_path, f'DATABASE_URL = "sqlite:///{tmp_path}/other.db"\nREDIS_URL = "foo://x"\n')
    file = _file(tmp_path, json_lines([row()]))
    done = _run(file, "--json", cwd=tmp_path, DATABASE_URL=database, REDIS_URL="memory://")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["database"], report["store"]) == (database, "memory://, prefix cache")
    assert not (tmp_path / "other.db").exists()


def test_places_are_told_without_passwords(tmp_path: Path, database: str) -> None:
    _secrets(tmp_path, 'redis_url = "redis://ada:s3cret@127.0.0.1:1/0"\n')
    done = _run(_file(tmp_path, json_lines([row()])), cwd=tmp_path, DATABASE_URL=database)
    assert "redis://127.0.0.1:1/0" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_secrets_that_are_no_toml_are_named_and_not_repeated(tmp_path: Path) -> None:
    _secrets(tmp_path, "REDIS_URL = s3cret")
    done = _run(_file(tmp_path, json_lines([row()])), cwd=tmp_path)
    assert done.returncode == 2
    assert "secrets.toml is not a TOML file" in done.stderr
    assert "s3cret" not in done.stderr


def test_interrupting_keeps_what_is_in(tmp_path: Path, database: str) -> None:
    """The rows come through a pipe that stays open, so that the import cannot end by itself."""
    pipe = tmp_path / "rows.pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "cache_core", "import", str(pipe), "--database", database, "--json"],
        cwd=tmp_path,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # It may have ended before all is written.
    with suppress(BrokenPipeError), pipe.open("wb") as out:
        out.write(json_lines(row(n=number) for number in range(60_000)))
        out.flush()
        process.send_signal(signal.SIGINT)
        out.write(json_lines(row(n=number) for number in range(60_000, 160_000)))
    output, _ = process.communicate(timeout=60)
    report = json.loads(output)
    assert process.returncode == 1
    assert report["stopped"]
    assert report["rows_added"] in (50_000, 100_000, 150_000)
