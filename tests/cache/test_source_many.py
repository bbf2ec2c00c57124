"""What one source of many calls returns: a list of values in the order of the calls."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from cache_core import Cache
from cache_core.stores import Store
from tests.cache.helpers import PATIENCE_S, absolute

ASKED = [(1,), (2,)]


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        ({1: "a", 2: "b"}, "dict"),
        ({"a", "b"}, "set"),
        ({1: "a", 2: "b"}.values(), "dict_values"),
        ("ab", "str"),
        (b"ab", "bytes"),
        (iter(["a", "b"]), "list_iterator"),
        (np.array([1, 2]), "ndarray"),
        (None, "NoneType"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_list_of_values_is_refused_and_nothing_is_kept(
    cache: Cache, returned: Any, named: str
) -> None:
    function = cache.cached("ns", ttl_s=60, source_many=lambda asked: returned)(absolute)
    expected = f"absolute: source_many returned a {named}; it must return a list of values"
    with pytest.raises(TypeError, match=expected):
        function.read_many(ASKED)
    with cache.disabled(), pytest.raises(TypeError, match=expected):
        function.read_many(ASKED)
    assert function.read(1).outcome == "miss"
    assert function(2) == 2


@pytest.mark.parametrize("returned", [[1, 2], (1, 2), range(1, 3)])
def test_any_sequence_of_values_will_do(cache: Cache, returned: Any) -> None:
    function = cache.cached("ns", ttl_s=60, source_many=lambda asked: returned)(absolute)
    function.read_many(ASKED)
    assert [(read.value, read.outcome) for read in function.read_many(ASKED)] == [
        (1, "hit"),
        (2, "hit"),
    ]


def test_too_few_values_are_refused(cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60, source_many=lambda asked: [1])(absolute)
    with pytest.raises(ValueError, match="returned 1 values for 2 argument tuples"):
        function.read_many(ASKED)


def test_leases_of_values_that_are_not_kept_are_gone_when_the_batch_returns(
    store: Store, cache: Cache
) -> None:
    """Whatever else waits to be done beside: who reads them again at once must not wait for it."""
    go_on = threading.Event()
    assert cache._path.compute.errands._background.submit(lambda: go_on.wait(PATIENCE_S))
    read = cache.cached(
        "ns", ttl_s=60, source_many=lambda calls: [0 for _ in calls], cache_if=lambda value: False
    )(absolute)
    assert [found.value for found in read.read_many(ASKED)] == [0, 0]
    assert not [name for batch in store.scan("l:") for name in batch]
    go_on.set()
