"""Worlds to ask: on each kind of store, and on memory where the kind does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine

from cache_core import Cache
from cache_core.settings import Settings
from cache_core.stores import Store, open_store
from tests.api.asking import World, fill, with_tokens
from tests.databases import sqlite_engine

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(sqlite_engine: Engine) -> Iterator[MakeWorld]:
    """Makes a world on memory, or on a store that is given, with a few outcomes."""
    with ExitStack() as opened:

        def make(
            settings: Settings | None = None, store: Store | None = None, **more: Any
        ) -> World:
            cache = Cache(store or open_store("memory://", prefix="api"), enabled=True)
            opened.enter_context(cache)
            # Loading what analyses need takes long on a machine that is busy.
            patient: dict[str, Any] = {"within_s": 110.0, **more}
            world = World(cache, sqlite_engine, settings or Settings(), **patient)
            assert world.views is not None
            fill(world.views)
            opened.callback(world.finish)
            return world

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """With both tokens."""
    return make_world(with_tokens())


__all__ = ["sqlite_engine"]
