"""Functions of one name are one function only if they hold the same: else they answer apart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cache_core import Cache
from cache_core.stores import open_store

Load = Callable[..., Any]


@pytest.fixture
def memory_cache() -> Iterator[Cache]:
    with Cache(open_store("memory://")) as opened:
        yield opened


class Repo:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant

    def load(self, number: int) -> tuple[str, int]:
        return self.tenant, number

    def __call__(self, number: int) -> tuple[str, int]:
        return self.tenant, number


@dataclass
class Shop:
    tenant: str

    def load(self, number: int) -> tuple[str, int]:
        return self.tenant, number


def closing_over(held: Any) -> Load:
    def load(number: int) -> tuple[bool, int]:
        return held is None, number

    return load


def logged(held: Any) -> Callable[[Load], Load]:
    def decorate(function: Load) -> Load:
        @functools.wraps(function)
        def logging(*args: Any) -> Any:
            return held, function(*args)

        return logging

    return decorate


def load(tenant: str, number: int) -> tuple[str, int]:
    return tenant, number


def load_of(number: int, tenant: str) -> tuple[str, int]:
    return tenant, number


def double(number: int) -> int:
    return 2 * number


def named_later(tenant: str) -> Load:
    def load(number: int) -> Any:
        return later, number

    later = tenant
    return load


OBJECT = object()


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (Repo("a").load, Repo("b").load, "is a method of another object"),
        (Shop("a").load, Shop("b").load, "is a method of another object"),
        (Repo("a"), Repo("b"), "is another function"),
        (closing_over("a"), closing_over("b"), "closes over another 'held'"),
        (closing_over(1), closing_over(True), "closes over another 'held'"),
        (closing_over(object()), closing_over(object()), "closes over another 'held'"),
        (closing_over(closing_over(1)), closing_over(closing_over(2)), "another 'held'"),
        (closing_over(double), closing_over(abs), "another 'held'"),
        (named_later("a"), named_later("b"), "closes over another 'later'"),
        (functools.partial(load, "a"), functools.partial(load, "b"), "other arguments filled in"),
        (
            functools.partial(load_of, tenant="a"),
            functools.partial(load_of, tenant="b"),
            "other arguments filled in",
        ),
        (functools.partial(double), functools.partial(load), "is another function"),
        (lambda i: i + 1, lambda i: i * 100, "is another function"),
        (lambda i: i + 1, lambda i: i + 1.0, "is another function"),
        (logged("a")(double), logged("b")(double), "closes over another 'held'"),
        (logged("a")(double), logged("a")(load), "closes over another 'function'"),
        (logged("a")(double), double, "is another function"),
        ({"a": 1}.get, {"a": 2}.get, "is a method of another object"),
    ],
)
def test_what_holds_something_else_cannot_take_a_namespace(
    memory_cache: Cache, one: Load, other: Load, differs: str
) -> None:
    memory_cache.cached("ns", ttl_s=60)(one)
    with pytest.raises(ValueError, match=rf"{differs}.*: give it a namespace of its own, or pass"):
        memory_cache.cached("ns", ttl_s=60)(other)
    memory_cache.cached("ns", ttl_s=60)(one)


REPO = Repo("a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (REPO.load, REPO.load),
        (REPO, REPO),
        (Shop("a").load, Shop("a").load),
        (closing_over("a"), closing_over("a")),
        (closing_over({"of": [1, 2]}), closing_over({"of": [1, 2]})),
        (closing_over(OBJECT), closing_over(OBJECT)),
        (closing_over(closing_over(1)), closing_over(closing_over(1))),
        (closing_over(REPO.load), closing_over(REPO.load)),
        (functools.partial(load, "a"), functools.partial(load, "a")),
        (functools.partial(load_of, tenant="a"), functools.partial(load_of, tenant="a")),
        (logged("a")(double), logged("a")(double)),
        *[tuple((lambda i: i + 1) for _ in range(2))],
    ],
)
def test_what_holds_the_same_takes_the_place_of_the_one_before(
    memory_cache: Cache, one: Load, other: Load
) -> None:
    decorate: Any = memory_cache.cached("ns", ttl_s=60)
    first, second = decorate(one), decorate(other)
    assert first.read(1).outcome == "miss"
    assert second.read(1).outcome == "hit"


def test_functions_that_call_themselves_and_each_other_are_the_same_again(
    memory_cache: Cache,
) -> None:
    """What is assigned after the decoration is not there yet when it is compared."""

    def run() -> Load:
        @memory_cache.cached("one", ttl_s=60)
        def one(number: int) -> int:
            return 0 if number == 0 else other(number - 1) + helper()

        @memory_cache.cached("other", ttl_s=60)
        def other(number: int) -> int:
            return 0 if number == 0 else one(number - 1) + helper()

        def helper() -> int:
            return 1

        return one

    assert run()(3) == run()(3) == 3


def test_cached_functions_that_hold_different_ones_stay_apart(memory_cache: Cache) -> None:
    memory_cache.cached("ns", ttl_s=60)(closing_over(memory_cache.cached("a", ttl_s=60)(double)))
    again = closing_over(memory_cache.cached("a", ttl_s=60)(double))
    memory_cache.cached("ns", ttl_s=60)(again)
    other = closing_over(memory_cache.cached("b", ttl_s=60)(load))
    with pytest.raises(ValueError, match="another 'held'"):
        memory_cache.cached("ns", ttl_s=60)(other)


def test_a_source_of_many_that_holds_something_else_is_another_too(memory_cache: Cache) -> None:
    def decorate(factor: int) -> Load:
        return memory_cache.cached(
            "ns", ttl_s=60, source_many=lambda calls: [factor * n for (n,) in calls]
        )(double)

    decorate(2)
    decorate(2)
    with pytest.raises(ValueError, match="has a source_many that closes over another 'factor'"):
        decorate(3)
