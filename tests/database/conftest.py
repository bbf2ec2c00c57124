"""Databases of each kind, and what one was like before its tables had versions."""

from __future__ import annotations

from tests.databases import database_url, engine, sqlite_engine

__all__ = ["database_url", "engine", "sqlite_engine"]
