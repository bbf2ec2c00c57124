"""Opening stores by either of their faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from cache_core.stores import Store, open_store
from tests.servers.coroutine_face import by_face

Open = Callable[..., Store]


@pytest.fixture(params=["threads", "coroutines"])
def open_face(request: pytest.FixtureRequest) -> Iterator[Open]:
    """open_store with a prefix of the test's own, by either face; all are closed at its end."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:
        facing = opened.enter_context(by_face(request.param))

        def open_one(url: str, *, timeout_s: float = 10.0) -> Store:
            store = open_store(url, prefix=prefix, timeout_s=timeout_s, connect_timeout_s=timeout_s)
            return facing(opened.enter_context(store))

        yield open_one
