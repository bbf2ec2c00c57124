"""`doctor`: what is configured and from where, what is wrong, how to mend it, and no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer


@pytest.fixture(autouse=True)
def bound_to_this_machine(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("STREAMLIT_SERVER_ADDRESS", "127.0.0.1")


def findings(report: Any, verdict: str) -> str:
    """Those of a verdict as one text, with how to mend them."""
    return "\n".join(
        f"{one['about']}: {one['found']} -> {one['mend']}"
        for one in report["findings"]
        if one["verdict"] == verdict
    )


def secrets(text: str, mode: int = 0o600) -> None:
    Path(".streamlit").mkdir(exist_ok=True)
    Path(".streamlit/secrets.toml").write_text(text)
    Path(".streamlit/secrets.toml").chmod(mode)


def test_what_is_well_ends_with_0(run: Run, place: StorePlace, redis_server: RedisServer) -> None:
    done = run("doctor", "--json")
    assert (done.code, done.json["verdict"]) == (0, "ok"), done.out
    said = findings(done.json, "ok")
    for about in ("settings", "Python", "packages", "caching", "store", "latency", "entries",
                  "clock", "server", "room", "database", "reach", "access"):  # fmt: skip
        assert f"{about}: " in said
    assert f"prefix {place.prefix} answers" in said
    assert "0 problems, 0 warnings" in run("doctor").out
    assert run("doctor", "--quiet").out == ""
    client = redis_server.client()
    assert list(client.scan_iter(f"{place.prefix}:*")) == []
    client.close()


def test_a_test_entry_goes_through_every_kind_of_store(
    run: Run, bare: pytest.MonkeyPatch, remote_place: StorePlace
) -> None:
    for name, value in remote_place.environment().items():
        bare.setenv(name, value)
    report = run("doctor", "--json").json
    assert "entries: a test entry was written under a lease, read" in findings(report, "ok")
    assert findings(report, "problem") == ""


def test_each_setting_is_told_with_its_source(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets('HISTORY_DAYS = 30\ncache_timeout_s = 5\nOPERATOR_PASSWORD = "a-long-s3cret"\n')
    done = run("doctor", "--json")
    told = {one["name"]: (one["value"], one["source"]) for one in done.json["settings"]}
    file = ".streamlit/secrets.toml"
    assert told["CACHE_PREFIX"] == (place.prefix, "environment")
    assert told["HISTORY_DAYS"] == ("30", file)
    assert told["CACHE_TIMEOUT_S"] == ("20.0", "environment")
    assert told["OPERATOR_PASSWORD"] == ("set", file)
    assert told["REDIS_URL"] == ("set", "environment")
    assert told["AUTO_TUNE"] == ("suggest", "default")
    assert told["UPSTASH_REDIS_REST_TOKEN"] == ("not set", "default")
    assert "s3cret" not in done.out


def test_no_secret_is_printed(run: Run, bare: pytest.MonkeyPatch) -> None:
    names = {
        "UPSTASH_REDIS_REST_URL": "https://ada:s3cret1@127.0.0.1:1",
        "UPSTASH_REDIS_REST_TOKEN": "s3cret2",
        "REDIS_URL": "redis://:s3cret3@127.0.0.1:1",
        "DATABASE_URL": "postgresql://ada:s3cret4@127.0.0.1:1/x?password=s3cret5",
        "OPERATOR_PASSWORD": "s3cret6",
        "STREAMLIT_APPS": "sales=http://ada:s3cret7@sales:8501",
        "OPERATORS": "s3cret8@example.org",
    }
    for name, value in names.items():
        bare.setenv(name, value)
    done, plain = run("doctor"), run("doctor", "--json")
    assert "s3cret" not in done.out + done.err + plain.out + plain.err
    assert done.code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('REDIS_URI = "x"\n', "REDIS_URI (.streamlit/secrets.toml) is no setting -> if REDIS_URL"),
        ('[cache]\nAUTO_TUNE = "off"\n', "AUTO_TUNE stands in the section [cache]"),
        ('[auth]\nclient_id = "x"\n', "OPERATORS is empty: who signs in may only look"),
        ('OPERATORS = "a@example.org"\n', "without [auth] in the secrets nobody can sign in"),
        ('OPERATOR_PASSWORD = "short"\n', "OPERATOR_PASSWORD is short"),
        ('UPSTASH_REDIS_REST_TOKEN = "x"\n', "and no UPSTASH_REDIS_REST_URL"),
    ],
)
def test_what_works_otherwise_than_meant_is_a_warning(
    run: Run, place: StorePlace, text: str, said: str
) -> None:
    secrets(text)
    done = run("doctor", "--json")
    assert done.code == 1, done.out
    assert said in findings(done.json, "warning")


def test_secrets_that_everybody_can_read_are_told(run: Run, place: StorePlace) -> None:
    secrets("HISTORY_DAYS = 30\n", mode=0o644)
    assert "chmod o= .streamlit/secrets.toml" in findings(run("doctor", "--json").json, "warning")


def test_an_empty_variable_that_hides_a_secret_is_told(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets('REDIS_URL = "redis://127.0.0.1:1/0"\n')
    monkeypatch.setenv("REDIS_URL", "")
    report = run("doctor", "--json").json
    assert "REDIS_URL is empty in the environment, which hides" in findings(report, "warning")
    assert {"name": "REDIS_URL", "value": "not set", "source": "default"} in report["settings"]


def test_several_bad_settings_are_several_findings(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY_DAYS", "s3cret")
    monkeypatch.setenv("RATING_HIT_RATE", "1,2")
    done = run("doctor", "--json")
    said = findings(done.json, "problem")
    assert done.code == 2
    assert "HISTORY_DAYS: Input should be a valid integer" in said
    assert "RATING_HIT_RATE: give three numbers" in said
    assert "store and database: not looked at" in findings(done.json, "warning")
    assert "s3cret" not in done.out


def test_secrets_that_are_no_toml_are_a_problem(run: Run, place: StorePlace) -> None:
    secrets("REDIS_URL = s3cret")
    done = run("doctor")
    assert done.code == 2
    assert "secrets.toml is not a TOML file" in done.out
    assert "s3cret" not in done.out


def test_a_store_in_memory_and_caching_off_are_warnings(run: Run, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CACHE_ENABLED", "off")
    done = run("doctor", "--json")
    said = findings(done.json, "warning")
    assert done.code == 1
    assert "store: in memory" in said
    assert "caching: off (CACHE_ENABLED is off)" in said


def test_a_store_that_would_refuse_writes_when_full_is_told(
    run: Run, bare: pytest.MonkeyPatch
) -> None:
    server = RedisServer("--maxmemory", "50mb")
    bare.setenv("REDIS_URL", server.url)
    refusing = run("doctor", "--json").json
    client = server.client()
    client.config_set("maxmemory-policy", "allkeys-lru")
    evicting = run("doctor", "--json").json
    client.config_set("maxmemory", "1")
    client.config_set("maxmemory-policy", "noeviction")
    full = run("doctor", "--json").json
    client.close()
    server.stop()
    assert "maxmemory-policy noeviction" in findings(refusing, "warning")
    assert "when it is full, maxmemory-policy allkeys-lru" in findings(evicting, "ok")
    assert "entries: a test entry was refused" in findings(full, "problem")
    assert "it is full: give it more memory" in findings(full, "problem")


def test_a_user_without_rights_for_scripts_is_told(run: Run, bare: pytest.MonkeyPatch) -> None:
    server = RedisServer()
    client = server.client()
    client.acl_setuser(
        "ada",
        enabled=True,
        passwords=["+s3cret"],
        keys=["*"],
        categories=["+@all", "-@scripting"],
    )
    client.close()
    bare.setenv("REDIS_URL", f"redis://ada:s3cret@127.0.0.1:{server.port}/0")
    done = run("doctor", "--json")
    server.stop()
    assert done.code == 2
    assert "give this user the rights for keys under the prefix" in findings(done.json, "problem")
    assert "s3cret" not in done.out


def test_a_password_that_the_server_does_not_ask_for_is_told(
    run: Run, bare: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    bare.setenv("REDIS_URL", f"redis://:s3cret@127.0.0.1:{redis_server.port}/0")
    done = run("doctor", "--json")
    assert done.code == 2
    assert "take it out of the address" in findings(done.json, "problem")
    assert "s3cret" not in done.out


def test_a_clock_that_is_off_is_told(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    now = time.time
    monkeypatch.setattr("cache_core.cli.doctor_store.time.time", lambda: now() + 300)
    said = findings(run("doctor", "--json").json, "warning")
    assert "clock: this machine's is 5 min ahead of the store's" in said


def test_a_database_out_of_reach_is_a_problem(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:1/x")
    done = run("doctor", "--json")
    assert done.code == 2
    assert "database: postgresql+psycopg://ada:***@127.0.0.1:1/x" in findings(done.json, "problem")
    assert "s3cret" not in done.out


@pytest.mark.parametrize(
    ("address", "verdict", "said"),
    [
        (None, "warning", "whoever reaches it sees all pages"),
        ("0.0.0.0", "ok", "whoever reaches 0.0.0.0 (STREAMLIT_SERVER_ADDRESS) sees all pages"),
        ("127.0.0.1", "ok", "only this machine reaches the app"),
    ],
)
def test_whether_others_reach_the_app_is_told(
    run: Run,
    place: StorePlace,
    bare: pytest.MonkeyPatch,
    address: str | None,
    verdict: str,
    said: str,
) -> None:
    bare.delenv("STREAMLIT_SERVER_ADDRESS")
    if address is not None:
        bare.setenv("STREAMLIT_SERVER_ADDRESS", address)
    assert said in findings(run("doctor", "--json").json, verdict)


def test_a_package_that_is_too_old_is_a_problem(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    real = metadata.version

    def version(name: str) -> str:
        return "1.0" if name == "pandas" else real(name)

    monkeypatch.setattr("cache_core.cli.doctor_app.metadata.version", version)
    assert "pandas is 1.0, needed is" in findings(run("doctor", "--json").json, "problem")


def test_whatever_a_check_meets_is_a_finding(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("s3cret")

    monkeypatch.setattr("cache_core.cli.doctor_app.check_database", broken)
    done = run("doctor", "--json")
    assert done.code == 2
    assert "database: it could not be looked at: RuntimeError at test_doctor.py" in findings(
        done.json, "problem"
    )
    assert "s3cret" not in done.out
