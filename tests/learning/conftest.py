"""Empty databases, and the time it is in these tests."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.databases import database_url, engine, sqlite_engine

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)

__all__ = ["NOW", "database_url", "engine", "sqlite_engine"]
