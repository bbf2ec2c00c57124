"""The fixtures of the cache's own tests, databases, and an audit log on each kind."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cache_core.operations import AuditLog
from tests.cache.conftest import cache, clock, events, open_cache, ticking_cache
from tests.cache.helpers import Clock
from tests.databases import database_url, engine, sqlite_engine

__all__ = [
    "cache",
    "clock",
    "database_url",
    "engine",
    "events",
    "open_cache",
    "sqlite_engine",
    "ticking_cache",
]


@pytest.fixture
def audit(sqlite_engine: Engine, clock: Clock) -> AuditLog:
    """An audit log where the kind of database does not matter."""
    return AuditLog(sqlite_engine, clock)
