"""Whoever shares a computation gets a value of his own, also where nothing is kept."""

from __future__ import annotations

from typing import Any

import pytest

from cache_core import Cache
from tests.cache.helpers import HeldSource, threads
from tests.cache.test_single_flight import read, wait_for_company


def read_by_two(cache: Cache, make: Any, **rules: Any) -> tuple[Any, Any, int]:
    """What two threads that share a computation get, and how often the source was asked."""
    held = HeldSource()

    def source() -> Any:
        held()
        return make()

    with threads(2) as submit:
        first = submit(read, cache, source, **rules)
        held.wait_until_running()
        second = submit(read, cache, source, **rules)
        wait_for_company(cache)
        held.go_on.set()
        return first.result(), second.result(), held.calls


@pytest.mark.parametrize("rules", [{"cache_if": bool}, {"max_bytes": 1}])
def test_a_value_that_is_not_kept_is_a_copy_for_each(cache: Cache, rules: dict[str, Any]) -> None:
    first, second, calls = read_by_two(cache, list, **rules)
    first.append("mine")
    assert second == []
    assert calls == 1


@pytest.mark.parametrize("rules", [{}, {"source_timeout_s": 30.0}])
def test_a_value_that_cannot_be_copied_is_nobody_elses(cache: Cache, rules: dict[str, Any]) -> None:
    """Two threads would share out what one iterator gives."""
    first, second, calls = read_by_two(cache, lambda: iter([1, 2, 3]), **rules)
    assert (list(first), list(second), calls) == ([1, 2, 3], [1, 2, 3], 2)
