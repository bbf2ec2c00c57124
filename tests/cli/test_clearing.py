"""`clear`: a preview until it is told to do it; within the prefix; in the audit."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.cached import CachedFunction
from cache_core.cli.parts import this_operator
from cache_core.operations import AuditLog, tag_in_audit
from cache_core.stores import StoreUnavailableError
from tests.cli.conftest import Run
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer

Numbers = CachedFunction[[int], int]


@pytest.fixture
def numbers(cache: Cache) -> Numbers:
    """Three entries that are there, two of them with the tag `odd`."""

    @cache.cached("numbers", ttl_s=300, tags=lambda number: ["odd"] if number % 2 else [])
    def function(number: int) -> int:
        return number

    for number in (1, 2, 3):
        function(number)
    cache.recorder.recorders[0].flush()  # type: ignore[attr-defined]
    return function


def outcomes(numbers: Numbers) -> list[str]:
    return [numbers.read(number).outcome for number in (1, 2, 3)]


def test_a_preview_counts_and_changes_nothing(
    run: Run, numbers: Numbers, place: StorePlace
) -> None:
    done = run("clear", "--namespace", "numbers")
    assert done.code == 0
    assert f"3 entries of numbers, keys {place.prefix}:e:numbers:*" in done.out
    assert "The next read of each runs its source: about " in done.out
    assert done.out.endswith("Nothing was cleared: add --yes to do it.\n")
    assert run("clear", "--namespace", "numbers", "--json").json["cleared"] is False
    assert outcomes(numbers) == ["hit", "hit", "hit"]


def test_a_name_that_nothing_is_known_of_is_doubted(run: Run, place: StorePlace) -> None:
    done = run("clear", "--namespace", "no.such", "--yes")
    assert done.code == 0
    assert done.err == (
        "warning: nothing is known of no.such: no entry, no read in 24 hours; is that its name?\n"
    )


def test_no_name_that_is_known_is_doubted(run: Run, numbers: Numbers, place: StorePlace) -> None:
    assert run("clear", "--namespace", "numbers", "--yes").err == ""
    assert run("clear", "--namespace", "numbers", "--yes").err == ""  # no entries, but reads


def test_a_namespace_is_cleared_in_every_process_and_audited(
    run: Run, numbers: Numbers, engine: Engine
) -> None:
    done = run("clear", "--namespace", "numbers", "--yes", "--json")
    assert (done.code, done.json["cleared"], done.json["audited"]) == (0, True, True)
    assert done.json["done"] == "numbers cleared, 3 entries removed"
    assert outcomes(numbers) == ["miss", "miss", "miss"]
    (record,) = AuditLog(engine).recent()
    assert (record.actor, record.role) == (this_operator().name, "operator")
    assert (record.deed, record.scope, record.after) == ("clear", "numbers", "3 entries removed")


def test_a_tag_is_counted_cleared_and_hashed_in_the_audit(
    run: Run, numbers: Numbers, engine: Engine
) -> None:
    assert "2 entries of 3 looked at carry odd" in run("clear", "--tag", "odd").out
    done = run("clear", "--tag", "odd", "--yes")
    assert done.code == 0
    assert tag_in_audit("odd") in done.out
    assert run("clear", "--tag", "odd", "--json").json["entries"] == 0
    assert outcomes(numbers) == ["miss", "hit", "miss"]
    (record,) = AuditLog(engine).recent()
    assert record.scope == tag_in_audit("odd")


def test_an_entry_is_named_by_its_key_or_as_get_or_compute_was_told(
    run: Run, numbers: Numbers, cache: Cache
) -> None:
    cache.get_or_compute("prices", "EUR", lambda: 1, ttl_s=60)
    preview = run("clear", "--key", "prices", "EUR", "--json").json
    assert preview["entries"] == 1
    assert run("clear", "--key", "prices", "EUR", "--yes").out.endswith("was removed\n")
    assert cache.get_many("prices", ["EUR"]) == {}
    assert run("clear", "--key", "prices", "EUR", "--yes").out.endswith("was not there\n")
    assert run("clear", "--key", "numbers", numbers.key(2), "--yes", "--quiet").out == ""
    assert outcomes(numbers) == ["hit", "miss", "hit"]


def test_an_entry_of_another_namespace_is_refused(run: Run, numbers: Numbers) -> None:
    done = run("clear", "--key", "others", numbers.key(2), "--yes")
    assert done.code == 2
    assert "that key is one of numbers, not of others" in done.err
    assert outcomes(numbers) == ["hit", "hit", "hit"]


def test_nothing_outside_the_prefix_is_touched(
    run: Run, numbers: Numbers, redis_server: RedisServer, place: StorePlace
) -> None:
    client = redis_server.client()
    theirs = f"{place.prefix}x:e:numbers:1:{{00}}"
    client.set(theirs, b"theirs", ex=60)
    assert run("clear", "--namespace", "numbers", "--yes").code == 0
    assert client.get(theirs) == b"theirs"
    client.close()


@pytest.mark.parametrize("namespace", ["*", "", "a:b", "e*"])
def test_a_namespace_is_no_pattern(run: Run, numbers: Numbers, namespace: str) -> None:
    assert run("clear", "--namespace", namespace, "--yes").code == 2
    assert outcomes(numbers) == ["hit", "hit", "hit"]


@pytest.mark.parametrize(
    "arguments", [[], ["--tag", "odd", "--namespace", "numbers"], ["--tag", " "]]
)
def test_it_is_one_of_three(run: Run, place: StorePlace, arguments: list[str]) -> None:
    assert run("clear", *arguments).code == 2


def test_what_the_audit_does_not_know_is_cleared_and_ends_with_1(
    run: Run, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////dev/null/learning.db")
    done = run("clear", "--namespace", "numbers", "--yes", "--quiet")
    assert done.code == 1
    assert "warning: this will not be in the audit: cannot create the folder" in done.err
    assert outcomes(numbers) == ["miss", "miss", "miss"]


def test_a_store_that_fails_before_it_is_done_is_no_success(
    run: Run, numbers: Numbers, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Putting it off, as other processes do, would end with this one."""

    def unheard(self: object, keys: object) -> int:
        raise StoreUnavailableError("the line was cut")

    monkeypatch.setattr("cache_core.guard.GuardedStore._remove_now", unheard)
    done = run("clear", "--tag", "odd", "--yes")
    assert done.code == 2
    assert "nothing was cleared: try again" in done.err
